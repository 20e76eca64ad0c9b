//! The child's two output pipes, cut into lines for the log.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use crate::clock;
use crate::log::{LONGEST_TEXT, Log, Stream};
use crate::sys;

/// So many times a pipe is read before others have their turn.
const TURN: usize = 4;
/// More than any pipe holds: what the ended child left in it.
const LAST_TURN: usize = 256;

/// One stream of a child's output.
pub struct Capture {
    stream: Stream,
    pipe: Option<File>,
    /// The line so far.
    partial: Vec<u8>,
}

impl Capture {
    /// The stream, and the end that the child is to write to.
    pub fn new(stream: Stream) -> io::Result<(Capture, OwnedFd)> {
        let (read, write) = sys::pipe()?;
        Ok((
            Capture {
                stream,
                pipe: Some(File::from(read)),
                partial: Vec::new(),
            },
            write,
        ))
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(File::as_fd)
    }

    /// Takes what has come.
    pub fn read(&mut self, log: &mut Log) {
        self.read_turns(TURN, log);
    }

    /// Takes what is left, the unfinished line too.
    pub fn finish(mut self, log: &mut Log) {
        self.read_turns(LAST_TURN, log);
        if !self.partial.is_empty() {
            log.record(&clock::now_text(), self.stream, &self.partial, true);
        }
        log.flush();
    }

    fn read_turns(&mut self, turns: usize, log: &mut Log) {
        let mut buffer = [0; LONGEST_TEXT];
        let time = clock::now_text();
        for _ in 0..turns {
            let Some(pipe) = &mut self.pipe else {
                break;
            };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => self.split(buffer.get(..count).unwrap_or_default(), &time, log),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        log.flush();
    }

    fn split(&mut self, bytes: &[u8], time: &str, log: &mut Log) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = LONGEST_TEXT - self.partial.len().min(LONGEST_TEXT);
            let (head, tail) = text.split_at(text.len().min(room));
            self.partial.extend_from_slice(head);
            if !tail.is_empty() {
                log.record(time, self.stream, &self.partial, false);
                self.partial.clear();
                self.partial.extend_from_slice(tail);
            }
            if ends {
                log.record(time, self.stream, &self.partial, true);
                self.partial.clear();
            }
        }
    }
}
