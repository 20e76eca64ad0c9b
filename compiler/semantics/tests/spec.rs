//! The specification runs: every block of `spec/*.md` is a program.
//!
//! - A ```` ```plat ```` block compiles, but for the lines that carry `// error[CODE]: text` (or
//!   `// warning[CODE]: text`): there, that code must appear, and its sentence must contain the
//!   text. Nothing else may be wrong.
//! - `// revealed: TYPE` and `// value: VALUE` after a `let` assert what it is.
//! - A ```` ```json graph ```` block after it asserts a part of the graph of its first environment.
//! - A block without an `app` or an `env` is given them. Paths that begin with `./` exist, unless
//!   they say `missing`. `//- /path` begins another file, `//- package NAME` another package.
use std::fmt::Write as _;
use std::path::Path;

use crate::common::{data, database, project, render};
use plat_semantics::{Database, Diagnostic};
use serde_json::Value as Json;

pub struct Block {
    file: String,
    line: usize,
    /// The program.
    pub text: String,
    graphs: Vec<Json>,
}

/// The programs of a chapter.
pub fn blocks(file: &str, text: &str) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.trim().strip_prefix("```") else {
            continue;
        };
        let mut body = String::new();
        for (_, line) in lines.by_ref() {
            if line.trim() == "```" {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        match language.trim() {
            "plat" => out.push(Block {
                file: file.to_owned(),
                line: number + 2,
                text: body,
                graphs: Vec::new(),
            }),
            "json graph" => {
                let json = serde_json::from_str(&body)
                    .unwrap_or_else(|e| panic!("{file}:{}: {e}", number + 2));
                out.last_mut()
                    .unwrap_or_else(|| panic!("{file}:{}: no block before it", number + 2))
                    .graphs
                    .push(json);
            }
            _ => {}
        }
    }
    out
}

/// The block as a project, and how many lines were put before it.
pub fn complete(text: &str) -> (String, usize) {
    let begins = |word: &str| {
        text.lines()
            .any(|l| l.trim_start().starts_with(word) && l.trim_start() == l)
    };
    let mut full = String::new();
    let mut added = 0;
    if !begins("app ") && !text.contains("//- /") {
        full.push_str("app spec\n");
        added = 1;
    }
    full.push_str(text);
    let inputs = text
        .lines()
        .any(|l| l.starts_with("app ") && l.contains('{'));
    if !begins("env ") && !begins("pub env ") && !text.contains("//- /") && !inputs {
        full.push_str("\nenv spec_run { target = local {} }\n");
    }
    (full, added)
}

fn run(text: &str) -> (Database, Vec<Diagnostic>, usize) {
    let (full, added) = complete(text);
    let mut project = project(&full);
    for package in &mut project.packages {
        for (_, text) in &package.files {
            for part in text
                .split('"')
                .filter(|p| p.starts_with("./") && !p.contains("missing"))
            {
                package
                    .listing
                    .push(part.trim_start_matches("./").to_owned());
            }
        }
    }
    let mut db = database(project);
    db.set_data(data(&full));
    let mut found = db.diagnostics();
    // A day after those that blocks speak of as past, and before those that they speak of as to come.
    let today = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    found.extend(db.expired_waivers(today));
    (db, found, added)
}

/// Every place of a diagnostic by itself: a line of a block may miss what another misses.
fn at_each_place(found: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for told in found {
        let places = std::iter::once(&told.primary).chain(&told.also);
        all.extend(places.map(|place| Diagnostic {
            primary: place.clone(),
            ..told.clone()
        }));
    }
    all
}

fn line_of(db: &Database, d: &Diagnostic) -> (String, usize) {
    let text = db.source(&d.primary.file).unwrap_or("");
    let start = (d.primary.range.start as usize).min(text.len());
    let line = text[..start].matches('\n').count() + 1;
    (d.primary.file.to_string(), line)
}

/// The file and the line in it of each line of a block.
fn places(text: &str, added: usize) -> Vec<(String, usize)> {
    let mut package = String::new();
    let mut at = ("main.plat".to_owned(), added);
    let mut out = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("//- package ") {
            package = format!("{}:", name.trim());
        } else if let Some(path) = line.trim().strip_prefix("//- /") {
            at = (format!("{package}{}", path.trim()), 0);
        } else {
            at.1 += 1;
        }
        out.push(at.clone());
    }
    out
}

