//! The state on a real disk: other users, full disks, damage, other versions.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use plat_engine::{
    DirStore, Engine, EngineError, Expect, Scope, StateError, Store, StoreError, ThisMachine, Words,
};
use plat_model::TargetId;

use crate::app::graph;
use crate::world::Fake;
use crate::{Bench, run};

const SHOP: &str = "store db\nthing api needs=db";

fn scope() -> Scope {
    Scope {
        app: "shop".into(),
        environment: "dev".into(),
    }
}

fn engine(fake: &Fake, dir: &Path) -> Engine {
    Engine::new(
        scope(),
        BTreeMap::from([(
            TargetId::main(),
            Arc::new(fake.clone()) as Arc<dyn plat_engine::Backend>,
        )]),
        Arc::new(DirStore::new(dir)),
        Arc::new(ThisMachine),
    )
}

async fn up(engine: &Engine, text: &str) -> Result<plat_engine::Outcome, EngineError> {
    let plan = engine.plan(&graph(text), &Words::default()).await?;
    let interrupts = plat_engine::Interrupts::default();
    engine
        .apply(
            &plan,
            &plat_engine::ApplyOptions::default(),
            &interrupts,
            |_| {},
        )
        .await
}

/// The error as people see it, without the directory's name.
fn said(dir: &Path, result: Result<plat_engine::Outcome, EngineError>) -> String {
    let error = match result {
        Ok(outcome) => EngineError::from(outcome.trouble.expect("it went well")),
        Err(error) => error,
    };
    let next = error.next().map(|n| format!("\n  {n}")).unwrap_or_default();
    format!("{error}{next}").replace(&dir.display().to_string(), "DIR")
}

#[tokio::test]
async fn the_state_is_private_and_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("shop/dev");
    let fake = Fake::new();
    assert!(up(&engine(&fake, &root), SHOP).await.unwrap().is_complete());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    for name in [
        "state.json",
        "journal",
        "lease.json",
        "releases/000001.json",
    ] {
        assert_eq!(mode(&root.join(name)), 0o600, "{name}");
    }
    let again = engine(&fake, &root);
    let plan = again.plan(&graph(SHOP), &Words::default()).await.unwrap();
    assert!(plan.is_empty());
    let release = again.ledger().release(1).await.unwrap().unwrap();
    assert_eq!(release.graph, Some(graph(SHOP)));
    assert!(release.head.complete);
}

#[tokio::test]
async fn a_plan_makes_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("shop/dev");
    engine(&Fake::new(), &root)
        .plan(&graph(SHOP), &Words::default())
        .await
        .unwrap();
    assert!(!root.exists());
}

