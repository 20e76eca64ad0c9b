//! `plat.toml`: reading and checking one, every mistake at its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::{Diagnostic, TextRange};
use semver::Version;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::project::{Dependency, Manifest, Source};
use crate::suggest::nearest;

/// The name of the file, as its diagnostics show it.
pub const MANIFEST: &str = "plat.toml";

const PACKAGE_FIELDS: [&str; 4] = ["name", "version", "edition", "description"];
const DEPENDENCY_FIELDS: [&str; 5] = ["path", "git", "rev", "dir", "oci"];

/// Reads a `plat.toml`. Its places are in the file `plat.toml`.
///
/// # Errors
/// All that is wrong with it, in the order of the file.
pub fn parse_manifest(text: &str) -> Result<Manifest, Vec<Diagnostic>> {
    let (manifest, found) = recover_manifest(text);
    if found.is_empty() {
        Ok(manifest)
    } else {
        Err(found)
    }
}

/// What can be read of a `plat.toml`, and what is wrong with it: for an editor, whose user is writing
/// it. What can't be read is empty, the name too. Where nothing is wrong, it is what
/// [`parse_manifest`] gives.
pub fn recover_manifest(text: &str) -> (Manifest, Vec<Diagnostic>) {
    let mut reader = Reader {
        file: Arc::from(MANIFEST),
        found: Vec::new(),
    };
    let manifest = reader.manifest(text);
    let mut found = reader.found;
    found.sort_by(|a, b| a.order().cmp(&b.order()));
    (manifest, found)
}

/// Can a package have this name? Small letters, digits and `_`, a letter first; `std` is taken.
pub fn is_package_name(name: &str) -> bool {
    name != crate::names::STD
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn range(span: std::ops::Range<usize>) -> TextRange {
    let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    TextRange::new(clamp(span.start), clamp(span.end))
}

/// What begins so far above the place where it is noticed is not looked for.
const MOST_LINES: usize = 64;

/// The text without the lines that keep it from being TOML: blanks stand in their place, so that the
/// rest stays where it is. The parser's own recovery gives up the rest of a text for a word too much.
fn without_mistakes(text: &str, first: &toml::de::Error) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut span = first.span();
    loop {
        let at = span.map_or(text.len(), |span| span.start);
        let mut end = 0;
        let noticed = lines.iter().position(|line| {
            end += line.len();
            at < end
        });
        // What is wrong stands there, or above: where the rest is good without it.
        let seen = noticed.map_or(lines.len(), |line| line + 1);
        for line in (0..seen).rev().take(MOST_LINES) {
            let rest = without(&lines, line);
            if DeTable::parse(&rest).is_ok() {
                return rest;
            }
        }
        // There is more than one such line.
        let written = |line: &String| !line.trim().is_empty();
        let above = lines.iter().take(seen).rposition(written);
        let Some(line) = above.or_else(|| lines.iter().position(written)) else {
            return lines.concat();
        };
        if let Some(line) = lines.get_mut(line) {
            *line = blanks(line);
        }
        match DeTable::parse(&lines.concat()) {
            Ok(_) => return lines.concat(),
            Err(problem) => span = problem.span(),
        }
    }
}

/// The text with blanks in place of one of its lines.
fn without(lines: &[String], line: usize) -> String {
    let lines = lines.iter().enumerate();
    let lines = lines.map(|(number, text)| match number == line {
        true => blanks(text),
        false => text.clone(),
    });
    lines.collect()
}

/// As many bytes as a line has, with nothing in them.
fn blanks(line: &str) -> String {
    let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
    line.bytes().map(blank).collect()
}

struct Reader {
    file: Arc<str>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn manifest(&mut self, text: &str) -> Manifest {
        let problem = match DeTable::parse(text) {
            Ok(table) => return self.table(table.get_ref()),
            Err(problem) => problem,
        };
        let readable = without_mistakes(text, &problem);
        let table = DeTable::parse(&readable).ok();
        let manifest = table.map(|table| self.table(table.get_ref()));
        // What else seems wrong comes of it.
        self.found.clear();
        let at = range(problem.span().unwrap_or(0..0));
        let message = format!("this is no TOML: {}", problem.message().trim_end());
        self.tell("E0801", at, message);
        self.help("it has `[package]` with name, version and edition, and `[dependencies]`");
        manifest.unwrap_or_default()
    }

