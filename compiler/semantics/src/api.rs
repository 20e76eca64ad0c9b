//! The door: the database as its users see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_model::{Graph, OriginTable, Place};
use plat_syntax::{Diagnostic, Severity, TextRange};
use rayon::prelude::*;
use salsa::{Durability, Setter as _};

use crate::app::app;
use crate::check::{env_circles, lower, recursive_calls, rename_conflicts};
use crate::consequences::{Shared, Unread};
use crate::db::{
    Db, ItemId, PackageInfo, SourceFile, Space, Workspace, display_path, items, main_package,
    module_of, parsed,
};
use crate::diag::Diag;
use crate::eval::{
    EnvKey, Evaluated, Sites, drawn, evaluate, first_env, graph, parts, piece, put_together,
    run_tests, says_state, shares, target_name,
};
use crate::look::FileId;
use crate::mistakes::{Found, each_mistake, each_place};
use crate::names::{STD, scope, uses};
use crate::project::{PackageInput, Project};
use crate::steps::{Step, Steps, Tell};

/// Enough for the longest chain of definitions that is allowed, taken as it is used.
pub(crate) const STACK: usize = 256 * 1024 * 1024;

/// So few files are done with before other threads have begun.
pub(crate) const FILES_ALONE: usize = 4;
/// An environment is worth a thread of its own.
const ENVIRONMENTS_ALONE: usize = 2;
/// So few pieces of environments are done with before other threads have begun.
const PIECES_ALONE: usize = 4;
/// How many origins of values a thread resolves at a time: neighbours are often of one file.
const ORIGINS_AT_ONCE: usize = 4096;
const ORIGINS_ALONE: usize = 2;

/// The compiler's state: inputs, and all that was computed from them.
#[salsa::db]
#[derive(Clone)]
pub struct Database {
    storage: salsa::Storage<Self>,
    std_files: Vec<SourceFile>,
}

#[salsa::db]
impl salsa::Database for Database {}

#[salsa::db]
impl Db for Database {}

/// An environment, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// Its name.
    pub name: String,
    /// The names of its keys, if it is a family: `preview[pr]`.
    pub keys: Vec<String>,
    /// The constructor of its target: `local`; `None` where it has none (a base for others) or
    /// where that is only known for a member of the family.
    pub target: Option<String>,
    /// Whether it says where its state is kept.
    pub says_state: bool,
    /// Where it is declared.
    pub place: Place,
    /// Its documentation.
    pub doc: Option<String>,
}

impl Default for Database {
    fn default() -> Self {
        Self::with_events(None)
    }
}

