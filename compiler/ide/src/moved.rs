//! A declaration that vanished and one of its kind that came: where that is one and the same under
//! another path, `moved` says so.

use std::collections::BTreeSet;

use plat_model::Graph;
use plat_semantics::{Database, Deployed, FileId, Symbol};
use plat_syntax::SyntaxKind;

use crate::FileEdit;
use crate::assists::{Assist, AssistKind};
use crate::rename::{behind, with_name};

/// So many are offered at most for one declaration.
const MOST: usize = 3;

/// What may be deployed: what was there before the program became what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// What tells of it, for people: `the last commit`.
    pub told_by: String,
    /// The declarations.
    pub declarations: Vec<Deployed>,
}

impl Earlier {
    /// What was applied of an environment.
    pub fn applied(graph: &Graph) -> Self {
        let mut declarations: Vec<Deployed> = Vec::new();
        for (path, node) in &graph.nodes {
            let plain = without_keys(path.as_str());
            let family = plain != path.as_str();
            if declarations.iter().any(|one| one.path == plain) {
                continue;
            }
            declarations.push(Deployed {
                path: plain,
                kind: format!("{}.{}", node.kind.package, node.kind.name),
                family,
                runs: true,
                name: Some(node.name.to_string()),
            });
        }
        Self {
            told_by: format!("the last apply of `{}`", graph.environment.name),
            declarations,
        }
    }
}

