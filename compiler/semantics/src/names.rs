//! Which name means what: the scope of a module, `use`, the prelude.
//!
//! A directory is a module; its files share one scope. A `use` holds for its file. Lookup goes
//! local, `use`, prelude, silently, so that a name added to `std` breaks nobody. Kinds, types,
//! units, environments and values are separate namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::ast::{self, Item};

use crate::db::{
    Db, ItemId, ModuleId, SourceFile, Space, Workspace, items, module_files, module_of, modules,
    name_text, package_info, tree,
};
use crate::diag::{Diag, Spot};

/// The package whose public names everybody sees.
pub const STD: &str = "std";

/// A declaration: the `index`th in its item, counted in the order of the source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct DeclRef {
    /// The item that it is or stands in.
    pub item: ItemId,
    /// Which one.
    pub index: u32,
}

/// What can be known of a declaration without reading its body.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct DeclHead {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind as written.
    pub kind: Vec<Arc<str>>,
    /// `background[q.queue]`
    pub family: bool,
    /// The arms of the `if`s around it, outermost first.
    pub branch: Vec<(u32, u8)>,
    /// How many `for`s are around it.
    pub loops: u32,
}

/// The declarations of an item, in the order of the source. For a kind, its contents.
#[salsa::tracked]
pub fn decls(db: &dyn Db, item: ItemId) -> Vec<DeclHead> {
    let mut walk = DeclWalk::default();
    if let Some(tree) = tree(db, item) {
        match tree.item() {
            Item::Kind(kind) => kind.items().for_each(|i| walk.item(i)),
            Item::Decl(decl) => {
                walk.own = decl.name().map(|_| item.name(db).clone());
                walk.item(Item::Decl(decl));
            }
            other => walk.item(other),
        }
    }
    walk.heads
}

#[derive(Default)]
struct DeclWalk {
    /// The name of an item that is just a declaration.
    own: Option<Arc<str>>,
    heads: Vec<DeclHead>,
    branch: Vec<(u32, u8)>,
    loops: u32,
    ifs: u32,
}

impl DeclWalk {
    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Decl(decl) => self.heads.push(DeclHead {
                name: decl.name().map_or_else(
                    || Arc::from(""),
                    |name| match &self.own {
                        Some(own) => own.clone(),
                        None => name_text(name, after(name)),
                    },
                ),
                kind: path_names(decl.kind()),
                // One in a `for` that lacks its key, which is told, is not missed as a family too.
                family: decl.key().is_some() || self.loops > 0,
                branch: self.branch.clone(),
                loops: self.loops,
            }),
            Item::If(choice) => {
                let id = self.ifs;
                self.ifs += 1;
                self.branch.push((id, 0));
                choice.then_items().for_each(|i| self.item(i));
                self.branch.pop();
                self.branch.push((id, 1));
                choice.else_items().for_each(|i| self.item(i));
                self.branch.pop();
            }
            Item::For(each) => {
                self.loops += 1;
                each.items().for_each(|i| self.item(i));
                self.loops -= 1;
            }
            _ => {}
        }
    }
}

/// What stands after a name in its item.
fn after<'t>(name: ast::Name<'t>) -> &'t str {
    let node = name.node();
    let rest = node.tree().text().get(node.range().end as usize..);
    rest.unwrap_or_default()
}

/// The names of a path.
pub fn path_names(path: Option<ast::Path<'_>>) -> Vec<Arc<str>> {
    path.into_iter()
        .flat_map(ast::Path::names)
        .map(|name| Arc::from(name.text()))
        .collect()
}

/// What a name of the value namespace is.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum ValueDef {
    /// A `let`.
    Let(ItemId),
    /// A `fn`.
    Fn(ItemId),
    /// A declaration.
    Decl(DeclRef),
    /// An input of the app.
    AppInput(ItemId, Arc<str>),
}

impl ValueDef {
    /// The item that defines it.
    pub fn item(&self) -> ItemId {
        match self {
            Self::Let(item) | Self::Fn(item) | Self::AppInput(item, _) => *item,
            Self::Decl(decl) => decl.item,
        }
    }
}

