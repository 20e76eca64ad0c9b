//! A run holds its lease however busy it is and however slow its store, and begins nothing that is
//! no longer its to begin.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plat_engine::{ApplyEvent, ApplyOptions, EngineError, Interrupts, StateError};

use crate::memory::{Answer, Spoiled};
use crate::world::Fault;
use crate::{Bench, run};

fn two_at_once() -> ApplyOptions {
    ApplyOptions {
        parallel: 2,
        ..ApplyOptions::default()
    }
}

fn takes(bench: &Bench, object: &str, faults: &[Fault]) {
    let faults = faults.to_vec();
    bench.fake.with(|w| w.faults.insert(object.into(), faults));
}

/// Some operation ends during each write of the journal: there is never a moment of rest.
#[test]
fn a_run_that_never_rests_gives_signs_of_life_and_tries_again() {
    run(async {
        let bench = Bench::new();
        let all: String = (0..60).map(|i| format!("thing t{i:02}\n")).collect();
        for i in 0..60 {
            takes(
                &bench,
                &format!("thing/t{i:02}"),
                &[Fault::Takes(100 + 10 * i)],
            );
        }
        takes(&bench, "thing/t00", &[Fault::Passes]);
        let plan = bench.plan(&all).await.unwrap();
        bench.memory.adding.store(2_000, Ordering::SeqCst);
        let mut far = bench.clone();
        far.machine.name = "far";
        far.machine.pid = 2;
        let far = far.engine();
        let (engine, options, never) = (bench.engine(), two_at_once(), Interrupts::default());
        let begun = tokio::time::Instant::now();
        let mut busy = Box::pin(engine.apply(&plan, &options, &never, |_| {}));
        let outcome = loop {
            tokio::select! {
                outcome = &mut busy => break outcome.unwrap(),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    bench.machine.clock.fetch_add(1_000, Ordering::SeqCst);
                    let never = Interrupts::default();
                    let other = far.apply(&plan, &ApplyOptions::default(), &never, |_| {}).await;
                    let other = other.unwrap_err();
                    assert!(
                        matches!(&other, EngineError::State(StateError::Busy { .. })),
                        "{other}"
                    );
                }
            }
        };
        assert!(outcome.is_complete(), "{outcome:#?}");
        assert!(begun.elapsed() > Duration::from_secs(100));
        let log = bench.log();
        let again = log.iter().position(|line| line == "create thing/t00");
        assert!(again.unwrap() < 10, "{log:?}");
    });
}

#[test]
fn a_store_that_says_nothing_ends_the_run_before_another_may_have_the_lease() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan("thing a\nthing b needs=a").await.unwrap();
        let adding = Arc::clone(&bench.memory.adding);
        let begun = tokio::time::Instant::now();
        let outcome = bench
            .apply_with(&plan, move |event| {
                if matches!(event, ApplyEvent::Started { .. }) {
                    adding.store(1_000_000_000, Ordering::SeqCst);
                }
            })
            .await
            .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(
            outcome.trouble.unwrap().to_string(),
            "writing memory: there was no answer for 24 s"
        );
        assert_eq!(bench.log(), ["create thing/a"]);
        bench.memory.adding.store(0, Ordering::SeqCst);
        bench.up("thing a\nthing b needs=a").await;
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

