//! Packages as the command line reads them.

mod common;

use common::{MANIFEST, Place};
use insta::assert_snapshot;

const PROGRAM: &str = "app shop\n\nlet limits: { rate: Int } = import_json(\"./limits.json\")\n\nservice api { run = process([\"api\"], dir: \"./app\"), env = { RATE = limits.rate } }\n\nenv dev { target = local {} }\n";

#[test]
fn files_are_read_as_values_and_their_mistakes_shown() {
    let place = Place::with(&[
        ("plat.toml", MANIFEST),
        ("app.plat", PROGRAM),
        ("limits.json", "{\n  \"rate\": 5\n}\n"),
    ]);
    // A directory with nothing in it is there all the same.
    std::fs::create_dir(place.path().join("app")).unwrap();
    place.run(&["check"]).ok();
    let graph = place.run(&["graph", "--json"]).ok();
    assert!(graph.out.contains("\"RATE\""), "{}", graph.out);
    place.write("limits.json", b"{\n  \"rate\": \"many\"\n}\n");
    assert_snapshot!(place.run(&["check"]).fails().snapshot());
    place.write("limits.json", b"\xff");
    assert_snapshot!(place.run(&["check"]).fails().snapshot());
}

#[test]
fn mistakes_in_manifests_are_shown_in_them() {
    let place = Place::with(&[
        (
            "plat.toml",
            "[package]\nname = \"shop\"\nversion = \"1.0\"\nedition = \"2026\"\n\n[dependencies]\nacme = { path = \"../acme\", rev = \"v1\" }\n",
        ),
        ("app.plat", "app shop\nenv dev { target = local {} }\n"),
    ]);
    assert_snapshot!(place.run(&["check"]).fails().snapshot());
}

#[test]
fn packages_in_a_circle_are_shown_where_it_closes() {
    let manifest = |name: &str, other: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2026\"\n\n[dependencies]\n{other} = {{ path = \"../{other}\" }}\n"
        )
    };
    let place = Place::with(&[
        ("shop/plat.toml", &manifest("shop", "acme")),
        ("shop/app.plat", "app shop\nenv dev { target = local {} }\n"),
        ("acme/plat.toml", &manifest("acme", "tools")),
        ("tools/plat.toml", &manifest("tools", "acme")),
    ]);
    assert_snapshot!(place.run(&["check", "-C", "shop"]).fails().snapshot());
}

#[test]
fn a_package_from_git_is_fetched_once_and_then_used_from_the_cache() {
    let place = Place::with(&[
        (
            "platform/plat.toml",
            "[package]\nname = \"acme\"\nversion = \"2.3.0\"\nedition = \"2026\"\n",
        ),
        (
            "platform/page.plat",
            "pub kind page {\n    site pages { files = \"./page\" }\n}\n",
        ),
        ("platform/page/index.html", "hello"),
        (
            "shop/app.plat",
            "app shop\nuse acme.{page}\npage help {}\nenv dev { target = local {} }\n",
        ),
    ]);
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .args(["-c", "user.name=plat", "-c", "user.email=plat@localhost"])
            .args(arguments)
            .current_dir(place.path().join("platform"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    git(&["tag", "v2.3.0"]);
    let manifest = format!(
        "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n\n[dependencies]\nacme = {{ git = \"file://{}\", rev = \"v2.3.0\" }}\n",
        place.path().join("platform").display()
    );
    place.write("shop/plat.toml", manifest.as_bytes());
    assert_snapshot!(place.run(&["-C", "shop", "check"]).fails().snapshot());
    assert_snapshot!(place.run(&["-C", "shop", "fetch"]).ok().snapshot());
    // From now on without the repository.
    std::fs::remove_dir_all(place.path().join("platform")).unwrap();
    place.run(&["-C", "shop", "check"]).ok();
    let graph = place.run(&["-C", "shop", "graph", "--json"]).ok();
    assert!(
        graph.out.contains("\".plat/packages/acme/page\""),
        "{}",
        graph.out
    );
    assert_eq!(
        place.read("shop/.plat/packages/acme/page/index.html"),
        "hello"
    );
    let again = place.run(&["-C", "shop", "fetch", "--locked"]).ok();
    assert_eq!(again.err, "1 package is here; plat.lock stays as it is\n");
    // What is not what the lock says is not used.
    place.write("shop/.plat/packages/acme/page/index.html", b"changed");
    let changed = place.run(&["-C", "shop", "check"]).fails();
    assert_snapshot!("fetched_and_changed", changed.snapshot());
    // Nor is anything fetched by who only looks.
    let cached = std::fs::canonicalize(place.path().join("shop/.plat/packages/acme")).unwrap();
    std::fs::remove_dir_all(cached).unwrap();
    let gone = place.run(&["-C", "shop", "check"]).fails();
    assert_snapshot!("fetched_and_gone", gone.snapshot());
}
