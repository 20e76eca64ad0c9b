//! Reading what workloads wrote: the shims' log files, old ones first, and on as they grow.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plat_engine::{LogLine, LogQuery};
use plat_model::NodePath;
use tokio::sync::mpsc;

use crate::names;

/// How often files that are followed are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// One log file of a copy: the one that is written, and what it was rotated to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    path: PathBuf,
    node: NodePath,
    copy: u32,
}

/// The lines that `query` asks for, sorted by time; then, where it follows, what is written from
/// then on, until the receiver is dropped. Reads files; meant for a thread that may block.
pub(crate) fn read(dir: &Path, query: &LogQuery, lines: &mpsc::Sender<io::Result<LogLine>>) {
    let mut followed: BTreeMap<PathBuf, Tail> = BTreeMap::new();
    let told = history(dir, query, &mut followed, lines);
    if let Err(e) = told {
        // Whoever asked may be gone.
        let _ = lines.blocking_send(Err(e));
        return;
    }
    while query.follow && !lines.is_closed() {
        std::thread::sleep(LOOK);
        let mut fresh = Vec::new();
        for source in sources(dir, query).unwrap_or_default() {
            let tail = followed
                .entry(source.path.clone())
                .or_insert_with(|| Tail::new(source.clone()));
            tail.read(&mut fresh);
        }
        fresh.sort_by_key(|line: &LogLine| line.at);
        for line in fresh {
            if lines.blocking_send(Ok(line)).is_err() {
                return;
            }
        }
    }
}

fn history(
    dir: &Path,
    query: &LogQuery,
    followed: &mut BTreeMap<PathBuf, Tail>,
    lines: &mpsc::Sender<io::Result<LogLine>>,
) -> io::Result<()> {
    let mut kept: Vec<LogLine> = Vec::new();
    for source in sources(dir, query)? {
        let mut tail = Tail::new(source.clone());
        // First where the file that is written ends: what is rotated meanwhile is read there.
        let mut of_source = VecDeque::new();
        let mut push = |line: LogLine| {
            if query
                .since
                .is_none_or(|since| line.at.is_none_or(|at| at >= since))
            {
                of_source.push_back(line);
                if query.tail.is_some_and(|most| of_source.len() > most) {
                    of_source.pop_front();
                }
            }
        };
        for old in rotated(&source.path) {
            for line in BufReader::new(File::open(old)?).split(b'\n') {
                if let Some(line) = parse(&source, &line?) {
                    push(line);
                }
            }
        }
        let mut now = Vec::new();
        tail.read(&mut now);
        now.into_iter().for_each(&mut push);
        followed.insert(source.path.clone(), tail);
        kept.extend(of_source);
    }
    kept.sort_by_key(|line| line.at);
    let skip = query.tail.map_or(0, |most| kept.len().saturating_sub(most));
    for line in kept.into_iter().skip(skip) {
        if lines.blocking_send(Ok(line)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether `node` ever wrote a log.
pub(crate) fn has_any(dir: &Path, node: &NodePath) -> bool {
    let query = LogQuery {
        nodes: [node.clone()].into(),
        ..LogQuery::default()
    };
    sources(dir, &query).is_ok_and(|s| !s.is_empty())
}

/// The log files of a query, sorted. `api@0.a.log` is a log of copy 0 of `api`.
fn sources(dir: &Path, query: &LogQuery) -> io::Result<Vec<Source>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let Some((node, rest)) = name.split_once('@') else {
            continue;
        };
        let (Some(node), Some(which)) = (
            names::from_file_name(node),
            rest.strip_suffix(".log").and_then(|r| r.split('.').next()),
        ) else {
            continue;
        };
        let node = NodePath::new(node);
        if query.nodes.is_empty() || query.nodes.contains(&node) {
            all.push(Source {
                node,
                // Runs and preparations have no copy.
                copy: which.parse().unwrap_or(0),
                path,
            });
        }
    }
    all.sort();
    Ok(all)
}

/// What a log was rotated to, oldest first.
fn rotated(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = (1..=9)
        .map(|n| {
            let mut old = path.as_os_str().to_owned();
            old.push(format!(".{n}"));
            PathBuf::from(old)
        })
        .take_while(|old| old.exists())
        .collect();
    all.reverse();
    all
}

/// A file that is read as it grows, also when it is rotated.
struct Tail {
    source: Source,
    file: Option<(u64, File)>,
    /// A line whose end is not written yet.
    rest: Vec<u8>,
}

impl Tail {
    fn new(source: Source) -> Self {
        Self {
            source,
            file: None,
            rest: Vec::new(),
        }
    }

    /// Adds what was written since the last call.
    fn read(&mut self, lines: &mut Vec<LogLine>) {
        loop {
            if let Some((_, file)) = &mut self.file {
                let mut bytes = Vec::new();
                // What can't be read now is read the next time.
                let _ = file.read_to_end(&mut bytes);
                self.take(&bytes, lines);
            }
            let Ok(meta) = fs::metadata(&self.source.path) else {
                return;
            };
            match &mut self.file {
                Some((inode, file)) if *inode == meta.ino() => {
                    let at = file.stream_position().unwrap_or(0);
                    if at > meta.len() {
                        // Emptied by somebody: from the start.
                        let _ = file.seek(SeekFrom::Start(0));
                    }
                    return;
                }
                _ => {}
            }
            // Rotated. More may have been written to the old file between reading and now: read
            // its end once more, and any file between the two.
            if let Some((inode, mut file)) = self.file.take() {
                let mut bytes = Vec::new();
                let _ = file.read_to_end(&mut bytes);
                self.take(&bytes, lines);
                let between: Vec<PathBuf> = rotated(&self.source.path)
                    .into_iter()
                    .skip_while(|p| fs::metadata(p).map_or(true, |m| m.ino() != inode))
                    .skip(1)
                    .collect();
                for path in between {
                    self.take(&fs::read(path).unwrap_or_default(), lines);
                }
            }
            let Ok(file) = File::open(&self.source.path) else {
                return;
            };
            let Ok(meta) = file.metadata() else { return };
            self.file = Some((meta.ino(), file));
        }
    }

    fn take(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.extend(parse(
                &self.source,
                line.strip_suffix(b"\n").unwrap_or(&line),
            ));
        }
    }
}