    fn table(&mut self, table: &DeTable<'_>) -> Manifest {
        let mut manifest = Manifest {
            dependencies: self.dependencies(table),
            ..Manifest::default()
        };
        let Some(package) = table.get("package") else {
            self.tell(
                "E0801",
                TextRange::default(),
                "plat.toml has no `[package]`",
            );
            self.help("it begins with `[package]`: name, version and edition");
            return manifest;
        };
        self.known(table, &["package", "dependencies"], "plat.toml");
        let at = range(package.span());
        let Some(package) = package.get_ref().as_table() else {
            self.tell("E0801", at, "`package` is a table: `[package]`");
            return manifest;
        };
        self.known(package, &PACKAGE_FIELDS, "[package]");
        self.text(package, "description");
        let name = self.needed(package, "name", at, "shop");
        let version = self.needed(package, "version", at, "1.0.0");
        let edition = self.needed(
            package,
            "edition",
            at,
            plat_stdlib::EDITIONS.last().copied().unwrap_or_default(),
        );
        if let Some(name) = name {
            if is_package_name(name.get_ref()) {
                manifest.name = name.into_inner();
            } else {
                let message = format!("`{}` cannot be the name of a package", name.get_ref());
                self.tell("E0801", range(name.span()), message);
                self.help("small letters, digits and `_`, a letter first; `std` is taken");
            }
        }
        if let Some(version) = version {
            self.version(&version);
            manifest.version = version.into_inner();
        }
        if let Some(edition) = edition {
            self.edition(&edition);
            manifest.edition = edition.into_inner();
        }
        if let Some(own) = manifest.dependencies.remove(&manifest.name) {
            let message = format!("`{}` depends on itself", manifest.name);
            self.tell("E0807", own.place, message);
            self.help("its own modules need no dependency: `use` finds them");
        }
        manifest
    }

    fn version(&mut self, version: &Spanned<String>) {
        let Err(problem) = Version::parse(version.get_ref()) else {
            return;
        };
        let at = range(version.span());
        let message = format!("`{}` is no version: {problem}", version.get_ref());
        self.tell("E0805", at, message);
        self.help("a version has three numbers: `1.4.2` (semver.org)");
        // `1` and `1.4` are meant for `1.0.0` and `1.4.0`; `v1.4.2` for `1.4.2`.
        let plain = version.get_ref().trim_start_matches('v');
        let full = match plain.matches('.').count() {
            0 => format!("{plain}.0.0"),
            1 => format!("{plain}.0"),
            _ => plain.to_owned(),
        };
        if Version::parse(&full).is_ok() {
            self.fix(format!("write `{full}`"), at, format!("\"{full}\""));
        }
    }

    fn edition(&mut self, edition: &Spanned<String>) {
        let editions = plat_stdlib::EDITIONS;
        if editions.contains(&edition.get_ref().as_str()) {
            return;
        }
        let at = range(edition.span());
        let message = format!("there is no edition `{}`", edition.get_ref());
        self.tell("E0802", at, message);
        self.help(format!("the editions are {}", editions.join(", ")));
        if let [only] = editions {
            self.fix(format!("write `{only}`"), at, format!("\"{only}\""));
        }
    }

    fn dependencies(&mut self, table: &DeTable<'_>) -> BTreeMap<String, Dependency> {
        let mut dependencies = BTreeMap::new();
        let Some(given) = table.get("dependencies") else {
            return dependencies;
        };
        let Some(given_table) = given.get_ref().as_table() else {
            let at = range(given.span());
            self.tell("E0801", at, "`dependencies` is a table: `[dependencies]`");
            return dependencies;
        };
        for (name, value) in given_table {
            let place = range(name.span());
            if !is_package_name(name.get_ref()) {
                let message = format!("`{}` cannot be the name of a package", name.get_ref());
                self.tell("E0806", place, message);
                self.help("it is the name that the package's own plat.toml says");
                continue;
            }
            if let Some(source) = self.source(name.get_ref(), value) {
                dependencies.insert(name.get_ref().to_string(), Dependency { source, place });
            }
        }
        dependencies
    }

