//! How it is started, and what the child is given.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use plat_shim::spec::{Policy, Secrets, User};

use crate::harness::{Killed, Setup, command, eventually, is_root, program, runs, script, skip};

#[test]
fn the_child_gets_what_the_spec_says_and_nothing_else() {
    let mut shim = command(&["env"])
        .with(|spec| {
            spec.env.clear();
            spec.env
                .insert("GREETING".into(), "good day = \n two lines %".into());
            spec.argv = vec!["/usr/bin/env".into()];
        })
        .start();
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.lines("O"), ["GREETING=good day = ", " two lines %"]);

    let mut shim = script("pwd; umask; ls -l /proc/self/fd | grep -c ' -> '; cat; id -u")
        .with(|spec| (spec.cwd, spec.umask) = ("/usr".into(), 0o027))
        .start();
    assert_eq!(shim.wait(), 0);
    let lines = shim.lines("O");
    // Three streams, and the directory `ls` itself reads; `cat` finds nothing to read.
    assert_eq!(lines[..3], ["/usr", "0027", "4"]);
}

#[test]
fn leaked_descriptors_do_not_reach_the_child() {
    let leak = fs::File::open("/dev/null").unwrap();
    let setup = script("ls /proc/self/fd | wc -l");
    let spec = setup.dir.path().join("spec");
    fs::write(&spec, setup.spec.to_text()).unwrap();
    let mut launcher = Command::new(program());
    launcher.arg("run").arg(&spec).stdin(Stdio::null());
    // SAFETY: an async-signal-safe call that makes an inheritable descriptor 9.
    unsafe {
        use std::os::fd::AsRawFd as _;
        let fd = leak.as_raw_fd();
        launcher.pre_exec(move || {
            libc::dup2(fd, 9);
            Ok(())
        });
    }
    assert!(launcher.status().unwrap().success());
    let log = fs::read_to_string(setup.dir.path().join("log")).unwrap();
    assert!(log.contains(" O 4\n"), "{log}");
}

#[test]
fn without_a_log_the_child_writes_to_the_shims_own_streams() {
    let setup = script("echo out; echo err >&2").with(|spec| spec.log = None);
    let spec = setup.dir.path().join("spec");
    fs::write(&spec, setup.spec.to_text()).unwrap();
    let output = Command::new(program())
        .arg("run")
        .arg(&spec)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
}

#[test]
fn it_lets_go_of_whoever_started_it() {
    // The launcher ends at once: its end of standard error is closed, its session is gone.
    let setup = script("echo up; exec sleep 1000");
    let spec = setup.dir.path().join("spec");
    fs::write(&spec, setup.spec.to_text()).unwrap();
    let launcher = Command::new("sh")
        .args(["-c", "\"$0\" run --session --unlink \"$1\" & echo $!"])
        .arg(program())
        .arg(&spec)
        .process_group(0)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&launcher.stderr),
        "",
        "closed, and nothing said"
    );
    let pid: i64 = String::from_utf8_lossy(&launcher.stdout)
        .trim()
        .parse()
        .unwrap();
    assert!(!spec.exists(), "the spec was to be removed");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(3)
        .unwrap()
        .to_owned();
    assert_eq!(session, pid.to_string());
    for stream in 0..3 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap();
        assert_eq!(target, PathBuf::from("/dev/null"));
    }
    crate::harness::kill(pid, libc::SIGTERM);
    eventually("its end", || (!runs(pid)).then_some(()));
}

