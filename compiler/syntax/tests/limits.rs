//! Files that are larger or deeper than anyone writes.

use plat_syntax::Parse;

fn parse(text: &str) -> Parse {
    plat_syntax::parse(&"shop.plat".into(), text)
}

#[test]
fn ten_megabytes_are_read() {
    let part = include_str!("fixtures/northstar/shop/shop.plat");
    let text = part.repeat(10_000_000 / part.len() + 1);
    let parsed = parse(&text);
    assert_eq!(parsed.diagnostics, vec![]);
    assert_eq!(parsed.items.len() % parse(part).items.len(), 0);
}

/// On a thread with the smallest stack that anyone gives one.
#[test]
fn ten_thousand_brackets_are_one_mistake() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let thread = small.spawn(|| {
        for (open, close) in [("[", "]"), ("(", ")"), ("{a=", "}"), ("f({b=[", "]})")] {
            let text = format!(
                "let x = {}1{}\nlet y =\n",
                open.repeat(10_000),
                close.repeat(10_000)
            );
            let codes: Vec<&str> = parse(&text).diagnostics.iter().map(|d| d.code).collect();
            assert_eq!(
                codes,
                ["E0106", "E0113"],
                "what stands after it is still read: {open}"
            );
        }
        for open in [
            "not ",
            "- ",
            "if a then ",
            "if a then b else ",
            "|x| ",
            "a + ",
            "a.b",
            "x is a | ",
            "f(1)",
        ] {
            let text = format!("let x = {}y\nlet y =\n", open.repeat(10_000));
            let codes: Vec<&str> = parse(&text).diagnostics.iter().map(|d| d.code).collect();
            assert_eq!(
                codes.last(),
                Some(&"E0113"),
                "what stands after it is still read: {open}"
            );
        }
    });
    thread.unwrap().join().unwrap();
}

/// What stands in a row is not nested: a program that writes programs may make a long one.
#[test]
fn a_thousand_in_a_row_are_fine() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let thread = small.spawn(|| {
        let rows = [
            ("1 + ", "1"),
            ("a and ", "b"),
            ("a ?? ", "b"),
            ("a or ", "b"),
            ("if a then b else ", "c"),
        ];
        for (row, end) in rows {
            let text = format!("let x = {}{end}\n", row.repeat(10_000));
            assert_eq!(parse(&text).diagnostics, vec![], "{row}");
            assert_eq!(plat_syntax::format(&"x.plat".into(), &text).unwrap(), text);
        }
        for row in [".b", "?.b", "(1)", "[1]", " with { b = 1 }"] {
            let text = format!("let x = a{}\n", row.repeat(10_000));
            assert_eq!(parse(&text).diagnostics, vec![], "{row}");
            assert_eq!(plat_syntax::format(&"x.plat".into(), &text).unwrap(), text);
        }
        let text = format!("if a {{}}{}\n", " else if a {}".repeat(10_000));
        assert_eq!(parse(&text).diagnostics, vec![]);
        assert_eq!(plat_syntax::format(&"x.plat".into(), &text).unwrap(), text);
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn as_deep_as_allowed_is_fine() {
    let text = format!("let x = {}1{}\n", "[".repeat(64), "]".repeat(64));
    assert_eq!(parse(&text).diagnostics, vec![]);
    assert_eq!(plat_syntax::format(&"x.plat".into(), &text).unwrap(), text);
}

/// What is too deep and never closed reaches up to the next item, and not over its documentation.
#[test]
fn items_stand_one_after_the_other() {
    let text = format!("type A{} = B\n\n/// Docs.\ntype C = D\n", "(".repeat(80));
    let items = parse(&text).items;
    let [first, second] = items.as_slice() else {
        panic!("{items:?}");
    };
    let end = first.tree.root().range().shifted(first.offset).end;
    assert!(end <= second.offset, "{end} {}", second.offset);
}
