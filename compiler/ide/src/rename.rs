//! Giving something another name, wherever it is named.

use plat_semantics::{Database, Deployed, FileId, Symbol, SymbolClass};
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
    let mut names = Vec::new();
    for reference in references_of(db, &stands.symbol) {
        let place = reference.place;
        // Where it goes by another name (`use a.b as c`), it keeps that.
        if place.range.slice(db.text(place.file)) != old {
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
    renaming
        .beside
        .extend(behind(db, symbol, &format!("moved {old} to {new}")));
    let external = |name: &str| plat_model::NodePath::from(name).external_name();
    let (was, is) = (external(old), external(new));
    let said = top.name.as_ref().is_none_or(|name| *name != was);
    let text = if said || was == is {
        // It says itself what it is called outside.
        format!(
            "What is deployed as `{old}` is `{new}` then, stays as it is called, and is not made anew"
        )
    } else if top.family {
        format!("What is deployed as `{old}` becomes `{new}` and is not made anew")
    } else if db.has_field(symbol, KEPT)
        && let Some(name) = with_name(db, symbol, &was)
    {
        // What it holds lies under that name: no target can give it another.
        renaming.beside.push(name);
        format!("What is deployed as `{was}` stays as it is called, where its data is")
    } else {
        format!("What is deployed as `{was}` becomes `{is}` and is not made anew")
    };
    renaming.means = Some(Meaning { text, loses: false });
    Ok(())
}

/// The field of those kinds that the platform keeps something for: what they hold outlives them.
const KEPT: &str = "protect";

/// A declaration that stands in a kind is deployed wherever the app has one of that kind.
fn in_a_kind(
    db: &Database,
    inside: &[(String, Vec<Deployed>)],
    old: &str,
    new: &str,
    renaming: &mut Renaming,
) -> Result<(), String> {
    let mut told = 0;
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
        let lines: Vec<String> = all
            .iter()
            .map(|one| {
                let kept = one.path.strip_suffix(old).unwrap_or(&one.path);
                format!("moved {} to {kept}{new}", one.path)
            })
            .collect();
        told += lines.len();
        renaming
            .beside
            .extend(behind(db, &symbol, &lines.join("\n")));
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
