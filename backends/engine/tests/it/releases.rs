//! Releases, the way back to them, and a state that was lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use plat_engine::{
    Action, ApplyEvent, EngineError, Goal, Plan, PlanView, Style, Words, render_text,
};

use crate::app::graph;
use crate::plans::made_by_helm;
use crate::world::{Crash, Fault};
use crate::{Bench, run};

async fn back(bench: &Bench, number: Option<u64>) -> Result<Plan, EngineError> {
    bench.engine().plan_return(number, &Words::default()).await
}

async fn heads(bench: &Bench) -> Vec<(u64, bool, Option<u64>)> {
    let state = bench.engine().ledger().load().await.unwrap();
    let head = |r: &plat_engine::ReleaseHead| (r.number, r.complete, r.returned_to);
    state.releases.iter().map(head).collect()
}

fn spec(bench: &Bench, id: &str) -> serde_json::Value {
    bench.fake.with(|w| w.things[&id.into()].spec.clone())
}

#[test]
fn a_rollback_brings_back_what_was_known_and_no_job_runs() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| w.image = 1);
        let first = "thing api image=latest env.A=one needs=set\njob set step=1";
        bench.up(first).await;
        bench.fake.with(|w| w.image = 2);
        bench
            .up("thing api image=latest env.A=two needs=set\njob set step=2\nthing more")
            .await;
        bench.log();
        // The way back does not look the image up again: it is the one it was.
        bench.fake.with(|w| w.image = 3);
        let plan = back(&bench, None).await.unwrap();
        assert_eq!(plan.returns_to, Some(1));
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(spec(&bench, "thing/api")["image"], 1);
        assert_eq!(spec(&bench, "thing/api")["env"]["A"], "\"one\"");
        assert_eq!(spec(&bench, "job/set")["step"], 2);
        let log = bench.log();
        assert!(!log.iter().any(|line| line.contains("job/")), "{log:?}");
        assert_eq!(
            heads(&bench).await,
            [(1, true, None), (2, true, None), (3, true, Some(1))]
        );
        let again = back(&bench, Some(1)).await.unwrap();
        assert!(again.is_empty(), "{again:#?}");
    });
}

#[test]
fn a_rollback_is_shown_as_one() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=1\njob set step=1").await;
        bench
            .up("thing api scale=2\njob set step=2\nthing new")
            .await;
        let plan = back(&bench, None).await.unwrap();
        let mut view = PlanView::of(&plan);
        view.id = "7f3c9a".into();
        insta::assert_snapshot!("rollback", render_text(&view, &Style::default()));
    });
}

#[test]
fn going_back_again_goes_further_back() {
    run(async {
        let bench = Bench::new();
        for scale in 1..=3 {
            bench.up(&format!("thing api scale={scale}")).await;
        }
        for wanted in [2, 1] {
            let plan = back(&bench, None).await.unwrap();
            assert_eq!(plan.returns_to, Some(wanted));
            bench.apply(&plan).await.unwrap();
            assert_eq!(spec(&bench, "thing/api")["scale"], wanted);
        }
        let none = back(&bench, None).await.unwrap_err();
        insta::assert_snapshot!(none, @"there is no release to go back to: none before this one was done whole");
        let none = back(&bench, Some(9)).await.unwrap_err();
        insta::assert_snapshot!(none, @"there is no release 9, or it is no longer kept");
    });
}

#[test]
fn after_a_release_that_failed_one_goes_back_to_the_last_whole_one() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=1").await;
        bench.up("thing api scale=2").await;
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::Fails]));
        let plan = bench.plan("thing api scale=3").await.unwrap();
        assert!(!bench.apply(&plan).await.unwrap().is_complete());
        let plan = back(&bench, None).await.unwrap();
        assert_eq!(plan.returns_to, Some(2));
        // A way back that fails leads to the same place when it is gone again.
        bench.up("thing api scale=4").await;
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::Fails]));
        let plan = back(&bench, None).await.unwrap();
        assert!(!bench.apply(&plan).await.unwrap().is_complete());
        let again = back(&bench, None).await.unwrap();
        assert_eq!(again.returns_to, plan.returns_to);
        assert!(bench.apply(&again).await.unwrap().is_complete());
    });
}

