//! The end of a shim's log, for errors.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The last `most` lines of the log at `path` without their times, oldest first. Empty where
/// there is none: a log is never the reason that an error is not told.
pub fn tail(path: &Path, most: usize) -> Vec<String> {
    const BYTES: u64 = 64 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .take(most)
        .map(|line| line.splitn(3, ' ').nth(2).unwrap_or(line).to_owned())
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_end_without_times() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("x.log");
        assert!(tail(&path, 3).is_empty());
        let line = |n: u32| format!("2026-01-31T12:00:00.000000Z O line {n} of it\n");
        std::fs::write(&path, (0..9).map(line).collect::<String>()).unwrap();
        assert_eq!(tail(&path, 2), ["line 7 of it", "line 8 of it"]);
    }
}
