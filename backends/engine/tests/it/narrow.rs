//! What goes wrong at one call out of a hundred, and only after something else did: stories seldom
//! come by there, so here each such place is gone to by every call.

use plat_engine::{EngineError, ObjectId};

use crate::crash::{once, stopped, stopped_and};
use crate::world::Meddling;
use crate::{Bench, run};

/// More calls than any apply here has.
const CALLS: u64 = 200;

fn told(call: u64, error: &EngineError) -> String {
    format!("after call {call}: {error}")
}

/// The step that was cut off is done when the next apply comes to it: that is no other's doing.
pub(crate) fn a_step_is_finished_meanwhile() -> Result<(), String> {
    run(async {
        let version = "thing a\nthing b needs=a";
        for at in 1..CALLS {
            let mut bench = Bench::new();
            let lands = 2;
            if !stopped_and(&bench, version, at, lands).await {
                return Ok(());
            }
            bench.machine.pid += 1;
            let (_, outcome) = once(&bench, version).await.map_err(|e| told(at, &e))?;
            if !outcome.is_complete() {
                return Err(format!("after call {at}: {outcome:#?}"));
            }
            if let Some(violation) = bench.fake.with(|w| w.violations.first().cloned()) {
                return Err(format!("after call {at}: {violation}"));
            }
        }
        Err("an apply has fewer calls".into())
    })
}

/// Somebody made a thing anew, and an apply that had been cut off went on and took it on record. As
/// soon as the state says so it is ours, wherever that apply is stopped: it goes with its
/// declaration, and nothing that an older record of the journal says makes it another's again.
pub(crate) fn what_was_adopted_goes_with_its_declaration() -> Result<(), String> {
    run(async {
        let version = "thing a\nthing b needs=a";
        let thing = ObjectId::from("thing/a");
        let file_has = |bench: &Bench, name: &str, text: &str| {
            let files = bench.memory.files.lock().unwrap();
            let file = files.get(name).map(|bytes| String::from_utf8_lossy(bytes));
            file.is_some_and(|file| file.contains(text))
        };
        for first in 1..CALLS {
            let mut begun = Bench::new();
            if !stopped(&begun, version, first).await {
                break;
            }
            begun.machine.pid += 1;
            // A record that was cut short is none.
            let journal = begun.memory.files.lock().unwrap().get("journal").cloned();
            let whole = journal.is_some_and(|bytes| bytes.ends_with(b"\n"));
            if !whole || !file_has(&begun, "journal", "\"result\"") {
                continue;
            }
            begun.fake.with(|w| w.meddle(&thing, Meddling::Replace));
            let uid = begun.fake.with(|w| w.things[&thing].uid.clone());
            for second in 1..CALLS {
                let mut bench = begun.copy();
                let stops = stopped(&bench, version, second).await;
                bench.machine.pid += 1;
                if file_has(&bench, "state.json", &format!("\"{uid}\"")) {
                    for _ in 0..8 {
                        let ended = once(&bench, "thing b").await;
                        let (plan, _) = ended.map_err(|e| told(second, &e))?;
                        bench.machine.pid += 1;
                        if plan.is_empty() {
                            break;
                        }
                    }
                    let left = bench.fake.things().into_keys().collect::<Vec<_>>();
                    if left != ["thing/b"] {
                        return Err(format!("after call {second} there is {left:?}"));
                    }
                }
                if !stops {
                    return Ok(());
                }
            }
        }
        Err("no apply was stopped between a result and the state".into())
    })
}

