//! What an apply does when things go well, and when they don't.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plat_engine::{
    ApplyEvent, ApplyOptions, EngineError, Interrupts, OpErrorKind, OpId, Problem, SecretReturn,
    StateError, Words,
};
use plat_model::TargetId;
use tokio::sync::Notify;

use crate::app::graph;
use crate::world::{Crash, Fault};
use crate::{Bench, run};

const SHOP: &str = "
store db  size=20GiB
thing api  scale=2 needs=db,hub env.LOG=info
thing mailer  needs=hub
";

#[test]
fn a_failure_holds_up_what_depends_on_it_and_nothing_else() {
    run(async {
        let bench = Bench::new();
        bench
            .fake
            .with(|w| w.faults.insert("store/db".into(), vec![Fault::Fails]));
        let plan = bench.plan(SHOP).await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!(bench.log(), ["create hub", "create thing/mailer"]);
        assert_eq!(outcome.failed.len(), 1);
        assert_eq!(outcome.skipped.len(), 1);
        assert_eq!(outcome.skipped[0].1, "store db failed");
        assert!(!outcome.is_complete());
        bench.up(SHOP).await;
        assert_eq!(bench.log(), ["create store/db", "create thing/api"]);
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
    });
}

#[test]
fn what_is_transient_is_tried_again_with_its_token() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| {
            let faults = vec![Fault::Throttles, Fault::LosesAnswer];
            w.faults.insert("store/db".into(), faults);
        });
        let plan = bench.plan(SHOP).await.unwrap();
        let retries = Arc::new(Mutex::new(0));
        let count = Arc::clone(&retries);
        let outcome = bench
            .apply_with(&plan, move |event| {
                if matches!(event, ApplyEvent::Retrying { .. }) {
                    *count.lock().unwrap() += 1;
                }
            })
            .await
            .unwrap();
        assert!(outcome.is_complete());
        assert_eq!(*retries.lock().unwrap(), 2);
        bench.fake.with(|w| {
            let made = w.log.iter().filter(|l| *l == "create store/db").count();
            assert_eq!(made, 1);
        });
    });
}

#[test]
fn what_is_made_but_not_ready_is_on_record_and_gone_on_with() {
    run(async {
        let bench = Bench::new();
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
        let plan = bench.plan(SHOP).await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        let (_, error) = &outcome.failed[0];
        assert_eq!(error.kind, OpErrorKind::NotReady);
        assert_eq!(error.log.last().unwrap(), "KeyError: 'DATABASE_URL'");
        bench.log();
        let next = bench.plan(SHOP).await.unwrap();
        assert_eq!(next.operations.len(), 1);
        assert!(bench.apply(&next).await.unwrap().is_complete());
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
        // And when the source gives it up instead, it goes.
        let bench = Bench::new();
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
        let plan = bench.plan(SHOP).await.unwrap();
        bench.apply(&plan).await.unwrap();
        bench.up("thing mailer needs=hub").await;
        assert!(!bench.fake.things().contains_key("thing/api"));
    });
}

#[test]
fn a_lost_answer_leaves_no_orphan() {
    run(async {
        let bench = Bench::new();
        let lost = vec![Fault::LosesAnswer; 5];
        bench
            .fake
            .with(|w| w.faults.insert("thing/mailer".into(), lost));
        bench
            .fake
            .with(|w| w.faults.insert("store/db".into(), vec![Fault::Fails]));
        let plan = bench.plan(SHOP).await.unwrap();
        bench.apply(&plan).await.unwrap();
        bench.up("store db").await;
        assert_eq!(bench.fake.things().keys().collect::<Vec<_>>(), ["store/db"]);
    });
}