impl Database {
    /// A database that tells of each query that it executes, by the query's name.
    pub fn with_log(log: Arc<std::sync::Mutex<Vec<String>>>) -> Self {
        Self::with_events(Some(Box::new(move |event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind
                && let Ok(mut log) = log.lock()
            {
                log.push(format!("{database_key:?}"));
            }
        })))
    }

    /// As [`Self::with_log`]; it tells too of each query that it finds to be as it was, with
    /// `again: ` before its name.
    pub fn with_trace(log: Arc<std::sync::Mutex<Vec<String>>>) -> Self {
        Self::with_events(Some(Box::new(move |event| {
            let told = match event.kind {
                salsa::EventKind::WillExecute { database_key } => format!("{database_key:?}"),
                salsa::EventKind::DidValidateMemoizedValue { database_key } => {
                    format!("again: {database_key:?}")
                }
                _ => return,
            };
            if let Ok(mut log) = log.lock() {
                log.push(told);
            }
        })))
    }

    fn with_events(callback: Option<Box<dyn Fn(salsa::Event) + Send + Sync>>) -> Self {
        let mut db = Self {
            storage: salsa::Storage::new(callback),
            std_files: Vec::new(),
        };
        db.std_files = plat_stdlib::FILES
            .iter()
            .map(|file| {
                SourceFile::builder(Arc::from(STD), Arc::from(file.path), Arc::from(file.text))
                    .durability(Durability::HIGH)
                    .new(&db)
            })
            .collect();
        // A singleton: found again by its type.
        let _ = Workspace::builder(
            vec![std_package()],
            db.std_files.clone(),
            Vec::new(),
            Vec::new(),
        )
        .durability(Durability::MEDIUM)
        .new(&db);
        db
    }

    /// Takes a project in. What is as before stays: a changed file is one changed input.
    pub fn set_project(&mut self, project: Project) {
        let workspace = Workspace::get(self);
        let known: BTreeMap<(Arc<str>, Arc<str>), SourceFile> = workspace
            .files(self)
            .iter()
            .map(|file| ((file.package(self).clone(), file.path(self).clone()), *file))
            .collect();
        let mut packages = Vec::new();
        let mut files = Vec::new();
        let dependencies = project.dependencies();
        let own = project.own();
        let packages_in = project.packages.into_iter().zip(dependencies).zip(own);
        for (position, ((package, dependencies), own)) in packages_in.enumerate() {
            let mut info = package_info(&package, position == 0, dependencies);
            info.own = own;
            let mut texts = package.files;
            texts.sort();
            for (path, text) in texts {
                let key = (info.name.clone(), Arc::from(path.as_str()));
                match known.get(&key) {
                    Some(file) => {
                        if file.text(self).as_ref() != text {
                            file.set_text(self).to(Arc::from(text));
                        }
                        files.push(*file);
                    }
                    // In an editor, few of many files are typed into: `Database::set_text`.
                    None => files.push(
                        SourceFile::builder(key.0, key.1, Arc::from(text))
                            .durability(Durability::MEDIUM)
                            .new(self),
                    ),
                }
            }
            packages.push(info);
        }
        packages.push(std_package());
        files.extend(&self.std_files);
        if *workspace.packages(self) != packages {
            workspace.set_packages(self).to(packages);
        }
        if *workspace.files(self) != files {
            workspace.set_files(self).to(files);
        }
    }

    /// The files that the program reads as values (`import_json` and its like): each package's name and the path
    /// from its root. Only those that are in the package's listing: read them, and give them to
    /// [`Database::set_data`] before anything is asked.
    pub fn data_wanted(&self) -> Vec<(String, String)> {
        let mut wanted = Vec::new();
        for file in Workspace::get(self).files(self) {
            let package = file.package(self);
            let Some(info) = crate::db::package_info(self, package) else {
                continue;
            };
            for path in crate::data::named_in(self, *file) {
                if info
                    .listing
                    .binary_search_by(|f| f.as_str().cmp(path))
                    .is_ok()
                {
                    wanted.push((package.to_string(), path.to_string()));
                }
            }
        }
        wanted.sort();
        wanted.dedup();
        wanted
    }

    /// The files that one file of the program reads as values, as [`Self::data_wanted`] has them: what
    /// is wanted stays the same as long as these do.
    pub fn data_named(&self, file: FileId) -> &[Arc<str>] {
        crate::data::named_in(self, file.0)
    }

    /// Takes in the files that the program reads as values: the package's name, the path from its root, and the
    /// text, or why there is none.
    pub fn set_data(&mut self, files: Vec<(String, String, Result<String, String>)>) {
        let workspace = Workspace::get(self);
        let known = crate::data::data_files(self).clone();
        let mut data = Vec::new();
        let mut unread = Vec::new();
        for (package, path, text) in files {
            let key: (Arc<str>, Arc<str>) = (Arc::from(package), Arc::from(path));
            match (text, known.get(&key)) {
                (Err(reason), _) => unread.push((key.0, key.1, Arc::from(reason))),
                (Ok(text), Some(file)) => {
                    if file.text(self).as_ref() != text {
                        file.set_text(self).to(Arc::from(text));
                    }
                    data.push(*file);
                }
                (Ok(text), None) => {
                    data.push(SourceFile::new(self, key.0, key.1, Arc::from(text)));
                }
            }
        }
        if *workspace.data(self) != data {
            workspace.set_data(self).to(data);
        }
        if *workspace.unread(self) != unread {
            workspace.set_unread(self).to(unread);
        }
    }

    /// Changes the text of one file of a package; `false` if there is no such file.
    pub fn set_file(&mut self, package: &str, path: &str, text: &str) -> bool {
        let found = Workspace::get(self)
            .files(self)
            .iter()
            .copied()
            .find(|f| f.package(self).as_ref() == package && f.path(self).as_ref() == path);
        let Some(file) = found else { return false };
        if file.text(self).as_ref() != text {
            file.set_text(self).to(Arc::from(text));
        }
        true
    }

    /// The text of a file as diagnostics and places name it: `shop.plat`, `std:units.plat`.
    pub fn source(&self, shown: &str) -> Option<&str> {
        let workspace = Workspace::get(self);
        let file = workspace
            .files(self)
            .iter()
            .chain(workspace.data(self))
            .copied()
            .find(|f| display_path(self, *f).as_ref() == shown)?;
        Some(file.text(self))
    }

    /// The texts of all files, by the names that [`Database::source`] takes: for who has many
    /// diagnostics to show.
    pub fn texts(&self) -> BTreeMap<Arc<str>, &str> {
        let workspace = Workspace::get(self);
        let files = workspace.files(self).iter().chain(workspace.data(self));
        // Of two of one name, `source` gives the first.
        files
            .rev()
            .map(|file| (display_path(self, *file), file.text(self).as_ref()))
            .collect()
    }

    /// Everything that is wrong: all files, all environments that need no key, and the tests. Each
    /// mistake once: what misses one definition in many places is one. Sorted.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let mut all = each_mistake(self, self.source_mistakes(&|_| {}));
            all.extend(self.after_sources(&all, &|_| {}));
            sorted(all)
        })
    }

    /// As [`Self::diagnostics`], but at every place by itself, as an editor marks them; `tell` hears
    /// how far it is, from any thread.
    pub fn diagnostics_telling(&self, tell: &(dyn Fn(Step) + Sync)) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let found = self.source_mistakes(tell);
            let mut all = each_place(found);
            all.extend(self.after_sources(&all, tell));
            sorted(all)
        })
    }

    /// What is wrong beyond the sources, which is looked for where those are right.
    fn after_sources(&self, sources: &[Diagnostic], tell: Tell<'_>) -> Vec<Diagnostic> {
        if sources.iter().any(|d| d.severity == Severity::Error) {
            return Vec::new();
        }
        let mut all = self.evaluated_diagnostics(tell);
        for run in run_tests(self, self.tests_env()) {
            all.extend(resolve(self, &run.diags));
        }
        all
    }

    /// As [`Self::diagnostics`], but for the tests that fail: what is wrong with the program itself.
    pub fn program_diagnostics(&self) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let mut all = each_mistake(self, self.source_mistakes(&|_| {}));
            if !all.iter().any(|d| d.severity == Severity::Error) {
                all.extend(self.evaluated_diagnostics(&|_| {}));
            }
            sorted(all)
        })
    }

    /// The environment in which tests look bare names up, where none is asked for.
    pub(crate) fn tests_env(&self) -> Option<EnvKey> {
        let env = first_env(self)?;
        Some(EnvKey::new(self, env, Arc::from([])))
    }

    fn evaluated_diagnostics(&self, tell: Tell<'_>) -> Vec<Diagnostic> {
        let mut all = self.environment_diagnostics(tell);
        all.extend(resolve(self, &self.holding_circles()));
        all
    }

    /// What is wrong in the sources, before anything is evaluated.
    fn source_mistakes(&self, tell: Tell<'_>) -> Vec<Found> {
        let files = self.own_files();
        // Names are looked up in all files: they are read before any is checked.
        self.each(&files, FILES_ALONE, |db, file| {
            parsed(db, file);
        });
        let steps = Steps::files(tell, files.len());
        let found = self.each(&files, FILES_ALONE, |db, file| {
            let found = db.found_in(file);
            steps.one();
            found
        });
        let mut all: Vec<Found> = self.structure().into_iter().map(Found::from).collect();
        all.extend(found.into_iter().flatten());
        self.without_consequences(&mut all);
        all
    }

    /// Leaves out what only follows from something else that is wrong.
    pub(crate) fn without_consequences(&self, found: &mut Vec<Found>) {
        if found.is_empty() {
            return;
        }
        let mut unread = Unread::new(self);
        for file in self.own_files() {
            unread.add(self, file);
        }
        let file = found.first().map(|found| found.shown.primary.file.clone());
        let file = file.filter(|file| found.iter().all(|f| f.shown.primary.file == *file));
        let texts = match file {
            Some(file) => {
                let text = self.source(&file).unwrap_or_default();
                BTreeMap::from([(file, text)])
            }
            None => self.texts(),
        };
        unread.leave_out(found, &texts);
    }

    /// Does something with each file or environment, on as many threads as the machine has; the
    /// results are in their order. What the threads compute they find in each other's queries.
    /// Fewer than `alone` are not worth the threads.
    pub(crate) fn each<I: Copy + Send + Sync, T: Send>(
        &self,
        items: &[I],
        alone: usize,
        work: impl Fn(&Self, I) -> T + Sync + Send,
    ) -> Vec<T> {
        if items.len() < alone {
            return items.iter().map(|item| work(self, *item)).collect();
        }
        let handles = items.par_iter().with_min_len(alone / 2);
        handles
            .map_with(self.clone(), |db, item| {
                stacker::grow(STACK, || work(db, *item))
            })
            .collect()
    }

    /// The same, for as long as there are results: `None` where there is none of one of them.
    fn try_each<I: Copy + Send + Sync, T: Send>(
        &self,
        items: &[I],
        work: impl Fn(&Self, I) -> Option<T> + Sync + Send,
    ) -> Option<Vec<T>> {
        items
            .par_iter()
            .map_with(self.clone(), |db, item| {
                stacker::grow(STACK, || work(db, *item))
            })
            .collect()
    }

    /// Evaluates the pieces of all these environments, which the threads share out among themselves;
    /// who asks for an environment then finds them.
    fn evaluate_pieces(&self, envs: &[ItemId]) {
        let keys = envs.iter();
        let keys = keys.map(|env| EnvKey::new(self, *env, Arc::from([])));
        let pieces: Vec<_> = keys
            .flat_map(|key| parts(self, key).into_iter().map(move |part| (key, part)))
            .collect();
        self.each(&pieces, PIECES_ALONE, |db, (key, (file, number))| {
            piece(db, key, file, number);
        });
    }

    /// What is wrong in the environments that need no key.
    fn environment_diagnostics(&self, tell: Tell<'_>) -> Vec<Diagnostic> {
        let mut envs = self.plain_envs();
        envs.sort_by_cached_key(|env| self.bases(*env).len());
        let steps = Steps::environments(tell, envs.len());
        self.evaluate_pieces(&envs);
        let found = self.each(&envs, ENVIRONMENTS_ALONE, |db, env| {
            let key = EnvKey::new(db, env, Arc::from([]));
            let found = resolve(db, &evaluate(db, key).diags);
            steps.one();
            found
        });
        let mut shared = Shared::default();
        for (env, found) in envs.into_iter().zip(found) {
            shared.add(env.name(self), &self.bases(env), found);
        }
        shared.told()
    }

    /// The names of the environments that one extends, the nearest first.
    fn bases(&self, env: ItemId) -> Vec<String> {
        let mut bases: Vec<String> = Vec::new();
        let mut at = lower(self, env)
            .env
            .as_ref()
            .and_then(|e| e.extends.as_ref())
            .map(|e| e.env);
        while let Some(base) = at {
            let name = base.name(self).to_string();
            // A circle is told elsewhere.
            if bases.contains(&name) {
                break;
            }
            bases.push(name);
            at = lower(self, base)
                .env
                .as_ref()
                .and_then(|e| e.extends.as_ref())
                .map(|e| e.env);
        }
        bases
    }

    /// The name of the app, if the main package is one.
    pub fn app_name(&self) -> Option<String> {
        stacker::grow(STACK, || app(self).name.as_ref().map(ToString::to_string))
    }

    /// The environments, in the order of files and text.
    pub fn environments(&self) -> Vec<EnvironmentInfo> {
        stacker::grow(STACK, || {
            app(self)
                .envs
                .iter()
                .map(|env| self.environment_info(*env))
                .collect()
        })
    }

    /// The graph of an environment, or of a member of a family: `preview[214]`.
    ///
    /// # Errors
    /// What is wrong with the program, or that there is no such environment.
    pub fn graph(&self, env: &str) -> Result<Graph, Vec<Diagnostic>> {
        stacker::grow(STACK, || self.graph_inner(env))
    }

    fn graph_inner(&self, env: &str) -> Result<Graph, Vec<Diagnostic>> {
        let all = each_mistake(self, self.source_mistakes(&|_| {}));
        if all.iter().any(|d| d.severity == Severity::Error) {
            return Err(all);
        }
        let key = self.env_key(env).map_err(|diagnostic| vec![*diagnostic])?;
        let evaluated = self.evaluated_graph(key);
        match evaluated.graph {
            Some(mut graph) => {
                let circles = self.holding_circles();
                if !circles.is_empty() {
                    return Err(sorted(resolve(self, &circles)));
                }
                graph.held = self.held(env);
                graph.origins = self.origins(&evaluated.sites);
                if evaluated.diags.iter().any(Diag::is_error) {
                    return Err(sorted(resolve(self, &evaluated.diags)));
                }
                Ok(graph)
            }
            None => {
                let mut found = resolve(self, &evaluated.diags);
                if found.is_empty() {
                    found.push(
                        self.at_start("E0603", format!("the environment `{env}` has no target")),
                    );
                }
                Err(sorted(found))
            }
        }
    }

    /// The graph of an environment: from its pieces, which the threads share out among themselves, or
    /// from the whole where these cannot tell.
    fn evaluated_graph(&self, key: EnvKey) -> Evaluated {
        let shares = shares(self, key);
        let pieces = || {
            let drawn = self.try_each(&shares, |db, share| drawn(db, key, share))?;
            put_together(self, key, drawn)
        };
        let found = if shares.is_empty() { None } else { pieces() };
        found.unwrap_or_else(|| graph(self, key))
    }

    /// Who set the values of a graph, as it is shown.
    fn origins(&self, sites: &Sites) -> OriginTable {
        let starts: Vec<usize> = (0..sites.len()).step_by(ORIGINS_AT_ONCE).collect();
        let parts = self.each(&starts, ORIGINS_ALONE, |db, from| {
            crate::show::origins(db, sites, from, ORIGINS_AT_ONCE)
        });
        parts.into_iter().flatten().collect()
    }

    /// The warnings of the sources and of an environment: what is good to know before something is
    /// done with its graph. Nothing where there is no such environment.
    pub fn warnings(&self, env: &str) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let mut all = each_mistake(self, self.source_mistakes(&|_| {}));
            if let Ok(key) = self.env_key(env) {
                all.extend(resolve(self, &evaluate(self, key).diags));
            }
            all.retain(|d| d.severity == Severity::Warning);
            sorted(all)
        })
    }

    pub(crate) fn env_key(&self, env: &str) -> Result<EnvKey, Box<Diagnostic>> {
        let (name, keys) = split_key(env);
        let envs = app(self).envs.iter();
        let mut named = envs.filter(|e| e.name(self).as_ref() == name);
        match named.next() {
            Some(item) => Ok(EnvKey::new(self, *item, keys)),
            None => Err(Box::new(self.no_environment(name))),
        }
    }

    pub(crate) fn doc(&self, item: ItemId) -> Option<String> {
        let tree = crate::db::tree(self, item).as_ref();
        tree.and_then(|t| t.item().docs())
    }

    pub(crate) fn place_of(&self, item: ItemId) -> Place {
        crate::show::place(self, item, crate::types::name_spot(self, item).range)
    }

    /// The type and, in the app's first environment, the value of a `let` of the main package, as
    /// they would be written. `None` if the file has no such `let`.
    pub fn reveal(&self, file: &str, name: &str) -> Option<(String, String)> {
        stacker::grow(STACK, || {
            let file = self
                .own_files()
                .into_iter()
                .find(|f| f.path(self).as_ref() == file)?;
            let item = items(self, file)
                .iter()
                .copied()
                .find(|i| i.space(self) == Space::Value && i.name(self).as_ref() == name)?;
            let ty = lower(self, item).value.as_ref()?.ty.show(self);
            let env = *app(self).envs.first()?;
            Some((ty, crate::eval::show_let(self, env, item)))
        })
    }

    fn no_environment(&self, name: &str) -> Diagnostic {
        let names: Vec<String> = app(self)
            .envs
            .iter()
            .map(|e| e.name(self).to_string())
            .collect();
        let diag = self.at_start("E0211", format!("there is no environment `{name}`"));
        let near = crate::suggest::nearest(name, names.iter().map(String::as_str));
        match near {
            Some(near) => diag.with_help(format!("did you mean `{near}`?")),
            None => diag.with_note(format!("there is {}", names.join(", "))),
        }
    }

    /// The environments and files must be there at all.
    fn structure(&self) -> Vec<Diagnostic> {
        let app = app(self);
        let mut out = resolve(self, recursive_calls(self));
        out.extend(resolve(self, env_circles(self)));
        out.extend(resolve(self, rename_conflicts(self)));
        if main_package(self).is_none() {
            let diag = self.at_start("E0801", "there is no package here".to_owned());
            out.push(diag.with_help("`platc new NAME` makes one: a plat.toml and a starting app"));
            return out;
        }
        if let Some(first) = app.heads.first() {
            let other = app.heads.iter().find(|h| h.name(self) != first.name(self));
            if let Some(other) = other {
                let message = format!(
                    "there are two apps in this package: `{}` and `{}`",
                    first.name(self),
                    other.name(self)
                );
                let diag = Diag::error("E0611", crate::types::name_spot(self, *other), message)
                    .related(crate::types::name_spot(self, *first), "the first one")
                    .help("an app has a package of its own");
                out.push(diag.resolve(self));
            }
            if app.envs.is_empty() {
                let spot = crate::types::name_spot(self, *first);
                let message = format!("the app `{}` has no environment", first.name(self));
                let diag = Diag::error("E0612", spot, message)
                    .help("say where it runs: `env dev { target = local {} }`");
                out.push(diag.resolve(self));
            }
        }
        // Once for a file: its declarations stand next to each other.
        for of_file in app.homeless.chunk_by(|a, b| a.file(self) == b.file(self)) {
            let Some((first, others)) = of_file.split_first() else {
                continue;
            };
            let spot = crate::types::name_spot(self, *first);
            let mut diag = Diag::error("E0613", spot, "this declaration belongs to no app")
                .help("write `app NAME` at the head of the file");
            if !others.is_empty() {
                diag = diag.note(format!("so do {} others of this file", others.len()));
            }
            out.push(diag.resolve(self));
        }
        out
    }

    /// A diagnostic about the package as a whole, shown at the head of its first file.
    fn at_start(&self, code: &'static str, message: String) -> Diagnostic {
        let file = self
            .own_files()
            .first()
            .map_or_else(|| Arc::from("plat.toml"), |file| display_path(self, *file));
        Diagnostic::error(code, &file, TextRange::empty(0), message)
    }

    pub(crate) fn own_files(&self) -> Vec<SourceFile> {
        Workspace::get(self)
            .files(self)
            .iter()
            .copied()
            .filter(|f| f.package(self).as_ref() != STD)
            .collect()
    }

    /// The files of the standard library.
    pub(crate) fn std_files(&self) -> &[SourceFile] {
        &self.std_files
    }

    /// What is wrong with the standard library itself; nothing, as a test sees to.
    pub fn std_diagnostics(&self) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let files = self.std_files.clone();
            sorted(
                files
                    .into_iter()
                    .flat_map(|f| self.found_in(f))
                    .map(|found| found.shown)
                    .collect(),
            )
        })
    }

    /// What is wrong in a file before anything is evaluated, with what follows from it elsewhere.
    pub(crate) fn found_in(&self, file: SourceFile) -> Vec<Found> {
        let of_text = parsed(self, file).parse.diagnostics.iter().cloned();
        let mut out: Vec<Found> = of_text.map(Found::from).collect();
        let found = |diag: &Diag| Found::resolved(self, diag);
        out.extend(uses(self, file).diags.iter().map(found));
        let mut broken: Vec<u32> = out.iter().map(|f| f.shown.primary.range.start).collect();
        broken.sort_unstable();
        let read = parsed(self, file);
        let starts: Vec<u32> = read.parse.items.iter().map(|i| i.offset).collect();
        for (position, item) in items(self, file).iter().enumerate() {
            // Where an item could not be read, what follows from that is not said.
            let start = if position == 0 {
                0
            } else {
                starts.get(position).copied().unwrap_or(0)
            };
            let end = starts.get(position + 1).copied().unwrap_or(u32::MAX);
            let next = broken.partition_point(|at| *at < start);
            if broken.get(next).is_some_and(|at| *at < end) {
                continue;
            }
            out.extend(lower(self, *item).diags.iter().map(found));
        }
        for (second, name, first) in &scope(self, module_of(self, file)).doubled {
            if second.file(self) != file {
                continue;
            }
            // Several files may say `app shop`; their inputs are one set.
            if second.space(self) == Space::App
                && first.space(self) == Space::App
                && name.is_empty()
            {
                continue;
            }
            let spot = crate::types::name_spot(self, *second);
            let diag = Diag::error("E0206", spot, format!("`{name}` is defined twice"))
                .related(crate::types::name_spot(self, *first), "first here");
            out.push(Found::resolved(self, &diag));
        }
        out
    }

    /// The environments that are no families.
    pub(crate) fn plain_envs(&self) -> Vec<ItemId> {
        let plain = |env: &ItemId| {
            let body = lower(self, *env).env.as_ref();
            body.is_some_and(|body| body.params.is_empty())
        };
        app(self).envs.iter().copied().filter(plain).collect()
    }

    fn environment_info(&self, env: ItemId) -> EnvironmentInfo {
        let body = lower(self, env).env.as_ref();
        let keys = body
            .map(|b| b.params.iter().map(|(n, ..)| n.to_string()).collect())
            .unwrap_or_default();
        EnvironmentInfo {
            name: env.name(self).to_string(),
            keys,
            target: target_name(self, env).map(|t| t.to_string()),
            says_state: says_state(self, env),
            place: self.place_of(env),
            doc: self.doc(env),
        }
    }
}

