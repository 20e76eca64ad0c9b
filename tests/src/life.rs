//! An example and its life, which is the same wherever it runs: on this machine and on a cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    Cluster, Home, Ran, Registry, Reply, SOON, Services, edit, environment_of, eventually, http,
    install, kill, processes_naming,
};

/// An example that is one program, built with Go.
#[derive(Debug)]
pub struct Example {
    /// Its directory, which is its app's name.
    pub name: &'static str,
    /// The file that says what its environments are, in that directory.
    pub environments: &'static str,
    /// The file that says on what its image stands.
    pub program: &'static str,
    /// The command lines of its services and workers, by their paths.
    pub programs: &'static [(&'static str, &'static str)],
    /// The variables that hold its secrets, by the secrets' paths.
    pub secrets: &'static [(&'static str, &'static str)],
    /// What the tests' cluster needs said, beside the target.
    pub there: &'static str,
}

impl Example {
    fn dir(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(self.name)
    }

    /// It in a home, for this machine. Its program is built where Go keeps what it has built, so
    /// that `prepare` finds all of it there: to be asked before the thread is in a cluster's network,
    /// which has no way out.
    ///
    /// # Panics
    /// Where Go is missing, or the program does not build.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn home(&self) -> Home {
        let dir = tempfile::tempdir().expect("a directory");
        let status = Command::new("go")
            .args(["build", "-trimpath", "-ldflags", "-s -w", "-o"])
            .arg(dir.path().join("program"))
            .arg(".")
            .env("CGO_ENABLED", "0")
            // `prepare` has none of these: both keep things where Go does by itself.
            .env_remove("GOCACHE")
            .env_remove("GOMODCACHE")
            .env_remove("GOPATH")
            .env_remove("GOFLAGS")
            .env_remove("XDG_CACHE_HOME")
            .current_dir(self.dir().join("server"))
            .stdin(Stdio::null())
            .status();
        assert!(status.expect("go starts").success(), "it builds");
        let home = Home::new();
        install(&home, &self.dir());
        let target = format!("local {{ port = {} }}", home.port());
        edit(&home, &self.file(self.environments), "local {}", &target);
        home
    }

    /// One of its files in a home.
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }
}

/// What differs from place to place.
pub trait Place: Sync {
    /// The environment.
    fn environment(&self) -> &'static str;
    /// Where a service is asked: `host:port`.
    fn address(&self, service: &str) -> String;
    /// A secret as its programs have it now.
    ///
    /// # Errors
    /// There is none yet.
    fn secret(&self, name: &str) -> Result<String, String>;
    /// How many copies of a program take work.
    fn copies(&self, program: &str) -> usize;
    /// Kills every copy of a program.
    fn kill(&self, program: &str);
}

/// This machine.
#[derive(Debug)]
pub struct Here<'a>(pub &'a Home, pub &'static Example);

impl Here<'_> {
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn running(&self, program: &str) -> Vec<i32> {
        let mut programs = self.1.programs.iter();
        let found = programs.find(|(name, _)| *name == program);
        let (_, command) = found.expect("one of the example's programs");
        let all = processes_naming("./.bin/").into_iter();
        let here = all.filter(|(pid, line)| {
            line == command
                && std::fs::read_link(format!("/proc/{pid}/cwd"))
                    .is_ok_and(|cwd| cwd.starts_with(self.0.path()))
        });
        here.map(|(pid, _)| pid).collect()
    }
}

impl Place for Here<'_> {
    fn environment(&self) -> &'static str {
        "dev"
    }

    fn address(&self, _: &str) -> String {
        format!("127.0.0.1:{}", self.0.port())
    }

    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn secret(&self, name: &str) -> Result<String, String> {
        let mut secrets = self.1.secrets.iter();
        let (_, variable) = secrets.find(|(secret, _)| *secret == name).expect("it");
        let programs = self.1.programs.iter();
        let mut running = programs.flat_map(|(program, _)| self.running(program));
        running
            .find_map(|pid| environment_of(pid).remove(*variable))
            .ok_or_else(|| format!("nothing runs that has {name}"))
    }

    fn copies(&self, program: &str) -> usize {
        self.running(program).len()
    }

    fn kill(&self, program: &str) {
        for pid in self.running(program) {
            kill(pid, "KILL");
        }
    }
}

/// The tests' cluster.
#[derive(Debug)]
pub struct There(pub &'static Cluster, pub &'static Example);

impl There {
    /// Says in the home's sources that `prod` is on this cluster, with a registry at this port.
    pub fn open(&self, home: &mut Home, services: &Services, port: u16) -> Registry {
        services.load(self.0);
        let registry = Registry::open(port);
        let base = format!("{}/base:1", registry.place());
        self.0.push(Services::PYTHON, &base, &[]);
        home.set("KUBECONFIG", self.0.kubeconfig());
        edit(home, &self.1.file(self.1.program), STATIC, &base);
        edit(
            home,
            &self.1.file(self.1.environments),
            &format!(
                "kubernetes {{ context = \"prod\", registry = \"registry.example.com/{}\" }}",
                self.1.name
            ),
            &format!(
                "kubernetes {{ context = \"test\", registry = \"{}/team\", images = {{ {} }} }}{}",
                registry.place(),
                Services::IMAGES,
                self.1.there,
            ),
        );
        registry
    }

