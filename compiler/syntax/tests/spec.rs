//! The chapters on text and grammar: what their blocks of code say of errors is so, and they are in the one layout.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use plat_syntax::{LineIndex, format, parse};
use std::sync::Arc;

const CHAPTERS: &[(&str, &str)] = &[
    ("02-lexical.md", include_str!("../../../spec/02-lexical.md")),
    ("03-grammar.md", include_str!("../../../spec/03-grammar.md")),
];

/// The blocks of code in a chapter, each with the line it begins on.
fn blocks(chapter: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (n, line) in chapter.lines().enumerate() {
        match (inside, line) {
            (false, "```plat") => {
                inside = true;
                blocks.push((n + 2, String::new()));
            }
            (true, "```") => inside = false,
            (true, _) => {
                let block = &mut blocks.last_mut().unwrap().1;
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// `(line, code, part of the message)` of each remark `// error[E0103]: …`.
fn remarks(block: &str) -> Vec<(u32, &str, &str)> {
    block
        .lines()
        .enumerate()
        .filter_map(|(n, line)| {
            let (_, remark) = line.split_once("// error[")?;
            let (code, message) = remark.split_once("]: ")?;
            // Later ones are the checker's to find.
            if !code.starts_with("E01") {
                return None;
            }
            Some((u32::try_from(n).unwrap() + 1, code, message))
        })
        .collect()
}

#[test]
fn what_the_chapters_say_is_so() {
    let file: Arc<str> = "spec.plat".into();
    for (name, chapter) in CHAPTERS {
        let blocks = blocks(chapter);
        assert!(blocks.len() > 5, "{name} has blocks");
        for (begin, block) in blocks {
            let index = LineIndex::new(&block);
            let told = parse(&file, &block).diagnostics;
            let lines: Vec<u32> = told
                .iter()
                .map(|d| index.line_column(&block, d.primary.range.start).0)
                .collect();
            let expected = remarks(&block);
            let seen: Vec<_> = told
                .iter()
                .zip(&lines)
                .map(|(d, line)| (*line, d.code, &d.message))
                .collect();
            assert_eq!(seen.len(), expected.len(), "{name}:{begin}: {seen:?}");
            for ((line, code, message), (at, expected_code, part)) in seen.iter().zip(&expected) {
                assert_eq!(
                    (line, code),
                    (at, expected_code),
                    "{name}:{begin}: {message}"
                );
                assert!(
                    message.contains(part),
                    "{name}:{begin}: {message:?} does not say {part:?}"
                );
            }
            if expected.is_empty() {
                assert_eq!(
                    format(&file, &block).unwrap(),
                    block,
                    "{name}:{begin} is in the one layout"
                );
            }
        }
    }
}
