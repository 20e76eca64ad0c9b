//! `platc render`: manifests as files, for those who commit them.

mod common;

use std::path::Path;

use common::Place;

const APP: &str = r#"app shop

secret key
postgres db { storage = 1GiB }

service api {
    run = image("registry.example.com/api:1")
    env = { DATABASE_URL = db.url, KEY = key }
}
worker mailer { run = image("registry.example.com/mailer:1") }

env dev { target = local {} }
env prod { target = kubernetes { context = "there is none" } }
"#;

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_file_for_each_object_and_none_for_what_is_no_more() {
    let place = Place::app(APP);
    let first = place.run(&["render", "prod", "-o", "k8s"]).ok();
    assert_eq!(first.out, "");
    assert!(first.err.contains("manifests into k8s"), "{}", first.err);
    assert!(
        first.err.contains("2 Secrets are not written")
            && first
                .err
                .contains("\n  db: administrator (random(32)), owner (random(32))")
            && first.err.contains("\n  key: value\n"),
        "{}",
        first.err
    );
    let dir = place.path().join("k8s");
    let there = names(&dir);
    for name in [
        "deployment-api.yaml",
        "deployment-mailer.yaml",
        "statefulset-db.yaml",
    ] {
        assert!(there.contains(&name.to_owned()), "{there:?}");
    }
    assert!(
        !there.iter().any(|name| name.starts_with("secret-")),
        "{there:?}"
    );
    let api = std::fs::read_to_string(dir.join("deployment-api.yaml")).unwrap();
    assert!(api.starts_with("# Written by `platc render`"), "{api}");
    assert!(api.contains("\nkind: Deployment\n"), "{api}");

    // Others' files stay, and what is as it should be is not written again.
    place.write("k8s/kustomization.yaml", b"resources: []\n");
    let written = || {
        let meta = std::fs::metadata(dir.join("deployment-api.yaml")).unwrap();
        meta.modified().unwrap()
    };
    let before = written();
    let fewer = APP.replace(
        "worker mailer { run = image(\"registry.example.com/mailer:1\") }",
        "",
    );
    place.write("app.plat", fewer.as_bytes());
    let second = place.run(&["render", "prod", "-o", "k8s"]).ok();
    assert!(
        second.err.contains("and removed 2 of what is no more"),
        "{}",
        second.err
    );
    assert_eq!(written(), before);
    let left = names(&dir);
    assert!(!left.iter().any(|name| name.contains("mailer")), "{left:?}");
    assert!(left.contains(&"kustomization.yaml".to_owned()));
}

#[test]
fn as_a_stream_it_is_all_of_them() {
    let place = Place::app(APP);
    let ran = place.run(&["-q", "render", "prod"]).ok();
    assert_eq!(ran.err, "");
    let kinds = ran.out.lines().filter(|l| l.starts_with("kind: ")).count();
    assert_eq!(ran.out.lines().filter(|l| *l == "---").count() + 1, kinds);
    assert!(kinds > 10, "{}", ran.out);
}

#[test]
fn what_runs_on_this_machine_has_no_manifests() {
    let ran = Place::app(APP).run(&["render", "dev"]).fails();
    assert!(
        ran.err
            .contains("`dev` is on `local { … }`, which has no manifests"),
        "{}",
        ran.err
    );
}
