//! The salsa database: what goes in, and the first queries over it.
//!
//! Files are inputs. `parsed` reads one, and changes with every character; `items` names what
//! stands in it, and `tree` gives one item's tree: these two stop most changes, because an item
//! that was only moved has the same name and the same tree. Everything further is keyed by
//! [`ItemId`], a stable path. Offsets are looked up only when something is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast::{self, Item};
use plat_syntax::{Parse, ParsedItem, TextRange, Tree};
use salsa::plumbing::AsId as _;

/// What every query takes first.
#[salsa::db]
pub trait Db: salsa::Database {}

/// One source file.
#[salsa::input(debug)]
pub struct SourceFile {
    /// The package it belongs to.
    pub package: Arc<str>,
    /// Its path in its package, with `/`.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

/// A package as the queries know it.
#[derive(Debug, Clone, PartialEq, Eq, salsa::SalsaValue)]
pub struct PackageInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// What `use` calls its dependencies, and the packages that they are.
    pub dependencies: BTreeMap<String, String>,
    /// Its directory, relative to the main package's; empty for the main package.
    pub root: Arc<str>,
    /// Its files that are not plat.
    pub listing: Arc<[String]>,
    /// Is it the one the command was called for?
    pub main: bool,
    /// Is it part of the same source tree: the main package, or reached from it by paths alone?
    pub own: bool,
}

/// Everything there is.
#[salsa::input(singleton, debug)]
pub struct Workspace {
    /// The packages, the main one first, `std` last.
    pub packages: Vec<PackageInfo>,
    /// Every source file, by package and path.
    pub files: Vec<SourceFile>,
    /// The files that the source names as values: `import_json` and its like.
    pub data: Vec<SourceFile>,
    /// Those of them that could not be read as text, and why.
    pub unread: Vec<(Arc<str>, Arc<str>, Arc<str>)>,
}

/// What a name lives in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, salsa::SalsaValue)]
pub enum Space {
    /// `kind`
    Kind,
    /// `type`
    Type,
    /// `unit`
    Unit,
    /// `let`, `fn`, declarations
    Value,
    /// `env`
    Env,
    /// `policy`
    Policy,
    /// `test`
    Test,
    /// `app`
    App,
    /// `use`
    Use,
    /// `if` and `for` over declarations
    Block,
    /// `waive`
    Waive,
    /// `moved`
    Moved,
    /// what could not be read
    Broken,
    /// A document that is read as a value; see `data.rs`.
    Data,
}

/// A top-level item by its stable path: file, namespace, name, and which of those of that name.
#[salsa::interned(unsafe(no_lifetime), revisions = usize::MAX, debug)]
pub struct ItemId {
    /// The file it stands in.
    #[returns(copy)]
    pub file: SourceFile,
    /// Its namespace.
    #[returns(copy)]
    pub space: Space,
    /// Its name, or the word it begins with where it has none.
    pub name: Arc<str>,
    /// 0, unless there are several.
    #[returns(copy)]
    pub nth: u32,
}

/// A directory of a package.
#[salsa::interned(unsafe(no_lifetime), revisions = usize::MAX, debug)]
pub struct ModuleId {
    /// The package.
    pub package: Arc<str>,
    /// The directory with `/`, empty for the package's root.
    pub dir: Arc<str>,
}

/// The module of a file. A query, so that whoever looks a name up need not spell the module.
#[salsa::tracked(returns(copy))]
pub fn module_of(db: &dyn Db, file: SourceFile) -> ModuleId {
    let path = file.path(db);
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    ModuleId::new(db, file.package(db).clone(), Arc::<str>::from(dir))
}

/// A file as read: changes with every character.
#[derive(Debug)]
pub struct Parsed {
    /// The trees with their offsets, and what is wrong with the text.
    pub parse: Parse,
    /// The items' names, in the order of the file.
    pub ids: Vec<ItemId>,
    index: BTreeMap<u64, usize>,
}

/// Reads a file.
#[salsa::tracked(no_eq)]
pub fn parsed(db: &dyn Db, file: SourceFile) -> Parsed {
    let parse = plat_syntax::parse(&display_path(db, file), file.text(db));
    let mut seen: BTreeMap<(Space, Arc<str>), u32> = BTreeMap::new();
    let mut ids = Vec::with_capacity(parse.items.len());
    let mut index = BTreeMap::new();
    for (position, item) in parse.items.iter().enumerate() {
        let (space, name) = item_name(item, file.text(db));
        let count = seen.entry((space, name.clone())).or_default();
        let id = ItemId::new(db, file, space, name, *count);
        *count += 1;
        index.insert(id.as_id().as_bits(), position);
        ids.push(id);
    }
    Parsed { parse, ids, index }
}

