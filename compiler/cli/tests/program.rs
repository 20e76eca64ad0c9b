//! `platc check`, `graph` and `why`: what people and programs are told of an app.

mod common;

use std::io::Read as _;
use std::process::Stdio;

use common::{MANIFEST, Place};
use insta::assert_snapshot;

const SHOP: &str = r#"app shop

/// Orders.
postgres db { storage = 1GiB }

service api {
    run   = process(["python3", "api.py"], dir: "./api")
    scale = 2
    env   = {
        DATABASE_URL = db.url
        LOG_LEVEL    = "info"
    }
}

site front { files = "./site" }

route public {
    host  = "shop.localhost"
    paths = { "/" = front, "/api" = api }
}

env dev { target = local {} }
env big { extends = dev, set = { api.scale = 3, api.env.LOG_LEVEL = "debug" } }
"#;

fn shop() -> Place {
    let place = Place::app(SHOP);
    place.write("api/api.py", b"");
    place.write("site/index.html", b"");
    place
}

#[test]
fn a_sound_program_is_checked_in_every_environment() {
    let ran = shop().run(&["check"]).ok();
    assert_eq!(ran.out, "");
    assert_snapshot!(ran.err);
    let json: serde_json::Value =
        serde_json::from_str(&shop().run(&["check", "--json"]).ok().out).unwrap();
    assert_eq!(json["errors"], 0);
    let dev = &json["environments"][0];
    assert_eq!(
        (&dev["name"], &dev["target"], &dev["place"]["file"]),
        (&"dev".into(), &"local".into(), &"app.plat".into()),
        "{json:#}"
    );
}

#[test]
fn mistakes_are_shown_with_their_source() {
    let place = shop();
    let program = SHOP
        .replace("scale = 2", "scal = 2")
        .replace("db.url", "bd.url");
    place.write("app.plat", program.as_bytes());
    let ran = place.run(&["check"]).fails();
    assert_eq!(ran.out, "");
    assert_snapshot!(ran.err);

    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["check", "--json"]).fails().out).unwrap();
    assert_eq!(json["errors"], 2);
    let first = &json["diagnostics"][0]["primary"];
    assert_eq!(
        (&first["file"], &first["start"]["line"]),
        (&"app.plat".into(), &8.into()),
        "{json:#}"
    );

    // What needs the program tells the same.
    for command in [
        &["graph"][..],
        &["why", "dev", "api.scale"],
        &["plan"],
        &["up", "--yes"],
    ] {
        let ran = place.run(command).fails();
        assert!(ran.err.contains("2 errors"), "{command:?}: {}", ran.err);
    }
}

/// What is defined under another name is missed wherever it is used: in several files, above and
/// below. A file's part has a head of its own, with its own place.
#[test]
fn a_definition_that_many_miss_is_one_mistake_with_its_places() {
    let workers: String = (0..6)
        .map(|i| {
            format!(
                "worker w{i} {{\n    run = image(\"x:1\")\n    env = {{ DATABASE_URL = db.url }}\n}}\n"
            )
        })
        .collect();
    let main = "app shop\n\nenv dev { target = local {} }\n\n// Größe\npostgres dbx {}\n";
    let place = Place::with(&[
        ("plat.toml", MANIFEST),
        ("app.plat", format!("app shop\n{workers}").as_str()),
        ("data.plat", main),
    ]);
    let ran = place.run(&["check"]).fails();
    assert_snapshot!(ran.err);
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["check", "--json"]).fails().out).unwrap();
    let diagnostic = &json["diagnostics"][0];
    assert_eq!(json["errors"], 1);
    assert_eq!(
        diagnostic["also"].as_array().map(Vec::len),
        Some(5),
        "{json:#}"
    );
    assert_eq!(diagnostic["also"][4]["start"]["line"], 24, "{json:#}");
    assert_eq!(diagnostic["fix"]["edits"].as_array().map(Vec::len), Some(6));
}

/// A line that matters, above the one that is wrong: both under one head, which is the wrong one's.
#[test]
fn related_lines_of_the_same_file_stand_in_its_order() {
    let program = "app shop\n\nenv dev { target = local {} }\nlet size = \"64MiB\"\n\n\nredis cache { memory = size }\n";
    let ran = Place::app(program).run(&["check"]).fails();
    assert_snapshot!(ran.err);
}

/// Nearly every other command takes an environment: whoever says one here is told why it is none.
#[test]
fn an_environment_is_no_directory_to_check() {
    for said in ["dev", "preview[5]"] {
        let program = format!("{SHOP}\nenv preview[pr: Int] {{ target = local {{}} }}\n");
        let ran = Place::app(&program).run(&["check", said]).fails();
        let why = format!("`{said}` is an environment");
        assert!(ran.err.contains(&why), "{}", ran.err);
        assert!(ran.err.contains("platc check"), "{}", ran.err);
    }
    let ran = shop().run(&["check", "nowhere"]).fails();
    assert!(
        ran.err.contains("there is no directory nowhere"),
        "{}",
        ran.err
    );
}