#[test]
fn a_terminal_that_goes_away_is_nothing_to_the_child() {
    // HUP from the kernel, as a terminal that is closed sends it. The shim is the
    // foreground of it, without a session of its own.
    let setup =
        script("trap 'echo hup' HUP; trap 'echo usr' USR1; echo up; while :; do sleep 0.01; done");
    let spec = setup.dir.path().join("spec");
    fs::write(&spec, setup.spec.to_text()).unwrap();
    let Some((master, slave)) = terminal() else {
        return skip("no terminal can be made here");
    };
    let mut launcher = Command::new(program());
    launcher
        .arg("run")
        .arg(&spec)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // SAFETY: async-signal-safe calls that make the terminal the new session's own.
    unsafe {
        use std::os::fd::AsRawFd as _;
        let fd = slave.as_raw_fd();
        launcher.pre_exec(move || {
            libc::setsid();
            libc::ioctl(fd, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let mut child = launcher.spawn().unwrap();
    let _killed = Killed(child.id().into());
    let read = || fs::read_to_string(setup.dir.path().join("log")).unwrap_or_default();
    eventually("the start", || read().contains(" O up\n").then_some(()));
    drop(slave);
    drop(master);
    // HUP came before this; what is sent later is handled later.
    crate::harness::kill(child.id().into(), libc::SIGUSR1);
    eventually("the signal", || read().contains(" O usr\n").then_some(()));
    assert!(!read().contains(" O hup"), "{}", read());
    crate::harness::kill(child.id().into(), libc::SIGTERM);
    let status = eventually("the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(143));
}

fn terminal() -> Option<(fs::File, fs::File)> {
    use std::os::fd::FromRawFd as _;
    let (mut master, mut slave) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: two integers to write to; nothing else is asked for.
    unsafe {
        if libc::openpty(
            &raw mut master,
            &raw mut slave,
            none,
            none.cast(),
            none.cast(),
        ) != 0
        {
            return None;
        }
        // The shim must not hold the terminal that is to go away.
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(slave, libc::F_SETFD, libc::FD_CLOEXEC);
        Some((fs::File::from_raw_fd(master), fs::File::from_raw_fd(slave)))
    }
}

#[test]
fn its_own_troubles_have_exit_codes_of_their_own() {
    let run = |args: &[&str]| {
        let output = Command::new(program())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    assert_eq!(run(&[]).0, 64);
    assert_eq!(run(&["run"]).0, 64);
    assert_eq!(run(&["run", "--fast", "x"]).0, 64);
    let (code, said) = run(&["run", "/nowhere"]);
    assert_eq!(code, 66);
    assert_eq!(
        said,
        "plat-shim: could not read the spec from /nowhere: No such file or directory (os error 2)\n"
    );
    let (code, said) = run(&["run", "-"]);
    assert_eq!(code, 65);
    assert!(said.contains("line 1 of the shim's spec"), "{said}");
    let version = Command::new(program()).arg("--version").output().unwrap();
    let expected = format!("plat-shim {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);

    let check = |setup: Setup, code: i32, expected: &str| {
        let (mut shim, reason) = setup.try_start(&["run", "-"]);
        assert_eq!(shim.wait(), code);
        assert!(
            reason.starts_with(&format!("plat-shim: {expected}")),
            "{reason}"
        );
    };
    let broken = script("true").with(|spec| spec.state = "/nowhere/state".into());
    check(
        broken,
        73,
        "could not write the state file /nowhere/state: No such file",
    );
    let broken = script("true").with(|spec| spec.control = "/nowhere/control".into());
    check(
        broken,
        73,
        "could not make the control socket /nowhere/control: No such file",
    );
    let broken =
        script("true").with(|spec| spec.log.as_mut().unwrap().path = "/nowhere/log".into());
    check(
        broken,
        73,
        "could not open the log /nowhere/log: No such file",
    );
}

fn in_memory(name: &str) -> PathBuf {
    PathBuf::from(format!(
        "/dev/shm/plat-shim-test-{}-{name}",
        std::process::id()
    ))
}

fn with_secret(name: &str, script_text: &str) -> Setup {
    let files = [("password".to_owned(), b"hunter2\0\n".to_vec())].into();
    script(script_text).with(|spec| {
        spec.secrets = Some(Secrets {
            dir: in_memory(name),
            files,
        })
    })
}

#[test]
fn secret_files_are_there_and_gone_afterwards() {
    let dir = in_memory("there");
    let mut shim = with_secret("there", "echo up; exec sleep 1000").start();
    shim.says("up");
    assert_eq!(
        fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let file = dir.join("password");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o400
    );
    assert_eq!(fs::read(&file).unwrap(), b"hunter2\0\n");
    shim.signal(libc::SIGTERM);
    shim.wait();
    assert!(!dir.exists());
    for shown in [shim.log(), shim.state_file().to_string()] {
        assert!(!shown.contains("hunter2"));
    }
}

#[test]
fn a_killed_shims_secrets_are_replaced() {
    let dir = in_memory("replaced");
    let mut killed = with_secret("replaced", "exec sleep 1000").start();
    killed.signal(libc::SIGKILL);
    killed.wait();
    assert!(dir.exists());
    fs::write(dir.join("another"), "left behind").unwrap();
    let mut shim = with_secret("replaced", "echo up; exec sleep 1000").start();
    shim.says("up");
    assert!(!dir.join("another").exists() && dir.join("password").exists());
    shim.signal(libc::SIGTERM);
    shim.wait();
    assert!(!dir.exists());
}

#[test]
fn secrets_never_touch_a_disk() {
    let setup = with_secret("disk", "true")
        .with(|spec| spec.secrets.as_mut().unwrap().dir = "/var/lib/plat-shim-test".into());
    let (mut shim, reason) = setup.try_start(&["run", "-"]);
    assert_eq!(shim.wait(), 73);
    assert_eq!(
        reason,
        "plat-shim: the secrets directory /var/lib/plat-shim-test would lie on a disk; choose one on tmpfs, such as below /run or /dev/shm\n"
    );
}

#[test]
fn a_link_in_the_secrets_place_is_left_alone() {
    let dir = in_memory("link");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &dir).unwrap();
    let (mut shim, reason) = with_secret("link", "true").try_start(&["run", "-"]);
    assert_eq!(shim.wait(), 73);
    assert!(
        reason.contains("is there already and is not the shim's"),
        "{reason}"
    );
    assert!(elsewhere.path().join("precious").exists());
    fs::remove_file(&dir).unwrap();
}

#[test]
fn root_may_run_the_child_as_another() {
    if !is_root() {
        let mut shim = script("true")
            .with(|spec| {
                spec.user = Some(User {
                    uid: 65534,
                    gid: 65534,
                })
            })
            .start();
        assert_eq!(shim.wait(), 126);
        return skip("only root can become another user");
    }
    let dir = in_memory("user");
    let mut shim = with_secret(
        "user",
        &format!(
            "id -u; id -g; id -G; cat {}/password; exec sleep 1000",
            dir.display()
        ),
    )
    .with(|spec| {
        spec.cwd = "/".into();
        spec.user = Some(User {
            uid: 65534,
            gid: 65533,
        });
    })
    .start();
    eventually("its output", || (shim.lines("O").len() >= 4).then_some(()));
    assert_eq!(shim.lines("O")[..3], ["65534", "65533", "65533"]);
    assert_eq!(fs::metadata(dir.join("password")).unwrap().uid(), 65534);
    // The death signal survives the change of user.
    let pid = shim.child_pid();
    shim.signal(libc::SIGKILL);
    shim.wait();
    eventually("the child's end", || (!runs(pid)).then_some(()));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn nobody_looks_into_its_memory_but_everybody_into_the_childs_use() {
    if !is_root() {
        return skip("only root can start a shim as another user");
    }
    let setup = command(&["sleep", "1000"]).with(|spec| {
        spec.cwd = "/".into();
        spec.restart.policy = Policy::Never;
    });
    let dir = setup.dir.path().to_owned();
    std::os::unix::fs::chown(&dir, Some(65534), Some(65534)).unwrap();
    let spec = dir.join("spec");
    fs::write(&spec, setup.spec.to_text()).unwrap();
    fs::set_permissions(&spec, fs::Permissions::from_mode(0o644)).unwrap();
    // Where the user can run it, whoever built it.
    let copy = dir.join("shim");
    // By another process, for the reason `executable` gives.
    assert!(
        Command::new("cp")
            .arg(program())
            .arg(&copy)
            .status()
            .unwrap()
            .success()
    );
    let mut shim = Command::new(&copy)
        .args(["run", "--session"])
        .arg(&spec)
        .uid(65534)
        .gid(65534)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _killed = Killed(shim.id().into());
    // While its libraries are loaded it has a file more open.
    eventually("the child's three open files", || {
        let socket = &setup.spec.control;
        let answer = socket
            .exists()
            .then(|| crate::harness::ask(socket, "GET /metrics"))?;
        answer.contains("\nplat_open_fds 3\n").then_some(())
    });
    // Memory hidden: what `/proc` has of it belongs to root.
    assert_eq!(
        fs::metadata(format!("/proc/{}/mem", shim.id()))
            .unwrap()
            .uid(),
        0
    );
    crate::harness::kill(shim.id().into(), libc::SIGTERM);
    eventually("its end", || shim.try_wait().unwrap());
}