/// What was protected is, from when it is made: also when the apply that made it was stopped right
/// then, and the next one speaks of neither.
pub(crate) fn what_is_protected_stays_from_when_it_is_made() -> Result<(), String> {
    run(async {
        let store = ObjectId::from("store/db");
        for at in 1..CALLS {
            let mut bench = Bench::new();
            let version = "store db protect=true\nthing b needs=db";
            let stops = stopped(&bench, version, at).await;
            bench.machine.pid += 1;
            let made = bench.fake.with(|w| w.things.contains_key(&store));
            match once(&bench, "thing b").await {
                Ok(_) | Err(EngineError::Refused(_)) => {}
                Err(error) => return Err(told(at, &error)),
            }
            if made && !bench.fake.with(|w| w.things.contains_key(&store)) {
                return Err(format!("after call {at}: it was protected, and is gone"));
            }
            if !stops {
                return Ok(());
            }
        }
        Err("an apply has fewer calls".into())
    })
}

/// What the target does long after it was asked, and nobody wants any more, is found and goes.
pub(crate) fn what_comes_late_and_is_unwanted_goes() -> Result<(), String> {
    run(async {
        for lands in 1..=6 {
            for at in 1..CALLS {
                let mut bench = Bench::new();
                if !stopped_and(&bench, "thing a\nthing b", at, lands).await {
                    break;
                }
                for _ in 0..16 {
                    bench.machine.pid += 1;
                    let done = match once(&bench, "thing b").await {
                        Ok((plan, _)) => plan.is_empty(),
                        // It landed between the plan and its apply.
                        Err(EngineError::Stale { .. }) => false,
                        Err(error) => return Err(told(at, &error)),
                    };
                    if done && bench.fake.with(|w| w.under_way.is_empty()) {
                        break;
                    }
                }
                let left = bench.fake.things().into_keys().collect::<Vec<_>>();
                if left != ["thing/b"] {
                    return Err(format!("after call {at}, {lands} later, there is {left:?}"));
                }
            }
        }
        Ok(())
    })
}

/// What stands on data that was made anew is gone over again, also where that was put off by a crash:
/// and its target is told so, since its spec is the same. What the source no longer lets stand on it
/// is not.
#[test]
fn what_stands_on_new_data_is_gone_over_after_a_crash_too() {
    run(async {
        let first = "store n0 region=r0\nthing n1 needs=n0\nthing n2 needs=n0";
        let second = "store n0 region=r1\nthing n1 needs=n0\nthing n2";
        let mut put_off = 0;
        for at in 1..CALLS {
            let mut bench = Bench::new();
            once(&bench, first).await.unwrap();
            bench.machine.pid += 1;
            bench.log();
            let stops = stopped(&bench, second, at).await;
            bench.machine.pid += 1;
            let done = bench.log();
            let anew = done.iter().any(|line| line == "replace store/n0");
            if anew && !done.iter().any(|line| line == "update thing/n1") {
                let (plan, _) = once(&bench, second).await.unwrap();
                let over = |name: &str| {
                    let mut all = plan.operations.iter();
                    all.any(|o| o.object == ObjectId::from(name) && o.again)
                };
                assert!(over("thing/n1"), "after call {at}: {:#?}", plan.operations);
                assert!(!over("thing/n2"), "after call {at}");
                put_off += 1;
            }
            if !stops {
                assert!(put_off > 0);
                bench.machine.pid += 1;
                let (plan, _) = once(&bench, second).await.unwrap();
                assert!(plan.is_empty(), "{:#?}", plan.operations);
                return;
            }
        }
        panic!("an apply has fewer calls");
    });
}

#[test]
fn a_step_that_its_target_finishes_meanwhile_is_no_stale_plan() {
    assert_eq!(a_step_is_finished_meanwhile(), Ok(()));
}

#[test]
fn what_was_adopted_goes_with_its_declaration_wherever_that_was_stopped() {
    assert_eq!(what_was_adopted_goes_with_its_declaration(), Ok(()));
}

#[test]
fn what_is_protected_is_so_from_when_it_is_made() {
    assert_eq!(what_is_protected_stays_from_when_it_is_made(), Ok(()));
}

#[test]
fn what_comes_late_and_nobody_wants_any_more_goes() {
    assert_eq!(what_comes_late_and_is_unwanted_goes(), Ok(()));
}
