//! What people read: the way that a label took, where a requirement is not met, what `unique` takes
//! for the same.

use crate::common::{database, project, render};

fn told(text: &str) -> String {
    let db = database(project(text));
    render(&db, &db.diagnostics())
}

#[test]
fn errors_of_labels_show_the_way_that_the_label_took() {
    insta::assert_snapshot!(told(
        r#"app shop
secret token
postgres db {}
let auth = "Bearer ${token}"
let both = ["x", auth]
let said: secret String = token
fn shout(text: secret String): secret String = "${text}!"
kind box {
    key: secret String
    worker inner { run = image("x:1"), labels = { key = key } }
}
worker w { run = image("x:1", args: both) }
worker v { run = image("x:1", args: ["--db", "${db.host}:1"]) }
worker u { run = image("x:1"), labels = { a = said, b = shout(auth) } }
let n = if auth == "x" then 1 else 2
env dev { target = local {} }
"#
    ));
}

#[test]
fn no_message_holds_a_secret() {
    insta::assert_snapshot!(told(
        r#"app shop
secret token
postgres db {}
kind box {
    n: Int
    require n > 1 else "not ${token.value}, ${[db.password]}; but ${db} and ${token}"
    require n > 2 else token.value
    redis store {}
}
policy p(w: worker) { require = false, message = "${w.name} has ${token.value}" }
policy q(w: worker) { require = false, message = json({ a = db.url }) }
env dev { target = local {} }
"#
    ));
}

#[test]
fn a_requirement_is_told_at_the_input_that_does_not_meet_it() {
    insta::assert_snapshot!(told(
        r#"app shop
kind pair {
    a: Int = 1
    b: Int = 1
    require a + b < 5 else "${a} and ${b} are too many"
    redis store {}
}
kind outer {
    n: Int
    pair inner { b = n }
}
pair one { b = 7 }
outer two { n = 8 }
pair three {}
env dev { target = local {}, set = { three.a = 9 } }
service api {
    run   = image("ghcr.io/acme/api:1.0.0")
    env   = { "MAIL-FROM" = "a", "1ST" = "b", FINE = "c" }
    alive = tcp(port: "metrics")
}
"#
    ));
}

/// It compares values, not how they are shown: that is cut where it is long, and keeps the unit in
/// which an amount was written.
#[test]
fn unique_tells_apart_what_differs_and_nothing_else() {
    let long = "x".repeat(200);
    let text = format!(
        "app a\n\
         env dev {{ target = local {{}} }}\n\
         let texts = length(unique([\"{long}a\", \"{long}b\", \"{long}a\"])) // 2\n\
         let amounts = length(unique([1GiB, 1024MiB, 2GiB])) // 2\n\
         let lists = length(unique([[\"a\", \"b\"], [\"a, b\"], [\"a\", \"b\"]])) // 2\n\
         let numbers = length(unique([1, 1.0, 1.5])) // 2\n"
    );
    let db = database(project(&text));
    for name in ["texts", "amounts", "lists", "numbers"] {
        let (_, value) = db.reveal("main.plat", name).unwrap();
        assert_eq!(value, "2", "{name}");
    }
}

/// Where a Map is wanted, what `with` changes is one, whatever it was written as.
#[test]
fn with_adds_keys_where_a_map_is_wanted() {
    let text = r#"app shop
let base = { A = "1" }
let a: Map<String>? = { A = "1" } with { B = "2" }
let b: Map<String> = base with { B = "2" }
worker w { run = image("x:1"), labels = base with { TEAM = "x" } }
let c = base with { B = "2" }
env dev { target = local {} }
"#;
    let db = database(project(text));
    let found = db.diagnostics();
    let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["E0207"], "{}", render(&db, &found));
    for name in ["a", "b"] {
        let (_, value) = db.reveal("main.plat", name).unwrap();
        assert_eq!(value, r#"{ A = "1", B = "2" }"#, "{name}");
    }
}

#[test]
fn who_asks_for_what_a_kind_is_made_of_is_told_how_it_becomes_known() {
    insta::assert_snapshot!(told(
        r#"app shop
kind web_app {
    run: Run
    service server { run = run }
    out url = server.url
}
web_app shop { run = image("x:1") }
worker caller { run = image("x:1"), env = { SHOP_URL = shop.server.url } }
env dev { target = local {} }
"#
    ));
}
