//! An environment piece by piece: the declarations of a few items at a time, each piece evaluated by
//! itself and remembered, and put together in the end.
//!
//! An edit in a declaration then costs its own piece and those that read what changed, and the pieces
//! are evaluated on as many threads as there are. What a piece reads of others it evaluates for
//! itself (`bounds.rs`); what is wrong there is told by all who come upon it, and counts once.
//!
//! A piece says what is wrong in it, and what it has that could clash with what others have. Whatever
//! only the whole can tell (a clash, a circle, a path that reaches nothing, too much of something,
//! policies that ask for links, other environments) is left to the evaluation of the whole, which is
//! what [`super::evaluate`] falls back to. So both say the same, by construction.
//!
//! A graph is made of pieces too, in the same way ([`drawn`]), where nothing is put elsewhere: which
//! targets there are is told in the order in which the environment says it. What a piece gives to it is
//! not remembered: all of it together is as large as whatever else is known of a program.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::env::{Checked, Evaluated};
use super::overrides::{Opened, Overrides, opened};
use super::policy::PolicyRun;
use super::world::MAX_INSTANCES;
use super::{Bounds, EnvKey, Eval, MAX_MADE, MAX_STEPS, Sites};
use crate::app::{holders, part_of};
use crate::check::{destinations, renames};
use crate::db::{Db, ItemId, SourceFile};
use crate::diag::{Diag, Span};
use crate::graph::{Found, Part, Renamed, part_of_piece};

/// How many items of a file make a piece.
const ITEMS: usize = 100;

/// What is known of a piece of an environment.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Piece {
    /// What is wrong, but for policies.
    diags: Vec<Diag>,
    /// What came of the policies.
    runs: Vec<PolicyRun>,
    /// The paths of its outermost declarations.
    roots: Vec<Arc<str>>,
    /// How many declarations it has.
    declarations: usize,
    /// How many of the paths in the environment's own `set` it has, and how many of those in its `leave`.
    set: usize,
    left: usize,
    /// Which entries of `omit` left something out.
    left_out: BTreeSet<String>,
    /// Which names of renames are there.
    renamed: BTreeSet<Arc<str>>,
    /// What may clash with what others have.
    found: Found,
    /// How much it made, what is another piece's own not counted, and how far its steps were ahead of
    /// that.
    made: u64,
    ahead: u64,
}

/// The pieces of an environment; none where it is looked at as a whole.
pub fn parts(db: &dyn Db, key: EnvKey) -> Vec<(SourceFile, u32)> {
    let all: Vec<(SourceFile, u32)> = holders(db)
        .iter()
        .flat_map(|(file, count)| {
            let count = u32::try_from(count.div_ceil(ITEMS)).unwrap_or(u32::MAX);
            (0..count).map(|number| (*file, number))
        })
        .collect();
    if all.len() < 2 || opened(db, key).is_none() {
        return Vec::new();
    }
    all
}

/// The piece of that number of what a file declares. `None` where it cannot be told by itself.
#[salsa::tracked]
pub fn piece(db: &dyn Db, key: EnvKey, file: SourceFile, number: u32) -> Option<Box<Piece>> {
    let found = looked(db, key, bounds(db, file, number)?, |_, _, _| ())?;
    Some(Box::new(found.0))
}

/// The declarations of a piece.
fn bounds(db: &dyn Db, file: SourceFile, number: u32) -> Option<Bounds<'_>> {
    let contents = &part_of(db, file).contents;
    let own = contents.chunks(ITEMS).nth(number as usize)?;
    Some(Bounds::of(own))
}

/// What there is once in an environment.
#[salsa::tracked]
fn once(db: &dyn Db, key: EnvKey) -> Option<Box<Piece>> {
    let found = looked(db, key, Bounds::once(), |_, _, _| ())?;
    Some(Box::new(found.0))
}

