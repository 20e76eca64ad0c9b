//! A real Kubernetes cluster: etcd, the control plane and a node on which pods run.
//!
//! One for each test binary, in namespaces of the kernel of its own, which end with the binary
//! however it ends (`tests/cluster/up.go`). It needs root, Go, containerd, runc and CNI's plugins.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A running cluster. Its context is `test`.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    kube: PathBuf,
    first: u32,
    /// The cluster ends when its input is closed.
    _up: Child,
}

/// The images of the node: all of them the program in `tests/cluster/app`.
const IMAGES: [&str; 3] = ["localhost/pause:1", "localhost/app:1", "localhost/app:2"];

/// The cluster of this test binary, started by the first who asks. The calling thread, and
/// whatever it starts from then on, is in the cluster's network: its services and pods can be
/// asked by their addresses.
///
/// # Panics
/// Where it does not start: with what is missing.
pub fn cluster() -> &'static Cluster {
    started(&[])
}

/// The same, for a binary that measures: its controllers ask the API server as often as they like, where
/// they ask 20 times a second unless they are told otherwise, which makes five Deployments of it.
///
/// # Panics
/// Where it does not start: with what is missing.
pub fn unhindered_cluster() -> &'static Cluster {
    started(&["--controller-rate", "2000"])
}

fn started(arguments: &[&str]) -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| Cluster::start(arguments));
    cluster.enter();
    cluster
}

impl Cluster {
    #[expect(
        clippy::expect_used,
        clippy::panic,
        reason = "a test helper fails its test"
    )]
    fn start(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/build");
        let built = Command::new(&script).stderr(Stdio::inherit()).output();
        let built = built.expect("tests/cluster/build starts");
        assert!(built.status.success(), "{} failed", script.display());
        let built = PathBuf::from(String::from_utf8_lossy(&built.stdout).trim());
        let kube = built.join("kube");
        let dir = tempfile::Builder::new().prefix("plat-cluster").tempdir();
        // The cluster removes it: this process has no last moment.
        let dir = dir.expect("a directory").keep();
        let mut command = Command::new(&kube);
        command.arg("up").arg("--dir").arg(&dir).args(arguments);
        for image in IMAGES {
            let app = built.join("app");
            command.args(["--image", &format!("{image}={}", app.display())]);
        }
        let mut up = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the cluster starts");
        let mut line = String::new();
        BufReader::new(up.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("what it says");
        let first = line
            .strip_prefix("ready ")
            .and_then(|p| p.trim().parse().ok());
        Self {
            dir,
            kube,
            first: first.unwrap_or_else(|| panic!("the cluster did not start, see above")),
            _up: up,
        }
    }

    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn enter(&self) {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.first));
        let network = network.expect("the cluster's network");
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("being in the cluster's network");
    }

    /// The kubeconfig of one who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.kubeconfig")
    }

    /// The kubeconfig of one who may do nothing until a role says so: the user `nobody`.
    pub fn nobody(&self) -> PathBuf {
        self.dir.join("nobody.kubeconfig")
    }

    /// Puts an image on the node, with a layer for each of these: a directory, or a static program
    /// that becomes its entrypoint.
    ///
    /// # Panics
    /// Where it can't be put there.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn load(&self, images: &[(&str, &[&Path])]) {
        let mut command = Command::new(&self.kube);
        command.arg("load").arg("--dir").arg(&self.dir);
        for (name, layers) in images {
            let layers: Vec<String> = layers.iter().map(|l| l.display().to_string()).collect();
            command.args(["--image", &format!("{name}={}", layers.join("+"))]);
        }
        let status = command.stdin(Stdio::null()).status();
        assert!(status.expect("kube starts").success(), "images are loaded");
    }

    /// Pushes an image of the node to a registry, under its name there.
    ///
    /// # Panics
    /// Where it is refused.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn push(&self, image: &str, to: &str, arguments: &[&str]) {
        let ctr = |arguments: &[&str]| {
            let output = Command::new("ctr")
                .arg("--address")
                .arg(self.dir.join("run/containerd.sock"))
                .args(["--namespace", "k8s.io", "images"])
                .args(arguments)
                .output();
            let output = output.expect("ctr starts");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "ctr {arguments:?}: {said}");
        };
        ctr(&["tag", "--force", image, to]);
        let mut push = vec!["push", "--plain-http"];
        push.extend(arguments);
        push.push(to);
        ctr(&push);
    }

    /// The static program of the pods: `tests/cluster/app`.
    pub fn app(&self) -> PathBuf {
        self.kube.with_file_name("app")
    }

    /// Calls kubectl and gives what it says.
    ///
    /// # Panics
    /// Where it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let ran = self.try_kubectl(arguments);
        ran.unwrap_or_else(|error| failed(arguments, &error))
    }

    /// Calls kubectl.
    ///
    /// # Errors
    /// What it complains of.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.kube)
            .args(["kubectl", "--kubeconfig"])
            .arg(self.kubeconfig())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| e.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Changes a cluster's object with a manifest, as another manager.
    ///
    /// # Panics
    /// Where it is refused.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn apply(&self, manager: &str, manifest: &serde_json::Value) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), manifest.to_string()).expect("a manifest");
        let manager = format!("--field-manager={manager}");
        let file = file.path().to_string_lossy().into_owned();
        let arguments = [
            "apply",
            "--server-side",
            "--force-conflicts",
            &manager,
            "-f",
            &file,
        ];
        self.kubectl(&arguments);
    }

    /// Calls kubectl and reads what it says as JSON.
    ///
    /// # Panics
    /// Where it fails.
    #[expect(clippy::panic, reason = "a test helper fails its test")]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-o", "json"]);
        let said = self.kubectl(&arguments);
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e} in {said}"))
    }

    /// `GET path` of a service, through its cluster address as pods ask it.
    ///
    /// # Errors
    /// Where there was no good answer, in words.
    pub fn ask(&self, namespace: &str, service: &str, path: &str) -> Result<String, String> {
        let live = self.try_kubectl(&["-n", namespace, "get", "service", service, "-o", "json"])?;
        let live: serde_json::Value = serde_json::from_str(&live).map_err(|e| e.to_string())?;
        let at = live
            .pointer("/spec/clusterIP")
            .and_then(serde_json::Value::as_str);
        let port = live
            .pointer("/spec/ports/0/port")
            .and_then(serde_json::Value::as_u64);
        let (Some(at), Some(port)) = (at, port) else {
            return Err(format!("{service} has no address"));
        };
        let address: SocketAddr = format!("{at}:{port}")
            .parse()
            .map_err(|_| format!("{at}:{port} is no address"))?;
        // A name that nobody listens behind refuses at once; what hangs would take minutes.
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).map_err(|e| e.to_string())?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let reply = agent.get(format!("http://{address}{path}")).call();
        let mut reply = reply.map_err(|e| e.to_string())?;
        let body = reply.body_mut().read_to_string();
        body.map_err(|e| e.to_string())
    }
}

#[expect(clippy::panic, reason = "a test helper fails its test")]
fn failed(arguments: &[&str], error: &str) -> ! {
    panic!("kubectl {}: {error}", arguments.join(" "))
}
