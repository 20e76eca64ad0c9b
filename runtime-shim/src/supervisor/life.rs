//! The child's life: started, watched, ended, started again.

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use plat_shim::signal::Signal;
use plat_shim::spec::Policy;
use plat_shim::status::State;

use super::{Child, Supervisor};
use crate::capture::Capture;
use crate::clock;
use crate::launch::NotStarted;
use crate::log::Stream;
use crate::probe::Prober;
use crate::sys::{self, Exit, Waited};
use crate::tree;

/// How often what should be dead is looked for and killed again.
const KILL_AGAIN: Duration = Duration::from_millis(50);
/// So often; then what the kernel can't kill is left alone.
const KILLS: u32 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Unready, and about to be stopped for good.
    Draining {
        until: Instant,
    },
    /// The child, or what it left behind, is to end; at `kill_at` it is made to.
    Ending {
        goal: Goal,
        kill_at: Instant,
        kills: u32,
    },
    Backoff {
        until: Instant,
    },
    Exited,
}

/// What comes after the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Exit,
    /// A restart that was asked for: at once.
    Restart,
    /// A restart because it no longer worked: with backoff.
    Revive,
    /// What the policy says of an end by itself.
    Policy,
}

impl Phase {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Phase::Draining { until } | Phase::Backoff { until } => Some(*until),
            Phase::Ending { kill_at, .. } => Some(*kill_at),
            Phase::Running | Phase::Exited => None,
        }
    }
}