#[test]
fn a_stale_plan_is_refused_and_says_what_moved() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let changed = SHOP.replace("LOG=info", "LOG=debug");
        let plan = bench.plan(&changed).await.unwrap();
        bench
            .fake
            .with(|w| w.things.get_mut(&"thing/api".into()).unwrap().version = 77);
        bench.log();
        let error = bench.apply(&plan).await.unwrap_err();
        let EngineError::Stale { moved, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(moved, &["thing api: it was changed"]);
        assert_eq!(bench.log(), [""; 0]);
        // A plan is applied once.
        let plan = bench.plan(&changed).await.unwrap();
        bench.apply(&plan).await.unwrap();
        let error = bench.apply(&plan).await.unwrap_err().to_string();
        assert!(error.contains("release 2 was applied since"), "{error}");
        // A refused apply gives the lease back.
        assert!(bench.plan(SHOP).await.is_ok());
        bench.up(SHOP).await;
    });
}

#[test]
fn a_problem_that_stops_keeps_everything_from_beginning() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| {
            w.problems.push(Problem {
                stops: true,
                node: Some("stripe_key".into()),
                place: None,
                message: "the secret `stripe_key` is not set".into(),
                next: Some("platc secret set stripe_key".into()),
            });
        });
        let plan = bench.plan(SHOP).await.unwrap();
        assert_eq!(plan.stoppers().count(), 1);
        let error = bench.apply(&plan).await.unwrap_err();
        insta::assert_snapshot!(error, @r"
        the secret `stripe_key` is not set
          platc secret set stripe_key
        ");
        assert_eq!(bench.log(), [""; 0]);
        bench.fake.with(|w| w.problems.clear());
        bench.up(SHOP).await;
    });
}

#[test]
fn the_first_interrupt_lets_what_runs_end() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let interrupts = Interrupts::default();
        let asks = interrupts.clone();
        let outcome = bench
            .engine()
            .apply(&plan, &ApplyOptions::default(), &interrupts, move |event| {
                if matches!(event, ApplyEvent::Started { .. }) && asks.count() == 0 {
                    asks.interrupt();
                }
            })
            .await
            .unwrap();
        assert!(outcome.interrupted);
        assert_eq!(outcome.left, []);
        assert!(!outcome.done.is_empty() && !outcome.skipped.is_empty());
        bench.up(SHOP).await;
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
    });
}

#[test]
fn an_interrupt_before_anything_is_begun_changes_nothing() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        bench
            .fake
            .with(|w| w.prepares = Duration::from_secs(60 * 60));
        for times in [1, 2] {
            let interrupts = Interrupts::default();
            (0..times).for_each(|_| interrupts.interrupt());
            let options = ApplyOptions::default();
            let engine = bench.engine();
            let outcome = engine.apply(&plan, &options, &interrupts, |_| {});
            let outcome = outcome.await.unwrap();
            assert!(outcome.interrupted && outcome.not_begun && !outcome.is_complete());
            assert_eq!(outcome.skipped.len(), plan.operations.len());
            assert_eq!(outcome.release, None);
            assert_eq!(bench.log(), [""; 0]);
        }
        // The lease was given back, and the plan is as good as it was.
        bench.fake.with(|w| w.prepares = Duration::ZERO);
        assert!(bench.apply(&plan).await.unwrap().is_complete());
    });
}

#[test]
fn an_interrupt_while_secrets_get_values_back_is_on_record() {
    run(async {
        let bench = Bench::new();
        let mut plan = bench.plan(SHOP).await.unwrap();
        // A way back of which nothing else is left to do is one, too.
        for operations in [plan.operations.clone(), Vec::new()] {
            plan.operations = operations;
            plan.secrets = ["one", "two", "three"]
                .map(|name| SecretReturn {
                    target: TargetId::main(),
                    name: name.to_owned(),
                    version: "1".to_owned(),
                    since: 0,
                })
                .into();
            let bench = Bench::new();
            let heard = Arc::new(Notify::new());
            let held = Some(("two".to_owned(), Arc::clone(&heard)));
            bench.fake.with(|w| w.held_secret = held);
            let interrupts = Interrupts::default();
            let asks = interrupts.clone();
            let (options, engine) = (ApplyOptions::default(), bench.engine());
            let (outcome, ()) =
                tokio::join!(engine.apply(&plan, &options, &interrupts, |_| {}), async {
                    heard.notified().await;
                    asks.interrupt();
                    asks.interrupt();
                });
            let outcome = outcome.unwrap();
            assert_eq!(bench.log(), ["bring back one"]);
            assert!(outcome.interrupted && !outcome.not_begun && !outcome.is_complete());
            assert_eq!(outcome.secrets_left, ["two", "three"]);
            assert_eq!(outcome.skipped.len(), plan.operations.len());
            assert_eq!(outcome.release, Some(1));
        }
    });
}

