//! Giving something another name, wherever it is named.

use plat_semantics::{Database, Deployed, FileId, Place, Symbol, SymbolClass};
use plat_syntax::ast::Item;
use plat_syntax::{LexemeKind, SyntaxKind, TextRange, lexemes};

use crate::FileEdit;
use crate::navigate::references_of;

/// What can be renamed at a byte of a file: its range and its name.
///
/// # Errors
/// Why it can't be, as a sentence.
pub fn prepare(db: &Database, file: FileId, offset: u32) -> Result<(TextRange, String), String> {
    let stands = db.name_at(file, offset).ok_or("no name stands here")?;
    let name = db.symbol_name(&stands.symbol);
    if db.definition(&stands.symbol).is_none() {
        return Err(format!("`{name}` is a word of the language"));
    }
    if !db.is_own_symbol(&stands.symbol) {
        return Err(format!(
            "`{name}` is not defined in this source tree: it has the name that its package gives it"
        ));
    }
    Ok((stands.range, name))
}

/// A renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// The names that change.
    pub names: Vec<FileEdit>,
    /// What is written beside, so that what is deployed under the old name is not made anew.
    pub beside: Vec<FileEdit>,
    /// What the new name means for what is deployed, as a sentence.
    pub means: Option<Meaning>,
}

/// What a new name means for what is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// A sentence.
    pub text: String,
    /// Is something lost by it that nothing written beside can keep?
    pub loses: bool,
}

/// The edits that give what stands at a byte of a file another name.
///
/// # Errors
/// Why it can't have that name, as a sentence.
pub fn rename(db: &Database, file: FileId, offset: u32, new: &str) -> Result<Renaming, String> {
    let (_, old) = prepare(db, file, offset)?;
    let stands = db.name_at(file, offset).ok_or("no name stands here")?;
    if !is_name(new) {
        return Err(format!("`{new}` is no name"));
    }
    if old != new && db.is_taken(&stands.symbol, new) {
        return Err(format!("there is a `{new}` already"));
    }
    let led: Vec<Place> = moves(db).iter().map(|one| one.to_name).collect();
    let mut names = Vec::new();
    for reference in references_of(db, &stands.symbol) {
        let place = reference.place;
        // Where it goes by another name (`use a.b as c`), it keeps that.
        if place.range.slice(db.text(place.file)) != old {
            continue;
        }
        // A rename that led here leads on from here: by the `moved` that is written beside.
        if led.contains(&place) {
            continue;
        }
        if !db.is_own(place.file) {
            return Err(format!(
                "`{old}` is named in a package that is not of this source tree"
            ));
        }
        names.push(FileEdit {
            file: place.file,
            range: place.range,
            text: new.to_owned(),
        });
    }
    let mut renaming = Renaming {
        names,
        beside: Vec::new(),
        means: None,
    };
    if old != new {
        consequences(db, &stands.symbol, &old, new, &mut renaming)?;
    }
    Ok(renaming)
}

/// What a new name means for what is deployed under the old one, and what keeps it.
fn consequences(
    db: &Database,
    symbol: &Symbol,
    old: &str,
    new: &str,
    renaming: &mut Renaming,
) -> Result<(), String> {
    let class = db.class_of(symbol);
    if let Some(what) = match class {
        SymbolClass::App => Some("the app"),
        SymbolClass::Environment => Some("the environment"),
        _ => None,
    } {
        renaming.means = Some(Meaning {
            text: format!(
                "What is deployed of {what} `{old}` stays as it is and belongs to nobody any more: \
                 `{new}` begins with nothing. To take it away, `platc destroy` before the name changes"
            ),
            loses: true,
        });
        return Ok(());
    }
    let inside = db.deployed_as(symbol);
    if !inside.is_empty() {
        return in_a_kind(db, &inside, old, new, renaming);
    }
    let here = db.deployed(old);
    let top = here
        .first()
        .filter(|_| db.declared(old).as_ref() == Some(symbol));
    let Some(top) = top else {
        return Ok(());
    };
    match said(db, old, new) {
        Said::Line(line) => renaming.beside.extend(behind(db, symbol, &line)),
        Said::Instead(edits) => renaming.beside.extend(edits),
        Said::Elsewhere(why) => return Err(why),
    }
    let external = |name: &str| plat_model::NodePath::from(name).external_name();
    let (was, is) = (external(old), external(new));
    // It says itself what it is called outside.
    let mut stays = was == is || top.runs && db.place_for_name(symbol).is_none();
    if !stays
        && top.keeps
        && !top.family
        && unmoving(db, true).is_some()
        && let Some(name) = with_name(db, symbol, &was)
    {
        // What it holds lies under that name: no target can give it another.
        renaming.beside.push(name);
        stays = true;
    }
    if let Some(text) = left_behind(db, &here, old, stays) {
        renaming.means = Some(Meaning { text, loses: true });
        return Ok(());
    }
    let text = if stays && top.keeps {
        format!("What is deployed as `{was}` stays as it is called, where its data is")
    } else if stays {
        format!(
            "What is deployed as `{old}` is `{new}` then, stays as it is called, and is not made anew"
        )
    } else if top.family {
        format!("What is deployed as `{old}` becomes `{new}` and is not made anew")
    } else {
        format!("What is deployed as `{was}` becomes `{is}` and is not made anew")
    };
    renaming.means = Some(Meaning { text, loses: false });
    Ok(())
}

