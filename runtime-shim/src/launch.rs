//! From the spec's words to a running process, or to the sentence that says why not.

use std::ffi::{CString, NulError};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;

use plat_shim::spec::{Spec, User};

use crate::sys::{self, Exec, Stage};

/// Where a command is looked for when its environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A command, ready to be started again and again.
pub struct Program {
    argv: Vec<CString>,
    env: Vec<CString>,
    paths: Vec<CString>,
    cwd: CString,
    umask: u32,
    user: Option<User>,
    die_with_shim: bool,
    /// For messages.
    command: String,
    search_path: Option<String>,
}

/// Why there is no process, and the exit code shells have for it.
pub struct NotStarted {
    pub code: i32,
    pub reason: String,
}

impl Program {
    /// `argv`, run as `spec` says its child is to be run.
    pub fn new(argv: &[String], spec: &Spec) -> Result<Program, NulError> {
        let command = argv.first().cloned().unwrap_or_default();
        let mut search_path = None;
        let paths = if command.contains('/') {
            vec![command.clone()]
        } else {
            let path = spec.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
            search_path = Some(path.to_owned());
            let dirs = path.split(':').filter(|dir| !dir.is_empty());
            dirs.map(|dir| format!("{dir}/{command}")).collect()
        };
        let all = |strings: Vec<String>| -> Result<Vec<CString>, NulError> {
            strings.into_iter().map(CString::new).collect()
        };
        let env = spec
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(Program {
            argv: all(argv.to_vec())?,
            env: all(env)?,
            paths: all(paths)?,
            cwd: CString::new(spec.cwd.as_os_str().as_bytes())?,
            umask: spec.umask,
            user: spec.user,
            die_with_shim: spec.die_with_shim,
            command,
            search_path,
        })
    }

    /// Starts it, with nothing to read and its output as given. Returns its process number, which
    /// is its group's too, once the program itself runs.
    pub fn start(&self, stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> Result<i32, NotStarted> {
        let outcome = File::open("/dev/null").and_then(|null| {
            sys::spawn(&Exec {
                argv: &self.argv,
                env: &self.env,
                paths: &self.paths,
                cwd: &self.cwd,
                umask: self.umask,
                user: self.user,
                die_with_parent: self.die_with_shim,
                stdin: null.as_fd(),
                stdout,
                stderr,
            })
        });
        match outcome {
            Ok(Ok(pid)) => Ok(pid),
            Ok(Err((stage, error))) => Err(self.explain(stage, &error)),
            Err(error) => Err(NotStarted {
                code: 126,
                reason: format!("no process could be made for `{}`: {error}", self.command),
            }),
        }
    }

    fn explain(&self, stage: Stage, error: &io::Error) -> NotStarted {
        let command = &self.command;
        let reason = match stage {
            Stage::Streams => format!("`{command}` could not be given its output: {error}"),
            Stage::User => {
                let (uid, gid) = self.user.map_or((0, 0), |user| (user.uid, user.gid));
                format!("could not become user {uid}, group {gid}, which only root may: {error}")
            }
            Stage::Directory => format!(
                "the working directory {} can't be entered: {error}",
                self.cwd.to_string_lossy()
            ),
            Stage::Exec => match error.raw_os_error() {
                Some(libc::ENOENT) => return self.not_found(),
                Some(libc::EACCES) => format!(
                    "`{command}` can't be run: {error}; it must be an executable file, in directories its user may enter"
                ),
                Some(libc::ENOEXEC) => format!(
                    "`{command}` can't be run: it is no program for this machine, and has no #! line that names an interpreter"
                ),
                _ => format!("`{command}` can't be run: {error}"),
            },
        };
        NotStarted { code: 126, reason }
    }

    fn not_found(&self) -> NotStarted {
        let command = &self.command;
        let reason = match &self.search_path {
            Some(path) => format!(
                "the command `{command}` is in none of the directories of PATH ({path}); install it or name it by its full path"
            ),
            None => format!(
                "the command `{command}` does not exist (or the interpreter in its first line doesn't)"
            ),
        };
        NotStarted { code: 127, reason }
    }
}