/// A line as a shim writes it: time, stream, text.
fn parse(source: &Source, line: &[u8]) -> Option<LogLine> {
    let text = String::from_utf8_lossy(line);
    let mut parts = text.splitn(3, ' ');
    let at = parts.next()?;
    let stream = parts.next()?;
    let at = chrono::DateTime::parse_from_rfc3339(at).ok()?;
    Some(LogLine {
        node: source.node.clone(),
        copy: source.copy,
        at: u64::try_from(at.timestamp_millis()).ok(),
        error: stream.eq_ignore_ascii_case("e"),
        text: parts.next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn line(second: u32, text: &str) -> String {
        format!("2026-01-31T12:00:{second:02}.000000Z O {text}\n")
    }

    fn collect(dir: &Path, query: &LogQuery) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(1000);
        read(dir, query, &sender);
        drop(sender);
        let mut all = Vec::new();
        while let Some(line) = receiver.blocking_recv() {
            let line = line.unwrap();
            all.push(format!("{}[{}] {}", line.node, line.copy, line.text));
        }
        all
    }

    #[test]
    fn lines_of_all_copies_and_rotated_files_in_order() {
        let tmp = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(tmp.path().join(name), text).unwrap();
        write("api@0.a.log", line(3, "three") + &line(5, "five"));
        write("api@0.a.log.1", line(2, "two"));
        write("api@0.a.log.2", line(1, "one"));
        write("api@1.b.log", line(4, "four"));
        write("db@0.a.log", line(9, "db"));
        let mut query = LogQuery {
            nodes: ["api".into()].into(),
            ..LogQuery::default()
        };
        assert_eq!(
            collect(tmp.path(), &query),
            [
                "api[0] one",
                "api[0] two",
                "api[0] three",
                "api[1] four",
                "api[0] five"
            ]
        );
        query.tail = Some(2);
        assert_eq!(collect(tmp.path(), &query), ["api[1] four", "api[0] five"]);
        assert!(has_any(tmp.path(), &"db".into()) && !has_any(tmp.path(), &"x".into()));
    }

    #[test]
    fn nothing_is_lost_when_a_file_is_rotated() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("api@0.a.log");
        let source = Source {
            path: path.clone(),
            node: "api".into(),
            copy: 0,
        };
        let mut tail = Tail::new(source);
        let mut seen = Vec::new();
        let mut written = 0;
        for turn in 0..20 {
            let mut file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap();
            for _ in 0..5 {
                file.write_all(line(turn % 60, &written.to_string()).as_bytes())
                    .unwrap();
                written += 1;
            }
            if turn % 3 == 0 {
                tail.read(&mut seen);
            }
            if turn % 2 == 0 {
                let _ = fs::rename(
                    tmp.path().join("api@0.a.log.1"),
                    tmp.path().join("api@0.a.log.2"),
                );
                fs::rename(&path, tmp.path().join("api@0.a.log.1")).unwrap();
            }
        }
        tail.read(&mut seen);
        let numbers: Vec<String> = seen.into_iter().map(|l| l.text).collect();
        let expected: Vec<String> = (0..written).map(|n| n.to_string()).collect();
        assert_eq!(numbers, expected);
    }
}
