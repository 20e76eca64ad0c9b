//! No construct loses a label: a secret and a later value are put through every one of them, and
//! what comes out may neither be shown nor decide on anything.

use plat_syntax::Severity;

use crate::common::{database, project};

/// What the templates use. `S` is a text, `N` a number, with or without a label.
const HEAD: &str = r#"app lab

secret token
postgres db {}

type Box = box(content: secret later String, size: Int = 1)
type Maybe = { a: secret later String, b: Int }

fn pass(s: secret later String): secret later String = s

kind holder {
    v: secret later String
    out w = "<${v}>"
}

let n: NUMBER Int = 3
let four = ["a", "b", "c", "d"]
let plain: String = "s"
let o: secret later String? = S
let m: Map<secret later String> = { a = S }
let r: Maybe = { a = S, b = 1 }
holder h { v = S }
"#;

/// Texts that are made of `S`.
const TEXTS: &[&str] = &[
    r#"S"#,
    r#""a${S}b""#,
    r#"(S)"#,
    r#"if true then S else "x""#,
    r#"if true then "x" else S"#,
    r#"match 1 { 1 => "x", _ => S }"#,
    r#"match S { x => x }"#,
    r#"["a", S].first() ?? "x""#,
    r#"["a", S].last() ?? "x""#,
    r#"["a", S].reverse().join()"#,
    r#"[["a", S]].flatten().join()"#,
    r#"(["a"] + [S]).join()"#,
    r#"["a"].join(S)"#,
    r#"[for x in [S]: x].join()"#,
    r#"[for x in ["a"]: "${x}${S}"].join()"#,
    r#"[for x in ["a"] if x == "a": S].join()"#,
    r#"[for k, x in { a = S }: x].join()"#,
    r#"{for x in ["a"]: "${x}" = S}.values().join()"#,
    r#"[S].map(|x| x).join()"#,
    r#"[S].map(|x| "${x}!").join()"#,
    r#"["a"].map(|x| "${x}${S}").join()"#,
    r#"["a", S].filter(|x| true).join()"#,
    r#"["a", S].sort_by(|x| 1).join()"#,
    r#"{ a = "x", b = S }.values().join()"#,
    r#"{ a = "x", b = S }.b"#,
    r#"({ a = "x", b = S } with { a = "y" }).b"#,
    r#"m["a"]"#,
    r#"m.a"#,
    r#"(m with { b = "x" }).values().join()"#,
    r#"r.a"#,
    r#"o ?? "x""#,
    r#"["x"].map(|x| o ?? x).join()"#,
    r#"match box(S) { box(c) => c }"#,
    r#"match box(S) { box(c, size: 1) => c, _ => "x" }"#,
    r#"pass(S)"#,
    r#"h.w"#,
    r#"h.v"#,
    r#"json(S)"#,
    r#"json([S])"#,
    r#"json({ a = { b = [S] } })"#,
    r#"json(r)"#,
    r#"json(box(S))"#,
    r#"yaml({ a = S })"#,
    r#"toml({ a = S })"#,
    r#"url_encode(S)"#,
    r#"base64(S)"#,
    r#"sha256(S)"#,
    r#"lower(S)"#,
    r#"upper(S)"#,
    r#"S.trim()"#,
    r#"replace(S, "a", "b")"#,
    r#"replace("a", S, "b")"#,
    r#"split(S, ",").join()"#,
    r#"[S].sort().join()"#,
    r#"["a", S].unique().join()"#,
    r#"min("a", S)"#,
    r#"[S].max() ?? "x""#,
    r#"text(n)"#,
    r#""${n}""#,
];

