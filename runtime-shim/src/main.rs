//! plat-shim, the program. `supervisor` is its heart: one loop, in which everything else is asked
//! what it waits for and is told when that has come.
//!
//! `launch` starts the child, `capture` and `log` take what it prints, `probe` looks whether it
//! works, `control` answers on the socket, `secrets` lays files down, `container` is for the
//! entrypoint of a container. All system calls that std has no safe door to are in `sys`.

mod capture;
mod clock;
mod container;
mod control;
mod launch;
mod log;
mod metrics;
mod probe;
mod secrets;
mod supervisor;
mod sys;
mod tree;
#[cfg(all(target_env = "musl", panic = "abort"))]
mod unwind;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;

use control::{Control, NoSocket};
use log::Log;
use plat_shim::spec::Spec;
use secrets::SecretDir;
use supervisor::Supervisor;
use sys::Signals;

const USAGE: &str = "\
plat-shim: the parent of a workload's process

  plat-shim run [--session] [--unlink] SPEC   run what SPEC says (`-`: from standard input)
  plat-shim exec OPTIONS -- COMMAND…          run a container's command, in what it finds there
  plat-shim install PATH                      copy this program there
  plat-shim --version

  --session   make a session of its own first, apart from the caller's terminal and group
  --unlink    remove the file SPEC once it is read

  --name NAME          what metrics call it
  --dir DIR            where its socket and its state file are
  --listen PORT        answer GET /healthz, /readyz and /metrics there too
  --drain MS           how long it goes on to answer when it is told to end
  --grace MS           how long it then has to end
";

/// Why the shim itself ends, with the exit code of sysexits.h.
struct Failure {
    code: u8,
    reason: String,
}

const USAGE_ERROR: u8 = 64;
const BAD_SPEC: u8 = 65;
const NO_SPEC: u8 = 66;
const SYSTEM_ERROR: u8 = 71;
const CANNOT_CREATE: u8 = 73;
const ALREADY_RUNNING: u8 = 75;

fn fail(code: u8) -> impl Fn(String) -> Failure {
    move |reason| Failure { code, reason }
}

fn main() -> ExitCode {
    // Before anything else: a signal that comes earlier ends the shim, a later one is forwarded.
    let outcome = Signals::block_all()
        .map_err(|error| format!("the shim could not take its signals: {error}"))
        .map_err(fail(SYSTEM_ERROR))
        .and_then(main_with);
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, reason }) => {
            let _ = writeln!(io::stderr(), "plat-shim: {reason}");
            ExitCode::from(code)
        }
    }
}

fn main_with(signals: Signals) -> Result<u8, Failure> {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Vec<&str> = args
        .iter()
        .map(|arg| arg.to_str().unwrap_or_default())
        .collect();
    let (mut session, mut unlink) = (false, false);
    let path = match words.as_slice() {
        ["install", _] => {
            let to = args.last().map(PathBuf::from).unwrap_or_default();
            container::install(&to).map_err(fail(CANNOT_CREATE))?;
            return Ok(0);
        }
        ["exec", ..] => {
            let asked = container::Asked::read(args.get(1..).unwrap_or_default());
            let asked = asked.map_err(|what| usage(&what))?;
            let spec = asked.spec().map_err(fail(SYSTEM_ERROR))?;
            return supervise(signals, spec, asked.listen, false);
        }
        ["--version"] => {
            let _ = writeln!(io::stdout(), "plat-shim {}", env!("CARGO_PKG_VERSION"));
            return Ok(0);
        }
        ["--help" | "-h"] => {
            let _ = io::stdout().write_all(USAGE.as_bytes());
            return Ok(0);
        }
        ["run", options @ .., _] => {
            for option in options {
                match *option {
                    "--session" => session = true,
                    "--unlink" => unlink = true,
                    other => return Err(usage(&format!("`{other}` is no option"))),
                }
            }
            args.last().map(PathBuf::from).unwrap_or_default()
        }
        _ => return Err(usage("say what to do")),
    };
    run(signals, &path.into_os_string(), session, unlink)
}

fn usage(what: &str) -> Failure {
    Failure {
        code: USAGE_ERROR,
        reason: format!("{what}\n\n{USAGE}"),
    }
}

fn run(signals: Signals, path: &OsString, session: bool, unlink: bool) -> Result<u8, Failure> {
    supervise(signals, read_spec(path, unlink)?, None, session)
}

fn supervise(
    signals: Signals,
    mut spec: Spec,
    listen: Option<u16>,
    session: bool,
) -> Result<u8, Failure> {
    let system = |what: &str, result: io::Result<()>| {
        result
            .map_err(|error| format!("{what}: {error}"))
            .map_err(fail(SYSTEM_ERROR))
    };
    if session {
        system("could not make a session", sys::new_session())?;
    }
    system("could not keep its memory private", sys::hide_memory())?;
    system(
        "could not become the parent of orphans",
        sys::adopt_orphans(),
    )?;
    sys::private_files();
    sys::keep_descriptors_from_children();

    let mut control = Control::listen(&spec.control).map_err(|error| match error {
        NoSocket::Taken => Failure {
            code: ALREADY_RUNNING,
            reason: format!(
                "{} is already running: a shim answers on {}",
                spec.name,
                spec.control.display()
            ),
        },
        NoSocket::Failed(reason) => Failure {
            code: CANNOT_CREATE,
            reason,
        },
    })?;
    let user = spec.user;
    let secrets = match &mut spec.secrets {
        Some(secrets) => Some(SecretDir::create(secrets, user).map_err(fail(CANNOT_CREATE))?),
        None => None,
    };
    let mut log = Log::open(spec.log.as_ref()).map_err(fail(CANNOT_CREATE))?;
    if let Some(port) = listen
        && let Err(error) = control.listen_also(port)
    {
        // The workload works without it.
        log.say(&format!(
            "its metrics can't be asked for: listening on port {port}: {error}"
        ));
    }
    let keeps_output = log.has_file();
    let mut supervisor =
        Supervisor::new(spec, signals, control, secrets, log).map_err(fail(CANNOT_CREATE))?;
    supervisor.start();
    system(
        "could not let go of its standard streams",
        let_go(keeps_output),
    )?;
    Ok(supervisor.run())
}

fn read_spec(path: &OsString, unlink: bool) -> Result<Spec, Failure> {
    let shown = if path == "-" {
        "standard input".into()
    } else {
        path.to_string_lossy()
    };
    // Room for most specs at once: a buffer that grows leaves copies of secrets behind.
    let mut text = Vec::with_capacity(64 * 1024);
    let file = if path == "-" {
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(path)
    };
    let read = file.and_then(|mut file| file.read_to_end(&mut text));
    if unlink {
        // Also when it could not be read: it may hold secrets all the same.
        let _ = fs::remove_file(path);
    }
    read.map_err(|error| format!("could not read the spec from {shown}: {error}"))
        .map_err(fail(NO_SPEC))?;
    let spec = Spec::parse(&text);
    secrets::wipe(&mut text);
    spec.map_err(|error| error.to_string())
        .map_err(fail(BAD_SPEC))
}

/// Standard input was for the spec. With a log of its own, the shim writes nothing to the other
/// two either; closing them tells whoever reads them that it stands.
fn let_go(keeps_output: bool) -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    sys::replace_standard(0, null.as_fd())?;
    if keeps_output {
        sys::replace_standard(1, null.as_fd())?;
        sys::replace_standard(2, null.as_fd())?;
    }
    Ok(())
}
