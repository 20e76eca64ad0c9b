//! Times as people read them.

use chrono::DateTime;

/// Milliseconds since 1970 as `2026-11-21 09:40 UTC`: the same for everybody, whatever their time
/// zone.
pub fn utc(millis: u64) -> String {
    let time = i64::try_from(millis)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    match time {
        Some(time) => time.format("%Y-%m-%d %H:%M UTC").to_string(),
        None => format!("{millis} ms after 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn every_number_has_a_form() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(1_709_251_199_000), "2024-02-29 23:59 UTC");
        assert_eq!(utc(u64::MAX), "18446744073709551615 ms after 1970");
    }
}
