//! Telling the client that something takes longer than a moment, and how far it is: the protocol's
//! work done progress.
//!
//! This is the one place with a clock, which runs only while something is being done.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never};
use lsp_server::RequestId;
use serde_json::{Value, json};

/// A client need not hear more often how far something is.
const BETWEEN: Duration = Duration::from_millis(100);

/// What the client is told of what is being done.
#[derive(Debug)]
pub struct Progress {
    /// After how long it is told at all; `None` if the client can't show it.
    after: Option<Duration>,
    state: State,
    /// How often it was told: each time has a name of its own.
    count: u32,
}

#[derive(Debug)]
enum State {
    /// Nothing is being done, or nobody wants to hear of it.
    Quiet,
    /// Something is being done; from that moment on it is told.
    Due(Instant),
    /// The client was asked whether it shows it.
    Asked(RequestId),
    /// The client shows it. How far it is it heard last then.
    Shown(Option<Instant>),
}

impl Progress {
    /// Nothing is being done. What is done is told after this long; with `None` it never is.
    pub fn new(after: Option<Duration>) -> Self {
        Self {
            after,
            state: State::Quiet,
            count: 0,
        }
    }

    /// Something is being done, or still is.
    pub fn begin(&mut self) {
        if let (State::Quiet, Some(after)) = (&self.state, self.after) {
            self.state = State::Due(Instant::now() + after);
        }
    }

    /// Comes when the client is to be told.
    pub fn due(&self) -> Receiver<Instant> {
        match self.state {
            State::Due(when) => at(when),
            _ => never(),
        }
    }

    /// The client is asked to show something: with these parameters.
    pub fn ask(&mut self, id: RequestId) -> Value {
        self.count += 1;
        self.state = State::Asked(id);
        json!({ "token": self.token() })
    }

    /// The client has answered one of the server's questions. If it was this one, what is told next.
    pub fn answered(&mut self, id: &RequestId, shows: bool) -> Option<Value> {
        match &self.state {
            State::Asked(asked) if asked == id && shows => {
                self.state = State::Shown(None);
                Some(self.value(&json!({
                    "kind": "begin",
                    "title": "plat",
                    "message": "checking",
                    "cancellable": true,
                })))
            }
            // Until all is done, it is not asked again.
            _ => None,
        }
    }

    /// How far it is; what is told of that, if anything is.
    pub fn report(&mut self, message: &str) -> Option<Value> {
        match &mut self.state {
            State::Shown(last) if last.is_none_or(|last| last.elapsed() >= BETWEEN) => {
                *last = Some(Instant::now());
                Some(self.value(&json!({ "kind": "report", "message": message })))
            }
            _ => None,
        }
    }

    /// All is done, or given up; what is told of that, if it was told that it began.
    pub fn end(&mut self) -> Option<Value> {
        match std::mem::replace(&mut self.state, State::Quiet) {
            State::Shown(_) => Some(self.value(&json!({ "kind": "end" }))),
            _ => None,
        }
    }

    /// Is this the name of what is shown?
    pub fn is(&self, token: &Value) -> bool {
        matches!(self.state, State::Shown(_)) && *token == self.token()
    }

    fn token(&self) -> String {
        format!("plat/checking/{}", self.count)
    }

    fn value(&self, value: &Value) -> Value {
        json!({ "token": self.token(), "value": value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i32) -> RequestId {
        RequestId::from(number)
    }

    #[test]
    fn what_takes_long_is_told_from_its_beginning_to_its_end() {
        let mut progress = Progress::new(Some(Duration::ZERO));
        progress.begin();
        // At once, as so short a wait is over.
        progress.due().recv().unwrap();
        let asked = progress.ask(id(7));
        assert_eq!(progress.report("1 of 3 files"), None, "before it is shown");
        let begun = progress.answered(&id(7), true).unwrap();
        assert_eq!(begun["token"], asked["token"]);
        assert_eq!(begun["value"]["kind"], "begin");
        let told = progress.report("2 of 3 files").unwrap();
        assert_eq!(told["value"]["message"], "2 of 3 files");
        assert!(progress.is(&asked["token"]));
        assert_eq!(progress.end().unwrap()["value"]["kind"], "end");
        assert_eq!(progress.end(), None);
        assert!(!progress.is(&asked["token"]));
        progress.begin();
        assert_ne!(progress.ask(id(8))["token"], asked["token"]);
    }

    #[test]
    fn what_is_done_before_the_client_shows_it_is_not_told() {
        let mut progress = Progress::new(Some(Duration::ZERO));
        progress.begin();
        progress.ask(id(1));
        assert_eq!(progress.end(), None);
        assert_eq!(progress.answered(&id(1), true), None);
        // And then something else is being done.
        progress.begin();
        progress.ask(id(2));
        assert_eq!(progress.answered(&id(1), true), None);
        assert!(progress.answered(&id(2), true).is_some());
    }

    #[test]
    fn a_client_that_does_not_want_it_is_left_alone_until_all_is_done() {
        let mut progress = Progress::new(Some(Duration::ZERO));
        progress.begin();
        progress.ask(id(1));
        assert_eq!(progress.answered(&id(1), false), None);
        progress.begin();
        assert_eq!(progress.due().try_recv().ok(), None);
        assert_eq!(progress.report("1 of 3 files"), None);
        let mut never = Progress::new(None);
        never.begin();
        assert_eq!(never.due().try_recv().ok(), None);
    }
}