    /// Calls kubectl in the example's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", self.1.name];
        all.extend(arguments);
        self.0.kubectl(&all)
    }

    /// Nothing is left of it but the claims of these names.
    ///
    /// # Panics
    /// Where more is left.
    pub fn left(&self, kinds: &str, claims: &str) {
        let names = "jsonpath={.items[*].metadata.name}";
        let found = self.kubectl(&["get", "persistentvolumeclaims", "-o", names]);
        assert_eq!(found, claims);
        let others = kinds.replace("persistentvolumeclaims,", "");
        let labels = format!("plat/app={}", self.1.name);
        let left = ["-n", self.1.name, "get", &others, "-l", &labels];
        assert_eq!(self.0.json(&left).get("items"), Some(&json!([])));
    }
}

/// The base of the examples' images, which the tests' cluster can't reach.
const STATIC: &str = "gcr.io/distroless/static-debian12:nonroot";

impl Place for There {
    fn environment(&self) -> &'static str {
        "prod"
    }

    fn address(&self, service: &str) -> String {
        let at = "jsonpath={.spec.clusterIP}:{.spec.ports[?(@.name==\"main\")].port}";
        self.kubectl(&["get", "service", service, "-o", at])
    }

    fn secret(&self, name: &str) -> Result<String, String> {
        let name = name.replace('_', "-");
        let value = "go-template={{.data.value | base64decode}}";
        let asked = ["-n", self.1.name, "get", "secret", &name, "-o", value];
        self.0.try_kubectl(&asked)
    }

    fn copies(&self, program: &str) -> usize {
        let ready = "jsonpath={.status.readyReplicas}";
        let name = program.replace('.', "-");
        let asked = ["-n", self.1.name, "get", "deployment", &name, "-o", ready];
        let told = self.0.try_kubectl(&asked).unwrap_or_default();
        told.parse().unwrap_or(0)
    }

    fn kill(&self, program: &str) {
        let of = format!("plat/path={program}");
        let now = ["--force", "--grace-period=0"];
        self.kubectl(&["delete", "pods", "-l", &of, now[0], now[1]]);
    }
}

impl Drop for There {
    fn drop(&mut self) {
        // The pods' memory is needed by the next test. It may be gone, which is as well.
        let delete = ["delete", "namespace", self.1.name, "--wait=false"];
        let _ = self.0.try_kubectl(&delete);
    }
}

/// What is done to an example by those who run it.
pub(crate) struct Life<'a> {
    pub(crate) home: &'a Home,
    pub(crate) example: &'static Example,
    pub(crate) place: &'a dyn Place,
}

impl Life<'_> {
    fn platc(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["-C", self.example.name];
        all.extend(arguments);
        self.home.platc(&all)
    }

    fn ok(&self, arguments: &[&str]) {
        let ran = self.platc(arguments);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    }

    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        edit(self.home, &self.example.file(file), old, new);
    }

    pub(crate) fn apply(&self) {
        self.ok(&["apply", self.place.environment(), "--yes"]);
    }

    pub(crate) fn nothing_to_do(&self) {
        self.ok(&["plan", self.place.environment(), "--detailed-exitcode"]);
    }

    pub(crate) fn rotate(&self, secret: &str) {
        self.ok(&[
            "secret",
            "rotate",
            secret,
            "--env",
            self.place.environment(),
        ]);
    }

    pub(crate) fn destroy(&self) {
        self.ok(&["destroy", self.place.environment(), "--yes"]);
    }

    /// An apply that fails, goes back by itself and says this of why.
    pub(crate) fn goes_back(&self, why: &str) {
        let ran = self.platc(&["apply", self.place.environment(), "--yes"]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        for part in [why, "back"] {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
    }

    pub(crate) fn has_copies(&self, program: &str, copies: usize) {
        let what = format!("{copies} copies of {program}");
        eventually(&what, SOON, || match self.place.copies(program) {
            found if found == copies => Ok(()),
            other => Err(other.to_string()),
        });
    }

    /// Asks a service by the name that its route has here.
    pub(crate) fn ask(
        &self,
        service: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, String> {
        let host = format!("{}.localhost", self.example.name);
        let mut all = vec![
            ("host", host.as_str()),
            ("content-type", "application/json"),
        ];
        all.extend(headers);
        let at = self.place.address(service);
        http::ask(method, &at, path, &all, &body.to_string())
    }
}

/// The body of an answer of this status.
pub(crate) fn wanted(reply: &Reply, status: u16) -> Result<Value, String> {
    if reply.status == status {
        Ok(reply.json())
    } else {
        Err(format!("{} {}", reply.status, reply.body))
    }
}
