//! The shims: starting them, taking them up again, hearing of their changes, stopping them.
//!
//! The agent waits, it does not poll: a shim replaces its state file at each transition, which
//! one inotify watch over the directory of all state files reports; a shim's end is reported by
//! its pidfd. A shim is known by its control socket, which only it answers, and then held by a
//! pidfd: never by a process number alone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plat_shim::spec::Spec;
use plat_shim::status::{State, Status};
use rustix::fs::inotify;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::control;
use super::instance::{self, Instance, Process};
use super::log::Log;
use super::shim::{read_status, readable, spawn};
use crate::dirs::{self, Dirs};

/// How long a shim that no longer answers may take to write how it ended: as long as a slow disk.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What happened to an instance.
#[derive(Debug, Clone)]
pub enum Event {
    /// Its status is another.
    Changed(Instance),
    /// Its shim has ended.
    Gone(Instance),
}

/// What is known of an instance now.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The instance.
    pub instance: Instance,
    /// What its shim said last.
    pub status: Option<Status>,
    /// Whether its shim has ended.
    pub gone: bool,
}

impl Seen {
    /// Whether it can take work.
    pub fn ready(&self) -> bool {
        !self.gone
            && self
                .status
                .as_ref()
                .is_some_and(|s| s.state == State::Ready)
    }
}

/// Why a shim was not started. Shows no secret.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {what}: {why}")]
pub struct StartError {
    /// The instance.
    pub what: String,
    /// The shim's sentence, or what the system says.
    pub why: String,
}

struct Held {
    seen: watch::Sender<Seen>,
    /// None where it had ended before it could be held.
    pidfd: Option<Arc<AsyncFd<OwnedFd>>>,
}

/// All shims of one agent.
pub struct Supervisor {
    dirs: Dirs,
    /// The program that each instance is run by.
    shim: &'static [u8],
    log: Log,
    held: Mutex<BTreeMap<String, Held>>,
    events: mpsc::UnboundedSender<Event>,
}

impl Supervisor {
    /// Begins to listen for changes. `shim` is the program that runs each instance.
    ///
    /// # Errors
    /// When the system gives no inotify watch.
    pub fn new(
        dirs: Dirs,
        shim: &'static [u8],
        log: Log,
    ) -> io::Result<(Arc<Self>, mpsc::UnboundedReceiver<Event>)> {
        let fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(
            &fd,
            dirs.runtime.join("states"),
            inotify::WatchFlags::MOVED_TO,
        )?;
        let (events, receiver) = mpsc::unbounded_channel();
        let supervisor = Arc::new(Self {
            dirs,
            shim,
            log,
            held: Mutex::default(),
            events,
        });
        tokio::spawn(Arc::clone(&supervisor).hear_states(readable(fd)?));
        Ok((supervisor, receiver))
    }

    /// Takes up every instance whose shim still runs, and returns those that are no more with
    /// what their shims said last.
    ///
    /// # Errors
    /// When the list of instances can't be read.
    pub async fn take_up(self: &Arc<Self>) -> io::Result<Vec<(Instance, Option<Status>)>> {
        let (all, broken) = Instance::load(&self.dirs)?;
        for path in broken {
            self.log.warn(format!(
                "{} is no instance of mine; left alone",
                path.display()
            ));
        }
        let mut lost = Vec::new();
        for mut instance in all {
            match self.reach(&instance).await {
                Ok((process, pidfd, status)) => {
                    self.log.info(format!(
                        "took up {} (shim {}, {})",
                        instance.label(),
                        process.pid,
                        status.state
                    ));
                    instance.process = Some(process);
                    self.hold(instance, pidfd, Some(status))?;
                }
                Err(why) => {
                    self.log
                        .info(format!("{} runs no more: {why}", instance.label()));
                    self.end_shim(&instance).await;
                    self.end_remains(&instance);
                    let status = read_status(&instance.state(&self.dirs));
                    lost.push((instance, status));
                }
            }
        }
        Ok(lost)
    }

