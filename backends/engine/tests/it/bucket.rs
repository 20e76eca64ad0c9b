//! The state in a bucket whose answers are lost, late, or given twice.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use plat_engine::{
    ApplyOptions, Backend, BucketStore, Engine, EngineError, Expect, Interrupts, Outcome, Scope,
    StateError, Store, StoreError, Words,
};
use plat_model::TargetId;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::app::graph;
use crate::memory::Machine;
use crate::run;
use crate::world::Fake;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trick {
    Works,
    /// It is done, and the answer is lost.
    LosesAnswer,
    /// It is not done.
    Fails,
    /// It is not done now; it arrives that many requests later.
    Late(u8),
    /// It is done, and asked for again on the way; the second answer is given.
    Twice,
    /// It is done, and no answer ever comes.
    Hangs,
    /// A conflict is told though there is none, as S3 does when two are at work.
    Conflicts,
}

/// A write that is still on its way.
type Late = (u8, Path, PutPayload, PutMode);

/// An object store in memory that outlives those who use it.
#[derive(Clone, Default)]
struct Flaky {
    inner: Arc<InMemory>,
    tricks: Arc<Mutex<VecDeque<Trick>>>,
    late: Arc<Mutex<Vec<Late>>>,
    /// Whether it drops the conditions of writes.
    heedless: bool,
}

impl fmt::Debug for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

fn unanswered(why: &'static str) -> Error {
    Error::Generic {
        store: "S3",
        source: why.into(),
    }
}

impl Flaky {
    /// Requests that were on their way arrive.
    async fn pass(&self) {
        let due: Vec<Late> = {
            let mut late = self.late.lock().unwrap();
            for (left, ..) in late.iter_mut() {
                *left -= 1;
            }
            late.extract_if(.., |(left, ..)| *left == 0).collect()
        };
        for (_, path, payload, mode) in due {
            // Nobody hears how it went.
            let _ = self.inner.put_opts(&path, payload, mode.into()).await;
        }
    }

