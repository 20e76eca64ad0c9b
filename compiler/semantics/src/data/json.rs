//! JSON (RFC 8259) as a literal of the language.

use super::{Literal, Problem};

/// Writes the document as a literal.
pub(super) fn read(text: &str, literal: &mut Literal) -> Result<(), Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Whether it is JSON is for serde to say: what follows only copies tokens.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let at = offset(text, error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        return Err(Problem {
            message: format!("this is no JSON: {message}"),
            at: (at, at),
        });
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    // Keys and values look alike: what stands after a `{` or a `,` in an object is a key.
    let mut brackets: Vec<u8> = Vec::new();
    while let Some(byte) = bytes.get(at) {
        let one = (at, at + 1);
        match byte {
            b'{' | b'[' => {
                brackets.push(*byte);
                literal.open(if *byte == b'{' { "{" } else { "[" }, one)?;
                at += 1;
            }
            b'}' | b']' => {
                brackets.pop();
                literal.close(if *byte == b'}' { "}" } else { "]" }, one)?;
                at += 1;
            }
            b',' => {
                literal.token(", ", one)?;
                at += 1;
            }
            b':' => {
                literal.token(" = ", one)?;
                at += 1;
            }
            b'"' => {
                let end = string_end(bytes, at);
                let raw = text.get(at..end).unwrap_or("\"\"");
                let value: String = serde_json::from_str(raw).unwrap_or_default();
                literal.string(&value, (at, end))?;
                at = end;
            }
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                let rest = bytes.get(at..).unwrap_or(&[]);
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                    .count()
                    .max(1);
                let end = at + length;
                match text.get(at..end).unwrap_or("") {
                    "null" => literal.token("none", (at, end))?,
                    word @ ("true" | "false") => literal.token(word, (at, end))?,
                    number => literal.number(number, (at, end))?,
                }
                at = end;
            }
        }
    }
    Ok(())
}

/// Where a string ends that begins here, its quotes counted.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// The byte of a line and a column, both from 1, as serde counts them.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}