/// The target that finds what is deployed by its name outside, whatever its path is. Every other
/// one finds it by its path: the data of one with another path would stay behind there.
const BY_NAME: &str = "kubernetes";

/// The first environment on a target that finds what is deployed by its name outside, or, with
/// `false`, on one that does not: with the target, if that can be read off.
pub(crate) fn unmoving(db: &Database, by_name: bool) -> Option<(String, Option<String>)> {
    let mut all = db.environments().into_iter();
    let found = all.find(|env| match env.target.as_deref() {
        // What others take over runs nowhere.
        None if env.keys.is_empty() => false,
        target => (target == Some(BY_NAME)) == by_name,
    })?;
    Some((found.name, found.target))
}

/// Is a declaration inside of another called outside as before, whatever its path is?
pub(crate) fn says_name(one: &Deployed) -> bool {
    let by_path = plat_model::NodePath::from(one.path.as_str()).external_name();
    one.name.as_ref().is_some_and(|name| *name != by_path)
}

/// What a plan says where one of these holds data that can't go where its new path leads; the first
/// is called outside as before if it `stays`.
fn left_behind(db: &Database, all: &[Deployed], old: &str, stays: bool) -> Option<String> {
    let mut held = all.iter().filter(|one| one.keeps);
    let first = held.next()?;
    let named = |one: &Deployed| says_name(one) || stays && one.path == old;
    if !named(first) || !held.all(named) {
        return Some(format!(
            "`{}` may hold data, which no target moves to another name: where it is applied, the plan              refuses that it has another path",
            first.path
        ));
    }
    let (environment, target) = unmoving(db, false)?;
    let on = target.map_or_else(String::new, |target| format!(", on `{target}`"));
    Some(format!(
        "`{}` may hold data, and in `{environment}`{on} that would stay behind: where it is applied \
         there, the plan refuses that it has another path. On `{BY_NAME}` it stays as it is called, \
         where its data is",
        first.path
    ))
}

/// A `moved` of the program.
struct Move {
    /// All of it.
    place: Place,
    from: String,
    to: String,
    /// The new path.
    to_place: Place,
    /// The last name of the new path.
    to_name: Place,
}

/// Each `moved` of the program, as it is written.
fn moves(db: &Database) -> Vec<Move> {
    let mut out = Vec::new();
    for file in db.files().into_iter().filter(|file| db.is_own(*file)) {
        for item in &db.parse(file).items {
            let Item::Moved(moved) = item.tree.item() else {
                continue;
            };
            let (Some(from), Some(to)) = (moved.from(), moved.to()) else {
                continue;
            };
            let at = |range: TextRange| Place {
                file,
                range: range.shifted(item.offset),
            };
            let to_range = to.node().range();
            let last = to.names().last().map(|name| name.node().range());
            // One that ends in a key leads to a member.
            let last = last.filter(|last| last.end == to_range.end);
            out.push(Move {
                place: at(item.tree.root().range()),
                from: from.node().text().to_owned(),
                to: to.node().text().to_owned(),
                to_place: at(to_range),
                to_name: at(last.unwrap_or_else(|| TextRange::empty(to_range.end))),
            });
        }
    }
    out
}

/// How it is said that what is deployed at a path is at another.
pub(crate) enum Said {
    /// By this line.
    Line(String),
    /// By these edits, in place of a `moved` that said the opposite.
    Instead(Vec<FileEdit>),
    /// Not at all; why.
    Elsewhere(String),
}