/// What is known of a piece, and what is made of it while its values are still there.
fn looked<'db, T>(
    db: &'db dyn Db,
    key: EnvKey,
    bounds: Bounds<'db>,
    make: impl FnOnce(&mut Eval<'db>, usize, &Piece) -> T,
) -> Option<(Piece, T)> {
    let Opened { overrides, .. } = opened(db, key).as_ref()?;
    let mut eval = Eval::bounded(db, bounds);
    let world = eval.open_with(key.item(db), key.keys(db), overrides)?;
    eval.fill(world);
    eval.check_requires(world);
    let found = crate::graph::inspect_piece(&mut eval, world);
    let told = eval.diags.len();
    let runs = eval.check_policies(world);
    // What they came upon is in their runs.
    eval.diags.truncate(told);
    eval.check_left_here(world);
    if eval.has_given_up() {
        return None;
    }
    let (made, ahead) = eval.taken();
    let diags = std::mem::take(&mut eval.diags);
    let w = eval.world(world)?;
    let mut piece = Piece {
        diags,
        runs,
        found,
        made,
        ahead,
        left_out: w.left_out.clone(),
        ..Piece::default()
    };
    let moves = destinations(db);
    let names: BTreeSet<&Arc<str>> = moves.iter().flat_map(|(from, to)| [from, to]).collect();
    for instance in w.ids().into_iter().filter_map(|id| w.instance(id)) {
        let path = &instance.path;
        piece.declarations += 1;
        if instance.parent.is_none() {
            piece.roots.push(path.clone());
        }
        piece.set += usize::from(sets_own(overrides, w.env, path));
        piece.left += usize::from(leaves_own(overrides, w.env, path));
        if !names.is_empty() {
            let key = instance
                .tokens
                .last()
                .filter(|_| instance.decl.key.is_some());
            let family = key.and_then(|key| path.strip_suffix(&format!("[{key}]")));
            // The kind around what was by itself has its name, and runs nowhere.
            let to = moves.get(path).filter(|_| !instance.head.external);
            let into = to.and_then(|to| to.strip_prefix(path.as_ref()));
            let into_itself = into.is_some_and(|into| into.starts_with('.'));
            let own = (!into_itself).then_some(path.as_ref());
            let there = [own, family].into_iter().flatten();
            let there = there.filter_map(|name| names.get(&Arc::from(name)).copied());
            piece.renamed.extend(there.cloned());
        }
    }
    let made = make(&mut eval, world, &piece);
    (!eval.has_given_up()).then_some((piece, made))
}

/// Does the environment itself set something at a path?
fn sets_own(overrides: &Overrides, env: ItemId, path: &str) -> bool {
    let entries = overrides.sets.get(path).into_iter().flatten();
    entries.into_iter().any(|entry| entry.env == env)
}

/// Does the environment itself leave something at a path to somebody else?
fn leaves_own(overrides: &Overrides, env: ItemId, path: &str) -> bool {
    let entries = overrides.left.get(path).into_iter().flatten();
    entries.into_iter().any(|entry| entry.env == env)
}

/// What can be told of an environment from its pieces. `None` where only the whole can tell.
pub fn joined(db: &dyn Db, key: EnvKey) -> Option<Checked> {
    let parts = parts(db, key);
    if parts.is_empty() {
        return None;
    }
    let mut pieces: Vec<&Piece> = vec![once(db, key).as_deref()?];
    for (file, number) in parts {
        pieces.push(piece(db, key, file, number).as_deref()?);
    }
    of_all(db, key, &pieces)
}

fn of_all(db: &dyn Db, key: EnvKey, pieces: &[&Piece]) -> Option<Checked> {
    let opened = opened(db, key).as_ref()?;
    within_limits(opened, pieces)?;
    // Of many pieces each of these goes over all without a question to the database: who waits to change
    // something waits for one of them at most.
    let told = Told::of(pieces)?;
    db.unwind_if_revision_cancelled();
    no_clash(pieces)?;
    db.unwind_if_revision_cancelled();
    nothing_missing(db, key, &opened.overrides, pieces, &told)?;
    Some(Checked {
        diags: told.diags,
        holds: Vec::new(),
        policies: told.runs,
    })
}

/// What a graph is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// What there is once in an environment.
    Once,
    /// The piece of that number of a file.
    Piece(SourceFile, u32),
}

