//! The agent: it keeps what it was asked to keep, on one machine, for one user.
//!
//! It is `platc internal agent`, started when somebody needs it. What it is to keep is on disk
//! before it is begun; everything it starts runs under a shim of its own and outlives it. After
//! a crash, a reboot or a newer version it takes up what still runs and starts what does not.
//!
//! Architecture invariants:
//! - Nothing that carries traffic or data is in this process.
//! - It waits for events and does not poll: with nothing to do it takes no processor time.
//! - A secret's value goes from the secrets' file to a shim and nowhere else: not into a
//!   record, a log or a reply.
//!
//! Start reading at [`serve`], then `server` (what is asked), `apply` (how it is done),
//! `workload` (roll-outs), `converge` (what is kept), `supervise` (shims).

mod apply;
mod attend;
mod control;
mod converge;
mod cron;
mod data;
mod instance;
mod job;
mod launch;
mod log;
mod prepare;
pub mod protocol;
mod resolve;
mod routes;
mod server;
mod shim;
mod status;
mod store;
mod supervise;
mod tail;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plat_engine::Scope;
use tokio::sync::{Notify, mpsc, watch};

use crate::dirs::{self, Dirs};
use crate::names;
use crate::ports::Ports;
use crate::tools::Tools;
pub(crate) use instance::started;
use log::Log;
use protocol::Reply;
use store::Store;
use supervise::Supervisor;

/// Whether a schedule is one: five fields, in UTC.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_schedule(schedule: &str) -> Result<(), String> {
    cron::parse(schedule).map(|_| ())
}

/// How the secret `name` is made, as far as it was ever applied.
pub(crate) fn generator_of(
    dirs: &Dirs,
    scope: &Scope,
    name: &str,
) -> Option<crate::spec::Generate> {
    let (store, _) = Store::open(dirs).ok()?;
    match store.get(scope, &format!("secret/{name}"))?.spec().ok()? {
        crate::spec::Spec::Secret(secret) => secret.generate,
        _ => None,
    }
}

/// What an agent is made of beside its directories.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program `plat-shim`.
    pub shim: &'static [u8],
    /// The command to which `proxy CONFIG` or `s3 CONFIG` is added to run these as processes of
    /// their own: `["…/platc", "internal"]`. It must stay what it is while they run.
    pub internal: Vec<String>,
    /// Which program this is: see [`crate::client::program_id`].
    pub program: String,
    /// How long it stays with nothing to keep and nobody asking.
    pub idle: std::time::Duration,
}

/// The agent.
pub(crate) struct Agent {
    dirs: Dirs,
    config: Config,
    log: Log,
    store: Store,
    supervisor: Arc<Supervisor>,
    tools: Tools,
    ports: Mutex<Ports>,
    /// One operation on an object at a time.
    locks: Mutex<BTreeMap<(Scope, String), Turn>>,
    /// How often what must be started again died lately, by instance.
    deaths: Mutex<BTreeMap<String, converge::Deaths>>,
    /// Copies that get no new requests.
    leaving: Mutex<BTreeSet<String>>,
    /// What each proxy was told last; one writer of it at a time.
    routing: tokio::sync::Mutex<BTreeMap<String, crate::proxy::Config>>,
    /// What is routed may have changed.
    routes_changed: Notify,
    /// What the clock starts may have changed.
    crons_changed: Notify,
    /// Clients and operations under way.
    busy: AtomicUsize,
    /// How many jobs were run by hand.
    by_hand: AtomicU64,
    /// Something ended that may leave nothing to do.
    calmer: Notify,
    /// It is to leave.
    leave: Notify,
}

/// Held by whoever may change an object.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// Takes what is worth showing while something is done, and knows whether whoever asked for it wants
/// it to stop.
#[derive(Clone)]
pub(crate) struct Progress {
    told: Option<mpsc::UnboundedSender<Reply>>,
    stop: Option<watch::Receiver<bool>>,
}

impl Progress {
    /// For nobody.
    pub(crate) fn none() -> Self {
        Self {
            told: None,
            stop: None,
        }
    }

    /// For whoever listens at the other end, who says so by `stop` when it is to stop.
    pub(crate) fn to(sender: mpsc::UnboundedSender<Reply>, stop: watch::Receiver<bool>) -> Self {
        Self {
            told: Some(sender),
            stop: Some(stop),
        }
    }

    /// The same for what is done to its end, because something was changed.
    pub(crate) fn to_the_end(&self) -> Self {
        Self {
            told: self.told.clone(),
            stop: None,
        }
    }

    /// Waits until it is to stop; for ever where nobody says so. Safe to drop.
    pub(crate) async fn stopped(&self) {
        if let Some(stop) = &self.stop
            && stop.clone().wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }

    /// Whether it is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }

    /// Says what is being done.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.send(text.into(), None);
    }

    /// Says how far it is.
    pub(crate) fn amount(&self, text: impl Into<String>, done: u64, total: u64) {
        self.send(text.into(), Some((done, total)));
    }

    fn send(&self, text: String, amount: Option<(u64, u64)>) {
        if let Some(sender) = &self.told {
            // A client that went away is told nothing; the work goes on.
            let _ = sender.send(Reply::Progress { text, amount });
        }
    }
}

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A directory can't be used.
    #[error(transparent)]
    Dirs(#[from] dirs::DirsError),
    /// Something else of the machine can't be used.
    #[error("the agent cannot {doing}: {why}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        why: io::Error,
    },
    /// The list of ports is broken.
    #[error(transparent)]
    Ports(#[from] crate::ports::PortsError),
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> AgentError {
    let doing = doing.into();
    move |why| AgentError::Io { doing, why }
}

/// Closes all descriptors but the three standard ones. What whoever started the agent had open (a
/// locked file, the end of a pipe) would else stay open for as long as the agent lives, and so a
/// lock held, long after its holder is gone. To be called before this process opens anything.
///
/// # Errors
/// `/proc` can't be read.
pub fn let_go_of_inherited() -> std::io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        open.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // SAFETY: only asked whether it is open; that of the directory read above is not any more.
        let listed = unsafe { BorrowedFd::borrow_raw(fd) };
        if rustix::io::fcntl_getfd(listed).is_ok() {
            // SAFETY: it is open, and nothing of this process owns it, since none was opened yet.
            unsafe { rustix::io::close(fd) };
        }
    }
    Ok(())
}

