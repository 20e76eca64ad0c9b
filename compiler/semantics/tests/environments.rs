//! Environments, renames, waivers and circles: what is told, and where.

use crate::common::{database, project, render};

/// What is said of a program, as people read it.
fn said(text: &str) -> String {
    let db = database(project(text));
    render(&db, &db.diagnostics())
}

/// The codes and lines of what is wrong.
fn codes(text: &str) -> Vec<String> {
    let db = database(project(text));
    let found = db.diagnostics();
    found
        .iter()
        .map(|d| {
            let text = db.source(&d.primary.file).unwrap();
            let line = text[..d.primary.range.start as usize].matches('\n').count() + 1;
            format!("{}:{line}", d.code)
        })
        .collect()
}

#[test]
fn a_circle_is_told_once() {
    let app = "app a\nenv dev { target = local {} }\n";
    for (text, code) in [
        (
            "let a = b\nlet b = c\nlet c = a\nlet outside = a",
            "E0314:3",
        ),
        ("let a: Int = b\nlet b: Int = a", "E0501:4"),
        (
            "type A = B\ntype B = C\ntype C = A\ntype Outside = A",
            "E0311:3",
        ),
        (
            "kind a { b x {} }\nkind b { c x {} }\nkind c { a x {} }\nkind d { a x {} }",
            "E0312:3",
        ),
        (
            "abstract kind a is b {}\nabstract kind b is a {}",
            "E0312:3",
        ),
        ("unit a: X = 2b\nunit b: X = 2c\nunit c: X = 3a", "E0214:3"),
        (
            "env a { extends = b }\nenv b { extends = c }\nenv c { extends = a }\nenv d { extends = a }",
            "E0605:3",
        ),
        (
            "fn f(n: Int): Int = g(n)\nfn g(n: Int): Int = h(n)\nfn h(n: Int): Int = f(n)",
            "E0505:5",
        ),
        ("let a = b + c\nlet b = a + c\nlet c = a + b", "E0314:3"),
    ] {
        assert_eq!(codes(&format!("{app}{text}\n")), [code], "{text}");
    }
}

#[test]
fn a_name_is_in_a_kind_once() {
    let text = "app a
kind k {
    size: Bytes = 1MiB
    let twice = 1
    let twice = 2
    redis store { memory = size }
    if size > 1MiB {
        redis store {}
    }
    let size = 3
}
env dev { target = local {} }
";
    insta::assert_snapshot!("twice-in-a-kind", said(text));
}

#[test]
fn what_an_environment_says_is_checked_where_it_stands() {
    let text = r#"app a { domain: String }
redis cache {}
postgres db {}
worker mailer { run = image("ghcr.io/acme/mailer:1.0.0"), env = { DB = db.url } }
let copies = 3
kind stack { redis inner {} }
stack one {}
env a {
    target = local {}
    set    = { domain = "a" }
    place  = { copies = local {}, cach = local {}, cache.memory = local {}, cache["x"] = local {} }
}
env b {
    target = local {}
    set    = { domain = "a" }
    place  = { db = existing(hots: "db", port: "5432", storage: 1GiB), one = existing(url: "x") }
}
env c { target = local {}, set = { domain = "a" }, omit = [copies, cahce, cache.memory] }
env preview[pr: Int where 1..999] { target = local {}, set = { domain = "pr-${pr}" } }
env d { extends = preview }
env e { extends = preview["x"] }
env f { extends = a[1] }
env g { extends = c, place = { cache = local {}, cache = local {} } }
env h { target = local {}, policies = [nobody, cache] }
"#;
    insta::assert_snapshot!("environments", said(text));
}

#[test]
fn what_is_not_in_an_environment_is_told_with_its_reason() {
    let text = r#"app a { domain: String, search: Bool = false }
redis cache {}
if search {
    redis index {}
}
env a { target = local {}, set = { domain = "a", cache.memory = 64MiB }, omit = [cache] }
env b { target = local {}, set = { index.memory = 64MiB, domain = "b" } }
env c { target = metal { hosts = ["h1", "h2"] }, set = { domain = "c" }, place = { cache = on("h3") } }
env d { target = local {}, set = { domain = "c" }, place = { cache = on("h3"), index = local {} } }
env e { target = local {} }
"#;
    insta::assert_snapshot!("not-there", said(text));
}

