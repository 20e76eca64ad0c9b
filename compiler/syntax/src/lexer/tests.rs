//! The lexer loses nothing, and tells tokens apart.

use super::lex;
use crate::kind::SyntaxKind as K;
use proptest::prelude::*;

/// The kinds and texts of the tokens.
fn tokens(text: &str) -> Vec<(K, &str)> {
    let lexed = lex(text);
    lexed
        .tokens
        .iter()
        .map(|t| (t.kind, t.range().slice(text)))
        .filter(|(k, _)| *k != K::Eof)
        .collect()
}

fn kinds(text: &str) -> Vec<K> {
    tokens(text).into_iter().map(|(kind, _)| kind).collect()
}

/// Each byte is of a token, of a comment, or blank.
fn lossless(text: &str) {
    let lexed = lex(text);
    let mut ranges: Vec<_> = lexed.tokens.iter().map(|t| t.range()).collect();
    assert!(ranges.is_sorted(), "tokens stand in order");
    ranges.extend(lexed.comments.iter().map(|c| c.range));
    ranges.sort();
    let mut end = 0;
    for range in ranges {
        assert!(
            end <= range.start,
            "nothing overlaps at {range:?} in {text:?}"
        );
        let gap = text.get(end as usize..range.start as usize).unwrap();
        let blank =
            |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}');
        assert!(gap.chars().all(blank), "{gap:?} is lost in {text:?}");
        end = range.end;
    }
    assert_eq!(end as usize, text.len(), "the last token is the end");
    let closed = |open: K, close: K| {
        let count = |kind| lexed.tokens.iter().filter(|t| t.kind == kind).count();
        assert_eq!(count(open), count(close), "{open:?} in {text:?}");
    };
    closed(K::InterpStart, K::InterpEnd);
    let starts = lexed
        .tokens
        .iter()
        .filter(|t| matches!(t.kind, K::StringStart | K::BlockStart))
        .count();
    assert_eq!(
        starts,
        lexed
            .tokens
            .iter()
            .filter(|t| t.kind == K::StringEnd)
            .count(),
        "{text:?}"
    );
}

proptest! {
    #[test]
    fn nothing_is_lost(text in "(?s).{0,80}") {
        lossless(&text);
    }

    #[test]
    fn nothing_is_lost_of_code(text in "[a-z0-9{}\\[\\]()\"$\\\\/#*'“ \n\r\t.,:=?!&|;@é]{0,80}") {
        lossless(&text);
    }
}

#[test]
fn numbers_and_ranges() {
    assert_eq!(kinds("1..65535"), [K::Int, K::DotDot, K::Int]);
    assert_eq!(kinds("1.5..2.5"), [K::Decimal, K::DotDot, K::Decimal]);
    assert_eq!(kinds("1_000"), [K::Int]);
    assert_eq!(tokens("1.5GiB"), [(K::Quantity, "1.5GiB")]);
    assert_eq!(tokens("70%"), [(K::Quantity, "70%")]);
    assert_eq!(
        tokens("80%..90%"),
        [
            (K::Quantity, "80%"),
            (K::DotDot, ".."),
            (K::Quantity, "90%")
        ]
    );
    assert_eq!(
        tokens("900USD/1month"),
        [
            (K::Quantity, "900USD"),
            (K::Slash, "/"),
            (K::Quantity, "1month")
        ]
    );
    assert_eq!(kinds("1.x"), [K::Int, K::Dot, K::Ident]);
}

#[test]
fn strings_nest() {
    assert_eq!(
        tokens(r#""a ${f("b ${c}")} d""#),
        [
            (K::StringStart, "\""),
            (K::StringText, "a "),
            (K::InterpStart, "${"),
            (K::Ident, "f"),
            (K::LParen, "("),
            (K::StringStart, "\""),
            (K::StringText, "b "),
            (K::InterpStart, "${"),
            (K::Ident, "c"),
            (K::InterpEnd, "}"),
            (K::StringEnd, "\""),
            (K::RParen, ")"),
            (K::InterpEnd, "}"),
            (K::StringText, " d"),
            (K::StringEnd, "\""),
        ]
    );
}

#[test]
fn braces_in_a_hole_are_its_own() {
    assert_eq!(
        kinds(r#""${ {a = 1}.a }""#),
        [
            K::StringStart,
            K::InterpStart,
            K::LBrace,
            K::Ident,
            K::Eq,
            K::Int,
            K::RBrace,
            K::Dot,
            K::Ident,
            K::InterpEnd,
            K::StringEnd
        ]
    );
}

#[test]
fn a_dollar_without_a_brace_is_text() {
    assert_eq!(
        tokens(r#""a$b \${c}""#).get(1),
        Some(&(K::StringText, r"a$b \${c}"))
    );
    assert!(lex(r#""a$b \${c}""#).mistakes.is_empty());
}

#[test]
fn documentation_is_what_stands_right_before() {
    let docs = |text: &str| lex(text).tokens.first().unwrap().docs;
    assert!(docs("/// a\n/// b\nx"));
    assert!(docs("/// a\n    x"));
    assert!(!docs("/// a\n\nx"));
    assert!(!docs("// a\nx"));
    assert!(!docs("//// a\nx"));
    assert_eq!(lex("/// a\n/// b\n\n/// c\n").comments.len(), 2);
}

#[test]
fn lines_and_columns_are_known() {
    let seen: Vec<_> = lex("a b\n  c\nd")
        .tokens
        .iter()
        .map(|t| (t.newline, t.column_zero))
        .collect();
    assert_eq!(
        seen,
        [
            (true, true),
            (false, false),
            (true, false),
            (true, true),
            (true, false)
        ]
    );
}
