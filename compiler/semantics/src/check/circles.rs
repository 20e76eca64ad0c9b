//! Definitions that go in circles: told once, at the one of them that comes first.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast::{self, Item};
use rustc_hash::FxHashMap;
use salsa::plumbing::AsId as _;

use super::lower;
use crate::db::{Db, ItemId, Space, Workspace, items, tree};
use crate::diag::Diag;
use crate::names::{Names, ValueDef, decls, is_read_on_demand, path_names};
use crate::types::name_spot;

/// What comes first of a circle, whatever the order in which its members are looked at: by file and
/// name, so that no place in a text is asked for.
fn rank(db: &dyn Db, item: ItemId) -> (Arc<str>, Arc<str>, Arc<str>, u32) {
    let file = item.file(db);
    let name = item.name(db).clone();
    (
        file.package(db).clone(),
        file.path(db).clone(),
        name,
        item.nth(db),
    )
}

/// The circle that an item is on, itself first, where each leads to one other at most. `None` if
/// it is on none, also where it leads to one.
pub(crate) fn circle(item: ItemId, next: impl Fn(ItemId) -> Option<ItemId>) -> Option<Vec<ItemId>> {
    let mut way = vec![item];
    let mut at = item;
    loop {
        at = next(at)?;
        if at == item {
            return Some(way);
        }
        if way.contains(&at) {
            return None;
        }
        way.push(at);
    }
}

/// Is an item the one at which its circle is told?
pub(crate) fn tells(db: &dyn Db, item: ItemId, circle: &[ItemId]) -> bool {
    circle
        .iter()
        .all(|other| rank(db, item) <= rank(db, *other))
}

/// `a` → `b` → `a`; nothing for what leads to itself straight away.
pub(crate) fn told(db: &dyn Db, diag: Diag, circle: &[ItemId]) -> Diag {
    let Some(first) = circle.first().filter(|_| circle.len() > 1) else {
        return diag;
    };
    let names = circle.iter().chain([first]);
    let names: Vec<String> = names.map(|i| format!("`{}`", i.name(db))).collect();
    diag.note(names.join(" → "))
}

/// What all lead to each other and to this item, and the shortest way from it back to itself. Each
/// may lead to several others.
fn knot(item: ItemId, next: &dyn Fn(ItemId) -> Vec<ItemId>) -> (Vec<ItemId>, Vec<ItemId>) {
    let from = |start: ItemId| -> BTreeMap<u64, (ItemId, ItemId)> {
        let mut seen = BTreeMap::new();
        let mut waiting = std::collections::VecDeque::from([start]);
        while let Some(at) = waiting.pop_front() {
            for to in next(at) {
                seen.entry(to.as_id().as_bits()).or_insert_with(|| {
                    waiting.push_back(to);
                    (to, at)
                });
            }
        }
        seen
    };
    let reached = from(item);
    let bits = item.as_id().as_bits();
    let members = reached
        .values()
        .map(|(to, _)| *to)
        .filter(|to| from(*to).contains_key(&bits))
        .collect();
    let mut way = Vec::new();
    let mut at = item;
    while let Some((_, before)) = reached.get(&at.as_id().as_bits()) {
        way.push(*before);
        at = *before;
        if at == item || way.len() > reached.len() {
            break;
        }
    }
    way.reverse();
    (members, way)
}

/// A `let` whose type is that of its value leads to those that the value names.
fn lets_named(db: &dyn Db, item: ItemId) -> Vec<ItemId> {
    let Some(tree) = tree(db, item) else {
        return Vec::new();
    };
    let Item::Let(def) = tree.item() else {
        return Vec::new();
    };
    if def.ty().is_some() {
        return Vec::new();
    }
    let names = Names {
        db,
        file: item.file(db),
    };
    tree.root()
        .descendants()
        .filter_map(ast::NameRef::cast)
        .filter_map(|name| match names.value(name.text()) {
            Some(ValueDef::Let(item)) => Some(item),
            _ => None,
        })
        .collect()
}

fn kinds_within(db: &dyn Db, item: ItemId) -> Vec<ItemId> {
    let names = Names {
        db,
        file: item.file(db),
    };
    let heads = decls(db, item).iter();
    heads.filter_map(|head| names.kind(&head.kind)).collect()
}