    /// Finds the shim of `instance` by its socket and holds it.
    async fn reach(&self, instance: &Instance) -> io::Result<(Process, OwnedFd, Status)> {
        let socket = instance.control(&self.dirs);
        let status = control::status(&socket).await?;
        let pid = i32::try_from(status.shim_pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("its process number is none"))?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        // Only now is the number held; ask again, so that what answers is what is held.
        let status = control::status(&socket).await?;
        let started =
            instance::started(status.shim_pid).ok_or_else(|| io::Error::other("it just ended"))?;
        let process = Process {
            pid: status.shim_pid,
            started,
            boot: instance::boot(),
        };
        if instance.process.as_ref().is_some_and(|p| *p != process) {
            return Err(io::Error::other("another process answers in its place"));
        }
        Ok((process, pidfd, status))
    }

    /// What the state file of a shim says that stopped answering. A shim that ends stops answering
    /// first and writes how it ended then, so it is waited for.
    async fn last_words(&self, instance: &Instance) -> Option<Status> {
        let path = instance.state(&self.dirs);
        let status = read_status(&path)?;
        if status.state == State::Exited {
            return Some(status);
        }
        let pid = i32::try_from(status.shim_pid).ok().and_then(Pid::from_raw);
        if let Some(pidfd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            && instance::started(status.shim_pid) == status.shim_started
            && let Ok(pidfd) = readable(pidfd)
        {
            // If it neither ends nor answers, what it has written is all that is known.
            let _ = tokio::time::timeout(LAST_WORDS, pidfd.readable()).await;
        }
        read_status(&path)
    }

    /// Ends a shim that runs and can't be reached: somebody removed its socket, as a session's end
    /// does with all of a user's runtime directory. Its child dies with it.
    async fn end_shim(&self, instance: &Instance) {
        let Some(process) = &instance.process else {
            return;
        };
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
            return;
        };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        // Held by now: if this is the process that was started, it stays so.
        if process.boot != instance::boot()
            || instance::started(process.pid) != Some(process.started)
        {
            return;
        }
        self.log.warn(format!(
            "{}: its shim {} runs and does not answer; ending it",
            instance.label(),
            process.pid
        ));
        // It may have ended by itself in between.
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        if let Ok(pidfd) = readable(pidfd) {
            let _ = tokio::time::timeout(Duration::from_secs(5), pidfd.readable()).await;
        }
    }

    /// Ends what a killed shim may have left: nothing where the child died with it, as it should.
    fn end_remains(&self, instance: &Instance) {
        let Ok(text) = fs::read(instance.state(&self.dirs)) else {
            return;
        };
        let Ok(status) = serde_json::from_slice::<Status>(&text) else {
            return;
        };
        let same_boot = instance
            .process
            .as_ref()
            .is_some_and(|p| p.boot == instance::boot());
        let (Some(pid), Some(started), true) = (status.child_pid, status.child_started, same_boot)
        else {
            return;
        };
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return;
        };
        let Ok(pidfd) = pidfd_open(raw, PidfdFlags::empty()) else {
            return;
        };
        if instance::started(pid) == Some(started) {
            self.log.warn(format!(
                "{}: its shim is gone, its process {pid} is not; ending it",
                instance.label()
            ));
            // It may have ended by itself in between.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
    }

    /// Starts a shim for `instance`. When this returns, the shim runs and answers.
    ///
    /// # Errors
    /// The shim's own reason, or the system's.
    pub async fn start(
        self: &Arc<Self>,
        mut instance: Instance,
        mut spec: Spec,
    ) -> Result<(), StartError> {
        let label = instance.label();
        let failed = |why: String| StartError {
            what: label.clone(),
            why,
        };
        spec.name.clone_from(&label);
        spec.control = instance.control(&self.dirs);
        spec.state = instance.state(&self.dirs);
        spec.check().map_err(|e| failed(e.to_string()))?;
        dirs::own_dir(&instance.dir(&self.dirs), 0o711).map_err(|e| failed(e.to_string()))?;
        if let Some(dir) = spec.log.as_ref().and_then(|log| log.path.parent()) {
            dirs::own_dir(dir, 0o700).map_err(|e| failed(e.to_string()))?;
        }
        // A state file of an earlier life would be taken for this one's.
        let _ = fs::remove_file(&spec.state);
        // First on disk, then started: an agent that dies here finds it by its socket.
        instance.process = None;
        instance.begun = crate::time::now();
        let dirs = self.dirs.clone();
        let shim = self.shim;
        let saved = instance.clone();
        let spawned = tokio::task::spawn_blocking(move || {
            // Where somebody emptied the cache it is put back.
            let shim = super::keep_program(&dirs, "shim", "plat-shim", shim)?;
            saved.save(&dirs)?;
            spawn(&shim, &spec)
        })
        .await
        .map_err(|e| failed(e.to_string()))?;
        if let Err(e) = spawned {
            Instance::forget(&self.dirs, &instance.id);
            return Err(failed(e.to_string()));
        }
        let (process, pidfd, status) = match self.reach(&instance).await {
            Ok(reached) => (Some(reached.0), Some(reached.1), Some(reached.2)),
            // A short job may be over by now: its state file says how it ended.
            Err(_) => (None, None, self.last_words(&instance).await),
        };
        instance.process = process;
        instance
            .save(&self.dirs)
            .map_err(|e| failed(format!("cannot keep it in mind: {e}")))?;
        match (pidfd, status) {
            (Some(pidfd), status) => self
                .hold(instance, pidfd, status)
                .map_err(|e| failed(e.to_string())),
            (None, Some(status)) if status.state == State::Exited => {
                self.hold_ended(instance, &status);
                Ok(())
            }
            (None, _) => {
                Instance::forget(&self.dirs, &instance.id);
                Err(failed("its shim ended at once; see its log".into()))
            }
        }
    }