#[test]
fn what_is_taken_over_may_speak_of_what_is_not_there() {
    let text = r#"app a { search: Bool = false }
redis cache {}
if search {
    redis index {}
}
env wide {
    target = local {}
    set    = { search = true, index.memory = 64MiB, cache.memory = 128MiB }
    place  = { index = local {} }
}
env narrow { extends = wide, set = { search = false }, omit = [cache] }
"#;
    assert_eq!(codes(text), Vec::<String>::new());
    let graph = database(project(text)).graph("narrow").unwrap();
    assert!(graph.nodes.is_empty());
}

#[test]
fn a_member_of_a_family_is_extended_with_its_keys() {
    let text = r#"app a
redis cache {}
env preview[pr: Int where 1..999, size: Bytes] {
    target = kubernetes { context = "previews", namespace = "shop-${pr}" }
    set    = { cache.memory = size }
}
env shown { extends = preview[214][64MiB] }
env other[n: Int] { extends = preview[n + 1][n * 1MiB] }
"#;
    assert_eq!(codes(text), Vec::<String>::new());
    let db = database(project(text));
    let graph = db.graph("shown").unwrap();
    assert_eq!(graph.environment.extends, ["preview[214, 64MiB]"]);
    let cache = &graph.nodes[&plat_model::NodePath::from("cache")];
    assert_eq!(cache.fields["memory"].to_string(), "64MiB");
    let namespace = &graph.targets[&plat_model::TargetId::main()].fields["namespace"];
    assert_eq!(namespace.to_string(), "\"shop-214\"");
    let graph = db.graph("other[4]").unwrap();
    assert_eq!(graph.environment.extends[0], "preview[5, 4MiB]");
    // The key has a condition, which holds here too.
    let wrong = text.replace("preview[214]", "preview[0]");
    assert_eq!(codes(&wrong), ["E0511:7"]);
}

#[test]
fn a_family_and_what_a_kind_is_made_of_are_placed_and_left_out_as_a_whole() {
    let text = r#"app a
kind stack {
    redis inner {}
    for n in ["x", "y"] { redis many[n] {} }
}
stack one {}
for n in ["a", "b"] { redis q[n] {} }
env dev {
    target = local {}
    place  = { one = local { port = 1234 }, one.many["y"] = local { port = 99 }, q = local { port = 77 } }
}
env less { target = local {}, omit = [q, one.many] }
env one_less { target = local {}, omit = [q["a"], one] }
"#;
    assert_eq!(codes(text), Vec::<String>::new());
    let db = database(project(text));
    let ports = |env: &str| -> Vec<String> {
        let graph = db.graph(env).unwrap();
        let port = |node: &plat_model::Node| graph.targets[&node.target].fields["port"].to_string();
        let nodes = graph.nodes.iter();
        nodes
            .map(|(path, node)| format!("{path} {}", port(node)))
            .collect()
    };
    assert_eq!(
        ports("dev"),
        [
            "one.inner 1234",
            "one.many[x] 1234",
            "one.many[y] 99",
            "q[a] 77",
            "q[b] 77"
        ]
    );
    assert_eq!(ports("less"), ["one.inner 8088"]);
    assert_eq!(ports("one_less"), ["q[b] 8088"]);
}