#[test]
fn what_was_ended_before_it_changed_anything_is_not_looked_for() {
    run(async {
        for (faults, looked_for) in [
            (vec![Fault::GetsReady], 0),
            // Of the first call nobody knows what came.
            (vec![Fault::Passes, Fault::GetsReady], 1),
        ] {
            let bench = Bench::new();
            let plan = bench.plan("thing api").await.unwrap();
            let object = plan.operations[0].object.clone();
            let calls = faults.len();
            bench.fake.with(|w| w.faults.insert(object, faults));
            let interrupts = Interrupts::default();
            let (options, engine) = (ApplyOptions::default(), bench.engine());
            let apply = engine.apply(&plan, &options, &interrupts, |_| {});
            let (outcome, ()) = tokio::join!(apply, async {
                // Time stands still but for who waits: the last call is under way by then.
                tokio::time::sleep(Duration::from_secs(calls as u64)).await;
                interrupts.interrupt();
            });
            let outcome = outcome.unwrap();
            assert_eq!(outcome.failed.len(), looked_for);
            let state = bench.engine().ledger().load().await.unwrap();
            assert_eq!(state.pending.len(), looked_for);
            bench.up("thing api").await;
        }
    });
}

#[test]
fn what_only_gets_ready_ends_with_the_first_interrupt() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let last = plan.operations.last().unwrap().object.clone();
        bench
            .fake
            .with(|w| w.faults.insert(last.clone(), vec![Fault::GetsReady]));
        let interrupts = Interrupts::default();
        let asks = interrupts.clone();
        let (options, begins) = (ApplyOptions::default(), plan.operations.len() - 1);
        let outcome = bench
            .engine()
            .apply(&plan, &options, &interrupts, move |event| {
                if matches!(event, ApplyEvent::Started { operation } if operation.0 == begins) {
                    asks.interrupt();
                }
            })
            .await
            .unwrap();
        assert!(outcome.interrupted && !outcome.is_complete() && !outcome.not_begun);
        assert_eq!(outcome.failed, []);
        assert_eq!(outcome.left, []);
        let why = "somebody asked to stop".to_owned();
        assert_eq!(outcome.skipped, [(OpId(begins), why)]);
        bench.up(SHOP).await;
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

#[test]
fn the_second_interrupt_leaves_it_to_the_next_apply() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let interrupts = Interrupts::default();
        let asks = interrupts.clone();
        let outcome = bench
            .engine()
            .apply(&plan, &ApplyOptions::default(), &interrupts, move |event| {
                if matches!(event, ApplyEvent::Started { .. }) {
                    asks.interrupt();
                    asks.interrupt();
                }
            })
            .await
            .unwrap();
        assert!(outcome.interrupted);
        assert!(!outcome.is_complete());
        bench.up(SHOP).await;
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

#[test]
fn at_most_so_many_run_at_once() {
    run(async {
        let bench = Bench::new();
        let many: String = (0..40).map(|i| format!("thing t{i}\n")).collect();
        bench.up(&many).await;
        assert_eq!(bench.fake.with(|w| w.most_running), 16);
    });
}

/// Each works when all are there: one that waits in its turn would wait for ever.
#[test]
fn what_only_waits_holds_up_nothing_that_is_to_be_sent() {
    run(async {
        let bench = Bench::new();
        let all: String = (0..5).map(|i| format!("thing t{i}\n")).collect();
        for i in 0..5 {
            let waits = vec![Fault::WaitsFor(5)];
            bench.fake.with(|w| {
                w.faults
                    .insert(format!("thing/t{i}").as_str().into(), waits)
            });
        }
        let plan = bench.plan(&all).await.unwrap();
        let one_at_a_time = ApplyOptions {
            parallel: 1,
            ..ApplyOptions::default()
        };
        let never = Interrupts::default();
        let engine = bench.engine();
        let outcome = engine.apply(&plan, &one_at_a_time, &never, |_| {}).await;
        assert!(outcome.unwrap().is_complete());
    });
}