    fn store(&self) -> BucketStore {
        let prefix = Path::from_iter(["plat", "shop", "dev"]);
        BucketStore::new(Arc::new(self.clone()), prefix, "s3://state/plat/shop/dev")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.pass().await;
        let trick = self.tricks.lock().unwrap().pop_front();
        let mut mode = options.mode;
        if self.heedless {
            mode = PutMode::Overwrite;
        }
        let put = || {
            self.inner
                .put_opts(path, payload.clone(), mode.clone().into())
        };
        match trick.unwrap_or(Trick::Works) {
            Trick::Works => put().await,
            Trick::LosesAnswer => {
                let _ = put().await;
                Err(unanswered("connection closed before message completed"))
            }
            Trick::Fails => Err(unanswered("503 SlowDown")),
            Trick::Late(after) => {
                let late = (after.max(1), path.clone(), payload.clone(), mode.clone());
                self.late.lock().unwrap().push(late);
                Err(unanswered("operation timed out"))
            }
            Trick::Twice => {
                let _ = put().await;
                put().await
            }
            Trick::Hangs => {
                let _ = put().await;
                std::future::pending().await
            }
            Trick::Conflicts => Err(Error::Precondition {
                path: path.to_string(),
                source: "409 ConditionalRequestConflict".into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn engine(fake: &Fake, store: BucketStore, machine: &Machine) -> Engine {
    let scope = Scope {
        app: "shop".into(),
        environment: "dev".into(),
    };
    let fake = Arc::new(fake.clone()) as Arc<dyn Backend>;
    let backends = BTreeMap::from([(TargetId::main(), fake)]);
    Engine::new(scope, backends, Arc::new(store), Arc::new(machine.clone()))
}

async fn up(engine: &Engine, text: &str) -> std::result::Result<Outcome, EngineError> {
    let plan = engine.plan(&graph(text), &Words::default()).await?;
    let never = Interrupts::default();
    engine
        .apply(&plan, &ApplyOptions::default(), &never, |_| {})
        .await
}

const SHOP: &str = "store db\nthing api needs=db,hub\nthing mailer needs=hub";

#[test]
fn an_app_is_applied_changed_and_taken_away() {
    run(async {
        let (flaky, fake, machine) = (Flaky::default(), Fake::new(), Machine::new(1));
        let engine = || engine(&fake, flaky.store(), &machine);
        assert!(up(&engine(), SHOP).await.unwrap().is_complete());
        let plan = engine().plan(&graph(SHOP), &Words::default()).await;
        assert!(plan.unwrap().is_empty());
        assert!(up(&engine(), "store db").await.unwrap().is_complete());
        assert_eq!(fake.things().keys().collect::<Vec<_>>(), ["store/db"]);
        let state = engine().ledger().load().await.unwrap();
        assert_eq!(state.last_release().unwrap().number, 2);
    });
}

#[test]
fn a_store_that_takes_no_notice_of_conditions_is_refused() {
    run(async {
        let flaky = Flaky {
            heedless: true,
            ..Flaky::default()
        };
        let fake = Fake::new();
        let engine = engine(&fake, flaky.store(), &Machine::new(1));
        let error = up(&engine, SHOP).await.unwrap_err();
        let next = error.next().unwrap();
        insta::assert_snapshot!(format!("{error}\n  {next}"), @r"
        writing s3://state/plat/shop/dev/lease.json: this object store takes no notice of If-Match and If-None-Match: of two applies at once, each could write over what the other did
          use one that does, such as S3 or a recent MinIO, or leave the environment's `state` out
        ");
        assert!(fake.things().is_empty());
    });
}

#[test]
fn an_append_that_comes_after_another_took_over_is_not_told_as_done() {
    run(async {
        let flaky = Flaky::default();
        let slow = flaky.store();
        slow.append("journal", 0, b"", b"one\n").await.unwrap();
        // It is on its way for longer than the slow one waits, and than the other needs.
        let tricks = [Trick::Late(40), Trick::Fails, Trick::Fails];
        flaky.tricks.lock().unwrap().extend(tricks);
        let late = tokio::time::timeout(
            std::time::Duration::from_millis(150),
            slow.append("journal", 4, b"", b"two\n"),
        );
        assert!(late.await.is_err(), "it is not known what came of it");
        flaky.tricks.lock().unwrap().clear();
        let other = flaky.store();
        let read = other.read("journal").await.unwrap().unwrap();
        assert_eq!(read.bytes, b"one\n");
        let tag = Expect::Tag(read.tag());
        other.write("journal", b"new\n", &tag).await.unwrap();
        other.append("journal", 4, b"", b"more\n").await.unwrap();
        for _ in 0..60 {
            let read = other.read("journal").await.unwrap().unwrap();
            assert_eq!(read.bytes, b"new\nmore\n");
        }
        assert!(flaky.late.lock().unwrap().is_empty(), "it has arrived");
        let again = slow.append("journal", 4, b"", b"two\n").await;
        assert!(matches!(again, Err(StoreError::Moved { .. })), "{again:?}");
    });
}

#[test]
fn damaged_and_foreign_files_are_told() {
    run(async {
        let flaky = Flaky::default();
        let fake = Fake::new();
        let machine = Machine::new(1);
        up(&engine(&fake, flaky.store(), &machine), SHOP)
            .await
            .unwrap();
        fake.log();
        let at = |name: &str| Path::from(format!("plat/shop/dev/{name}"));
        let good = {
            let at = at("state.json");
            let got = flaky.inner.get_opts(&at, GetOptions::new()).await;
            got.unwrap().bytes().await.unwrap()
        };
        let put = |name: &'static str, bytes: Vec<u8>| {
            let inner = Arc::clone(&flaky.inner);
            async move {
                let options = PutOptions::default();
                let at = at(name);
                inner.put_opts(&at, bytes.into(), options).await.unwrap();
            }
        };
        let said = || async {
            let engine = engine(&fake, flaky.store(), &machine);
            let error = up(&engine, "thing x").await.unwrap_err();
            format!("{error}\n  {}", error.next().unwrap_or_default())
        };
        put("state.json", good[..good.len() / 2].to_vec()).await;
        insta::assert_snapshot!(said().await, @r"
        reading s3://state/plat/shop/dev/state.json: it was cut short or edited: its digest does not fit its content
          Put back a copy of it. Or move it away: then the next plan finds what runs by its ownership label, and apply takes it on record again
        ");
        put("state.json", good.to_vec()).await;
        put("journal", b"a page that a proxy made".to_vec()).await;
        insta::assert_snapshot!(said().await, @r"
        reading s3://state/plat/shop/dev/journal: it is not a journal of plat
          move it away, or keep the state elsewhere
        ");
        assert_eq!(fake.log(), [""; 0], "nothing was done meanwhile");
    });
}

fn trick() -> impl Strategy<Value = Trick> {
    prop_oneof![
        4 => Just(Trick::Works),
        1 => Just(Trick::LosesAnswer),
        1 => Just(Trick::Fails),
        1 => (1..12_u8).prop_map(Trick::Late),
        1 => Just(Trick::Twice),
        1 => Just(Trick::Hangs),
        1 => Just(Trick::Conflicts),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 300,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..Config::default()
    })]

    /// Whatever becomes of the answers: what the engine was told is true, and it comes to an end.
    #[test]
    fn answers_that_are_lost_late_or_given_twice_do_no_harm(
        tricks in prop::collection::vec(trick(), 0..60),
    ) {
        run(async {
            let (flaky, fake) = (Flaky::default(), Fake::new());
            flaky.tricks.lock().unwrap().extend(tricks);
            for (pid, version) in (1..).zip([SHOP, "store db\nthing api scale=2 needs=db", SHOP]) {
                let machine = Machine::new(pid);
                // Those before it have ended.
                machine.ended.lock().unwrap().extend(1..pid);
                for _ in 0..10 {
                    let engine = engine(&fake, flaky.store(), &machine);
                    match up(&engine, version).await {
                        Ok(outcome) if outcome.is_complete() => break,
                        Ok(outcome) => {
                            prop_assert!(outcome.trouble != Some(StateError::LeaseLost));
                        }
                        // Its patience ended; the lease it may have taken ends with it.
                        Err(EngineError::State(StateError::Store(_))) => {}
                        Err(EngineError::State(StateError::Busy { .. })) => {
                            machine.ended.lock().unwrap().push(pid);
                        }
                        Err(error) => return Err(TestCaseError::fail(error.to_string())),
                    }
                }
                let engine = engine(&fake, flaky.store(), &Machine::new(99));
                let plan = engine.plan(&graph(version), &Words::default()).await;
                prop_assert!(plan.unwrap().is_empty());
            }
            let violations = fake.with(|w| w.violations.clone());
            prop_assert!(violations.is_empty(), "{violations:?}");
            Ok(())
        })?;
    }
}
