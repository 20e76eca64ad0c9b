//! The manifests of `spec/`: every ```` ```toml ```` block that begins with `[package]` or `#- ` has
//! just the mistakes that its lines name, as `# error[CODE]: text`. `#- /path` begins another
//! `plat.toml`; several are the packages of one program.

use std::fmt::Write as _;
use std::path::Path;

use plat_semantics::{Diagnostic, PackageInput, Project, parse_manifest};

/// A `plat.toml`: the directory of its package from the main one's, and its text.
type Part = (String, String);

fn parts(block: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in block.lines() {
        if let Some(path) = line.strip_prefix("#- /") {
            let root = path.trim().trim_end_matches("plat.toml");
            parts.push((root.trim_end_matches('/').to_owned(), String::new()));
            continue;
        }
        if parts.is_empty() {
            parts.push((String::new(), String::new()));
        }
        let text = &mut parts.last_mut().unwrap().1;
        text.push_str(line);
        text.push('\n');
    }
    parts
}

/// What is wrong with the manifests of a block: the name of the file, and what is said of it.
fn found(parts: &[Part]) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    let mut packages = Vec::new();
    for (root, text) in parts {
        match parse_manifest(text) {
            Ok(manifest) => packages.push(PackageInput {
                manifest,
                root: root.clone(),
                ..PackageInput::default()
            }),
            Err(found) => wrong.extend(found),
        }
    }
    if wrong.is_empty() && parts.len() > 1 {
        wrong = Project { packages }.problems();
    }
    wrong
}

/// What does not come as the block says; empty where all does.
fn problems(block: &str) -> String {
    let parts = parts(block);
    let mut left = found(&parts);
    let mut problems = String::new();
    for (_, text) in &parts {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let range = start..start + line.len();
            start = range.end;
            let Some((_, rest)) = line.split_once("# error[") else {
                continue;
            };
            let (code, said) = rest.split_once("]:").unwrap();
            let position = left.iter().position(|d| {
                d.code == code
                    && range.contains(&(d.primary.range.start as usize))
                    && d.message.contains(said.trim())
            });
            match position {
                Some(position) => {
                    left.remove(position);
                }
                None => {
                    let _ = writeln!(problems, "no {code}:{said}");
                }
            }
        }
    }
    for more in left {
        let _ = writeln!(
            problems,
            "{} {}: {}",
            more.code, more.primary.file, more.message
        );
    }
    problems
}

#[test]
fn every_manifest_of_the_specification_has_the_mistakes_that_it_says() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let mut seen = 0;
    let mut failed = String::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            if !block.starts_with("[package]") && !block.starts_with("#- ") {
                continue;
            }
            seen += 1;
            let problems = problems(block);
            if !problems.is_empty() {
                let _ = writeln!(failed, "=== {}\n{block}--- {problems}", path.display());
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(seen > 3, "{seen}");
}
