//! Everything ends: long chains, deep nesting, circles, and programs that make too much.

use std::fmt::Write as _;

use crate::common::{database, project};

fn codes(text: &str) -> Vec<&'static str> {
    let db = database(project(text));
    let found = db.diagnostics();
    found.iter().map(|d| d.code).collect()
}

const HEAD: &str = "app big\nenv dev { target = local {} }\n";

#[test]
fn a_chain_of_ten_thousand_lets_is_followed() {
    let mut text = HEAD.to_owned();
    text.push_str("let a0 = 1\n");
    for n in 1..10_000 {
        let _ = writeln!(text, "let a{n} = a{} + 1", n - 1);
    }
    text.push_str("redis cache { memory = a9999 * 1MiB }\n");
    assert_eq!(codes(&text), Vec::<&str>::new());
}

#[test]
fn a_chain_can_be_changed_at_its_far_end() {
    let mut text = HEAD.to_owned();
    text.push_str("let a0 = 1\n");
    for n in 1..5_000 {
        let _ = writeln!(text, "let a{n} = a{} + 1", n - 1);
    }
    text.push_str("redis cache { memory = a4999 * 1MiB }\n");
    let mut db = database(project(&text));
    assert!(db.diagnostics().is_empty());
    db.set_file(
        "app",
        "main.plat",
        &text.replace("let a0 = 1\n", "let a0 = 2.5\n"),
    );
    assert!(db.diagnostics().is_empty());
}

#[test]
fn ten_thousand_declarations_that_refer_to_each_other_in_a_circle() {
    let mut text = HEAD.to_owned();
    for n in 0..2_000 {
        let next = (n + 1) % 2_000;
        let _ = writeln!(
            text,
            "service s{n} {{ run = image(\"x:1\"), env = {{ NEXT = s{next}.url }} }}"
        );
    }
    let db = database(project(&text));
    assert!(db.diagnostics().is_empty());
    let graph = db.graph("dev").unwrap();
    assert_eq!(graph.nodes.len(), 2_000);
    assert_eq!(graph.links.len(), 2_000);
}

#[test]
fn a_long_circle_of_lets_is_one_error() {
    let mut text = HEAD.to_owned();
    for n in 0..200 {
        let _ = writeln!(text, "let a{n}: Int = a{} + 1", (n + 1) % 200);
    }
    text.push_str("redis cache { memory = a0 * 1MiB }\n");
    assert_eq!(codes(&text), ["E0501"]);
}

#[test]
fn lists_that_double_are_stopped() {
    let mut text = HEAD.to_owned();
    text.push_str("let a0 = [1]\n");
    for n in 1..64 {
        let _ = writeln!(text, "let a{n} = a{} + a{}", n - 1, n - 1);
    }
    text.push_str("redis cache { memory = length(a63) * 1MiB }\n");
    assert_eq!(codes(&text), ["E0504"]);
}

#[test]
fn texts_that_double_are_stopped() {
    let mut text = HEAD.to_owned();
    text.push_str("let a0 = \"0123456789abcdef\"\n");
    for n in 1..64 {
        let _ = writeln!(text, "let a{n} = \"${{a{}}}${{a{}}}\"", n - 1, n - 1);
    }
    text.push_str("redis cache { memory = length(a63) * 1MiB }\n");
    assert_eq!(codes(&text), ["E0504"]);
}

#[test]
fn functions_that_double_are_stopped() {
    let mut text = HEAD.to_owned();
    text.push_str("fn f0(n: Int): Int = n\n");
    for n in 1..64 {
        let _ = writeln!(text, "fn f{n}(n: Int): Int = f{}(n) + f{}(n)", n - 1, n - 1);
    }
    text.push_str("redis cache { memory = f63(1) * 1MiB }\n");
    assert_eq!(codes(&text), ["E0504"]);
}

#[test]
fn kinds_that_double_are_stopped() {
    let mut text = HEAD.to_owned();
    text.push_str("kind k0 { redis a {} }\n");
    for n in 1..30 {
        let m = n - 1;
        let _ = writeln!(text, "kind k{n} {{ k{m} a {{}}  \nk{m} b {{}} }}");
    }
    text.push_str("k29 all {}\n");
    assert_eq!(codes(&text), ["E0504"]);
}

/// A chain of kinds, each holding the one before, is followed as deep as the specification says;
/// what goes deeper is told, and not left out in silence.
#[test]
fn kinds_in_kinds_end() {
    let chain = |depth: usize| {
        let mut text = HEAD.to_owned();
        text.push_str("kind k0 { redis a {} }\n");
        for n in 1..depth {
            let _ = writeln!(text, "kind k{n} {{ k{} a {{}} }}", n - 1);
        }
        let _ = writeln!(text, "k{} all {{}}", depth - 1);
        text
    };
    assert_eq!(codes(&chain(32)), Vec::<&str>::new());
    let graph = database(project(&chain(32))).graph("dev").unwrap();
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(codes(&chain(33)), ["E0504"]);
    assert_eq!(codes(&chain(70)), ["E0504"]);
}

