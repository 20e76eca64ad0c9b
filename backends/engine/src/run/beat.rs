//! The signs of life of whoever holds a lease.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::StateError;
use crate::lease::Host;
use crate::ledger::{Held, TTL};
use crate::store::StoreError;

/// How often a sign of life is given: some may be lost before the lease counts as given up.
const BEAT: Duration = Duration::from_millis(TTL / 6);

/// How long one sign of life may take: another can be given before the last one counts no more.
const SIGN: Duration = Duration::from_millis(TTL / 3);
/// How long one write of the state may take. No sign of life is given meanwhile, and the last one is
/// as old as [`BEAT`] when it begins: longer, and another may have the lease when it is done.
pub(super) const ANSWER: Duration = Duration::from_millis(TTL / 5 * 4);

/// What the store is asked for, at most for `within`: a connection that is dead may say nothing for
/// ever. What it was asked for may still be done, as with an answer that is lost.
///
/// # Errors
/// Those of the store, or that there is no answer.
pub(super) async fn in_time<T>(
    within: Duration,
    place: &str,
    asking: impl Future<Output = Result<T, StateError>>,
) -> Result<T, StateError> {
    let answer = tokio::time::timeout(within, asking).await;
    answer.unwrap_or_else(|_| {
        Err(StateError::Store(StoreError::Failed {
            what: "writing",
            place: place.to_owned(),
            why: format!("there was no answer for {} s", within.as_secs()),
            next: Some(
                "See whether it can be reached. Then run the command again: it goes on from what \
                 is there"
                    .to_owned(),
            ),
        }))
    })
}

/// The signs of life of whoever holds a lease, for as long as what it does takes.
pub(crate) struct Beat {
    ticks: tokio::time::Interval,
    renewed: Instant,
}

impl Beat {
    /// That of a lease that was taken just now.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let mut ticks = tokio::time::interval_at(now + BEAT, BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self {
            ticks,
            renewed: now,
        }
    }

    /// Waits until the next sign is due. Safe to drop.
    pub(crate) async fn due(&mut self) {
        self.ticks.tick().await;
    }

    /// Gives a sign of life. One that fails is given again, as long as the last one counts.
    ///
    /// # Errors
    /// Another has the lease, or may have it by now.
    pub(crate) async fn give(
        &mut self,
        held: &mut Held,
        host: &dyn Host,
    ) -> Result<(), StateError> {
        let place = held.place();
        match in_time(SIGN, &place, held.renew(host)).await {
            Ok(()) => self.renewed = Instant::now(),
            Err(error)
                if error != StateError::LeaseLost
                    && self.renewed.elapsed() + BEAT < Duration::from_millis(TTL) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
