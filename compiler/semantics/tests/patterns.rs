//! What a `match` leaves out, and what of it is never reached.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::common::{database, project};

const HEAD: &str = "app x\nenv dev { target = local {} }\nenv prod { extends = dev }\n";

/// What is told, each as its code and its sentence.
fn told(text: &str) -> Vec<String> {
    let db = database(project(&format!("{HEAD}{text}\n")));
    let found = db.diagnostics();
    found
        .iter()
        .map(|d| format!("{} {}", d.code, d.message))
        .collect()
}

/// What is told of a function whose body is a `match` with these arms.
fn arms(types: &str, ty: &str, arms: &str) -> Vec<String> {
    told(&format!(
        "{types}\nfn f(x: {ty}): Int = match x {{\n{arms}\n}}"
    ))
}

fn nothing(types: &str, ty: &str, list: &str) {
    assert_eq!(arms(types, ty, list), Vec::<String>::new(), "{ty} {list}");
}

fn leaves_out(types: &str, ty: &str, list: &str, what: &str) {
    let message = format!("E0319 this `match` leaves out {what}");
    assert_eq!(arms(types, ty, list), [message], "{ty} {list}");
}

fn unreachable(types: &str, ty: &str, list: &str, what: &[&str]) {
    let messages: Vec<String> = what
        .iter()
        .map(|what| format!("W0302 this {what} is never reached"))
        .collect();
    assert_eq!(arms(types, ty, list), messages, "{ty} {list}");
}

const SHAPE: &str = "type Shape = dot | line(length: Int) | box(width: Int where 1..9, of: Shade)\n\
                     type Shade = \"light\" | \"dark\"";

#[test]
fn nested_patterns_can_take_everything() {
    nothing("", "Bool?", "none => 0, true => 1, false => 2");
    nothing("", "Bool?", "some(true) => 1, none | some(false) => 2");
    nothing(SHAPE, "Shape", "dot => 0, line(_) => 1, box => 2");
    nothing(
        SHAPE,
        "Shape?",
        "none => 0, dot => 0, line(0) => 1, line(n) => n\n\
         some(box(1..4, of: \"light\")) => 1, box(5..9) => 2, box(1..4) => 3",
    );
    nothing("", "Int where -2..2", "-2..0 => 0, 1 => 1, 2 => 2");
    nothing(
        "type P = Int where 1..10",
        "P where 3..20",
        "3..9 => 0, 10 => 1",
    );
    nothing("", "1 | 2 | 5", "1..2 => 0, 5 => 1");
}

#[test]
fn what_is_left_out_is_shown_as_patterns() {
    leaves_out("", "Bool", "true => 1", "`false`");
    leaves_out("", "Bool?", "some(true) => 1", "`some(false)`, `none`");
    leaves_out(
        SHAPE,
        "Shape",
        "line(1) => 1, box(1..8) => 2",
        "`line(_)`, `box(9)`, `dot`",
    );
    leaves_out(
        SHAPE,
        "Shape",
        "dot => 0, line => 1, box(3..7) => 2, box(of: \"dark\") => 3",
        "`box(1..2, of: \"light\")`, `box(8..9, of: \"light\")`",
    );
    leaves_out("", "Int", "1 => 1", "`_`");
    leaves_out("", "String", "\"a\" => 1", "`_`");
    leaves_out("", "Bytes", "1GiB..2GiB => 1", "`_`");
    leaves_out("", "1 | 2 | 5", "1..4 => 0", "`5`");
}

#[test]
fn what_is_left_out_of_much_is_not_all_shown() {
    let words: Vec<String> = (0..40).map(|i| format!("\"w{i:02}\"")).collect();
    let ty = words.join(" | ");
    let found = arms("", &ty, "\"w00\" => 1");
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("`\"w08\"`, and others"), "{found:?}");
}

#[test]
fn arms_that_are_never_reached() {
    unreachable("", "Bool", "true => 1, false => 2, _ => 3", &["arm"]);
    unreachable("", "Int", "n => n, 3 => 1, _ => 2", &["arm", "arm"]);
    unreachable("", "Int", "1..10 => 1, 3..5 | 7 => 2, _ => 3", &["arm"]);
    unreachable(
        "",
        "Int",
        "1..5 => 1, 6..9 => 2, 2..8 => 3, _ => 4",
        &["arm"],
    );
    nothing("", "Decimal", "1..5 => 1, 6..9 => 2, 2..8 => 3, _ => 4");
    unreachable("", "Int", "1 | 2 | 1 => 1, _ => 3", &["alternative"]);
    unreachable(
        SHAPE,
        "Shape?",
        "some(s) => 1, dot => 2, none => 3",
        &["arm"],
    );
    unreachable("", "Int where 1..9", "1..9 => 1, 10 => 2", &["arm"]);
}

