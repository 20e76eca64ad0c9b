//! What the child prints is kept: whole lines, in order, none lost but to a full disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plat_shim::spec::Log;

use crate::harness::{Shim, eventually, script, skip};

#[test]
fn lines_have_a_time_and_a_stream() {
    let mut shim = script("echo out; echo err >&2; echo; printf 'tab\\tand \\377\\n'").start();
    assert_eq!(shim.wait(), 0);
    let path = &shim.spec.log.as_ref().unwrap().path;
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let log = fs::read(path).unwrap();
    let records: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    for record in &records[..records.len() - 1] {
        // 2026-01-31T12:00:00.000000Z O …
        let shape: Vec<u8> = record[..30]
            .iter()
            .map(|b| if b.is_ascii_digit() { b'0' } else { *b })
            .collect();
        let shape = String::from_utf8(shape).unwrap();
        assert!(shape.starts_with("0000-00-00T00:00:00.000000Z "), "{shape}");
        assert!("OES".contains(&shape[28..29]), "{shape}");
    }
    assert!(
        records
            .iter()
            .any(|record| record.ends_with(b" O tab\tand \xff"))
    );
    assert!(records.iter().any(|record| record.ends_with(b"Z O ")));
    assert_eq!(shim.lines_lossy("E"), ["err"]);
}

impl Shim {
    fn lines_lossy(&self, stream: &str) -> Vec<String> {
        let log = fs::read(&self.spec.log.as_ref().unwrap().path).unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        let mark = format!("Z {stream} ");
        log.lines()
            .filter_map(|line| line.split_once(&mark))
            .map(|(_, t)| t.to_owned())
            .collect()
    }
}

#[test]
fn an_unfinished_line_is_kept() {
    let mut shim = script("echo whole; printf 'half of'; printf ' it'").start();
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.lines("O"), ["whole", "half of it"]);
}

#[test]
fn a_long_line_is_cut_and_can_be_joined_again() {
    let mut shim = script("head -c 20000 /dev/zero | tr '\\0' x; echo; echo next").start();
    assert_eq!(shim.wait(), 0);
    let pieces = shim.lines("o");
    let rest = shim.lines("O");
    assert_eq!(
        pieces.iter().map(String::len).collect::<Vec<_>>(),
        [8192, 8192]
    );
    assert_eq!(rest[0].len(), 20000 - 2 * 8192);
    assert_eq!(rest[1], "next");
}

fn older(path: &Path, number: u32) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

#[test]
fn rotation_loses_nothing() {
    let mut shim = script("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
        .with(|spec| {
            let log = spec.log.as_mut().unwrap();
            (log.max_bytes, log.keep) = (20_000, 1000);
        })
        .start();
    assert_eq!(shim.wait(), 0);
    let Log {
        path, max_bytes, ..
    } = shim.spec.log.clone().unwrap();
    let count = (1..)
        .find(|number| !older(&path, *number).exists())
        .unwrap()
        - 1;
    assert!(count > 10, "{count}");
    let files = (1..=count)
        .rev()
        .map(|number| older(&path, number))
        .chain([path.clone()]);
    let mut next = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.len() as u64 <= max_bytes && text.ends_with('\n'));
        for line in text.lines().filter(|line| line.contains(" O ")) {
            assert!(
                line.ends_with(&format!(" O line {next}")),
                "{line} in {file:?}, not {next}"
            );
            next += 1;
        }
    }
    assert_eq!(next, 20000);
}

#[test]
fn only_so_many_files_are_kept() {
    for keep in [0, 1, 2] {
        let mut shim = script("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done")
            .with(|spec| {
                let log = spec.log.as_mut().unwrap();
                (log.max_bytes, log.keep) = (16_384, keep);
            })
            .start();
        assert_eq!(shim.wait(), 0);
        let path = shim.spec.log.as_ref().unwrap().path.clone();
        assert!(
            (1..=keep).all(|number| older(&path, number).exists()),
            "{keep}"
        );
        assert!(!older(&path, keep + 1).exists(), "{keep}");
        assert!(shim.log().contains("line 2999\n"));
    }
}

#[test]
fn an_old_log_is_appended_to() {
    let setup = script("echo new");
    fs::write(
        setup.dir.path().join("log"),
        "2026-01-31T12:00:00.000000Z O old\n",
    )
    .unwrap();
    let mut shim = setup.start();
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.lines("O"), ["old", "new"]);
}

#[test]
fn a_flood_is_written_in_full() {
    let mut shim = script("head -c 3000000 /dev/zero | tr '\\0' y | fold -w 99; echo; echo end")
        .with(|spec| spec.log.as_mut().unwrap().max_bytes = 1 << 30)
        .start();
    assert_eq!(shim.wait(), 0);
    let lines = shim.lines("O");
    assert_eq!(lines.last().unwrap(), "end");
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with('y'))
            .map(String::len)
            .sum::<usize>(),
        3_000_000
    );
}

/// A file system of its own, small; unmounted on drop.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Result<SmallDisk, String> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(dir.path())
            .output()
            .map_err(|error| format!("there is no `mount`: {error}"))?;
        let said = String::from_utf8_lossy(&mount.stderr).into_owned();
        mount.status.success().then_some(SmallDisk(dir)).ok_or(said)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(why) => return skip(&format!("no small file system can be mounted: {why}")),
    };
    let log = disk.0.path().join("log");
    let mut shim = script(
        "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo wrote it all > done
         read line < gate; echo after; exit 4",
    );
    shim.spec.log = Some(Log {
        path: log.clone(),
        max_bytes: 1 << 30,
        keep: 3,
    });
    let gate = shim.dir.path().join("gate");
    assert!(
        Command::new("mkfifo")
            .arg(&gate)
            .status()
            .unwrap()
            .success()
    );
    let mut shim = shim.start();
    // The child was not held up: it got through all of it.
    eventually("the whole output", || {
        shim.dir.path().join("done").exists().then_some(())
    });
    let dropped = eventually("dropped bytes", || {
        let metrics = shim.ask("GET /metrics");
        let (_, rest) = metrics
            .split_once("\nplat_log_dropped_bytes_total ")
            .unwrap();
        let dropped: u64 = rest.lines().next().unwrap().parse().unwrap();
        (dropped > 0).then_some(dropped)
    });
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.ends_with('\n'), "no half record is left");
    assert!(
        text.len() <= 65536 && dropped > 65536,
        "{} {dropped}",
        text.len()
    );

    // There is room again: it goes on, and says what is missing.
    fs::write(&log, "").unwrap();
    fs::write(gate, "go\n").unwrap();
    assert_eq!(shim.wait(), 4);
    let text = fs::read_to_string(&log).unwrap();
    let first = text.lines().next().unwrap();
    assert!(
        first.ends_with(&format!(
            "Z S {dropped} bytes of log were dropped: the disk was full"
        )),
        "{text}"
    );
    assert!(text.contains(" O after\n"), "{text}");
}
