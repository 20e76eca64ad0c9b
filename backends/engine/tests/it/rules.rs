//! The list of rules at the head of the crate names tests for each: that they are there.

use std::path::Path;

#[test]
fn each_rule_has_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = std::fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let text: String = lib
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let mut missing = Vec::new();
    for number in 1..=17 {
        let begins = format!("\n{number}. *");
        let (_, rest) = text.split_once(&begins).expect("a rule");
        let ends = [format!("\n{}. *", number + 1), "\n\n".to_owned()];
        let end = ends.iter().filter_map(|end| rest.find(end.as_str())).min();
        let rule = &rest[..end.unwrap_or(rest.len())];
        let mut named = 0;
        for name in rule.split('`').skip(1).step_by(2) {
            let Some((module, test)) = name.split_once("::") else {
                continue;
            };
            let file = root.join(format!("tests/it/{module}.rs"));
            // Else it names what the rule is held by, not what shows it.
            if let Ok(tests) = std::fs::read_to_string(file) {
                named += 1;
                if !tests.contains(&format!("fn {test}(")) {
                    missing.push(name.to_owned());
                }
            }
        }
        assert!(named > 0, "rule {number} names no test");
    }
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "these tests are named, and are not there"
    );
}

#[test]
fn each_promise_of_the_guide_has_tests_that_are_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let guide = std::fs::read_to_string(docs.join("plans.md")).unwrap();
    let mut missing = Vec::new();
    for number in 1..=17 {
        let begins = format!("\n| {number} | ");
        let (_, row) = guide.split_once(&begins).expect("a promise");
        let row = row.lines().next().unwrap_or_default();
        let tests = row.split("[`").skip(1);
        assert!(tests.clone().count() > 0, "promise {number} names no test");
        for link in tests {
            let (name, rest) = link.split_once("`](").expect("a link");
            let (file, _) = rest.split_once(')').expect("a link");
            let text = std::fs::read_to_string(docs.join(file)).unwrap_or_default();
            if !text.contains(&format!("fn {name}(")) {
                missing.push(format!("{name} in {file}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
