//! Plans as files and in every form, and programs compared: no target is asked.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests"
)]

mod common;

use std::process::Command;

use common::Place;

const APP: &str = r#"app shop

service api {
    run   = process(["python3", "api.py"], dir: "./api")
    scale = 2
    env   = { LOG = "info" }
}

env dev { target = local {} }
env big { target = local {}, set = { api.scale = 5 } }
env wide { target = local {}, set = { api.scale = 2..5, api.ready = http("/healthz") } }
"#;

/// The keys of RFC 8410, section 10.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PUBLIC KEY-----\n";

fn app() -> Place {
    let place = Place::app(APP);
    place.write("api/api.py", b"");
    place
}

fn git(place: &Place, arguments: &[&str]) {
    let status = Command::new("git")
        .arg("-C")
        .arg(place.path())
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

fn committed() -> Place {
    let place = app();
    git(&place, &["init", "-q", "-b", "main"]);
    git(&place, &["add", "plat.toml", "app.plat", "api"]);
    git(&place, &["commit", "-q", "-m", "first"]);
    place
}

#[test]
fn a_plan_file_is_shown_again_in_every_form() {
    let place = app();
    let planned = place.run(&["plan", "dev", "-o", "x.plan"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    let shown = place.run(&["show", "x.plan"]);
    // But for the hint to apply it by its id.
    let first = |text: &str| {
        text.split(" · apply it with")
            .next()
            .unwrap()
            .trim_end()
            .to_owned()
    };
    assert_eq!(first(&shown.out), first(&planned.out));
    let json = place.run(&["show", "x.plan", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["counts"]["create"], 1);
    let again = place.run(&["plan", "dev", "--json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&again.out).unwrap(),
        json
    );
    let markdown = place.run(&[
        "show",
        "x.plan",
        "--markdown",
        "--link",
        "https://ci.example.com",
    ]);
    assert!(
        markdown.out.starts_with("<!-- plat:plan shop dev -->\n"),
        "{}",
        markdown.out
    );
    let sarif = place.run(&["show", "x.plan", "--sarif"]);
    let sarif: serde_json::Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn a_plan_tells_what_came_of_the_policies() {
    let place = Place::app(&format!(
        "{APP}\n{}",
        r#"policy few(s: service) {
    require  = s.scale.max < 2
    message  = "`${s.name}` has ${s.scale.max} copies"
    severity = "warning"
}

policy ready(s: service) { require = s.ready is some(_) }
waive ready for api { reason = "it has no health yet", until = "2999-01-01" }
"#
    ));
    place.write("api/api.py", b"");
    let planned = place.run(&["plan", "dev", "-o", "x.plan"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    let line = "  policies: 1 holds, `few` warns of 1 of 1, 1 waived\n";
    assert!(planned.out.contains(line), "{}", planned.out);
    let json = place.run(&["show", "x.plan", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let expected = serde_json::json!([
        {
            "name": "few",
            "place": { "file": "app.plat", "line": 13, "column": 8 },
            "asked": 1,
            "waived": 0,
            "broken": 1,
            "warnings": [{
                "message": "`api` has 2 copies",
                "place": { "file": "app.plat", "line": 5, "column": 13 },
            }],
        },
        {
            "name": "ready",
            "place": { "file": "app.plat", "line": 19, "column": 8 },
            "asked": 1,
            "waived": 1,
            "broken": 0,
            "warnings": [],
        },
    ]);
    assert_eq!(json["policies"], expected);
    let markdown = place.run(&["show", "x.plan", "--markdown"]).out;
    assert!(markdown.contains("**Policies:**"), "{markdown}");
}

#[test]
fn what_is_no_plan_is_told_and_nothing_is_done() {
    let place = app();
    assert_eq!(place.run(&["plan", "dev", "-o", "x.plan"]).code, Some(0));
    let whole = std::fs::read(place.path().join("x.plan")).unwrap();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("empty.plan", Vec::new(), "it is empty"),
        (
            "cut.plan",
            whole[..whole.len() / 2].to_vec(),
            "cut short or edited",
        ),
        (
            "foreign.plan",
            b"{\"version\": 4}".to_vec(),
            "is not a plan of plat",
        ),
        ("binary.plan", vec![0xff; 100], "is not a plan of plat"),
        (
            "newer.plan",
            String::from_utf8(whole.clone())
                .unwrap()
                .replacen("\"format\":2", "\"format\":9", 1)
                .into_bytes(),
            "it has format 9, and this platc reads up to 2\n  → a newer platc made it: update platc, \
             or make the plan again with this one\n",
        ),
    ];
    for (name, bytes, why) in cases {
        place.write(name, &bytes);
        for command in [&["show", name][..], &["apply", name, "--yes"]] {
            let ran = place.run(command);
            assert_eq!(ran.code, Some(1), "{name}: {}", ran.err);
            assert!(ran.err.contains(why), "{name}: {}", ran.err);
            assert_eq!(ran.out, "");
        }
    }
    for none in [
        place.run(&["show", "nowhere.plan"]),
        place.run(&["apply", "nowhere.plan", "--yes"]),
    ] {
        assert_eq!(
            none.err,
            "error: there is no plan file nowhere.plan\n  → `platc plan -o FILE` writes one\n"
        );
    }
    let release = place.run(&["rollback", "dev"]);
    assert!(
        release.err.contains("an environment is said with --env"),
        "{}",
        release.err
    );
    let read_only = place.run(&["plan", "dev", "-o", "/proc/x.plan"]);
    assert_eq!(read_only.code, Some(1));
    assert!(
        read_only.err.contains("writing /proc/x.plan"),
        "{}",
        read_only.err
    );
}

#[test]
fn a_plan_is_signed_by_a_key_from_a_file_or_a_variable() {
    let place = app();
    place.write("plan.key", PRIVATE.as_bytes());
    place.write("plan.pub", PUBLIC.as_bytes());
    let made = place.run(&["plan", "dev", "-o", "a.plan", "--sign-key", "plan.key"]);
    assert!(made.err.contains("signed with the key "), "{}", made.err);
    let by_variable = place
        .command(&["plan", "dev", "-o", "b.plan"])
        .env("PLAT_SIGN_KEY", PRIVATE)
        .output()
        .unwrap();
    assert!(by_variable.status.success());
    assert_eq!(place.read("a.plan"), place.read("b.plan"));
    assert_eq!(
        place
            .run(&["show", "a.plan", "--verify-key", "plan.pub"])
            .code,
        Some(0)
    );

    assert_eq!(place.run(&["plan", "dev", "-o", "c.plan"]).code, Some(0));
    let unsigned = place.run(&["show", "c.plan", "--verify-key", "plan.pub"]);
    assert_eq!(unsigned.code, Some(1));
    assert!(
        unsigned.err.contains("nobody signed it"),
        "{}",
        unsigned.err
    );
    // A key that is none is told before anything is planned, and never shown.
    place.write(
        "wrong.key",
        b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
    );
    let wrong = place.run(&["plan", "dev", "-o", "d.plan", "--sign-key", "wrong.key"]);
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.err.contains("no private key for Ed25519"),
        "{}",
        wrong.err
    );
    assert!(!wrong.err.contains("hunter2") && !place.path().join("d.plan").exists());
    let env = place.run(&["apply", "dev", "--yes", "--verify-key", "plan.pub"]);
    assert!(env.err.contains("only files are signed"), "{}", env.err);
}

#[test]
fn revisions_and_environments_are_compared() {
    let place = committed();
    let none = place.run(&["diff", "main..", "dev"]);
    assert!(
        none.out.contains("no difference"),
        "{}{}",
        none.out,
        none.err
    );
    place.write("app.plat", APP.replace("\"info\"", "\"debug\"").as_bytes());
    let diff = place.run(&["diff", "main..", "dev"]);
    insta::assert_snapshot!("diff", diff.out);
    let changed = place.run(&["diff", "main..", "dev", "--detailed-exitcode"]);
    assert_eq!(changed.code, Some(2));
    git(&place, &["commit", "-q", "-a", "-m", "second"]);
    let between = place.run(&["diff", "main~1..main", "dev"]);
    assert!(
        between.out.contains("\"info\" → \"debug\""),
        "{}",
        between.out
    );
    let environments = place.run(&["diff", "dev", "big"]);
    insta::assert_snapshot!("diff_environments", environments.out);
    let cases = place.run(&["diff", "dev", "wide"]);
    insta::assert_snapshot!("diff_cases", cases.out);
    let markdown = place.run(&["diff", "HEAD^..", "dev", "--markdown"]);
    assert!(
        markdown.out.contains("→ the files here"),
        "{}",
        markdown.out
    );
    // Git's own state is as it was.
    let status = Command::new("git")
        .arg("-C")
        .arg(place.path())
        .args(["status", "--porcelain", "--untracked-files=no"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout), "");
}

#[test]
fn what_can_not_be_compared_is_told() {
    let place = committed();
    let unknown = place.run(&["diff", "nowhere..", "dev"]);
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.err.contains("there is no revision `nowhere`"),
        "{}",
        unknown.err
    );
    let option = place.run(&["diff", "--", "--output=x..", "dev"]);
    assert!(
        option.err.contains("there is no revision"),
        "{}",
        option.err
    );
    assert!(!place.path().join("x").exists());
    let environments = place.run(&["diff", "dev..big"]);
    assert!(
        environments
            .err
            .ends_with("→ these are environments: `platc diff dev big`\n"),
        "{}",
        environments.err
    );
    let one = place.run(&["diff", "dev"]);
    assert!(one.err.contains("say what is compared"), "{}", one.err);
    for (said, next) in [
        (
            &["diff", "main"][..],
            "→ with the files here: `platc diff main..`\n",
        ),
        (
            &["diff", "main", "dev"],
            "→ with the files here: `platc diff main.. dev`\n",
        ),
        (
            &["diff", "main", "main"],
            "→ two revisions: `platc diff main..main`\n",
        ),
        (
            &["diff", "--live", "main.."],
            "`platc diff main..`, or `platc diff --live`\n",
        ),
        (
            &["diff", "dev", "nowhere"],
            "there is no environment `nowhere`",
        ),
    ] {
        let ran = place.run(said);
        assert_eq!(ran.code, Some(1), "{said:?}");
        assert!(ran.err.contains(next), "{said:?}: {}", ran.err);
    }
    let outside = app().run(&["diff", "main..", "dev"]);
    assert_eq!(outside.code, Some(1));
    assert!(outside.err.contains("git"), "{}", outside.err);
}

#[test]
fn a_word_for_a_field_names_one() {
    let place = app();
    for (word, says) in [
        (
            "api",
            "error: `--take api` does not say which field is taken over\n  \
             → the plan shows the word for each: `--take NODE:FIELD`\n",
        ),
        (
            "apj:scale",
            "error: `--take apj:scale` names nothing of shop → dev\n  \
             → did you mean `--take api:scale`?\n",
        ),
    ] {
        let refused = place.run(&["plan", "dev", "--take", word]);
        assert_eq!((refused.code, refused.err.as_str()), (Some(1), says));
    }
    // One that nobody holds any more is no mistake.
    let planned = place.run(&["plan", "dev", "--take", "api:copies"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
}

#[test]
fn a_plan_that_is_there_takes_no_words() {
    let place = app();
    let planned = place.run(&["plan", "dev", "-o", "x.plan"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    let refused = place.run(&["apply", "x.plan", "--yes", "--data", "api"]);
    assert_eq!(
        (refused.code, refused.err.as_str()),
        (
            Some(1),
            "error: `--data NODE` is said when a plan is made: this one is applied as it is\n  \
             → platc plan -o FILE --data NODE\n"
        )
    );
}