/// What a name of the type namespace is.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum TypeEntry {
    /// A `type`.
    Item(ItemId),
    /// The quantities of the units that name it: their dimension.
    Quantity(crate::units::Dim),
}

/// One definition of a scope.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Def<T> {
    /// What it is.
    pub what: T,
    /// May other packages use it?
    pub public: bool,
}

/// The names that a module gives.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Scope {
    /// Kinds.
    pub kinds: BTreeMap<Arc<str>, Def<ItemId>>,
    /// Types.
    pub types: BTreeMap<Arc<str>, Def<TypeEntry>>,
    /// Units.
    pub units: BTreeMap<Arc<str>, Def<ItemId>>,
    /// Values.
    pub values: BTreeMap<Arc<str>, Def<ValueDef>>,
    /// Environments.
    pub envs: BTreeMap<Arc<str>, Def<ItemId>>,
    /// Policies.
    pub policies: BTreeMap<Arc<str>, Def<ItemId>>,
    /// The second definition of a name, and the first.
    pub doubled: Vec<(ItemId, Arc<str>, ItemId)>,
}

/// The scope of a module.
#[salsa::tracked]
pub fn scope(db: &dyn Db, module: ModuleId) -> Scope {
    scope_of_files(db, module_files(db, module))
}

fn scope_of_files(db: &dyn Db, files: &[SourceFile]) -> Scope {
    let mut scope = Scope::default();
    for file in files {
        for (item, shape) in shapes(db, *file) {
            add_item(db, &mut scope, *item, shape);
        }
    }
    for (name, dim) in crate::units::quantity_types(db, &scope) {
        let public = true;
        let what = TypeEntry::Quantity(dim);
        scope.types.entry(name).or_insert(Def { what, public });
    }
    scope
}

/// What a scope reads of a file. A query of its own: after an edit in one of many files, a scope is
/// found to be as it was by looking at each file, and not at each item of each.
#[salsa::tracked]
pub(crate) fn shapes(db: &dyn Db, file: SourceFile) -> Vec<(ItemId, ItemShape)> {
    let all = items(db, file).iter();
    all.filter_map(|item| Some((*item, item_shape(db, *item).clone()?)))
        .collect()
}

fn add_item(db: &dyn Db, scope: &mut Scope, item: ItemId, shape: &ItemShape) {
    let name = item.name(db).clone();
    let public = shape.public;
    let doubled = &mut scope.doubled;
    match item.space(db) {
        Space::Kind => insert(doubled, &mut scope.kinds, name, item, public, item, |i| *i),
        Space::Type => insert(
            doubled,
            &mut scope.types,
            name,
            TypeEntry::Item(item),
            public,
            item,
            |entry| match entry {
                TypeEntry::Item(item) => *item,
                TypeEntry::Quantity(_) => item,
            },
        ),
        Space::Unit => insert(doubled, &mut scope.units, name, item, public, item, |i| *i),
        Space::Env => insert(doubled, &mut scope.envs, name, item, public, item, |i| *i),
        Space::Policy => insert(
            doubled,
            &mut scope.policies,
            name,
            item,
            public,
            item,
            |i| *i,
        ),
        Space::Value | Space::Block | Space::App => {
            for (name, def) in &shape.values {
                insert(
                    doubled,
                    &mut scope.values,
                    name.clone(),
                    def.clone(),
                    public,
                    item,
                    ValueDef::item,
                );
            }
        }
        _ => {}
    }
}

fn insert<T>(
    doubled: &mut Vec<(ItemId, Arc<str>, ItemId)>,
    map: &mut BTreeMap<Arc<str>, Def<T>>,
    name: Arc<str>,
    what: T,
    public: bool,
    item: ItemId,
    owner: impl Fn(&T) -> ItemId,
) {
    match map.get(&name) {
        Some(first) => doubled.push((item, name, owner(&first.what))),
        None => {
            map.insert(name, Def { what, public });
        }
    }
}

/// The part of an item that its module's scope reads.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct ItemShape {
    /// Is it `pub`?
    pub public: bool,
    /// The names it gives in the value namespace.
    pub values: Vec<(Arc<str>, ValueDef)>,
}