/// What is wide is not high: a list as long as a program can want is no special case.
#[test]
fn ten_thousand_entries_are_a_plain_value() {
    let list: String = (0..10_000).fold(String::new(), |mut list, i| {
        let _ = writeln!(list, "    {i},");
        list
    });
    let map: String = (0..10_000).fold(String::new(), |mut map, i| {
        let _ = writeln!(map, "    \"k{i}\" = {{ a = [{i}], b = \"${{x}}-{i}\" }}");
        map
    });
    let text = format!(
        "{HEAD}let x = \"x\"\nlet l = [\n{list}]\nlet m: Map<{{ a: [Int], b: String }}> = {{\n{map}}}\n\
         redis cache {{ memory = (length(l) + length(m)) * 1KiB }}\n"
    );
    assert_eq!(codes(&text), Vec::<&str>::new());
}

#[test]
fn lists_in_lists_end() {
    let mut text = HEAD.to_owned();
    text.push_str("let a0 = [1]\n");
    for n in 1..3_000 {
        let _ = writeln!(text, "let a{n} = [a{}]", n - 1);
    }
    assert_eq!(codes(&text).first(), Some(&"E0325"));
}

#[test]
fn deep_expressions_do_not_overflow() {
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{ a = ", " }"),
        ("not ", ""),
        ("-", ""),
    ] {
        let depth = 10_000;
        let text = format!(
            "{HEAD}let x = {}1{}\n",
            open.repeat(depth),
            close.repeat(depth)
        );
        // The parser has its own limit; whatever it says, nothing falls over.
        let _ = codes(&text);
    }
    let sum = vec!["1"; 20_000].join(" + ");
    let _ = codes(&format!(
        "{HEAD}let x = {sum}\nredis cache {{ memory = x * 1MiB }}\n"
    ));
}

/// What stands in a row is not nested.
#[test]
fn long_rows_are_checked_and_evaluated() {
    let rows = [
        ("let x = ", "1 + ", "1"),
        ("let x = ", "true and ", "false"),
        ("let x = ", "true or ", "false"),
        ("let y: Int? = none\nlet x = ", "y ?? ", "1"),
        ("let x = ", "if false then 1 else ", "2"),
        ("let x = ", "[1] + ", "[2]"),
        ("let r = { a = 1 }\nlet x = r", " with { a = 2 }", ""),
        ("let x = [1]", ".reverse()", ""),
        ("if false {}", " else if false {}", ""),
    ];
    for (before, row, after) in rows {
        let text = format!("{HEAD}{before}{}{after}\n", row.repeat(10_000));
        let db = database(project(&text));
        let found = db.diagnostics();
        assert!(
            found.iter().all(|d| d.code.starts_with('W')),
            "{row}: {} {}",
            found[0].code,
            found[0].message
        );
        assert!(db.graph("dev").is_ok(), "{row}");
    }
}

#[test]
fn the_work_grows_with_the_text() {
    let steps = |n: usize| {
        let mut text = HEAD.to_owned();
        for i in 0..n {
            let _ = writeln!(
                text,
                "worker w{i} {{ run = image(\"x:1\"), env = {{ A = \"a\", B = \"${{environment.name}}-{i}\" }} }}"
            );
        }
        let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut db = plat_semantics::Database::with_log(log.clone());
        db.set_project(project(&text));
        assert!(db.diagnostics().is_empty());
        log.lock().unwrap().len()
    };
    let (small, large) = (steps(200), steps(2_000));
    assert!(
        large < small * 12,
        "{small} queries for 200, {large} for 2000"
    );
}

#[test]
fn definitions_in_circles_are_errors() {
    let wrong = |text: &str, code: &str| {
        let found = codes(&format!("{HEAD}{text}\n"));
        assert!(found.contains(&code), "{text}: {found:?}");
    };
    wrong("abstract kind a is b {}\nabstract kind b is a {}", "E0312");
    wrong(
        "kind a { b inner {}\n out x = inner.y }\nkind b { a inner {}\n out y = inner.x }",
        "E0312",
    );
    wrong("let a = [b]\nlet b = [a]", "E0314");
    wrong("type A = B\ntype B = [A]\ntype C = C", "E0311");
    wrong(
        "unit x = 2y\nunit y = 2x\nlet z = 3x\nredis r { memory = z }",
        "E0214",
    );
    wrong(
        "fn f(n: Int): Int = g(n)\nfn g(n: Int): Int = h(n)\nfn h(n: Int): Int = f(n)",
        "E0505",
    );
    wrong(
        "env a { extends = b }\nenv b { extends = c }\nenv c { extends = a }",
        "E0605",
    );
    wrong(
        "kind k { x: Int = y\n y: Int = x\n redis r { memory = x * 1MiB } }\nk one {}",
        "E0501",
    );
    wrong(
        "if big { redis a {} }\nlet big = a?.memory == 1GiB",
        "E0501",
    );
}

#[test]
fn a_base_without_a_target_is_no_error_and_no_place_to_run() {
    let text = "app x\npub env base { ttl = 3d }\nenv dev { extends = base\n target = local {} }\n";
    assert_eq!(codes(text), Vec::<&str>::new());
    let db = database(project(text));
    assert_eq!(db.graph("base").unwrap_err()[0].code, "E0603");
    assert!(db.graph("dev").is_ok());
}

#[test]
fn an_unknown_environment_is_told() {
    let db = database(project(&format!(
        "{HEAD}env prod {{ target = local {{}} }}"
    )));
    let found = db.graph("pord").unwrap_err();
    assert_eq!(found[0].code, "E0211");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `prod`?"));
    let keyed = db.graph("prod[3]").unwrap_err();
    assert_eq!(keyed[0].code, "E0609");
}