/// The `moved` from a path to another, beside those that there are: a path that leads on may not be
/// one that something leads to.
pub(crate) fn said(db: &Database, from: &str, to: &str) -> Said {
    let line = format!("moved {from} to {to}");
    let all = moves(db);
    let Some(back) = all.iter().find(|one| one.from == to) else {
        return Said::Line(line);
    };
    let mut end = back;
    // No way is longer than there are renames.
    for _ in &all {
        match all.iter().find(|one| one.from == end.to) {
            Some(next) if end.to != from => end = next,
            _ => break,
        }
    }
    if end.to != from {
        return Said::Elsewhere(format!(
            "what was deployed as `{to}` goes to `{}`, as a `moved` says: take that `moved` away first, \
             once it is applied everywhere",
            end.to
        ));
    }
    let mut edits = vec![FileEdit {
        file: back.place.file,
        range: back.place.range,
        text: line,
    }];
    // What led there leads where it led on to.
    let led = all.iter().filter(|one| one.to == to);
    edits.extend(led.map(|one| FileEdit {
        file: one.to_place.file,
        range: one.to_place.range,
        text: back.to.clone(),
    }));
    Said::Instead(edits)
}

/// A declaration that stands in a kind is deployed wherever the app has one of that kind.
fn in_a_kind(
    db: &Database,
    inside: &[(String, Vec<Deployed>)],
    old: &str,
    new: &str,
    renaming: &mut Renaming,
) -> Result<(), String> {
    let mut told = 0;
    let mut behind_it = None;
    for (around, all) in inside {
        if let Some(one) = all.iter().find(|one| one.family) {
            return Err(format!(
                "`{old}` is deployed in each member of a family, as `{}`: which members there are is not \
                 known here, and each would need its `moved`",
                one.path
            ));
        }
        let Some(symbol) = db.declared(around) else {
            continue;
        };
        let mut lines = Vec::new();
        for one in all {
            let kept = one.path.strip_suffix(old).unwrap_or(&one.path);
            match said(db, &one.path, &format!("{kept}{new}")) {
                Said::Line(line) => lines.push(line),
                Said::Instead(edits) => renaming.beside.extend(edits),
                Said::Elsewhere(why) => return Err(why),
            }
            let below = format!("{}.", one.path);
            let mut inside = db.deployed(around);
            inside.retain(|part| part.path == one.path || part.path.starts_with(&below));
            behind_it = behind_it.or_else(|| left_behind(db, &inside, "", false));
        }
        told += all.len();
        if !lines.is_empty() {
            renaming
                .beside
                .extend(behind(db, &symbol, &lines.join("\n")));
        }
    }
    if let Some(text) = behind_it {
        renaming.means = Some(Meaning { text, loses: true });
        return Ok(());
    }
    let text = match told {
        1 => {
            format!("What is deployed as `{old}` of its kind is `{new}` then, and is not made anew")
        }
        _ => format!(
            "What is deployed as `{old}` of its kind, {told} times, is `{new}` then, and is not made anew"
        ),
    };
    renaming.means = Some(Meaning { text, loses: false });
    Ok(())
}

/// Writes a line of its own behind a declaration, and behind the `if`s and `for`s that it stands in.
pub(crate) fn behind(db: &Database, symbol: &Symbol, line: &str) -> Option<FileEdit> {
    let place = db.definition(symbol)?;
    let mut items = db.parse(place.file).items.iter().rev();
    let item = items.find(|item| item.offset <= place.range.start)?;
    let end = item.tree.root().range().shifted(item.offset).end;
    let text = db.text(place.file);
    let rest = text.get(end as usize..).unwrap_or_default();
    let line_end = rest.find('\n').map_or(rest.len(), |at| at + 1);
    let at = end + u32::try_from(line_end).unwrap_or(0);
    let ends = text.get(..at as usize).is_some_and(|t| t.ends_with('\n'));
    let before = if ends { "" } else { "\n" };
    Some(FileEdit {
        file: place.file,
        range: TextRange::empty(at),
        text: format!("{before}\n{line}\n"),
    })
}

/// Writes a declaration's name outside into it.
pub(crate) fn with_name(db: &Database, symbol: &Symbol, name: &str) -> Option<FileEdit> {
    let (place, braces) = db.place_for_name(symbol)?;
    let rest = db.text(place.file).get(place.range.end as usize..)?;
    let first = rest.trim_start_matches(' ');
    let spaces = u32::try_from(rest.len() - first.len()).ok()?;
    let field = format!("name = \"{name}\"");
    let (text, replaced) = match first.chars().next() {
        _ if !braces => (format!(" {{ {field} }}"), 0),
        Some('\n') => (format!("\n    {field}"), 0),
        // `{}` and `{ }` alike.
        Some('}') => (format!(" {field} "), spaces),
        _ => (format!(" {field},"), 0),
    };
    Some(FileEdit {
        file: place.file,
        range: TextRange::new(place.range.end, place.range.end + replaced),
        text,
    })
}

/// Is it one word that is no keyword?
fn is_name(text: &str) -> bool {
    match lexemes(text).as_slice() {
        [one] => {
            one.kind == LexemeKind::Token(SyntaxKind::Ident)
                && one.range.len() as usize == text.len()
                && text != "_"
        }
        _ => false,
    }
}