#[test]
fn of_many_environments_the_first_are_named() {
    let mut program = String::from("app shop\n");
    for i in 0..40 {
        program.push_str(&format!("env e{i} {{ target = local {{}} }}\n"));
    }
    let ran = Place::app(&program).run(&["check"]).ok();
    assert!(
        ran.err.contains("40 environments checked (e0, e1, "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("e11 and 28 more)"), "{}", ran.err);
}

#[test]
fn of_many_mistakes_twenty_are_shown_and_the_rest_counted() {
    let mut program = String::from("app shop\nenv dev { target = local {} }\n");
    for i in 0..50 {
        program.push_str(&format!("bucket b{i} {{ nothing{i} = {i} }}\n"));
    }
    let ran = Place::app(&program).run(&["check"]).fails();
    assert_eq!(ran.err.matches("Error:").count(), 20, "{}", ran.err);
    assert!(ran.err.contains("and 30 errors more"), "{}", ran.err);
    assert!(ran.err.contains("50 errors"), "{}", ran.err);
}

#[test]
fn places_without_an_app_are_told_what_to_do() {
    let mut all = String::new();
    let mut add = |what: &str, place: &Place, arguments: &[&str]| {
        let ran = place.run(arguments).fails();
        all.push_str(&format!("## {what}\n{}\n", ran.snapshot()));
    };
    add("an empty directory", &Place::new(), &["check"]);
    add(
        "no such directory",
        &Place::new(),
        &["-C", "nowhere", "check"],
    );
    add(
        "no program",
        &Place::with(&[("plat.toml", MANIFEST)]),
        &["graph"],
    );
    add("no environment", &Place::app("app shop\n"), &["graph"]);
    add(
        "a manifest that is no TOML",
        &Place::with(&[("plat.toml", "[package\n")]),
        &["check"],
    );
    add(
        "no environment said, and several that it could be",
        &shop(),
        &["graph"],
    );
    add("an unknown environment", &shop(), &["graph", "bgi"]);
    add(
        "an unknown declaration",
        &shop(),
        &["why", "dev", "apy.scale"],
    );
    add("an unknown field", &shop(), &["why", "dev", "api.sclae"]);
    assert_snapshot!(all);
}

#[test]
fn files_that_are_no_programs_are_told_by_name() {
    let place = shop();
    place.write("sub/latin.plat", b"// caf\xe9\n");
    let ran = place.run(&["check"]).fails();
    assert!(
        ran.err.contains("E0101") && ran.err.contains("sub/latin.plat"),
        "{}",
        ran.err
    );
    std::fs::remove_file(place.path().join("sub/latin.plat")).unwrap();

    std::os::unix::fs::symlink("/etc/passwd", place.path().join("link.plat")).unwrap();
    let ran = place.run(&["check"]).fails();
    assert!(ran.err.contains("outside of the package"), "{}", ran.err);
    std::fs::remove_file(place.path().join("link.plat")).unwrap();

    std::os::unix::fs::symlink("nowhere.plat", place.path().join("link.plat")).unwrap();
    let ran = place.run(&["check"]).fails();
    assert!(ran.err.contains("link.plat"), "{}", ran.err);
}

#[test]
fn large_and_deep_programs_are_checked_or_refused_and_never_crash() {
    let mut large = String::from("app shop\nenv dev { target = local {} }\n");
    while large.len() < 10_000_000 {
        large.push_str(
            "// a comment line of an ordinary length that says nothing of use to anybody\n",
        );
    }
    Place::app(&large).run(&["check"]).ok();

    for deep in [
        format!(
            "app shop\nlet x = {}1{}\n",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        format!("app shop\nlet x = {}\n", "{ a = ".repeat(10_000)),
        format!("app shop\nlet x = {}1\n", "-".repeat(10_000)),
        format!("app shop\nlet x = {}1\n", "not ".repeat(10_000)),
        format!("app shop\nlet x = 1{}\n", " + 1".repeat(10_000)),
        format!("app shop\n{}", "if true {\n".repeat(10_000)),
    ] {
        let ran = Place::app(&deep).run(&["check"]);
        assert!(
            matches!(ran.code, Some(0 | 1)),
            "{:?} {}",
            ran.code,
            ran.err
        );
        assert!(!ran.err.contains("has a bug"), "{}", ran.err);
        assert!(ran.err.len() < 100_000, "{} bytes", ran.err.len());
    }
}

#[test]
fn the_graph_is_for_people_for_graphviz_and_for_programs() {
    let place = shop();
    assert_snapshot!(place.run(&["graph", "dev"]).ok().out);
    assert_snapshot!(place.run(&["graph", "big", "--dot"]).ok().out);
    let json: plat_model::Graph =
        serde_json::from_str(&place.run(&["graph", "dev", "--json"]).ok().out).unwrap();
    assert_eq!(
        (json.app.as_str(), json.environment.name.as_str()),
        ("shop", "dev")
    );

    if common::has("dot") {
        let text = place.run(&["graph", "dev", "--dot"]).ok().out;
        place.write("shop.dot", text.as_bytes());
        let drawn = std::process::Command::new("dot")
            .args(["-Tsvg", "-o", "/dev/null", "shop.dot"])
            .current_dir(place.path())
            .status()
            .unwrap();
        assert!(drawn.success());
    }
}

#[test]
fn why_tells_who_set_a_value_and_whom_that_overrode() {
    let place = shop();
    let mut all = String::new();
    for arguments in [
        &["why", "big", "api.scale"][..],
        &["why", "dev", "api.scale"],
        &["why", "dev", "api.env.LOG_LEVEL"],
        &["why", "big", "api.env.DATABASE_URL"],
        &["why", "dev", "public.paths[\"/api\"]"],
        &["why", "dev", "target.port"],
        &["why", "dev", "db"],
    ] {
        let ran = place.run(arguments).ok();
        all.push_str(&format!("$ platc {}\n{}\n", arguments.join(" "), ran.out));
    }
    assert_snapshot!(all);
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["why", "big", "api.scale", "--json"]).ok().out).unwrap();
    assert_eq!(json["chain"][0]["place"]["file"], "app.plat");
}

