//! What a plan holds.

use plat_engine::{
    Action, DataWord, DriftKind, EngineError, NodeAction, Plan, Words, plan_from_bytes,
    plan_to_bytes,
};

use plat_model::TargetId;

use crate::app::graph;
use crate::world::{Fault, Thing};
use crate::{Bench, run};

const SHOP: &str = "
store db  size=20GiB
thing api  scale=2 needs=db,hub env.LOG=info
thing mailer  needs=hub
";

fn steps(plan: &Plan) -> Vec<String> {
    plan.operations
        .iter()
        .map(|o| format!("{:?} {}", o.action, o.object).to_lowercase())
        .collect()
}

fn refused(result: Result<Plan, EngineError>) -> String {
    match result {
        Err(error @ EngineError::Refused(_)) => error.to_string(),
        other => panic!("{other:#?}"),
    }
}

#[test]
fn creates_come_after_what_they_need_and_deletes_before() {
    run(async {
        let bench = Bench::new();
        let plan = bench.up(SHOP).await;
        assert_eq!(
            steps(&plan),
            [
                "create hub",
                "create store/db",
                "create thing/api",
                "create thing/mailer"
            ]
        );
        let again = bench.plan(SHOP).await.unwrap();
        assert!(again.is_empty(), "{again:#?}");
        assert_eq!(again.unchanged, 4);
        let less = bench.plan("store db size=20GiB").await.unwrap();
        assert_eq!(
            steps(&less),
            ["delete thing/api", "delete thing/mailer", "delete hub"]
        );
        let engine = bench.engine();
        let destroy = engine.plan_destroy(&Words::default(), &[]).await.unwrap();
        assert_eq!(destroy.operations.len(), 4);
        let last = destroy.operations.last().unwrap();
        assert!(last.object.as_str() == "store/db" || last.object.as_str() == "hub");
    });
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    run(async {
        let plans = [Bench::new().plan(SHOP).await, Bench::new().plan(SHOP).await];
        let [a, b] = plans.map(|p| plan_to_bytes(&p.unwrap()).unwrap());
        assert_eq!(a, b);
    });
}

#[test]
fn only_what_changed_is_touched() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench
            .plan(&SHOP.replace("LOG=info", "LOG=debug"))
            .await
            .unwrap();
        assert_eq!(steps(&plan), ["update thing/api"]);
        let operation = &plan.operations[0];
        assert_eq!(operation.how.as_deref(), Some("rolling, no downtime"));
        assert_eq!(operation.changes[0].path, "env.LOG");
    });
}

#[test]
fn what_replaces_comes_before_what_goes() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api name=old").await;
        let plan = bench.plan("thing api name=new").await.unwrap();
        assert_eq!(steps(&plan), ["create thing/new", "delete thing/old"]);
        assert_eq!(plan.operations[1].after.len(), 1);
    });
}

#[test]
fn a_field_that_may_only_grow_does_not_shrink() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let smaller = bench.plan(&SHOP.replace("20GiB", "10GiB")).await;
        insta::assert_snapshot!(refused(smaller), @r"
        shop.plat:20: `db.size`: it can only grow, and 10GiB is less than 20GiB
          Leave it at 20GiB, or make it more
        ");
        let bigger = bench.plan(&SHOP.replace("20GiB", "30GiB")).await.unwrap();
        assert_eq!(steps(&bigger), ["update store/db"]);
    });
}