/// `portal[north].server`: `portal.server`.
fn without_keys(path: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    for c in path.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The deployed declaration at whose name or kind a byte of a file is, if it may be one that was
/// another: who asks for [`moved`] need not find out first what there was before.
pub fn at(db: &Database, file: FileId, offset: u32) -> Option<Symbol> {
    let items = &db.parse(file).items;
    let item = items.iter().rev().find(|item| item.offset <= offset)?;
    let symbol = db.name_at(file, offset).map(|stands| stands.symbol);
    let symbol = match symbol {
        Some(symbol @ Symbol::Decl(_)) => symbol,
        // On the kind before the name.
        Some(Symbol::Item(_)) => {
            let name = item.tree.item().name()?.node().range().shifted(item.offset);
            let between = db.text(file).get(offset as usize..name.start as usize)?;
            if between.contains(['{', '\n']) {
                return None;
            }
            db.name_at(file, name.start)?.symbol
        }
        _ => return None,
    };
    let name = db.definition(&symbol)?;
    let here = name.file == file && offset <= name.range.end;
    // What stands in a kind is deployed where one of that kind is.
    let by_itself = item.tree.root().kind() != SyntaxKind::Kind;
    let own = matches!(symbol, Symbol::Decl(_)) && db.is_own_symbol(&symbol);
    (here && by_itself && own).then_some(symbol)
}

/// The renames that would keep what is deployed, for a deployed declaration that was not there
/// before: each `moved` with what it means for the name outside.
pub fn moved(db: &Database, symbol: &Symbol, earlier: &[Earlier]) -> Vec<Assist> {
    let now = db.deployed(&db.symbol_name(symbol));
    let Some(top) = now.first() else {
        return Vec::new();
    };
    let renames = db.renames();
    let mut pairs: Vec<(Deployed, Deployed, &str)> = Vec::new();
    for before in earlier {
        let then = &before.declarations;
        let came = |one: &&Deployed| {
            let was = |old: &Deployed| old.path == one.path && old.kind == one.kind;
            !then.iter().any(was) && !renames.iter().any(|(_, to)| *to == one.path)
        };
        let whole: Vec<&Deployed> = std::iter::once(top).filter(came).collect();
        let mut found = pairs_of(db, &whole, then, &renames);
        if found.is_empty() {
            let inside: Vec<&Deployed> = now.iter().skip(1).filter(came).collect();
            found = pairs_of(db, &inside, then, &renames);
        }
        for (from, to) in found {
            let known =
                |(a, b, _): &(Deployed, Deployed, &str)| a.path == from.path && b.path == to.path;
            if !pairs.iter().any(known) {
                pairs.push((from, to, &before.told_by));
            }
        }
    }
    // What has kept a part of its path is it rather than another.
    let close = |(from, to, _): &(Deployed, Deployed, &str)| {
        let ends = |path: &str| {
            let first = path.split('.').next().map(str::to_owned);
            (first, path.rsplit('.').next().map(str::to_owned))
        };
        let (old, new) = (ends(&from.path), ends(&to.path));
        old.0 == new.0 || old.1 == new.1
    };
    if pairs.iter().any(close) {
        pairs.retain(close);
    }
    let mut out = Vec::new();
    for (from, to, told_by) in pairs.into_iter().take(MOST) {
        out.extend(assists(db, symbol, &from, &to, told_by));
    }
    out
}

/// What vanished, and what came in its place.
fn pairs_of(
    db: &Database,
    came: &[&Deployed],
    then: &[Deployed],
    renames: &[(String, String)],
) -> Vec<(Deployed, Deployed)> {
    let gone = |old: &&Deployed| {
        let first = old.path.split('.').next().unwrap_or_default();
        let now = db.deployed(first);
        // One around others runs nowhere: in its place nothing has the path any more.
        let still = |one: &Deployed| one.path == old.path && (one.runs || !old.runs);
        !now.iter().any(still) && !renames.iter().any(|(from, _)| *from == old.path)
    };
    let mut out: Vec<(Deployed, Deployed)> = Vec::new();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for new in came {
        let alike = |old: &&Deployed| old.kind == new.kind && old.family == new.family;
        for old in then.iter().filter(alike).filter(gone) {
            let (from, to) = match whole(db, old, new, renames) {
                Some(pair) => pair,
                // A part of a family is reached by its key alone.
                None if new.family && (old.path.contains('.') || new.path.contains('.')) => {
                    continue;
                }
                None => (old.clone(), (*new).clone()),
            };
            if told.insert((from.path.clone(), to.path.clone())) {
                out.push((from, to));
            }
        }
    }
    out
}

/// Of two parts of the same name, what they are parts of, if that has another name now: all in it
/// moves with it.
fn whole(
    db: &Database,
    old: &Deployed,
    new: &Deployed,
    renames: &[(String, String)],
) -> Option<(Deployed, Deployed)> {
    let (from, rest) = old.path.split_once('.')?;
    let (to, other) = new.path.split_once('.')?;
    let named = |(a, b): &(String, String)| a == from || b == to;
    if rest != other || from == to || !db.deployed(from).is_empty() || renames.iter().any(named) {
        return None;
    }
    let part = |of: &Deployed, path: &str| Deployed {
        path: path.to_owned(),
        name: None,
        ..of.clone()
    };
    Some((part(old, from), part(new, to)))
}

fn assists(
    db: &Database,
    symbol: &Symbol,
    from: &Deployed,
    to: &Deployed,
    told_by: &str,
) -> Vec<Assist> {
    let line = format!("moved {} to {}", from.path, to.path);
    let by = format!("{told_by} has `{}`", from.path);
    let Some(edit) = behind(db, symbol, &line) else {
        return Vec::new();
    };
    let plain = |title: String, edits: Vec<FileEdit>| Assist {
        title,
        kind: AssistKind::Repair,
        edits,
    };
    let names = from.name.as_ref().zip(to.name.as_ref());
    let names = names.filter(|_| !from.family);
    let Some((old, new)) = names.filter(|(old, new)| old != new) else {
        let stays = match names {
            Some((old, _)) => format!("what is deployed as `{old}` stays as it is called"),
            None => "what is deployed is not made anew".to_owned(),
        };
        return vec![plain(format!("add `{line}`: {stays} ({by})"), vec![edit])];
    };
    let becomes = format!(
        "add `{line}`: what is deployed as `{old}` becomes `{new}` and is not made anew ({by})"
    );
    let mut out = vec![plain(becomes, vec![edit.clone()])];
    // On a target that can't give it another name, that is the way.
    if !to.path.contains('.')
        && let Some(named) = with_name(db, symbol, old)
    {
        let title = format!(
            "add `{line}` and `name = \"{old}\"`: what is deployed as `{old}` stays as it is called ({by})"
        );
        out.push(plain(title, vec![named, edit]));
    }
    out
}