/// What is wrong with a block; empty if it does as it says.
fn check(block: &Block) -> String {
    let (db, found, added) = run(&block.text);
    let mut problems = String::new();
    let found = at_each_place(&found);
    let mut left: Vec<&Diagnostic> = found.iter().collect();
    let places = places(&block.text, added);
    for (number, line) in block.text.lines().enumerate() {
        for marker in ["error[", "warning["] {
            let Some((_, rest)) = line.split_once(&format!("// {marker}")) else {
                continue;
            };
            let (code, said) = rest.split_once(']').unwrap_or((rest, ""));
            let said = said.trim_start_matches(':').trim();
            let position = left.iter().position(|d| {
                d.code == code && line_of(&db, d) == places[number] && d.message.contains(said)
            });
            match position {
                Some(position) => {
                    left.remove(position);
                }
                None => {
                    let _ = writeln!(problems, "line {}: no {code}: {said}", block.line + number);
                }
            }
        }
        for (marker, of) in [("// revealed: ", 0), ("// value: ", 1)] {
            let Some((before, wanted)) = line.split_once(marker) else {
                continue;
            };
            let name = before
                .split_whitespace()
                .nth(1)
                .unwrap_or_default()
                .trim_end_matches(':');
            let revealed = db.reveal("main.plat", name);
            let given = revealed.map(|r| if of == 0 { r.0 } else { r.1 });
            let given = given.unwrap_or_else(|| "nothing".to_owned());
            if given != wanted.trim() {
                let _ = writeln!(
                    problems,
                    "line {}: `{name}` is {given}, not {wanted}",
                    block.line + number
                );
            }
        }
    }
    if !left.is_empty() {
        let left: Vec<Diagnostic> = left.into_iter().cloned().collect();
        problems.push_str(&render(&db, &left));
    }
    for wanted in &block.graphs {
        let env = db
            .environments()
            .first()
            .map(|e| e.name.clone())
            .unwrap_or_default();
        match db.graph(&env) {
            Ok(graph) => {
                let json = serde_json::to_value(&graph).unwrap();
                contains(&json, wanted, "graph", &mut problems);
            }
            Err(found) => problems.push_str(&render(&db, &found)),
        }
    }
    problems
}

/// Is everything of `wanted` in `given`? Lists are compared element by element.
fn contains(given: &Json, wanted: &Json, path: &str, problems: &mut String) {
    match (given, wanted) {
        (Json::Object(given), Json::Object(wanted)) => {
            for (key, wanted) in wanted {
                match given.get(key) {
                    Some(given) => contains(given, wanted, &format!("{path}.{key}"), problems),
                    None => {
                        let keys: Vec<&String> = given.keys().collect();
                        let _ = writeln!(problems, "{path} has no `{key}`: it has {keys:?}");
                    }
                }
            }
        }
        (Json::Array(given), Json::Array(wanted)) if path.ends_with("links") => {
            for wanted in wanted {
                let held = given.iter().any(|given| {
                    let mut inner = String::new();
                    contains(given, wanted, path, &mut inner);
                    inner.is_empty()
                });
                if !held {
                    let _ = writeln!(problems, "{path} has no {wanted}: it has {given:#?}");
                }
            }
        }
        (Json::Array(given), Json::Array(wanted)) if given.len() == wanted.len() => {
            for (i, (given, wanted)) in given.iter().zip(wanted).enumerate() {
                contains(given, wanted, &format!("{path}.{i}"), problems);
            }
        }
        _ if given == wanted => {}
        _ => {
            let _ = writeln!(problems, "{path} is {given}, not {wanted}");
        }
    }
}

/// The chapters: the name of the file, and its text.
fn chapters() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The programs of all blocks, with where they stand.
pub fn programs() -> Vec<(String, Database)> {
    let mut out = Vec::new();
    for (name, text) in chapters() {
        for block in blocks(&name, &text) {
            let (db, ..) = run(&block.text);
            out.push((format!("spec/{name}:{}", block.line), db));
        }
    }
    out
}

