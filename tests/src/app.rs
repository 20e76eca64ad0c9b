//! The apps that tests bring up, and what is running of them.

use std::path::Path;

use crate::{Home, Reply, SOON, eventually, get, processes_naming};

/// Copies an app of `tests/apps/` (or any directory) into the home, under its own name; `PORT` in
/// its `.plat` files becomes the home's port. What a `.gitignore` leaves out is left out.
///
/// # Panics
/// Where it can't be copied.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn install(home: &Home, from: &Path) {
    let name = from.file_name().expect("a directory with a name");
    copy(from, &home.path().join(name), home.port());
}

/// The app whose copies begin when they are let, running, and a change of it that is not applied.
///
/// # Panics
/// Where it does not come up.
pub fn gated_and_changed() -> Home {
    let home = Home::new();
    install(&home, &apps().join("gated"));
    edit(
        &home,
        "gated/gated.plat",
        "secret key {}",
        "secret key { generate = random(8) }",
    );
    home.ok(&["-C", "gated", "up", "--yes"]);
    edit(&home, "gated/gated.plat", "\"first\"", "\"second\"");
    home
}

#[expect(clippy::expect_used, reason = "a test helper fails its test")]
fn copy(from: &Path, to: &Path, port: u16) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from)
        .expect("the app's directory")
        .flatten()
    {
        let name = entry.file_name();
        let (from, to) = (entry.path(), to.join(&name));
        let hidden = name.to_string_lossy().starts_with('.');
        if hidden || name == "__pycache__" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to, port);
        } else if from.extension().is_some_and(|e| e == "plat") {
            let text = std::fs::read_to_string(&from).expect("a source file");
            std::fs::write(to, text.replace("PORT", &port.to_string())).expect("a source file");
        } else {
            std::fs::copy(from, to).expect("a file");
        }
    }
}

/// The directory of the apps that belong to these tests.
pub fn apps() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/apps"))
}

/// Replaces text in a file of the home: what an editor does between two calls.
///
/// # Panics
/// Where the text is not there exactly once.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn edit(home: &Home, file: &str, old: &str, new: &str) {
    let path = home.path().join(file);
    let text = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(
        text.matches(old).count(),
        1,
        "{old:?} stands once in {file}"
    );
    std::fs::write(&path, text.replace(old, new)).expect("the file");
}

/// Asks until the host answers with 200.
///
/// # Panics
/// Where it does not within [`SOON`].
pub fn answers(home: &Home, host: &str, path: &str) -> Reply {
    eventually(&format!("http://{host}{path}"), SOON, || {
        let reply = get(home.port(), host, path)?;
        if reply.status == 200 {
            Ok(reply)
        } else {
            Err(format!("{} {}", reply.status, reply.body))
        }
    })
}

/// The pids of the living processes that run `script` from somewhere in the home: what the kernel
/// shows, whatever `platc` says.
pub fn pids(home: &Home, script: &str) -> Vec<i32> {
    processes_naming(script)
        .into_iter()
        .filter(|(pid, command)| {
            command.contains("python3")
                && std::fs::read_link(format!("/proc/{pid}/cwd"))
                    .is_ok_and(|cwd| cwd.starts_with(home.path()))
        })
        .map(|(pid, _)| pid)
        .collect()
}
