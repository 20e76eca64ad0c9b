//! The one loop: everything is asked what it waits for, and told when that has come.
//!
//! What happens to the child, and when, is in `life`; this file has the loop itself, what goes
//! in and out of it (signals, requests) and what is told about it.

mod life;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plat_shim::signal::Signal;
use plat_shim::spec::{Check, Probe, Spec};
use plat_shim::status::{State, Status};

use crate::capture::Capture;
use crate::clock;
use crate::control::{Answer, Control, Request};
use crate::launch::Program;
use crate::log::Log;
use crate::metrics::{self, Metrics, Seconds};
use crate::probe::Prober;
use crate::secrets::{self, SecretDir};
use crate::sys::{Exit, PollSet, Received, Signals};
use crate::tree;
use life::Phase;

/// One workload.
pub struct Supervisor {
    spec: Spec,
    program: Program,
    signals: Signals,
    control: Option<Control>,
    secrets: Option<SecretDir>,
    log: Log,
    captures: Vec<Capture>,
    ready: Option<Prober>,
    alive: Option<Prober>,
    phase: Phase,
    child: Option<Child>,
    /// How the child that ended last did.
    last: Option<Exit>,
    reason: Option<String>,
    restarts: u64,
    /// Ends in a row, for the backoff.
    deaths: u32,
    /// It has been ready since it was started last.
    was_ready: bool,
    began: u64,
    own_start: Option<u64>,
    published: Option<Status>,
    state_failed: bool,
}

/// The child that runs. Its process number is its group's.
struct Child {
    pid: i32,
    ticks: Option<u64>,
    at: Instant,
    began: u64,
}

/// Whose descriptor is ready.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Connection(usize),
    Capture(usize),
    Ready,
    Alive,
}

impl Supervisor {
    /// Nothing runs yet. Fails where the state file can't be written.
    pub fn new(
        mut spec: Spec,
        signals: Signals,
        control: Control,
        secrets: Option<SecretDir>,
        log: Log,
    ) -> Result<Supervisor, String> {
        let programs = || {
            let program = Program::new(&spec.argv, &spec)?;
            let probe = |name, probe: Option<&Probe>| {
                probe
                    .map(|probe| Prober::new(name, probe, &spec))
                    .transpose()
            };
            let ready = match (probe("ready", spec.ready.as_ref())?, spec.listens) {
                (None, Some(address)) => {
                    let accepts = Probe::new(Check::Tcp { address });
                    Some(Prober::new("ready", &accepts, &spec)?.once())
                }
                (ready, _) => ready,
            };
            Ok((program, ready, probe("alive", spec.alive.as_ref())?))
        };
        let (program, ready, alive) =
            programs().map_err(|error: std::ffi::NulError| error.to_string())?;
        // The programs have it now; one copy of a secret is enough.
        for value in std::mem::take(&mut spec.env).into_values() {
            secrets::wipe(&mut value.into_bytes());
        }
        let supervisor = Supervisor {
            spec,
            program,
            signals,
            control: Some(control),
            secrets,
            log,
            captures: Vec::new(),
            ready,
            alive,
            phase: Phase::Running,
            child: None,
            last: None,
            reason: None,
            restarts: 0,
            deaths: 0,
            was_ready: false,
            began: clock::now_millis(),
            own_start: i32::try_from(std::process::id())
                .ok()
                .and_then(tree::started),
            published: None,
            state_failed: false,
        };
        let status = supervisor.status();
        supervisor.write_state(&status).map_err(|error| {
            let path = supervisor.spec.state.display();
            format!("could not write the state file {path}: {error}")
        })?;
        Ok(supervisor)
    }

    /// Starts the child for the first time.
    pub fn start(&mut self) {
        self.launch(Instant::now());
        self.settle();
        self.publish();
    }

    /// Supervises until the workload has ended for good; its exit code.
    pub fn run(mut self) -> u8 {
        let mut poll = PollSet::new();
        while self.phase != Phase::Exited {
            poll.clear();
            self.register(&mut poll);
            let now = Instant::now();
            poll.wait(
                self.deadline()
                    .map(|deadline| deadline.saturating_duration_since(now)),
            );
            let now = Instant::now();
            for source in poll.ready() {
                self.handle(source, now);
            }
            self.tick(now);
            self.settle();
            self.publish();
            if let Some(control) = &mut self.control {
                control.sweep(Instant::now());
            }
        }
        self.last.map_or(0, |exit| match exit {
            Exit::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Exit::Signal(signal) => u8::try_from(128 + signal.number()).unwrap_or(u8::MAX),
        })
    }

