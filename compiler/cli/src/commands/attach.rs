//! `platc exec`, `platc run` and `platc forward`: being where a workload is.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use plat_engine::{Attached, Connection, Here, Size, There, Wanted};
use plat_model::NodePath;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::causes;
use crate::cli::{self, Global};
use crate::deploy::Deployment;
use crate::failure::{self, Failure, Outcome, Stop};
use crate::program::{self, Program};
use crate::suggest::{listed, nearest};
use crate::terminal::{Terminal, harmless};

/// How much is passed on at once.
const CHUNK: usize = 16 << 10;

/// Runs a command where a copy of a workload is.
///
/// # Errors
/// See [`Stop`].
pub fn exec(arguments: &cli::Exec, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let (deployment, node) = reach(&arguments.words, global, terminal)?;
    let wanted = Wanted::Command {
        copy: arguments.copy,
        command: arguments.command.clone(),
    };
    run_it(&deployment, &node, &wanted)
}

/// Runs a job that runs on demand.
///
/// # Errors
/// See [`Stop`].
pub fn run(arguments: &cli::Run, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let (deployment, node) = reach(&arguments.words, global, terminal)?;
    let wanted = Wanted::Job {
        arguments: arguments.arguments.clone(),
    };
    run_it(&deployment, &node, &wanted)
}

/// Passes connections to a port of this machine on to a workload.
///
/// # Errors
/// See [`Stop`].
pub fn forward(
    arguments: &cli::Forward,
    global: &Global,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    let mut words = arguments.words.clone();
    let wanted = words.last_mut().and_then(|last| {
        let (node, port) = last.split_once(':')?;
        Some((node.to_owned(), port.to_owned()))
    });
    if let (Some((node, _)), Some(last)) = (&wanted, words.last_mut()) {
        last.clone_from(node);
    }
    let (deployment, node) = reach(&words, global, terminal)?;
    let attach = &deployment.attach;
    let ports = deployment.wait(attach.ports(&deployment.scope, &node));
    let ports = ports.map_err(|error| causes::backend_failure(&error))?;
    let port = port(
        wanted.as_ref().map(|(_, port)| port.as_str()),
        &ports,
        &node,
    )?;
    deployment.wait(async {
        let listen = arguments.listen.unwrap_or(0);
        let listener = TcpListener::bind(("127.0.0.1", listen)).await;
        let listener = listener.map_err(|e| {
            failure::io(format!("listening on 127.0.0.1:{listen}"), &e)
                .next("choose another port: --listen PORT")
        })?;
        let at = listener.local_addr();
        let at = at.map_err(|e| failure::io("listening", &e))?;
        terminal.say(format!("{at} → {node}:{port}, until Ctrl-C"));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = tokio::signal::ctrl_c() => return Err(Stop::Interrupted),
            };
            let Ok((mut here, _)) = accepted else {
                continue;
            };
            match attach.connect(&deployment.scope, &node, port).await {
                Ok(mut there) => {
                    tokio::spawn(async move {
                        // Who closes first ends it; that is no failure of ours.
                        let there: &mut dyn Connection = &mut *there;
                        let _ = tokio::io::copy_bidirectional(&mut here, there).await;
                    });
                }
                // The next one may be luckier: a workload that restarts comes back.
                Err(error) => terminal.failure(&causes::backend_failure(&error)),
            }
        }
    })
}

/// The port that was asked for, by its name or its number; else the main one.
fn port(said: Option<&str>, ports: &[(String, u16)], node: &NodePath) -> Result<u16, Failure> {
    let Some(said) = said else {
        let main = ports.first().map(|(_, number)| *number);
        return main.ok_or_else(|| Failure::new(format!("{node} listens on no port")));
    };
    let found = ports
        .iter()
        .find(|(name, number)| name == said || number.to_string() == said);
    found.map(|(_, number)| *number).ok_or_else(|| {
        let known: Vec<String> = ports
            .iter()
            .map(|(name, n)| format!("{name} ({n})"))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Failure::new(format!("{node} has no port `{}`", harmless(said)))
            .note(format!("there is {}", listed(&known)))
    })
}

/// The environment, which the first of two words names, and the declaration.
fn reach(
    words: &[String],
    global: &Global,
    terminal: &Terminal,
) -> Result<(Deployment, NodePath), Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let (env, name) = said(words, &program)?;
    let deployment = program.deployed(env, terminal)?;
    let known = deployment.status()?;
    let names: Vec<&str> = known.iter().map(|status| status.node.as_str()).collect();
    if !names.contains(&name) {
        let failure = Failure::new(format!(
            "nothing of `{}` is there in {}",
            harmless(name),
            deployment.scope
        ));
        return Err(match nearest(name, names.iter().copied()) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None if names.is_empty() => failure.next("platc up"),
            None => failure.note(format!("there is {}", listed(&names))),
        }
        .into());
    }
    let node = NodePath::from(name);
    Ok((deployment, node))
}

fn said<'a>(words: &'a [String], program: &Program) -> Result<(Option<&'a str>, &'a str), Failure> {
    match words {
        [env, name] if program.has_environment(env) => Ok((Some(env), name)),
        [env, _] => Err(
            Failure::new(format!("there is no environment `{}`", harmless(env))).note(format!(
                "there is {}",
                program.environment_names().join(", ")
            )),
        ),
        [name] => Ok((None, name)),
        _ => Err(Failure::new("say of which declaration")),
    }
}