    fn source(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Source> {
        let at = range(value.span());
        let ways = "a dependency is `{ path = \"…\" }`, `{ git = \"…\", rev = \"…\" }` or `{ oci = \"…\" }`";
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("this does not say where `{name}` comes from");
            self.tell("E0806", at, message);
            self.help(ways);
            return None;
        };
        let before = self.found.len();
        self.known(
            table,
            &DEPENDENCY_FIELDS,
            &format!("the dependency `{name}`"),
        );
        let [path, git, rev, dir, oci] = DEPENDENCY_FIELDS.map(|name| self.text(table, name));
        if self.found.len() > before {
            return None;
        }
        let source = match (path, git, oci) {
            (Some(path), None, None) => {
                let text = path.get_ref();
                if text.is_empty() || text.starts_with('/') || text.contains('\\') {
                    let message = format!("`{text}` is no path from this package's directory");
                    self.tell("E0806", range(path.span()), message);
                    self.help("it is relative, with `/`: `../acme`");
                    return None;
                }
                Source::Path(path.into_inner())
            }
            (None, Some(git), None) => {
                let Some(rev) = &rev else {
                    let message = format!("the dependency `{name}` does not say which revision");
                    self.tell("E0806", at, message);
                    self.help("add `rev = \"…\"`: a tag, a branch or a commit; plat.lock keeps the commit"
                            .to_owned());
                    return None;
                };
                for (value, what) in [(&git, "address"), (rev, "revision")] {
                    // git would take it for an option.
                    if value.get_ref().is_empty() || value.get_ref().starts_with('-') {
                        let message = format!("`{}` is no {what}", value.get_ref());
                        self.tell("E0806", range(value.span()), message);
                        return None;
                    }
                }
                Source::Git {
                    url: git.into_inner(),
                    rev: rev.get_ref().clone(),
                    dir: dir.clone().map(Spanned::into_inner).unwrap_or_default(),
                }
            }
            (None, None, Some(oci)) => Source::Oci(oci.into_inner()),
            (None, None, None) => {
                let message = format!("this does not say where `{name}` comes from");
                self.tell("E0806", at, message);
                self.help(ways);
                return None;
            }
            _ => {
                let message = format!("this says twice where `{name}` comes from");
                self.tell("E0806", at, message);
                self.help(ways);
                return None;
            }
        };
        let git = matches!(source, Source::Git { .. });
        if let Some(extra) = [rev, dir].into_iter().flatten().next().filter(|_| !git) {
            let message = "`rev` and `dir` belong to `git`";
            self.tell("E0806", range(extra.span()), message);
            return None;
        }
        Some(source)
    }

    /// Tells of fields that there are not.
    fn known(&mut self, table: &DeTable<'_>, names: &[&str], of: &str) {
        for key in table.keys() {
            if names.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let at = range(key.span());
            let message = format!("{of} has no `{}`", key.get_ref());
            self.tell("E0801", at, message);
            match nearest(key.get_ref(), names.iter().copied()) {
                Some(near) => {
                    self.help(format!("did you mean `{near}`?"));
                    self.fix(format!("write `{near}`"), at, near.to_owned());
                }
                None => self.help(format!("it has {}", names.join(", "))),
            }
        }
    }

    /// A field that is a text.
    fn text(&mut self, table: &DeTable<'_>, name: &str) -> Option<Spanned<String>> {
        let value = table.get(name)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Spanned::new(value.span(), text.to_owned())),
            None => {
                let message = format!("`{name}` is a text, in quotes");
                self.tell("E0801", range(value.span()), message);
                None
            }
        }
    }

    fn needed(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        at: TextRange,
        example: &str,
    ) -> Option<Spanned<String>> {
        if !table.contains_key(name) {
            let message = format!("[package] has no `{name}`");
            self.tell("E0801", at, message);
            self.help(format!("add `{name} = \"{example}\"`"));
            return None;
        }
        self.text(table, name)
    }

    fn tell(&mut self, code: &'static str, at: TextRange, message: impl Into<String>) {
        self.found
            .push(Diagnostic::error(code, &self.file, at, message));
    }

    /// What to do about what was told last.
    fn help(&mut self, text: impl Into<String>) {
        if let Some(told) = self.found.pop() {
            self.found.push(told.with_help(text));
        }
    }

    /// A fix for what was told last.
    fn fix(&mut self, title: String, at: TextRange, text: String) {
        if let Some(told) = self.found.pop() {
            self.found.push(told.with_fix(title, at, text));
        }
    }
}
