//! What other languages write: it becomes the token that was meant, and a mistake that says so.

use super::{Comment, Lexer, offset};
use crate::kind::SyntaxKind as K;
use crate::mistake::Mistake;

impl Lexer<'_> {
    pub(super) fn foreign_line_comment(&mut self) {
        let len = self.line_len();
        let range = self.range(len);
        let trailing = !self.newline;
        self.lexed.comments.push(Comment {
            range,
            docs: false,
            trailing,
        });
        self.mistake(Mistake::ForeignComment {
            range,
            opening: self.range(1),
        });
        self.at += len;
    }

    pub(super) fn foreign_block_comment(&mut self) {
        let rest = self.rest();
        // Without an end it is this line only, so that the rest of the file is still read.
        let end = if self.no_block_end {
            None
        } else {
            rest.find("*/")
        };
        let len = end.map_or_else(|| self.line_len(), |end| end + 2);
        let range = self.range(len);
        let trailing = !self.newline;
        self.lexed.comments.push(Comment {
            range,
            docs: false,
            trailing,
        });
        self.mistake(Mistake::ForeignComment {
            range,
            opening: self.range(2),
        });
        let newline = rest
            .get(..len)
            .is_some_and(|comment| comment.contains('\n'));
        self.no_block_end |= end.is_none();
        self.newline |= newline;
        self.at += len;
    }

    pub(super) fn foreign_operator(
        &mut self,
        kind: K,
        len: usize,
        ours: &'static str,
    ) -> (K, usize) {
        let mistake = Mistake::ForeignOperator {
            range: self.range(len),
            ours,
        };
        self.mistake(mistake);
        (kind, len)
    }

    /// `'text'`, `“text”`: read as a string without holes.
    pub(super) fn foreign_string(&mut self, open: char) {
        let rest = self.rest();
        let inner = open.len_utf8();
        let closing = |c: char| match open {
            '\'' | '`' => c == open,
            _ => matches!(c, '“' | '”' | '„' | '‘' | '’' | '"'),
        };
        // Up to the end of the line, and no further: each quote looks ahead on its own.
        let after = rest.get(inner..).unwrap_or("").char_indices();
        let found = after
            .take_while(|(_, c)| *c != '\n')
            .find(|(_, c)| closing(*c));
        let Some((len, close)) = found else {
            self.unknown();
            return;
        };
        let range = self.range(inner + len + close.len_utf8());
        self.mistake(Mistake::ForeignString {
            range,
            open_len: offset(inner),
            close_len: offset(close.len_utf8()),
        });
        self.push(K::StringStart, inner);
        if len > 0 {
            self.push(K::StringText, len);
        }
        self.push(K::StringEnd, close.len_utf8());
    }

    pub(super) fn foreign_word(&mut self) {
        let rest = self.rest();
        let len = rest
            .char_indices()
            .find(|(_, c)| !(c.is_alphanumeric() || *c == '_'))
            .map_or(rest.len(), |(i, _)| i);
        let mistake = Mistake::ForeignName {
            range: self.range(len),
        };
        self.mistake(mistake);
        self.push(K::Ident, len);
    }

    pub(super) fn beyond_ascii(&mut self) {
        let Some(c) = self.rest().chars().next() else {
            self.at = self.text.len();
            return;
        };
        match c {
            '“' | '”' | '„' | '‘' | '’' => self.foreign_string(c),
            c if c.is_alphabetic() => self.foreign_word(),
            c if c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}') => {
                let mistake = Mistake::ForeignBlank {
                    range: self.range(c.len_utf8()),
                    c,
                };
                self.mistake(mistake);
                self.at += c.len_utf8();
            }
            _ => self.unknown(),
        }
    }

    /// A run of characters that no token begins with is one token, and one mistake.
    pub(super) fn unknown(&mut self) {
        let known = |c: char| {
            c.is_alphanumeric() || c.is_whitespace() || "{}[](),:;.?=!<>+-*/|_\"#".contains(c)
        };
        let rest = self.rest();
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let more = rest.get(first..).unwrap_or("");
        let len = first + more.find(known).unwrap_or(more.len());
        let mistake = Mistake::UnknownText {
            range: self.range(len),
        };
        self.mistake(mistake);
        self.push(K::Unknown, len);
    }
}
