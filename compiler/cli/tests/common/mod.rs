//! Starts `platc` as a user does, with a home of its own.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own, with a home for platc in it.
pub struct Place {
    dir: tempfile::TempDir,
}

/// What a call gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// With these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (path, text) in files {
            place.write(path, text.as_bytes());
        }
        place
    }

    /// With a package that has this program.
    pub fn app(program: &str) -> Self {
        Self::with(&[("plat.toml", MANIFEST), ("app.plat", program)])
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(path)).unwrap()
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platc"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PLAT_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("PLAT_HOME", self.dir.path().join(".home"))
            .env_remove("NO_COLOR")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        self.ran(&self.command(arguments).output().unwrap())
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Beside the reading, so that neither waits for the other.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        self.ran(&output)
    }

    /// What it wrote, with this place's own path made the same everywhere.
    pub fn ran(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .unwrap()
                .replace(&self.path().display().to_string(), "/place")
                .replace(&self.dir.path().display().to_string(), "/place")
        };
        Ran {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

impl Ran {
    /// Fails the test where it failed.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(
            self.code,
            Some(0),
            "--- stdout\n{}\n--- stderr\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Fails the test where it did not fail as it should: with exit code 1, and no panic.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert_eq!(
            self.code,
            Some(1),
            "--- stdout\n{}\n--- stderr\n{}",
            self.out,
            self.err
        );
        assert!(!self.err.contains("has a bug"), "{}", self.err);
        self
    }

    /// Everything, for a snapshot.
    pub fn snapshot(&self) -> String {
        let mut text = format!(
            "exit code {}\n",
            self.code.map_or("none".into(), |c| c.to_string())
        );
        for (name, written) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !written.is_empty() {
                text.push_str(&format!("--- {name}\n{written}"));
            }
        }
        text
    }
}

/// A package's manifest.
pub const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

/// Whether that is a program of this machine.
pub fn has(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|dir| Path::new(&dir).join(program).is_file())
}
