//! Strings, their holes, and what closes them where an end is missing.

use super::{Frame, Lexer, offset};
use crate::kind::SyntaxKind as K;
use crate::mistake::Mistake;
use crate::strings;
use crate::tree::TextRange;

impl Lexer<'_> {
    pub(super) fn string_start(&mut self) {
        let block = self.rest().starts_with("\"\"\"");
        let start = offset(self.at);
        if block {
            self.push(K::BlockStart, 3);
        } else {
            self.push(K::StringStart, 1);
        }
        self.frames.push(Frame::Text { start, block });
    }

    pub(super) fn string_text(&mut self, block: bool) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut len = 0;
        while let Some(b) = bytes.get(len) {
            match b {
                b'"' if !block => break,
                b'"' if rest.get(len..).is_some_and(|r| r.starts_with("\"\"\"")) => break,
                b'\n' if !block => break,
                b'$' if bytes.get(len + 1) == Some(&b'{') => break,
                b'\\' => match rest.get(len..).and_then(strings::escape_at) {
                    Some((_, escape)) => len += escape,
                    None => {
                        let next = rest.get(len + 1..).and_then(|r| r.chars().next());
                        let width = next.filter(|c| *c != '\n').map_or(0, char::len_utf8);
                        let start = offset(self.at + len);
                        let range = TextRange::new(start, start + offset(1 + width));
                        self.lexed.mistakes.push(Mistake::UnknownEscape { range });
                        len += 1 + width;
                    }
                },
                _ => len += 1,
            }
        }
        let stop = bytes.get(len).copied();
        if len > 0 {
            self.push(K::StringText, len);
        }
        match stop {
            Some(b'"') => {
                self.frames.pop();
                self.push(K::StringEnd, if block { 3 } else { 1 });
            }
            Some(b'$') => {
                let start = offset(self.at);
                self.push(K::InterpStart, 2);
                self.frames.push(Frame::Hole { start, braces: 0 });
            }
            Some(_) => self.close_line(),
            None => {}
        }
    }

    /// At the end of a line: closes what may not go on over it.
    pub(super) fn close_line(&mut self) {
        // The outermost string of one line that is open is the one to complain about: the rest follows.
        let open = self
            .frames
            .iter()
            .position(|f| matches!(f, Frame::Text { block: false, .. }));
        let keep = match open {
            Some(at) => {
                match (self.frames.get(at), self.frames.get(at + 1)) {
                    (_, Some(Frame::Hole { start, .. })) => {
                        let range = TextRange::new(*start, start + 2);
                        self.mistake(Mistake::OpenHole { range });
                    }
                    (Some(Frame::Text { start, .. }), _) => {
                        let range = TextRange::new(*start, offset(self.at));
                        self.mistake(Mistake::OpenString {
                            range,
                            block: false,
                        });
                    }
                    _ => {}
                }
                // A hole of a block string around it ends with it.
                at.saturating_sub(1)
            }
            None => {
                // Holes in block strings only.
                let Some(at) = self
                    .frames
                    .iter()
                    .rposition(|f| matches!(f, Frame::Hole { .. }))
                else {
                    return;
                };
                if let Some(Frame::Hole { start, .. }) = self.frames.get(at) {
                    let range = TextRange::new(*start, start + 2);
                    self.mistake(Mistake::OpenHole { range });
                }
                at
            }
        };
        self.close_to(keep);
    }

    /// At the end of the text.
    pub(super) fn close_all(&mut self) {
        if self
            .frames
            .iter()
            .any(|f| matches!(f, Frame::Text { block: false, .. }))
        {
            self.close_line();
        }
        if let Some(Frame::Text { start, .. }) = self.frames.first() {
            let range = TextRange::new(*start, start + 3);
            self.mistake(Mistake::OpenString { range, block: true });
        }
        self.close_to(0);
    }

    pub(super) fn close_to(&mut self, keep: usize) {
        while self.frames.len() > keep {
            match self.frames.pop() {
                Some(Frame::Text { .. }) => self.push(K::StringEnd, 0),
                Some(Frame::Hole { .. }) => self.push(K::InterpEnd, 0),
                None => {}
            }
        }
    }
}