#[test]
fn data_is_not_lost_without_its_own_word() {
    run(async {
        let bench = Bench::new();
        bench
            .up("store db region=north\nstore other region=north")
            .await;
        let moved = "store db region=south\nstore other region=north";
        insta::assert_snapshot!(refused(bench.plan(moved).await), @r"
        shop.plat:9: `db`: changing `region` makes it anew, and the database db and all its rows would be lost
          If it may be lost, say so: `--data db`
        ");
        let word = |name: &str| Words {
            data: DataWord::Of([name.to_owned()].into()),
            ..Words::default()
        };
        let engine = bench.engine();
        refused(engine.plan(&graph(moved), &word("other")).await);
        let plan = engine.plan(&graph(moved), &word("db")).await.unwrap();
        assert_eq!(steps(&plan), ["replace store/db"]);
        assert_eq!(plan.changes[0].what, NodeAction::Replace);
    });
}

#[test]
fn what_stands_on_data_that_is_made_anew_is_gone_over_again() {
    run(async {
        let bench = Bench::new();
        let app =
            "store db region=r0\nthing migrate needs=db\nthing api needs=migrate\nthing other";
        bench.up(app).await;
        let words = Words {
            data: DataWord::All,
            ..Words::default()
        };
        let anew = graph(&app.replace("r0", "r1"));
        let plan = bench.engine().plan(&anew, &words).await.unwrap();
        assert_eq!(steps(&plan), ["replace store/db", "update thing/migrate"]);
        assert_eq!(plan.operations[1].after.len(), 1);
        assert_eq!(
            plan.operations[1].how.as_deref(),
            Some("gone over again: store db is made anew")
        );
        // Cut off between the two, it is not forgotten.
        bench
            .fake
            .with(|w| w.faults.insert("thing/migrate".into(), vec![Fault::Fails]));
        assert!(!bench.apply(&plan).await.unwrap().is_complete());
        let next = bench.engine().plan(&anew, &words).await.unwrap();
        assert_eq!(steps(&next), ["update thing/migrate"]);
        assert!(bench.apply(&next).await.unwrap().is_complete());
        let next = bench.engine().plan(&anew, &words).await.unwrap();
        assert!(next.is_empty());
    });
}

#[test]
fn what_a_backend_cannot_keep_is_refused_or_left() {
    run(async {
        let mut bench = Bench::new();
        bench.fake.keeps_data = false;
        bench.up("store db needs=hub\nthing api needs=db").await;
        insta::assert_snapshot!(refused(bench.plan("thing api").await), @r"
        shop.plat:9: `db`: removing it would lose the database db and all its rows
          If it may be lost, say so: `--data db`
        ");
        let engine = bench.engine();
        let destroy = engine.plan_destroy(&Words::default(), &[]).await.unwrap();
        assert_eq!(steps(&destroy), ["delete thing/api"]);
        let all = Words {
            data: DataWord::All,
            ..Words::default()
        };
        let destroy = engine.plan_destroy(&all, &[]).await.unwrap();
        assert_eq!(
            steps(&destroy),
            ["delete thing/api", "delete store/db", "delete hub"]
        );
    });
}

#[test]
fn data_that_was_kept_is_taken_up_again() {
    run(async {
        let bench = Bench::new();
        bench.up("store db").await;
        let data = bench.fake.with(|w| w.things.values().next().unwrap().data);
        let destroy = bench
            .engine()
            .plan_destroy(&Words::default(), &[])
            .await
            .unwrap();
        let outcome = bench.apply(&destroy).await.unwrap();
        assert_eq!(outcome.data_kept.len(), 1);
        assert_eq!(bench.fake.with(|w| w.kept.len()), 1);
        let again = bench.up("store db").await;
        assert_eq!(
            again.operations[0].how.as_deref(),
            Some("takes up its data again, kept at /kept")
        );
        assert_eq!(
            bench.fake.with(|w| w.things.values().next().unwrap().data),
            data
        );
    });
}

#[test]
fn kept_data_goes_when_the_word_is_given() {
    run(async {
        let bench = Bench::new();
        bench.up("store db").await;
        let engine = bench.engine();
        let destroy = engine.plan_destroy(&Words::default(), &[]).await.unwrap();
        bench.apply(&destroy).await.unwrap();
        let nothing = engine.plan_destroy(&Words::default(), &[]).await.unwrap();
        assert!(nothing.is_empty());
        let all = Words {
            data: DataWord::All,
            ..Words::default()
        };
        let plan = engine.plan_destroy(&all, &[]).await.unwrap();
        assert_eq!(steps(&plan), ["delete store/db"]);
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        bench.fake.with(|w| {
            assert!(w.kept.is_empty());
            assert_eq!(w.destroyed.len(), 1);
            assert_eq!(w.violations, [""; 0]);
        });
        assert!(engine.plan_destroy(&all, &[]).await.unwrap().is_empty());
    });
}

#[test]
fn protection_outlives_the_declaration() {
    run(async {
        let bench = Bench::new();
        bench.up("store db protect=true").await;
        insta::assert_snapshot!(refused(bench.plan("thing api").await), @r"
        shop.plat:9: `db`: it is protected and can't be removed
          If it may go, set `protect = false` on it and apply that first
        ");
        let all = Words {
            data: DataWord::All,
            ..Words::default()
        };
        refused(bench.engine().plan_destroy(&all, &[]).await);
        bench.up("store db protect=false").await;
        assert!(bench.plan("thing api").await.is_ok());
    });
}

#[test]
fn a_rename_is_a_move() {
    run(async {
        let bench = Bench::new();
        bench.up("store db size=1GiB").await;
        insta::assert_snapshot!(
            refused(bench.plan("store main size=1GiB\nmoved db to main").await),
            @r#"
        shop.plat:9: `db`: it moved to `main`, and this target can't give it its new name: the database db and all its rows would stay behind
          Keep the name where its data is: `name = "db"` in `main`
        "#);
        let plan = bench
            .plan("store main size=1GiB name=db\nmoved db to main")
            .await
            .unwrap();
        assert_eq!(steps(&plan), [""; 0]);
        assert!(!plan.is_empty(), "the record has another name for it");
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(bench.log(), ["create store/db"]);
        let again = bench
            .plan("store main size=1GiB name=db\nmoved db to main")
            .await
            .unwrap();
        assert!(again.is_empty(), "{:#?}", again.changes);
        let smaller = bench.plan("store main size=0GiB name=db").await;
        refused(smaller);
    });
}

#[test]
fn what_became_a_part_of_what_has_its_name_now_is_moved_into_it() {
    run(async {
        let bench = Bench::new();
        bench.up("store db size=1GiB").await;
        // A kind that is made of others stands around it now, and runs nowhere.
        let within = "store db.main size=1GiB name=db\nmoved db to db.main";
        bench.log();
        let plan = bench.plan(within).await.unwrap();
        assert_eq!(steps(&plan), [""; 0]);
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(bench.log(), [""; 0]);
        // And not once more, into a part of the part.
        let again = bench.plan(within).await.unwrap();
        assert!(again.is_empty(), "{:#?}", again.changes);
    });
}

#[test]
fn what_runs_with_something_that_is_another_by_now_is_started_anew() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let why = "it has former values of its secrets (db)";
        bench.fake.with(|w| {
            w.stale.insert("thing/api".into(), why.to_owned());
        });
        bench.log();
        let plan = bench.plan(SHOP).await.unwrap();
        let drift: Vec<_> = plan.drift.iter().map(|d| (&*d.label, d.what)).collect();
        assert_eq!(drift, [("thing api", DriftKind::Stale)]);
        assert_eq!(plan.drift[0].detail.as_deref(), Some(why));
        let how = plan.operations[0].how.as_deref();
        assert_eq!(how, Some(&*format!("started anew: {why}")));
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(bench.log(), ["resume thing/api"]);
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
    });
}

#[test]
fn drift_is_told_apart_and_healed() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        bench.fake.with(|w| {
            w.things.get_mut(&"thing/api".into()).unwrap().stopped = true;
            w.things.remove(&"thing/mailer".into());
            let db = w.things.get_mut(&"store/db".into()).unwrap();
            db.spec = serde_json::json!({"size": "1GiB"});
            db.version = 1000;
        });
        bench.log();
        let plan = bench.plan(SHOP).await.unwrap();
        let drift: Vec<_> = plan
            .drift
            .iter()
            .map(|d| (d.label.as_str(), d.what))
            .collect();
        assert_eq!(
            drift,
            [
                ("store db", DriftKind::Changed),
                ("thing api", DriftKind::Stopped),
                ("thing mailer", DriftKind::Gone),
            ]
        );
        assert!(plan.changes.iter().all(|c| c.what == NodeAction::Heal));
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(
            bench.log(),
            ["create thing/mailer", "update store/db", "resume thing/api"]
        );
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
    });
}