fn item_name(parsed: &ParsedItem, text: &str) -> (Space, Arc<str>) {
    let item = parsed.tree.item();
    let (space, word) = match item {
        Item::App(_) => (Space::App, "app"),
        Item::Use(_) => (Space::Use, "use"),
        Item::Kind(_) => (Space::Kind, "kind"),
        Item::TypeDef(_) => (Space::Type, "type"),
        Item::UnitDef(_) => (Space::Unit, "unit"),
        Item::FnDef(_) | Item::Let(_) | Item::Decl(_) => (Space::Value, "let"),
        Item::Env(_) => (Space::Env, "env"),
        Item::Policy(_) => (Space::Policy, "policy"),
        Item::Waive(_) => (Space::Waive, "waive"),
        Item::Test(_) => (Space::Test, "test"),
        Item::Moved(_) => (Space::Moved, "moved"),
        Item::If(_) => (Space::Block, "if"),
        Item::For(_) => (Space::Block, "for"),
        _ => (Space::Broken, "error"),
    };
    let name = match space {
        Space::Use | Space::Block | Space::Waive | Space::Moved | Space::Broken => None,
        _ => item.name().map(|name| {
            // What follows may have been left out of the item.
            let end = name.node().range().shifted(parsed.offset).end as usize;
            name_text(name, text.get(end..).unwrap_or_default())
        }),
    };
    (space, name.unwrap_or_else(|| Arc::from(word)))
}

/// The name that is given. `shop-api`, which can't be one and is told, is taken for the `shop_api`
/// that was meant. `dashed` is the text after it.
pub fn name_text(name: ast::Name<'_>, dashed: &str) -> Arc<str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !dashed.starts_with('-') || !dashed.get(1..).is_some_and(|r| r.starts_with(is_word)) {
        return Arc::from(name.text());
    }
    let end = dashed
        .find(|c| !is_word(c) && c != '-')
        .unwrap_or(dashed.len());
    let whole = dashed.get(..end).unwrap_or_default().trim_end_matches('-');
    Arc::from(format!("{}{whole}", name.text()).replace('-', "_"))
}

/// Whether a part of an item could not be read.
#[salsa::tracked]
pub fn is_broken(db: &dyn Db, item: ItemId) -> bool {
    let parsed = parsed(db, item.file(db));
    if parsed.parse.diagnostics.is_empty() {
        return false;
    }
    let Some(position) = parsed.index.get(&item.as_id().as_bits()).copied() else {
        return false;
    };
    let start = |position: usize| parsed.parse.items.get(position).map(|i| i.offset);
    let from = start(position).unwrap_or(0);
    let to = start(position + 1).unwrap_or(u32::MAX);
    let mut starts = parsed
        .parse
        .diagnostics
        .iter()
        .map(|d| d.primary.range.start);
    starts.any(|at| from <= at && at < to)
}

/// The names of the items of a file, in its order.
#[salsa::tracked]
pub fn items(db: &dyn Db, file: SourceFile) -> Vec<ItemId> {
    parsed(db, file).ids.clone()
}

/// The tree of an item; `None` once it is gone.
#[salsa::tracked]
pub fn tree(db: &dyn Db, item: ItemId) -> Option<Tree> {
    if item.space(db) == Space::Data {
        return crate::data::document(db, item).tree.clone();
    }
    let parsed = parsed(db, item.file(db));
    let position = *parsed.index.get(&item.as_id().as_bits())?;
    parsed
        .parse
        .items
        .get(position)
        .map(|found| found.tree.clone())
}

/// Where an item begins in its file. For showing only: no query may depend on it.
pub fn offset(db: &dyn Db, item: ItemId) -> u32 {
    if item.space(db) == Space::Data {
        return 0;
    }
    let parsed = parsed(db, item.file(db));
    let found = parsed.index.get(&item.as_id().as_bits());
    found
        .and_then(|position| parsed.parse.items.get(*position))
        .map_or(0, |found| found.offset)
}

/// The range in its file of a range in an item.
pub fn file_range(db: &dyn Db, item: ItemId, range: TextRange) -> TextRange {
    if item.space(db) == Space::Data {
        return crate::data::document(db, item).source_range(range);
    }
    range.shifted(offset(db, item))
}

/// The package of a file.
pub fn package_info<'db>(db: &'db dyn Db, name: &str) -> Option<&'db PackageInfo> {
    let workspace = Workspace::try_get(db)?;
    workspace
        .packages(db)
        .iter()
        .find(|package| package.name.as_ref() == name)
}

/// The main package.
pub fn main_package(db: &dyn Db) -> Option<&PackageInfo> {
    let workspace = Workspace::try_get(db)?;
    workspace.packages(db).iter().find(|package| package.main)
}

/// How a file is called in what is shown: its path; for other packages, with the package before.
pub fn display_path(db: &dyn Db, file: SourceFile) -> Arc<str> {
    let package = file.package(db);
    let main = package_info(db, package).is_some_and(|info| info.main);
    if main {
        file.path(db).clone()
    } else {
        Arc::from(format!("{package}:{}", file.path(db)))
    }
}

/// The modules of all packages with their files.
#[salsa::tracked]
pub fn modules(db: &dyn Db) -> BTreeMap<(Arc<str>, Arc<str>), Vec<SourceFile>> {
    let mut modules: BTreeMap<_, Vec<SourceFile>> = BTreeMap::new();
    let Some(workspace) = Workspace::try_get(db) else {
        return modules;
    };
    for file in workspace.files(db) {
        let module = module_of(db, *file);
        let key = (module.package(db).clone(), module.dir(db).clone());
        modules.entry(key).or_default().push(*file);
    }
    modules
}

/// The files of a module, sorted by path; none if there is no such directory.
pub fn module_files(db: &dyn Db, module: ModuleId) -> &[SourceFile] {
    let key = (module.package(db).clone(), module.dir(db).clone());
    modules(db).get(&key).map_or(&[], Vec::as_slice)
}