fn std_package() -> PackageInfo {
    PackageInfo {
        name: Arc::from(STD),
        version: Arc::from(plat_stdlib::EDITIONS.last().copied().unwrap_or_default()),
        dependencies: BTreeMap::new(),
        root: Arc::from(""),
        listing: Arc::from([]),
        main: false,
        own: false,
    }
}

fn package_info(
    package: &PackageInput,
    main: bool,
    dependencies: BTreeMap<String, String>,
) -> PackageInfo {
    let mut listing = package.listing.clone();
    listing.extend(package.files.iter().map(|(path, _)| path.clone()));
    listing.sort();
    PackageInfo {
        name: Arc::from(package.manifest.name.as_str()),
        version: Arc::from(package.manifest.version.as_str()),
        dependencies,
        root: Arc::from(package.root.as_str()),
        listing: listing.into(),
        main,
        own: main,
    }
}

/// `preview[214]`: the name, and the keys.
fn split_key(env: &str) -> (&str, Arc<[String]>) {
    match env.split_once('[') {
        Some((name, rest)) => {
            let inner = rest.strip_suffix(']').unwrap_or(rest);
            let keys = inner
                .split(',')
                .map(|k| k.trim().trim_matches('"').to_owned());
            (name, keys.collect())
        }
        None => (env, Arc::from([])),
    }
}

pub(crate) fn resolve(db: &dyn Db, diags: &[Diag]) -> Vec<Diagnostic> {
    diags.iter().map(|d| d.resolve(db)).collect()
}

pub(crate) fn sorted(mut all: Vec<Diagnostic>) -> Vec<Diagnostic> {
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all.dedup_by(|a, b| a.order() == b.order());
    all
}
