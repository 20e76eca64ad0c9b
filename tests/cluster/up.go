package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// What `kube up` was asked for.
type wish struct {
	// Everything that is written is below it.
	dir string
	// The images of the node, as image.go reads them.
	images []string
	// How many requests a second the controllers may make; 0 is what they have by themselves.
	rate int
}

func wishOf(args []string) wish {
	var w wish
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	flags.StringVar(&w.dir, "dir", "", "an empty directory for all that is written")
	flags.Func("image", "NAME=PATH[+PATH…], an image with a layer for each path", func(s string) error {
		if !strings.Contains(s, "=") {
			return fmt.Errorf("%q is not NAME=PATH", s)
		}
		w.images = append(w.images, s)
		return nil
	})
	flags.IntVar(&w.rate, "controller-rate", 0, "how many requests a second the controllers may make, instead of 20")
	_ = flags.Parse(args)
	if w.dir == "" {
		fail("--dir is missing")
	}
	return w
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "kube up: "+format+"\n", args...)
	os.Exit(1)
}

// Puts more images on the node of a cluster that was started in that directory.
func more(args []string) {
	w := wishOf(args)
	must("loading images", load(filepath.Join(w.dir, "run"), w.images))
}

// Starts the cluster in process, network and mount namespaces of its own, says its init's process
// id and `ready`, and stays until its standard input ends. Then nothing is left of it: the kernel
// ends what is in the namespaces, also when this process is killed.
func outer(args []string) {
	w := wishOf(args)
	self, err := os.Executable()
	if err != nil {
		fail("finding this program: %v", err)
	}
	// The signal of a parent's death comes when the thread ends that started the child.
	runtime.LockOSThread()
	child := exec.Command(self, append([]string{"init", "inner"}, args...)...)
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	said, err := child.StdoutPipe()
	if err != nil {
		fail("%v", err)
	}
	if err := child.Start(); err != nil {
		fail("making namespaces (this needs root): %v", err)
	}
	ended := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if lines.Text() == "ready" {
				fmt.Printf("ready %d\n", child.Process.Pid)
			}
		}
		close(ended)
	}()
	asked := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(asked)
	}()
	code := 0
	select {
	case <-asked:
	case <-ended:
		code = 1
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	removeGroups(w.dir)
	_ = os.RemoveAll(w.dir)
	os.Exit(code)
}

// Where containerd keeps what it knows of the pods' containers, each by its id.
const tasks = "run/containerd-state/io.containerd.runtime.v2.task/k8s.io"

// Removes the control groups of the containers that were still running: the kernel keeps empty
// ones.
func removeGroups(dir string) {
	containers, _ := os.ReadDir(filepath.Join(dir, tasks))
	for _, container := range containers {
		groups, _ := filepath.Glob("/sys/fs/cgroup/*/k8s.io/" + container.Name())
		groups = append(groups, "/sys/fs/cgroup/k8s.io/"+container.Name())
		for _, group := range groups {
			// What was just killed may take a moment to leave its group.
			for try := 0; try < 50 && syscall.Rmdir(group) == syscall.EBUSY; try++ {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}

// The first process of the namespaces: takes in the orphans, and ends with the one that it starts.
func first(args []string) {
	child, err := os.StartProcess("/proc/self/exe", append([]string{"kube"}, args...), &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	must("starting", err)
	for {
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(-1, &status, 0, nil); err == nil && pid == child.Pid {
			os.Exit(status.ExitStatus())
		}
	}
}

// Sets the namespaces up and starts everything in them.
func inner(args []string) {
	w := wishOf(args)
	c := &cluster{wish: w, run: filepath.Join(w.dir, "run")}
	must("making the namespaces' own places", c.places())
	must("starting etcd", c.etcd())
	must("starting the control plane", c.control())
	must("starting the name server", c.self("nameserver"))
	must("starting the node", c.node())
	must("waiting for the node", c.nodeReady())
	fmt.Println("ready")
	select {}
}

func must(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}
