//! What numbers and strings say: digits, escapes, the indentation of block strings.

/// How many bytes of a number literal are its number; the rest is its unit.
pub(crate) fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or(&[])
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'_')
            .count()
    };
    let whole = digits(0);
    match bytes.get(whole..) {
        Some([b'.', next, ..]) if next.is_ascii_digit() => whole + 1 + digits(whole + 1),
        _ => whole,
    }
}

/// `(15, 1)` for `1.5`. None where it does not fit.
pub(crate) fn digits(number: &str) -> Option<(i128, u32)> {
    let mut value: i128 = 0;
    let mut scale: u32 = 0;
    let mut after_point = false;
    for c in number.chars() {
        match c {
            '_' => {}
            '.' => after_point = true,
            _ => {
                value = value
                    .checked_mul(10)?
                    .checked_add(i128::from(c.to_digit(10)?))?;
                scale += u32::from(after_point);
            }
        }
    }
    Some((value, scale))
}

/// A piece of a string as written.
pub(crate) enum Piece<'t, H> {
    Text(&'t str),
    Hole(H),
}

/// A piece of a string as meant.
pub(crate) enum Resolved<H> {
    Text(String),
    Hole(H),
}

/// Resolves the escapes, and in a block string takes the first line break and the common indentation away.
pub(crate) fn resolve<H>(pieces: Vec<Piece<'_, H>>, block: bool) -> Vec<Resolved<H>> {
    let strip = if block {
        common_indentation(&pieces)
    } else {
        0
    };
    let count = pieces.len();
    let mut resolved = Vec::with_capacity(count);
    for (i, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Hole(hole) => resolved.push(Resolved::Hole(hole)),
            Piece::Text(raw) => {
                let text = if block {
                    dedent(raw, strip, i == 0, i + 1 == count)
                } else {
                    raw.to_owned()
                };
                let text = unescape(&text);
                if !text.is_empty() {
                    resolved.push(Resolved::Text(text));
                }
            }
        }
    }
    resolved
}

/// The smallest indentation of the lines that hold something. The line of the closing `"""` counts, so
/// that the author can choose it.
fn common_indentation<H>(pieces: &[Piece<'_, H>]) -> usize {
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(*text),
        Piece::Hole(_) => None,
    });
    let mut least: Option<usize> = None;
    for text in texts {
        let mut lines = text.split('\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            // A line of blanks says nothing, unless a hole or the closing quotes follow on it.
            if !line.trim().is_empty() || lines.peek().is_none() {
                let indentation = indentation(line);
                least = Some(least.map_or(indentation, |l| l.min(indentation)));
            }
        }
    }
    least.unwrap_or(0)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The lines without their first `strip` blanks. The line of the opening quotes is left out if it is blank; of
/// the line of the closing quotes, if it is blank, only the line break before it is kept.
fn dedent(raw: &str, strip: usize, first: bool, last: bool) -> String {
    let mut text = String::with_capacity(raw.len());
    let count = raw.split('\n').count();
    let mut opening_left_out = false;
    for (n, line) in raw.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let blank = line.trim().is_empty();
        if n == 0 {
            opening_left_out = first && blank && count > 1;
            if !opening_left_out {
                text.push_str(line);
            }
            continue;
        }
        if n > 1 || !opening_left_out {
            text.push('\n');
        }
        let closing = last && n + 1 == count;
        if !(closing && blank) {
            text.push_str(line.get(strip.min(indentation(line))..).unwrap_or(""));
        }
    }
    text
}

/// Resolves `\n`, `\t`, `\r`, `\\`, `\"`, `\$`, `\u{…}`. What else stands after a backslash the lexer has
/// reported; it is kept as it is.
pub(crate) fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let (c, len) = escape_at(escape).unwrap_or(('\\', 1));
        text.push(c);
        rest = escape.get(len..).unwrap_or("");
    }
    text.push_str(rest);
    text
}

/// The character that the escape at the head of `text` stands for, and the escape's length in bytes.
pub(crate) fn escape_at(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'\\' => '\\',
        b'"' => '"',
        b'$' => '$',
        b'u' => {
            let inner = text.get(2..)?.strip_prefix('{')?;
            let (hex, _) = inner.split_once('}')?;
            if hex.is_empty() || hex.len() > 6 {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
            return Some((c, hex.len() + 4));
        }
        _ => return None,
    };
    Some((c, 2))
}
