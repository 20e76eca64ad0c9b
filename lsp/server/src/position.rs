//! Bytes of a text ↔ lines and characters, as the client counts them.

use gen_lsp_types::{Position, PositionEncodingKind, Range};
use plat_ide::TextRange;

/// How the client counts the characters of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// In bytes of UTF-8.
    Utf8,
    /// In units of UTF-16, as every client can.
    Utf16,
    /// In Unicode's code points.
    Utf32,
}

impl Encoding {
    /// The one to speak: bytes, where the client can count them, because nothing is to be converted
    /// then; else what it likes best, else UTF-16.
    pub fn negotiate(offered: &[PositionEncodingKind]) -> Self {
        if offered.contains(&PositionEncodingKind::UTF8) {
            return Self::Utf8;
        }
        let known = offered.iter().find_map(|kind| match kind {
            PositionEncodingKind::UTF16 => Some(Self::Utf16),
            PositionEncodingKind::UTF32 => Some(Self::Utf32),
            _ => None,
        });
        known.unwrap_or(Self::Utf16)
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }

    /// How long a text is, in the client's count.
    pub fn length(self, text: &str) -> u32 {
        let length = match self {
            Self::Utf8 => text.len(),
            Self::Utf16 | Self::Utf32 => text.chars().map(|c| self.width(c)).sum(),
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }
}

/// A text and where its lines begin.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    encoding: Encoding,
    starts: Vec<u32>,
}

impl<'t> Lines<'t> {
    /// Looks through the text once. A line ends with `\n`, `\r\n` or `\r`, as the protocol has it.
    pub fn new(text: &'t str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
            }
        }
        Self {
            text,
            encoding,
            starts,
        }
    }

    /// A line without its end, and where it begins; the empty one behind the last for a line that
    /// is not there.
    fn line(&self, line: u32) -> (u32, &'t str) {
        let length = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let Some(start) = self.starts.get(line as usize).copied() else {
            return (length, "");
        };
        let end = self.starts.get(line as usize + 1).copied();
        let whole = TextRange::new(start, end.unwrap_or(length)).slice(self.text);
        (start, whole.trim_end_matches(['\n', '\r']))
    }

    /// The place of a byte. One within a character is the place of that character; one behind the
    /// end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1) - 1;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let start = self.starts.get(line as usize).copied().unwrap_or(0);
        let mut end = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(start as usize..end).unwrap_or("");
        Position {
            line,
            character: self.encoding.length(before),
        }
    }

    /// The byte of a place. A character behind the end of its line is that end, as the protocol has
    /// it; one within a character is that character.
    pub fn offset(&self, position: Position) -> u32 {
        let (start, line) = self.line(position.line);
        let wanted = position.character as usize;
        let mut passed = 0;
        let mut at = line.len();
        for (index, c) in line.char_indices() {
            passed += self.encoding.width(c);
            if passed > wanted {
                at = index;
                break;
            }
        }
        start + u32::try_from(at).unwrap_or(0)
    }

    /// The place of a range.
    pub fn range(&self, range: TextRange) -> Range {
        Range {
            start: self.position(range.start),
            end: self.position(range.end),
        }
    }

    /// The bytes of a range; empty where it ends before it begins.
    pub fn text_range(&self, range: Range) -> TextRange {
        TextRange::new(self.offset(range.start), self.offset(range.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "añ𝄞b\r\nx\ry\n";

    #[test]
    fn every_place_is_found_again_in_every_encoding() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let lines = Lines::new(TEXT, encoding);
            for (offset, c) in TEXT.char_indices() {
                let offset = u32::try_from(offset).unwrap();
                // The end of a line stands before what ends it.
                if c != '\n' || TEXT.as_bytes()[offset as usize - 1] != b'\r' {
                    assert_eq!(lines.offset(lines.position(offset)), offset, "{encoding:?}");
                }
            }
        }
    }

    #[test]
    fn characters_are_counted_as_the_client_counts() {
        let column = |encoding| Lines::new(TEXT, encoding).position(7).character;
        assert_eq!(column(Encoding::Utf8), 7);
        assert_eq!(column(Encoding::Utf16), 4);
        assert_eq!(column(Encoding::Utf32), 3);
    }

    #[test]
    fn places_that_are_not_there_are_the_nearest_that_are() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        let at = |line, character| lines.offset(Position { line, character });
        assert_eq!(at(0, 99), 8);
        assert_eq!(at(0, 3), 3, "within a pair of units");
        assert_eq!(at(1, 0), 10);
        assert_eq!(at(2, 0), 12);
        assert_eq!(at(99, 0), 14);
        assert_eq!(
            lines.position(99),
            Position {
                line: 3,
                character: 0
            }
        );
    }
}