#[test]
fn what_ends_while_the_journal_is_written_shares_the_next_write() {
    run(async {
        let bench = Bench::new();
        let all: String = (0..48).map(|i| format!("thing t{i}\n")).collect();
        for i in 0..48 {
            let takes = vec![Fault::Takes(10 + i % 16)];
            bench.fake.with(|w| {
                w.faults
                    .insert(format!("thing/t{i}").as_str().into(), takes)
            });
        }
        let plan = bench.plan(&all).await.unwrap();
        bench.memory.adding.store(50, Ordering::SeqCst);
        let outcome = bench.apply(&plan).await.unwrap();
        assert!(outcome.is_complete());
        let calls = bench.memory.calls.lock().unwrap().clone();
        let added = calls
            .iter()
            .filter(|(call, _)| *call == ("append", "journal"));
        // Sixteen begin; the first ends, then all others during the write that tells so; and so on.
        assert_eq!(added.count(), 7);
    });
}

#[test]
fn of_two_applies_one_waits_or_is_refused() {
    run(async {
        let bench = Bench::new();
        let other = Bench {
            machine: bench.machine.another(2),
            ..bench.clone()
        };
        let plan = bench.plan(SHOP).await.unwrap();
        let said = Arc::new(Mutex::new(None));
        let says = Arc::clone(&said);
        let second = other.clone();
        let third = plan.clone();
        // The second begins while the first holds the lease.
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let tell = Mutex::new(Some(tell));
        let first = bench.apply_with(&plan, move |event| {
            if matches!(event, ApplyEvent::Started { .. })
                && let Some(tell) = tell.lock().unwrap().take()
            {
                tell.send(()).unwrap();
            }
        });
        let (first, second) = tokio::join!(first, async move {
            told.await.unwrap();
            second.apply(&third).await
        });
        *says.lock().unwrap() = Some(());
        assert!(first.unwrap().is_complete());
        let error = second.unwrap_err();
        assert!(matches!(error, EngineError::State(StateError::Busy { .. })));
        insta::assert_snapshot!(
            error,
            @"another apply is under way: `platc apply` (process 1 on here)"
        );
        assert!(said.lock().unwrap().is_some());

        // With `wait` it waits, and then finds its plan stale.
        let waits = ApplyOptions {
            wait: true,
            ..ApplyOptions::default()
        };
        let plan = bench.plan("thing api").await.unwrap();
        let (a, b) = (bench.engine(), other.engine());
        let never = Interrupts::default();
        let (a, b) = tokio::join!(
            a.apply(&plan, &waits, &never, |_| {}),
            b.apply(&plan, &waits, &never, |_| {}),
        );
        let ends = [a, b].map(|end| match end {
            Ok(outcome) => outcome.is_complete(),
            Err(EngineError::Stale { .. }) => false,
            Err(error) => panic!("{error}"),
        });
        assert_eq!(ends.iter().filter(|done| **done).count(), 1);
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

/// The clock of a machine that died runs hours ahead of ours: its lease would hold for as long.
#[test]
fn a_lease_that_does_not_move_is_over_for_who_waits_whatever_its_holders_clock_said() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench.plan("thing api").await.unwrap();
        let mut far = bench.crashing(&Crash::at(12));
        far.machine.name = "there";
        far.machine.clock = Arc::new(AtomicU64::new(100 * 60 * 60 * 1000));
        let cut_off = far.apply(&plan);
        tokio::select! {
            _ = cut_off => panic!("it was to stop"),
            () = far.memory.crash.tripped.notified() => {}
        }
        let busy = bench.apply(&plan).await.unwrap_err();
        let next = busy.next();
        assert!(matches!(busy, EngineError::State(StateError::Busy { .. })));
        assert_eq!(
            next.unwrap(),
            "Wait for it with --wait: if it is gone, this one goes on when nothing was heard of it \
             for 30 s"
        );
        let begun = tokio::time::Instant::now();
        let engine = bench.engine();
        let mut whom = None;
        engine
            .wait_for_others(&Interrupts::default(), |holder| {
                whom = Some(holder.host.clone());
            })
            .await
            .unwrap();
        assert_eq!(whom.as_deref(), Some("there"));
        let waited = begun.elapsed();
        assert!((30..40).contains(&waited.as_secs()), "{waited:?}");
        let waits = ApplyOptions {
            wait: true,
            ..ApplyOptions::default()
        };
        let plan = engine.plan(&graph("thing api"), &Words::default()).await;
        let never = Interrupts::default();
        let ended = engine.apply(&plan.unwrap(), &waits, &never, |_| {}).await;
        assert!(ended.unwrap().is_complete());
        assert!(begun.elapsed().as_secs() < 40, "it was waited for once");
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

#[test]
fn who_waits_before_planning_finds_nothing_stale() {
    run(async {
        let bench = Bench::new();
        let other = Bench {
            machine: bench.machine.another(2),
            ..bench.clone()
        };
        let plan = bench.plan(SHOP).await.unwrap();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let tell = Mutex::new(Some(tell));
        let first = bench.apply_with(&plan, move |event| {
            if matches!(event, ApplyEvent::Started { .. })
                && let Some(tell) = tell.lock().unwrap().take()
            {
                tell.send(()).unwrap();
            }
        });
        let second = async {
            told.await.unwrap();
            let mut whom = None;
            let engine = other.engine();
            engine
                .wait_for_others(&Interrupts::default(), |holder| whom = Some(holder.pid))
                .await
                .unwrap();
            assert_eq!(whom, Some(1));
            other.plan(SHOP).await.unwrap()
        };
        let (first, second) = tokio::join!(first, second);
        assert!(first.unwrap().is_complete());
        assert!(second.is_empty());
    });
}

/// A target that bears five at once: it is called by about as many, and all is done.
#[test]
fn as_many_run_at_once_as_the_target_bears() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| w.bears = Some(5));
        let many: String = (0..300).map(|i| format!("thing t{i}\n")).collect();
        let plan = bench.plan(&many).await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failed.first());
        let complaints = bench.fake.with(|w| w.complained);
        // With sixteen at once, two of three calls would be refused, again and again.
        assert!((1..100).contains(&complaints), "{complaints}");
        bench
            .fake
            .with(|w| assert_eq!(w.log.len(), 300, "each was made once"));
    });
}

