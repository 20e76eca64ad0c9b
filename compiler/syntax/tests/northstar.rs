//! The programs that people should want to write: they parse, and are formatted already.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at what it did not expect, and reads its own fixtures"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

fn programs() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/northstar")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "plat") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 8, "the fixtures are there: {found:?}");
    found
}

#[test]
fn they_parse() {
    for path in programs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: Arc<str> = path.display().to_string().into();
        let parse = plat_syntax::parse(&file, &text);
        assert_eq!(parse.diagnostics, vec![], "{}", path.display());
    }
}

#[test]
fn they_are_formatted() {
    for path in programs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: Arc<str> = path.display().to_string().into();
        let formatted = plat_syntax::format(&file, &text).unwrap();
        assert_eq!(formatted, text, "{}", path.display());
    }
}
