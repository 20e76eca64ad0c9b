//! Names and texts in SQL that can't be given as parameters.

/// A name, quoted.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text, quoted; `E''` so that the server's settings don't matter.
pub(super) fn text(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(super::name(r#"a"b"#), r#""a""b""#);
        assert_eq!(super::text(r"a'b\c"), r"E'a\'b\\c'");
    }
}
