//! What the command line answers to: help, mistakes, versions, ends.

mod common;

use common::Place;
use insta::assert_snapshot;

#[test]
fn help_shows_every_command_in_its_group() {
    let place = Place::new();
    let help = place.run(&["--help"]).ok();
    assert_eq!(help.err, "");
    assert_snapshot!(help.out);
    assert_eq!(place.run(&["-h"]).ok().out, help.out);
}

#[test]
fn each_command_helps() {
    let place = Place::new();
    let overview = place.run(&["--help"]).ok().out;
    let commands = overview
        .lines()
        .filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('-'))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
    let mut all = String::new();
    for command in commands {
        let help = place.run(&[command, "--help"]).ok();
        all.push_str(&format!("$ platc {command} --help\n{}\n", help.out));
        assert!(
            help.out.lines().all(|line| line.chars().count() <= 100),
            "{}",
            help.out
        );
    }
    assert_snapshot!(all);
}

#[test]
fn nothing_said_is_answered_with_help_and_is_an_error() {
    let ran = Place::new().run::<&str>(&[]).fails();
    assert!(ran.err.contains("platc [-C DIR] COMMAND"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn mistakes_are_answered_with_what_was_probably_meant() {
    let place = Place::new();
    let mut all = String::new();
    for arguments in [
        &["chek"][..],
        &["version", "--jsno"],
        &["--color", "sometimes", "version"],
        &["new"],
        &["version", "now"],
        &["-q", "-v", "version"],
    ] {
        let ran = place.run(arguments).fails();
        all.push_str(&format!(
            "$ platc {}\n{}\n",
            arguments.join(" "),
            ran.snapshot()
        ));
    }
    assert_snapshot!(all);
}

#[test]
fn the_version_is_for_people_and_for_programs() {
    let place = Place::new();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        place
            .run(&["version"])
            .ok()
            .out
            .starts_with(&format!("platc {version} "))
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["version", "--json"]).ok().out).unwrap();
    assert_eq!(json.get("version").unwrap(), version);
}

#[test]
fn flags_stand_before_or_after_the_command_and_in_the_environment() {
    let place = Place::new();
    place.run(&["--color", "never", "version"]).ok();
    place.run(&["version", "--color", "never"]).ok();
    let run = |variable: &str, value: &str| {
        let output = place
            .command(&["version"])
            .env(variable, value)
            .output()
            .unwrap();
        place.ran(&output)
    };
    assert!(run("PLAT_JSON", "1").ok().out.starts_with('{'));
    assert!(run("PLAT_JSON", "0").ok().out.starts_with("platc"));
    assert!(
        run("PLAT_COLOR", "sometimes")
            .fails()
            .err
            .contains("sometimes")
    );
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let place = Place::new();
    assert!(!place.run(&["--help"]).ok().out.contains('\x1b'));
    assert!(
        place
            .run(&["--color=always", "--help"])
            .ok()
            .out
            .contains('\x1b')
    );
    assert!(
        place
            .run(&["nwe", "--color", "always"])
            .fails()
            .err
            .contains('\x1b')
    );
    let asked = place
        .command(&["--color=always", "--help"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(
        place.ran(&asked).ok().out.contains('\x1b'),
        "a flag wins over the environment"
    );
}

#[test]
fn completions_name_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).ok().out;
        assert!(
            script.contains("platc") && script.contains("explain"),
            "{shell}"
        );
    }
}

#[test]
fn an_argument_that_is_not_utf8_is_no_panic() {
    use std::os::unix::ffi::OsStrExt as _;
    let bad = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    Place::new().run(&[bad]).fails();
    Place::new().run(&["new".as_ref(), bad]).fails();
}
