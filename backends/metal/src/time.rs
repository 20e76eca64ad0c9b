//! Times as people and files write them.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since 1970 as `2026-01-31T12:00:00.000Z`.
pub fn rfc3339(milliseconds: u64) -> String {
    utc(milliseconds).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Milliseconds since 1970 as a date and time.
pub fn utc(milliseconds: u64) -> DateTime<Utc> {
    i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or(DateTime::UNIX_EPOCH)
}

/// Milliseconds since 1970 as a point in time.
pub fn system(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_read_as_usual() {
        assert_eq!(
            super::rfc3339(1_769_860_800_123),
            "2026-01-31T12:00:00.123Z"
        );
    }
}