/// What a scope reads of an item: stays the same when a body is edited.
#[salsa::tracked]
pub fn item_shape(db: &dyn Db, item: ItemId) -> Option<ItemShape> {
    let tree = tree(db, item).as_ref()?;
    let ast = tree.item();
    let name = item.name(db).clone();
    let values = match ast {
        Item::Let(_) => vec![(name, ValueDef::Let(item))],
        Item::FnDef(_) => vec![(name, ValueDef::Fn(item))],
        Item::Decl(_) | Item::If(_) | Item::For(_) => decls(db, item)
            .iter()
            .zip(0..)
            .map(|(head, index)| (head.name.clone(), ValueDef::Decl(DeclRef { item, index })))
            .collect(),
        Item::App(app) => app
            .inputs()
            .filter_map(|input| input.name())
            .map(|n| {
                let name: Arc<str> = Arc::from(n.text());
                (name.clone(), ValueDef::AppInput(item, name))
            })
            .collect(),
        _ => Vec::new(),
    };
    let public = ast.is_pub();
    Some(ItemShape { public, values })
}

/// The public names of `std`, all its modules together.
#[salsa::tracked]
pub fn prelude(db: &dyn Db) -> Scope {
    let Some(workspace) = Workspace::try_get(db) else {
        return Scope::default();
    };
    let files: Vec<SourceFile> = workspace
        .files(db)
        .iter()
        .copied()
        .filter(|file| file.package(db).as_ref() == STD)
        .filter(|file| !is_read_on_demand(db, *file))
        .collect();
    scope_of_files(db, &files)
}

/// Is it a file that is read only where something of its module is named? The objects of targets are
/// many, and most programs speak of none: nothing may go over all files without passing these over.
pub fn is_read_on_demand(db: &dyn Db, file: SourceFile) -> bool {
    file.package(db).as_ref() == STD && file.path(db).starts_with("objects/")
}

/// What the `use`s of a file give: the name here, the module, and the name there.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Uses {
    /// By the name here.
    pub names: BTreeMap<Arc<str>, (ModuleId, Arc<str>)>,
    /// The names here that could not be brought.
    pub missing: BTreeSet<Arc<str>>,
    /// What is wrong with them.
    pub diags: Vec<Diag>,
}

/// The `use`s of a file.
#[salsa::tracked]
pub fn uses(db: &dyn Db, file: SourceFile) -> Uses {
    let mut uses = Uses::default();
    for item in items(db, file) {
        if item.space(db) == Space::Use
            && let Some(tree) = tree(db, *item)
            && let Item::Use(ast) = tree.item()
        {
            read_use(db, file, *item, ast, &mut uses);
        }
    }
    uses
}

fn read_use(db: &dyn Db, file: SourceFile, item: ItemId, ast: ast::Use<'_>, uses: &mut Uses) {
    let Some(path) = ast.module() else { return };
    let names = path_names(Some(path));
    let spot = Spot::new(item, path.node().range());
    let module = match find_module(db, file, &names) {
        Ok(module) => module,
        Err(problem) => {
            uses.diags.push(problem.diag(db, path, spot));
            let names = ast.items().filter_map(|i| i.alias().or_else(|| i.name()));
            uses.missing.extend(names.map(|n| Arc::from(n.text())));
            return;
        }
    };
    let scope = scope(db, module);
    let foreign = module.package(db) != file.package(db);
    for use_item in ast.items() {
        let Some(name) = use_item.name() else {
            continue;
        };
        let text: Arc<str> = Arc::from(name.text());
        let here = use_item
            .alias()
            .map_or_else(|| text.clone(), |a| Arc::from(a.text()));
        let name_spot = Spot::new(item, name.node().range());
        match visible(scope, &text) {
            None => {
                let there: Vec<&str> = all_names(scope, foreign);
                // The file goes on with the name that was meant.
                if let Some(near) = crate::suggest::nearest(&here, there.iter().copied()) {
                    uses.missing.insert(Arc::from(near));
                }
                uses.missing.insert(here);
                uses.diags.push(
                    Diag::error(
                        "E0203",
                        name_spot,
                        format!("`{}` has no `{text}`", names.join(".")),
                    )
                    .misses(Space::Use, &text)
                    .suggest(&text, name_spot, &there),
                );
            }
            Some(false) if foreign => {
                uses.missing.insert(here);
                uses.diags.push(
                    Diag::error(
                        "E0204",
                        name_spot,
                        format!(
                            "`{text}` of the package `{}` is not `pub`",
                            module.package(db)
                        ),
                    )
                    .misses(Space::Use, &text)
                    .help("only what is `pub` can be used by other packages"),
                );
            }
            Some(_) => {
                uses.names.insert(here, (module, text));
            }
        }
    }
}

