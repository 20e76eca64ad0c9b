//! The tree of each construct, and what the typed view says of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use plat_syntax::ast::*;
use plat_syntax::{Parse, Tree};
use std::fmt::Write;

fn parse(text: &str) -> Parse {
    let parsed = plat_syntax::parse(&"shop.plat".into(), text);
    assert_eq!(parsed.diagnostics, vec![], "{text}");
    parsed
}

fn tree(text: &str) -> Tree {
    parse(text).items.into_iter().next().unwrap().tree
}

/// Holds the trees of some texts to one snapshot.
macro_rules! check {
    ($($name:ident: $($text:expr),+;)*) => { $(
        #[test]
        fn $name() {
            let mut out = String::new();
            for text in [$($text),+] {
                for line in text.lines() {
                    writeln!(out, "| {line}").unwrap();
                }
                for item in parse(text).items {
                    writeln!(out, "{:?}", item.tree).unwrap();
                }
            }
            insta::assert_snapshot!(stringify!($name), out);
        }
    )* };
}

check! {
    app: "app shop", "app shop { domain: String, search: Bool = false }";
    uses: "use a.b.{c, d as e}", "use a.b.c", "use a.b as c";
    kinds: "pub extern kind postgres is resource {}", "abstract kind workload", "kind web {\n    run: Run\n    replicas = 3\n}";
    inputs: "kind k {\n    /// How much.\n    size: Bytes? = 1GiB changes grow_only open\n    mode: Mode changes replace = a\n}";
    outs: "kind k {\n    out url: secret later Url grants read_write\n    implicit out main = url grants read\n    out roles: Map<{ url: secret Url grants app }>\n}";
    requires: "kind k {\n    require size > 1GiB\n    require (a) else \"too ${small}\"\n}";
    units: "unit req", "unit kreq = 1000req", "unit MiB: Bytes = 1024KiB";
    functions: "fn f(a: [String], b: Int = 1): Run = g(a)", "fn g() = 1";
    environments: "env prod { target = local {}, set = { a.b = 1, c[\"x\"].d = 2 } }", "env preview[pr: Int where 1..9] {\n    each worker { scale = 1 }\n}";
    policies: "policy p(db: postgres) { require = db.backup != none }", "waive p for shop.db[\"a\"] { reason = \"r\" }", "test t { assert = true }";
    moves: "moved a.b[\"k\"] to c";
    declarations: "secret key", "worker w[q.name] { scale = 1 }", "pub service api { env[\"A\"] = 1 }";
    choices: "if a { secret b } else if c {} else { secret d }", "for k, v in m { secret s[k] }";
    variants: "type Probe =\n    /// By HTTP.\n    | http(path: String, every: Duration = 10s)\n    /// Just a port.\n    | tcp\n    | Other", "type Scale = implicit fixed(count: Int) { let min = self.count }";
    types: "type T = Int where 1..65535", "type T = String where |s| s != \"\"", "type T = \"a\" | \"b\"", "type T = { a: [Int]?, b: fn(Int): Bool }", "type T = Map<Range<Int>>", "type T = secret (\"a\" | 5)";
    labels: "let a: secret later Url = x", "let b: secret = x";
    literals: "let x = [1, 1.5, 512MiB, 70%, true, none, \"a\", 1..2]";
    strings: "let x = \"a ${b.c} d ${\"e ${f}\"}\"", "let y = \"\"\"\n    a\n      ${b}\n    \"\"\"";
    postfix: "let x = a.b?.c[0](1, d: 2).match";
    operators: "let x = a or not b and c == d ?? e + f * -g", "let y = (a + b) / c - d in e", "let z = a is some(b) and c";
    withs: "let x = a ?? b with { c.d = 1 } == e";
    ranges: "let x = a.min..b + 1";
    records: "let x = { a = 1, \"/b\" = 2, \"${c}\" = 3, if = 4 }", "let y = kubernetes { context = \"c\" }", "let z = a.b {}";
    comprehensions: "let x = [for q in queues for r in q.all if r.big: r.name]", "let y = {for k, v in m: \"${k}\" = v}";
    closures: "let x = xs.map(|x, y| x + y)";
    matches: "let x = match t { \"a\" | \"b\" => 1, some(x) => x, http(path: p, _) => p, 1..5 => 2, -1 => 3, _ => none }";
    conditionals: "let x = if a then b else if c then d else e";
    heads: "for x in match y { _ => z } {}", "if x == (local {}) {}";
    continued: "let x = a\n    .b\n    ?? c\n    and d\nlet y = 1";
    not_continued: "let x = [\n    a\n    (b)\n    -c\n    [d]\n]";
    words_as_names: "service s {\n    env = 1\n    test = 2\n    in = 3\n    for.if = 4\n    type = app\n}";
    calls_of_in: "let x = in(prod, a.b) > in(staging, a.b)";
}

