//! Who may write: one holder at a time, told apart by a number that only grows.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The machine's boot id: a process of an earlier boot is gone.
    pub boot: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in clock ticks since boot: process ids are used again.
    pub started: u64,
    /// What it does: `platc apply dev`.
    pub command: String,
    /// When it took the lease, in milliseconds since 1970.
    pub since: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command, pid, host, ..
        } = self;
        write!(f, "`{command}` (process {pid} on {host})")
    }
}

/// The file of a lease. It stays when nobody holds it, so that the number never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The number of the last holder.
    pub fence: u64,
    /// Who holds it; `None` when it was given back.
    pub holder: Option<Holder>,
    /// When the holder last said that it lives, in milliseconds since 1970.
    pub renewed: u64,
    /// For how long that counts, in milliseconds, where nobody can look at the process itself.
    pub ttl: u64,
}

impl Lease {
    /// The version of the format this crate writes.
    pub(crate) const FORMAT: u32 = 1;

    /// Who holds it now, as seen from `host`: a process of this machine holds it exactly while it
    /// lives, one of another machine until its last sign of life is too old.
    pub fn holder_at(&self, host: &dyn Host) -> Option<&Holder> {
        self.held_at(host).map(|(holder, _)| holder)
    }

    /// The same, and whether somebody can tell from there that it lives.
    pub(crate) fn held_at(&self, host: &dyn Host) -> Option<(&Holder, Alive)> {
        let holder = self.holder.as_ref()?;
        let alive = host.alive(holder);
        let holds = match alive {
            Alive::Yes => true,
            Alive::No => false,
            Alive::CannotTell => host.now() < self.renewed.saturating_add(self.ttl),
        };
        holds.then_some((holder, alive))
    }
}

/// What somebody who waits saw of a lease. A sign of life says by its holder's clock when it was
/// given, and that clock may be wrong by hours: a lease that does not move for its whole time, as
/// measured here, is over all the same (client-go's leader election tells it so too).
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Option<Sign>>);

/// A sign of life, and when it was first seen.
#[derive(Debug)]
struct Sign {
    fence: u64,
    renewed: u64,
    seen: Instant,
}

impl Watch {
    /// Looks once more; whether it is over.
    pub(crate) fn is_over(&self, lease: &Lease) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(sign) if (sign.fence, sign.renewed) == (lease.fence, lease.renewed) => {
                sign.seen.elapsed() >= Duration::from_millis(lease.ttl)
            }
            _ => {
                *last = Some(Sign {
                    fence: lease.fence,
                    renewed: lease.renewed,
                    seen: Instant::now(),
                });
                false
            }
        }
    }
}

/// Whether a holder lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// It does.
    Yes,
    /// It is gone for good.
    No,
    /// It is on another machine.
    CannotTell,
}

/// What the engine must know of where it runs. Given to it, so that tests decide it.
pub trait Host: Send + Sync {
    /// The time, in milliseconds since 1970.
    fn now(&self) -> u64;

    /// This process as a holder, doing `command`.
    fn me(&self, command: &str) -> Holder;

    /// Whether a holder lives.
    fn alive(&self, holder: &Holder) -> Alive;
}

/// The machine this runs on, as Linux tells it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl ThisMachine {
    fn name() -> String {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }

    fn boot() -> String {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    }

    /// When a process began, in clock ticks since boot; `None` when there is none, or only what
    /// is left of it until its parent looks.
    fn began(pid: u32) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold any character.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }
}

impl Host for ThisMachine {
    fn now(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
    }

    fn me(&self, command: &str) -> Holder {
        let pid = std::process::id();
        Holder {
            host: Self::name(),
            boot: Self::boot(),
            pid,
            started: Self::began(pid).unwrap_or_default(),
            command: command.to_owned(),
            since: self.now(),
        }
    }

    fn alive(&self, holder: &Holder) -> Alive {
        if holder.host != Self::name() {
            return Alive::CannotTell;
        }
        if holder.boot == Self::boot() && Self::began(holder.pid) == Some(holder.started) {
            Alive::Yes
        } else {
            Alive::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alive, Host, ThisMachine};

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number() {
        let me = ThisMachine.me("test");
        assert_eq!(ThisMachine.alive(&me), Alive::Yes);
        let mut other = me.clone();
        other.started += 1;
        assert_eq!(ThisMachine.alive(&other), Alive::No);
        let mut rebooted = me.clone();
        rebooted.boot = "another".into();
        assert_eq!(ThisMachine.alive(&rebooted), Alive::No);
        let mut far = me;
        far.host = "another".into();
        assert_eq!(ThisMachine.alive(&far), Alive::CannotTell);
    }

    #[test]
    fn a_process_that_ended_is_gone_though_nobody_waited_for_it() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let mut holder = ThisMachine.me("test");
        holder.pid = child.id();
        holder.started = ThisMachine::began(child.id()).unwrap_or(0);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while ThisMachine.alive(&holder) == Alive::Yes {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