/// Whether a scope has a name, and whether it is public.
fn visible(scope: &Scope, name: &str) -> Option<bool> {
    let found = [
        scope.kinds.get(name).map(|d| d.public),
        scope.types.get(name).map(|d| d.public),
        scope.values.get(name).map(|d| d.public),
        scope.units.get(name).map(|d| d.public),
        scope.envs.get(name).map(|d| d.public),
        scope.policies.get(name).map(|d| d.public),
    ];
    found.into_iter().flatten().max()
}

fn all_names(scope: &Scope, foreign: bool) -> Vec<&str> {
    fn of<T>(map: &BTreeMap<Arc<str>, Def<T>>, foreign: bool) -> impl Iterator<Item = &str> {
        map.iter()
            .filter(move |(_, def)| def.public || !foreign)
            .map(|(name, _)| name.as_ref())
    }
    of(&scope.kinds, foreign)
        .chain(of(&scope.types, foreign))
        .chain(of(&scope.values, foreign))
        .chain(of(&scope.units, foreign))
        .chain(of(&scope.envs, foreign))
        .collect()
}

/// Why a module was not found.
pub enum NoModule {
    /// There is no such package; those there are.
    Package(Arc<str>, Vec<String>),
    /// The package has no such directory.
    Directory(Arc<str>, String),
}

impl NoModule {
    /// As a diagnostic about the path of a `use`.
    fn diag(self, db: &dyn Db, path: ast::Path<'_>, spot: Spot) -> Diag {
        match self {
            Self::Package(name, there) => {
                let names: Vec<&str> = there.iter().map(String::as_str).collect();
                let first = path.names().next();
                let at = first.map_or(spot, |n| Spot::new(spot.item, n.node().range()));
                let message = format!("there is no package `{name}` among the dependencies");
                let diag = Diag::error("E0803", spot, message).misses(Space::Use, &name);
                match crate::suggest::nearest(&name, names.iter().copied()) {
                    Some(_) => diag.suggest(&name, at, &names),
                    None => diag.help(format!(
                        "add `{name} = {{ path = \"…\" }}` to [dependencies] in plat.toml"
                    )),
                }
            }
            Self::Directory(package, dir) => {
                let there: Vec<String> = crate::db::modules(db)
                    .keys()
                    .filter(|(of, dir)| *of == package && !dir.is_empty())
                    .map(|(_, dir)| dir.replace('/', "."))
                    .collect();
                let there: Vec<&str> = there.iter().map(String::as_str).collect();
                let ends = path.names().nth(1).zip(path.names().last());
                let at = ends.map_or(spot, |(first, last)| {
                    let range = first.node().range().cover(last.node().range());
                    Spot::new(spot.item, range)
                });
                let message =
                    format!("the package `{package}` has no directory `{dir}` with plat files");
                Diag::error("E0202", spot, message).suggest(&dir.replace('/', "."), at, &there)
            }
        }
    }
}

