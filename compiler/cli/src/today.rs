//! What day it is: the one thing that the command line adds to what a program says. Evaluation
//! knows no day.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate};

/// Today, in UTC.
pub fn today() -> NaiveDate {
    // A clock that stands before 1970 is as good as none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let now = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    now.unwrap_or_default().date_naive()
}

/// Reads a day as a flag gives it: `2026-12-31`.
///
/// # Errors
/// It is none.
pub fn parse(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "write year, month and day: 2026-12-31".to_owned())
}