#[test]
fn every_block_of_the_specification_does_as_it_says() {
    let only = std::env::var("SPEC").unwrap_or_default();
    let mut failed = String::new();
    let mut count = 0;
    for (name, text) in chapters() {
        if !name.contains(&only) {
            continue;
        }
        for block in blocks(&name, &text) {
            count += 1;
            let problems = check(&block);
            if !problems.is_empty() {
                let _ = writeln!(
                    failed,
                    "=== spec/{}:{}\n{}--- {problems}",
                    block.file, block.line, block.text
                );
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(count > 0, "there are no blocks");
}

/// Programs in what people read first are programs.
#[test]
fn every_program_of_the_guides_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guides = std::fs::read_dir(root.join("docs")).unwrap();
    let mut files: Vec<_> = guides.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "md"));
    files.push(root.join("README.md"));
    files.sort();
    let mut failed = String::new();
    let mut count = 0;
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        for block in blocks(name, &std::fs::read_to_string(&file).unwrap()) {
            count += 1;
            let problems = check(&block);
            if !problems.is_empty() {
                let _ = writeln!(failed, "=== {name}:{}\n{problems}", block.line);
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(count > 2, "{count} blocks");
}

/// Each explanation of a code shows a program that has that mistake, and then the same, repaired.
#[test]
fn every_explanation_shows_its_mistake_and_the_repair() {
    let mut failed = String::new();
    for explanation in plat_semantics::explanations() {
        let blocks = blocks(explanation.code, explanation.text);
        let mut blocks = blocks.iter();
        let Some(bad) = blocks.next() else {
            if !shown_elsewhere(explanation.code) {
                let _ = writeln!(failed, "=== {}: there is no block", explanation.code);
            }
            continue;
        };
        let (db, found, _) = run(&bad.text);
        if !found.iter().any(|d| d.code == explanation.code) || found.len() != 1 {
            let _ = writeln!(
                failed,
                "=== {}: the first block should have just this mistake\n{}--- {}",
                explanation.code,
                bad.text,
                render(&db, &found)
            );
        }
        insta::with_settings!({ snapshot_path => "snapshots/diagnostics", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(explanation.code, format!("{}\n{}", bad.text, render(&db, &found)));
        });
        if let Some(problem) = fixes(&found, &bad.text) {
            let _ = writeln!(failed, "=== {}: {problem}", explanation.code);
        }
        let Some(good) = blocks.next() else {
            let _ = writeln!(failed, "=== {}: no repaired block", explanation.code);
            continue;
        };
        let (db, found, _) = run(&good.text);
        if !found.is_empty() {
            let _ = writeln!(
                failed,
                "=== {}: the second block should be right\n{}--- {}",
                explanation.code,
                good.text,
                render(&db, &found)
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// Is it told of bytes, or of `plat.toml`, so that no block of plat can show it?
fn shown_elsewhere(code: &str) -> bool {
    matches!(code, "E0101" | "E0102" | "E0121") || code.starts_with("E08")
}

/// What is told of packages that were fetched: the chapter says when, and
/// `compiler/cli/tests/packages.rs` shows how it looks.
const OF_FETCHED: [&str; 3] = ["E0804", "E0809", "E0810"];

/// Is it told of bytes, or of what was fetched to this machine? Texts alone have it never.
fn told_of_the_world(code: &str) -> bool {
    OF_FETCHED.contains(&code) || shown_elsewhere(code) && !code.starts_with("E08")
}

/// A code that no block can show is spoken of in its chapter, and has a snapshot elsewhere.
#[test]
fn what_is_told_of_fetched_packages_is_shown_where_they_are_fetched() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = std::fs::read_to_string(root.join("../../spec/09-modules.md")).unwrap();
    let mut shown = String::new();
    for entry in std::fs::read_dir(root.join("../cli/tests/snapshots")).unwrap() {
        shown += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    for code in OF_FETCHED {
        assert!(chapter.contains(code), "{code} is in no chapter");
        assert!(
            shown.contains(&format!("[{code}] Error")),
            "{code} has no snapshot"
        );
    }
}

/// A fix is an edit that repairs: after all of them, what had one is wrong no more, and nothing is that was
/// right before.
fn fixes(found: &[Diagnostic], text: &str) -> Option<String> {
    let (without, with): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        found.iter().partition(|d| d.fix.is_none());
    let mut edits: Vec<&plat_syntax::TextEdit> = with
        .iter()
        .filter_map(|d| d.fix.as_ref())
        .flat_map(|fix| &fix.edits)
        .collect();
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|e| std::cmp::Reverse(e.range));
    let (full, _) = complete(text);
    let places = places(&full, 0);
    let mut lines: Vec<String> = full.split_inclusive('\n').map(str::to_owned).collect();
    // The lines of each file, put together again where they stand in the block.
    for edit in edits {
        let of_file: Vec<usize> = (0..lines.len())
            .filter(|at| !lines[*at].trim().starts_with("//- "))
            .filter(|at| {
                places
                    .get(*at)
                    .is_some_and(|(file, _)| **file == *edit.file)
            })
            .collect();
        let whole: String = of_file.iter().map(|at| lines[*at].as_str()).collect();
        let (start, end) = (edit.range.start as usize, edit.range.end as usize);
        let repaired = format!("{}{}{}", &whole[..start], edit.new_text, &whole[end..]);
        for at in &of_file {
            lines[*at].clear();
        }
        // All of the file stands in one piece, where it began.
        lines[*of_file.first()?] = repaired;
    }
    let repaired: String = lines.concat();
    // What `complete` puts around the block is there already.
    let (db, left, _) = run(&repaired);
    let told = |d: &&Diagnostic| {
        without
            .iter()
            .any(|w| w.code == d.code && w.message == d.message)
    };
    let left: Vec<Diagnostic> = left.iter().filter(|d| !told(d)).cloned().collect();
    (!left.is_empty()).then(|| format!("its fix leaves\n{}\n{repaired}", render(&db, &left)))
}

/// Each code has an example in a chapter.
#[test]
fn every_code_is_in_the_specification() {
    let chapters: String = chapters().into_iter().map(|(_, text)| text).collect();
    let all = plat_syntax::EXPLANATIONS
        .iter()
        .chain(plat_semantics::explanations());
    let missing: Vec<&str> = all
        .map(|e| e.code)
        .filter(|code| !told_of_the_world(code))
        .filter(|code| {
            let said = |word: &str| chapters.contains(&format!("{word}[{code}]"));
            !said("// error") && !said("// warning") && !said("# error")
        })
        .collect();
    assert!(missing.is_empty(), "no chapter shows {missing:?}");
}