/// The module that a path names, as seen from a file.
pub fn find_module(db: &dyn Db, file: SourceFile, path: &[Arc<str>]) -> Result<ModuleId, NoModule> {
    let own = file.package(db);
    let Some((first, rest)) = path.split_first() else {
        return Ok(module_of(db, file));
    };
    let dependencies = package_info(db, own).map(|info| &info.dependencies);
    let package: Arc<str> = if first == own || first.as_ref() == STD {
        first.clone()
    } else if let Some(name) = dependencies.and_then(|d| d.get(first.as_ref())) {
        Arc::from(name.as_str())
    } else {
        let mut there: Vec<String> = dependencies
            .into_iter()
            .flatten()
            .map(|(k, _)| k.clone())
            .collect();
        there.push(own.to_string());
        return Err(NoModule::Package(first.clone(), there));
    };
    let dir: Arc<str> = Arc::from(rest.join("/"));
    let module = ModuleId::new(db, package.clone(), dir.clone());
    if module_files(db, module).is_empty()
        && !(rest.is_empty() && package_info(db, &package).is_some())
    {
        return Err(NoModule::Directory(package, dir.to_string()));
    }
    Ok(module)
}

/// Why there are no policies of a name.
pub enum NoPolicy {
    /// It is not `pub`; its package.
    NotPublic(Arc<str>),
    /// The package or directory makes none public.
    None(String),
    /// There is nothing of that name; the policies that can be seen.
    Unknown(Vec<Arc<str>>),
}

/// Looks names up as seen from a file.
#[derive(Clone, Copy)]
pub struct Names<'db> {
    /// The database.
    pub db: &'db dyn Db,
    /// From where.
    pub file: SourceFile,
}

