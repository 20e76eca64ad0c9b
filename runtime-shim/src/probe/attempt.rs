//! One probe under way.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use plat_shim::signal::Signal;
use plat_shim::spec::Check;

use crate::launch::Program;
use crate::sys::{self, Exit, Interest};

/// So much of an answer's body is read out of politeness: a server that is cut off while it writes
/// logs an error.
const POLITE: usize = 64 * 1024;
/// `HTTP/1.1 200`
const STATUS_LINE: usize = 12;
/// So much of what a command prints is kept, to say why it failed.
const EXCERPT: usize = 200;

pub struct Attempt {
    pub started: Instant,
    /// The answer is known; only the rest of it is still read.
    pub decided: bool,
    kind: Kind,
}

enum Kind {
    Connection {
        stream: TcpStream,
        asked: bool,
        head: Vec<u8>,
        read: usize,
    },
    Command {
        pid: i32,
        output: Option<File>,
        excerpt: Vec<u8>,
    },
}

/// Where an attempt stands.
pub enum Step {
    Pending,
    /// `more`: keep it, to read the answer's rest.
    Succeeded {
        more: bool,
    },
    Failed(String),
    /// Nothing more comes of it; its verdict was given.
    Over,
}

impl Attempt {
    pub fn begin(
        check: &Check,
        program: Option<&Program>,
        now: Instant,
    ) -> Result<Attempt, String> {
        let kind = match (check, program) {
            (Check::Http { address, .. } | Check::Tcp { address }, _) => {
                let socket = sys::connect(address).map_err(|error| no_connection(address, &error));
                let stream = TcpStream::from(socket?);
                Kind::Connection {
                    stream,
                    asked: false,
                    head: Vec::new(),
                    read: 0,
                }
            }
            (Check::Exec { .. }, Some(program)) => {
                let (read, write) = sys::pipe().map_err(|error| error.to_string())?;
                let started = program.start(write.as_fd(), write.as_fd());
                let pid = started.map_err(|failure| failure.reason)?;
                let output = Some(File::from(read));
                Kind::Command {
                    pid,
                    output,
                    excerpt: Vec::new(),
                }
            }
            (Check::Exec { .. }, None) => return Err("it names no command".into()),
        };
        Ok(Attempt {
            started: now,
            decided: false,
            kind,
        })
    }

    pub fn pid(&self) -> Option<i32> {
        match &self.kind {
            Kind::Command { pid, .. } => Some(*pid),
            Kind::Connection { .. } => None,
        }
    }

    /// Leaves nothing behind. Its process, if it is one, is reaped by the shim like any other.
    pub fn cancel(self) {
        if let Kind::Command { pid, .. } = self.kind {
            sys::kill_group(pid, Signal::KILL);
        }
    }

    pub fn waits_for(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        match &self.kind {
            Kind::Connection { stream, asked, .. } => {
                let interest = if *asked {
                    Interest::Read
                } else {
                    Interest::Write
                };
                Some((stream.as_fd(), interest))
            }
            Kind::Command { output, .. } => output
                .as_ref()
                .map(|output| (output.as_fd(), Interest::Read)),
        }
    }

    pub fn advance(&mut self, check: &Check) -> Step {
        match &mut self.kind {
            Kind::Connection {
                stream,
                asked: true,
                head,
                read,
            } => answer(stream, head, read, self.decided),
            Kind::Connection { stream, asked, .. } => {
                *asked = true;
                match connected(stream, check) {
                    Err(reason) => Step::Failed(reason),
                    Ok(()) if matches!(check, Check::Tcp { .. }) => Step::Succeeded { more: false },
                    Ok(()) => Step::Pending,
                }
            }
            Kind::Command {
                output, excerpt, ..
            } => {
                if let Some(file) = output
                    && !drain(file, excerpt)
                {
                    *output = None;
                }
                Step::Pending
            }
        }
    }

    /// Its process has ended.
    pub fn ended(&mut self, exit: Exit) -> Step {
        let Kind::Command {
            output, excerpt, ..
        } = &mut self.kind
        else {
            return Step::Pending;
        };
        if exit == Exit::Code(0) {
            return Step::Succeeded { more: false };
        }
        if let Some(file) = output {
            drain(file, excerpt);
        }
        let printed = String::from_utf8_lossy(excerpt);
        let mut reason = match exit {
            Exit::Code(code) => format!("exited with {code}"),
            Exit::Signal(signal) => format!("was ended by signal {signal}"),
        };
        if let Some(line) = printed.lines().map(str::trim).find(|line| !line.is_empty()) {
            reason.push_str(": ");
            reason.push_str(line);
        }
        Step::Failed(reason)
    }
}

fn no_connection(address: &SocketAddr, error: &io::Error) -> String {
    format!("no connection to {address}: {error}")
}

/// Looks at what became of the connection, and asks.
fn connected(stream: &mut TcpStream, check: &Check) -> Result<(), String> {
    let (address, request) = match check {
        Check::Tcp { address } => (address, None),
        Check::Http {
            address,
            path,
            host,
        } => {
            let host = host.clone().unwrap_or_else(|| address.to_string());
            let version = env!("CARGO_PKG_VERSION");
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: plat-shim/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            );
            (address, Some(request))
        }
        Check::Exec { .. } => return Ok(()),
    };
    if let Ok(Some(error)) | Err(error) = stream.take_error() {
        return Err(no_connection(address, &error));
    }
    if let Some(request) = request {
        // A fresh connection has room for it.
        stream
            .write_all(request.as_bytes())
            .map_err(|error| no_connection(address, &error))?;
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, head: &mut Vec<u8>, read: &mut usize, decided: bool) -> Step {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Pending,
        Ok(0) | Err(_) if decided => return Step::Over,
        Ok(0) => return Step::Failed("the connection was closed without an answer".into()),
        Err(error) => return Step::Failed(format!("the connection broke: {error}")),
        Ok(count) => {
            *read += count;
            if decided {
                return if *read > POLITE {
                    Step::Over
                } else {
                    Step::Pending
                };
            }
            let room = STATUS_LINE.saturating_sub(head.len()).min(count);
            head.extend_from_slice(buffer.get(..room).unwrap_or_default());
        }
    }
    if head.len() < STATUS_LINE {
        return Step::Pending;
    }
    let line = String::from_utf8_lossy(head);
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..));
    match code.and_then(|code| code.parse::<u16>().ok()) {
        Some(200..=399) => Step::Succeeded { more: true },
        Some(code) => Step::Failed(format!("answered {code}")),
        None => Step::Failed("what answered does not speak HTTP/1".into()),
    }
}

/// Reads what there is; whether more may come.
fn drain(file: &mut File, excerpt: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 1024];
    // A command that prints for ever has to wait its turn.
    for _ in 0..16 {
        match file.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                let room = EXCERPT.saturating_sub(excerpt.len()).min(count);
                excerpt.extend_from_slice(buffer.get(..room).unwrap_or_default());
            }
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}
