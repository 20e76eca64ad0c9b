//! Names of things on this machine: file names and short ids made of an app's names.

use sha2::{Digest as _, Sha256};

/// `text` as one file name that no other text gives: letters, digits, `_` and `-` stay, as does
/// a `.` that is not first; every other byte becomes `%` and two hexadecimal digits.
pub fn file_name(text: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(text.len());
    for (i, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || (byte == b'.' && i > 0) {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    name
}

/// The text that [`file_name`] made `name` of; `None` where it made none such.
pub fn from_file_name(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = [rest.next()?, rest.next()?];
        let hex = std::str::from_utf8(&hex).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Twelve hexadecimal digits that stand for `parts`: short enough for the path of a Unix socket,
/// which may have 107 bytes.
pub fn short_id(parts: &[&str]) -> String {
    let mut text = digest(parts);
    text.truncate(12);
    text
}

/// The SHA-256 of `parts`, each with its length, in hexadecimal.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{file_name, from_file_name, short_id};

    #[test]
    fn names_come_back_and_never_leave_their_directory() {
        for text in [
            "shop",
            "preview[214]",
            "../x",
            ".",
            "..",
            "a/b",
            "",
            "ä b%",
            "api.1",
        ] {
            let name = file_name(text);
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert_eq!(from_file_name(&name).as_deref(), Some(text));
        }
        assert_eq!(file_name("preview[214]"), "preview%5b214%5d");
    }

    #[test]
    fn ids_keep_their_parts_apart() {
        assert_ne!(short_id(&["ab", "c"]), short_id(&["a", "bc"]));
        assert_eq!(short_id(&["shop", "dev"]).len(), 12);
    }
}