fn run_it(deployment: &Deployment, node: &NodePath, wanted: &Wanted) -> Result<Outcome, Stop> {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let size = terminal.then(size).flatten();
    let attached = deployment
        .attach
        .attach(&deployment.scope, node, wanted, size);
    let attached = deployment.wait(attached);
    let code = match attached.map_err(|error| causes::backend_failure(&error))? {
        Attached::Here(here) => started(&here)?,
        Attached::There(there) => {
            let raw = size.is_some().then(Raw::begin).transpose()?;
            let code = deployment.wait(streams(there, raw.is_some()));
            drop(raw);
            code?
        }
    };
    Ok(Outcome::Code(u8::try_from(code).unwrap_or(1)))
}

/// Runs what is to be started here, on this terminal.
fn started(here: &Here) -> Result<i32, Failure> {
    let laid = Laid::down(here)?;
    let (program, arguments) = match here.command.split_first() {
        Some((program, arguments)) => (program, arguments),
        None => return Err(Failure::new("there is no command")),
    };
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&here.env)
        .current_dir(&here.dir)
        .status();
    drop(laid);
    let status = status.map_err(|e| failure::io(format!("running `{program}`"), &e))?;
    // As shells say it.
    let signal = status.signal().map(|signal| 128 + signal);
    Ok(status.code().or(signal).unwrap_or(1))
}

/// Files that are there as long as what was started.
struct Laid(Vec<PathBuf>);

impl Laid {
    fn down(here: &Here) -> Result<Self, Failure> {
        let mut laid = Self(Vec::new());
        for (path, content) in &here.files {
            let failed = |e: io::Error| failure::io(format!("writing {}", path.display()), &e);
            if let Some(dir) = path.parent().filter(|dir| !dir.is_dir()) {
                let mut builder = std::fs::DirBuilder::new();
                builder
                    .recursive(true)
                    .mode(0o700)
                    .create(dir)
                    .map_err(failed)?;
                laid.0.push(dir.to_owned());
            }
            let file = std::fs::File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path);
            let mut file = file.map_err(failed)?;
            laid.0.push(path.clone());
            file.write_all(content).map_err(failed)?;
            let readable = std::fs::Permissions::from_mode(0o400);
            file.set_permissions(readable).map_err(failed)?;
        }
        Ok(laid)
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // What somebody took away already needs no taking away.
            let _ = if path.is_dir() {
                std::fs::remove_dir(path)
            } else {
                std::fs::remove_file(path)
            };
        }
    }
}

fn size() -> Option<Size> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some((size.ws_col, size.ws_row))
}

/// While it lives, keys go to the process as they are pressed.
struct Raw(Termios);

impl Raw {
    fn begin() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| failure::io("using the terminal", &error.into());
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The shell sets it right too when this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Passes everything on until the process ended; gives its exit code.
async fn streams(there: There, raw: bool) -> Result<i32, Stop> {
    if let Some(input) = there.input {
        tokio::spawn(typed(input));
    }
    if let Some(sizes) = there.sizes {
        tokio::spawn(resized(sizes));
    }
    let errors = there.errors.map(|errors| passed(errors, io::stderr()));
    let both = async {
        let errors = async {
            match errors {
                Some(errors) => errors.await,
                None => Ok(()),
            }
        };
        let (output, errors) = tokio::join!(passed(there.output, io::stdout()), errors);
        output.and(errors)
    };
    tokio::select! {
        done = both => done?,
        // On a terminal the keys are the process's own.
        _ = tokio::signal::ctrl_c(), if !raw => return Err(Stop::Interrupted),
    }
    let code = there.end.await;
    code.map_err(|error| causes::backend_failure(&error).into())
}

/// Standard input, read on a thread that nobody waits for: reading it can't be ended.
async fn typed(mut input: Box<dyn tokio::io::AsyncWrite + Send + Unpin>) {
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = io::stdin().lock().read(&mut buffer) {
            let read = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.blocking_send(read).is_err() {
                return;
            }
        }
    });
    while let Some(chunk) = chunks.recv().await {
        if input.write_all(&chunk).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    // The process is told that there is no more.
    let _ = input.shutdown().await;
}

async fn resized(sizes: mpsc::Sender<Size>) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else {
        return;
    };
    while changes.recv().await.is_some() {
        if let Some(size) = size()
            && sizes.send(size).await.is_err()
        {
            return;
        }
    }
}

async fn passed(mut from: impl AsyncRead + Unpin, mut to: impl io::Write) -> Result<(), Stop> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(e) => return Err(failure::io("reading what it writes", &e).into()),
        };
        let read = buffer.get(..count).unwrap_or_default();
        match to.write_all(read).and_then(|()| to.flush()) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(Stop::NobodyReads),
            Err(e) => return Err(failure::io("writing what it writes", &e).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_said_by_its_name_or_its_number_and_the_first_is_the_main_one() {
        let node = NodePath::from("api");
        let ports = [("main".to_owned(), 8080), ("metrics".to_owned(), 9090)];
        assert_eq!(port(None, &ports, &node).ok(), Some(8080));
        assert_eq!(port(Some("metrics"), &ports, &node).ok(), Some(9090));
        assert_eq!(port(Some("9090"), &ports, &node).ok(), Some(9090));
        let refused = port(Some("admin"), &ports, &node).unwrap_err();
        assert_eq!(refused.message, "api has no port `admin`");
        assert_eq!(refused.notes, ["there is main (8080) and metrics (9090)"]);
    }

    #[test]
    fn files_are_there_for_their_owner_while_something_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/files/token");
        let here = Here {
            command: vec![
                "sh".into(),
                "-c".into(),
                format!("cat {0} && exit 7", path.display()),
            ],
            dir: dir.path().to_owned(),
            env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            files: [(path.clone(), b"".to_vec())].into(),
        };
        assert_eq!(started(&here).ok(), Some(7));
        assert!(!path.exists());
        assert!(!path.parent().unwrap().exists());
    }
}
