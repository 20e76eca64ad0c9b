package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// containerd with runc and CNI's ptp plugin, the kubelet and kube-proxy: pods are real processes
// with addresses of their own.
func (c *cluster) node() error {
	socket := filepath.Join(c.run, "containerd.sock")
	cni := filepath.Join(c.run, "cni")
	// Pods are routed rather than bridged: an answer that went back below a bridge would pass by
	// what kube-proxy rewrote.
	if _, err := c.file("cni/10-pods.conflist", `{
  "cniVersion": "1.0.0", "name": "pods",
  "plugins": [
    { "type": "ptp", "ipMasq": false, "ipam": {
      "type": "host-local", "dataDir": "`+filepath.Join(c.run, "addresses")+`",
      "ranges": [[{ "subnet": "`+pods+`" }]], "routes": [{ "dst": "0.0.0.0/0" }] } },
    { "type": "portmap", "capabilities": { "portMappings": true } }
  ]
}`); err != nil {
		return err
	}
	config, err := c.file("containerd.toml", fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = %q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
# Without it runc stops with "can't get final child's PID" where the score can't be lowered.
restrict_oom_score_adj = true
# What the node may pull there it may pull as itself, as the nodes of clouds may.
[plugins."io.containerd.grpc.v1.cri".registry.configs."127.0.0.1:5000".auth]
username = "plat"
password = "let me in"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = %q
`, filepath.Join(c.run, "containerd"), filepath.Join(c.run, "containerd-state"), socket, cni))
	if err != nil {
		return err
	}
	if err := c.start("containerd", "containerd", "--config", config); err != nil {
		return err
	}
	if err := until("containerd", func() error {
		return exec.Command("ctr", "--address", socket, "version").Run()
	}); err != nil {
		return err
	}
	if err := load(c.run, c.images); err != nil {
		return fmt.Errorf("images: %w", err)
	}
	kubelet, err := c.file("kubelet.json", mustJSON(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + socket,
		"authentication":           map[string]any{"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false}},
		"authorization":            map[string]any{"mode": "AlwaysAllow"},
		"cgroupDriver":             "cgroupfs", "cgroupsPerQOS": false,
		"enforceNodeAllocatable": []string{}, "failSwapOn": false, "failCgroupV1": false,
		"clusterDNS": []string{address}, "clusterDomain": "cluster.local",
		// A full disk of the machine is no reason to remove the images, which nobody can pull again.
		"imageGCHighThresholdPercent": 100,
		"evictionHard":                map[string]string{"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"registerNode":                true,
		// Without control groups for pods, one that is removed by force just when it is looked at takes
		// the kubelet along (doPodResizeAction reads a limit that nobody keeps).
		"featureGates":    map[string]bool{"InPlacePodVerticalScaling": false},
		"podLogsDir":      filepath.Join(c.run, "pod-logs"),
		"syncFrequency":   "1s",
		"resolvConf":      "",
		"tlsCipherSuites": nil,
	}))
	if err != nil {
		return err
	}
	if err := c.self("kubelet", "--config="+kubelet, "--kubeconfig="+c.config(),
		"--root-dir="+filepath.Join(c.run, "kubelet"), "--hostname-override=node1", "--node-ip="+address); err != nil {
		return err
	}
	if err := c.self("kube-proxy", "--proxy-mode=nftables", "--hostname-override=node1",
		"--kubeconfig="+c.config(), "--cluster-cidr="+pods, "--conntrack-max-per-core=0"); err != nil {
		return err
	}
	go c.volumes()
	return nil
}

func mustJSON(value any) string {
	text, err := json.Marshal(value)
	must("writing JSON", err)
	return string(text)
}

// Volumes for claims that name no class: directories of this machine. Some are always free, as many
// as the tests may take: a claim that finds none would wait until whoever made it gave up.
func (c *cluster) volumes() {
	for made := 0; ; {
		free, err := freeVolumes()
		for ; err == nil && free < 6; free++ {
			err = c.volume(made)
			made++
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), "keeping volumes free:", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func freeVolumes() (free int, err error) {
	text, err := get("/api/v1/persistentvolumes")
	if err != nil {
		return 0, err
	}
	var list struct {
		Items []struct{ Status struct{ Phase string } }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, err
	}
	for _, volume := range list.Items {
		// A new one has no phase, or is pending, until the controller has seen it.
		if phase := volume.Status.Phase; phase != "Bound" && phase != "Released" && phase != "Failed" {
			free++
		}
	}
	return free, nil
}

func (c *cluster) volume(number int) error {
	name := fmt.Sprintf("disk-%d", number)
	dir := filepath.Join(c.run, "disks", name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	// Workloads run as users of their own, and nobody changes the owner of such a directory.
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	_, err := ask(http.MethodPost, "/api/v1/persistentvolumes", map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolume", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"capacity":                      map[string]any{"storage": "1Ti"},
			"accessModes":                   []string{"ReadWriteOnce", "ReadWriteMany"},
			"persistentVolumeReclaimPolicy": "Retain",
			"hostPath":                      map[string]any{"path": dir},
		},
	})
	return err
}

func (c *cluster) nodeReady() error {
	return until("the node", func() error {
		text, err := get("/api/v1/nodes/node1")
		if err != nil {
			return err
		}
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
		if err := json.Unmarshal(text, &node); err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				_, err := get("/api/v1/namespaces/default/serviceaccounts/default")
				return err
			}
		}
		return fmt.Errorf("it is not ready: %+v", node.Status.Conditions)
	})
}
