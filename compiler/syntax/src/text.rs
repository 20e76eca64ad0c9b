//! Bytes to text.

use crate::diagnostic::Diagnostic;
use crate::tree::TextRange;
use std::sync::Arc;

/// The text of a file's bytes.
///
/// # Errors
/// A diagnostic with the place, if they are not UTF-8. Its range is of the bytes, which only a reader of the bytes
/// can show; the message names the line.
pub fn decode<'b>(file: &Arc<str>, bytes: &'b [u8]) -> Result<&'b str, Box<Diagnostic>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let good = bytes.get(..at).unwrap_or(&[]);
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        let bad = bytes.get(at).copied().unwrap_or(0);
        let start = u32::try_from(at).unwrap_or(u32::MAX);
        let range = TextRange::new(start, start.saturating_add(1));
        let told = Diagnostic::error(
            "E0101",
            file,
            range,
            format!("line {line} is not UTF-8 text"),
        )
        .with_note(format!("the byte at offset {at} is 0x{bad:02X}"));
        let told = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => told.with_note("the file looks like UTF-16"),
            _ => told,
        };
        Box::new(told.with_help("save the file as UTF-8"))
    })
}
