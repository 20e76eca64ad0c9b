//! Signals by name, the same in the spec, in `POST /signal?name=…` and in the status.

use std::fmt;

/// A Unix signal number that this machine knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// The highest signal number Linux has on the architectures we run on.
const HIGHEST: i32 = 64;

const NAMES: [(&str, i32); 31] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

impl Signal {
    /// Ask to end: what a workload is sent unless its spec says otherwise.
    pub const TERM: Signal = Signal(libc::SIGTERM);
    /// End at once; can't be caught.
    pub const KILL: Signal = Signal(libc::SIGKILL);

    /// The signal with this number, if it is one (1 to 64).
    #[must_use]
    pub fn from_number(number: i32) -> Option<Signal> {
        (1..=HIGHEST).contains(&number).then_some(Signal(number))
    }

    /// The signal called `name`: `TERM`, `SIGTERM`, or a number (real-time signals have only that).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Signal> {
        let bare = name.strip_prefix("SIG").unwrap_or(name);
        match NAMES.iter().find(|(known, _)| *known == bare) {
            Some((_, number)) => Some(Signal(*number)),
            None => name.parse().ok().and_then(Signal::from_number),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }
}

/// `TERM`, `HUP`; a number where the signal has no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Signal;

    #[test]
    fn every_number_has_a_name_that_leads_back_to_it() {
        for number in 1..=64 {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(Signal::from_name(&signal.to_string()), Some(signal));
        }
        assert_eq!(Signal::from_name("SIGTERM"), Some(Signal::TERM));
        for bad in ["", "SIG", "term", "0", "65", "-1", "TERM "] {
            assert_eq!(Signal::from_name(bad), None, "{bad:?}");
        }
    }
}