#[test]
fn what_cannot_be_read_is_neither_absent_nor_unchanged() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| w.unreadable.insert("store/db".into()));
        let plan = bench.plan(SHOP).await.unwrap();
        assert_eq!(steps(&plan), ["create hub", "create thing/mailer"]);
        let blocked: Vec<_> = plan.blocked.iter().map(|b| b.object.as_str()).collect();
        assert_eq!(blocked, ["store/db", "thing/api"]);
        assert!(!plan.is_empty());
        let outcome = bench.apply(&plan).await.unwrap();
        assert!(!outcome.is_complete());
        assert_eq!(outcome.done.len(), 2);
        bench.fake.with(|w| w.unreadable.clear());
        bench.up(SHOP).await;
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
    });
}

#[test]
fn a_lost_state_is_found_again_by_label() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        bench.memory.files.lock().unwrap().clear();
        let plan = bench.plan(SHOP).await.unwrap();
        assert!(plan.operations.iter().all(|o| o.action == Action::Adopt));
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert!(bench.plan(SHOP).await.unwrap().is_empty());
        bench.fake.with(|w| assert_eq!(w.things.len(), 4));
        let log = bench.log();
        assert_eq!(log.len(), 4, "what runs is left alone: {log:?}");
    });
}

#[test]
fn what_is_not_on_record_is_left_alone() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        bench.memory.files.lock().unwrap().clear();
        let plan = bench.plan("thing mailer needs=hub").await.unwrap();
        assert!(plan.operations.iter().all(|o| o.action == Action::Adopt));
        assert_eq!(plan.notes.len(), 2, "{:#?}", plan.notes);
    });
}