/// What the graph of an environment is made of; nothing where it is made of the whole.
pub fn shares(db: &dyn Db, key: EnvKey) -> Vec<Share> {
    let placed = opened(db, key).as_ref().is_none_or(|o| o.puts_elsewhere);
    let parts = if placed { Vec::new() } else { parts(db, key) };
    let all = parts.into_iter().map(|(file, n)| Share::Piece(file, n));
    let mut all: Vec<Share> = all.collect();
    if !all.is_empty() {
        all.insert(0, Share::Once);
    }
    all
}

/// What is known of a share, and what it gives to the graph: nothing where something is wrong.
#[derive(Debug)]
pub struct Drawn {
    piece: Piece,
    part: Option<Part>,
}

/// Evaluates a share for the graph. `None` where only the whole can tell.
pub fn drawn(db: &dyn Db, key: EnvKey, share: Share) -> Option<Drawn> {
    let bounds = match share {
        Share::Once => Bounds::once(),
        Share::Piece(file, number) => bounds(db, file, number)?,
    };
    let wrong = |diags: &[Diag]| diags.iter().any(Diag::is_error);
    let (piece, part) = looked(db, key, bounds, |eval, world, piece| {
        if wrong(&piece.diags) {
            return Some(None);
        }
        let part = part_of_piece(eval, world);
        (!wrong(&eval.diags)).then_some(part)
    })?;
    // What goes wrong only now is the whole's to tell.
    let part = part?;
    Some(Drawn { piece, part })
}

/// The graph of an environment from all its shares. `None` where only the whole can tell.
pub fn put_together(db: &dyn Db, key: EnvKey, shares: Vec<Drawn>) -> Option<Evaluated> {
    let (pieces, parts): (Vec<Piece>, Vec<Option<Part>>) =
        shares.into_iter().map(|d| (d.piece, d.part)).unzip();
    let pieces: Vec<&Piece> = pieces.iter().collect();
    let checked = of_all(db, key, &pieces)?;
    let wrong = checked.diags.iter().any(Diag::is_error);
    let parts: Option<Vec<Part>> = parts.into_iter().collect();
    let made = parts
        .filter(|_| !wrong)
        .and_then(|parts| crate::graph::put_together(db, parts, there_now(db, &pieces)));
    let (graph, sites) = match made {
        Some((graph, sites)) => (Some(graph), sites),
        None => (None, Sites::default()),
    };
    Some(Evaluated {
        graph,
        sites,
        holds: checked.holds,
        policies: checked.policies,
        diags: checked.diags,
    })
}

/// The renames whose new name is there.
fn there_now(db: &dyn Db, pieces: &[&Piece]) -> Vec<Renamed> {
    let there: BTreeSet<&Arc<str>> = pieces.iter().flat_map(|piece| &piece.renamed).collect();
    let ends = destinations(db);
    let renames = renames(db).iter();
    let leads = renames.filter_map(|rename| Some((rename, ends.get(&rename.from)?)));
    leads
        .filter(|(_, to)| there.contains(to))
        .map(|(rename, to)| Renamed::new(db, rename.item, &rename.from, to))
        .collect()
}

/// In whichever order the whole goes over the pieces, its steps are never more ahead than those of all
/// pieces together: it does what is a piece's own once, and what is nobody's no more often than they.
fn within_limits(opened: &Opened, pieces: &[&Piece]) -> Option<()> {
    let ahead = opened.steps + pieces.iter().map(|p| p.ahead).sum::<u64>();
    let made = opened.made + pieces.iter().map(|p| p.made).sum::<u64>();
    let declarations: usize = pieces.iter().map(|p| p.declarations).sum();
    let fits = ahead <= MAX_STEPS && made <= MAX_MADE && declarations <= MAX_INSTANCES;
    fits.then_some(())
}

