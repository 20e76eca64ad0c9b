//! `platc new`.

mod common;

use common::Place;
use insta::assert_snapshot;

#[test]
fn a_new_app_is_a_page_and_its_api() {
    if !common::has("python3") {
        assert!(std::env::var_os("CI").is_none(), "python3 is needed");
        return;
    }
    let place = Place::new();
    let ran = place.run(&["new", "my-shop"]).ok();
    assert_snapshot!(ran.snapshot());
    assert_snapshot!(place.read("my-shop/my_shop.plat"));
    assert_snapshot!(place.read("my-shop/plat.toml"));
    assert!(
        place
            .read("my-shop/site/index.html")
            .contains("<h1>my-shop</h1>")
    );
    assert!(place.read("my-shop/api/api.py").contains("SIGTERM"));
}

#[test]
fn without_python_it_is_a_page() {
    let place = Place::new();
    let output = place
        .command(&["new", "page"])
        .env("PATH", "/nowhere")
        .output();
    place
        .ran(&output.ok().unwrap_or_else(|| unreachable!("platc starts")))
        .ok();
    let program = place.read("page/page.plat");
    assert!(!program.contains("\nservice "), "{program}");
    assert!(!place.path().join("page/api").exists());
}

#[test]
fn what_is_there_is_left_alone() {
    let place = Place::with(&[("shop/notes.txt", "mine"), ("file", "mine")]);
    let refused = place.run(&["new", "shop"]).fails();
    assert!(refused.err.contains("is there already"), "{}", refused.err);
    assert_eq!(place.read("shop/notes.txt"), "mine");
    place.run(&["new", "file"]).fails();
    assert_eq!(place.read("file"), "mine");

    std::fs::create_dir(place.path().join("empty")).ok();
    place.run(&["new", "empty"]).ok();
    place.run(&["new", "there", "-C", "empty"]).ok();
    place.read("empty/there/plat.toml");
}

#[test]
fn bad_names_are_refused_with_why() {
    let place = Place::new();
    let long = "a".repeat(200);
    let mut all = String::new();
    for name in [
        "Shop",
        "1shop",
        "my shop",
        "../up",
        "shop-",
        "if",
        "päge",
        "a\x1b[31m",
        &long,
    ] {
        let ran = place.run(&["new", name]).fails();
        all.push_str(&format!("{}\n", ran.err));
    }
    assert_snapshot!(all);
    assert_eq!(
        std::fs::read_dir(place.path()).map(Iterator::count).ok(),
        Some(0)
    );
}
