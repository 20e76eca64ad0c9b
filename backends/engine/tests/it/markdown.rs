//! What stands in a pull request, and in a tool that collects findings.

use plat_engine::{DataWord, Markdown, PlanView, Words, marker, render_markdown, render_sarif};

use crate::app::graph;
use crate::{Bench, judged, run};

fn named(plan: &plat_engine::Plan) -> PlanView {
    let mut view = PlanView::of(plan);
    view.digest = "7f3c9a".repeat(10);
    view.id = "7f3c9a".into();
    view
}

/// Something of everything.
async fn eventful() -> PlanView {
    let bench = Bench::new();
    bench
        .up("store db region=north\nthing api scale=2 needs=db env.LOG=info\nthing old\nthing hit")
        .await;
    bench.fake.with(|world| {
        let hit = world.things.get_mut(&"thing/hit".into()).unwrap();
        hit.spec["scale"] = 9.into();
        hit.version += 1;
        let by = plat_engine::Changed {
            by: Some("kubectl".into()),
            at: Some(1_700_000_000_000),
            held: Vec::new(),
        };
        world.touched.insert("thing/hit".into(), by);
        world.problems = vec![plat_engine::Problem {
            stops: true,
            node: Some("api".into()),
            place: None,
            message: "the secret `stripe_key` is not set".into(),
            next: Some("platc secret set stripe_key".into()),
        }];
    });
    let words = Words {
        data: DataWord::Of(["db".to_owned()].into()),
        ..Words::default()
    };
    let changed = "store db region=south\n\
                   thing api prod:scale=4 needs=db env.LOG=@all](http://x)`<b>|\nthing hit\nthing new";
    let engine = bench.engine().judged(vec![judged()]);
    named(&engine.plan(&graph(changed), &words).await.unwrap())
}

#[test]
fn a_comment_says_first_what_matters_most() {
    run(async {
        let view = eventful().await;
        let how = Markdown {
            link: Some("https://ci.example.com/run/1".into()),
            ..Markdown::default()
        };
        insta::assert_snapshot!("comment", render_markdown(&view, &how));
    });
}

#[test]
fn findings_are_those_somebody_should_look_at() {
    run(async {
        let mut sarif = render_sarif(&eventful().await);
        // The tool's version has no place in a snapshot.
        sarif["runs"][0]["tool"]["driver"]["semanticVersion"] = "0.0.0".into();
        insta::assert_json_snapshot!("sarif", sarif);
    });
}

#[test]
fn a_comment_fits_however_large_the_plan_is() {
    run(async {
        let bench = Bench::new();
        let long = "x".repeat(300);
        let line = |i: usize| format!("thing t{i} url=http://{long}/{i} env.A=ä`{i}`");
        let text: Vec<String> = (0..2_000).map(line).collect();
        let plan = bench.plan(&text.join("\n")).await.unwrap();
        let view = named(&plan);
        for limit in [4_096, 16_000, 65_535] {
            let how = Markdown {
                limit,
                link: Some("https://ci.example.com/run/1".into()),
            };
            let comment = render_markdown(&view, &how);
            assert!(comment.len() <= limit, "{} of {limit}", comment.len());
            assert!(comment.starts_with(&marker(&view)));
            // Whole lines and whole blocks, and what is missing is counted.
            assert!(comment.ends_with("</sub>\n"));
            assert_eq!(
                comment.matches("<details>").count(),
                comment.matches("</details>").count()
            );
            assert!(comment.contains("more: see [the whole plan]"));
            let shown = comment.matches("\n- `thing t").count();
            let more = comment.split_once("- … and ").unwrap().1;
            let more: usize = more.split_once(' ').unwrap().0.parse().unwrap();
            assert_eq!(shown + more, 2_000);
        }
    });
}