#[tokio::test]
async fn damaged_newer_and_foreign_states_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let fake = Fake::new();
    up(&engine(&fake, root), SHOP).await.unwrap();
    let path = root.join("state.json");
    let good = fs::read_to_string(&path).unwrap();
    fake.log();

    fs::write(&path, &good[..good.len() / 2]).unwrap();
    insta::assert_snapshot!(said(root, up(&engine(&fake, root), "thing x").await), @r"
    reading DIR/state.json: it was cut short or edited: its digest does not fit its content
      Put back a copy of it. Or move it away: then the next plan finds what runs by its ownership label, and apply takes it on record again
    ");
    fs::write(&path, good.replacen("\"format\":1", "\"format\":9", 1)).unwrap();
    insta::assert_snapshot!(said(root, up(&engine(&fake, root), "thing x").await), @r"
    reading DIR/state.json: it has format 9, and this platc reads up to 1
      A newer platc wrote it: update platc. Nothing was changed
    ");
    fs::write(&path, "{\"version\":4,\"terraform_version\":\"1.9\"}").unwrap();
    insta::assert_snapshot!(said(root, up(&engine(&fake, root), "thing x").await), @r"
    reading DIR/state.json: it is not a state of plat
      Move it away, or keep the state elsewhere
    ");
    fs::write(&path, &good).unwrap();
    let mut journal = fs::read(root.join("journal")).unwrap();
    journal[40] ^= 1;
    journal.extend(fs::read(root.join("journal")).unwrap());
    fs::write(root.join("journal"), journal).unwrap();
    insta::assert_snapshot!(said(root, up(&engine(&fake, root), "thing x").await), @r"
    reading DIR/journal: line 1 is damaged, and records stand after it
      Put back a copy of it. Or move it away: then the next plan finds what runs by its ownership label, and apply takes it on record again
    ");
    assert_eq!(fake.log(), [""; 0], "nothing was done meanwhile");
    fs::write(root.join("journal"), "half a rec").unwrap();
    assert!(up(&engine(&fake, root), SHOP).await.unwrap().is_complete());
}

#[tokio::test]
async fn the_state_of_another_environment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    up(&engine(&fake, dir.path()), SHOP).await.unwrap();
    let other = Scope {
        app: "shop".into(),
        environment: "prod".into(),
    };
    let ledger = plat_engine::Ledger::new(Arc::new(DirStore::new(dir.path())), other);
    let error = ledger.load().await.unwrap_err();
    assert!(matches!(error, StateError::OtherScope { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_of_another_user_is_refused_by_name() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a directory away.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    fs::create_dir(&root).unwrap();
    chown(&root, Some(65534), Some(65534)).unwrap();
    insta::assert_snapshot!(said(&root, up(&engine(&Fake::new(), &root), SHOP).await), @r"
    reading DIR: it belongs to the user `nobody` (65534), not to the user `root` (0)
      run the command as that user, or keep the state elsewhere with PLAT_HOME
    ");
}

#[tokio::test]
async fn a_file_where_the_directory_should_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    fs::write(&root, "").unwrap();
    insta::assert_snapshot!(said(&root, up(&engine(&Fake::new(), &root), SHOP).await), @r"
    reading DIR: it is not a directory
      move it away
    ");
}

#[test]
fn a_full_disk_stops_before_the_operation_it_would_announce() {
    run(async {
        let plan_size = {
            let bench = Bench::new();
            bench.up(SHOP).await;
            bench
                .memory
                .files
                .lock()
                .unwrap()
                .values()
                .map(Vec::len)
                .sum::<usize>()
        };
        // However much room there is, nothing is done that is not announced, and when there is
        // room again the next apply finishes it.
        for room in (0..plan_size * 4).step_by(97) {
            let bench = Bench::new();
            *bench.memory.room.lock().unwrap() = Some(room);
            let plan = bench.plan(SHOP).await.unwrap();
            let ended = bench.apply(&plan).await;
            let announced = {
                let files = bench.memory.files.lock().unwrap();
                let journal = files.get("journal").cloned().unwrap_or_default();
                String::from_utf8(journal)
                    .unwrap()
                    .matches("\"intent\"")
                    .count()
            };
            let done = bench.log().len();
            match ended {
                Ok(outcome) if outcome.is_complete() => continue,
                Ok(outcome) => {
                    let trouble = outcome.trouble.unwrap().to_string();
                    assert!(trouble.contains("no space left"), "{trouble}");
                    assert!(done <= announced.max(done.min(2)), "room {room}");
                }
                Err(error) => {
                    assert!(error.to_string().contains("no space left"), "{error}");
                    assert_eq!(done, 0, "room {room}");
                }
            }
            *bench.memory.room.lock().unwrap() = None;
            // The process that could not give its lease back ends.
            bench.machine.ended.lock().unwrap().push(1);
            let next = Bench {
                machine: bench.machine.another(2),
                ..bench.clone()
            };
            next.up(SHOP).await;
            next.fake.with(|w| assert_eq!(w.violations, [""; 0]));
            assert!(next.plan(SHOP).await.unwrap().is_empty());
        }
    });
}

#[tokio::test]
async fn conditions_hold_between_two_writers_of_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = DirStore::new(dir.path());
    store.write("a", b"1", &Expect::Absent).await.unwrap();
    let one = store.read("a").await.unwrap().unwrap();
    let moved = store.write("a", b"2", &Expect::Absent).await;
    assert!(matches!(moved, Err(StoreError::Moved { .. })));
    let many = (0..8).map(|i| {
        let store = store.clone();
        let expect = Expect::Tag(one.tag());
        async move { store.write("a", format!("w{i}").as_bytes(), &expect).await }
    });
    let ended = futures::future::join_all(many).await;
    assert_eq!(ended.iter().filter(|e| e.is_ok()).count(), 1);
    store.append("log", 0, b"", b"one").await.unwrap();
    let moved = store.append("log", 0, b"", b"two").await;
    assert!(matches!(moved, Err(StoreError::Moved { .. })));
    store.append("log", 3, b"", b"two").await.unwrap();
    let log = store.read("log").await.unwrap().unwrap();
    assert_eq!(log.bytes, b"onetwo");
    assert_eq!(store.read("none").await.unwrap(), None);
    store
        .write("folder/b", b"", &Expect::Anything)
        .await
        .unwrap();
    assert_eq!(store.list("folder").await.unwrap(), ["b"]);
    store.remove("folder/b").await.unwrap();
    store.remove("folder/b").await.unwrap();
    assert_eq!(store.list("folder").await.unwrap(), [""; 0]);
}

/// Takes the file system away again, also when the test fails.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_really_full_disk_is_told_and_finished_later() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "none"])
        .arg(dir.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        // Only root may mount, and not in every container.
        return;
    }
    let _mounted = Mounted(dir.path());
    let root = dir.path().join("state");
    let filler = dir.path().join("filler");
    let fake = Fake::new();
    up(&engine(&fake, &root), SHOP).await.unwrap();
    fake.log();
    // All the room there is.
    let mut room = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut room, &[0; 4096]).is_ok() {}
    drop(room);
    let changed = format!("{SHOP}\nthing more needs=api");
    insta::assert_snapshot!(said(dir.path(), up(&engine(&fake, &root), &changed).await), @r"
    writing DIR/state/lease.json: there is no space left
      free some space there, then run the command again: it goes on where it stopped
    ");
    assert_eq!(fake.log(), [""; 0]);
    let plan = engine(&fake, &root)
        .plan(&graph(&changed), &Words::default())
        .await;
    assert_eq!(plan.unwrap().operations.len(), 1, "planning needs no room");
    fs::remove_file(&filler).unwrap();
    assert!(
        up(&engine(&fake, &root), &changed)
            .await
            .unwrap()
            .is_complete()
    );
    assert_eq!(fake.log(), ["create thing/more"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_applies_at_once_one_wins_and_none_is_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let many: String = (0..20).map(|i| format!("thing t{i}\n")).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let engine = engine(&fake, dir.path());
        let many = many.clone();
        tasks.spawn(async move { up(&engine, &many).await });
    }
    let mut complete = 0;
    while let Some(ended) = tasks.join_next().await {
        match ended.unwrap() {
            Ok(outcome) => {
                assert!(outcome.is_complete(), "{outcome:#?}");
                complete += 1;
            }
            Err(EngineError::State(StateError::Busy { .. }) | EngineError::Stale { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(complete >= 1);
    fake.with(|w| {
        assert_eq!(w.violations, [""; 0]);
        assert_eq!(w.log.len(), 20, "each was made once");
    });
    let plan = engine(&fake, dir.path())
        .plan(&graph(&many), &Words::default())
        .await;
    assert!(plan.unwrap().is_empty());
}

/// Not a promise of a time: what grows with the square of it would take minutes.
#[tokio::test]
async fn thousands_of_things_are_planned_and_shown() {
    let bench = Bench::new();
    let many: String = (1..=3_000)
        .map(|i| format!("thing t{i} scale=1 needs=t{}\n", i / 10))
        .collect();
    let plan = bench.plan(&many).await.unwrap();
    assert_eq!(plan.operations.len(), 3_000);
    let view = plat_engine::PlanView::of(&plan);
    let text = plat_engine::render_text(&view, &plat_engine::Style::default());
    assert!(text.contains("3000 to create"));
}
