//! Directories, ports and processes that are gone when a test ends.

use plat_metal::services::{Launch, Ready};
use plat_metal::tools::{Config, Found, Tool, Tools};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that services' users may pass through.
pub fn dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

/// A port that was free a moment ago, below those the kernel gives to outgoing connections.
pub fn free_port() -> u16 {
    loop {
        let port = 20_000 + rand::random::<u16>() % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The cache that is kept between runs.
pub fn cache() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/cache/plat");
    }
    PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/plat")
}

/// A tool: the machine's own, else fetched.
pub async fn tool(tool: Tool) -> Found {
    Tools::new(cache(), Config::from_env())
        .ensure(tool, &|_| ())
        .await
        .unwrap()
}

/// The tool that is fetched, whatever the machine has.
pub async fn fetched(tool: Tool) -> Found {
    let config = Config {
        search: Vec::new(),
        ..Config::from_env()
    };
    Tools::new(cache(), config)
        .ensure(tool, &|_| ())
        .await
        .unwrap()
}

/// The command that runs the proxy or the S3 server: this very program, told to run the one test
/// that is it. So nothing else has to be built, and nothing can be stale.
pub fn internal(what: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let test = format!("support::{what}");
    [
        program.to_str().unwrap(),
        "--ignored",
        "--exact",
        "--nocapture",
        &test,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn config_given() -> Option<PathBuf> {
    let last = PathBuf::from(std::env::args_os().next_back()?);
    (last.extension()? == "json").then_some(last)
}

#[tokio::test]
#[ignore = "run by other tests, as a process of its own"]
async fn proxy() {
    if let Some(config) = config_given() {
        plat_metal::proxy::serve(&config)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

#[tokio::test]
#[ignore = "run by other tests, as a process of its own"]
async fn s3() {
    if let Some(config) = config_given() {
        plat_metal::objectstore::serve(&config)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

/// A process that ends with the test.
pub struct Running {
    child: Child,
    stop: &'static str,
    log: PathBuf,
}

impl Running {
    /// Runs what a service said to run, and waits until it is ready.
    pub fn start(launch: &Launch) -> Self {
        let running = Self::spawn(launch);
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(&launch.ready) {
            assert!(
                Instant::now() < deadline,
                "not ready in time:\n{}",
                running.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    /// Kills it, and runs it again, and again if it does not come up, as a shim does.
    pub fn kill_and_restart(mut self, launch: &Launch) -> Self {
        self.signal("SIGKILL");
        let _ = self.child.wait();
        let deadline = Instant::now() + PATIENCE;
        let mut again = Self::spawn(launch);
        while !is_ready(&launch.ready) {
            assert!(
                Instant::now() < deadline,
                "not back in time:\n{}",
                again.log()
            );
            if again.child.try_wait().unwrap().is_some() {
                again = Self::spawn(launch);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        again
    }

    /// Runs it without waiting.
    pub fn spawn(launch: &Launch) -> Self {
        let log = launch.dir.join("log.test");
        let out = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut command = Command::new(&launch.command[0]);
        command
            .args(&launch.command[1..])
            .env_clear()
            .envs(&launch.env)
            .current_dir(&launch.dir)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        if let Some(user) = &launch.run_as {
            command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn().unwrap();
        Self {
            child,
            stop: launch.stop_signal.name(),
            log,
        }
    }

    /// What it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        let signal = match name {
            "SIGTERM" => rustix::process::Signal::TERM,
            "SIGINT" => rustix::process::Signal::INT,
            "SIGHUP" => rustix::process::Signal::HUP,
            "SIGKILL" => rustix::process::Signal::KILL,
            other => panic!("no signal {other}"),
        };
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Stops it as its service wants to be stopped; says whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal(self.stop);
        self.wait()
    }

    /// Waits for its end; says whether it ended well.
    pub fn wait(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(
                Instant::now() < deadline,
                "did not end in time:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(
                std::io::stderr(),
                "what it wrote:\n{}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            );
        }
        // PostgreSQL's children end with their parent only if it may end them.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(if self.stop == "SIGINT" {
                "SIGINT"
            } else {
                "SIGKILL"
            });
            let _ = self.child.wait();
        }
    }
}

fn is_ready(ready: &Ready) -> bool {
    let connects =
        |addr: &SocketAddr| std::net::TcpStream::connect_timeout(addr, Duration::from_secs(1));
    match ready {
        Ready::Tcp(addr) => connects(addr).is_ok(),
        Ready::Http { addr, path } => connects(addr).is_ok_and(|mut stream| {
            use std::io::Read;
            let mut answer = [0; 12];
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            .is_ok()
                && stream.read_exact(&mut answer).is_ok()
                && answer.ends_with(b"200")
        }),
        Ready::Exec(command) => Command::new(&command[0])
            .args(&command[1..])
            .status()
            .is_ok_and(|s| s.success()),
    }
}

/// The permission bits of a file.
pub fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
