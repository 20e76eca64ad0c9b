//! The spec's text format: a writer and a parser that never panics.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Check, Log, Policy, Probe, Restart, Secrets, Spec, SpecError, Stop, User};
use crate::signal::Signal;

const HEADER: &str = "plat-shim-spec 1";

pub(super) fn write(spec: &Spec) -> String {
    let mut out = Writer(format!("{HEADER}\n"));
    out.line("name", [spec.name.as_bytes()]);
    for arg in &spec.argv {
        out.line("arg", [arg.as_bytes()]);
    }
    out.line("cwd", [bytes(&spec.cwd)]);
    for (name, value) in &spec.env {
        out.line("env", [name.as_bytes(), value.as_bytes()]);
    }
    if let Some(secrets) = &spec.secrets {
        out.line("secrets", [bytes(&secrets.dir)]);
        for (name, contents) in &secrets.files {
            out.line("secret", [name.as_bytes(), contents]);
        }
    }
    out.plain("umask", format_args!("{:03o}", spec.umask));
    if let Some(user) = &spec.user {
        out.plain("user", format_args!("{} {}", user.uid, user.gid));
    }
    let die = if spec.die_with_shim { "yes" } else { "no" };
    out.plain("die_with_shim", format_args!("{die}"));
    if let Some(log) = &spec.log {
        let (max, keep) = (log.max_bytes.to_string(), log.keep.to_string());
        out.line("log", [bytes(&log.path), max.as_bytes(), keep.as_bytes()]);
    }
    let restart = &spec.restart;
    out.plain(
        "restart",
        format_args!(
            "{} {} {} {}",
            policy_name(restart.policy),
            restart.initial.as_millis(),
            restart.maximum.as_millis(),
            restart.reset_after.as_millis()
        ),
    );
    let stop = &spec.stop;
    out.plain(
        "stop",
        format_args!(
            "{} {} {}",
            stop.signal,
            stop.drain.as_millis(),
            stop.grace.as_millis()
        ),
    );
    if let Some(address) = &spec.listens {
        out.plain("listens", format_args!("{address}"));
    }
    if let Some(probe) = &spec.ready {
        out.probe("ready", "ready_timing", probe);
    }
    if let Some(probe) = &spec.alive {
        out.probe("alive", "alive_timing", probe);
    }
    out.line("control", [bytes(&spec.control)]);
    out.line("state", [bytes(&spec.state)]);
    out.0
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Always => "always",
        Policy::OnFailure => "on_failure",
        Policy::Never => "never",
    }
}

struct Writer(String);

impl Writer {
    fn line<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a [u8]>) {
        self.0.push_str(key);
        for value in values {
            self.0.push(' ');
            escape(value, &mut self.0);
        }
        self.0.push('\n');
    }

    /// For values that never need escaping.
    fn plain(&mut self, key: &str, values: std::fmt::Arguments<'_>) {
        // Writing to a String can't fail.
        let _ = writeln!(self.0, "{key} {values}");
    }

    fn probe(&mut self, key: &str, timing: &str, probe: &Probe) {
        match &probe.check {
            Check::Http {
                address,
                path,
                host,
            } => {
                let (address, host) = (address.to_string(), host.as_deref().unwrap_or(""));
                let kind: &[u8] = b"http";
                self.line(
                    key,
                    [kind, address.as_bytes(), path.as_bytes(), host.as_bytes()],
                );
            }
            Check::Tcp { address } => self.plain(key, format_args!("tcp {address}")),
            Check::Exec { argv } => {
                let kind: &[u8] = b"exec";
                self.line(
                    key,
                    [kind].into_iter().chain(argv.iter().map(String::as_bytes)),
                );
            }
        }
        self.plain(
            timing,
            format_args!(
                "{} {} {} {}",
                probe.every.as_millis(),
                probe.timeout.as_millis(),
                probe.failures,
                probe.start.as_millis()
            ),
        );
    }
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%' && byte != b'"'
}

