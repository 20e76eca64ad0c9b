//! A registry of images (Debian's `docker-registry`), where the calling thread is: in a cluster's
//! network the node pulls from it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{SOON, eventually};

/// A registry, which ends with its value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    port: u16,
    login: Option<String>,
    _store: tempfile::TempDir,
}

/// The one user of a registry that asks who one is.
const USER: &str = "plat";
/// How that user proves it, and its hash as `htpasswd -B` writes it.
const PASSWORD: &str = "let me in";
const HASH: &str = "$2b$04$k2VLFLrOph0zf/v/0rXGO.2bm.OgHGWfXgTyfu7EDu3OkKYz5EoAy";

impl Registry {
    /// Starts a registry that asks nobody who he is.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn open(port: u16) -> Self {
        Self::start(port, false)
    }

    /// Starts a registry for those who are logged in.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn closed(port: u16) -> Self {
        Self::start(port, true)
    }

    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn start(port: u16, closed: bool) -> Self {
        let store = tempfile::tempdir().expect("a directory");
        let users = store.path().join("users");
        std::fs::write(&users, format!("{USER}:{HASH}\n")).expect("a file");
        let auth =
            closed.then(|| serde_json::json!({ "htpasswd": { "realm": "tests", "path": users } }));
        let config = serde_json::json!({
            "version": "0.1",
            "storage": { "filesystem": { "rootdirectory": store.path().join("images") } },
            "http": { "addr": format!("127.0.0.1:{port}") },
            "auth": auth.unwrap_or_else(|| serde_json::json!({})),
        });
        let file = store.path().join("config.yml");
        std::fs::write(&file, config.to_string()).expect("a file");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let login = closed.then(|| format!("{USER}:{PASSWORD}"));
        let registry = Self {
            process,
            port,
            login,
            _store: store,
        };
        eventually("the registry", SOON, || registry.ask("/v2/"));
        registry
    }

    /// Where it is, as names of images begin with it: `127.0.0.1:5000`.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Who may push and pull, as `USER:PASSWORD`; none where nobody is asked.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Writes who one is here to `dir`, as `docker login` does.
    ///
    /// # Panics
    /// Where that can't be written.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn log_in(&self, dir: &Path) {
        let login = STANDARD.encode(self.login.as_deref().unwrap_or_default());
        let config = serde_json::json!({ "auths": { (self.place()): { "auth": login } } });
        std::fs::create_dir_all(dir).expect("a directory");
        std::fs::write(dir.join("config.json"), config.to_string()).expect("a file");
    }

    /// The names of the images of a repository.
    ///
    /// # Panics
    /// Where it gives no answer.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let text = self.ask(&format!("/v2/{repository}/tags/list"));
        let all: serde_json::Value = serde_json::from_str(&text.expect("its tags")).expect("JSON");
        let tags = all.get("tags").and_then(serde_json::Value::as_array);
        let text = |tag: &serde_json::Value| tag.as_str().map(str::to_owned);
        tags.into_iter().flatten().filter_map(text).collect()
    }

    fn ask(&self, path: &str) -> Result<String, String> {
        let mut request = ureq::get(format!("http://{}{path}", self.place()));
        if let Some(login) = &self.login {
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(login)));
        }
        let mut reply = request.call().map_err(|e| e.to_string())?;
        reply.body_mut().read_to_string().map_err(|e| e.to_string())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be gone, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
