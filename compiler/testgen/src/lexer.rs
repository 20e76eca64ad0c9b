//! Text to tokens, as the chapter on text says it: a second reading of it, so that it says enough.

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A name or a keyword.
    Word,
    /// A number with or without a unit.
    Number,
    /// Operators and brackets; also `${` and the `}` that ends it.
    Punctuation,
    /// `"` or `"""`, at either end.
    Quote,
    /// The characters between holes in a string.
    Text,
}

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub class: Class,
    /// Its characters.
    pub text: String,
    /// Does it begin a line?
    pub newline: bool,
    /// How many strings it stands in: a token of code with 1 or more stands in a hole.
    pub strings: usize,
}

/// The longest first.
const PUNCTUATION: &[&str] = &[
    "==", "!=", "<=", ">=", "=>", "??", "?.", "..", "{", "}", "[", "]", "(", ")", ",", ":", "=",
    ".", "?", "<", ">", "+", "-", "*", "/", "|",
];

/// What is open.
enum Open {
    String { block: bool },
    Hole { braces: usize },
}

/// The tokens of a text; none if it is not made of tokens alone (a string without an end, a character that means
/// nothing). Comments are left out.
pub fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut newline = true;
    while !rest.is_empty() {
        let strings = open
            .iter()
            .filter(|o| matches!(o, Open::String { .. }))
            .count();
        if let Some(Open::String { block }) = open.last() {
            let block = *block;
            let (len, ended) = string_text(rest, block)?;
            if len > 0 {
                push(&mut tokens, Class::Text, &rest[..len], false, strings);
            }
            let mark = if !ended {
                "${"
            } else if block {
                "\"\"\""
            } else {
                "\""
            };
            let class = if ended {
                Class::Quote
            } else {
                Class::Punctuation
            };
            push(&mut tokens, class, mark, false, strings);
            if ended {
                open.pop();
            } else {
                open.push(Open::Hole { braces: 0 });
            }
            rest = &rest[len + mark.len()..];
            continue;
        }
        let first = rest.chars().next()?;
        if first == '\n' {
            if !open.is_empty() {
                return None;
            }
            newline = true;
            rest = &rest[1..];
            continue;
        }
        if matches!(first, ' ' | '\t' | '\r') {
            rest = &rest[1..];
            continue;
        }
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        let (class, len) = token(rest)?;
        push(&mut tokens, class, &rest[..len], newline, strings);
        newline = false;
        match &rest[..len] {
            "\"" => open.push(Open::String { block: false }),
            "\"\"\"" => open.push(Open::String { block: true }),
            "{" => {
                if let Some(Open::Hole { braces }) = open.last_mut() {
                    *braces += 1;
                }
            }
            "}" => match open.last_mut() {
                Some(Open::Hole { braces: 0 }) => {
                    open.pop();
                }
                Some(Open::Hole { braces }) => *braces -= 1,
                _ => {}
            },
            _ => {}
        }
        rest = &rest[len..];
    }
    open.is_empty().then_some(tokens)
}

fn push(tokens: &mut Vec<Token>, class: Class, text: &str, newline: bool, strings: usize) {
    tokens.push(Token {
        class,
        text: text.to_owned(),
        newline,
        strings,
    });
}

/// The class and length of the token that begins here.
fn token(rest: &str) -> Option<(Class, usize)> {
    let first = rest.chars().next()?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if rest.starts_with("\"\"\"") {
        return Some((Class::Quote, 3));
    }
    if first == '"' {
        return Some((Class::Quote, 1));
    }
    if first.is_ascii_digit() {
        return Some((Class::Number, number(rest)));
    }
    if is_word(first) {
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let next = rest[len..].chars().next();
        return (!next.is_some_and(char::is_alphanumeric)).then_some((Class::Word, len));
    }
    let punctuation = PUNCTUATION.iter().find(|p| rest.starts_with(**p))?;
    Some((Class::Punctuation, punctuation.len()))
}

fn number(rest: &str) -> usize {
    let digits = |from: usize| rest[from..].find(|c: char| !(c.is_ascii_digit() || c == '_'));
    let mut len = digits(0).unwrap_or(rest.len());
    let mut after = rest[len..].chars();
    if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
        len = digits(len + 1).map_or(rest.len(), |l| len + 1 + l);
    }
    if rest[len..].starts_with('%') {
        return len + 1;
    }
    let unit = rest[len..].find(|c: char| !c.is_ascii_alphabetic());
    len + unit.unwrap_or(rest.len() - len)
}

/// How many bytes of text stand before the end of the string or a hole, and whether it is the end.
fn string_text(rest: &str, block: bool) -> Option<(usize, bool)> {
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, escaped) = chars.next()?;
                match escaped {
                    'n' | 't' | 'r' | '"' | '\\' | '$' => {}
                    'u' => {
                        let hex = rest[at + 2..].strip_prefix('{')?.split('}').next()?;
                        let number = u32::from_str_radix(hex, 16)
                            .ok()
                            .filter(|_| hex.len() <= 6)?;
                        char::from_u32(number)?;
                        chars.nth(hex.len() + 1)?;
                    }
                    _ => return None,
                }
            }
            '"' if !block || rest[at..].starts_with("\"\"\"") => return Some((at, true)),
            '\n' if !block => return None,
            '$' if rest[at..].starts_with("${") => return Some((at, false)),
            _ => {}
        }
    }
    None
}