/// What is wrong, each thing once.
#[derive(Default)]
struct Told {
    diags: Vec<Diag>,
    runs: Vec<PolicyRun>,
    seen: FxHashMap<(&'static str, ItemId, Span, String), usize>,
}

impl Told {
    fn of(pieces: &[&Piece]) -> Option<Self> {
        let mut told = Self::default();
        for diag in pieces.iter().flat_map(|piece| &piece.diags) {
            told.add(diag)?;
        }
        let runs = pieces.first().map_or(0, |piece| piece.runs.len());
        for number in 0..runs {
            let each: Option<Vec<&PolicyRun>> =
                pieces.iter().map(|piece| piece.runs.get(number)).collect();
            let each = each?;
            let mut sum = PolicyRun {
                asked: 0,
                waived: 0,
                broken: 0,
                diags: Vec::new(),
                policy: each.first()?.policy,
            };
            for run in each {
                sum.asked += run.asked;
                sum.waived += run.waived;
                sum.broken += run.broken;
                for diag in &run.diags {
                    if told.add(diag)? {
                        sum.diags.push(diag.clone());
                    }
                }
            }
            told.runs.push(sum);
        }
        Some(told)
    }

    /// Was it not told yet? `None` where something else was told of it: which comes first, the
    /// whole knows.
    fn add(&mut self, diag: &Diag) -> Option<bool> {
        let spot = diag.spot();
        let key = (
            diag.code(),
            spot.item,
            spot.range,
            diag.message().to_owned(),
        );
        let next = self.diags.len();
        let first = *self.seen.entry(key).or_insert(next);
        if first == next {
            self.diags.push(diag.clone());
            return Some(true);
        }
        (self.diags.get(first) == Some(diag)).then_some(false)
    }
}

/// No two declarations have one path, one name or one claim, no address is that of a declaration that
/// is not referred to, and no order goes in a circle.
fn no_clash(pieces: &[&Piece]) -> Option<()> {
    let mut roots: FxHashSet<&str> = FxHashSet::default();
    let mut names: FxHashSet<(ItemId, &str)> = FxHashSet::default();
    let mut claims: FxHashSet<(ItemId, &str)> = FxHashSet::default();
    for piece in pieces {
        let differ = piece.roots.iter().all(|path| roots.insert(path))
            && piece.found.names.iter().all(|(k, n)| names.insert((*k, n)))
            && piece
                .found
                .claims
                .iter()
                .all(|(k, c)| claims.insert((*k, c)));
        if !differ {
            return None;
        }
    }
    let found: Vec<&Found> = pieces.iter().map(|piece| &piece.found).collect();
    (Found::no_address_is_others(&found) && Found::is_ordered(&found)).then_some(())
}

/// What the environment says of declarations is said of some that are there, and what was renamed
/// is not there under its old name too.
fn nothing_missing(
    db: &dyn Db,
    key: EnvKey,
    overrides: &Overrides,
    pieces: &[&Piece],
    told: &Told,
) -> Option<()> {
    let all: BTreeSet<&str> = pieces
        .iter()
        .flat_map(|piece| &piece.renamed)
        .map(AsRef::as_ref)
        .collect();
    let mut moves = destinations(db).iter();
    let twice = moves.any(|(from, to)| all.contains(from.as_ref()) && all.contains(to.as_ref()));
    if twice {
        return None;
    }
    let mut placed = overrides.placed.iter();
    if !placed.all(|path| pieces.iter().any(|piece| piece.found.placed.contains(path))) {
        // Where there is no target, nothing is placed.
        return None;
    }
    // Something that could not be made may be what is missing: that has been told.
    if told.diags.iter().any(Diag::is_error) {
        return Some(());
    }
    let env = key.item(db);
    let paths = overrides.sets.keys();
    let set = paths.filter(|path| sets_own(overrides, env, path)).count();
    let paths = overrides.left.keys();
    let left = paths
        .filter(|path| leaves_own(overrides, env, path))
        .count();
    let omitted = overrides.omitted.iter().filter(|(_, o)| o.env == env);
    let mut omitted = omitted.map(|(path, _)| path);
    let reached = pieces.iter().map(|piece| piece.set).sum::<usize>() == set
        && pieces.iter().map(|piece| piece.left).sum::<usize>() == left
        && omitted.all(|path| pieces.iter().any(|piece| piece.left_out.contains(path)));
    reached.then_some(())
}
