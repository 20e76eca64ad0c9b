//! The agent's own log: one line for what it does, in a file that is turned over by size.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::time;

const MOST: u64 = 1024 * 1024;

/// Where the agent writes what it does. Cheap to clone. A full disk loses lines, nothing else.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: PathBuf,
    file: Option<File>,
    size: u64,
}

impl Log {
    /// The log in `path`; the one before it is `path` with `.1`.
    pub fn open(path: &Path) -> Self {
        let mut inner = Inner {
            path: path.to_path_buf(),
            file: None,
            size: 0,
        };
        inner.reopen();
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Something happened.
    pub fn info(&self, text: impl AsRef<str>) {
        self.line("info", text.as_ref());
    }

    /// Something happened that should not.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.line("warn", text.as_ref());
    }

    fn line(&self, level: &str, text: &str) {
        let mut line = format!("{} {level} ", time::rfc3339(time::now()));
        // One event is one line, whatever a program printed into it.
        for part in text.trim_end().split('\n').enumerate() {
            line.push_str(if part.0 > 0 { " | " } else { "" });
            line.push_str(part.1);
        }
        line.push('\n');
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.write(line.as_bytes());
    }
}

impl Inner {
    fn reopen(&mut self) {
        self.file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .ok();
        self.size = self
            .file
            .as_ref()
            .and_then(|f| f.metadata().ok())
            .map_or(0, |m| m.len());
    }

    fn write(&mut self, line: &[u8]) {
        if self.size + line.len() as u64 > MOST {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            // Where it can't be turned over, it goes on growing: better than no log.
            let _ = fs::rename(&self.path, old);
            self.reopen();
        }
        if let Some(file) = &mut self.file
            && file.write_all(line).is_ok()
        {
            self.size += line.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_turned_over_and_an_event_is_a_line() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("agent.log");
        let log = Log::open(&path);
        log.warn("one\ntwo\n");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(" warn one | two\n"), "{text}");
        let long = "x".repeat(1000);
        for _ in 0..1100 {
            log.info(&long);
        }
        assert!(fs::metadata(&path).unwrap().len() < MOST);
        assert!(tmp.path().join("agent.log.1").exists());
    }
}
