//! The engine is stopped at every call it makes, and started again.
//!
//! A case is two or three versions of an app of random shape, applied one after the other. It
//! runs once undisturbed; then, for each call of the last apply (of the target or of the store,
//! before it, in the middle of a write, and after it), once with the engine stopped there. Its
//! memory is lost, its world and what it had synced are not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plat_engine::{ApplyOptions, DataWord, EngineError, Interrupts, Outcome, Plan, Words};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestCaseResult};

use crate::app::graph;
use crate::world::{Crash, Fault};
use crate::{Bench, run};

/// One version of the app: what each of its nodes is, if it is there at all.
type Version = Vec<Option<NodeShape>>;

#[derive(Debug, Clone)]
struct NodeShape {
    store: bool,
    scale: u8,
    region: u8,
    /// Bits: which of the earlier nodes it needs.
    needs: u8,
    hub: bool,
}

fn node() -> impl Strategy<Value = NodeShape> {
    (any::<bool>(), 0..3_u8, 0..2_u8, any::<u8>(), any::<bool>()).prop_map(
        |(store, scale, region, needs, hub)| NodeShape {
            store,
            scale,
            region,
            needs,
            hub,
        },
    )
}

fn case() -> impl Strategy<Value = Vec<Version>> {
    let version = prop::collection::vec(prop::option::weighted(0.75, node()), 1..6);
    prop::collection::vec(version, 2..4)
}

fn text(version: &Version) -> String {
    let mut lines = String::new();
    for (i, node) in version.iter().enumerate() {
        let Some(node) = node else {
            continue;
        };
        let mut needs: Vec<String> = (0..i)
            .filter(|j| node.needs & (1 << j) != 0 && version[*j].is_some())
            .map(|j| format!("n{j}"))
            .collect();
        if node.hub {
            needs.push("hub".into());
        }
        let kind = if node.store { "store" } else { "thing" };
        lines += &format!(
            "{kind} n{i} scale={} region=r{} needs={}\n",
            node.scale,
            node.region,
            needs.join(",")
        );
    }
    lines
}

fn words() -> Words {
    // Data of the even nodes may be lost, that of the odd ones may not.
    Words {
        data: DataWord::Of(["n0", "n2", "n4"].map(str::to_owned).into()),
        ..Words::default()
    }
}

/// Plans and applies, as one process of platc does.
pub(crate) async fn once(bench: &Bench, version: &str) -> Result<(Plan, Outcome), EngineError> {
    let engine = bench.engine();
    let plan = engine.plan(&graph(version), &words()).await?;
    let options = ApplyOptions::default();
    let outcome = engine
        .apply(&plan, &options, &Interrupts::default(), |_| {})
        .await?;
    Ok((plan, outcome))
}

/// The same, stopped at a call; whether it was stopped there.
pub(crate) async fn stopped(bench: &Bench, version: &str, at: u64) -> bool {
    stopped_and(bench, version, at, 0).await
}

/// The same, and what the target was asked for then it does some calls later.
pub(crate) async fn stopped_and(bench: &Bench, version: &str, at: u64, lands: u64) -> bool {
    let crash = Crash::landing(at, lands);
    let cut = bench.crashing(&crash);
    let stopped = tokio::select! {
        biased;
        () = crash.tripped.notified() => true,
        _ = once(&cut, version) => false,
    };
    let pid = bench.machine.pid;
    bench.machine.ended.lock().unwrap().push(pid);
    stopped
}

/// What counts of a world: what is there, as what, and with which data.
fn world(bench: &Bench) -> BTreeMap<String, (String, bool)> {
    bench.fake.with(|w| {
        let there = w.things.iter().map(|(id, thing)| {
            let state = format!("{} stopped={}", thing.spec, thing.stopped);
            (id.to_string(), (state, thing.data.is_some()))
        });
        let kept = w
            .kept
            .keys()
            .map(|id| (format!("kept {id}"), (String::new(), true)));
        there.chain(kept).collect()
    })
}

fn held(bench: &Bench) -> TestCaseResult {
    bench.fake.with(|w| {
        prop_assert_eq!(&w.violations, &Vec::<String>::new());
        for (id, _) in &w.destroyed {
            let allowed = ["n0", "n2", "n4"].iter().any(|n| id.as_str().ends_with(n));
            prop_assert!(allowed, "the data of {} was lost without its word", id);
        }
        Ok(())
    })
}

/// Brings a bench to the last version but one.
async fn prepared(versions: &[Version], tokens: bool) -> Option<Bench> {
    let mut bench = Bench::new();
    bench.fake.tokens = tokens;
    for version in versions {
        match once(&bench, &text(version)).await {
            Ok(_) => {}
            // Its word is not given: no such case.
            Err(EngineError::Refused(_)) => return None,
            Err(error) => panic!("{error}"),
        }
        bench.machine.pid += 1;
    }
    Some(bench)
}

