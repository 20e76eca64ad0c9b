//! How many operations run at once: as many as the target bears.
//!
//! Additive increase, multiplicative decrease, as TCP does with its congestion window (RFC 5681):
//! a window that is used up without a word of complaint grows by one, a complaint halves it. The
//! complaints about calls that were begun before it was halved are about the same burst, and halve
//! it no further. There is no clock in it, so that the same answers give the same pace.

use std::collections::BTreeMap;

use crate::plan::OpId;

/// The window of an apply.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    window: usize,
    /// How many calls went well since the window last changed.
    well: usize,
    /// How many calls were begun so far.
    begun: u64,
    /// Calls up to this number were begun in a window that has been halved since.
    heeded: u64,
    under_way: BTreeMap<OpId, u64>,
    /// Those that asked their target for all that they want, and wait until it works.
    waiting: BTreeMap<OpId, u64>,
}

/// How many may wait for each that is under way. What waits costs little, and still its time runs: a
/// target that takes up so much at once gets no more until it has.
const WAITING: usize = 16;

impl Pace {
    /// A window of `most`, which it never exceeds.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            window: most,
            well: 0,
            begun: 0,
            heeded: 0,
            under_way: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// How many more may be begun now.
    pub(crate) fn room(&self) -> usize {
        let waiting = (self.most * WAITING).saturating_sub(self.waiting.len());
        self.window
            .min(waiting)
            .saturating_sub(self.under_way.len())
    }

    /// Whether a call for that operation is under way.
    pub(crate) fn is_under_way(&self, id: OpId) -> bool {
        self.under_way.contains_key(&id) || self.waiting.contains_key(&id)
    }

    /// A call is begun.
    pub(crate) fn begin(&mut self, id: OpId) {
        self.begun += 1;
        self.under_way.insert(id, self.begun);
    }

    /// A call only waits from now on.
    pub(crate) fn waits(&mut self, id: OpId) {
        if let Some(number) = self.under_way.remove(&id) {
            self.waiting.insert(id, number);
        }
    }

    fn remove(&mut self, id: OpId) -> Option<u64> {
        self.under_way
            .remove(&id)
            .or_else(|| self.waiting.remove(&id))
    }

    /// A call ended, and its target did not complain of too many.
    pub(crate) fn ended(&mut self, id: OpId) {
        self.remove(id);
        self.well += 1;
        if self.well >= self.window && self.window < self.most {
            self.window += 1;
            self.well = 0;
        }
    }

    /// The target asked to be called less.
    pub(crate) fn throttled(&mut self, id: OpId) {
        let Some(number) = self.remove(id) else {
            return;
        };
        if number > self.heeded {
            self.window = (self.window / 2).max(1);
            self.well = 0;
            self.heeded = self.begun;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use crate::plan::OpId;

    fn burst(pace: &mut Pace, from: usize) -> Vec<OpId> {
        let ids: Vec<OpId> = (from..from + pace.room()).map(OpId).collect();
        for id in &ids {
            pace.begin(*id);
        }
        ids
    }

    #[test]
    fn one_burst_that_is_throttled_halves_the_window_once() {
        let mut pace = Pace::new(16);
        let first = burst(&mut pace, 0);
        assert_eq!(first.len(), 16);
        for id in first {
            pace.throttled(id);
        }
        assert_eq!(pace.room(), 8);
        for id in burst(&mut pace, 100) {
            pace.throttled(id);
        }
        assert_eq!(pace.room(), 4);
    }

    #[test]
    fn it_never_stops_and_comes_back_to_its_most_and_no_further() {
        let mut pace = Pace::new(4);
        for round in 0..10 {
            for id in burst(&mut pace, round * 10) {
                pace.throttled(id);
            }
        }
        assert_eq!(pace.room(), 1);
        let mut widths = Vec::new();
        for round in 0..6 {
            let ids = burst(&mut pace, 1000 + round * 10);
            widths.push(ids.len());
            for id in ids {
                pace.ended(id);
            }
        }
        assert_eq!(widths, [1, 2, 3, 4, 4, 4]);
    }

    #[test]
    fn a_call_counts_as_long_as_it_is_under_way() {
        let mut pace = Pace::new(3);
        pace.begin(OpId(1));
        pace.begin(OpId(2));
        assert_eq!(pace.room(), 1);
        pace.throttled(OpId(1));
        // The window is one now, and one call is under way.
        assert_eq!(pace.room(), 0);
        pace.ended(OpId(2));
        assert_eq!(pace.room(), 2);
    }

    #[test]
    fn a_call_that_only_waits_makes_room_for_others_and_not_without_end() {
        let mut pace = Pace::new(2);
        let mut waiting = Vec::new();
        for round in 0.. {
            let ids = burst(&mut pace, round * 10);
            if ids.is_empty() {
                break;
            }
            for id in ids {
                pace.waits(id);
                assert!(pace.is_under_way(id));
                waiting.push(id);
            }
        }
        assert_eq!(waiting.len(), 2 * super::WAITING);
        pace.ended(waiting[0]);
        assert_eq!(pace.room(), 1);
    }
}