    fn hold(
        self: &Arc<Self>,
        instance: Instance,
        pidfd: OwnedFd,
        status: Option<Status>,
    ) -> io::Result<()> {
        let pidfd = Arc::new(readable(pidfd)?);
        instance.save(&self.dirs)?;
        let (seen, _) = watch::channel(Seen {
            instance: instance.clone(),
            status,
            gone: false,
        });
        let id = instance.id.clone();
        let held = Held {
            seen,
            pidfd: Some(Arc::clone(&pidfd)),
        };
        self.lock().insert(id.clone(), held);
        // What changed between reading the status and now.
        self.refresh(&id);
        let _ = self.events.send(Event::Changed(instance));
        tokio::spawn(Arc::clone(self).await_end(id, pidfd));
        Ok(())
    }

    /// A shim that was over before it could be held.
    fn hold_ended(&self, instance: Instance, status: &Status) {
        // Its place stays until somebody read how it ended and called `forget`.
        let (seen, _) = watch::channel(Seen {
            instance: instance.clone(),
            status: Some(status.clone()),
            gone: true,
        });
        let id = instance.id.clone();
        self.lock().insert(id, Held { seen, pidfd: None });
        let _ = self.events.send(Event::Gone(instance));
    }

    async fn await_end(self: Arc<Self>, id: String, pidfd: Arc<AsyncFd<OwnedFd>>) {
        if pidfd.readable().await.is_err() {
            return;
        }
        self.refresh(&id);
        let seen = {
            let held = self.lock();
            let Some(held) = held.get(&id) else { return };
            // Not another shim that took its place.
            if !held.pidfd.as_ref().is_some_and(|p| Arc::ptr_eq(p, &pidfd)) {
                return;
            }
            held.seen.send_modify(|seen| seen.gone = true);
            held.seen.borrow().clone()
        };
        if let Some(process) = &seen.instance.process
            && let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw)
        {
            // Our own child is to be reaped; another agent's is init's.
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        self.end_remains(&seen.instance);
        let _ = self.events.send(Event::Gone(seen.instance));
    }

    async fn hear_states(self: Arc<Self>, fd: AsyncFd<OwnedFd>) {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        loop {
            let Ok(mut guard) = fd.readable().await else {
                return;
            };
            let mut names = Vec::new();
            {
                let mut reader = inotify::Reader::new(fd.get_ref(), &mut buffer);
                while let Ok(event) = reader.next() {
                    if let Some(name) = event.file_name() {
                        names.push(name.to_string_lossy().into_owned());
                    }
                }
            }
            guard.clear_ready();
            for name in names {
                self.refresh(&name);
            }
        }
    }

    /// Reads an instance's state file and tells of a change.
    fn refresh(&self, id: &str) {
        let changed = {
            let held = self.lock();
            let Some(held) = held.get(id) else { return };
            let path = held.seen.borrow().instance.state(&self.dirs);
            let Some(status) = read_status(&path) else {
                return;
            };
            let changed = held.seen.send_if_modified(|seen| {
                let changed = seen.status.as_ref() != Some(&status);
                seen.status = Some(status);
                changed
            });
            changed.then(|| held.seen.borrow().instance.clone())
        };
        if let Some(instance) = changed {
            let _ = self.events.send(Event::Changed(instance));
        }
    }