#[test]
fn what_does_not_become_ready_goes_back_by_itself() {
    run(async {
        let bench = Bench::new();
        let old = "thing api scale=1 back=true\nthing late needs=api";
        let new = "thing api scale=2 back=true\nthing late needs=api scale=5";
        bench.up(old).await;
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
        let plan = bench.plan(new).await.unwrap();
        let events = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let outcome = bench
            .apply_with(&plan, move |event| {
                let word = match event {
                    ApplyEvent::Failed { .. } => "failed",
                    ApplyEvent::Returning { .. } => "returning",
                    ApplyEvent::Returned { error: None, .. } => "returned",
                    ApplyEvent::Skipped { .. } => "skipped",
                    _ => return,
                };
                told.lock().unwrap().push(word);
            })
            .await
            .unwrap();
        assert_eq!(
            *events.lock().unwrap(),
            ["failed", "returning", "returned", "skipped"]
        );
        assert!(!outcome.is_complete());
        assert_eq!(outcome.returned.len(), 1);
        // Why it failed is told all the same.
        let (_, error) = &outcome.failed[0];
        assert!(error.log.iter().any(|line| line.contains("KeyError")));
        assert_eq!(spec(&bench, "thing/api")["scale"], 1);
        let state = bench.engine().ledger().load().await.unwrap();
        assert!(state.inventory[&"thing/api".into()].settled && state.pending.is_empty());
        assert!(bench.plan(old).await.unwrap().is_empty());
        // What the source asks for is still to be done.
        let again = bench.plan(new).await.unwrap();
        assert_eq!(again.operations[0].action, Action::Update);
    });
}

#[test]
fn what_is_taken_over_has_no_way_back_to_whose_it_was() {
    run(async {
        let bench = Bench::new();
        let source = "thing api scale=2 back=true";
        let id: plat_engine::ObjectId = "thing/api".into();
        made_by_helm(&bench, &id, serde_json::json!({ "scale": 5, "back": true }));
        bench
            .fake
            .with(|w| w.faults.insert(id.clone(), vec![Fault::NotReady]));
        let words = Words {
            take: ["api:thing/api".to_owned()].into(),
            ..Words::default()
        };
        let plan = bench.engine().plan(&graph(source), &words).await.unwrap();
        assert!(plan.operations[0].takes_whole());
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!((outcome.failed.len(), outcome.returned.len()), (1, 0));
        // It is ours as it was asked for, and the next apply goes on with it.
        assert_eq!(spec(&bench, "thing/api")["scale"], 2);
        bench.up(source).await;
    });
}

#[test]
fn a_target_that_goes_back_by_itself_is_believed() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=1").await;
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::KeepsOld]));
        let plan = bench.plan("thing api scale=2").await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!((outcome.failed.len(), outcome.returned.len()), (1, 1));
        let state = bench.engine().ledger().load().await.unwrap();
        assert!(state.pending.is_empty());
        assert!(bench.plan("thing api scale=1").await.unwrap().is_empty());
        bench.up("thing api scale=2").await;
    });
}

#[test]
fn a_way_back_that_fails_is_told_and_gone_on_with() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=1 back=true").await;
        let faults = vec![Fault::NotReady, Fault::NotReady];
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), faults));
        let plan = bench.plan("thing api scale=2 back=true").await.unwrap();
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!((outcome.failed.len(), outcome.not_returned.len()), (1, 1));
        bench.up("thing api scale=2 back=true").await;
        assert_eq!(spec(&bench, "thing/api")["scale"], 2);
    });
}

#[test]
fn stopped_at_any_call_of_a_way_back_the_next_apply_ends_it() {
    let old = "thing api scale=1 back=true";
    let new = "thing api scale=2 back=true";
    for call in 1.. {
        let over = run(async {
            let bench = Bench::new();
            bench.up(old).await;
            let plan = bench.plan(new).await.unwrap();
            bench
                .fake
                .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
            let crash = Crash::at(call);
            let crashing = bench.crashing(&crash);
            let over = tokio::select! {
                outcome = crashing.apply(&plan) => {
                    outcome.unwrap();
                    true
                }
                () = crash.tripped.notified() => false,
            };
            bench.machine.ended.lock().unwrap().push(1);
            let mut next = bench.clone();
            next.machine = bench.machine.another(2);
            next.fake.with(|w| w.faults.clear());
            next.up(new).await;
            assert_eq!(
                spec(&next, "thing/api")["scale"],
                2,
                "stopped at call {call}"
            );
            assert!(
                next.plan(new).await.unwrap().is_empty(),
                "stopped at call {call}"
            );
            bench
                .fake
                .with(|w| assert_eq!(w.violations, Vec::<String>::new()));
            over
        });
        if over {
            break;
        }
    }
}