#[test]
fn renames_make_sense_together() {
    let text = "app a
redis a {}
redis b {}
redis c {}
for n in [\"x\"] { redis q[n] {} }
let d = 3
moved x to nowhere
moved a to b
moved y to c
moved z to c
moved y to b
moved q1 to q[\"x\"]
moved q2 to q[d]
moved r to s
moved s to r
moved t to t
moved u to b.memory
env dev { target = local {} }
";
    insta::assert_snapshot!("renames", said(text));
    let text = "app a
redis c {}
moved b to c
moved a to b
env dev { target = local {} }
";
    let graph = database(project(text)).graph("dev").unwrap();
    let moved: Vec<String> = graph
        .moved
        .iter()
        .map(|m| format!("{} {}", m.from, m.to))
        .collect();
    assert_eq!(moved, ["b c", "a c"]);
    // Both names at once, in one environment only.
    let text = "app a { old: Bool = false }
redis new {}
if old { redis was {} }
moved was to new
env dev { target = local {} }
env other { target = local {}, set = { old = true } }
";
    insta::assert_snapshot!("rename-still-there", said(text));
}

#[test]
fn a_waiver_says_of_what_why_and_until_when() {
    let text = r#"app a
redis cache {}
policy caches_keep(c: redis) { require = c.keep }
policy in_prod(e: environment) { require = environment.name == "prod" }
waive caches_keep for cahce { reason = "x" }
waive cache_keep for cache { reason = "x" }
waive caches_keep for cache { resaon = "x", until = "tomorrow" }
waive caches_keep for cache { until = "2026-1-1" }
waive caches_keep for cache { reason = " ", until = 3, reason = "x" }
waive in_prod for dve { reason = "x" }
waive in_prod for dev { reason = "x" }
env dev { target = local {} }
"#;
    insta::assert_snapshot!("waivers", said(text));
}

#[test]
fn a_waiver_ends() {
    let text = r#"app a
kind stack { redis inner {} }
stack one {}
policy caches_keep(c: redis) { require = c.keep }
waive caches_keep for one { reason = "made anew each night", until = "2026-12-31" }
env dev { target = local {} }
"#;
    assert_eq!(codes(text), Vec::<String>::new());
    let db = database(project(text));
    let on = |year, month, day| {
        let today = chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap();
        render(&db, &db.expired_waivers(today))
    };
    assert_eq!(on(2026, 12, 31), "");
    insta::assert_snapshot!("waiver-ended", on(2027, 1, 1));
}

#[test]
fn policies_of_another_package_hold_where_an_environment_names_them() {
    let text = r#"//- /main.plat
app shop
use acme.{caches_keep}
redis cache {}
env a { target = local {} }
env b { target = local {}, policies = [caches_keep] }
env c { target = local {}, policies = [acme] }
env d { extends = c }
env e { target = local {}, policies = [acme.strict.named_well] }
env f { target = local {}, policies = [acme.hidden] }
env g { target = local {}, policies = [acme.empty] }
//- package acme
//- /policies.plat
pub policy caches_keep(c: redis) { require = c.keep, message = "`${c.name}` forgets" }
policy hidden(c: redis) { require = false }
//- /strict/policies.plat
pub policy named_well(d: declaration) { require = d.name != "cache", message = "`${d.name}` is no name" }
//- /empty/nothing.plat
let nothing = 1
"#;
    let text_of = |without: &[&str]| -> String {
        let keep = |line: &&str| !without.iter().any(|w| line.starts_with(w));
        text.lines()
            .filter(keep)
            .map(|l| format!("{l}\n"))
            .collect()
    };
    insta::assert_snapshot!("policies-named-wrong", said(&text_of(&[])));
    insta::assert_snapshot!("policies-of-a-package", said(&text_of(&["env f", "env g"])));
}

/// Each names the other one as the owner of the same thing: one circle, and both are on it.
#[test]
fn environments_that_place_the_same_thing_in_each_other_are_a_circle_of_both() {
    let text = r#"app shop
postgres db {}
env a { target = local {}, place = { db = in(b, db) } }
env b { target = local {}, place = { db = in(a, db) } }
"#;
    let found = database(project(text)).diagnostics();
    let told: Vec<_> = found.iter().map(|d| (d.code, d.notes.clone())).collect();
    assert_eq!(told, [("E0614", vec!["`a` → `b` → `a`".to_owned()])]);
}

/// What is proposed makes no circle: the definition that misses the name is not meant.
#[test]
fn a_definition_is_not_proposed_for_a_name_that_it_misses() {
    let help = |text: &str| {
        let found = database(project(text)).diagnostics();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].help.clone()
    };
    let alone = "app shop\nlet count1 = count2\nenv dev { target = local {} }\n";
    assert_eq!(help(alone), None);
    let others = alone.replace("env", "let counted2 = 1\nenv");
    assert_eq!(help(&others), Some("did you mean `counted2`?".to_owned()));
}

/// A zero that a kind was given is shown where it was written.
#[test]
fn a_zero_is_shown_where_it_comes_from() {
    let text = r#"app shop
kind part {
    n: Int
    redis cache { memory = (64 / n) * 1MiB }
}
part a { n = 0 }
env dev { target = local {} }
"#;
    let found = database(project(text)).diagnostics();
    let error = found.iter().find(|d| d.code == "E0502").unwrap();
    let zero = u32::try_from(text.find("n = 0").unwrap()).unwrap() + 4;
    let shown = error.related.iter().any(|label| label.range.start == zero);
    assert!(shown, "{error:?}");
}