/// What a target refuses for longer than an operation may take has failed, and says why.
#[test]
fn a_target_that_always_throttles_is_given_up_in_the_end() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| w.bears = Some(0));
        let plan = bench.plan("thing a\nthing b needs=a").await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!(outcome.failed.len(), 1);
        assert_eq!(outcome.failed[0].1.why, "asked to wait");
        assert_eq!(outcome.skipped.len(), 1);
        bench.fake.with(|w| w.bears = None);
        bench.up("thing a\nthing b needs=a").await;
    });
}

#[test]
fn what_is_done_is_done_in_the_order_of_the_plan() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let one_at_a_time = ApplyOptions {
            parallel: 1,
            ..ApplyOptions::default()
        };
        let never = Interrupts::default();
        let engine = bench.engine();
        let outcome = engine.apply(&plan, &one_at_a_time, &never, |_| {}).await;
        assert!(outcome.unwrap().is_complete());
        let planned = plan.operations.iter();
        let planned: Vec<_> = planned.map(|o| format!("create {}", o.object)).collect();
        assert_eq!(bench.log(), planned);
    });
}

#[test]
fn what_gives_no_answer_in_its_time_has_failed_and_the_next_apply_finds_out() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| {
            w.faults
                .insert("store/db".into(), vec![Fault::Takes(60_000)])
        });
        let plan = bench.plan(SHOP).await.unwrap();
        let options = ApplyOptions {
            deadline: Duration::from_secs(5),
            ..ApplyOptions::default()
        };
        let never = Interrupts::default();
        let engine = bench.engine();
        let outcome = engine.apply(&plan, &options, &never, |_| {}).await.unwrap();
        let [(_, error)] = outcome.failed.as_slice() else {
            panic!("{outcome:#?}");
        };
        assert_eq!(error.kind, OpErrorKind::NotReady);
        assert_eq!(error.why, "the target gave no answer for 15 s");
        bench.up(SHOP).await;
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
        bench.fake.with(|w| assert_eq!(w.violations, [""; 0]));
    });
}

