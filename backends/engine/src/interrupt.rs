//! Ctrl-C, counted.

use std::sync::Arc;

use tokio::sync::watch;

/// How often somebody asked to stop: once, and no operation is begun any more; twice, and those
/// under way are left as they are. Clones share the count.
#[derive(Debug, Clone)]
pub struct Interrupts(Arc<watch::Sender<u8>>);

impl Default for Interrupts {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Interrupts {
    /// Asks to stop, once more.
    pub fn interrupt(&self) {
        self.0.send_modify(|count| *count = count.saturating_add(1));
    }

    /// How often it was asked.
    pub fn count(&self) -> u8 {
        *self.0.borrow()
    }

    /// Waits until it was asked more than `count` times.
    pub async fn beyond(&self, count: u8) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = receiver.wait_for(|now| *now > count).await;
    }
}