    fn register(&self, poll: &mut PollSet<Source>) {
        use crate::sys::Interest::Read;
        use std::os::fd::AsFd as _;
        poll.add(self.signals.as_fd(), Read, Source::Signals);
        if let Some(control) = &self.control {
            for listener in control.listens() {
                poll.add(listener, Read, Source::Listener);
            }
            for (index, fd, interest) in control.waits_for() {
                poll.add(fd, interest, Source::Connection(index));
            }
        }
        for (index, capture) in self.captures.iter().enumerate() {
            if let Some(fd) = capture.fd() {
                poll.add(fd, Read, Source::Capture(index));
            }
        }
        for (prober, source) in [(&self.ready, Source::Ready), (&self.alive, Source::Alive)] {
            if let Some((fd, interest)) = prober.as_ref().and_then(Prober::waits_for) {
                poll.add(fd, interest, source);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let probers = [&self.ready, &self.alive].into_iter().flatten();
        let control = self.control.as_ref().and_then(Control::deadline);
        probers
            .filter_map(Prober::deadline)
            .chain(control)
            .chain(self.phase.deadline())
            .min()
    }

    fn handle(&mut self, source: Source, now: Instant) {
        match source {
            Source::Signals => {
                while let Some(received) = self.signals.next() {
                    self.received(received, now);
                }
            }
            Source::Listener => {
                if let Some(control) = &mut self.control {
                    control.accept(now);
                }
            }
            Source::Connection(index) => {
                let request = self
                    .control
                    .as_mut()
                    .and_then(|control| control.advance(index));
                if let Some(request) = request {
                    let answer = self.answer(request, now);
                    if let Some(control) = &mut self.control {
                        control.reply(index, &answer);
                    }
                }
            }
            Source::Capture(index) => {
                if let Some(capture) = self.captures.get_mut(index) {
                    capture.read(&mut self.log);
                }
            }
            Source::Ready | Source::Alive => {
                let prober = match source {
                    Source::Ready => &mut self.ready,
                    _ => &mut self.alive,
                };
                if let Some(prober) = prober {
                    prober.advance(now);
                }
            }
        }
    }

    fn received(&mut self, received: Received, now: Instant) {
        let Received { signal, by_kernel } = received;
        match signal.number() {
            libc::SIGCHLD => self.reap(now),
            libc::SIGTERM => self.stop(self.spec.stop.signal, now),
            libc::SIGINT | libc::SIGQUIT => self.stop(signal, now),
            // The terminal of whoever started us is gone; the workload is none of its business.
            libc::SIGHUP if by_kernel => {}
            _ => {
                self.forward(signal);
            }
        }
    }

    fn answer(&mut self, request: Request, now: Instant) -> Answer {
        match request {
            Request::Healthz if self.is_healthy() => Answer::text(200, "ok"),
            Request::Readyz if self.is_ready() => Answer::text(200, "ready"),
            Request::Healthz | Request::Readyz => Answer::text(503, self.state().to_string()),
            Request::Metrics => {
                let content_type = metrics::CONTENT_TYPE;
                Answer {
                    code: 200,
                    content_type,
                    body: self.metrics(),
                }
            }
            Request::Status => {
                let content_type = "application/json";
                Answer {
                    code: 200,
                    content_type,
                    body: self.status().to_json(),
                }
            }
            Request::Stop => {
                self.stop(self.spec.stop.signal, now);
                Answer::text(202, "stopping")
            }
            Request::Restart if self.restart(now) => Answer::text(202, "restarting"),
            Request::Restart => Answer::text(409, "it is being stopped"),
            Request::Signal(signal) if self.forward(signal) => Answer::text(202, "sent"),
            Request::Signal(_) => Answer::text(409, "no process runs"),
        }
    }

    fn metrics(&self) -> String {
        let mut out = Metrics::new(&self.spec.name);
        let ready = u8::from(self.is_ready());
        out.gauge("plat_ready", "", "1 if it can take work, else 0.", ready);
        let help = "How often the child was started again.";
        out.counter("plat_restarts", "", help, self.restarts);
        let seconds = |millis: u64| Seconds(Duration::from_millis(millis));
        let help = "When the shim was started, in seconds since 1970.";
        out.gauge(
            "plat_start_time_seconds",
            "seconds",
            help,
            seconds(self.began),
        );
        if let Some(child) = &self.child {
            let help = "When the child was started, in seconds since 1970.";
            out.gauge(
                "plat_child_start_time_seconds",
                "seconds",
                help,
                seconds(child.began),
            );
        }
        out.usage(self.child.as_ref().map(|child| child.pid));
        out.probes([&self.ready, &self.alive].into_iter().flatten());
        let (written, dropped) = self.log.counts();
        out.counter("plat_log_bytes", "bytes", "Bytes of log written.", written);
        let help = "Bytes of log dropped because the disk was full.";
        out.counter("plat_log_dropped_bytes", "bytes", help, dropped);
        out.finish()
    }

    fn status(&self) -> Status {
        let state = self.state();
        let since = match &self.published {
            Some(published) if published.state == state => published.since,
            _ => clock::now_millis(),
        };
        let failure = |prober: &Option<Prober>| {
            let prober = prober.as_ref()?;
            Some(format!("{}: {}", prober.name, prober.failure()?))
        };
        let pid = |pid: i32| u32::try_from(pid).ok();
        Status {
            name: self.spec.name.clone(),
            state,
            since,
            shim_pid: std::process::id(),
            shim_started: self.own_start,
            child_pid: self.child.as_ref().and_then(|child| pid(child.pid)),
            child_started: self.child.as_ref().and_then(|child| child.ticks),
            restarts: self.restarts,
            exit_code: match self.last {
                Some(Exit::Code(code)) => Some(code),
                _ => None,
            },
            exit_signal: match self.last {
                Some(Exit::Signal(signal)) => Some(signal.to_string()),
                _ => None,
            },
            restart_in: match self.phase {
                Phase::Backoff { until } => {
                    let left = until.saturating_duration_since(Instant::now());
                    u64::try_from(left.as_millis()).ok()
                }
                _ => None,
            },
            probe_failure: failure(&self.alive).or_else(|| failure(&self.ready)),
            reason: self.reason.clone(),
        }
    }

    /// Tells of a transition: in the log, and in the state file.
    fn publish(&mut self) {
        let status = self.status();
        if let Some(before) = &self.published {
            // What changes all the time is for those who ask.
            let restart_in = before.restart_in;
            let probe_failure = before.probe_failure.clone();
            let steady = Status {
                restart_in,
                probe_failure,
                ..status.clone()
            };
            if steady == *before {
                return;
            }
            if before.state != status.state {
                self.tell(&status);
            }
        }
        if status.state == State::Exited {
            // Whoever reads `exited` may start this workload anew, and finds everything cleared.
            self.control = None;
            self.secrets = None;
        }
        match self.write_state(&status) {
            Ok(()) => self.state_failed = false,
            Err(error) if !self.state_failed => {
                self.state_failed = true;
                let path = self.spec.state.display();
                self.log
                    .say(&format!("could not write the state file {path}: {error}"));
            }
            Err(_) => {}
        }
        self.published = Some(status);
    }

    fn tell(&mut self, status: &Status) {
        match (status.state, &status.probe_failure) {
            (State::Ready, _) => self.log.tell("ready"),
            (State::Unready, Some(why)) => self.log.tell(&format!("unready: {why}")),
            (State::Stopping, _) => self.log.tell("stopping"),
            _ => {}
        }
    }

    /// Whole or not at all, whenever somebody reads it.
    fn write_state(&self, status: &Status) -> io::Result<()> {
        let path = &self.spec.state;
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        let written = file.write_all(status.to_json().as_bytes());
        if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        if status.state == State::Exited {
            // How a job ended must outlast a crash of the machine.
            file.sync_all()?;
        }
        Ok(())
    }

    /// To the child's whole group; whether there is one.
    fn forward(&mut self, signal: Signal) -> bool {
        if let Some(child) = &self.child {
            crate::sys::kill_group(child.pid, signal);
        }
        self.child.is_some()
    }
}