/// Applies a version after a stop, and finds nothing amiss and nothing left to do.
async fn finished(bench: &Bench, version: &str, at: u64) -> TestCaseResult {
    let (_, outcome) = once(bench, version).await.map_err(|error| match error {
        // Going back would lose data whose word is not given.
        EngineError::Refused(_) => TestCaseError::reject("its word is not given"),
        error => TestCaseError::fail(format!("after call {at}: {error}")),
    })?;
    prop_assert!(outcome.is_complete(), "after call {}: {:#?}", at, outcome);
    held(bench)?;
    let next = bench.engine().plan(&graph(version), &words()).await;
    let next = next.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(next.is_empty(), "after call {}: {:#?}", at, next.operations);
    Ok(())
}

fn check(versions: &[Version], tokens: bool) -> TestCaseResult {
    let (last, before) = versions.split_last().unwrap();
    let last = text(last);
    run(async {
        let Some(start) = prepared(before, tokens).await else {
            return Ok(());
        };
        let calm = start.copy();
        let counter = Crash::never();
        match once(&calm.crashing(&counter), &last).await {
            Ok((_, outcome)) => prop_assert!(outcome.is_complete()),
            Err(EngineError::Refused(_)) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        held(&calm)?;
        let wanted = world(&calm);
        let calls = counter.passed.load(Ordering::SeqCst);
        for at in 1..=calls {
            let mut bench = start.copy();
            prop_assert!(stopped(&bench, &last, at).await, "call {} of {}", at, calls);
            bench.machine.pid += 1;
            // Every third time it is stopped again while it recovers.
            if at % 3 == 0 {
                stopped(&bench, &last, at / 3).await;
                bench.machine.pid += 1;
            }
            let other = bench.copy();
            finished(&bench, &last, at).await?;
            prop_assert_eq!(&world(&bench), &wanted, "after call {}", at);
            // Instead of going on, somebody thinks better of it: what was made must go again.
            let back = text(before.last().unwrap());
            match finished(&other, &back, at).await {
                Err(TestCaseError::Reject(_)) => {}
                result => {
                    result?;
                    prop_assert_eq!(other.fake.things(), start.fake.things(), "call {}", at);
                }
            }
        }
        Ok(())
    })
}

fn cases(default: u32) -> Config {
    let cases = std::env::var("PLAT_CRASH_CASES").ok();
    Config {
        cases: cases.and_then(|n| n.parse().ok()).unwrap_or(default),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(crate::story::setting("PLAT_CRASH_SEED", 20)),
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn an_apply_that_is_stopped_anywhere_is_finished_by_the_next(
        versions in case(),
        // Some targets can't keep a token in their things.
        tokens in any::<bool>(),
    ) {
        check(&versions, tokens)?;
    }

    /// The target goes on with what it was asked for when the engine stopped, and does it while
    /// the next one looks, plans or applies: the next says that the world moved, or it comes right
    /// by itself; nothing is left over in the end.
    #[test]
    fn what_a_target_does_late_is_found(versions in case(), lands in 1..6_u64) {
        let (last, before) = versions.split_last().unwrap();
        let last = text(last);
        run(async {
            let Some(start) = prepared(before, true).await else {
                return Ok(());
            };
            for at in 1.. {
                let mut bench = start.copy();
                if !stopped_and(&bench, &last, at, lands).await {
                    break;
                }
                bench.machine.pid += 1;
                let other = bench.copy();
                let back = text(before.last().unwrap());
                for (bench, version) in [(bench, &last), (other, &back)] {
                    let mut runs = 0;
                    loop {
                        runs += 1;
                        prop_assert!(runs < 12, "after call {}", at);
                        match once(&bench, version).await {
                            Ok((plan, _)) if plan.is_empty() => {
                                if bench.fake.with(|w| w.under_way.is_empty()) {
                                    break;
                                }
                            }
                            Ok(_) | Err(EngineError::Stale { .. }) => {}
                            Err(EngineError::Refused(_)) => break,
                            Err(error) => return Err(TestCaseError::fail(error.to_string())),
                        }
                    }
                    if bench.engine().plan(&graph(version), &words()).await.is_ok() {
                        let fresh = Bench::new();
                        once(&fresh, version).await.unwrap();
                        prop_assert_eq!(bench.fake.things(), fresh.fake.things(), "call {}", at);
                    }
                    held(&bench)?;
                }
            }
            Ok(())
        })?;
    }

    /// Answers are lost, targets throttle and fail, and the engine is stopped at a random call
    /// on top: after enough applies the world is as the source says.
    #[test]
    fn lost_answers_and_failures_come_right_in_the_end(
        versions in case(),
        faults in prop::collection::vec((0..6_usize, 0..4_u8), 0..8),
        stop in 1..200_u64,
    ) {
        let (last, before) = versions.split_last().unwrap();
        let last = text(last);
        run(async {
            let Some(mut bench) = prepared(before, true).await else {
                return Ok(());
            };
            bench.fake.with(|w| {
                for (node, fault) in &faults {
                    let fault = match fault {
                        0 => Fault::LosesAnswer,
                        1 => Fault::Throttles,
                        2 => Fault::Fails,
                        _ => Fault::NotReady,
                    };
                    for kind in ["store", "thing"] {
                        let id = format!("{kind}/n{node}").as_str().into();
                        w.faults.entry(id).or_default().push(fault);
                    }
                }
            });
            stopped(&bench, &last, stop).await;
            bench.machine.pid += 1;
            for _ in 0..20 {
                match once(&bench, &last).await {
                    Ok((_, outcome)) if outcome.is_complete() => break,
                    Ok(_) => {}
                    Err(EngineError::Refused(_)) => return Ok(()),
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            held(&bench)?;
            let wanted: Vec<_> = {
                let fresh = Bench::new();
                once(&fresh, &last).await.unwrap();
                fresh.fake.things().into_iter().collect()
            };
            prop_assert_eq!(bench.fake.things().into_iter().collect::<Vec<_>>(), wanted);
            let next = bench.engine().plan(&graph(&last), &words()).await.unwrap();
            prop_assert!(next.is_empty(), "{:#?}", next.operations);
            Ok(())
        })?;
    }
}

/// A writer that was not heard of, and comes back after another took over, changes nothing more.
#[test]
fn a_slow_holder_cannot_write_after_it_lost_the_lease() {
    run(async {
        let first = "thing a\nthing b needs=a";
        let second = "thing a\nthing c needs=a";
        for at in 1..200 {
            let slow = Bench::new();
            slow.up("thing a").await;
            let crash = Crash::at(at);
            let mut far = slow.clone();
            far.machine.name = "far";
            far.machine.pid = 2;
            // It stops at a call for as long as the test wants, and is not dropped.
            let cut = slow.crashing(&crash);
            let mut paused = Box::pin(once(&cut, first));
            let is_paused = tokio::select! {
                biased;
                () = crash.tripped.notified() => true,
                _ = &mut paused => false,
            };
            if !is_paused {
                return;
            }
            far.machine.clock.fetch_add(60_000, Ordering::SeqCst);
            let (_, outcome) = once(&far, second).await.unwrap();
            assert!(outcome.is_complete(), "call {at}: {outcome:#?}");
            drop(paused);
            far.fake.with(|w| assert_eq!(w.violations, [""; 0]));
            let things: Vec<_> = far.fake.things().into_keys().collect();
            assert_eq!(things, ["thing/a", "thing/c"], "call {at}");
        }
        panic!("an apply has fewer calls");
    });
}

/// The slow holder goes on where it was, one call after another, while another applies.
#[test]
fn what_a_slow_holder_still_writes_is_refused() {
    run(async {
        let slow = Bench::new();
        slow.up("thing a").await;
        let gate = Arc::new(tokio::sync::Notify::new());
        let mut far = slow.clone();
        far.machine.name = "far";
        far.machine.pid = 2;
        let plan = slow.plan("thing a\nthing b").await.unwrap();
        let engine = slow.engine();
        let options = ApplyOptions::default();
        let never = Interrupts::default();
        // The operation of the slow one takes until the other is done.
        slow.fake.with(|w| w.gate = Some(Arc::clone(&gate)));
        let slow_one = engine.apply(&plan, &options, &never, |_| {});
        let other = async {
            while slow.fake.with(|w| w.gate.is_some()) {
                tokio::task::yield_now().await;
            }
            far.machine.clock.fetch_add(60_000, Ordering::SeqCst);
            let ended = once(&far, "thing a\nthing c").await;
            gate.notify_one();
            ended
        };
        let (slow_end, other) = tokio::join!(slow_one, other);
        assert!(other.unwrap().1.is_complete());
        let outcome = slow_end.unwrap();
        assert_eq!(outcome.trouble, Some(plat_engine::StateError::LeaseLost));
        assert!(outcome.done.is_empty(), "the target refused its old token");
        let things: Vec<_> = far.fake.things().into_keys().collect();
        assert_eq!(things, ["thing/a", "thing/c"]);
        assert!(far.plan("thing a\nthing c").await.unwrap().is_empty());
    });
}
