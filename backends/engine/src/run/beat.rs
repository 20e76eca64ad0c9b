//! The signs of life of whoever holds a lease.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::StateError;
use crate::lease::Host;
use crate::ledger::{Held, TTL};

/// How often a sign of life is given: some may be lost before the lease counts as given up.
const BEAT: Duration = Duration::from_millis(TTL / 6);

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
        match held.renew(host).await {
            Ok(()) => self.renewed = Instant::now(),
            Err(error)
                if error != StateError::LeaseLost
                    && self.renewed.elapsed() + BEAT < Duration::from_millis(TTL) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