impl Supervisor {
    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Running if self.is_ready() => State::Ready,
            Phase::Running if self.was_ready => State::Unready,
            Phase::Running => State::Starting,
            Phase::Draining { .. }
            | Phase::Ending {
                goal: Goal::Exit, ..
            } => State::Stopping,
            Phase::Ending { .. } => State::Unready,
            Phase::Backoff { .. } => State::Backoff,
            Phase::Exited => State::Exited,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Running
            && self.child.is_some()
            && self.ready.as_ref().is_none_or(Prober::passing)
    }

    /// It runs, and its `alive` probe has not condemned it.
    pub(super) fn is_healthy(&self) -> bool {
        self.child.is_some() && matches!(self.phase, Phase::Running | Phase::Draining { .. })
    }

    /// What was wrong before is over once it is ready. Whoever is told that it is ready must not be
    /// told the old reason with it, so this comes before anything is told.
    pub(super) fn settle(&mut self) {
        if self.is_ready() && !self.was_ready {
            self.was_ready = true;
            self.reason = None;
        }
    }

    pub(super) fn launch(&mut self, now: Instant) {
        self.was_ready = false;
        match self.launch_child() {
            Ok(pid) => {
                let (ticks, began) = (tree::started(pid), clock::now_millis());
                self.child = Some(Child {
                    pid,
                    ticks,
                    at: now,
                    began,
                });
                self.phase = Phase::Running;
                for prober in [&mut self.ready, &mut self.alive].into_iter().flatten() {
                    prober.begin(now);
                }
                self.log.tell(&format!("started as process {pid}"));
            }
            Err(NotStarted { code, reason }) => {
                self.log.say(&reason);
                self.reason = Some(reason);
                self.last = Some(Exit::Code(code));
                self.finish_captures();
                self.follow_policy(now);
            }
        }
    }

    fn launch_child(&mut self) -> Result<i32, NotStarted> {
        if !self.log.has_file() {
            return self
                .program
                .start(io::stdout().as_fd(), io::stderr().as_fd());
        }
        let pipe = |stream| {
            Capture::new(stream).map_err(|error| NotStarted {
                code: 126,
                reason: format!("could not make a pipe for its output: {error}"),
            })
        };
        let (out, out_end) = pipe(Stream::Out)?;
        let (error, error_end) = pipe(Stream::Error)?;
        self.captures = vec![out, error];
        self.program.start(out_end.as_fd(), error_end.as_fd())
    }

    /// Stops it for good: drains if it was ready, asks, and kills in the end. Asked again, it
    /// waits less.
    pub(super) fn stop(&mut self, signal: Signal, now: Instant) {
        let drains = self.is_ready() && !self.spec.stop.drain.is_zero();
        match &mut self.phase {
            Phase::Running if drains => {
                self.halt_probes();
                self.spec.stop.signal = signal;
                self.phase = Phase::Draining {
                    until: now + self.spec.stop.drain,
                };
            }
            Phase::Running | Phase::Draining { .. } => self.end(Goal::Exit, signal, now),
            Phase::Ending { goal, .. } => {
                *goal = Goal::Exit;
                self.forward(signal);
            }
            Phase::Backoff { .. } => self.phase = Phase::Exited,
            Phase::Exited => {}
        }
    }

    /// Stops it and starts it again; whether that is still possible.
    pub(super) fn restart(&mut self, now: Instant) -> bool {
        match &mut self.phase {
            Phase::Running => self.end(Goal::Restart, self.spec.stop.signal, now),
            Phase::Backoff { until } => *until = now,
            Phase::Ending { goal, .. } if *goal != Goal::Exit => *goal = Goal::Restart,
            Phase::Ending { .. } | Phase::Draining { .. } | Phase::Exited => return false,
        }
        self.deaths = 0;
        true
    }

    fn end(&mut self, goal: Goal, signal: Signal, now: Instant) {
        self.halt_probes();
        self.phase = Phase::Ending {
            goal,
            kill_at: now + self.spec.stop.grace,
            kills: 0,
        };
        self.forward(signal);
        if signal != Signal::KILL
            && let Some(go_on) = Signal::from_number(libc::SIGCONT)
        {
            // One that is stopped takes no signal before it goes on.
            self.forward(go_on);
        }
    }

    /// Does what it is time for.
    pub(super) fn tick(&mut self, now: Instant) {
        for prober in [&mut self.ready, &mut self.alive].into_iter().flatten() {
            prober.tick(now);
        }
        if self.alive.as_ref().is_some_and(Prober::failing) && self.phase == Phase::Running {
            let why = self
                .alive
                .as_ref()
                .and_then(Prober::failure)
                .unwrap_or_default();
            let reason = format!("it was restarted because it is no longer alive: {why}");
            self.log.say(&reason);
            self.reason = Some(reason);
            let never = self.spec.restart.policy == Policy::Never;
            let goal = if never { Goal::Exit } else { Goal::Revive };
            self.end(goal, self.spec.stop.signal, now);
        }
        if self.phase.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Draining { .. } => self.end(Goal::Exit, self.spec.stop.signal, now),
            Phase::Backoff { .. } => {
                self.restarts += 1;
                self.launch(now);
            }
            Phase::Ending { goal, kills, .. } => self.kill(goal, kills, now),
            Phase::Running | Phase::Exited => {}
        }
    }

    /// Kills the group and whoever left it.
    fn kill(&mut self, goal: Goal, kills: u32, now: Instant) {
        if kills == KILLS {
            self.log
                .say("some of its processes can't be killed and are left behind");
            return self.after_end(goal, now);
        }
        if let (Some(child), 0) = (&self.child, kills) {
            let reason = format!(
                "process {} had not ended {} ms after it was told to, and was killed",
                child.pid,
                self.spec.stop.grace.as_millis()
            );
            self.log.say(&reason);
            self.reason = Some(reason);
        }
        self.forward(Signal::KILL);
        for pid in tree::below_us() {
            sys::kill(pid, Signal::KILL);
        }
        self.phase = Phase::Ending {
            goal,
            kill_at: now + KILL_AGAIN,
            kills: kills + 1,
        };
    }

    /// Takes note of every process that has ended.
    pub(super) fn reap(&mut self, now: Instant) {
        loop {
            match sys::wait() {
                Waited::Ended(pid, exit) => {
                    // Before it is released: until then its number, and its group's, stay its own.
                    if self.child.as_ref().is_some_and(|child| child.pid == pid) {
                        self.child_ended(exit, now);
                    } else {
                        let probers = [&mut self.ready, &mut self.alive].into_iter().flatten();
                        for prober in probers {
                            if prober.ended(pid, exit, now) {
                                sys::kill_group(pid, Signal::KILL);
                            }
                        }
                    }
                    sys::release(pid);
                }
                Waited::None => return,
                Waited::NoChildren => {
                    if let Phase::Ending { goal, .. } = self.phase {
                        self.after_end(goal, now);
                    }
                    return;
                }
            }
        }
    }

    fn child_ended(&mut self, exit: Exit, now: Instant) {
        let how = match exit {
            Exit::Code(code) => format!("exited with {code}"),
            Exit::Signal(signal) => format!("was ended by signal {signal}"),
        };
        self.log.tell(&how);
        self.last = Some(exit);
        self.halt_probes();
        let Some(child) = self.child.take() else {
            return;
        };
        if now.saturating_duration_since(child.at) >= self.spec.restart.reset_after {
            self.deaths = 0;
        }
        let goal = match self.phase {
            // What it left behind has the rest of the grace.
            Phase::Ending { kills: 0, .. } => return,
            Phase::Ending { goal, .. } => goal,
            Phase::Draining { .. } => Goal::Exit,
            Phase::Running | Phase::Backoff { .. } | Phase::Exited => Goal::Policy,
        };
        sys::kill_group(child.pid, Signal::KILL);
        self.phase = Phase::Ending {
            goal,
            kill_at: now,
            kills: 0,
        };
    }

    /// The child and all it had started are gone.
    fn after_end(&mut self, goal: Goal, now: Instant) {
        self.finish_captures();
        match goal {
            Goal::Exit => self.phase = Phase::Exited,
            Goal::Restart => {
                self.restarts += 1;
                self.launch(now);
            }
            Goal::Revive => self.back_off(now),
            Goal::Policy => self.follow_policy(now),
        }
    }

    fn follow_policy(&mut self, now: Instant) {
        let failed = self.last != Some(Exit::Code(0));
        match self.spec.restart.policy {
            Policy::Always => self.back_off(now),
            Policy::OnFailure if failed => self.back_off(now),
            Policy::OnFailure | Policy::Never => self.phase = Phase::Exited,
        }
    }

    fn back_off(&mut self, now: Instant) {
        let restart = &self.spec.restart;
        let wait = restart
            .initial
            .saturating_mul(1 << self.deaths.min(30))
            .min(restart.maximum);
        self.deaths = self.deaths.saturating_add(1);
        self.log
            .tell(&format!("starting again in {} ms", wait.as_millis()));
        self.phase = Phase::Backoff { until: now + wait };
    }

    fn halt_probes(&mut self) {
        for prober in [&mut self.ready, &mut self.alive].into_iter().flatten() {
            prober.halt();
        }
    }

    fn finish_captures(&mut self) {
        for capture in std::mem::take(&mut self.captures) {
            capture.finish(&mut self.log);
        }
    }
}
