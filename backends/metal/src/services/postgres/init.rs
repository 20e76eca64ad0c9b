//! The data directory and the configuration.

use super::{ADMINISTRATOR, Settings};
use crate::services::{
    Launch, OnChange, Ready, ServiceError, Signal, User, digest, make_dir, write_private,
};
use crate::tools::Found;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A socket's path must fit into `sockaddr_un`, with `/.s.PGSQL.12345.lock` behind the directory.
const LONGEST_SOCKET_DIR: usize = 85;

/// The major version whose data is in `dir` (a [`Settings::dir`]), if there is any.
#[must_use]
pub fn data_major(dir: &Path) -> Option<u32> {
    let text = fs::read_to_string(dir.join("data").join("PG_VERSION")).ok()?;
    text.trim().parse().ok()
}

/// Makes the data directory unless it is there, writes the configuration and says what to run.
///
/// # Errors
/// The data directory is of another major version, can't be made or is not reachable for the user
/// that the server runs as, or the configuration can't be written.
pub async fn prepare(settings: &Settings, tool: &Found) -> Result<Launch, ServiceError> {
    let run_as = User::for_service(&["postgres"]);
    let data = settings.dir.join("data");
    let sockets = settings.dir.join("run");
    let writing = |e: io::Error| settings.error(format!("write to {}", settings.dir.display()), e);
    make_dir(&settings.dir, run_as.as_ref()).map_err(writing)?;
    if let Some(user) = &run_as {
        reachable(&settings.dir, user).map_err(|why| {
            settings
                .error(format!("use {}", settings.dir.display()), why)
                .next("keep the state in a directory that every user may pass through, such as below /var/lib")
        })?;
    }
    match data_major(&settings.dir) {
        Some(there) if there != tool.major() => return Err(other_major(settings, there, tool)),
        Some(_) => {}
        None if data.exists() => {
            return Err(settings
                .error(
                    format!("use the data in {}", data.display()),
                    "it holds no PG_VERSION, so it is not a whole PostgreSQL data directory",
                )
                .next(
                    "restore it from a backup, or move it away to begin with an empty database",
                ));
        }
        None => init(settings, tool, run_as.as_ref()).await?,
    }
    make_dir(&sockets, run_as.as_ref()).map_err(writing)?;
    let config = config(settings, &sockets);
    write_private(
        &data.join("postgresql.conf"),
        config.as_bytes(),
        run_as.as_ref(),
    )
    .map_err(writing)?;
    write_private(&data.join("pg_hba.conf"), HBA.as_bytes(), run_as.as_ref()).map_err(writing)?;
    Ok(Launch {
        command: vec![text(&tool.program), "-D".to_owned(), text(&data)],
        env: environment(),
        dir: settings.dir.clone(),
        run_as,
        ready: Ready::Tcp(settings.addr()),
        // "Fast": ends sessions, rolls back what is open, writes everything out.
        stop_signal: Signal::Int,
        grace: Duration::from_secs(60),
        config_digest: digest([config.as_str(), HBA, &tool.version]),
        on_change: OnChange::Restart,
    })
}

fn other_major(settings: &Settings, there: u32, tool: &Found) -> ServiceError {
    let data = settings.dir.join("data");
    settings
        .error(
            format!("start PostgreSQL {}", tool.version),
            format!("the data in {} is of PostgreSQL {there}", data.display()),
        )
        .next(format!(
            "go back to `version = {there}`, or move the data: dump it with {there} (pg_dump), \
             remove this database, bring it up with {}, and restore the dump",
            tool.major()
        ))
}

/// `initdb` into a directory of its own, renamed when it is whole.
async fn init(
    settings: &Settings,
    tool: &Found,
    run_as: Option<&User>,
) -> Result<(), ServiceError> {
    let dir = &settings.dir;
    let fresh = dir.join("data.new");
    let password = dir.join("password.new");
    let doing = || format!("make a data directory in {}", dir.display());
    let failed = |e: io::Error| settings.error(doing(), e);
    clear(&fresh).map_err(failed)?;
    make_dir(&fresh, run_as).map_err(failed)?;
    write_private(
        &password,
        settings.administrator_password.expose().as_bytes(),
        run_as,
    )
    .map_err(failed)?;
    let mut command = Command::new(tool.sibling("initdb"));
    command
        .args([
            "--encoding=UTF8",
            "--auth=scram-sha-256",
            "--no-instructions",
        ])
        // The same order everywhere, whatever locales the machine has.
        .args(["--locale=C", "--lc-ctype=C.UTF-8"])
        .arg(format!("--username={ADMINISTRATOR}"))
        .arg(format!("--pwfile={}", password.display()))
        .arg(format!("--pgdata={}", fresh.display()))
        .current_dir(dir)
        .env_clear()
        .envs(environment())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(user) = run_as {
        command.uid(user.uid).gid(user.gid);
    }
    let output = command.output().await;
    let removed = fs::remove_file(&password);
    let output = output
        .map_err(|e| settings.error(format!("run {}", tool.sibling("initdb").display()), e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let _ = clear(&fresh);
        return Err(settings.error(doing(), format!("initdb failed: {}", last_lines(&said))));
    }
    removed.map_err(failed)?;
    fs::rename(&fresh, dir.join("data")).map_err(failed)
}

/// What PostgreSQL's programs are given of the environment: nothing of the agent's own.
fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
    ])
}

fn config(settings: &Settings, sockets: &Path) -> String {
    let sockets = text(sockets);
    let sockets = if sockets.len() <= LONGEST_SOCKET_DIR {
        sockets
    } else {
        String::new()
    };
    format!(
        "# Written anew by plat before each start.\n\
         listen_addresses = '127.0.0.1'\n\
         port = {}\n\
         unix_socket_directories = '{}'\n\
         unix_socket_permissions = 0700\n\
         password_encryption = 'scram-sha-256'\n\
         max_connections = 100\n\
         shared_buffers = '64MB'\n\
         max_wal_size = '512MB'\n\
         dynamic_shared_memory_type = 'posix'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_destination = 'stderr'\n\
         logging_collector = off\n\
         log_line_prefix = '%m [%p] %q%u@%d '\n\
         datestyle = 'iso, ymd'\n\
         lc_messages = 'C'\n\
         default_text_search_config = 'pg_catalog.english'\n",
        settings.port,
        sockets.replace('\'', "''"),
    )
}

/// Nobody gets in without a password, from nowhere but this machine.
const HBA: &str = "\
# Written anew by plat before each start.
local all         all               scram-sha-256
host  all         all 127.0.0.1/32  scram-sha-256
";

/// Whether `user` may pass through every directory above `dir`.
fn reachable(dir: &Path, user: &User) -> Result<(), String> {
    for above in dir.ancestors().skip(1) {
        let Ok(meta) = above.metadata() else { continue };
        let mode = meta.mode();
        let bit = if meta.uid() == user.uid {
            0o100
        } else if meta.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        if mode & bit == 0 {
            return Err(format!(
                "PostgreSQL does not run as root, and `{}`, which it runs as here, may not pass through {}",
                user.name,
                above.display()
            ));
        }
    }
    Ok(())
}

fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(3);
    lines.get(from..).unwrap_or_default().join(" / ")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