#[test]
fn another_thing_under_our_name_is_not_deleted() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api").await;
        bench.fake.with(|w| {
            w.things.get_mut(&"thing/api".into()).unwrap().uid = "another".into();
        });
        let plan = bench.plan("thing other").await.unwrap();
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert!(bench.fake.things().contains_key("thing/api"));
    });
}

#[test]
fn an_unsupported_kind_and_a_refused_change_say_where() {
    run(async {
        let bench = Bench::new();
        insta::assert_snapshot!(
            refused(bench.plan("vm box").await),
            @"shop.plat:9: `box`: virtual machines are not built yet on this target"
        );
        bench.up("store db engine=16").await;
        insta::assert_snapshot!(
            refused(bench.plan("store db engine=17").await),
            @"shop.plat:9: `db`: engine can't change: dump it, and restore it under a new name"
        );
    });
}

#[test]
fn a_plan_file_is_read_back_and_an_edited_one_is_not() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let bytes = plan_to_bytes(&plan).unwrap();
        assert_eq!(plan_from_bytes(&bytes).unwrap().plan, plan);
        // Sealed anew by whoever put another program into it.
        let mut other = plan.clone();
        other.graph = Some(graph("thing api"));
        let other = plan_to_bytes(&other).unwrap();
        let why = plan_from_bytes(&other).unwrap_err().to_string();
        assert!(why.contains("the plan's digest does not fit it"), "{why}");
        let text = String::from_utf8(bytes).unwrap();
        let edited = text.replacen("\"create\"", "\"delete\"", 1);
        insta::assert_snapshot!(
            plan_from_bytes(edited.as_bytes()).unwrap_err(),
            @"it was cut short or edited: its digest does not fit its content"
        );
        // One of a former platc is told as that: its digests were made another way.
        let former = text.replacen("\"format\":2", "\"format\":1", 1);
        insta::assert_snapshot!(
            plan_from_bytes(former.as_bytes()).unwrap_err(),
            @"it has format 1 of an older platc, and this one reads from 2"
        );
    });
}