/// The lease may be another's by then: whoever it is does what this one announced.
#[test]
fn nothing_is_begun_after_a_write_that_failed() {
    run(async {
        let bench = Bench::new();
        let text = "thing a back=yes scale=1\nthing b scale=1";
        bench.up(text).await;
        let plan = bench.plan(&text.replace("=1", "=2")).await.unwrap();
        takes(&bench, "thing/a", &[Fault::NotReady]);
        let late = Arc::new(Mutex::new(Vec::new()));
        let (tells, memory) = (Arc::clone(&late), bench.memory.clone());
        let one_at_a_time = ApplyOptions {
            parallel: 1,
            ..ApplyOptions::default()
        };
        let (engine, never) = (bench.engine(), Interrupts::default());
        let outcome = engine
            .apply(&plan, &one_at_a_time, &never, move |event| {
                let calls = memory.calls.lock().unwrap();
                let failed = calls.iter().any(|(_, told)| *told == Answer::Failed);
                match event {
                    ApplyEvent::Failed { .. } => {
                        memory.spoiled.lock().unwrap().push_back(Spoiled::Fails);
                    }
                    ApplyEvent::Started { .. } | ApplyEvent::Returning { .. } if failed => {
                        tells.lock().unwrap().push(event.clone());
                    }
                    _ => {}
                }
            })
            .await
            .unwrap();
        let late = late.lock().unwrap().clone();
        assert!(late.is_empty(), "{late:?}");
        assert!(outcome.trouble.is_some());
        bench.up(text).await;
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

#[test]
fn nothing_is_begun_that_was_announced_while_somebody_asked_to_stop() {
    run(async {
        for times in [1, 2] {
            let bench = Bench::new();
            let plan = bench.plan("thing a\nthing b").await.unwrap();
            bench.memory.adding.store(1_000, Ordering::SeqCst);
            let (engine, options) = (bench.engine(), ApplyOptions::default());
            let interrupts = Interrupts::default();
            let apply = engine.apply(&plan, &options, &interrupts, |_| {});
            let (outcome, ()) = tokio::join!(apply, async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                (0..times).for_each(|_| interrupts.interrupt());
            });
            let outcome = outcome.unwrap();
            assert_eq!(bench.log(), [""; 0]);
            assert!(outcome.interrupted && outcome.left.is_empty());
            assert_eq!(outcome.skipped.len(), 2);
            let state = bench.engine().ledger().load().await.unwrap();
            assert!(state.pending.is_empty());
            bench.memory.adding.store(0, Ordering::SeqCst);
            bench.up("thing a\nthing b").await;
        }
    });
}

#[test]
fn what_ended_before_the_second_interrupt_is_told_as_it_ended() {
    run(async {
        let bench = Bench::new();
        bench.up("store db\nthing a\nthing b\nthing c").await;
        let plan = bench
            .plan("thing b scale=2\nthing c scale=2")
            .await
            .unwrap();
        bench.log();
        takes(&bench, "thing/a", &[Fault::Takes(10)]);
        takes(&bench, "store/db", &[Fault::Takes(100)]);
        takes(&bench, "thing/b", &[Fault::NotReady]);
        takes(&bench, "thing/c", &[Fault::Takes(60_000)]);
        let (engine, options) = (bench.engine(), ApplyOptions::default());
        let interrupts = Interrupts::default();
        let (asks, memory) = (interrupts.clone(), bench.memory.clone());
        let apply = engine.apply(&plan, &options, &interrupts, move |event| {
            if matches!(event, ApplyEvent::Started { .. }) {
                memory.adding.store(1_000, Ordering::SeqCst);
            }
        });
        let (outcome, ()) = tokio::join!(apply, async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            asks.interrupt();
            asks.interrupt();
        });
        let outcome = outcome.unwrap();
        let id = |object: &str| {
            let mut all = plan.operations.iter();
            all.find(|o| o.object == object.into()).unwrap().id
        };
        assert_eq!(outcome.left, [id("thing/c")]);
        assert!(outcome.done.contains(&id("thing/a")), "{outcome:#?}");
        assert!(outcome.done.contains(&id("store/db")), "{outcome:#?}");
        assert_eq!(outcome.failed.len(), 1);
        assert_eq!(outcome.failed[0].0, id("thing/b"));
        let kept = [("store/db".into(), "/kept".to_owned())];
        assert_eq!(outcome.data_kept, kept);
        bench.memory.adding.store(0, Ordering::SeqCst);
        bench.up("thing b scale=2\nthing c scale=2").await;
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}
