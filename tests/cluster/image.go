package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Puts images on the node, with no registry: as one archive of the format that `docker save` writes.
// Each is NAME=PATH[+PATH…], a layer for each path: a file is a static program, which becomes the
// entrypoint; a directory becomes a part of the root, and the file `entrypoint` in it, if there is
// one, the entrypoint. Images share the layers that are made of one path.
func load(dir string, images []string) error {
	file, err := os.CreateTemp(dir, "images-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	whole := tar.NewWriter(file)
	layers := map[string]string{}
	var manifest []any
	for i, image := range images {
		name, from, _ := strings.Cut(image, "=")
		config := map[string]any{"Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
		var ids, files []string
		for _, path := range strings.Split(from, "+") {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.IsDir() {
				if _, err := os.Stat(filepath.Join(path, "entrypoint")); err == nil {
					config["Entrypoint"] = []string{"/entrypoint"}
				}
			} else {
				config["Entrypoint"] = []string{"/app"}
				// The restricted Pod Security Standard runs nothing as root.
				config["User"] = "1000:1000"
			}
			if layers[path] == "" {
				if layers[path], err = layer(whole, dir, path, info.IsDir()); err != nil {
					return err
				}
			}
			ids = append(ids, "sha256:"+layers[path])
			files = append(files, layers[path]+".tar")
		}
		part := fmt.Sprintf("config-%d.json", i)
		text := mustJSON(map[string]any{
			"architecture": "amd64", "os": "linux", "config": config,
			"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		})
		if err := write(whole, part, text); err != nil {
			return err
		}
		manifest = append(manifest, map[string]any{"Config": part, "RepoTags": []string{name}, "Layers": files})
	}
	if err := write(whole, "manifest.json", mustJSON(manifest)); err != nil {
		return err
	}
	if err := whole.Close(); err != nil {
		return err
	}
	socket := filepath.Join(dir, "containerd.sock")
	command := exec.Command("ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", file.Name())
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
}

// Writes the layer of a path into the archive, under its digest, which it gives.
func layer(whole *tar.Writer, dir, from string, tree bool) (string, error) {
	file, err := os.CreateTemp(dir, "layer-*.tar")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	hash := sha256.New()
	out := tar.NewWriter(io.MultiWriter(file, hash))
	if tree {
		err = all(out, from)
	} else {
		err = entry(out, from, "app")
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return "", err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	digest := fmt.Sprintf("%x", hash.Sum(nil))
	return digest, add(whole, &tar.Header{Name: digest + ".tar", Mode: 0o644, Size: size}, file)
}

func write(out *tar.Writer, name, text string) error {
	return add(out, &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}, strings.NewReader(text))
}

func add(out *tar.Writer, header *tar.Header, content io.Reader) error {
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

func entry(out *tar.Writer, from, name string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return add(out, &tar.Header{Name: name, Mode: 0o755, Size: info.Size()}, file)
}

// A directory with its owners and links, and without devices.
func all(out *tar.Writer, root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		kind := info.Mode().Type()
		if kind&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0 {
			return nil
		}
		link := ""
		if kind&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		header.Name = name
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			header.Uid, header.Gid = int(stat.Uid), int(stat.Gid)
		}
		header.Uname, header.Gname = "", ""
		if !info.Mode().IsRegular() {
			return out.WriteHeader(header)
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return add(out, header, file)
	})
}