#[test]
fn a_lost_state_is_rebuilt_and_nothing_is_orphaned() {
    run(async {
        let bench = Bench::new();
        let shop = "store db size=1GiB\nthing api needs=db\nthing old\nexternal rack";
        bench.up(shop).await;
        bench.log();
        bench.memory.files.lock().unwrap().clear();
        let plan = bench.engine().plan_adopt().await.unwrap();
        assert_eq!(plan.goal, Goal::Adopt);
        let mut view = PlanView::of(&plan);
        view.id = "7f3c9a".into();
        insta::assert_snapshot!("adopt", render_text(&view, &Style::default()));
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(
            bench.log(),
            Vec::<String>::new(),
            "nothing on the target changed"
        );
        assert_eq!(heads(&bench).await, []);
        let same = bench.plan(shop).await.unwrap();
        assert!(same.is_empty(), "{same:#?}");
        // What the source no longer has goes, as if the state had never been lost.
        let less = bench
            .plan("store db size=1GiB\nthing api needs=db")
            .await
            .unwrap();
        let actions: Vec<_> = less
            .operations
            .iter()
            .map(|o| (o.action, o.object.as_str()))
            .collect();
        assert_eq!(actions, [(Action::Delete, "thing/old")]);
        assert!(bench.engine().plan_adopt().await.unwrap().is_empty());
    });
}

#[test]
fn of_a_lost_state_the_releases_are_found_again_and_gone_on_with() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=1").await;
        bench.up("thing api scale=2").await;
        bench.up("thing api scale=3").await;
        bench.machine.clock.fetch_add(60_000, Ordering::SeqCst);
        bench.memory.files.lock().unwrap().retain(|name, bytes| {
            if name == "releases/000002.json" {
                bytes.truncate(40);
            }
            name.starts_with("releases/")
        });
        let numbers = async || {
            let heads = heads(&bench).await;
            heads
                .into_iter()
                .map(|(number, ..)| number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers().await, [1, 3], "one of them can't be read");
        let plan = bench.engine().plan_adopt().await.unwrap();
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(numbers().await, [1, 3]);
        // The target knows the number of the lease that was lost: what comes now is above it.
        let back = bench
            .engine()
            .plan_return(None, &Words::default())
            .await
            .unwrap();
        let outcome = bench.apply(&back).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:#?}");
        assert_eq!(outcome.release, Some(4));
        assert_eq!(bench.fake.things()["thing/api"]["scale"], 1);
    });
}

#[test]
fn what_can_not_be_read_is_not_adopted() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api\nthing other").await;
        bench.memory.files.lock().unwrap().clear();
        bench.fake.with(|w| w.unreadable.insert("thing/api".into()));
        let plan = bench.engine().plan_adopt().await.unwrap();
        assert_eq!((plan.operations.len(), plan.blocked.len()), (1, 1));
        // A target that can't be asked at all is not one where nothing is.
        bench.fake.with(|w| {
            w.things.clear();
            w.unreadable.insert("plat/probe".into());
        });
        let plan = bench.engine().plan_adopt().await.unwrap();
        assert_eq!((plan.operations.len(), plan.blocked.len()), (0, 1));
    });
}

