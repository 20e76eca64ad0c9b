//! Which files make up the app, and what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::db::{Db, ItemId, SourceFile, Space, Workspace, items, main_package, module_of};
use crate::names::{ValueDef, scope};

/// The app of the main package.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct App {
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its heads, one per file.
    pub heads: Vec<ItemId>,
    /// Its declarations and blocks of them.
    pub contents: Vec<ItemId>,
    /// The `let`s of the main package.
    pub lets: Vec<ItemId>,
    /// Its environments, in the order of files and text.
    pub envs: Vec<ItemId>,
    /// Its policies.
    pub policies: Vec<ItemId>,
    /// Its tests, and those of the packages that are part of its source tree.
    pub tests: Vec<ItemId>,
    /// Its renames.
    pub moved: Vec<ItemId>,
    /// Policies that are waived.
    pub waived: Vec<ItemId>,
    /// Declarations of the main package in files that belong to no app.
    pub homeless: Vec<ItemId>,
}

/// The head of the app that a file belongs to.
#[salsa::tracked]
pub fn app_head_of(db: &dyn Db, file: SourceFile) -> Option<ItemId> {
    items(db, file)
        .iter()
        .copied()
        .find(|item| item.space(db) == Space::App)
}

/// The app of the main package.
#[salsa::tracked]
pub fn app(db: &dyn Db) -> App {
    let mut app = App::default();
    let (Some(workspace), Some(main)) = (Workspace::try_get(db), main_package(db)) else {
        return app;
    };
    for file in workspace.files(db) {
        if *file.package(db) == main.name {
            app.extend(part_of(db, *file));
            continue;
        }
        let package = crate::db::package_info(db, file.package(db));
        if package.is_some_and(|package| package.own) {
            let items = items(db, *file).iter();
            let tests = items.filter(|item| item.space(db) == Space::Test);
            app.tests.extend(tests.copied());
        }
    }
    app.name = app.heads.first().map(|head| head.name(db).clone());
    app
}

impl App {
    fn extend(&mut self, part: &Self) {
        self.heads.extend(&part.heads);
        self.contents.extend(&part.contents);
        self.lets.extend(&part.lets);
        self.envs.extend(&part.envs);
        self.policies.extend(&part.policies);
        self.tests.extend(&part.tests);
        self.moved.extend(&part.moved);
        self.waived.extend(&part.waived);
        self.homeless.extend(&part.homeless);
    }
}

/// What stands of the app in a file of the main package. It changes with the names of that file's
/// items alone.
#[salsa::tracked]
pub fn part_of(db: &dyn Db, file: SourceFile) -> App {
    let mut app = App::default();
    let head = *app_head_of(db, file);
    for item in items(db, file) {
        let list = match item.space(db) {
            Space::Value | Space::Block => {
                let shape = crate::names::item_shape(db, *item).as_ref();
                let declares = shape.is_none_or(|shape| {
                    let decl = |def: &ValueDef| matches!(def, ValueDef::Decl(_));
                    shape.values.is_empty() || shape.values.iter().any(|(_, def)| decl(def))
                });
                let is_let = shape.is_some_and(|shape| {
                    shape
                        .values
                        .iter()
                        .any(|(_, def)| matches!(def, ValueDef::Let(_)))
                });
                match (declares, head) {
                    (false, _) if is_let => &mut app.lets,
                    (false, _) => continue,
                    (true, Some(_)) => &mut app.contents,
                    (true, None) => &mut app.homeless,
                }
            }
            Space::Env => &mut app.envs,
            Space::Policy => &mut app.policies,
            Space::Test => &mut app.tests,
            Space::Moved => &mut app.moved,
            Space::Waive => &mut app.waived,
            Space::App => &mut app.heads,
            _ => continue,
        };
        list.push(*item);
    }
    app
}

/// The policies of the app.
#[salsa::tracked]
pub fn policies(db: &dyn Db) -> Vec<ItemId> {
    app(db).policies.clone()
}

/// The policies that are waived.
#[salsa::tracked]
pub fn waived(db: &dyn Db) -> Vec<ItemId> {
    app(db).waived.clone()
}

/// The files that hold declarations of the app, in their order, each with how many items of them.
#[salsa::tracked]
pub fn holders(db: &dyn Db) -> Vec<(SourceFile, usize)> {
    let (Some(workspace), Some(main)) = (Workspace::try_get(db), main_package(db)) else {
        return Vec::new();
    };
    let files = workspace.files(db).iter().copied();
    let own = files.filter(|file| *file.package(db) == main.name);
    own.map(|file| (file, part_of(db, file).contents.len()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// A declaration or input of the app of `file`, in whichever directory it stands.
pub fn app_value(db: &dyn Db, file: SourceFile, name: &str) -> Option<ValueDef> {
    app_head_of(db, file).as_ref()?;
    app_values(db).get(name).cloned()
}

#[salsa::tracked]
fn app_values(db: &dyn Db) -> BTreeMap<Arc<str>, ValueDef> {
    let mut values = BTreeMap::new();
    for head in &app(db).heads {
        let module = module_of(db, head.file(db));
        for (name, def) in &scope(db, module).values {
            if matches!(def.what, ValueDef::Decl(_) | ValueDef::AppInput(..)) {
                values
                    .entry(name.clone())
                    .or_insert_with(|| def.what.clone());
            }
        }
    }
    values
}
