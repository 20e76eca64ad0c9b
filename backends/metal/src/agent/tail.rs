//! The end of a shim's log, for errors.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The last `most` lines that a workload wrote to the log at `path` from `since` on (in
/// milliseconds since 1970), without their times, oldest first; where it wrote none, what its
/// shim says of it. Empty where there is no log: it is never the reason that an error is not told.
pub fn tail(path: &Path, since: u64, most: usize) -> Vec<String> {
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
    let last = |of_shim: bool| -> Vec<String> {
        let mut lines: Vec<String> = text
            .lines()
            .rev()
            .filter_map(|line| {
                let (at, rest) = line.split_once(' ')?;
                let (stream, text) = rest.split_once(' ')?;
                let at = chrono::DateTime::parse_from_rfc3339(at).ok()?;
                let late = u64::try_from(at.timestamp_millis()).is_ok_and(|at| at >= since);
                let wanted = stream.eq_ignore_ascii_case("s") == of_shim;
                (late && wanted).then(|| text.to_owned())
            })
            .take(most)
            .collect();
        lines.reverse();
        lines
    };
    let written = last(false);
    if written.is_empty() {
        last(true)
    } else {
        written
    }
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_end_without_times() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("x.log");
        assert!(tail(&path, 0, 3).is_empty());
        let line = |n: u32| {
            format!(
                "2026-01-31T12:00:0{n}.000000Z O line {n} of it\n2026-01-31T12:00:0{n}.000000Z S exited\n"
            )
        };
        std::fs::write(&path, (0..9).map(line).collect::<String>()).unwrap();
        assert_eq!(tail(&path, 0, 2), ["line 7 of it", "line 8 of it"]);
        let at = 1_769_860_808_000;
        assert_eq!(tail(&path, at, 9), ["line 8 of it"]);
        std::fs::write(&path, "2026-01-31T12:00:00.000000Z S exited with 3\n").unwrap();
        assert_eq!(tail(&path, 0, 9), ["exited with 3"]);
    }
}
