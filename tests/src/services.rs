//! What the images of the data services hold on a test cluster: Debian's own servers, since the
//! registries of the usual images can't be reached from every machine that tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Cluster, SOON, eventually};

/// Those that `tests/cluster/services` makes.
#[derive(Debug, Clone)]
pub struct Services {
    dir: PathBuf,
}

/// Makes what the images hold, once for each version of it. To be asked before the thread is in a
/// cluster's network, which has no way out.
///
/// # Panics
/// Where it can't be made: with what is missing.
pub fn services() -> Services {
    Services {
        dir: made_by("services"),
    }
}

/// The directory that a script of `tests/cluster` makes.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
fn made_by(script: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cluster")
        .join(script);
    let made = Command::new(&script).stderr(Stdio::inherit()).output();
    let made = made.expect("a script of tests/cluster starts");
    assert!(made.status.success(), "{} failed", script.display());
    PathBuf::from(String::from_utf8_lossy(&made.stdout).trim())
}

/// The operators that `tests/cluster/operator` builds.
#[derive(Debug, Clone)]
pub struct Operators {
    dir: PathBuf,
}

/// Builds the operators, once for each version of them. To be asked before the thread is in a cluster's
/// network, which has no way out.
///
/// # Panics
/// Where they can't be built: with what is missing.
pub fn operators() -> Operators {
    Operators {
        dir: made_by("operator"),
    }
}

impl Operators {
    /// What the target says of CloudNativePG: its namespace, and the image of the databases.
    pub const CNPG: &str = "cnpg_namespace = \"cnpg-system\", images = { cnpg = \"localhost/cnpg-postgres:15\", postgres = \"localhost/postgres:1\" }";

    /// The file in which KEDA defines what scales by messages that wait.
    pub fn scaled_objects(&self) -> PathBuf {
        self.dir.join("keda.sh_scaledobjects.yaml")
    }

    /// Puts CloudNativePG on the cluster, as it is installed, and waits until it works. The images of
    /// databases stand on those of the services.
    pub fn cnpg(&self, cluster: &Cluster, services: &Services) {
        let part = |name: &str| self.dir.join(name);
        let debian = services.dir.join("debian");
        cluster.load(&[
            ("localhost/cnpg:1", &[&part("cnpg")]),
            (
                "localhost/cnpg-postgres:15",
                &[&debian, &part("cnpg-postgres")],
            ),
        ]);
        let config = part("cnpg-config/test");
        let config = config.to_string_lossy();
        cluster.kubectl(&["apply", "--server-side", "-k", &config]);
        cluster.kubectl(&[
            "-n",
            "cnpg-system",
            "rollout",
            "status",
            "deployment/cnpg-controller-manager",
            "--timeout=180s",
        ]);
    }
}

impl Services {
    /// The image with Python and nothing that begins by itself.
    pub const PYTHON: &str = "localhost/python:1";
    /// The image that serves static files.
    pub const NGINX: &str = "localhost/nginx:1";
    /// What the target says of the images of data services: `images = { … }`.
    pub const IMAGES: &str = "postgres = \"localhost/postgres:1\", redis = \"localhost/python:1\", nats = \"localhost/nats:1\", \"nats-box\" = \"localhost/tools:1\", s3 = \"localhost/tools:1\"";

    /// A program that the images hold and that runs anywhere: `versitygw`, an S3 server.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.dir.join("tools/usr/local/bin").join(name)
    }

    /// Puts the images on the node.
    pub fn load(&self, cluster: &Cluster) {
        let part = |name: &str| self.dir.join(name);
        let (debian, postgres, nats) = (part("debian"), part("postgres"), part("nats"));
        let (tools, nginx) = (part("tools"), part("nginx"));
        let images: [(&str, &[&Path]); 5] = [
            (Self::PYTHON, &[&debian]),
            ("localhost/postgres:1", &[&debian, &postgres]),
            ("localhost/nats:1", &[&debian, &nats]),
            ("localhost/tools:1", &[&debian, &tools]),
            (Self::NGINX, &[&debian, &nginx]),
        ];
        cluster.load(&images);
    }

    /// Serves the example's libraries where the calling thread is, as an index of packages does.
    ///
    /// # Panics
    /// Where it does not start.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn index(&self, port: u16) -> Index {
        let process = Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1"])
            .arg(port.to_string())
            .current_dir(self.dir.join("index"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let index = Index {
            process: process.expect("python3 starts"),
            url: format!("http://127.0.0.1:{port}"),
        };
        eventually("the index", SOON, || {
            let reply = ureq::get(&index.url).call();
            reply.map(|_| ()).map_err(|e| e.to_string())
        });
        index
    }
}

/// A running index of packages, which ends with its value.
#[derive(Debug)]
pub struct Index {
    process: Child,
    url: String,
}

impl Index {
    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // It may be gone, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
