//! How much one client may ask: a token bucket for each address.

use super::config::Limit;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Past so many clients, those whose buckets are full again are forgotten.
const MANY: usize = 10_000;

/// The buckets of one rule.
#[derive(Debug)]
pub(super) struct Limiter {
    pub(super) limit: Limit,
    clients: Mutex<BTreeMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Limiter {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            clients: Mutex::default(),
        }
    }

    /// Takes one token; else says how long until there is one.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let most = f64::from(self.limit.requests);
        let per_second = most * 1000.0 / self.limit.per_ms.max(1) as f64;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * per_second;
            (bucket.tokens + gained).min(most)
        };
        if clients.len() >= MANY && !clients.contains_key(&client) {
            clients.retain(|_, bucket| filled(bucket) < most);
        }
        let bucket = clients.entry(client).or_insert(Bucket {
            tokens: most,
            at: now,
        });
        let tokens = filled(bucket);
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / per_second));
        }
        *bucket = Bucket {
            tokens: tokens - 1.0,
            at: now,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_for_each_client() {
        let limiter = Limiter::new(Limit {
            requests: 2,
            per_ms: 1000,
        });
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let start = Instant::now();
        assert!(limiter.take(a, start).is_ok());
        assert!(limiter.take(a, start).is_ok());
        let wait = limiter.take(a, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(limiter.take(b, start).is_ok());
        assert!(limiter.take(a, start + wait).is_ok());
        assert!(limiter.take(a, start + wait).is_err());
        assert!(limiter.take(a, start + Duration::from_secs(60)).is_ok());
    }
}
