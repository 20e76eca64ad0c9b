//! The names that a wrong one may have been meant for, found without comparing it with all that there are.
//!
//! A program with ten thousand wrong names may have ten thousand right ones, so a wrong name is compared
//! with a bounded number of them. In the order of the alphabet, its neighbours begin as it does; in the
//! order of the names read backwards, they end as it does. A slip leaves one half of a name as it was, so
//! that what was meant is among them, unless very many names share that half: then there may be no
//! proposal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::db::{Db, ModuleId, SourceFile, Space, module_of};
use crate::names::{Def, Scope, prelude, scope, uses};

/// So many names before and after a wrong one are compared with it, in each order.
const NEIGHBOURS: usize = 64;

/// Where names come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
enum From {
    /// A module.
    Module(ModuleId),
    /// `std`, as everybody sees it.
    Prelude,
}

/// The names of a namespace that a file sees and that are like `wrong`; all of them, where they are few.
pub fn like<'db>(db: &'db dyn Db, file: SourceFile, space: Space, wrong: &str) -> Vec<&'db str> {
    let mut found = Vec::new();
    let module = module_of(db, file);
    of_scope(
        db,
        From::Module(module),
        scope(db, module),
        space,
        wrong,
        &mut found,
    );
    neighbours(&uses(db, file).names, wrong, &mut found);
    of_scope(db, From::Prelude, prelude(db), space, wrong, &mut found);
    found
}

/// Adds those of one scope.
fn of_scope<'db>(
    db: &'db dyn Db,
    from: From,
    scope: &'db Scope,
    space: Space,
    wrong: &str,
    found: &mut Vec<&'db str>,
) {
    let count = match space {
        Space::Kind => neighbours(&scope.kinds, wrong, found),
        Space::Type => neighbours(&scope.types, wrong, found),
        Space::Unit => neighbours(&scope.units, wrong, found),
        Space::Env => neighbours(&scope.envs, wrong, found),
        Space::Policy => neighbours(&scope.policies, wrong, found),
        _ => neighbours(&scope.values, wrong, found),
    };
    if count > FEW {
        let turned = backwards(db, from, space);
        let wrong: Arc<str> = wrong.chars().rev().collect::<String>().into();
        let before = turned.range(..(wrong.clone(), Arc::from("")));
        let after = turned.range((wrong, Arc::from(""))..);
        let near = before.rev().take(NEIGHBOURS).chain(after.take(NEIGHBOURS));
        found.extend(near.map(|(_, name)| name.as_ref()));
    }
}

/// So few are compared one and all.
const FEW: usize = 2 * NEIGHBOURS;

/// Adds the names of a map that stand next to a wrong one, and says how many names there are.
fn neighbours<'db, T>(
    map: &'db BTreeMap<Arc<str>, T>,
    wrong: &str,
    found: &mut Vec<&'db str>,
) -> usize {
    if map.len() <= FEW {
        found.extend(map.keys().map(AsRef::as_ref));
        return map.len();
    }
    let before = map.range::<str, _>((Bound::Unbounded, Bound::Excluded(wrong)));
    let after = map.range::<str, _>((Bound::Included(wrong), Bound::Unbounded));
    let near = before.rev().take(NEIGHBOURS).chain(after.take(NEIGHBOURS));
    found.extend(near.map(|(name, _)| name.as_ref()));
    map.len()
}

/// The names of a namespace by their letters from the last to the first.
#[salsa::tracked]
fn backwards(db: &dyn Db, from: From, space: Space) -> BTreeSet<(Arc<str>, Arc<str>)> {
    fn turned<T>(map: &BTreeMap<Arc<str>, Def<T>>) -> BTreeSet<(Arc<str>, Arc<str>)> {
        map.keys()
            .map(|name| (name.chars().rev().collect::<String>().into(), name.clone()))
            .collect()
    }
    let scope = match from {
        From::Module(module) => scope(db, module),
        From::Prelude => prelude(db),
    };
    match space {
        Space::Kind => turned(&scope.kinds),
        Space::Type => turned(&scope.types),
        Space::Unit => turned(&scope.units),
        Space::Env => turned(&scope.envs),
        Space::Policy => turned(&scope.policies),
        _ => turned(&scope.values),
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, NEIGHBOURS, like};
    use crate::db::{Space, Workspace};
    use crate::{Database, PackageInput, Project, parse_manifest};

    /// A database with `count` values `value_N_name`, and what of their names is like a wrong one.
    fn compared(count: usize, wrong: &str) -> Vec<String> {
        let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
        let text: String = (0..count)
            .map(|i| format!("let value_{i}_name = {i}\n"))
            .collect();
        let mut db = Database::default();
        db.set_project(Project {
            packages: vec![PackageInput {
                manifest: parse_manifest(manifest).unwrap(),
                files: vec![("main.plat".to_owned(), text)],
                ..PackageInput::default()
            }],
        });
        let file = *Workspace::get(&db).files(&db).first().unwrap();
        let names = like(&db, file, Space::Value, wrong);
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn of_many_names_few_are_compared() {
        let of_std = compared(0, "value").len();
        let names = compared(5_000, "value_77_nmae");
        assert!(names.len() <= of_std + 4 * NEIGHBOURS, "{}", names.len());
        assert!(names.len() > FEW);
    }

    #[test]
    fn a_slip_at_any_place_of_a_name_leaves_it_near() {
        let right = "value_4711_name";
        for at in 0..right.len() {
            let wrong = format!("{}q{}", &right[..at], &right[at + 1..]);
            let names = compared(5_000, &wrong);
            let near = crate::suggest::nearest(&wrong, names.iter().map(String::as_str));
            // Where the slip is in the number, others are as near.
            assert!(near.is_some(), "{wrong}");
            if !(6..10).contains(&at) {
                assert_eq!(near, Some(right), "{wrong}");
            }
        }
    }
}
