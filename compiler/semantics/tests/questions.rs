//! What tests and policies ask, and what is told of those that fail.

use crate::common::{database, project, render};

const APP: &str = r#"app shop
type Copies = Int where 1..10
fn copies(n: Int): Copies = n
kind stack {
    worker inner { run = image("ghcr.io/acme/a:1.0.0"), env = { DB = db.url } }
    redis store {}
    worker other { run = image("ghcr.io/acme/a:1.0.0"), env = { STORE = store.url } }
}
stack one {}
secret token
postgres db {}
worker mailer { run = image("ghcr.io/acme/a:1.0.0"), env = { TOKEN = token, S = one.store_url } }
env dev { target = local {} }
env prod { target = kubernetes { context = "prod" }, each worker { scale = 2 } }
"#;

fn app() -> String {
    APP.replace(
        "    redis store {}\n",
        "    redis store {}\n    out store_url = store.url\n",
    )
}

#[test]
fn a_use_of_a_kind_stands_for_all_inside() {
    let text = format!(
        "{}{}",
        app(),
        r#"
test of_a_kind {
    assert = [for l in links(one): l.field] == ["env.DB", "env.STORE"]
    assert = holders(one) == [mailer]
    assert = grants(mailer, one) == ["read_write"]
    assert = grants(one, db) == ["read_write"]
    assert = in(prod, length(holders(db))) == 1
}
test origins {
    assert = origin(mailer.scale) == { kind: "default", path: "std.worker.scale", text: "1" }
    assert = in(prod, origin(mailer.scale).kind) == "each"
    assert = in(prod, origin(mailer.scale)).path == "env prod"
    assert = origin(token.value).kind == "declared"
}
test failures {
    assert = fails(copies(11), "E0511")
    assert = fails(in(prod, copies(0)), "E0511")
    assert = [for n in 0..11: fails(copies(n), "E0511")] == [true, false, false, false, false, false, false, false, false, false, false, true]
    assert = fails(mailer.scal, "E0208")
}
"#
        .replace("kind: ", "kind = ")
        .replace("path: ", "path = ")
        .replace("text: ", "text = ")
    );
    let db = database(project(&text));
    let found = db.diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
    let outcomes = db.tests(None).unwrap();
    let told: Vec<(String, usize, usize)> = outcomes
        .into_iter()
        .map(|o| (o.name, o.asserts, o.failures.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("of_a_kind".to_owned(), 5, 0),
            ("origins".to_owned(), 4, 0),
            ("failures".to_owned(), 4, 0),
        ]
    );
}

#[test]
fn a_test_that_fails_tells_why() {
    let text = format!(
        "{}{}",
        app(),
        r#"
let wrong = [1, 2][3]
test sides { assert = mailer.scale.max == 3 }
test not_failing { assert = fails(copies(3), "E0511") }
test another_failure { assert = fails(copies(30), "E0301"), assert = fails(1 + "a", "E0511") }
test no_code { assert = fails(copies(3), "E0599") }
test nothing {}
test misspelt { asert = true }
policy p(w: worker) { require = fails(w.scale, "E0511") }
"#
    );
    let db = database(project(&text));
    insta::assert_snapshot!("tests-written-wrong", render(&db, &db.diagnostics()));
    let keep = |l: &&str| {
        !["test no_code", "test nothing", "test miss", "policy p"]
            .iter()
            .any(|w| l.starts_with(w))
    };
    let text: String = text
        .lines()
        .filter(keep)
        .map(|l| format!("{l}\n"))
        .collect();
    let text = text + "test cannot_be_told { assert = wrong == 1 }\n";
    let db = database(project(&text));
    insta::assert_snapshot!("tests-that-fail", render(&db, &db.diagnostics()));
}

#[test]
fn tests_run_in_the_environment_that_is_asked_for() {
    let text = format!("{}test two {{ assert = mailer.scale.min == 2 }}\n", app());
    let db = database(project(&text));
    let failures = |env| -> usize {
        let outcomes = db.tests(env).unwrap();
        outcomes.iter().map(|o| o.failures.len()).sum()
    };
    assert_eq!(
        (
            failures(None),
            failures(Some("prod")),
            failures(Some("dev"))
        ),
        (1, 0, 1)
    );
    let error = db.tests(Some("prdo")).unwrap_err();
    assert_eq!(error.code, "E0211");
}

#[test]
fn policies_tell_of_how_many_things_they_were_asked() {
    let text = format!(
        "{}{}",
        app(),
        r#"
policy few(w: worker) { when = w.name != "mailer", require = w.scale.max < 2, message = "`${w.name}`" }
policy linked(l: link) { require = l.grant != "nothing" }
policy named(d: declaration) { require = d.kind != "", severity = "warning" }
policy of_env(e: environment) { require = e.name == "dev" }
waive few for one.inner { reason = "it is known" }
waive of_env for prod { reason = "it is known" }
"#
    );
    let db = database(project(&text));
    let told = |env| -> Vec<String> {
        let runs = db.policies(env).unwrap();
        runs.into_iter()
            .map(|r| format!("{} {} {} {}", r.name, r.asked, r.waived, r.broken))
            .collect()
    };
    assert_eq!(
        told("dev"),
        ["few 2 0 0", "linked 4 0 0", "named 7 0 0", "of_env 1 0 0"]
    );
    assert_eq!(
        told("prod"),
        ["few 2 1 1", "linked 4 0 0", "named 7 0 0", "of_env 1 1 0"]
    );
}