/// The kind that a kind takes over.
pub(crate) fn parent_of(db: &dyn Db, item: ItemId) -> Option<ItemId> {
    let tree = tree(db, item).as_ref()?;
    let Item::Kind(kind) = tree.item() else {
        return None;
    };
    let path = path_names(Some(kind.parent()?));
    let names = Names {
        db,
        file: item.file(db),
    };
    names.kind(&path)
}

/// Does a kind contain itself, straight or through others? Then what is to be said of it, if it
/// is the one at which that is said.
pub(super) fn kind_within_itself(db: &dyn Db, item: ItemId) -> Option<Option<Diag>> {
    let (members, way) = knot(item, &|at| kinds_within(db, at));
    if !members.contains(&item) {
        return None;
    }
    let message = format!("the kind `{}` contains itself", item.name(db));
    let diag = Diag::error("E0312", name_spot(db, item), message);
    Some(tells(db, item, &members).then(|| told(db, diag, &way)))
}

/// What is to be said of an item whose type depends on itself; nothing where another one of the
/// circle says it.
pub(super) fn type_of_itself(db: &dyn Db, item: ItemId) -> Option<Diag> {
    let message = format!(
        "the type of `{}` cannot be found: it depends on itself",
        item.name(db)
    );
    let diag = Diag::error("E0314", name_spot(db, item), message)
        .help("write its type: `let NAME: TYPE = …`");
    let (members, way) = knot(item, &|at| lets_named(db, at));
    if members.is_empty() || !members.contains(&item) {
        return Some(diag);
    }
    tells(db, item, &members).then(|| told(db, diag, &way))
}

/// So many environments may extend each other in a row: each of a thousand would be made of all those
/// before it.
const MOST_BASES: usize = 16;

/// How many environments each extends, one after the other.
#[derive(Default)]
struct Depths {
    /// `None` of one that goes in a circle, or to one.
    known: FxHashMap<ItemId, Option<usize>>,
    circles: Vec<Vec<ItemId>>,
}

impl Depths {
    /// Of one. Each environment is looked at once, whoever extends it.
    fn of(&mut self, item: ItemId, base: &dyn Fn(ItemId) -> Option<ItemId>) -> Option<usize> {
        let mut way = Vec::new();
        let mut at = Some(item);
        let mut depth = loop {
            let Some(env) = at else { break Some(0) };
            if let Some(known) = self.known.get(&env) {
                if let Some(begins) = way.iter().position(|before| *before == env) {
                    self.circles
                        .extend(way.get(begins..).map(<[ItemId]>::to_vec));
                }
                break known.map(|known| known + 1);
            }
            self.known.insert(env, None);
            way.push(env);
            at = base(env);
        };
        for env in way.into_iter().rev() {
            self.known.insert(env, depth);
            depth = depth.map(|depth| depth + 1);
        }
        self.known.get(&item).copied().flatten()
    }
}

/// Environments that extend each other in a circle, or too many in a row.
#[salsa::tracked]
pub fn env_circles(db: &dyn Db) -> Vec<Diag> {
    let mut diags = Vec::new();
    let Some(workspace) = Workspace::try_get(db) else {
        return diags;
    };
    let base = |item: ItemId| Some(lower(db, item).env.as_ref()?.extends.as_ref()?.env);
    let mut depths = Depths::default();
    let files = workspace.files(db).iter();
    for file in files.filter(|file| !is_read_on_demand(db, **file)) {
        let envs = items(db, *file).iter();
        for item in envs.filter(|item| item.space(db) == Space::Env) {
            // Those that extend this one are too deep as well: it is told once.
            if depths.of(*item, &base) == Some(MOST_BASES + 1) {
                let message = format!(
                    "`{}` extends {} environments in a row, and {MOST_BASES} are allowed",
                    item.name(db),
                    MOST_BASES + 1
                );
                let diag = Diag::error("E0618", name_spot(db, *item), message)
                    .help("extend one that itself extends fewer, and say the rest here");
                diags.push(diag);
            }
        }
    }
    for mut circle in depths.circles {
        let first = circle
            .iter()
            .enumerate()
            .min_by_key(|(_, env)| rank(db, **env));
        let Some((first, item)) = first.map(|(at, env)| (at, *env)) else {
            continue;
        };
        circle.rotate_left(first);
        let message = if circle.len() == 1 {
            "an environment cannot extend itself"
        } else {
            "these environments extend each other in a circle"
        };
        let diag = Diag::error("E0605", name_spot(db, item), message);
        diags.push(told(db, diag, &circle));
    }
    diags
}
