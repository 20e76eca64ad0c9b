//! `platc fmt`.

mod common;

use common::{MANIFEST, Place};
use insta::assert_snapshot;

const UGLY: &str = "app   shop\nenv dev{target=local{}}\n";
const PRETTY: &str = "app shop\nenv dev { target = local {} }\n";

#[test]
fn files_are_formatted_in_place_and_once() {
    let place = Place::with(&[
        ("plat.toml", MANIFEST),
        ("a.plat", UGLY),
        ("sub/b.plat", PRETTY),
        (".hidden/c.plat", UGLY),
    ]);
    let first = place.run(&["fmt"]).ok();
    assert_eq!(place.read("a.plat"), PRETTY);
    assert_eq!(place.read(".hidden/c.plat"), UGLY);
    assert_eq!(
        (first.out.as_str(), first.err.as_str()),
        ("", "formatted a.plat\n")
    );
    let second = place.run(&["fmt"]).ok();
    assert_eq!(second.err, "2 files are already formatted\n");
    // From elsewhere, and one file by its name.
    place.write("a.plat", UGLY.as_bytes());
    place.run(&["-C", "sub", "fmt", "b.plat"]).ok();
    assert_eq!(place.read("a.plat"), UGLY);
    place.run(&["fmt", "-C", "sub", "--quiet"]).ok();
    assert_eq!(place.read("a.plat"), PRETTY);
}

#[test]
fn check_names_files_and_writes_none() {
    let place = Place::app(UGLY);
    let ran = place.run(&["fmt", "--check"]).fails();
    assert_snapshot!(ran.snapshot(), @r"
    exit code 1
    --- stdout
    app.plat
    --- stderr
    error: 1 file is not formatted
      → platc fmt
    ");
    assert_eq!(place.read("app.plat"), UGLY);
    place.run(&["fmt"]).ok();
    place.run(&["fmt", "--check"]).ok();
}

#[test]
fn stdin_goes_to_stdout() {
    let place = Place::new();
    let ran = place
        .run_with_input(&["fmt", "--stdin"], UGLY.as_bytes())
        .ok();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), (PRETTY, ""));
    assert_eq!(place.run_with_input(&["fmt", "--stdin"], b"").ok().out, "");
    place
        .run_with_input(&["fmt", "--stdin", "--check"], UGLY.as_bytes())
        .fails();
    place
        .run_with_input(&["fmt", "--stdin", "--check"], PRETTY.as_bytes())
        .ok();
    let broken = place
        .run_with_input(&["fmt", "--stdin"], b"service {")
        .fails();
    assert_eq!(broken.out, "");
    let bytes = place
        .run_with_input(&["fmt", "--stdin"], b"app caf\xe9\n")
        .fails();
    assert!(bytes.err.contains("E0101"), "{}", bytes.err);
}

#[test]
fn a_file_with_errors_is_left_alone_and_the_others_are_formatted() {
    let broken = "app shop\n\nservice api {\n    port = = 3\n}\n";
    let place = Place::with(&[
        ("plat.toml", MANIFEST),
        ("a.plat", broken),
        ("b.plat", UGLY),
    ]);
    let ran = place.run(&["fmt"]).fails();
    assert_snapshot!(ran.snapshot());
    assert_eq!(place.read("a.plat"), broken);
    assert_eq!(place.read("b.plat"), PRETTY);
}

#[test]
fn files_that_can_not_be_read_are_errors_with_their_names() {
    let place = Place::with(&[("plat.toml", MANIFEST)]);
    place.write("utf16.plat", b"\xff\xfea\0p\0p\0");
    place.write("latin.plat", b"app shop\n// caf\xe9\n");
    let ran = place.run(&["fmt"]).fails();
    assert_snapshot!(ran.snapshot());
    let missing = place.run(&["fmt", "nowhere.plat"]).fails();
    assert!(
        missing.err.contains("nowhere.plat: no such file"),
        "{}",
        missing.err
    );
    let ran = Place::new().run(&["fmt"]).fails();
    assert!(ran.err.contains("no plat.toml"), "{}", ran.err);
}

#[test]
fn rights_and_links_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::with(&[("plat.toml", MANIFEST), ("real/a.plat", UGLY)]);
    let file = place.path().join("real/a.plat");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/a.plat", place.path().join("link.plat")).unwrap();
    place.run(&["fmt", "link.plat"]).ok();
    assert!(place.path().join("link.plat").is_symlink());
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(place.read("real/a.plat"), PRETTY);
    // Nothing of ours is left beside it.
    assert_eq!(
        std::fs::read_dir(place.path().join("real"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn large_and_deep_files_are_formatted_or_refused_and_never_crash() {
    let mut large = String::from("app shop\n");
    let mut n = 0;
    while large.len() < 2_000_000 {
        large.push_str(&format!(
            "\nservice s{n} {{\n    run   = image(\"x\")\n    scale = {n}\n}}\n"
        ));
        n += 1;
    }
    let place = Place::app(&large);
    place.run(&["fmt", "--check"]).ok();

    let deep = format!("let x = {}1{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let ran = place
        .run_with_input(&["fmt", "--stdin"], deep.as_bytes())
        .fails();
    assert!(ran.err.contains("[E01"), "{}", ran.err);
    assert!(
        ran.err.len() < 10_000,
        "a long line is not shown whole: {} bytes",
        ran.err.len()
    );
}
