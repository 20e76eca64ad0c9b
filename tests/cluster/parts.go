package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// The node's own address; everything that listens does so in a network namespace of its own,
	// so that addresses and ports are always the same.
	address  = "10.99.0.1"
	server   = "https://" + address + ":6443"
	token    = "test-administrator"
	pods     = "10.88.0.0/16"
	services = "10.96.0.0/16"
	etcdURL  = "http://127.0.0.1:2379"
	// How long anything may take to come up: generous, since test machines are slow.
	patience = 3 * time.Minute
)

type cluster struct {
	wish
	run string
}

func (c *cluster) file(name, text string) (string, error) {
	path := filepath.Join(c.run, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// Mounts, the loopback and the node's address.
func (c *cluster) places() error {
	if err := os.MkdirAll(c.run, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	// What the tools of other namespaces put there is none of ours, and ours none of theirs.
	for _, dir := range []string{"/run", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"link set lo up",
		"link add node0 type bridge",
		"addr add " + address + "/32 dev node0",
		"link set node0 up",
		// kube-proxy rewrites these, but only what has a route is sent at all.
		"route add " + services + " dev node0",
		// What asks for another address gets an answer at once: there is nothing outside.
		"route add unreachable default metric 4096",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// Starts a program; what it writes goes to NAME.log. When it ends the cluster ends: nobody waits
// for a test that can't succeed.
func (c *cluster) start(name string, argv ...string) error {
	path := filepath.Join(c.dir, name+".log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		ended := command.Wait()
		text, _ := os.ReadFile(path)
		if len(text) > 4000 {
			text = text[len(text)-4000:]
		}
		fail("%s ended (%v):\n%s", name, ended, text)
	}()
	return nil
}

// Starts one of the programs that this one is.
func (c *cluster) self(name string, args ...string) error {
	return c.start(name, append([]string{"/proc/self/exe", name}, args...)...)
}

func (c *cluster) etcd() error {
	peer := "http://127.0.0.1:2380"
	return c.self("etcd", "--data-dir", filepath.Join(c.run, "etcd"),
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer, "--unsafe-no-fsync")
}

func (c *cluster) control() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	sa, err := c.file("sa.key", string(block))
	if err != nil {
		return err
	}
	// Besides the administrator one who may do nothing until a Role says so.
	tokens, err := c.file("tokens.csv", token+",admin,admin,system:masters\ntest-nobody,nobody,nobody\n")
	if err != nil {
		return err
	}
	certs := filepath.Join(c.run, "certs")
	if err := c.self("kube-apiserver", "--etcd-servers="+etcdURL, "--secure-port=6443",
		"--bind-address=0.0.0.0", "--advertise-address="+address, "--cert-dir="+certs,
		"--service-account-key-file="+sa, "--service-account-signing-key-file="+sa,
		"--service-account-issuer=https://kubernetes.default.svc", "--token-auth-file="+tokens,
		"--authorization-mode=Node,RBAC", "--service-cluster-ip-range="+services,
		"--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP"); err != nil {
		return err
	}
	if err := until("the API server", func() error { _, err := get("/readyz"); return err }); err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(certs, "apiserver.crt"))
	if err != nil {
		return err
	}
	for context, token := range map[string]string{"admin": token, "nobody": "test-nobody"} {
		if err := c.kubeconfig(context, token, ca); err != nil {
			return err
		}
	}
	config := c.config()
	controllers := []string{"--kubeconfig=" + config,
		"--service-account-private-key-file=" + sa, "--root-ca-file=" + filepath.Join(certs, "apiserver.crt"),
		"--leader-elect=false"}
	if c.rate > 0 {
		controllers = append(controllers, fmt.Sprintf("--kube-api-qps=%d", c.rate),
			fmt.Sprintf("--kube-api-burst=%d", 2*c.rate), "--concurrent-deployment-syncs=20")
	}
	if err := c.self("kube-controller-manager", controllers...); err != nil {
		return err
	}
	return c.self("kube-scheduler", "--kubeconfig="+config, "--leader-elect=false")
}

func (c *cluster) config() string { return filepath.Join(c.dir, "admin.kubeconfig") }

// Writes DIR/NAME.kubeconfig, whose context is `test`.
func (c *cluster) kubeconfig(name, token string, ca []byte) error {
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{
			"server": server, "certificate-authority-data": ca,
		}}},
		"users":    []any{map[string]any{"name": name, "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": name}}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, name+".kubeconfig"), text, 0o600)
}

func until(what string, question func() error) error {
	end := time.Now().Add(patience)
	for {
		err := question()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: %w", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// The certificate is made by the server as it starts: who asks from inside needs not doubt it.
var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

func get(path string) ([]byte, error) { return ask(http.MethodGet, path, nil) }

func ask(method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, server+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	reply, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, reply.Status, answer)
	}
	return answer, err
}
