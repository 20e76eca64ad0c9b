//! Small breaks: one token left out, doubled, swapped, exchanged, or put on another line.

use crate::choice::Choices;
use crate::lexer::{Class, Token};

/// What an exchanged or added token may be.
const PIECES: &[(Class, &str)] = &[
    (Class::Word, "x"),
    (Class::Word, "not"),
    (Class::Word, "if"),
    (Class::Word, "then"),
    (Class::Word, "else"),
    (Class::Word, "for"),
    (Class::Word, "in"),
    (Class::Word, "is"),
    (Class::Word, "with"),
    (Class::Word, "match"),
    (Class::Word, "let"),
    (Class::Word, "none"),
    (Class::Word, "pub"),
    (Class::Word, "extern"),
    (Class::Word, "implicit"),
    (Class::Word, "kind"),
    (Class::Word, "fn"),
    (Class::Word, "env"),
    (Class::Word, "secret"),
    (Class::Word, "where"),
    (Class::Word, "require"),
    (Class::Word, "out"),
    (Class::Number, "3"),
    (Class::Punctuation, "{"),
    (Class::Punctuation, "}"),
    (Class::Punctuation, "["),
    (Class::Punctuation, "]"),
    (Class::Punctuation, "("),
    (Class::Punctuation, ")"),
    (Class::Punctuation, ","),
    (Class::Punctuation, ":"),
    (Class::Punctuation, "="),
    (Class::Punctuation, "=="),
    (Class::Punctuation, "=>"),
    (Class::Punctuation, "."),
    (Class::Punctuation, ".."),
    (Class::Punctuation, "?"),
    (Class::Punctuation, "?."),
    (Class::Punctuation, "??"),
    (Class::Punctuation, "|"),
    (Class::Punctuation, "<"),
    (Class::Punctuation, "+"),
    (Class::Punctuation, "-"),
    (Class::Punctuation, "*"),
];

/// Breaks the tokens in one place. Strings are left as they are, but for what stands in their holes.
pub fn mutate(tokens: &mut Vec<Token>, choices: &mut Choices<'_>) {
    let code: Vec<usize> = tokens
        .iter()
        .enumerate()
        .filter(|(_, t)| match t.class {
            Class::Quote | Class::Text => false,
            // The ends of holes are those of strings.
            Class::Punctuation => t.strings == 0,
            Class::Word | Class::Number => true,
        })
        .map(|(at, _)| at)
        .collect();
    if code.is_empty() {
        return;
    }
    let at = *choices.pick(&code);
    match choices.below(6) {
        0 => {
            let removed = tokens.remove(at);
            if let Some(next) = tokens.get_mut(at) {
                next.newline |= removed.newline && next.strings == 0;
            }
        }
        1 => {
            let mut again = tokens[at].clone();
            again.newline = false;
            tokens.insert(at + 1, again);
        }
        2 => {
            let other = *choices.pick(&code);
            let (a, b) = (tokens[at].newline, tokens[other].newline);
            if tokens[at].strings == tokens[other].strings {
                tokens.swap(at, other);
                (tokens[at].newline, tokens[other].newline) = (a, b);
            }
        }
        3 => tokens[at].newline = !tokens[at].newline && tokens[at].strings == 0,
        4 => {
            let (class, text) = *choices.pick(PIECES);
            let token = &mut tokens[at];
            if token.strings == 0 || class == Class::Word {
                (token.class, token.text) = (class, text.to_owned());
            }
        }
        _ => {
            let (class, text) = *choices.pick(PIECES);
            let token = Token {
                class,
                text: text.to_owned(),
                newline: tokens[at].newline && choices.chance(50),
                strings: 0,
            };
            if tokens[at].strings == 0 {
                tokens.insert(at, token);
            }
        }
    }
}
