//! What people get wrong, and what they are told: one snapshot for each, with its source.
mod common;

use common::{parse, render};
use plat_syntax::{EXPLANATIONS, decode, explain};

/// Holds what is told of a text to its snapshot.
macro_rules! check {
    ($($name:ident: $text:expr;)*) => { $(
        #[test]
        fn $name() {
            let text: &str = $text;
            insta::assert_snapshot!(stringify!($name), render(text, &parse(text).diagnostics));
        }
    )*
        /// All of them, by name.
        const CASES: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

check! {
    word_that_does_not_belong: "extern let x = 1\npub use a.b\nkind k {\n    pub redis cache {}\n    implicit size: Int\n}\n";
    operand_that_reaches_on: "let a = 1 + if b then 2 else 3\nlet c = a == not b\nlet d = xs ?? |x| x\n";
    operator_after_with: "let a = b with { c = 1 } ?? none\nlet d = a is some(x) + 1\n";
    record_in_a_head: "if a == { b = 1 } {\n    redis cache {}\n}\n";
    names_on_other_lines: "let\n    a: Int = 1\nmoved a\n    to b\nmatch_it m { x = match y\n{ _ => 1 } }\n";
    type_on_another_line: "kind k {\n    size:\n        Int\n}\n";
    optional_twice: "kind k {\n    size: Int? ?\n}\n";
    parameter_without_name: "fn f(Int): Int = 1\n";
    missing_value: "postgres db {\n    storage =\n    version = 17\n}\n";
    missing_value_at_the_end: "let x =";
    missing_value_before_a_declaration: "let x =\npostgres db {}\n";
    missing_operand: "let x = 1 +\nlet y = 2\n";
    semicolon_on_a_line: "redis cache { memory = 1MiB; keep = true }\n";
    missing_equals: "postgres db {\n    version 17\n}\n";
    missing_equals_before_a_brace: "service api {\n    env { A = 1 }\n}\n";
    colon_for_equals: "service api {\n    port: 8080\n    env = { A: \"1\" }\n}\n";
    double_equals: "service api {\n    port == 8080\n}\n";
    equals_for_colon: "service api {\n    ready = http(\"/\", every = 5s)\n}\n";
    unclosed_brace: "service api {\n    port = 8080\n\nworker mailer {\n    scale = 1\n}\n";
    unclosed_inner_brace: "service api {\n    env = {\n        A = 1\n    port = 8080\n}\n\nworker mailer {}\n";
    unclosed_bracket: "let xs = [1, 2\nlet y = 3\n";
    unclosed_paren: "service api {\n    run = image(\"a\"\n    port = 80\n}\n";
    unclosed_brace_at_the_end: "service api {\n    port = 8080\n";
    mismatched_closer: "let xs = [1, 2)\n";
    stray_closer: "service api {}\n}\nworker w {}\n";
    unterminated_string: "service api {\n    name = \"api\n    port = 80\n}\n";
    unterminated_string_before_a_brace: "env dev { target = local {}, host = \"x }\n\nsecret s\n";
    unterminated_hole: "let x = \"a ${b\"\nlet y = 1\n";
    unterminated_block_string: "let x = \"\"\"\n    a\nlet y = 1\n";
    unterminated_hole_in_a_block_string: "let x = \"\"\"\n    a ${b\n    \"\"\"\nlet y = 1\n";
    empty_hole: "let x = \"a ${} b\"\n";
    two_values_in_a_hole: "let x = \"a ${b c} d\"\n";
    unknown_escape: "let x = \"C:\\dir\"\n";
    unknown_characters: "let x = 1 @@ 2\n";
    curly_quotes: "let x = “hello”\n";
    single_quotes: "let x = 'hello'\n";
    hash_comment: "# the shop\nsecret key\n";
    block_comment: "/* the shop */\nsecret key\n";
    semicolons: "service api {\n    port = 80;\n    scale = 2;\n}\n";
    foreign_operators: "let x = a && !b || c\n";
    assignment_operator: "let x := 1\n";
    no_break_space: "let x =\u{a0}1\n";
    foreign_name: "let größe = 1\n";
    dash_in_a_name: "service shop-api {\n    port = 80\n}\n";
    spaced_quantity: "postgres db {\n    storage = 20 GiB\n}\n";
    string_after_a_dot: "service api {\n    env.\"A-B\" = 1\n}\n";
    name_in_quotes: "service \"api\" {\n    port = 80\n}\n";
    mistakes_after_a_quoted_name: "resource \"aws\" \"x\" {\n    port: 80\n    scale =\n}\n";
    colon_for_a_body: "service api:\n    port = 80\n    scale = 2\n";
    body_missing: "env prod\n    target = local {}\n    extends = dev\n";
    text_without_quotes: "service api {\n    run = image(ghcr.io/acme/x:1)\n}\n";
    ternary: "let x = c ? a : b\n";
    arrow_function: "let x = xs.map(y => y + 1)\n";
    function_with_braces: "fn f(x: Int): Int { x + 1 }\n";
    braces_in_a_head: "for k, v in { a = 1 } {\n    redis cache[k] {}\n}\nif {} == a {\n}\n";
    comma_before_a_message: "kind k {\n    n: Int\n    require n > 1, \"too few\"\n    require n < 9,\"too many\"\n}\n";
    single_equals: "test t {\n    assert = a = b\n}\n";
    two_commas: "let xs = [1,, 2]\n";
    no_declaration: "secret a\n\n1 + 2\nsecret b\n";
    unclosed_row: "let xs = [\n    { a = 1,\n    { a = 2 },\n]\nlet y = 2\n";
    brace_too_many: "service api {\n    env = {\n        A = 1\n    }\n    }\n    port = 80\n}\n";
    brace_on_its_own: "service api\n{\n    port = 80\n}\n";
    missing_name: "postgres {\n    version = 17\n}\n";
    missing_kind: "api {\n    port = 80\n}\n";
    lone_word: "postgres\nsecret key\n";
    missing_comma: "let xs = [1 2]\n";
    missing_comma_in_a_call: "let x = f(a b)\n";
    two_fields_on_a_line: "service api {\n    port = 80 scale = 2\n}\n";
    trailing_text: "secret key nonsense = 3\n";
    field_outside: "port = 8080\n";
    declaration_inside: "service api {\n    postgres db {}\n}\n";
    input_outside_of_a_kind: "service api {\n    port: Port\n}\n";
    out_outside_of_a_kind: "out url = 1\n";
    env_in_a_kind: "kind web {\n    env prod {}\n}\n";
    let_in_a_declaration: "service api {\n    let x = 1\n}\n";
    value_in_app: "app shop {\n    domain = \"x\"\n}\n";
    chained_comparison: "let x = 1 < y < 3\n";
    chained_range: "let x = 1..2..3\n";
    if_without_else: "let x = if a then b\n";
    if_without_then: "let x = if a { b } else { c }\n";
    match_without_arrow: "let x = match t { \"a\" = 1, \"b\" => 2 }\n";
    with_without_braces: "let x = a with b\n";
    is_without_pattern: "let x = a is\n";
    missing_field_name: "let x = db.\nlet y = 1\n";
    for_without_in: "for t of tenants {\n    secret key[t]\n}\n";
    for_without_body: "for t in tenants\n    secret key\n";
    comprehension_without_colon: "let x = [for q in queues q.name]\n";
    missing_type: "kind web {\n    port:\n    scale: Scale = 1\n}\n";
    missing_type_argument: "kind web {\n    env: Map<> = {}\n    port: Range<Int\n}\n";
    hole_in_a_type: "type Tier = \"gold ${x}\" | \"silver\"\n";
    hole_in_a_pattern: "let x = t is \"a${b}\"\n";
    use_of_nothing: "use acme\n";
    empty_path_in_use: "use acme.\nsecret key\n";
    policy_without_parameter: "policy p {\n    require = true\n}\n";
    env_without_name: "env {\n    target = local {}\n}\n";
    env_without_body: "env dev\n";
    moved_without_to: "moved a b\n";
    nested_too_deeply: concat!("let x = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "1", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
");
    many_prefixes: concat!("let x = ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "not not not not not not not not not not ", "y
");
    two_mistakes: "service api {\n    port: 80\n    scale =\n}\n\nworker {\n    run = 'x'\n}\n";
}

#[test]
fn not_utf8() {
    let file = "shop.plat".into();
    let told = decode(&file, b"let a = 1\nlet b = \"caf\xe9\"\n").unwrap_err();
    assert_eq!(told.code, "E0101");
    assert_eq!(told.message, "line 2 is not UTF-8 text");
    assert_eq!(told.notes, ["the byte at offset 22 is 0xE9"]);
    assert_eq!(decode(&file, "é".as_bytes()).unwrap(), "é");
}

#[test]
fn a_flood_of_mistakes_is_counted() {
    let text = "@ 1\n".repeat(1000);
    let parse = parse(&text);
    assert_eq!(parse.diagnostics.len(), 100);
    let last = parse.diagnostics.last().unwrap();
    assert_eq!(last.notes, ["900 more mistakes in this file are not shown"]);
}

#[test]
fn every_code_is_explained() {
    let mut told: Vec<String> = Vec::new();
    for (name, text) in CASES {
        for diagnostic in parse(text).diagnostics {
            let known = explain(diagnostic.code);
            assert!(
                known.is_some(),
                "{name}: {} has no explanation",
                diagnostic.code
            );
            told.push(diagnostic.code.to_owned());
        }
    }
    // And none is explained that nothing can tell, but for those of bytes, of giants and of the formatter.
    for explanation in EXPLANATIONS {
        let code = explanation.code;
        assert!(
            ["E0101", "E0102", "E0121"].contains(&code) || told.iter().any(|t| t == code),
            "nothing tells {code}"
        );
    }
}

/// The blocks of code in an explanation.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```plat\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn every_explanation_shows_its_mistake_and_the_repair() {
    for explanation in EXPLANATIONS {
        let code = explanation.code;
        let blocks = blocks(explanation.text);
        let Some((bad, good)) = blocks.first().zip(blocks.get(1)) else {
            assert!(
                ["E0101", "E0102", "E0106", "E0121"].contains(&code),
                "{code} shows nothing"
            );
            continue;
        };
        let told: Vec<&str> = parse(bad).diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(
            told,
            [code],
            "the first block has just this mistake:\n{bad}"
        );
        assert_eq!(
            parse(good).diagnostics,
            vec![],
            "the second block of {code} is right:\n{good}"
        );
    }
}

/// What is repaired by its fix is right.
#[test]
fn fixes_repair() {
    let mut fixed = 0;
    for (name, text) in CASES {
        let told = parse(text).diagnostics;
        if !told.is_empty() && told.iter().all(|d| d.fix.is_some()) {
            let repaired = common::fixed(text, &told);
            assert_eq!(parse(&repaired).diagnostics, vec![], "{name}:\n{repaired}");
            fixed += 1;
        }
    }
    assert!(fixed > 10);
}
