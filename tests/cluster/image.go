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

// Puts an image on the node, with no registry: as an archive of the format that `docker save`
// writes.
func (c *cluster) load(socket, image string) error {
	name, from, _ := strings.Cut(image, "=")
	layer, err := os.Create(filepath.Join(c.run, "layer.tar"))
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	hash := sha256.New()
	config := map[string]any{"Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	out := tar.NewWriter(io.MultiWriter(layer, hash))
	if info.IsDir() {
		err = tree(out, from)
	} else {
		config["Entrypoint"] = []string{"/app"}
		// The restricted Pod Security Standard runs nothing as root.
		config["User"] = "1000:1000"
		err = entry(out, from, "app")
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return err
	}
	text := mustJSON(map[string]any{
		"architecture": "amd64", "os": "linux", "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", hash.Sum(nil))}},
	})
	archive := filepath.Join(c.run, "image.tar")
	defer os.Remove(archive)
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	whole := tar.NewWriter(file)
	manifest := mustJSON([]any{map[string]any{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	for part, text := range map[string]string{"config.json": text, "manifest.json": manifest} {
		if err := add(whole, &tar.Header{Name: part, Mode: 0o644, Size: int64(len(text))}, strings.NewReader(text)); err != nil {
			return err
		}
	}
	size, err := layer.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := add(whole, &tar.Header{Name: "layer.tar", Mode: 0o644, Size: size}, layer); err != nil {
		return err
	}
	if err := whole.Close(); err != nil {
		return err
	}
	command := exec.Command("ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive)
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
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
func tree(out *tar.Writer, root string) error {
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