    /// The instance `id`, if it is held.
    pub fn get(&self, id: &str) -> Option<Seen> {
        self.lock().get(id).map(|held| held.seen.borrow().clone())
    }

    /// What the instance's shim says now, if it answers.
    pub async fn ask(&self, id: &str) -> Option<Status> {
        let seen = self.get(id).filter(|s| !s.gone)?;
        control::status(&seen.instance.control(&self.dirs))
            .await
            .ok()
    }

    /// All that is held, sorted by id.
    pub fn all(&self) -> Vec<Seen> {
        self.lock()
            .values()
            .map(|h| h.seen.borrow().clone())
            .collect()
    }

    /// What is held of one object, sorted by generation and copy.
    pub fn of(&self, app: &str, environment: &str, object: &str) -> Vec<Seen> {
        let mut all: Vec<_> = self
            .all()
            .into_iter()
            .filter(|s| {
                let i = &s.instance;
                i.app == app && i.environment == environment && i.object == object
            })
            .collect();
        all.sort_by_key(|s| (s.instance.generation, s.instance.copy));
        all
    }

    /// Waits until `enough` holds of the instance, its shim ended, or `deadline` passed; returns
    /// what was seen last. `None` where there is no such instance.
    pub async fn wait(
        &self,
        id: &str,
        deadline: Option<Instant>,
        mut enough: impl FnMut(&Seen) -> bool,
    ) -> Option<Seen> {
        let mut receiver = self.lock().get(id)?.seen.subscribe();
        let waiting = receiver.wait_for(|seen| seen.gone || enough(seen));
        let seen = match deadline {
            Some(deadline) => timeout_at(deadline, waiting).await.ok(),
            None => Some(waiting.await),
        };
        let seen = seen.and_then(Result::ok).map(|seen| seen.clone());
        seen.or_else(|| self.get(id))
    }

    /// Stops the instance in good order and forgets it: its shim sends the signal, waits for the
    /// grace that its spec gives, then kills. Where the shim itself does not end, it is killed
    /// after `limit` more.
    pub async fn stop(&self, id: &str, limit: Duration) {
        let Some(seen) = self.get(id) else {
            Instance::forget(&self.dirs, id);
            return;
        };
        if !seen.gone {
            let socket = seen.instance.control(&self.dirs);
            let asked = control::ask(&socket, "POST", "/stop").await;
            let deadline = match asked {
                Ok(_) => Instant::now() + limit,
                // It does not answer: there is nothing to wait for.
                Err(_) => Instant::now(),
            };
            if !self
                .wait(id, Some(deadline), |_| false)
                .await
                .is_some_and(|s| s.gone)
            {
                self.log.warn(format!(
                    "{} did not stop in time; killing it",
                    seen.instance.label()
                ));
                self.kill(id);
                let soon = Instant::now() + Duration::from_secs(5);
                self.wait(id, Some(soon), |_| false).await;
            }
        }
        self.forget(id);
    }

    /// Sends a signal to the workload, through its shim, which makes it take over the
    /// configuration with that digest.
    ///
    /// # Errors
    /// When the shim does not answer.
    pub async fn signal(&self, id: &str, name: &str, digest: &str) -> io::Result<()> {
        let seen = self
            .get(id)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let socket = seen.instance.control(&self.dirs);
        let (code, _) = control::ask(&socket, "POST", &format!("/signal?name={name}")).await?;
        if code >= 300 {
            return Err(io::Error::other(format!("its shim answers {code}")));
        }
        let mut instance = seen.instance;
        digest.clone_into(&mut instance.digest);
        instance.save(&self.dirs)?;
        if let Some(held) = self.lock().get(id) {
            held.seen.send_modify(|seen| seen.instance = instance);
        }
        Ok(())
    }

    fn kill(&self, id: &str) {
        let pidfd = self.lock().get(id).and_then(|h| h.pidfd.clone());
        if let (Some(pidfd), Some(seen)) = (pidfd, self.get(id))
            && !seen.gone
        {
            // It may have ended by itself in between.
            let _ = pidfd_send_signal(pidfd.get_ref(), Signal::KILL);
        }
    }

    /// Lets go of an instance whose shim has ended.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
        Instance::forget(&self.dirs, id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Held>> {
        // A panic while it was held can't have left half a map.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
