//! What is run in a directory before it becomes an image.
//!
//! It runs in a copy of the source on the machine that applies, so that nothing gets into the image
//! that is not of the source or made of it: no file that lies about, and nothing that another
//! preparation left. An image that is there already is not prepared again.

use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::push::PushError;
use super::{Which, blocking, write_layer};
use crate::facts::Made;

/// How long a preparation may take: it may have to fetch much.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How much of what it printed is told where it fails.
const TAIL: usize = 20;

/// The layer that the source becomes once it is prepared; `source` is its layer as it is.
///
/// # Errors
/// It can't be run, fails, or takes longer than 15 minutes.
pub(super) async fn layer(source: Vec<u8>, made: &Made) -> Result<Vec<u8>, PushError> {
    let words = made.prepare.join(" ");
    let failed = |why: String| PushError {
        what: format!("preparing {} with `{words}`", made.dir),
        why,
        next: None,
    };
    let Some((program, arguments)) = made.prepare.split_first() else {
        return Ok(source);
    };
    let room = tempfile::Builder::new().prefix("plat-prepare-").tempdir();
    let room = room.map_err(|e| failed(format!("making room for a copy: {e}")))?;
    // The room goes along: whoever drops this has it removed once nothing writes there any more.
    let copied = blocking(move |wanted| {
        let mut archive = tar::Archive::new(wanted.only(source.as_slice()));
        // The times of a layer are none: a program that compares times would be misled.
        archive.set_preserve_mtime(false);
        archive.unpack(room.path())?;
        Ok(room)
    });
    let room = copied
        .await
        .map_err(|e| failed(format!("copying it: {e}")))?;
    let dir = room.path().join(made.at.trim_start_matches('/'));
    let running = Command::new(program)
        .args(arguments)
        .current_dir(&dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // With all that it starts.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(format!("starting {program}: {e}")))?;
    let mut group = Group::of(&running);
    let ended = tokio::time::timeout(LIMIT, running.wait_with_output()).await;
    let ended = ended.map_err(|_| failed("it took longer than 15 minutes".to_owned()))?;
    group.0 = None;
    let ended = ended.map_err(|e| failed(format!("waiting for {program}: {e}")))?;
    if !ended.status.success() {
        return Err(failed(said(&ended)));
    }
    let at = made.at.clone();
    let read = blocking(move |wanted| {
        let mut layer = Vec::new();
        write_layer(&dir, &at, Which::All, wanted.only(&mut layer))?;
        drop(room);
        Ok(layer)
    });
    read.await
        .map_err(|e| failed(format!("reading what it made: {e}")))
}

/// A program and all that it started: killed where nobody waits for its end any more. Its own group
/// hears no Ctrl-C.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: &Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended just now.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// How it ended, and the last that it printed.
fn said(ended: &Output) -> String {
    let mut text = ended.stdout.clone();
    text.extend(&ended.stderr);
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(TAIL)..);
    let last = last.unwrap_or_default().join("\n");
    format!("{}\n{last}", ended.status).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read as _;
    use std::os::fd::AsRawFd as _;

    fn made(command: &[&str]) -> Made {
        Made {
            base: "localhost/base:1".into(),
            dir: "./app".into(),
            at: "/app".into(),
            source: String::new(),
            prepare: command.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    fn source(files: &[(&str, &str)]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let mut layer = Vec::new();
        write_layer(dir.path(), "/app", Which::Source, &mut layer).unwrap();
        layer
    }

    fn names(layer: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(layer);
        let entries = archive.entries().unwrap();
        let name = |e: tar::Entry<'_, _>| e.path().unwrap().display().to_string();
        entries.map(|e| name(e.unwrap())).collect()
    }

    #[tokio::test]
    async fn what_is_prepared_goes_in_whatever_its_name() {
        let source = source(&[("a.txt", "1"), (".gitignore", "made\n")]);
        let script = "mkdir .deps && cp a.txt .deps/b.txt && echo 2 > made";
        let one = layer(source.clone(), &made(&["sh", "-c", script]))
            .await
            .unwrap();
        let expected = [
            "app",
            "app/.deps",
            "app/.deps/b.txt",
            "app/a.txt",
            "app/made",
        ];
        assert_eq!(names(&one), expected);
        let two = layer(source, &made(&["sh", "-c", script])).await.unwrap();
        assert!(one == two, "the same bytes");
    }

    #[tokio::test]
    async fn what_fails_says_why() {
        let source = source(&[("a.txt", "1")]);
        let script = "echo no such package >&2; exit 4";
        let error = layer(source.clone(), &made(&["sh", "-c", script])).await;
        let error = error.unwrap_err().to_string();
        let expected =
            format!("preparing ./app with `sh -c {script}`: exit status: 4\nno such package");
        assert_eq!(error, expected);
        let none = layer(source, &made(&["/no/such/program"])).await;
        let none = none.unwrap_err().to_string();
        assert!(none.contains("starting /no/such/program"), "{none}");
    }

    /// What it started holds the other end of a pipe, which ends with the last that does.
    #[tokio::test]
    async fn what_nobody_waits_for_is_ended_with_all_that_it_started() {
        let (mut end, theirs) = std::io::pipe().unwrap();
        let path = format!("/proc/{}/fd/{}", std::process::id(), theirs.as_raw_fd());
        let script = "(echo; sleep 20; echo late) > \"$0\" & wait";
        let source = source(&[("a.txt", "1")]);
        let made = made(&["sh", "-c", script, &path]);
        let preparing = tokio::spawn(async move { layer(source, &made).await });
        let begun = tokio::task::spawn_blocking(move || {
            end.read_exact(&mut [0]).unwrap();
            end
        });
        let mut end = begun.await.unwrap();
        preparing.abort();
        assert!(preparing.await.unwrap_err().is_cancelled());
        drop(theirs);
        let mut rest = String::new();
        end.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
