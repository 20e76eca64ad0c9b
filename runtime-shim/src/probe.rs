//! Probes, made without ever waiting: each is a small state machine on one descriptor.

mod attempt;

use std::ffi::NulError;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use plat_shim::spec::{Check, Probe, Spec};

use crate::launch::Program;
use crate::sys::{Exit, Interest};
use attempt::{Attempt, Step};

/// How soon after the start, and how often at first, a probe is made.
const FIRST: Duration = Duration::from_millis(20);

/// One probe of a workload, over all runs of its child.
pub struct Prober {
    /// `ready` or `alive`.
    pub name: &'static str,
    probe: Probe,
    /// For a probe that is a command.
    program: Option<Program>,
    /// Ends with the first success.
    once: bool,
    run: Option<Run>,
    pub counts: Counts,
}

/// For the metrics.
#[derive(Default)]
pub struct Counts {
    pub made: u64,
    pub failed: u64,
    /// All of them together.
    pub took: Duration,
}

/// The probe during one run of the child.
struct Run {
    began: Instant,
    next: Instant,
    pause: Duration,
    succeeded: bool,
    failures: u32,
    failure: Option<String>,
    attempt: Option<Attempt>,
}

impl Prober {
    pub fn new(name: &'static str, probe: &Probe, spec: &Spec) -> Result<Prober, NulError> {
        let program = match &probe.check {
            Check::Exec { argv } => Some(Program::new(argv, spec)?),
            Check::Http { .. } | Check::Tcp { .. } => None,
        };
        let (probe, counts) = (probe.clone(), Counts::default());
        Ok(Prober {
            name,
            probe,
            program,
            once: false,
            run: None,
            counts,
        })
    }

    /// A readiness that is only waited for: the first success settles it.
    pub fn once(self) -> Prober {
        Prober { once: true, ..self }
    }

    /// The child has been started.
    pub fn begin(&mut self, now: Instant) {
        self.halt();
        self.run = Some(Run {
            began: now,
            next: now,
            pause: FIRST.min(self.probe.every),
            succeeded: false,
            failures: 0,
            failure: None,
            attempt: None,
        });
    }

    /// No more probes for this run of the child.
    pub fn halt(&mut self) {
        if let Some(Run {
            attempt: Some(attempt),
            ..
        }) = self.run.take()
        {
            attempt.cancel();
        }
    }

    /// It has succeeded, and not failed too often since.
    pub fn passing(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| run.succeeded && run.failures < self.probe.failures)
    }

    /// It has failed too often.
    pub fn failing(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| run.failures >= self.probe.failures)
    }

    /// Why it failed, if the last one did.
    pub fn failure(&self) -> Option<&str> {
        self.run.as_ref()?.failure.as_deref()
    }

    /// When [`Prober::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let run = self.run.as_ref()?;
        match &run.attempt {
            Some(attempt) => Some(attempt.started + self.probe.timeout),
            None if self.once && run.succeeded => None,
            None => Some(run.next),
        }
    }

    /// What to wait for, to call [`Prober::advance`].
    pub fn waits_for(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        self.run.as_ref()?.attempt.as_ref()?.waits_for()
    }

    /// Begins the next probe, or gives up on the one under way, if it is time.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let Some(run) = &mut self.run else {
            return;
        };
        if let Some(attempt) = run.attempt.take() {
            let decided = attempt.decided;
            attempt.cancel();
            if !decided {
                let waited = self.probe.timeout.as_millis();
                self.conclude(
                    now,
                    self.probe.timeout,
                    Err(format!("no answer in {waited} ms")),
                );
            }
            return;
        }
        run.next = now + run.pause;
        match Attempt::begin(&self.probe.check, self.program.as_ref(), now) {
            Ok(attempt) => run.attempt = Some(attempt),
            Err(reason) => self.conclude(now, Duration::ZERO, Err(reason)),
        }
    }

    /// The descriptor is ready.
    pub fn advance(&mut self, now: Instant) {
        let step = match &mut self.run {
            Some(Run {
                attempt: Some(attempt),
                ..
            }) => attempt.advance(&self.probe.check),
            _ => return,
        };
        self.take(step, now);
    }

    /// A process has ended; whether it was this probe's.
    pub fn ended(&mut self, pid: i32, exit: Exit, now: Instant) -> bool {
        let step = match &mut self.run {
            Some(Run {
                attempt: Some(attempt),
                ..
            }) if attempt.pid() == Some(pid) => attempt.ended(exit),
            _ => return false,
        };
        self.take(step, now);
        true
    }

    fn take(&mut self, step: Step, now: Instant) {
        let Some(attempt) = self.run.as_mut().and_then(|run| run.attempt.as_mut()) else {
            return;
        };
        let took = now.saturating_duration_since(attempt.started);
        let verdict = match step {
            Step::Pending => return,
            Step::Over => {
                self.drop_attempt();
                return;
            }
            Step::Succeeded { more } => {
                attempt.decided = true;
                if !more {
                    self.drop_attempt();
                }
                Ok(())
            }
            Step::Failed(reason) => {
                self.drop_attempt();
                Err(reason)
            }
        };
        self.conclude(now, took, verdict);
    }

    fn drop_attempt(&mut self) {
        if let Some(run) = &mut self.run {
            run.attempt = None;
        }
    }

    fn conclude(&mut self, now: Instant, took: Duration, verdict: Result<(), String>) {
        let Some(run) = &mut self.run else {
            return;
        };
        self.counts.made += 1;
        self.counts.took = self.counts.took.saturating_add(took);
        match verdict {
            Ok(()) => {
                if !run.succeeded {
                    run.pause = self.probe.every;
                    // Counted from the start of the probe that succeeded.
                    run.next = (now + self.probe.every).checked_sub(took).unwrap_or(now);
                }
                run.succeeded = true;
                run.failures = 0;
                run.failure = None;
            }
            Err(reason) => {
                self.counts.failed += 1;
                if run.succeeded || now >= run.began + self.probe.start {
                    run.failures = run.failures.saturating_add(1);
                }
                run.failure = Some(reason);
                if !run.succeeded {
                    // A tenth of the time waited so far: soon noticed, and few of them.
                    run.pause = (run.pause * 11 / 10).min(self.probe.every);
                }
            }
        }
    }
}