#[test]
fn kinds_and_environments_take_what_is_made_of_them() {
    let found = told(
        "policy p(d: declaration) { require = match d { workload => true, redis => true, service => false, _ => true } }",
    );
    assert_eq!(found, ["W0302 this arm is never reached"]);
    let found = told("let a = match environment { dev => 1, prod => 2, _ => 3 }");
    assert_eq!(found, ["W0302 this arm is never reached"]);
    let found = told("let a = match environment { prod => 1, dev => 2, _ => 3 }");
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_name_that_is_nearly_a_case_is_told() {
    let db = database(project(&format!(
        "{HEAD}type Size = small | large(factor: Int)\n\
         fn f(s: Size): Int = match s {{ smal => 1, large(n) => n }}\n"
    )));
    let found = db.diagnostics();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "W0302");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `small`?"));
}

#[test]
fn a_wrong_pattern_says_nothing_more() {
    let found = arms("type T = \"a\" | \"b\"", "T", "\"c\" => 1, \"b\" => 2");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0302"), "{found:?}");
}

#[test]
fn tests_that_say_nothing() {
    let test = |ty: &str, pattern: &str| {
        told(&format!("fn f(x: {ty}): Bool = x is {pattern}"))
            .iter()
            .map(|t| t[..5].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(test("Bool", "true | false"), ["W0303"]);
    assert_eq!(test("Int", "_"), ["W0303"]);
    assert_eq!(test("Int?", "none | some(_)"), ["W0303"]);
    assert_eq!(test("Int", "1 | 2 | 1"), ["W0302"]);
    assert_eq!(test("Int", "n"), Vec::<String>::new());
    assert_eq!(test("Int?", "some(n)"), Vec::<String>::new());
    assert_eq!(
        told("let tier = \"gold\"\nlet rich = tier is \"gold\""),
        Vec::<String>::new()
    );
}

/// Two thousand arms, their parts too, stay far from the limit.
#[test]
fn wide_matches_are_looked_through() {
    let mut list = String::new();
    for i in 0..2_000 {
        let _ = writeln!(list, "    p({i}, b: \"{i}\") => {i}");
        let _ = writeln!(list, "    p({}..{}) => 0", 10_000 + 10 * i, 10_004 + 10 * i);
    }
    nothing(
        "type P = p(a: Int, b: String)",
        "P",
        &format!("{list}    _ => 0"),
    );
}

/// The values of `Pair`: an optional truth value beside a number from 1 to 4.
fn values() -> Vec<String> {
    let firsts = ["none", "true", "false"];
    firsts
        .iter()
        .flat_map(|a| (1..=4).map(move |b| format!("pair({a}, b: {b})")))
        .collect()
}

fn patterns() -> impl Strategy<Value = String> {
    let first = prop_oneof![
        Just("_"),
        Just("none"),
        Just("some(_)"),
        Just("true"),
        Just("some(false)"),
        Just("none | true"),
    ];
    let second = (0i64..5, 1i64..4, 0u8..4).prop_map(|(low, len, how)| match how {
        0 => "_".to_owned(),
        1 => low.to_string(),
        2 => format!("{low} | {}", low + len),
        _ => format!("{low}..{}", low + len),
    });
    (first, second).prop_map(|(a, b)| format!("pair({a}, b: {b})"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the checker says of a `match` is what trying every value says.
    #[test]
    fn the_checker_and_every_value_agree(list in prop::collection::vec(patterns(), 1..7)) {
        let mut text = String::from("type Pair = pair(a: Bool?, b: Int where 1..4)\n");
        // As tests of each value, which the evaluator answers.
        for (v, value) in values().iter().enumerate() {
            let _ = writeln!(text, "let v{v}: Pair = {value}");
            for (p, pattern) in list.iter().enumerate() {
                let _ = writeln!(text, "let t{v}_{p} = v{v} is {pattern}");
            }
        }
        let db = database(project(&format!("{HEAD}{text}")));
        let wrong = db.diagnostics().into_iter().find(|d| d.code.starts_with('E'));
        prop_assert_eq!(wrong, None);
        let fits = |v: usize, p: usize| {
            db.reveal("main.plat", &format!("t{v}_{p}")).unwrap().1 == "true"
        };
        let first: Vec<Option<usize>> = (0..values().len())
            .map(|v| (0..list.len()).find(|p| fits(v, *p)))
            .collect();
        let needless = (0..list.len()).filter(|p| !first.contains(&Some(*p))).count();
        let left_out = first.contains(&None);
        let arms: String = list.iter().map(|p| format!("    {p} => 1\n")).collect();
        let found = told(&format!(
            "type Pair = pair(a: Bool?, b: Int where 1..4)\nfn f(x: Pair): Int = match x {{\n{arms}}}"
        ));
        let arm = found.iter().filter(|t| t.starts_with("W0302 this arm")).count();
        prop_assert_eq!(arm, needless, "{} {:?}", arms, found);
        prop_assert_eq!(found.iter().any(|t| t.starts_with("E0319")), left_out, "{} {:?}", arms, found);
    }
}
