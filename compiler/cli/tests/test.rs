//! `platc test`, as people and builds use it.

mod common;

use common::Place;
use insta::assert_snapshot;

const SHOP: &str = r#"app shop

redis cache {}

service api {
    run   = process(["python3", "api.py"], dir: "./api")
    scale = 2
    env   = { CACHE = cache.url }
}

env dev { target = local {} }
env big { extends = dev, set = { api.scale = 3 } }

/// More where more is going on.
test big_is_bigger {
    assert = in(big, api.scale.max) > in(dev, api.scale.max)
    assert = holders(cache) == [api]
}

test two_copies { assert = api.scale.max == 2 }

policy few(s: service) {
    require = s.scale.max < 4
    message = "`${s.name}` has ${s.scale.max} copies"
}

policy caches_keep(c: redis) {
    require  = c.keep
    message  = "`${c.name}` <forgets>"
    severity = "warning"
}
"#;

fn shop(text: &str) -> Place {
    let place = Place::app(text);
    place.write("api/api.py", b"");
    place
}

#[test]
fn what_holds_is_told_in_a_few_lines() {
    assert_snapshot!(shop(SHOP).run(&["test"]).ok().snapshot());
    assert_snapshot!(shop(SHOP).run(&["test", "two_copies"]).ok().snapshot());
    assert_snapshot!(
        shop("app a\nenv dev { target = local {} }\n")
            .run(&["test"])
            .ok()
            .snapshot()
    );
}

#[test]
fn what_fails_is_told_with_its_values_and_in_a_report() {
    let place = shop(&SHOP.replace("s.scale.max < 4", "s.scale.max < 3"));
    let ran = place
        .run(&["test", "--env", "big", "--junit", "out.xml"])
        .fails();
    assert_snapshot!(ran.snapshot());
    assert_snapshot!(place.read("out.xml"));
}

#[test]
fn what_cannot_be_run_is_told() {
    let place = shop(SHOP);
    assert_snapshot!(place.run(&["test", "big_is_biger"]).fails().snapshot());
    assert_snapshot!(place.run(&["test", "--env", "bgi"]).fails().snapshot());
    assert_snapshot!(
        place
            .run(&["test", "--junit", "no/such/dir.xml"])
            .fails()
            .snapshot()
    );
}

/// A program that can't be tested is told from one whose tests fail.
#[test]
fn errors_of_the_program_are_no_failing_tests() {
    let place = shop(&SHOP.replace("scale = 2", "scal = 2"));
    let ran = place.run(&["test"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("E0207"), "{}", ran.err);
    let place = shop(&SHOP.replace("app shop", "app shop ) ("));
    assert_eq!(place.run(&["test"]).code, Some(2));
    // What goes wrong in an assertion is the test's own.
    let wrong = SHOP.replace("api.scale.max == 2 ", "two[api.scale.max] == 2 ");
    let ran = shop(&format!("{wrong}let two = [1, 2]\n"))
        .run(&["test", "two_copies"])
        .fails();
    assert_snapshot!(ran.snapshot());
}

#[test]
fn both_sides_of_a_comparison_are_told_whole() {
    let long = "x".repeat(200);
    let text = format!(
        "app a\nenv dev {{ target = local {{}} }}\ntest t {{ assert = \"{long}a\" == \"{long}b\" }}\n"
    );
    let ran = Place::app(&text).run(&["test"]).fails();
    for side in ["a", "b"] {
        assert!(ran.err.contains(&format!("{long}{side}")), "{}", ran.err);
    }
}

#[test]
fn programs_read_the_results_as_json() {
    let place = shop(&SHOP.replace("s.scale.max < 4", "s.scale.max < 3"));
    let ran = place.run(&["test", "--json"]).fails();
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["passed"], false);
    let tests: Vec<(&str, bool)> = json["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (t["name"].as_str().unwrap(), t["passed"].as_bool().unwrap()))
        .collect();
    assert_eq!(tests, [("big_is_bigger", true), ("two_copies", true)]);
    let few = &json["policies"][2];
    assert_eq!(
        (&few["name"], &few["environment"], &few["broken"]),
        (&"few".into(), &"big".into(), &1.into()),
        "{json:#}"
    );
    assert_eq!(
        few["failures"][0]["primary"]["start"]["line"], 12,
        "{few:#}"
    );
}

/// A package of types and functions has no environment, and tests all the same; those of the
/// packages beside it that it builds on are run with its own.
#[test]
fn a_library_is_tested_without_an_environment() {
    let manifest = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2026\"\n{more}")
    };
    let place = Place::with(&[
        ("lib/plat.toml", &manifest("lib", "")),
        (
            "lib/lib.plat",
            "pub type Copies = Int where 1..10\npub fn twice(n: Int): Int = n * 2\nlet four = twice(2)\ntest doubled { assert = four == 4 }\ntest wrong { assert = twice(four) == 9 }\n",
        ),
        (
            "app/plat.toml",
            &manifest("app", "[dependencies]\nlib = { path = \"../lib\" }\n"),
        ),
        (
            "app/app.plat",
            "app a\nuse lib.twice\nenv dev { target = local {} }\ntest of_the_app { assert = twice(1) == 2 }\n",
        ),
    ]);
    assert_snapshot!(place.run(&["-C", "lib", "test"]).fails().snapshot());
    let ran = place
        .run(&["-C", "app", "test", "of_the_app", "lib.doubled"])
        .ok();
    assert_snapshot!(ran.snapshot());
    assert!(
        place
            .run(&["-C", "app", "test"])
            .fails()
            .err
            .contains("twice(four) == 9")
    );
}

#[test]
fn a_waiver_that_has_ended_stops_a_check_and_a_plan() {
    let waiver = "waive caches_keep for cache { reason = \"a test\", until = \"2001-01-31\" }\n";
    let place = shop(&format!("{SHOP}{waiver}"));
    assert_snapshot!(place.run(&["check"]).fails().snapshot());
    for command in [
        &["plan", "dev"][..],
        &["apply", "dev", "--yes"],
        &["up", "dev", "--yes"],
        &["test"],
    ] {
        let ran = place.run(command).fails();
        assert!(ran.err.contains("E0706"), "{command:?}\n{}", ran.err);
    }
    place.run(&["graph", "dev"]).ok();
    // Its last day is the last on which it holds.
    let place = shop(&format!("{SHOP}{}", waiver.replace("2001", "2999")));
    place.run(&["check"]).ok();
    place.run(&["check", "--today", "2999-01-31"]).ok();
    let ran = place.run(&["check", "--today", "2999-02-01"]).fails();
    assert!(ran.err.contains("E0706"), "{}", ran.err);
    let ran = place.run(&["check", "--today", "tomorrow"]).fails();
    assert!(ran.err.contains("2026-12-31"), "{}", ran.err);
}

#[test]
fn warnings_are_shown_before_anything_is_done() {
    let waiver = "waive few for api { reason = \"a test\", until = \"2001-01-31\" }\n";
    let place = shop(&format!("{SHOP}{waiver}"));
    for (arguments, told) in [
        (&["plan", "dev"][..], true),
        (&["plan", "dev", "-q"], false),
    ] {
        let ran = place.run(arguments).fails();
        assert!(ran.err.contains("E0706"), "{}", ran.err);
        assert_eq!(ran.err.contains("`cache` <forgets>"), told, "{}", ran.err);
    }
}