#[test]
fn what_is_known_only_after_apply_is_handed_on() {
    run(async {
        let bench = Bench::new();
        let db: plat_engine::ObjectId = "store/db".into();
        let at = |host: &str| BTreeMap::from([("host".to_owned(), serde_json::json!(host))]);
        bench
            .fake
            .with(|w| w.outs.insert(db.clone(), at("10.0.0.7")));
        let told = || bench.fake.with(|w| w.told.pop().unwrap());
        bench.up("store db\nthing api needs=db").await;
        let known = BTreeMap::from([(db.clone(), at("10.0.0.7"))]);
        assert_eq!(told(), ("thing/api".into(), known.clone()));
        // Also later, when the database itself has nothing to do.
        bench.up("store db\nthing api needs=db scale=2").await;
        assert_eq!(told(), ("thing/api".into(), known));
    });
}

/// To make images may take many times as long as a sign of life counts.
#[test]
fn the_lease_is_held_while_what_is_needed_is_got() {
    run(async {
        let bench = Bench::new();
        bench.up("thing a").await;
        let plan = bench.plan("thing a\nthing b").await.unwrap();
        bench.fake.with(|w| w.prepares = Duration::from_secs(120));
        let mut far = bench.clone();
        far.machine.name = "far";
        far.machine.pid = 2;
        let far = far.engine();
        let mut slow = Box::pin(bench.apply(&plan));
        let mut refused = 0;
        let outcome = loop {
            tokio::select! {
                outcome = &mut slow => break outcome.unwrap(),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    bench.machine.clock.fetch_add(1_000, Ordering::SeqCst);
                    let never = Interrupts::default();
                    let other = far.apply(&plan, &ApplyOptions::default(), &never, |_| {}).await;
                    let other = other.unwrap_err();
                    assert!(
                        matches!(&other, EngineError::State(StateError::Busy { .. })),
                        "{other}"
                    );
                    refused += 1;
                }
            }
        };
        assert!(outcome.is_complete(), "{outcome:#?}");
        assert!(refused > 100, "{refused}");
    });
}

/// Whoever was not heard of for too long begins nothing once another has taken over.
#[test]
fn nothing_is_begun_once_the_lease_is_lost_while_what_is_needed_is_got() {
    run(async {
        let bench = Bench::new();
        bench.up("thing a").await;
        let plan = bench.plan("thing a\nthing b").await.unwrap();
        bench.fake.with(|w| w.prepares = Duration::from_secs(120));
        let mut far = bench.clone();
        far.machine.name = "far";
        far.machine.pid = 2;
        let mut slow = Box::pin(bench.apply(&plan));
        tokio::select! {
            ended = &mut slow => panic!("{ended:#?}"),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        bench.fake.with(|w| w.prepares = Duration::ZERO);
        bench.machine.clock.fetch_add(60_000, Ordering::SeqCst);
        far.up("thing a\nthing c").await;
        let error = slow.await.unwrap_err();
        assert!(
            matches!(&error, EngineError::State(StateError::LeaseLost)),
            "{error}"
        );
        let things: Vec<_> = bench.fake.things().into_keys().collect();
        assert_eq!(things, ["thing/a", "thing/c"]);
        assert!(far.plan("thing a\nthing c").await.unwrap().is_empty());
    });
}