#[test]
fn what_is_left_to_others_is_never_written() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=2 image=one leave=scale").await;
        assert_eq!(
            bench.fake.things()["thing/api"]["scale"],
            2,
            "it must be something"
        );
        let scale = |to: i64| {
            bench.fake.with(|w| {
                let api = w.things.get_mut(&"thing/api".into()).unwrap();
                api.spec["scale"] = to.into();
                api.version += 1;
            });
        };
        // Theirs is neither drift nor a change, whatever the source says of it now.
        scale(7);
        for text in [
            "thing api scale=2 image=one leave=scale",
            "thing api scale=3 image=one leave=scale",
        ] {
            let plan = bench.plan(text).await.unwrap();
            assert_eq!(
                (plan.operations.as_slice(), plan.drift.as_slice()),
                (&[][..], &[][..])
            );
            assert_eq!(plan.changes, []);
        }
        let plan = bench.up("thing api scale=3 image=two leave=scale").await;
        let paths: Vec<_> = plan.operations[0]
            .changes
            .iter()
            .map(|c| c.path.as_str())
            .collect();
        assert_eq!(paths, ["image"]);
        let now = bench.fake.things()["thing/api"].clone();
        assert_eq!(now, serde_json::json!({"scale": 7, "image": "two"}));
        // Beside it everything is ours as before.
        bench.fake.with(|w| {
            let api = w.things.get_mut(&"thing/api".into()).unwrap();
            api.spec["image"] = "three".into();
            api.version += 1;
        });
        let plan = bench
            .plan("thing api scale=3 image=two leave=scale")
            .await
            .unwrap();
        assert_eq!((plan.operations.len(), plan.drift.len()), (1, 1));
        // And what is no longer left is taken back.
        bench.up("thing api scale=3 image=two").await;
        assert_eq!(bench.fake.things()["thing/api"]["scale"], 3);
        assert!(
            bench
                .plan("thing api scale=3 image=two")
                .await
                .unwrap()
                .is_empty()
        );
    });
}

/// Also what a change of it would do by the kind's own word: it is not the source that changes it.
#[test]
fn what_is_left_to_others_may_shrink_and_move_in_the_source() {
    run(async {
        let bench = Bench::new();
        let leave = "leave=size,region,env.A";
        bench
            .up(&format!(
                "store db size=20GiB region=eu env.A=one env.B=b {leave}"
            ))
            .await;
        let plan = bench
            .plan(&format!("store db size=10GiB region=us env.B=b {leave}"))
            .await
            .unwrap();
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        // An entry of a map that the source no longer has is theirs all the same.
        bench
            .up(&format!("store db size=10GiB region=us env.B=c {leave}"))
            .await;
        assert_eq!(
            bench.fake.things()["store/db"],
            serde_json::json!({"size": "20GiB", "region": "eu", "env": {"A": "\"one\"", "B": "\"c\""}})
        );
    });
}

#[test]
fn what_others_hold_is_taken_over_field_by_field() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=2 env.A=one").await;
        bench.fake.with(|w| {
            let api = w.things.get_mut(&"thing/api".into()).unwrap();
            api.spec["scale"] = 7.into();
            api.version += 1;
            let held = |path: &str, value: serde_json::Value| plat_engine::HeldField {
                path: path.into(),
                by: "kubectl".into(),
                value: Some(value),
            };
            let changed = plat_engine::Changed {
                by: Some("kubectl".into()),
                at: None,
                // The source says the first, agrees with the second, and knows not of the third.
                held: vec![
                    held("scale", 7.into()),
                    held("env.A", "\"one\"".into()),
                    held("sidecar", 1.into()),
                ],
            };
            w.touched.insert("thing/api".into(), changed);
        });
        let plan = bench.plan("thing api scale=2 env.A=one").await.unwrap();
        assert_eq!(plan.conflicts.len(), 1);
        insta::assert_snapshot!(
            plan.stoppers().next().unwrap(),
            @"
        shop.plat:9: `scale` of thing api is held by kubectl, with another value than the source says
          take over this one field: `--take api:scale`
        "
        );
        let words = Words {
            take: ["api:scale".to_owned()].into(),
            ..Words::default()
        };
        let engine = bench.engine();
        let plan = engine
            .plan(&graph("thing api scale=2 env.A=one"), &words)
            .await
            .unwrap();
        assert_eq!(plan.stoppers().count(), 0);
        assert_eq!(plan.operations[0].take, ["scale"]);
    });
}

