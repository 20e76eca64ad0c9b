//! Text to tokens. Lossless, and never fails.
//!
//! Every byte of the text belongs to a token, to a comment of the side table, or to the blanks between
//! them. What no token begins with becomes [`SyntaxKind::Unknown`] and a mistake; what other languages
//! write (`&&`, `;`, `#`) becomes the token that was meant, and a mistake that says so. Strings nest
//! (`"a ${f("b")}"`) by a stack on the heap, and each that is cut off gets its missing ends as empty
//! tokens, so that whoever reads the tokens finds every string closed.

mod foreign;
mod strings;
#[cfg(test)]
mod tests;

use crate::kind::SyntaxKind as K;
use crate::mistake::Mistake;
use crate::strings as literals;
use crate::tree::TextRange;

/// A word that is a keyword only in its place; told apart here so that the parser compares bytes once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Word {
    /// Any other word.
    Other,
    Abstract,
    App,
    As,
    Changes,
    Each,
    Env,
    Extern,
    Fn,
    Grants,
    Implicit,
    Kind,
    Later,
    Live,
    Moved,
    Open,
    Out,
    Policy,
    Pub,
    Require,
    Secret,
    Test,
    To,
    Type,
    Unit,
    Use,
    Waive,
    Where,
    Underscore,
}

impl Word {
    fn of(text: &str) -> Word {
        match text {
            "abstract" => Word::Abstract,
            "app" => Word::App,
            "as" => Word::As,
            "changes" => Word::Changes,
            "each" => Word::Each,
            "env" => Word::Env,
            "extern" => Word::Extern,
            "fn" => Word::Fn,
            "grants" => Word::Grants,
            "implicit" => Word::Implicit,
            "kind" => Word::Kind,
            "later" => Word::Later,
            "live" => Word::Live,
            "moved" => Word::Moved,
            "open" => Word::Open,
            "out" => Word::Out,
            "policy" => Word::Policy,
            "pub" => Word::Pub,
            "require" => Word::Require,
            "secret" => Word::Secret,
            "test" => Word::Test,
            "to" => Word::To,
            "type" => Word::Type,
            "unit" => Word::Unit,
            "use" => Word::Use,
            "waive" => Word::Waive,
            "where" => Word::Where,
            "_" => Word::Underscore,
            _ => Word::Other,
        }
    }
}

/// A token: its kind, its place, and what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: K,
    pub(crate) word: Word,
    /// Is it the first token of its line?
    pub(crate) newline: bool,
    /// Does it stand at the very beginning of its line?
    pub(crate) column_zero: bool,
    /// Does a run of `///` lines stand right before it?
    pub(crate) docs: bool,
    /// Is it a word that begins with a small letter?
    pub(crate) small: bool,
    /// How many bytes stand before it on its line.
    pub(crate) column: u16,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Token {
    /// What stands for a token where there is none.
    pub(crate) const END: Token = Token {
        kind: K::Eof,
        word: Word::Other,
        newline: true,
        column_zero: false,
        docs: false,
        small: false,
        column: 0,
        start: 0,
        end: 0,
    };

    pub(crate) fn range(&self) -> TextRange {
        TextRange::new(self.start, self.end)
    }
}

/// A comment, or a run of `///` lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Comment {
    pub(crate) range: TextRange,
    pub(crate) docs: bool,
    /// Does a token stand before it on its line?
    pub(crate) trailing: bool,
}