/// Runs the agent of `dirs` until it has nothing to keep and nobody asked for a while, or a
/// newer one takes its place. Returns at once where there is one already.
///
/// # Errors
/// When a directory, the socket or the list of what is kept can't be used.
pub async fn serve(dirs: Dirs, config: Config) -> Result<(), AgentError> {
    dirs.create()?;
    // Its own session: no terminal's signal is for it. It fails where it leads one already.
    let _ = rustix::process::setsid();
    let lock = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(dirs.lock())
        .map_err(io_error(format!("open {}", dirs.lock().display())))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(()),
        Err(fs::TryLockError::Error(e)) => {
            return Err(io_error(format!("lock {}", dirs.lock().display()))(e));
        }
    }
    let log = Log::open(&dirs.agent_log());
    log.info(format!(
        "agent {} starts (process {}, program {})",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        config.program
    ));
    let (store, broken) =
        Store::open(&dirs).map_err(io_error(format!("read {}", dirs.state.display())))?;
    for path in broken {
        log.warn(format!(
            "{} is no record of mine; left alone",
            path.display()
        ));
    }
    let ports = Ports::open(&dirs.state.join("ports.json"))?;
    let (supervisor, events) = Supervisor::new(dirs.clone(), config.shim, log.clone())
        .map_err(io_error("watch its processes"))?;
    let tools = Tools::new(dirs.cache.clone(), crate::tools::Config::from_env());
    let agent = Arc::new(Agent {
        dirs,
        config,
        log,
        store,
        supervisor,
        tools,
        ports: Mutex::new(ports),
        locks: Mutex::default(),
        deaths: Mutex::default(),
        leaving: Mutex::default(),
        routing: tokio::sync::Mutex::default(),
        routes_changed: Notify::new(),
        crons_changed: Notify::new(),
        busy: AtomicUsize::new(0),
        by_hand: AtomicU64::new(0),
        calmer: Notify::new(),
        leave: Notify::new(),
    });
    let done = agent.run(events).await;
    drop(lock);
    done
}

impl Agent {
    async fn run(
        self: &Arc<Self>,
        events: mpsc::UnboundedReceiver<supervise::Event>,
    ) -> Result<(), AgentError> {
        // First what runs is taken up, then anybody may ask.
        self.take_up().await?;
        let listener = server::listen(&self.dirs.socket()).map_err(io_error(format!(
            "listen at {}",
            self.dirs.socket().display()
        )))?;
        tokio::spawn(Arc::clone(self).hear(events));
        tokio::spawn(Arc::clone(self).keep_routes());
        tokio::spawn(Arc::clone(self).keep_crons());
        tokio::spawn(Arc::clone(self).converge_all());
        self.answer(listener).await;
        // The next one is not to find a socket that nobody answers.
        let _ = fs::remove_file(self.dirs.socket());
        self.log.info("agent leaves");
        Ok(())
    }

    /// One operation on an object at a time: whoever holds this may change it.
    async fn lock_object(&self, scope: &Scope, id: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry((scope.clone(), id.to_owned())).or_default())
        };
        lock.lock_owned().await
    }

    /// The command for a process that is this program itself: `proxy`, `s3`. Where somebody
    /// emptied the cache it runs from, it is put back there.
    fn internal(&self, what: &str) -> io::Result<Vec<String>> {
        let mut command = self.config.internal.clone();
        if let Some(program) = command.first_mut() {
            let path = program.trim_end_matches(" (deleted)").to_owned();
            *program = path;
            let path = Path::new(program.as_str());
            if let Some(dir) = path.parent()
                && !path.exists()
            {
                make_executable(dir, path, |fresh| {
                    fs::copy("/proc/self/exe", fresh).map(|_| ())
                })?;
            }
        }
        command.push(what.to_owned());
        Ok(command)
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        // A panic while it was held can't have left half a list.
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a program in the cache under a name made of its content, so that what runs it is not
/// disturbed by another version.
pub(crate) fn keep_program(
    dirs: &Dirs,
    folder: &str,
    name: &str,
    program: &[u8],
) -> io::Result<PathBuf> {
    use sha2::{Digest as _, Sha256};
    let hash = names::hex(&Sha256::digest(program));
    let dir = dirs
        .cache
        .join(folder)
        .join(hash.get(..16).unwrap_or(&hash));
    let path = dir.join(name);
    if fs::metadata(&path).is_ok_and(|m| m.len() == program.len() as u64) {
        return Ok(path);
    }
    make_executable(&dir, &path, |fresh| fs::write(fresh, program))?;
    Ok(path)
}

/// Puts an executable at `path` in one step: `write` makes it at the path it is given.
pub(crate) fn make_executable(
    dir: &Path,
    path: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    // Users that data services run as may have to run it.
    dirs::own_dir(dir, 0o755).map_err(io::Error::other)?;
    let fresh = dir.join(format!(".{}.tmp", dirs::unique()));
    let made = (|| {
        write(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
        fs::File::open(&fresh)?.sync_all()?;
        // Never in the place of one that is there: somebody may be running it.
        match fs::hard_link(&fresh, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        }
    })();
    let _ = fs::remove_file(&fresh);
    made
}
