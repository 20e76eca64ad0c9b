//! Packages from git, by the user's own git: its credentials, its proxies, its configuration of addresses.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::Error;
use crate::unpack::unpack;

/// Fetches one revision of a repository: what stands in `dir` of it goes into the empty directory `into`. Gives the
/// commit. `rev` is a tag, a branch or a commit.
///
/// # Errors
/// There is no git, no such repository, no such revision or no such directory, or what is there is no package.
pub(crate) fn fetch(
    url: &str,
    rev: &str,
    dir: &str,
    scratch: &Path,
    into: &Path,
) -> Result<String, Error> {
    let repository = scratch.join("repository");
    let at = repository.display().to_string();
    run(&["init", "--quiet", "--bare", &at], "making a repository")?;
    let inside = |arguments: &[&str], what: &str| {
        let mut all = vec!["--git-dir", at.as_str()];
        all.extend(arguments);
        run(&all, what)
    };
    let what = format!("fetching {rev} of {url}");
    let wish = format!("{rev}:refs/plat/wish");
    let shallow = inside(
        &[
            "fetch",
            "--quiet",
            "--no-tags",
            "--depth=1",
            "--end-of-options",
            url,
            &wish,
        ],
        &what,
    );
    let name = match shallow {
        Ok(_) => "refs/plat/wish",
        // A commit that no branch or tag points to is given by few servers alone: then all of it is fetched.
        Err(_) if is_commit(rev) => {
            inside(
                &[
                    "fetch",
                    "--quiet",
                    "--no-tags",
                    "--end-of-options",
                    url,
                    "+refs/*:refs/plat/all/*",
                ],
                &what,
            )?;
            rev
        }
        Err(error) => return Err(error),
    };
    let commit = inside(
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{name}^{{commit}}"),
        ],
        &what,
    )
    .map_err(|_| {
        Error::new(format!("{url} has no commit {rev}")).next("correct the `rev` in plat.toml")
    })?;
    let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
    let dir = dir.trim_matches('/');
    let tree = if dir.is_empty() {
        commit.clone()
    } else {
        let tree = format!("{commit}:{dir}");
        let there = inside(&["cat-file", "-e", &tree], &what);
        there.map_err(|_| {
            Error::new(format!("{url} has no directory {dir} at {rev}"))
                .next("correct the `dir` in plat.toml")
        })?;
        tree
    };
    // The same bytes wherever this runs: no conversion of line ends, no attributes of the user's.
    let archive = inside(
        &[
            "-c",
            "core.autocrlf=false",
            "-c",
            "core.eol=lf",
            "-c",
            "core.attributesFile=/dev/null",
            "archive",
            "--format=tar",
            &tree,
        ],
        &format!("reading {dir} of {url} at {rev}"),
    )?;
    unpack(archive.stdout.as_slice(), into)?;
    Ok(commit)
}

/// A full commit id, of SHA-1 or SHA-256.
fn is_commit(rev: &str) -> bool {
    matches!(rev.len(), 40 | 64) && rev.chars().all(|c| c.is_ascii_hexdigit())
}

fn run(arguments: &[&str], what: &str) -> Result<Output, Error> {
    let output = Command::new("git")
        .args(arguments)
        .stdin(Stdio::null())
        // Nobody sits there to answer.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(format!("{what}: there is no `git` on this machine"))
                .next("install git: packages from git are fetched by it"),
            _ => Error::new(format!("{what}: starting git: {error}")),
        })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said
        .lines()
        .map(|line| {
            line.trim_start_matches("fatal: ")
                .trim_start_matches("error: ")
                .trim()
        })
        .filter(|line| !line.is_empty())
        .collect();
    let reason = said
        .first()
        .copied()
        .unwrap_or("git failed and said nothing");
    Err(Error::new(format!("{what}: {reason}"))
        .next("try it by hand: `git ls-remote` with that address shows what there is"))
}