#[test]
fn names_and_documentation() {
    let tree = tree("/// The shop's server.\n///\n///   indented\npub service api { port = 80 }");
    let item = tree.item();
    assert_eq!(item.docs().unwrap(), "The shop's server.\n\n  indented");
    assert!(item.is_pub());
    let Item::Decl(decl) = item else {
        panic!("{item:?}")
    };
    assert_eq!(decl.kind().unwrap().as_name().unwrap().text(), "service");
    assert_eq!(decl.name().unwrap().text(), "api");
    let field = decl.fields().next().unwrap();
    assert_eq!(field.path().unwrap().node().text(), "port");
}

/// The value of `let x = …`.
fn value(text: &str, see: impl FnOnce(Expr<'_>)) {
    let tree = tree(&format!("let x = {text}"));
    let Item::Let(item) = tree.item() else {
        panic!("{tree:?}")
    };
    see(item.value().unwrap());
}

fn plain(text: &str) -> String {
    let mut plain = None;
    value(text, |expr| {
        let Expr::StringLit(string) = expr else {
            panic!("{expr:?}")
        };
        plain = string.plain();
    });
    plain.unwrap()
}

#[test]
fn what_strings_say() {
    assert_eq!(plain(r#""""#), "");
    assert_eq!(plain(r#""a\n\t\"\\\$\u{1F600}""#), "a\n\t\"\\$\u{1F600}");
    assert_eq!(
        plain("\"\"\"\n    a\n      b\n\n    c\n    \"\"\""),
        "a\n  b\n\nc\n"
    );
    assert_eq!(plain("\"\"\"\n    a\n    b\"\"\""), "a\nb");
    assert_eq!(
        plain("\"\"\"\n      a\n    \"\"\""),
        "  a\n",
        "the closing quotes count"
    );
    assert_eq!(plain("\"\"\"\r\n    a\r\n    \"\"\""), "a\n");
    assert_eq!(plain("\"\"\"a \"quoted\" word\"\"\""), "a \"quoted\" word");
    assert_eq!(plain("\"\"\"\n    \"\"\""), "");
}

#[test]
fn holes_keep_their_place() {
    value("\"\"\"\n    a ${b}\n    ${c}d\n    \"\"\"", |expr| {
        let Expr::StringLit(string) = expr else {
            panic!("{expr:?}")
        };
        assert_eq!(string.plain(), None);
        let said: Vec<String> = string
            .parts()
            .iter()
            .map(|part| match part {
                StringPart::Text(text) => format!("{text:?}"),
                StringPart::Hole(hole) => hole.node().text().to_owned(),
            })
            .collect();
        assert_eq!(said, ["\"a \"", "b", "\"\\n\"", "c", "\"d\\n\""]);
    });
}

#[test]
fn what_numbers_say() {
    let number = |text: &str| {
        let mut seen = None;
        value(text, |expr| {
            let Expr::NumberLit(number) = expr else {
                panic!("{expr:?}")
            };
            seen = Some((
                number.digits(),
                number.unit().map(str::to_owned),
                number.is_int(),
            ));
        });
        seen.unwrap()
    };
    assert_eq!(number("1_000"), (Some((1000, 0)), None, true));
    assert_eq!(
        number("1.50GiB"),
        (Some((150, 2)), Some("GiB".to_owned()), false)
    );
    assert_eq!(number("70%"), (Some((70, 0)), Some("%".to_owned()), false));
    assert_eq!(number(&"9".repeat(60)).0, None);
}

#[test]
fn operators_and_their_sides() {
    value("a + b * c", |expr| {
        let Expr::Binary(sum) = expr else {
            panic!("{expr:?}")
        };
        assert_eq!(sum.op(), Some(BinaryOp::Add));
        assert_eq!(sum.left().unwrap().as_name().unwrap().text(), "a");
        assert_eq!(sum.right().unwrap().node().text(), "b * c");
    });
    value("not a.b", |expr| {
        let Expr::Unary(not) = expr else {
            panic!("{expr:?}")
        };
        assert_eq!(
            (not.op(), not.operand().unwrap().node().text()),
            (UnaryOp::Not, "a.b")
        );
    });
}

#[test]
fn a_broken_item_keeps_its_sound_parts() {
    let parsed = plat_syntax::parse(
        &"x.plat".into(),
        "service api {\n    run = db.\n    port = 80\n}\nsecret key\n",
    );
    assert_eq!(parsed.diagnostics.len(), 1);
    let first = &parsed.items.first().unwrap().tree;
    let Item::Decl(decl) = first.item() else {
        panic!("{first:?}")
    };
    let paths: Vec<&str> = decl
        .fields()
        .map(|f| f.path().unwrap().node().text())
        .collect();
    assert_eq!(paths, ["run", "port"]);
    let Some(Expr::FieldAccess(access)) = decl.fields().next().unwrap().value() else {
        panic!("{first:?}")
    };
    assert_eq!(access.base().unwrap().node().text(), "db");
    assert!(access.name().is_none());
    assert_eq!(parsed.items.len(), 2);
}