/// Something that somebody else made.
pub fn made_by_helm(bench: &Bench, id: &plat_engine::ObjectId, spec: serde_json::Value) {
    bench.fake.with(|w| {
        let asked = plat_engine::Object::new(id.as_str(), TargetId::main(), spec.clone());
        let thing = Thing {
            uid: "theirs".into(),
            version: 1,
            spec,
            token: None,
            holds: None,
            data: None,
            stopped: false,
            asked: Some(asked.into()),
        };
        w.things.insert(id.clone(), thing);
        w.others.insert(id.clone(), "Helm".into());
    });
}

#[test]
fn what_others_made_is_taken_over_by_its_own_word() {
    run(async {
        let bench = Bench::new();
        let source = "thing api scale=2 env.A=one\nthing web";
        let spec = serde_json::json!({ "scale": 5, "env": { "A": "\"one\"" }, "old": "x" });
        let id: plat_engine::ObjectId = "thing/api".into();
        made_by_helm(&bench, &id, spec);
        let plan = bench.plan(source).await.unwrap();
        insta::assert_snapshot!(
            plan.stoppers().next().unwrap(),
            @"
        shop.plat:9: thing api is there already: Helm made it
          take over this one object: `--take api:thing/api`
        "
        );
        assert_eq!(steps(&plan), ["create thing/web"]);

        let words = Words {
            take: ["api:thing/api".to_owned()].into(),
            ..Words::default()
        };
        let engine = bench.engine();
        let plan = engine.plan(&graph(source), &words).await.unwrap();
        assert_eq!(plan.stoppers().count(), 0);
        assert_eq!(steps(&plan), ["update thing/api", "create thing/web"]);
        assert_eq!(plan.operations[0].take, [""]);
        let conflict = &plan.conflicts[0];
        assert!(conflict.is_whole() && conflict.taken);
        // Each part that changes or goes is said.
        let theirs = serde_json::json!({ "old": "x", "scale": 5 });
        assert_eq!(conflict.theirs, Some(theirs));
        assert_eq!(conflict.ours, serde_json::json!({ "scale": 2 }));
        let view = plat_engine::PlanView::of(&plan);
        let style = plat_engine::Style {
            color: false,
            width: 100,
            kept: true,
        };
        let text = plat_engine::render_text(&view, &style);
        let said = "thing api: Helm made it; it is taken over: old \"x\" → none, scale 5 → 2";
        assert!(text.contains(said), "{text}");
        // By the word it was planned with, it is the same plan when it is looked at again.
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        assert_eq!(bench.fake.things()["thing/api"]["scale"], 2);
        assert!(bench.plan(source).await.unwrap().is_empty());

        // What is on record and became somebody else's is not taken away.
        bench.fake.with(|w| w.others.insert(id, "Helm".into()));
        let plan = bench.plan("thing web").await.unwrap();
        assert!(plan.operations.is_empty(), "{:?}", plan.operations);
        assert_eq!(plan.blocked.len(), 1);
    });
}

#[test]
fn what_an_object_of_ours_decided_is_taken_back_once_it_is_gone() {
    run(async {
        let bench = Bench::new();
        let plan = bench.up("thing api scale=2 image=one lent=scale").await;
        assert_eq!(plan.operations.len(), 2);
        let scaled = |bench: &Bench| {
            bench.fake.with(|w| {
                let api = w.things.get_mut(&"thing/api".into()).unwrap();
                api.spec["scale"] = 7.into();
                api.version += 1;
                let held = vec![plat_engine::HeldField {
                    path: "scale".into(),
                    by: "the scaler".into(),
                    value: Some(7.into()),
                }];
                let changed = plat_engine::Changed {
                    by: Some("the scaler".into()),
                    at: None,
                    held,
                };
                w.touched.insert("thing/api".into(), changed);
            });
        };
        scaled(&bench);
        let again = "thing api scale=2 image=one lent=scale";
        assert!(bench.plan(again).await.unwrap().is_empty());

        // First it goes: it would else decide once more.
        let plan = bench.plan("thing api scale=3 image=one").await.unwrap();
        assert_eq!(plan.stoppers().count(), 0);
        let operations: Vec<_> = plan
            .operations
            .iter()
            .map(|o| (o.object.as_str(), o.action, o.after.len(), o.take.len()))
            .collect();
        assert_eq!(
            operations,
            [
                ("scaler/api", Action::Delete, 0, 0),
                ("thing/api", Action::Update, 1, 1),
            ]
        );
        assert!(bench.apply(&plan).await.unwrap().is_complete());
        let now = bench.fake.things()["thing/api"].clone();
        assert_eq!(now, serde_json::json!({"scale": 3, "image": "one"}));

        // From then on it is held by whoever holds it.
        scaled(&bench);
        let plan = bench.plan("thing api scale=3 image=one").await.unwrap();
        assert_eq!(plan.conflicts.len(), 1);
    });
}

