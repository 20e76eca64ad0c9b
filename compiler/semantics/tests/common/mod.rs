//! What the tests share: projects from inline text and from directories, and diagnostics as text.

use std::fmt::Write as _;
use std::path::Path;

use plat_semantics::{Database, Diagnostic, PackageInput, Project, parse_manifest};

/// A project from one text: `//- /path` lines begin files, `//- package NAME` lines packages.
/// Without any, all of it is `main.plat` of the package `app`.
pub fn project(text: &str) -> Project {
    let mut packages: Vec<PackageInput> = vec![package("app", "")];
    let mut current: Option<(String, String)> = None;
    let push = |packages: &mut Vec<PackageInput>, file: Option<(String, String)>| {
        if let Some((path, text)) = file {
            let last = packages.last_mut().unwrap();
            if path.ends_with(".plat") {
                // There is one of each path.
                last.files.retain(|(other, _)| *other != path);
                last.files.push((path, text));
            } else {
                last.listing.push(path);
            }
        }
    };
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("//- package ") {
            push(&mut packages, current.take());
            let added = package(name.trim(), &format!("../{}", name.trim()));
            packages.push(added);
        } else if let Some(path) = line.trim().strip_prefix("//- /") {
            push(&mut packages, current.take());
            current = Some((path.trim().to_owned(), String::new()));
        } else {
            let file = current.get_or_insert_with(|| ("main.plat".to_owned(), String::new()));
            file.1.push_str(line);
            file.1.push('\n');
        }
    }
    push(&mut packages, current.take());
    let names: Vec<String> = packages
        .iter()
        .skip(1)
        .map(|p| p.manifest.name.clone())
        .collect();
    let main = packages.first_mut().unwrap();
    for name in names {
        let path = format!("../{name}");
        let dependency = plat_semantics::Dependency {
            source: plat_semantics::Source::Path(path),
            place: plat_syntax::TextRange::default(),
        };
        main.manifest.dependencies.insert(name, dependency);
    }
    Project { packages }
}

/// The files of such a text that are not plat, as the program may read them: package, path, text.
pub fn data(text: &str) -> Vec<(String, String, Result<String, String>)> {
    let mut found: Vec<(String, String, Result<String, String>)> = Vec::new();
    let mut package = "app".to_owned();
    let mut within = false;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("//- package ") {
            package = name.trim().to_owned();
            within = false;
        } else if let Some(path) = line.trim().strip_prefix("//- /") {
            within = !path.trim().ends_with(".plat");
            if within {
                let path = path.trim().to_owned();
                found.push((package.clone(), path, Ok(String::new())));
            }
        } else if let Some((_, _, Ok(text))) = found.last_mut().filter(|_| within) {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

fn package(name: &str, root: &str) -> PackageInput {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2026\"\n");
    PackageInput {
        manifest: parse_manifest(&manifest).unwrap(),
        root: root.to_owned(),
        files: Vec::new(),
        listing: Vec::new(),
        ..PackageInput::default()
    }
}

/// A package and its path dependencies, read from a directory.
pub fn from_directory(dir: &Path) -> Project {
    let mut packages = Vec::new();
    let mut waiting = vec![(dir.to_path_buf(), String::new())];
    while let Some((dir, root)) = waiting.pop() {
        let manifest = std::fs::read_to_string(dir.join("plat.toml")).unwrap();
        let manifest = parse_manifest(&manifest).unwrap();
        for dependency in manifest.dependencies.values() {
            let plat_semantics::Source::Path(path) = &dependency.source else {
                continue;
            };
            let root = format!("{root}/{path}");
            waiting.push((dir.join(path), root.trim_start_matches('/').to_owned()));
        }
        let mut package = PackageInput {
            manifest,
            root,
            ..PackageInput::default()
        };
        read(&dir, "", &mut package);
        packages.push(package);
    }
    Project { packages }
}

fn read(dir: &Path, prefix: &str, package: &mut PackageInput) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), package);
        } else if name.ends_with(".plat") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            package.files.push((path, text));
        } else {
            package.listing.push(path);
        }
    }
}

/// A database with a project in it.
pub fn database(project: Project) -> Database {
    let mut db = Database::default();
    db.set_project(project);
    db
}

/// Diagnostics as they would be read, without colours.
pub fn render(db: &Database, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let severity = format!("{:?}", d.severity).to_lowercase();
        let _ = writeln!(out, "{severity}[{}]: {}", d.code, d.message);
        write_label(db, &mut out, &d.primary);
        for label in &d.related {
            write_label(db, &mut out, label);
        }
        for note in &d.notes {
            let _ = writeln!(out, "  note: {note}");
        }
        if let Some(help) = &d.help {
            let _ = writeln!(out, "  help: {help}");
        }
        if let Some(fix) = &d.fix {
            let edits: Vec<String> = fix
                .edits
                .iter()
                .map(|e| format!("{:?}", e.new_text))
                .collect();
            let _ = writeln!(out, "  fix: {} → {}", fix.title, edits.join(", "));
        }
        out.push('\n');
    }
    out
}

fn write_label(db: &Database, out: &mut String, label: &plat_syntax::Label) {
    let text = db.source(&label.file).unwrap_or("");
    let start = (label.range.start as usize).min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let line = text[..start].matches('\n').count() + 1;
    let end = (label.range.end as usize).clamp(start, line_end);
    let column = text[line_start..start].chars().count();
    let width = text[start..end].chars().count().max(1);
    let _ = writeln!(out, "  {}:{line}:{}", label.file, column + 1);
    let _ = writeln!(out, "    {}", &text[line_start..line_end]);
    let marks = "^".repeat(width);
    let said = label.text.as_deref().unwrap_or("");
    let _ = writeln!(out, "    {}{marks} {said}", " ".repeat(column));
}
