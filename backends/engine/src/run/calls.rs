//! What is under way of a run.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::beat::{ANSWER, in_time};
use crate::backend::{Done, OpError, Turn};
use crate::error::StateError;
use crate::journal::Event;
use crate::ledger::Held;
use crate::pace::Pace;
use crate::plan::{OpId, Operation};

/// How a call of a target ended.
pub(super) type Ended = (OpId, Result<Done, OpError>);

/// An operation that is under way: begun, and not ended.
pub(super) struct Trying {
    /// It: as planned, or the way back from it.
    pub operation: Operation,
    /// How often its target was called for it.
    pub calls: u32,
    /// How long it rests before its target is called again.
    pub pause: Duration,
    /// When nobody waits for it any more.
    pub until: Instant,
    /// How its last call failed.
    pub error: Option<OpError>,
}

/// What is under way.
pub(super) struct Calls {
    pub pace: Pace,
    pub trying: BTreeMap<OpId, Trying>,
    pub running: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// Those that ended and are not taken in yet.
    pub over: Vec<Ended>,
    /// Those that are tried again when their time has come.
    pub resting: FuturesUnordered<BoxFuture<'static, OpId>>,
    /// Those whose time has come.
    pub rested: VecDeque<OpId>,
    /// Those that from now on only wait for their thing to work.
    pub waiting: mpsc::UnboundedReceiver<OpId>,
    waits: mpsc::UnboundedSender<OpId>,
}

impl Calls {
    pub(super) fn new(at_once: usize) -> Self {
        let (waits, waiting) = mpsc::unbounded_channel();
        Self {
            pace: Pace::new(at_once),
            trying: BTreeMap::new(),
            running: FuturesUnordered::new(),
            over: Vec::new(),
            resting: FuturesUnordered::new(),
            rested: VecDeque::new(),
            waiting,
            waits,
        }
    }

    /// What an operation tells when it has asked its target for all that it wants.
    pub(super) fn turn(&self, id: OpId) -> Turn {
        let waits = self.waits.clone();
        // Who does not listen any more has no next operation either.
        Turn::new(move || {
            let _ = waits.send(id);
        })
    }

    /// Takes in what ended, what only waits, and whose time to be tried again has come, by now.
    pub(super) fn look(&mut self) {
        while let Some(Some(ended)) = self.running.next().now_or_never() {
            self.over.push(ended);
        }
        // After them: they may just have told so.
        while let Ok(id) = self.waiting.try_recv() {
            self.pace.waits(id);
        }
        while let Some(Some(id)) = self.resting.next().now_or_never() {
            self.rested.push_back(id);
        }
    }

    /// Writes to the journal, with one write. Meanwhile what is under way goes on: all that ends until
    /// then shares the next write.
    ///
    /// # Errors
    /// It can't be written, or there is no answer in time.
    pub(super) async fn write(
        &mut self,
        held: &mut Held,
        events: Vec<Event>,
    ) -> Result<(), StateError> {
        let place = held.place();
        let mut writing = std::pin::pin!(in_time(ANSWER, &place, held.record(events)));
        loop {
            tokio::select! {
                biased;
                written = &mut writing => return written,
                Some(ended) = self.running.next() => self.over.push(ended),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calls, OpId};

    #[test]
    fn what_tells_when_it_is_looked_at_that_it_only_waits_makes_room_at_once() {
        let mut calls = Calls::new(1);
        calls.pace.begin(OpId(0));
        let turn = calls.turn(OpId(0));
        calls.running.push(Box::pin(async move {
            turn.give_on();
            std::future::pending().await
        }));
        assert_eq!(calls.pace.room(), 0);
        calls.look();
        assert_eq!(calls.pace.room(), 1);
    }
}
