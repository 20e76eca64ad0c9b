//! `platc fmt`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use plat_syntax::Diagnostic;

use crate::cli::{Fmt, Global};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::project;
use crate::report::{self, Sources};
use crate::suggest::count;
use crate::terminal::Terminal;

/// Formats files, or says which ones are not.
pub fn run(fmt: &Fmt, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    if fmt.stdin {
        return stdin(fmt, terminal);
    }
    let mut errors = Errors::default();
    let (mut changed, mut all) = (0, 0);
    for file in files(fmt, global)? {
        all += 1;
        let shown = file.display().to_string();
        let text = match project::read(&file, &shown)? {
            Ok(text) => text,
            Err(error) => {
                errors.add(&shown, &error.shown, vec![*error.diagnostic]);
                continue;
            }
        };
        let formatted = match plat_syntax::format(&shown.as_str().into(), &text) {
            Ok(formatted) => formatted,
            Err(diagnostics) => {
                errors.add(&shown, &text, diagnostics);
                continue;
            }
        };
        if formatted == text {
            continue;
        }
        changed += 1;
        if fmt.check {
            terminal.print(format!("{shown}\n"))?;
        } else {
            replace(&file, &formatted)?;
            terminal.say(format!("formatted {shown}"));
        }
    }
    if !errors.diagnostics.is_empty() {
        report::show(&errors.diagnostics, &errors.sources, terminal);
        return Err(Stop::Reported);
    }
    if fmt.check && changed > 0 {
        let files = count(changed, "file is", "files are");
        return Err(Failure::new(format!("{files} not formatted"))
            .next("platc fmt")
            .into());
    }
    if changed == 0 {
        terminal.say(format!(
            "{} already formatted",
            count(all, "file is", "files are")
        ));
    }
    Ok(Outcome::Done)
}

/// What could not be formatted, and why.
#[derive(Default)]
struct Errors {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Errors {
    fn add(&mut self, file: &str, text: &str, diagnostics: Vec<Diagnostic>) {
        self.sources.add(file, text);
        self.diagnostics.extend(diagnostics);
    }
}

fn stdin(fmt: &Fmt, terminal: &Terminal) -> Result<Outcome, Stop> {
    const NAME: &str = "<stdin>";
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| failure::io("reading stdin", &error))?;
    let mut errors = Errors::default();
    match project::text(bytes, NAME) {
        Ok(text) => match plat_syntax::format(&NAME.into(), &text) {
            Ok(formatted) if fmt.check && formatted != text => {
                return Err(Failure::new("what came in is not formatted").into());
            }
            Ok(_) if fmt.check => return Ok(Outcome::Done),
            Ok(formatted) => {
                terminal.print(formatted)?;
                return Ok(Outcome::Done);
            }
            Err(diagnostics) => errors.add(NAME, &text, diagnostics),
        },
        Err(error) => errors.add(NAME, &error.shown, vec![*error.diagnostic]),
    }
    report::show(&errors.diagnostics, &errors.sources, terminal);
    Err(Stop::Reported)
}

/// The files that were named, those of the directories that were named, or those of the package
/// here; each once, sorted within what was named.
fn files(fmt: &Fmt, global: &Global) -> Result<Vec<PathBuf>, Failure> {
    let base = global.dir.as_deref().unwrap_or(Path::new(""));
    if fmt.paths.is_empty() {
        let root = project::find(global.dir.as_deref())?;
        let here = fs::canonicalize(".").unwrap_or_default();
        // As the user would write them.
        let shown = root
            .strip_prefix(&here)
            .map(Path::to_path_buf)
            .unwrap_or(root);
        return in_directory(&shown);
    }
    let mut files = Vec::new();
    for path in &fmt.paths {
        let path = base.join(path);
        let meta = fs::metadata(&path)
            .map_err(|error| failure::io(format!("looking for {}", path.display()), &error))?;
        let found = if meta.is_dir() {
            in_directory(&path)?
        } else {
            vec![path]
        };
        files.extend(found);
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    if files.is_empty() {
        // A check that looked at nothing must not pass.
        return Err(Failure::new("no .plat file is there to format")
            .next("name files or directories that hold some"));
    }
    Ok(files)
}

fn in_directory(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    let files = project::list_all(read)?;
    Ok(files.programs.iter().map(|file| dir.join(file)).collect())
}

/// Writes the file so that it is the old one or the new one at every moment, with the rights it
/// had.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| failure::io(format!("writing {}", file.display()), &error);
    // A link stays a link.
    let file = &file.canonicalize().map_err(failed)?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::Builder::new()
        .prefix(".plat-fmt")
        .tempfile_in(dir)
        .map_err(failed)?;
    fresh.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = fs::metadata(file).map_err(failed)?.permissions();
    fresh
        .as_file()
        .set_permissions(permissions)
        .map_err(failed)?;
    fresh.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}
