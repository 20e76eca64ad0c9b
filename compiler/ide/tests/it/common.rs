//! Programs for tests: from inline text with a cursor, and from directories.

use std::path::Path;

use plat_ide::{Database, FileId, PackageInput, Project};
use plat_semantics::parse_manifest;

/// A program of one package, or of several: `//- /path` begins a file, `//- package NAME` a package
/// that the first one builds on. `$0` is where the cursor stands.
pub fn program(text: &str) -> (Database, FileId, u32) {
    let mut packages = vec![package("app", "")];
    let mut cursor: Option<(String, String, u32)> = None;
    let mut files: Vec<(usize, String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("//- package ") {
            packages.push(package(name.trim(), &format!("../{}", name.trim())));
        } else if let Some(path) = line.strip_prefix("//- /") {
            files.push((packages.len() - 1, path.trim().to_owned(), String::new()));
        } else {
            if files.is_empty() {
                files.push((0, "main.plat".to_owned(), String::new()));
            }
            let (_, _, text) = files.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        }
    }
    for (at, path, mut text) in files {
        if let Some(offset) = text.find("$0") {
            text.replace_range(offset..offset + 2, "");
            let name = packages[at].manifest.name.clone();
            cursor = Some((name, path.clone(), u32::try_from(offset).unwrap()));
        }
        if path.ends_with(".plat") {
            packages[at].files.push((path, text));
        } else {
            packages[at].listing.push(path);
        }
    }
    let names: Vec<String> = packages
        .iter()
        .skip(1)
        .map(|p| p.manifest.name.clone())
        .collect();
    for name in names {
        let source = plat_semantics::Source::Path(format!("../{name}"));
        let place = plat_ide::TextRange::default();
        let dependency = plat_semantics::Dependency { source, place };
        packages[0].manifest.dependencies.insert(name, dependency);
    }
    let mut db = Database::default();
    db.set_project(Project { packages });
    let (package, path, offset) =
        cursor.unwrap_or_else(|| ("app".to_owned(), "main.plat".to_owned(), 0));
    let file = db.file(&package, &path).unwrap();
    (db, file, offset)
}

fn package(name: &str, root: &str) -> PackageInput {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2026\"\n");
    PackageInput {
        manifest: parse_manifest(&manifest).unwrap(),
        root: root.to_owned(),
        ..PackageInput::default()
    }
}

/// A package of the northstar programs, and those that it builds on.
pub fn northstar(name: &str) -> Database {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../syntax/tests/fixtures/northstar");
    let mut packages = vec![read(&root.join(name), "")];
    let mut next = 0;
    while let Some(package) = packages.get(next) {
        next += 1;
        let dependencies: Vec<String> = package.manifest.dependencies.keys().cloned().collect();
        for dependency in dependencies {
            if packages.iter().all(|p| p.manifest.name != dependency) {
                packages.push(read(&root.join(&dependency), &format!("../{dependency}")));
            }
        }
    }
    let mut db = Database::default();
    db.set_project(Project { packages });
    db
}

fn read(dir: &Path, root: &str) -> PackageInput {
    let manifest = std::fs::read_to_string(dir.join("plat.toml")).unwrap();
    let mut package = PackageInput {
        manifest: parse_manifest(&manifest).unwrap(),
        root: root.to_owned(),
        ..PackageInput::default()
    };
    let mut dirs = vec![(dir.to_owned(), String::new())];
    while let Some((dir, prefix)) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                dirs.push((entry.path(), format!("{name}/")));
            } else if name.ends_with(".plat") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                package.files.push((name, text));
            } else {
                package.listing.push(name);
            }
        }
    }
    package.files.sort();
    package.listing.sort();
    package
}
