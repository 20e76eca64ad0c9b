//! The log file: whole records, rotated by size; a full disk costs lines, never the workload.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use plat_shim::spec;

use crate::clock;

/// A longer line is cut into records of this length.
pub const LONGEST_TEXT: usize = 8 * 1024;
/// So much is gathered before it is written.
const BATCH: usize = 16 * 1024;

/// Where a record comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Error,
    Shim,
}

/// The log of one workload. Without a file only what the shim has to complain of is written,
/// to its standard error.
pub struct Log {
    target: Option<Target>,
    /// Records not written yet.
    batch: Vec<u8>,
    written: u64,
    dropped: u64,
    /// Dropped and not yet told of in the log.
    untold: u64,
}

struct Target {
    spec: spec::Log,
    file: Option<File>,
    size: u64,
}

impl Log {
    /// Opens the log for appending. A full disk is no error; a directory that isn't there is.
    pub fn open(log: Option<&spec::Log>) -> Result<Log, String> {
        let mut target = log.map(|log| Target {
            spec: log.clone(),
            file: None,
            size: 0,
        });
        if let Some(target) = &mut target {
            match target.open() {
                Err(error)
                    if !matches!(
                        error.kind(),
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                    ) =>
                {
                    let path = target.spec.path.display();
                    return Err(format!("could not open the log {path}: {error}"));
                }
                _ => {}
            }
        }
        Ok(Log {
            target,
            batch: Vec::new(),
            written: 0,
            dropped: 0,
            untold: 0,
        })
    }

    /// Whether the child's output comes here, and not to the shim's own.
    pub fn has_file(&self) -> bool {
        self.target.is_some()
    }

    /// Bytes written, bytes dropped.
    pub fn counts(&self) -> (u64, u64) {
        (self.written, self.dropped)
    }

    /// Says something of the shim's own, at once.
    pub fn say(&mut self, text: &str) {
        if self.target.is_none() {
            let _ = writeln!(io::stderr(), "plat-shim: {text}");
            return;
        }
        // A reason may hold what a probe printed: a record is one line all the same.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let time = clock::now_text();
        self.record(&time, Stream::Shim, text.as_bytes(), true);
        self.flush();
    }

    /// Says how things go, at once. Where there is no file, whoever keeps the shim sees that itself,
    /// and what the workload prints stands alone.
    pub fn tell(&mut self, text: &str) {
        if self.has_file() {
            self.say(text);
        }
    }

    /// Adds a record. `ends`: whether the line ends with it. [`Log::flush`] writes it.
    pub fn record(&mut self, time: &str, stream: Stream, text: &[u8], ends: bool) {
        let letter = match (stream, ends) {
            (Stream::Out, true) => b'O',
            (Stream::Out, false) => b'o',
            (Stream::Error, true) => b'E',
            (Stream::Error, false) => b'e',
            (Stream::Shim, _) => b'S',
        };
        let length = time.len() + text.len() + 4;
        let waiting = self.batch.len();
        if self
            .target
            .as_ref()
            .is_some_and(|target| target.is_full(waiting, length))
        {
            self.flush();
            if let Some(target) = &mut self.target
                && target.is_full(0, length)
            {
                target.rotate();
            }
        }
        self.batch.reserve(length);
        self.batch.extend_from_slice(time.as_bytes());
        self.batch.extend_from_slice(&[b' ', letter, b' ']);
        self.batch.extend_from_slice(text);
        self.batch.push(b'\n');
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Writes what was added. What can't be written is dropped and counted.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let Some(target) = &mut self.target else {
            self.batch.clear();
            return;
        };
        if self.untold > 0 {
            let time = clock::now_text();
            let note = format!(
                "{time} S {} bytes of log were dropped: the disk was full\n",
                self.untold
            );
            if target.write(note.as_bytes()) == note.len() {
                self.untold = 0;
            }
        }
        // Nothing is let past a note that found no room: it stands where the lines are missing.
        let written = if self.untold == 0 {
            target.write(&self.batch)
        } else {
            0
        };
        let lost = (self.batch.len() - written) as u64;
        self.written += written as u64;
        self.dropped += lost;
        self.untold += lost;
        self.batch.clear();
    }
}

impl Target {
    fn open(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.spec.path)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Whether a record of `length` no longer belongs into this file, with what waits for it.
    fn is_full(&self, waiting: usize, length: usize) -> bool {
        let before = self.size + waiting as u64;
        before > 0 && before + length as u64 > self.spec.max_bytes
    }

    /// Writes whole records, as many as there is room for; returns how many bytes they are.
    fn write(&mut self, records: &[u8]) -> usize {
        if self.file.is_none() && self.open().is_err() {
            return 0;
        }
        let Some(file) = &mut self.file else {
            return 0;
        };
        let mut done = 0;
        while let Some(rest) = records.get(done..).filter(|rest| !rest.is_empty()) {
            match file.write(rest) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if done < records.len() {
            let written = records.get(..done).unwrap_or_default();
            let whole = written
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |end| end + 1);
            // The head of a record that found no room for its tail is taken back.
            if let Ok(about) = file.metadata() {
                let _ = file.set_len(about.len().saturating_sub((done - whole) as u64));
            }
            done = whole;
        }
        self.size += done as u64;
        done
    }

    /// Moves the file and the older ones one on; the oldest goes.
    fn rotate(&mut self) {
        let path = &self.spec.path;
        let older = |number: u32| {
            let mut name = path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let keep = self.spec.keep;
        // Up to the first gap: the file there, or the oldest, is the one that gives way.
        let last = (1..=keep).find(|number| *number == keep || !older(*number).exists());
        for number in (1..last.unwrap_or(0)).rev() {
            let _ = fs::rename(older(number), older(number + 1));
        }
        let moved = if keep == 0 {
            fs::remove_file(path)
        } else {
            fs::rename(path, older(1))
        };
        match moved {
            // The next write opens the new one, however often that takes.
            Ok(()) => self.file = None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.file = None,
            // Better a file that grows than lines lost: tried again after as much once more.
            Err(_) => {}
        }
        self.size = 0;
    }
}