fn escape(value: &[u8], out: &mut String) {
    if value.is_empty() {
        out.push_str("\"\"");
    }
    for &byte in value {
        if stands_for_itself(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A spec being read: what it must have is still open.
#[derive(Default)]
struct Open {
    name: Option<String>,
    argv: Vec<String>,
    cwd: Option<PathBuf>,
    control: Option<PathBuf>,
    state: Option<PathBuf>,
    ready: Option<Check>,
    ready_timing: Option<Timing>,
    alive: Option<Check>,
    alive_timing: Option<Timing>,
}

type Timing = (Duration, Duration, u32, Duration);

pub(super) fn parse(text: &[u8]) -> Result<Spec, SpecError> {
    let mut lines = text.split(|byte| *byte == b'\n').zip(1..);
    match lines.next() {
        Some((header, _)) if header == HEADER.as_bytes() => {}
        _ => {
            return Err(SpecError {
                line: Some(1),
                reason: format!(
                    "it must be `{HEADER}`; the shim and its agent are of different versions"
                ),
            });
        }
    }
    let mut open = Open::default();
    let mut spec = Spec::new("", Vec::new(), "", "", "");
    let mut seen: Vec<&[u8]> = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
        let mut words = line.split(is_space as fn(&u8) -> bool);
        let key = words.next().unwrap_or_default();
        let values = Values {
            line: number,
            key,
            words,
        };
        let repeats = matches!(key, b"arg" | b"env" | b"secret");
        if !repeats && seen.contains(&key) {
            return Err(values.error("is there twice"));
        }
        seen.push(key);
        open.line(&mut spec, values)?;
    }
    open.close(spec)
}

impl Open {
    fn line(&mut self, spec: &mut Spec, mut values: Values<'_>) -> Result<(), SpecError> {
        match values.key {
            b"name" => self.name = Some(values.string()?),
            b"arg" => self.argv.push(values.string()?),
            b"cwd" => self.cwd = Some(values.path()?),
            b"env" => {
                let (name, value) = (values.string()?, values.string()?);
                if spec.env.insert(name, value).is_some() {
                    return Err(values.error("names a variable that is there already"));
                }
            }
            b"secrets" => {
                let dir = values.path()?;
                spec.secrets = Some(Secrets {
                    dir,
                    files: Default::default(),
                });
            }
            b"secret" => {
                let (name, contents) = (values.string()?, values.bytes()?);
                let Some(secrets) = &mut spec.secrets else {
                    return Err(values.error("comes before `secrets`"));
                };
                if secrets.files.insert(name, contents).is_some() {
                    return Err(values.error("names a file that is there already"));
                }
            }
            b"umask" => {
                let octal = values.string()?;
                let umask = u32::from_str_radix(&octal, 8);
                spec.umask = umask.map_err(|_| values.error("is not an octal number"))?;
            }
            b"user" => {
                let (uid, gid) = (values.number()?, values.number()?);
                spec.user = Some(User { uid, gid });
            }
            b"die_with_shim" => {
                spec.die_with_shim = match values.string()?.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(values.error("must be yes or no")),
                }
            }
            b"log" => {
                let path = values.path()?;
                let (max_bytes, keep) = (values.number()?, values.number()?);
                spec.log = Some(Log {
                    path,
                    max_bytes,
                    keep,
                });
            }
            b"restart" => {
                let policy = match values.string()?.as_str() {
                    "always" => Policy::Always,
                    "on_failure" => Policy::OnFailure,
                    "never" => Policy::Never,
                    _ => return Err(values.error("must be always, on_failure or never")),
                };
                spec.restart = Restart {
                    policy,
                    initial: values.millis()?,
                    maximum: values.millis()?,
                    reset_after: values.millis()?,
                };
            }
            b"stop" => {
                let Some(signal) = Signal::from_name(&values.string()?) else {
                    return Err(values.error("names no signal"));
                };
                let (drain, grace) = (values.millis()?, values.millis()?);
                spec.stop = Stop {
                    signal,
                    drain,
                    grace,
                };
            }
            b"listens" => spec.listens = Some(values.address()?),
            b"ready" => self.ready = Some(values.check()?),
            b"alive" => self.alive = Some(values.check()?),
            b"ready_timing" => self.ready_timing = Some(values.timing()?),
            b"alive_timing" => self.alive_timing = Some(values.timing()?),
            b"control" => self.control = Some(values.path()?),
            b"state" => self.state = Some(values.path()?),
            _ => return Err(values.error("is no key this version of the shim knows")),
        }
        values.end()
    }

    fn close(self, mut spec: Spec) -> Result<Spec, SpecError> {
        spec.name = required("name", self.name)?;
        spec.argv = self.argv;
        spec.cwd = required("cwd", self.cwd)?;
        spec.control = required("control", self.control)?;
        spec.state = required("state", self.state)?;
        spec.ready = probe("ready", self.ready, self.ready_timing)?;
        spec.alive = probe("alive", self.alive, self.alive_timing)?;
        Ok(spec)
    }
}

fn required<T>(key: &str, value: Option<T>) -> Result<T, SpecError> {
    value.ok_or_else(|| SpecError {
        line: None,
        reason: format!("`{key}` is missing"),
    })
}

fn probe(
    key: &str,
    check: Option<Check>,
    timing: Option<Timing>,
) -> Result<Option<Probe>, SpecError> {
    match (check, timing) {
        (None, None) => Ok(None),
        (Some(check), Some((every, timeout, failures, start))) => Ok(Some(Probe {
            check,
            every,
            timeout,
            failures,
            start,
        })),
        _ => super::refuse(format!("`{key}` and `{key}_timing` must stand together")),
    }
}

fn is_space(byte: &u8) -> bool {
    *byte == b' '
}

/// The values of one line, taken one after the other.
struct Values<'a> {
    line: usize,
    key: &'a [u8],
    words: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

impl Values<'_> {
    fn error(&self, what: &str) -> SpecError {
        let key = String::from_utf8_lossy(self.key.get(..40).unwrap_or(self.key)).into_owned();
        SpecError {
            line: Some(self.line),
            reason: format!("`{key}` {what}"),
        }
    }

    fn bytes(&mut self) -> Result<Vec<u8>, SpecError> {
        let Some(word) = self.words.next() else {
            return Err(self.error("has too few values"));
        };
        unescape(word).ok_or_else(|| self.error("has a value that is not escaped as it must be"))
    }

    fn string(&mut self) -> Result<String, SpecError> {
        String::from_utf8(self.bytes()?).map_err(|_| self.error("has a value that is not UTF-8"))
    }

    fn path(&mut self) -> Result<PathBuf, SpecError> {
        Ok(PathBuf::from(OsString::from_vec(self.bytes()?)))
    }

    fn number<N: std::str::FromStr>(&mut self) -> Result<N, SpecError> {
        let text = self.string()?;
        text.parse()
            .map_err(|_| self.error("has a value that is not a number it can take"))
    }

    fn millis(&mut self) -> Result<Duration, SpecError> {
        // 32 bits of milliseconds are 49 days; more would only invite overflow.
        Ok(Duration::from_millis(self.number::<u32>()?.into()))
    }

    fn address(&mut self) -> Result<SocketAddr, SpecError> {
        let text = self.string()?;
        text.parse()
            .map_err(|_| self.error("has no address such as 127.0.0.1:8080"))
    }

    fn check(&mut self) -> Result<Check, SpecError> {
        match self.string()?.as_str() {
            "http" => {
                let (address, path, host) = (self.address()?, self.string()?, self.string()?);
                let host = Some(host).filter(|host| !host.is_empty());
                Ok(Check::Http {
                    address,
                    path,
                    host,
                })
            }
            "tcp" => Ok(Check::Tcp {
                address: self.address()?,
            }),
            "exec" => {
                let mut argv = Vec::new();
                while self.words.clone().next().is_some() {
                    argv.push(self.string()?);
                }
                Ok(Check::Exec { argv })
            }
            _ => Err(self.error("must be http, tcp or exec")),
        }
    }

    fn timing(&mut self) -> Result<Timing, SpecError> {
        Ok((
            self.millis()?,
            self.millis()?,
            self.number()?,
            self.millis()?,
        ))
    }

    fn end(mut self) -> Result<(), SpecError> {
        match self.words.next() {
            None => Ok(()),
            Some(_) => Err(self.error("has too many values")),
        }
    }
}

fn unescape(word: &[u8]) -> Option<Vec<u8>> {
    if word == b"\"\"" {
        return Some(Vec::new());
    }
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word.iter();
    while let Some(&byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(*rest.next()?)?, hex(*rest.next()?)?);
            out.push(high << 4 | low);
        } else if stands_for_itself(byte) {
            out.push(byte);
        } else {
            return None;
        }
    }
    (!out.is_empty()).then_some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