#[test]
fn most_of_an_environment_goes_only_with_its_number() {
    run(async {
        let bench = Bench::new();
        let all: Vec<String> = (0..16).map(|i| format!("thing t{i}")).collect();
        bench.up(&all.join("\n")).await;
        let plan = async |few: &str, deletes| {
            let words = Words {
                deletes,
                ..Words::default()
            };
            bench.engine().plan(&graph(few), &words).await
        };
        let refused = plan("thing t0", None).await.unwrap_err();
        insta::assert_snapshot!(refused, @"
        15 of the 16 declarations of this environment would go
          Look whether this is the program and the environment you mean
          If they are all to go, say how many: `--deletes 15`
        ");
        assert!(plan("thing t0", Some(16)).await.is_err());
        assert_eq!(
            plan("thing t0", Some(15)).await.unwrap().operations.len(),
            15
        );
        // Half of it may go as always.
        assert!(plan(&all[..8].join("\n"), None).await.is_ok());
    });
}

#[test]
fn what_takes_up_kept_data_is_not_called_new() {
    run(async {
        let bench = Bench::new();
        bench.up("store db\nstore x").await;
        bench.up("store x").await;
        let plan = bench.plan("store main name=db").await.unwrap();
        let notes: Vec<_> = plan.notes.iter().map(|note| &note.message).collect();
        assert_eq!(notes, Vec::<&String>::new());
        let how = plan.operations.iter().find_map(|o| o.how.as_deref());
        assert!(
            how.is_some_and(|how| how.contains("takes up its data again")),
            "{how:?}"
        );
    });
}

#[test]
fn two_graphs_are_compared_with_no_target() {
    let old = graph("store db size=1GiB region=north\nthing api scale=1 env.A=one\nthing old");
    let new = graph(
        "store db size=2GiB region=south\nthing api scale=1 env.A=two\nthing new\nthing late\nmoved old to late",
    );
    let mut view = PlanView::comparing(
        &old,
        &new,
        "main",
        "the files here",
        &plat_model::Cases::default(),
    );
    assert_eq!(view.counts.create, 1);
    view.id = "7f3c9a".into();
    insta::assert_snapshot!("compared", render_text(&view, &Style::default()));
    let same = PlanView::comparing(&old, &old, "a", "b", &plat_model::Cases::default());
    assert!(same.nothing_to_do);
}

#[test]
fn the_environment_says_how_much_one_plan_may_take_away() {
    run(async {
        let bench = Bench::new();
        let things = |n: usize| (0..n).map(|i| format!("thing t{i}\n")).collect::<String>();
        bench.up(&things(6)).await;
        // Of so few, any number may go, unless it says otherwise.
        assert!(bench.plan(&things(1)).await.is_ok());
        let careful = |n| format!("deletes 20%\n{}", things(n));
        assert!(bench.plan(&careful(5)).await.is_ok());
        let refused = bench.plan(&careful(4)).await.unwrap_err();
        insta::assert_snapshot!(refused, @"
        2 of the 6 declarations of this environment would go
          Look whether this is the program and the environment you mean
          If they are all to go, say how many: `--deletes 2`
        ");
        let words = Words {
            deletes: Some(2),
            ..Words::default()
        };
        let engine = bench.engine();
        assert!(engine.plan(&graph(&careful(4)), &words).await.is_ok());
        // What it allows need not be said.
        let lax = |n| format!("deletes 100%\n{}", things(n));
        bench.up(&things(30)).await;
        assert!(bench.plan(&lax(1)).await.is_ok());
    });
}

#[test]
fn what_another_environment_uses_stays() {
    run(async {
        let bench = Bench::new();
        let both = "store db\nthing api needs=db\nheld db staging reports";
        bench.up(both).await;
        let refused = bench
            .plan("thing api\nheld db staging reports")
            .await
            .unwrap_err();
        insta::assert_snapshot!(refused, @"
        shop.plat:9: `db`: `reports` of the environment staging uses it: it can't be removed
          Take that use away there and apply staging, or destroy staging first
        ");
        // All of it goes or none: what stays would be in nobody's source.
        let held = graph(both).held.clone();
        let refused = bench.engine().plan_destroy(&Words::default(), &held).await;
        assert!(refused.is_err());
        let free = bench
            .engine()
            .plan_destroy(&Words::default(), &[])
            .await
            .unwrap();
        assert_eq!(free.operations.len(), 2);
        // What nobody uses goes as ever.
        let plan = bench
            .plan("store db\nheld db staging reports")
            .await
            .unwrap();
        assert_eq!(plan.operations.len(), 1);
    });
}
