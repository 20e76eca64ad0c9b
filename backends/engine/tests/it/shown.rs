//! What people read.

use plat_engine::{DataWord, PlanView, Problem, Style, Words, render_text};

use crate::app::graph;
use crate::world::Fault;
use crate::{Bench, run};

fn shown(plan: &plat_engine::Plan, width: usize) -> String {
    let style = Style {
        color: false,
        width,
        kept: true,
    };
    render_text(&named(plan), &style)
}

/// A plan's digest covers its format too, and has no place in a snapshot.
fn named(plan: &plat_engine::Plan) -> PlanView {
    let mut view = PlanView::of(plan);
    view.digest = "7f3c9a".repeat(10);
    view.id = "7f3c9a".into();
    view
}

const SHOP: &str = "
external stripe  url=https://api.stripe.com
store db  size=20GiB
thing api  scale=2 needs=db,hub env.LOG=info env.STRIPE_URL=https://api.stripe.com memory=512
thing mailer  prod:scale=1 needs=hub
thing front  files=./dist
budget 900USD/month
";

async fn next(changed: &str, words: Words) -> String {
    let bench = Bench::new();
    bench.up(SHOP).await;
    let plan = bench.engine().plan(&graph(changed), &words).await.unwrap();
    shown(&plan, 100)
}

#[test]
fn a_first_plan() {
    run(async {
        let plan = Bench::new().plan(SHOP).await.unwrap();
        insta::assert_snapshot!("first", shown(&plan, 100));
    });
}

#[test]
fn nothing_to_do() {
    run(async {
        insta::assert_snapshot!("nothing", next(SHOP, Words::default()).await);
    });
}

#[test]
fn fields_that_change() {
    run(async {
        let changed = SHOP
            .replace(" scale=2", " prod:scale=4")
            .replace("LOG=info", "LOG=debug env.NEW=1")
            .replace("env.STRIPE_URL=https://api.stripe.com ", "");
        insta::assert_snapshot!("fields", next(&changed, Words::default()).await);
    });
}

#[test]
fn destroys_and_replacements_stand_first() {
    run(async {
        let bench = Bench::new();
        bench
            .up("store db region=north\nthing api needs=db\nstore logs\nthing old")
            .await;
        let words = Words {
            data: DataWord::Of(["db".to_owned()].into()),
            ..Words::default()
        };
        let changed = "thing new\nstore db region=south\nthing api needs=db scale=3";
        let plan = bench.engine().plan(&graph(changed), &words).await.unwrap();
        insta::assert_snapshot!("destroys", shown(&plan, 100));
    });
}

#[test]
fn a_destroy_says_what_becomes_of_data() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        let plan = bench
            .engine()
            .plan_destroy(&Words::default(), &[])
            .await
            .unwrap();
        insta::assert_snapshot!("destroy", shown(&plan, 100));
        let words = Words {
            data: DataWord::All,
            ..Words::default()
        };
        let plan = bench.engine().plan_destroy(&words, &[]).await.unwrap();
        insta::assert_snapshot!("destroy_data", shown(&plan, 100));
    });
}

#[test]
fn healing_shows_as_healing() {
    run(async {
        let bench = Bench::new();
        bench.up(SHOP).await;
        bench.fake.with(|w| {
            w.things.get_mut(&"thing/api".into()).unwrap().stopped = true;
            w.things.remove(&"thing/front".into());
            w.unreadable.insert("store/db".into());
        });
        let plan = bench.plan(SHOP).await.unwrap();
        insta::assert_snapshot!("healing", shown(&plan, 100));
    });
}

#[test]
fn what_an_apply_left_half_done() {
    run(async {
        let bench = Bench::new();
        bench
            .fake
            .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
        let plan = bench.plan(SHOP).await.unwrap();
        bench.apply(&plan).await.unwrap();
        let plan = bench.plan(SHOP).await.unwrap();
        insta::assert_snapshot!("half_done", shown(&plan, 100));
    });
}