/// Questions about `S` and `n`, whose answers tell of them.
const CONDITIONS: &[&str] = &[
    r#"S == "a""#,
    r#""a" == S"#,
    r#"S != "a""#,
    r#"S < "b""#,
    r#"S in ["a"]"#,
    r#""a" in [S]"#,
    r#""a" in { a = S }.values()"#,
    r#"[S] == ["a"]"#,
    r#"{ a = S } == { a = "b" }"#,
    r#"r == { a = "b", b = 1 }"#,
    r#"m == { a = "b" }"#,
    r#"box(S) == box("a")"#,
    r#"[S].contains("a")"#,
    r#"["a"].contains(S)"#,
    r#"S.contains("a")"#,
    r#"S.starts_with("a")"#,
    r#"S.ends_with("a")"#,
    r#"S.matches("a")"#,
    r#"[S].any(|x| x == "a")"#,
    r#"[S].all(|x| x == "a")"#,
    r#"[S].filter(|x| x == "a") == []"#,
    r#"["b", S].sort().length() == 2"#,
    r#"["b", S].unique().length() == 1"#,
    r#"["b", "a"].sort_by(|x| S).length() == 2"#,
    r#"length(S) == 1"#,
    r#"S is "a""#,
    r#"o is some("a")"#,
    r#"o == none"#,
    r#"box(S) is box("a")"#,
    r#"box(S) is box("a" | "b")"#,
    r#"match box(S) { box("a") => true, _ => false }"#,
    r#"match S { "a" => true, _ => false }"#,
    r#"{for x in ["a"]: "${S}" = x}.length() == 1"#,
    r#"n == 3"#,
    r#"n > 1"#,
    r#"n in [1, 2]"#,
    r#"n in 1..2"#,
    r#"2 in 1..n"#,
    r#"-n == 3"#,
    r#"n + 1 == 3"#,
    r#"abs(n) == 3"#,
    r#"floor(n) == 3"#,
    r#"[n].sum() == 3"#,
    r#"min(n, 1) == 3"#,
    r#"[n].max() == 3"#,
    r#"(1..n).max == 3"#,
    r#"[for i in 1..n: i].length() == 3"#,
    r#"four[n] == "b""#,
    r#"n is 1..5"#,
    r#"match n { 1 => true, _ => false }"#,
];

fn program(use_: &str, text: &str, number: &str) -> String {
    let source = format!(
        "{HEAD}\nworker w {{\n    run = image(\"a/b:1\")\n    {use_}\n}}\n\nenv dev {{ target = local {{}} }}\n"
    );
    let mut out = String::new();
    // `S` stands alone: no letter of a longer name.
    let mut before = ' ';
    for c in source.chars() {
        if c == 'S' && !before.is_alphanumeric() && !out.ends_with("secret ") {
            out.push('\u{1}');
        } else {
            out.push(c);
        }
        before = c;
    }
    out.replace("\u{1}tring", "String")
        .replace('\u{1}', text)
        .replace("NUMBER ", number)
}

fn codes(source: &str) -> Vec<String> {
    let database = database(project(source));
    let found = database.diagnostics();
    let errors = found.iter().filter(|d| d.severity == Severity::Error);
    errors.map(|d| d.code.to_string()).collect()
}

fn uses() -> impl Iterator<Item = String> {
    let texts = TEXTS.iter().map(|t| format!("labels = {{ x = {t} }}"));
    let conditions = CONDITIONS
        .iter()
        .map(|t| format!("scale = if ({t}) then 1 else 2"));
    texts.chain(conditions)
}

#[test]
fn no_construct_loses_a_label() {
    let mut lost = Vec::new();
    for use_ in uses() {
        for (what, text, number) in [
            ("a secret", "\"${token}\"", "secret "),
            ("a later value", "db.host", "later "),
        ] {
            let found = codes(&program(&use_, text, number));
            let refused = ["E0401", "E0402", "E0403"];
            if found.is_empty() || !found.iter().all(|c| refused.contains(&c.as_str())) {
                lost.push(format!("{what} in `{use_}`: {found:?}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Else the test above would hold for programs that are wrong anyway.
#[test]
fn without_a_label_each_is_right() {
    let head = HEAD.replace("secret later ", "");
    assert_ne!(head, HEAD);
    let mut wrong = Vec::new();
    for use_ in uses() {
        let source = program(&use_, "plain", "").replace("secret later ", "");
        let found = codes(&source);
        if !found.is_empty() {
            wrong.push(format!("`{use_}`: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_function_fits_only_where_nothing_is_done_to_what_goes_through() {
    for (given, wanted, fits) in [
        ("fn(String): String", "fn(secret String): String", false),
        ("fn(String): secret String", "fn(String): String", false),
        ("fn(Int): String", "fn(Int?): String", false),
        ("fn(String): String", "fn(Int): String", false),
        ("fn(Int): Int", "fn(Int): Size", false),
        ("fn(secret String): String", "fn(String): String", true),
        ("fn(Int?): Int", "fn(Int): Int?", true),
    ] {
        let source = format!(
            "type Size = implicit of(count: Int)\n\
             fn pass(given: {given}): {wanted} = given\n"
        );
        let found = codes(&source);
        assert_eq!(found.is_empty(), fits, "{given} into {wanted}: {found:?}");
    }
}