#[test]
fn nobody_reads_is_no_failure() {
    let place = shop();
    for arguments in [
        &["graph", "dev", "--json"][..],
        &["--help"],
        &["completions", "bash"],
    ] {
        let mut child = place
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Before it has written anything.
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(
            child.wait().unwrap().code(),
            Some(0),
            "{arguments:?}: {said}"
        );
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[test]
fn a_new_app_is_sound_and_formatted() {
    let place = Place::new();
    place.run(&["new", "my-shop"]).ok();
    place.run(&["-C", "my-shop", "check"]).ok();
    place.run(&["-C", "my-shop", "fmt", "--check"]).ok();
}

#[test]
fn a_target_that_is_not_built_yet_is_said_so_before_anything_is_done() {
    let place = shop();
    let program = SHOP.replace(
        "target = local {}",
        "target = aws { region = \"eu-central-1\" }",
    );
    place.write("app.plat", program.as_bytes());
    let ran = place.run(&["plan", "dev"]).fails();
    assert!(
        ran.err.contains("`aws { … }` is not built yet"),
        "{}",
        ran.err
    );
}

#[test]
fn nobody_to_ask_is_an_error_that_says_so() {
    let place =
        Place::app("app shop\nsite front { files = \"./site\" }\nenv dev { target = local {} }\n");
    place.write("site/index.html", b"");
    let ran = place.run(&["up"]).fails();
    assert!(
        ran.err.contains("nobody approved this plan") && ran.err.contains("--yes"),
        "{}",
        ran.err
    );
}

#[test]
fn a_check_for_tools_is_sarif() {
    let place = shop();
    place.write("app.plat", SHOP.replace("scale = 2", "scal = 2").as_bytes());
    let sarif: serde_json::Value =
        serde_json::from_str(&place.run(&["check", "--sarif"]).fails().out).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&sarif).unwrap());
    place.write("app.plat", SHOP.as_bytes());
    let sarif: serde_json::Value =
        serde_json::from_str(&place.run(&["check", "--sarif"]).ok().out).unwrap();
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn why_writes_values_as_people_do_and_tells_what_a_declaration_gives() {
    let place = shop();
    let mut all = String::new();
    for path in [
        "api.scale",
        "api",
        "db",
        "db.url",
        "db.port",
        "api.run",
        "public.paths",
    ] {
        let ran = place.run(&["why", "dev", path]).ok();
        all.push_str(&format!("$ platc why dev {path}\n{}\n", ran.out));
    }
    assert_snapshot!(all);
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["why", "dev", "db.url", "--json"]).ok().out).unwrap();
    assert_eq!(json["out"]["type"], "secret later String");
    assert_eq!(json["read_by"], serde_json::json!(["api.env.DATABASE_URL"]));
}

/// A character that can't be seen is told by its number, and does nothing to the terminal.
#[test]
fn what_cannot_be_seen_is_shown_as_an_escape() {
    let text = "app a\nredis cache {}\nenv dev { target = local {} }\npolicy p(r: redis) { require = r.keep, message = \"a\\u{0}b\\u{1b}[2J\" }\n";
    let ran = Place::app(text).run(&["check"]).fails();
    assert!(ran.err.contains(r"a\u{0}b\u{1b}[2J"), "{}", ran.err);
}
