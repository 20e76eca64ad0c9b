//! What another environment uses is not taken away.

use plat_tests::Home;

const MANIFEST: &str = "[package]\nname = \"two\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

fn app(home: &Home, place: &str) {
    home.write(
        "two/two.plat",
        &format!(
            r#"app two

bucket files {{}}

env dev {{ target = local {{}} }}

env staging {{
    target = local {{}}
    {place}
}}
"#
        ),
    );
}

#[test]
fn what_another_environment_uses_is_not_destroyed_while_that_is_there() {
    let home = Home::new();
    home.write("two/plat.toml", MANIFEST);
    app(&home, "");
    home.ok(&["-C", "two", "up", "dev", "--yes"]);
    home.ok(&["-C", "two", "up", "staging", "--yes"]);

    app(&home, "place = { files = in(dev, files) }");
    let refused = home.platc(&["-C", "two", "destroy", "dev", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused
            .stderr
            .contains("`files` of the environment staging uses it"),
        "{}",
        refused.stderr
    );
    let there = home.ok(&["-C", "two", "state", "list", "--env", "dev"]);
    assert!(there.stdout.contains("bucket/files"), "{}", there.stdout);

    home.ok(&["-C", "two", "destroy", "staging", "--yes"]);
    home.ok(&["-C", "two", "destroy", "dev", "--yes"]);
}

/// The other way round: what an environment only uses is not its own, and stays, with its data.
#[test]
fn what_an_environment_uses_of_another_stays_when_it_goes_itself() {
    let home = Home::new();
    home.write("two/plat.toml", MANIFEST);
    app(&home, "");
    home.ok(&["-C", "two", "up", "dev", "--yes"]);
    home.ok(&["-C", "two", "up", "staging", "--yes"]);
    let before = home.ok(&["-C", "two", "state", "show", "files", "--env", "dev"]);

    app(&home, "place = { files = in(dev, files) }");
    home.ok(&["-C", "two", "destroy", "staging", "--yes", "--data"]);
    let after = home.ok(&["-C", "two", "state", "show", "files", "--env", "dev"]);
    assert_eq!(after.stdout, before.stdout);
    app(&home, "");
    let plan = home.platc(&["-C", "two", "plan", "dev", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}
