//! What holds for every text and for every program. The tests of this crate and the targets of `fuzz/` share it.

use plat_semantics::{Database, Diagnostic, PackageInput, Project, parse_manifest};
use plat_testgen::program::Program;
use plat_testgen::{Choices, lexer, mutate, sentence};
use serde_json::Value;

/// A package of these files.
pub fn project(files: Vec<(String, String)>) -> Project {
    let manifest = "[package]\nname = \"made\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let package = PackageInput {
        manifest: parse_manifest(manifest).unwrap(),
        root: String::new(),
        files,
        ..PackageInput::default()
    };
    Project {
        packages: vec![package],
    }
}

/// A database with only this in it.
fn fresh(files: Vec<(String, String)>) -> Database {
    let mut db = Database::default();
    db.set_project(project(files));
    db
}

/// What is said of a project, as lines.
fn said(db: &Database, told: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let text = db.source(&d.primary.file).unwrap_or("");
        let start = (d.primary.range.start as usize).min(text.len());
        let number = text.get(..start).unwrap_or("").matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or("");
        format!(
            "{}:{number}: {}: {}\n    {line}\n",
            d.primary.file, d.code, d.message
        )
    };
    told.iter().map(line).collect()
}

/// The texts, for a message.
fn shown(files: &[(String, String)]) -> String {
    let one = |(path, text): &(String, String)| format!("---- {path}\n{text}");
    files.iter().map(one).collect()
}

/// Whatever the text is: it is read, checked and evaluated without a panic, and what is told of it lies in it. A file
/// that is formatted reads as before, and formatting it again changes nothing.
pub fn any_text(text: &str) {
    let file = std::sync::Arc::from("main.plat");
    match plat_syntax::format(&file, text) {
        Ok(once) => {
            let twice = plat_syntax::format(&file, &once);
            assert_eq!(twice.as_ref(), Ok(&once), "formatting is not stable");
        }
        Err(told) => assert!(
            told.iter().all(|d| d.code != "E0121"),
            "formatting would change what it means"
        ),
    }
    let db = fresh(vec![("main.plat".to_owned(), text.to_owned())]);
    for told in db.diagnostics() {
        let labels = std::iter::once(&told.primary).chain(&told.related);
        for label in labels {
            let text = db.source(&label.file).unwrap_or("");
            let range = label.range.start as usize..label.range.end as usize;
            assert!(
                text.get(range).is_some(),
                "{told:?} lies outside of its file"
            );
        }
        for edit in told.fix.iter().flat_map(|f| &f.edits) {
            let text = db.source(&edit.file).unwrap_or("");
            let range = edit.range.start as usize..edit.range.end as usize;
            assert!(
                text.get(range).is_some(),
                "{told:?} mends what is not there"
            );
        }
        assert!(
            !told.message.is_empty() && !told.message.ends_with('.'),
            "{told:?}"
        );
    }
    for env in db.environments() {
        let _ = db.graph(&env.name);
        let _ = db.graph(&format!("{}[7]", env.name));
    }
}

/// A program that is right by construction: nothing is said against it, and its graphs depend on what it says alone.
pub fn right_program(program: &Program, choices: &mut Choices<'_>) {
    let files = program.texts();
    let mut db = fresh(files.clone());
    let told = db.diagnostics();
    assert!(told.is_empty(), "{}\n{}", said(&db, &told), shown(&files));
    let graphs = graphs(&db, program);

    let again = fresh(files.clone());
    assert_eq!(
        graphs,
        self::graphs(&again, program),
        "the same text gives another graph\n{}",
        shown(&files)
    );

    let shuffled = program.shuffled(choices).texts();
    let other = fresh(shuffled.clone());
    let told = other.diagnostics();
    assert!(
        told.is_empty(),
        "in another order:\n{}\n{}",
        said(&other, &told),
        shown(&shuffled)
    );
    same_meaning(
        &graphs,
        &self::graphs(&other, program),
        &shuffled,
        "the order of the items changes the graph",
    );

    let formatted: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| {
            let file = std::sync::Arc::from(path.as_str());
            (path.clone(), plat_syntax::format(&file, text).unwrap())
        })
        .collect();
    let other = fresh(formatted.clone());
    same_meaning(
        &graphs,
        &self::graphs(&other, program),
        &formatted,
        "formatting changes the graph",
    );

    // There and back again in one database.
    for (path, text) in &files {
        let broken = broken(text, choices);
        assert!(db.set_file("made", path, &broken));
        let now = db.diagnostics();
        let mut edited = files.clone();
        edited
            .iter_mut()
            .filter(|(p, _)| p == path)
            .for_each(|(_, t)| t.clone_from(&broken));
        let anew = fresh(edited);
        assert_eq!(
            now,
            anew.diagnostics(),
            "an edit tells something else than a new start\n{broken}"
        );
        assert!(db.set_file("made", path, text));
    }
    assert_eq!(
        db.diagnostics(),
        Vec::new(),
        "an edit that was taken back is still told"
    );
    assert_eq!(
        graphs,
        self::graphs(&db, program),
        "an edit that was taken back changes the graph\n{}",
        shown(&files)
    );
}

/// The text with one token left out, doubled, swapped, exchanged or on another line.
pub fn broken(text: &str, choices: &mut Choices<'_>) -> String {
    let mut tokens = lexer::tokens(text).unwrap_or_default();
    mutate::mutate(&mut tokens, choices);
    sentence::text(&tokens, choices)
}

/// The graphs of the program's environments as they are written.
fn graphs(db: &Database, program: &Program) -> Vec<String> {
    let one = |env: &String| match db.graph(env) {
        Ok(graph) => serde_json::to_string(&graph).unwrap(),
        Err(told) => panic!("{env}: {}\n{}", said(db, &told), shown(&program.texts())),
    };
    program.environments.iter().map(one).collect()
}

/// Are these graphs the same but for the places that their values come from?
fn same_meaning(one: &[String], other: &[String], files: &[(String, String)], what: &str) {
    let plain = |graphs: &[String]| -> Vec<Value> {
        let plain = |graph: &String| {
            let mut value: Value = serde_json::from_str(graph).unwrap();
            without_places(&mut value);
            value
        };
        graphs.iter().map(plain).collect()
    };
    let (one, other) = (plain(one), plain(other));
    assert!(
        one == other,
        "{what}\n{}\n{one:#?}\n{other:#?}",
        shown(files)
    );
}

fn without_places(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("origins");
            fields.remove("origin");
            fields.values_mut().for_each(without_places);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_places),
        _ => {}
    }
}
