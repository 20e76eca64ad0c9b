//! What the shim costs. Run by hand, on the program as it is shipped:
//!
//! ```text
//! cargo build -p plat-shim --profile shim --target x86_64-unknown-linux-musl
//! PLAT_SHIM=target/x86_64-unknown-linux-musl/shim/plat-shim \
//!     cargo test -p plat-shim --test shim figures -- --ignored --nocapture
//! ```

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plat_shim::spec::Policy;

use crate::harness::{command, kill, program, script};

#[test]
#[ignore = "measures; see the module's text"]
fn size_memory_and_added_start_time() {
    let size = fs::metadata(program()).unwrap().len();
    println!("on disk: {size} bytes");

    let shim = script("echo up; exec sleep 1000").start();
    shim.says("up");
    shim.status();
    let status = fs::read_to_string(format!("/proc/{}/status", shim.pid())).unwrap();
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("Rss"))
    {
        println!("{line}");
    }

    const ROUNDS: u32 = 300;
    let direct = median((0..ROUNDS).map(|_| {
        let began = Instant::now();
        let mut child = Command::new("/bin/echo")
            .arg("x")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let took = began.elapsed();
        child.wait().unwrap();
        took
    }));
    let setup = command(&["/bin/echo", "x"]).with(|spec| spec.log = None);
    let text = setup.spec.to_text();
    let under = median((0..ROUNDS).map(|_| {
        let began = Instant::now();
        let mut shim = Command::new(program())
            .args(["run", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        shim.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        // The first byte the workload itself writes.
        shim.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let took = began.elapsed();
        shim.wait().unwrap();
        took
    }));
    println!("start to the first byte of output: {direct:?} alone, {under:?} under the shim");
    println!("added: {:?}", under.saturating_sub(direct));

    let back = median((0..20).map(|_| {
        let always = |spec: &mut plat_shim::spec::Spec| spec.restart.policy = Policy::Always;
        let shim = command(&["sleep", "1000"]).with(always).start();
        let pid = shim.child_pid();
        let began = Instant::now();
        kill(pid, libc::SIGKILL);
        while shim.status()["child_pid"]
            .as_i64()
            .is_none_or(|now| now == pid)
        {}
        began.elapsed()
    }));
    println!("from kill -9 of the child to the next one: {back:?}");
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}
