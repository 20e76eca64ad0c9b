//! A plan whose world has moved: what is told of it.

use plat_engine::{Changed, EngineError, Interrupts, OpErrorKind, Plan, Words};

use crate::world::Fault;
use crate::{Bench, run};

const SHOP: &str = "store db\nthing api scale=2 needs=db\nthing web";

/// What an apply of the plan is refused with; nothing was done.
async fn refused(bench: &Bench, plan: &Plan) -> String {
    bench.log();
    let error = bench.apply(plan).await.unwrap_err();
    assert!(matches!(error, EngineError::Stale { .. }), "{error}");
    assert_eq!(bench.log(), [""; 0]);
    error.to_string().replace(plan.digest.short(), "PLAN")
}

#[test]
fn what_was_only_touched_would_be_done_the_same() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench
            .plan(&SHOP.replace("scale=2", "scale=3"))
            .await
            .unwrap();
        bench.fake.with(|w| {
            w.things.get_mut(&"thing/api".into()).unwrap().version = 77;
            let who = Changed {
                by: Some("kubectl-edit".into()),
                at: Some(1_790_000_000_000),
                held: Vec::new(),
            };
            w.touched.insert("thing/api".into(), who);
        });
        assert_eq!(
            refused(&bench, &plan).await,
            "plan PLAN is stale, so nothing was changed:\n  thing api: it was changed by kubectl-edit at 2026-09-21 14:13 UTC\n\
             made now, it would do the same"
        );
    });
}

#[test]
fn of_what_can_not_be_read_nobody_says_that_it_would_be_the_same() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench
            .plan(&SHOP.replace("scale=2", "scale=3"))
            .await
            .unwrap();
        bench.fake.with(|w| w.unreadable.insert("thing/api".into()));
        let told = refused(&bench, &plan).await;
        assert!(!told.contains("the same"), "{told}");
        let line = "thing api: what is to be done with it is not known";
        assert!(told.contains(line), "{told}");
    });
}

#[test]
fn what_a_plan_would_do_by_now_is_told_beside_what_it_says() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let changed = "store db\nthing api scale=4 needs=db\nthing web\nthing mailer";
        let plan = bench.plan(changed).await.unwrap();
        // Somebody else took one away, stopped another, and made one.
        bench
            .up("store db\nthing api scale=3 needs=db\nthing web\nthing mailer")
            .await;
        bench.fake.with(|w| {
            w.things.get_mut(&"thing/web".into()).unwrap().stopped = true;
        });
        assert_eq!(
            refused(&bench, &plan).await,
            "plan PLAN is stale, so nothing was changed:\n  \
               release 2 was applied since\n  \
               thing api: it was changed\n\
             made now, it would differ:\n  \
               thing api: changing it (scale 3 → 4)\n  \
               thing mailer: there is nothing to do about it any more\n  \
               thing web: starting it too\n  \
               thing web stopped: killed by signal 9"
        );
    });
}

#[test]
fn what_is_gone_would_be_made_again() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench
            .plan(&SHOP.replace("scale=2", "scale=3"))
            .await
            .unwrap();
        bench.fake.with(|w| w.things.remove(&"thing/api".into()));
        assert_eq!(
            refused(&bench, &plan).await,
            "plan PLAN is stale, so nothing was changed:\n  \
               thing api: it is gone\n\
             made now, it would differ:\n  \
               thing api: making it, instead of changing it\n  \
               thing api is gone"
        );
    });
}

#[test]
fn what_would_be_refused_by_now_is_told() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let engine = bench.engine();
        let plan = engine.plan_destroy(&Words::default(), &[]).await.unwrap();
        // Free to go when it was planned, and protected since.
        bench
            .up(&SHOP.replace("thing web", "thing web protect=true"))
            .await;
        let error = engine
            .apply(&plan, &Default::default(), &Interrupts::default(), |_| {})
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("it would be refused: ") && error.contains("it is protected"),
            "{error}"
        );
    });
}

/// The world is looked at for the whole plan before anything is begun; what moves after that is
/// noticed by the target, and stops there.
#[test]
fn what_moves_while_a_plan_is_applied_stops_there() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let changed = "store db size=20GiB\nthing api scale=3 needs=db\nthing web scale=2";
        let plan = bench.plan(changed).await.unwrap();
        bench.log();
        bench.fake.with(|w| {
            w.faults.insert("store/db".into(), vec![Fault::Conflicts]);
        });
        let outcome = bench.apply(&plan).await.unwrap();
        assert_eq!(bench.log(), ["update thing/web"]);
        let [(_, error)] = outcome.failed.as_slice() else {
            panic!("{outcome:#?}");
        };
        assert_eq!(error.kind, OpErrorKind::Conflict);
        assert_eq!(outcome.skipped.len(), 1, "what waits for it is not begun");
        bench.up(changed).await;
        assert_eq!(bench.log(), ["update store/db", "update thing/api"]);
    });
}