#[test]
fn problems_say_what_to_do() {
    run(async {
        let bench = Bench::new();
        bench.fake.with(|w| {
            w.problems = vec![
                Problem {
                    stops: false,
                    node: None,
                    place: None,
                    message: "fetches PostgreSQL 17.6, 9 MB".into(),
                    next: None,
                },
                Problem {
                    stops: true,
                    node: Some("stripe_key".into()),
                    place: graph(SHOP).origins.place(plat_model::OriginId(3)).cloned(),
                    message: "the secret `stripe_key` is not set".into(),
                    next: Some("platc secret set stripe_key".into()),
                },
            ];
        });
        let plan = bench.plan("thing api").await.unwrap();
        insta::assert_snapshot!("problems", shown(&plan, 100));
    });
}

#[test]
fn a_move_and_a_narrow_terminal() {
    run(async {
        let bench = Bench::new();
        bench
            .up("store db size=1GiB\nthing api url=https://a.example.com/a/very/long/path/indeed")
            .await;
        let changed = "store main size=2GiB name=db\nmoved db to main\n\
                       thing api url=https://b.example.com/another/very/long/path/that/goes/on";
        let plan = bench.plan(changed).await.unwrap();
        insta::assert_snapshot!("narrow", shown(&plan, 60));
        for line in shown(&plan, 60).lines() {
            assert!(line.chars().count() <= 60, "{line}");
        }
    });
}

#[test]
fn what_looks_like_a_rename_is_asked_about() {
    run(async {
        let bench = Bench::new();
        bench.up("store db size=1GiB\nthing api needs=db").await;
        let plan = bench
            .plan("store main size=1GiB\nthing api needs=main")
            .await
            .unwrap();
        insta::assert_snapshot!("rename", shown(&plan, 100));
        let plan = bench
            .plan("store main\nstore more\nthing api needs=main")
            .await
            .unwrap();
        assert!(plan.notes.is_empty());
    });
}

/// A declaration whose data is with another object from now on: it begins empty, and back again it has
/// what it was left with.
#[test]
fn data_that_is_left_behind_by_its_own_declaration_is_told() {
    run(async {
        let bench = Bench::new();
        bench.up("store db name=one size=1GiB").await;
        let other = "store db name=two size=1GiB";
        let plan = bench.plan(other).await.unwrap();
        let notes: Vec<&str> = plan.notes.iter().map(|n| n.message.as_str()).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("it begins empty; `store/one`, which"));
        assert!(notes[0].contains(" keeps the database db and all its rows."));
        bench.up(other).await;
        let plan = bench.plan("store db name=one size=1GiB").await.unwrap();
        let notes: Vec<&str> = plan.notes.iter().map(|n| n.message.as_str()).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("it takes up what `store/one` was left with"));
        // The same object, however it changes.
        let plan = bench.plan("store db name=two size=2GiB").await.unwrap();
        assert_eq!(plan.notes, []);
    });
}

#[test]
fn colours_are_added_and_nothing_else() {
    run(async {
        let plan = Bench::new().plan(SHOP).await.unwrap();
        let view = PlanView::of(&plan);
        let plain = render_text(&view, &Style::default());
        let style = Style {
            color: true,
            ..Style::default()
        };
        let coloured = render_text(&view, &style);
        assert!(coloured.contains("\x1b[32m"));
        let mut stripped = String::new();
        let mut parts = coloured.split('\x1b');
        stripped.push_str(parts.next().unwrap());
        for part in parts {
            stripped.push_str(part.split_once('m').unwrap().1);
        }
        assert_eq!(stripped, plain);
    });
}

#[test]
fn the_view_is_json() {
    run(async {
        let bench = Bench::new();
        bench.up("store db size=1GiB").await;
        let plan = bench.plan("store db size=2GiB").await.unwrap();
        insta::assert_json_snapshot!("view", named(&plan));
    });
}