/// What decided goes first, whatever else of the same declaration comes or changes; and what decides
/// from then on comes last.
#[test]
fn who_decides_a_part_may_change_together_with_what_stands_around_it() {
    run(async {
        let bench = Bench::new();
        let order = |plan: &plat_engine::Plan| -> Vec<String> {
            let stops: Vec<String> = plan.stoppers().map(|s| s.to_string()).collect();
            assert_eq!(stops, Vec::<String>::new());
            let named = plan.operations.iter();
            named
                .map(|o| format!("{:?} {} {}", o.action, o.object, o.after.len()))
                .collect()
        };
        bench.up("thing api scale=2 image=one lent=scale").await;
        let plan = bench.up("thing api scale=3 image=one guard=yes").await;
        assert_eq!(
            order(&plan),
            [
                "Delete scaler/api 0",
                "Update thing/api 1",
                "Create guard/api 1"
            ]
        );
        bench
            .up("thing api scale=2 image=one lent=scale guard=yes")
            .await;
        // Nothing of the thing itself changes.
        let other = "thing api scale=2 image=one lent=scale by=other guard=yes";
        let plan = bench.up(other).await;
        assert_eq!(
            order(&plan),
            [
                "Delete scaler/api 0",
                "Update thing/api 1",
                "Create other/api 1"
            ]
        );
        assert!(bench.plan(other).await.unwrap().is_empty());
        let plan = bench
            .up("thing api scale=2 image=two lent=scale guard=yes")
            .await;
        assert_eq!(
            order(&plan),
            [
                "Delete other/api 0",
                "Update thing/api 1",
                "Create scaler/api 1"
            ]
        );
    });
}

#[test]
fn a_recent_plan_is_found_by_its_short_digest() {
    run(async {
        let bench = Bench::new();
        let plan = bench.plan(SHOP).await.unwrap();
        let engine = bench.engine();
        let ledger = engine.ledger();
        ledger.keep_plan(&plan, &bench.machine).await.unwrap();
        let found = ledger.recent_plan(plan.digest.short()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&plan));
        assert_eq!(ledger.recent_plan("000000").await.unwrap(), None);
        assert_eq!(ledger.recent_plan("").await.unwrap(), None);
        assert!(bench.apply(&found.unwrap()).await.unwrap().is_complete());
    });
}

#[test]
fn what_is_there_is_read_in_one_go() {
    run(async {
        let bench = Bench::new();
        let many: String = (0..200).map(|i| format!("thing t{i}\n")).collect();
        bench.up(&many).await;
        let before = bench.fake.with(|w| w.calls);
        bench.plan(&many).await.unwrap();
        assert_eq!(bench.fake.with(|w| w.calls) - before, 1);
    });
}

#[test]
fn where_a_declaration_stands_is_no_part_of_what_it_is() {
    run(async {
        let bench = Bench::new();
        bench.up("thing api scale=2\nthing web needs=api").await;
        let plan = bench
            .plan("\n\n\nthing web needs=api\n\nthing api scale=2")
            .await
            .unwrap();
        assert!(plan.is_empty(), "{plan:#?}");
        assert_eq!(plan.drift, []);
    });
}