macro_rules! lookup {
    ($(#[$meta:meta])* $name:ident, $field:ident, $ty:ty) => {
        $(#[$meta])*
        pub fn $name(self, name: &str) -> Option<$ty> {
            let db = self.db;
            if let Some(def) = scope(db, module_of(db, self.file)).$field.get(name) {
                return Some(def.what.clone());
            }
            if let Some((module, there)) = uses(db, self.file).names.get(name)
                && let Some(def) = scope(db, *module).$field.get(there)
            {
                return Some(def.what.clone());
            }
            let def = prelude(db).$field.get(name)?;
            def.public.then(|| def.what.clone())
        }
    };
}

impl<'db> Names<'db> {
    lookup!(
        /// A kind by its name.
        kind_named, kinds, ItemId
    );
    lookup!(
        /// A type by its name.
        type_named, types, TypeEntry
    );
    lookup!(
        /// A unit by its name.
        unit, units, ItemId
    );
    lookup!(
        /// A value by its name.
        value, values, ValueDef
    );
    lookup!(
        /// An environment by its name.
        env, envs, ItemId
    );
    lookup!(
        /// A policy by its name.
        policy, policies, ItemId
    );

    /// A kind by its path: `service`, `acme.web_app`.
    pub fn kind(self, path: &[Arc<str>]) -> Option<ItemId> {
        self.qualified(path, Self::kind_named, |scope, name| {
            scope.kinds.get(name).map(|d| d.what)
        })
    }

    /// A type by its path.
    pub fn ty(self, path: &[Arc<str>]) -> Option<TypeEntry> {
        self.qualified(path, Self::type_named, |scope, name| {
            scope.types.get(name).map(|d| d.what.clone())
        })
    }

    /// The policy of a name or a path, or all the public ones of a package or a directory.
    ///
    /// # Errors
    /// There is none of that name, or it is not public.
    pub fn policies(self, path: &[Arc<str>]) -> Result<Vec<ItemId>, NoPolicy> {
        let db = self.db;
        if let [name] = path
            && let Some(found) = self.policy(name)
        {
            return Ok(vec![found]);
        }
        if let Some((name, module)) = path.split_last()
            && !module.is_empty()
            && let Ok(module) = find_module(db, self.file, module)
            && let Some(def) = scope(db, module).policies.get(name)
        {
            return if def.public || module.package(db) == self.file.package(db) {
                Ok(vec![def.what])
            } else {
                Err(NoPolicy::NotPublic(module.package(db).clone()))
            };
        }
        if let Ok(module) = find_module(db, self.file, path) {
            let mut found = Vec::new();
            let package = module.package(db);
            let below = format!("{}/", module.dir(db));
            // A directory stands for those below it too.
            for (of, dir) in modules(db).keys() {
                let within =
                    dir == module.dir(db) || module.dir(db).is_empty() || dir.starts_with(&below);
                if of == package && within {
                    let module = ModuleId::new(db, of.clone(), dir.clone());
                    let scope = scope(db, module);
                    found.extend(scope.policies.values().filter(|d| d.public).map(|d| d.what));
                }
            }
            return if found.is_empty() {
                Err(NoPolicy::None(path.join(".")))
            } else {
                Ok(found)
            };
        }
        let wrong = path.last().map(AsRef::as_ref).unwrap_or_default();
        let seen = self.like(Space::Policy, wrong);
        Err(NoPolicy::Unknown(seen.into_iter().map(Arc::from).collect()))
    }

    fn qualified<T>(
        self,
        path: &[Arc<str>],
        plain: impl Fn(Self, &str) -> Option<T>,
        there: impl Fn(&Scope, &str) -> Option<T>,
    ) -> Option<T> {
        match path.split_last()? {
            (name, []) => plain(self, name),
            (name, module) => {
                let module = find_module(self.db, self.file, module).ok()?;
                there(scope(self.db, module), name)
            }
        }
    }

    /// The names of a namespace that can be seen and are like a wrong one, for suggestions.
    pub fn like(self, space: Space, wrong: &str) -> Vec<&'db str> {
        crate::near::like(self.db, self.file, space, wrong)
    }

    /// The names of a namespace that can be seen.
    pub fn seen(self, space: Space) -> Vec<&'db str> {
        let db = self.db;
        let keys = |scope: &'db Scope| -> Vec<&'db str> {
            match space {
                Space::Kind => scope.kinds.keys().map(AsRef::as_ref).collect(),
                Space::Type => scope.types.keys().map(AsRef::as_ref).collect(),
                Space::Unit => scope.units.keys().map(AsRef::as_ref).collect(),
                Space::Env => scope.envs.keys().map(AsRef::as_ref).collect(),
                Space::Policy => scope.policies.keys().map(AsRef::as_ref).collect(),
                _ => scope.values.keys().map(AsRef::as_ref).collect(),
            }
        };
        let mut names = keys(scope(db, module_of(db, self.file)));
        names.extend(uses(db, self.file).names.keys().map(AsRef::as_ref));
        names.extend(keys(prelude(db)));
        names
    }

    /// The definition whose name is nearest to `wrong`, if one is near, and where it has that name.
    /// Not `within`, where it is missed.
    pub fn near_definition(
        self,
        space: Space,
        wrong: &str,
        within: Option<ItemId>,
    ) -> Option<(&'db str, Spot)> {
        let db = self.db;
        let near = match space {
            Space::Value => self.near_value(wrong, within),
            _ => crate::suggest::nearest(wrong, self.like(space, wrong)),
        }?;
        let item = match space {
            Space::Kind => self.kind_named(near)?,
            Space::Env => self.env(near)?,
            Space::Policy => self.policy(near)?,
            Space::Unit => self.unit(near)?,
            Space::Type => match self.type_named(near)? {
                TypeEntry::Item(item) => item,
                TypeEntry::Quantity(_) => return None,
            },
            Space::Value => match self.value(near)? {
                ValueDef::Let(item) | ValueDef::Fn(item) => item,
                // One in a block is not the item's name.
                ValueDef::Decl(decl) if decl.item.space(db) == Space::Value => decl.item,
                ValueDef::Decl(_) | ValueDef::AppInput(..) => return None,
            },
            _ => return None,
        };
        Some((near, crate::types::name_spot(db, item)))
    }

    /// Of the names of values, the one nearest to `wrong`, if one is near; not that of the item in which
    /// it is missed: what names itself would go in a circle.
    pub fn near_value(self, wrong: &str, within: Option<ItemId>) -> Option<&'db str> {
        let own = within.filter(|item| item.space(self.db) == Space::Value);
        let own = own.map(|item| item.name(self.db).as_ref());
        let names = self.like(Space::Value, wrong).into_iter();
        crate::suggest::nearest(wrong, names.filter(|name| Some(*name) != own))
    }
}