/// What the lexer gives.
pub(crate) struct Lexed {
    /// The last is always [`SyntaxKind::Eof`].
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// What is open around the place that is being read.
enum Frame {
    /// In the text of a string.
    Text { start: u32, block: bool },
    /// In `${ … }`, with the number of `{` open in it.
    Hole { start: u32, braces: u32 },
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    frames: Vec<Frame>,
    newline: bool,
    docs: bool,
    /// Documentation stands before the comma that was just read: it is that of what follows on its line or the next.
    docs_before_comma: Option<u8>,
    /// Where the line begins.
    line: usize,
    /// No `*/` stands in the rest of the text: so that nobody looks for one again and again.
    no_block_end: bool,
    lexed: Lexed,
}

/// Reads tokens. The text must be shorter than 4 GiB.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        at: 0,
        frames: Vec::new(),
        newline: true,
        docs: false,
        docs_before_comma: None,
        line: 0,
        no_block_end: false,
        lexed: Lexed {
            tokens: Vec::with_capacity(text.len() / 4),
            comments: Vec::new(),
            mistakes: Vec::new(),
        },
    };
    lexer.run();
    lexer.lexed
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'t> Lexer<'t> {
    fn byte(&self, ahead: usize) -> u8 {
        // A NUL in the text is no token either, so that it may stand for the end.
        self.text
            .as_bytes()
            .get(self.at + ahead)
            .copied()
            .unwrap_or(0)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn run(&mut self) {
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
            self.line = self.at;
        }
        while self.at < self.text.len() {
            match self.frames.last() {
                Some(Frame::Text { block, .. }) => {
                    let block = *block;
                    self.string_text(block);
                }
                _ => self.code(),
            }
        }
        self.close_all();
        self.newline = true;
        let end = self.text.len();
        self.push_at(K::Eof, end, end);
    }

    fn push(&mut self, kind: K, len: usize) {
        self.push_at(kind, self.at, self.at + len);
        self.at += len;
    }

    fn push_at(&mut self, kind: K, start: usize, end: usize) {
        let word = if kind == K::Ident {
            Word::of(self.text.get(start..end).unwrap_or(""))
        } else {
            Word::Other
        };
        if let Some(0 | 1) = self.docs_before_comma.take() {
            self.docs = true;
        }
        if kind == K::Comma && self.docs {
            self.docs_before_comma = Some(0);
        }
        let column = start.saturating_sub(self.line);
        self.lexed.tokens.push(Token {
            kind,
            word,
            newline: self.newline,
            column_zero: column == 0 && self.newline,
            docs: self.docs,
            column: u16::try_from(column).unwrap_or(u16::MAX),
            small: self
                .text
                .as_bytes()
                .get(start)
                .is_some_and(u8::is_ascii_lowercase),
            start: offset(start),
            end: offset(end),
        });
        self.newline = false;
        self.docs = false;
    }

    fn mistake(&mut self, mistake: Mistake) {
        self.lexed.mistakes.push(mistake);
    }

    /// The range of the next `len` bytes.
    fn range(&self, len: usize) -> TextRange {
        TextRange::new(offset(self.at), offset(self.at + len))
    }

    // ---- between strings

    fn code(&mut self) {
        let b = self.byte(0);
        match b {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\n' => self.line_end(),
            b'/' if self.byte(1) == b'/' => self.comment(),
            b'/' if self.byte(1) == b'*' => self.foreign_block_comment(),
            b'#' => self.foreign_line_comment(),
            b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'"' => self.string_start(),
            b'\'' | b'`' => self.foreign_string(char::from(b)),
            b if b.is_ascii() => self.punctuation(b),
            _ => self.beyond_ascii(),
        }
    }

    fn line_end(&mut self) {
        // A hole stands on one line: so a `}` that is missing spoils no more than that line.
        if let Some(Frame::Hole { .. }) = self.frames.last() {
            self.close_line();
            if !self.frames.is_empty() {
                return;
            }
        }
        self.newline = true;
        self.docs = false;
        if let Some(lines) = &mut self.docs_before_comma {
            *lines = lines.saturating_add(1);
        }
        self.at += 1;
        self.line = self.at;
        // A blank line parts documentation from what follows; see `comment`, which sets `docs` last.
    }

    fn word(&mut self) {
        let rest = self.rest();
        let len = rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || b == b'_'))
            .unwrap_or(rest.len());
        if rest
            .get(len..)
            .and_then(|r| r.chars().next())
            .is_some_and(char::is_alphanumeric)
        {
            self.foreign_word();
            return;
        }
        let kind = match rest.get(..len).unwrap_or("") {
            "and" => K::AndKw,
            "else" => K::ElseKw,
            "false" => K::FalseKw,
            "for" => K::ForKw,
            "if" => K::IfKw,
            "in" => K::InKw,
            "is" => K::IsKw,
            "let" => K::LetKw,
            "match" => K::MatchKw,
            "none" => K::NoneKw,
            "not" => K::NotKw,
            "or" => K::OrKw,
            "then" => K::ThenKw,
            "true" => K::TrueKw,
            "with" => K::WithKw,
            _ => K::Ident,
        };
        self.push(kind, len);
    }

    fn number(&mut self) {
        let rest = self.rest();
        let number = literals::number_len(rest);
        let unit_text = rest.get(number..).unwrap_or("");
        let unit = if unit_text.starts_with('%') {
            1
        } else if unit_text.starts_with(|c: char| c.is_alphabetic()) {
            unit_text
                .char_indices()
                .find(|(_, c)| !(c.is_alphanumeric() || *c == '_'))
                .map_or(unit_text.len(), |(i, _)| i)
        } else {
            0
        };
        let decimal = rest.get(..number).is_some_and(|n| n.contains('.'));
        let kind = match (unit, decimal) {
            (1.., _) => K::Quantity,
            (0, true) => K::Decimal,
            (0, false) => K::Int,
        };
        self.push(kind, number + unit);
    }

    fn punctuation(&mut self, b: u8) {
        let (kind, len) = match (b, self.byte(1)) {
            (b'{', _) => {
                if let Some(Frame::Hole { braces, .. }) = self.frames.last_mut() {
                    *braces += 1;
                }
                (K::LBrace, 1)
            }
            (b'}', _) => match self.frames.last_mut() {
                Some(Frame::Hole { braces: 0, .. }) => {
                    self.frames.pop();
                    (K::InterpEnd, 1)
                }
                Some(Frame::Hole { braces, .. }) => {
                    *braces -= 1;
                    (K::RBrace, 1)
                }
                _ => (K::RBrace, 1),
            },
            (b'[', _) => (K::LBracket, 1),
            (b']', _) => (K::RBracket, 1),
            (b'(', _) => (K::LParen, 1),
            (b')', _) => (K::RParen, 1),
            (b',', _) => (K::Comma, 1),
            (b':', b'=') => self.foreign_operator(K::Eq, 2, "="),
            (b':', _) => (K::Colon, 1),
            (b';', _) => self.foreign_operator(K::Comma, 1, ""),
            (b'.', b'.') => (K::DotDot, 2),
            (b'.', _) => (K::Dot, 1),
            (b'?', b'?') => (K::QuestionQuestion, 2),
            (b'?', b'.') => (K::QuestionDot, 2),
            (b'?', _) => (K::Question, 1),
            (b'=', b'=') => (K::EqEq, 2),
            (b'=', b'>') => (K::FatArrow, 2),
            (b'=', _) => (K::Eq, 1),
            (b'!', b'=') => (K::NotEq, 2),
            (b'!', _) => self.foreign_operator(K::NotKw, 1, "not "),
            (b'<', b'=') => (K::LtEq, 2),
            (b'<', _) => (K::Lt, 1),
            (b'>', b'=') => (K::GtEq, 2),
            (b'>', _) => (K::Gt, 1),
            (b'+', _) => (K::Plus, 1),
            (b'-', _) => (K::Minus, 1),
            (b'*', _) => (K::Star, 1),
            (b'/', _) => (K::Slash, 1),
            (b'|', b'|') => self.foreign_operator(K::OrKw, 2, "or"),
            (b'|', _) => (K::Pipe, 1),
            (b'&', b'&') => self.foreign_operator(K::AndKw, 2, "and"),
            _ => {
                self.unknown();
                return;
            }
        };
        self.push(kind, len);
    }

    // ---- comments

    fn line_len(&self) -> usize {
        let rest = self.rest();
        let len = rest.find('\n').unwrap_or(rest.len());
        rest.get(..len).unwrap_or("").trim_end().len()
    }

    fn comment(&mut self) {
        self.docs_before_comma = None;
        let trailing = !self.newline;
        let is_docs = |line: &str| line.starts_with("///") && !line.starts_with("////");
        if trailing || !is_docs(self.rest()) {
            let len = self.line_len();
            let range = self.range(len);
            self.lexed.comments.push(Comment {
                range,
                docs: false,
                trailing,
            });
            self.at += len;
            return;
        }
        // A run of `///` lines is one comment.
        let start = self.at;
        let mut end = self.at;
        loop {
            self.at += self.line_len();
            end = self.at.max(end);
            let rest = self.rest();
            let Some(after) = rest
                .trim_start_matches([' ', '\t', '\r'])
                .strip_prefix('\n')
            else {
                break;
            };
            let line = after.trim_start_matches([' ', '\t']);
            if !is_docs(line) {
                // What follows on the very next line is what is documented.
                if !line.trim_start_matches('\r').starts_with('\n') {
                    self.at += rest.len() - after.len();
                    self.line = self.at;
                    self.docs = true;
                }
                break;
            }
            self.at += rest.len() - line.len();
        }
        let range = TextRange::new(offset(start), offset(end));
        self.lexed.comments.push(Comment {
            range,
            docs: true,
            trailing: false,
        });
    }
}
