//! An app's program: read from its package and understood.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use plat_engine::{Scope, Shared};
use plat_model::{Cases, Graph, Hold, NodeKind, TargetId};
use plat_semantics::{
    Database, EnvironmentInfo, OutShape, PackageInput, PolicyOutcome, Project, Source, TestOutcome,
    recover_manifest,
};
use plat_syntax::{Diagnostic, Label, LineIndex, Severity};

use crate::deploy::Deployment;
use crate::failure::{Failure, Stop};
use crate::packages;
use crate::policies;
use crate::project::{self, MANIFEST, ReadError};
use crate::report::{self, Sources};
use crate::states;
use crate::suggest::{listed, nearest};
use crate::targets::Place;
use crate::terminal::{Terminal, harmless};
use crate::today::today;

/// What a package is called whose manifest does not say it.
const NAMELESS: &str = "app";

/// A program.
pub struct Program {
    root: PathBuf,
    name: String,
    /// It lives as long as platc does: taking it apart would be work for nobody.
    database: ManuallyDrop<Database>,
    /// What could not even be read; nothing is checked before that is repaired.
    unreadable: Vec<Diagnostic>,
    /// Texts that the database does not have, by the names that diagnostics use.
    texts: BTreeMap<String, String>,
}

/// Reads the program that `dir`, or the current directory, is in.
///
/// # Errors
/// There is none, or a file of it can't be read.
pub fn read(dir: Option<&Path>, terminal: &Terminal) -> Result<Program, Failure> {
    let root = project::find(dir)?;
    let sources = sources(&root, &|_| None, terminal)?;
    let name = sources
        .project
        .packages
        .first()
        .map(|package| package.manifest.name.clone())
        .unwrap_or_default();
    let mut database = Database::default();
    database.set_project(sources.project);
    read_data(&mut database, &sources.dirs);
    Ok(Program {
        root,
        name,
        database: ManuallyDrop::new(database),
        unreadable: sources.unreadable,
        texts: sources.texts,
    })
}

/// The packages of a program as they are on the disk.
pub struct Read {
    /// The packages.
    pub project: Project,
    /// Their directories, by their names.
    pub dirs: BTreeMap<String, PathBuf>,
    /// What could not be read.
    pub unreadable: Vec<Diagnostic>,
    /// The texts of manifests and of what is no text of ours, by the names that diagnostics use.
    pub texts: BTreeMap<String, String>,
}

/// Reads the package at `root` and those that it builds on. What `open` has of a file is taken
/// instead of what the file holds: an editor's text that is not saved yet.
///
/// # Errors
/// One of them is not there, or a file can't be read.
pub fn sources(
    root: &Path,
    open: &dyn Fn(&Path) -> Option<Arc<str>>,
    terminal: &Terminal,
) -> Result<Read, Failure> {
    terminal.detail(format!("package {}", root.display()));
    let mut reader = Reader::new(open);
    reader.package(root, "", None)?;
    let mut seen = BTreeSet::from([root.to_path_buf()]);
    // Each package is read once, however many depend on it.
    let mut next = 0;
    while let Some(package) = reader.packages.get(next) {
        let (dir, below) = (
            reader.dirs.get(next).cloned().unwrap_or_default(),
            package.root.clone(),
        );
        let wanted: Vec<(String, Source)> = package
            .manifest
            .dependencies
            .iter()
            .map(|(name, dependency)| (name.clone(), dependency.source.clone()))
            .collect();
        let position = next;
        next += 1;
        for (name, source) in wanted {
            let Source::Path(path) = source else {
                let read = reader.fetched(root, position, &name, terminal, &mut seen);
                // It may come of what is wrong with a manifest, which is told first.
                if reader.unreadable.is_empty() {
                    read?;
                }
                continue;
            };
            let at = dir.join(&path);
            let there = at.join(MANIFEST).is_file();
            let Some(found) = at.canonicalize().ok().filter(|_| there) else {
                reader.missing(position, &name, &path);
                continue;
            };
            if seen.insert(found.clone()) {
                terminal.detail(format!("package {}", found.display()));
                reader.package(&found, &format!("{below}/{path}"), Some(&name))?;
            }
        }
    }
    let project = Project {
        packages: reader.packages,
    };
    if reader.unreadable.is_empty() {
        reader.unreadable = project.problems();
        if let (Some(locked), Some(main)) = (&reader.locked, project.packages.first()) {
            let shown = Arc::from(MANIFEST);
            let told = locked.edition(&main.manifest.edition, &shown);
            reader.unreadable.extend(told);
        }
    }
    let dirs: BTreeMap<String, PathBuf> = project
        .packages
        .iter()
        .zip(reader.dirs)
        .map(|(package, dir)| (package.manifest.name.clone(), dir))
        .collect();
    Ok(Read {
        project,
        dirs,
        unreadable: reader.unreadable,
        texts: reader.texts,
    })
}

/// Reads the files that the program names as values: no others.
fn read_data(database: &mut Database, dirs: &BTreeMap<String, PathBuf>) {
    let wanted = database.data_wanted();
    let files = wanted.into_iter().filter_map(|(package, path)| {
        let text = project::read_data(dirs.get(&package)?, &path);
        Some((package, path, text))
    });
    let files = files.collect();
    database.set_data(files);
}

struct Reader<'a> {
    /// The texts that are not saved yet.
    open: &'a dyn Fn(&Path) -> Option<Arc<str>>,
    packages: Vec<PackageInput>,
    dirs: Vec<PathBuf>,
    unreadable: Vec<Diagnostic>,
    texts: BTreeMap<String, String>,
    /// Read when the first dependency asks for it.
    locked: Option<plat_packages::Packages>,
}

impl<'a> Reader<'a> {
    fn new(open: &'a dyn Fn(&Path) -> Option<Arc<str>>) -> Self {
        Self {
            open,
            packages: Vec::new(),
            dirs: Vec::new(),
            unreadable: Vec::new(),
            texts: BTreeMap::new(),
            locked: None,
        }
    }

    /// A file's text as it is open somewhere, else as it is on the disk.
    fn text(&self, path: &Path, shown: &str) -> Result<Result<String, ReadError>, Failure> {
        match (self.open)(path) {
            Some(text) => Ok(Ok(text.to_string())),
            None => project::read(path, shown),
        }
    }

    /// Reads a package that was fetched for the dependency `name` of the package at `position`.
    fn fetched(
        &mut self,
        main: &Path,
        position: usize,
        name: &str,
        terminal: &Terminal,
        seen: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Failure> {
        if self.locked.is_none() {
            self.locked = Some(packages::of(main)?);
        }
        let (Some(locked), Some(package)) = (&self.locked, self.packages.get(position)) else {
            return Ok(());
        };
        let Some(dependency) = package.manifest.dependencies.get(name) else {
            return Ok(());
        };
        let shown: Arc<str> = if position == 0 {
            Arc::from(MANIFEST)
        } else {
            Arc::from(format!("{}:{MANIFEST}", package.manifest.name))
        };
        let found = locked
            .find(name, dependency, &shown)
            .map_err(packages::failure)?;
        let dir = match found {
            Ok(dir) => dir,
            Err(diagnostic) => {
                self.unreadable.push(*diagnostic);
                return Ok(());
            }
        };
        let way = packages::link(main, name, &dir)?;
        if let Some(package) = self.packages.get_mut(position) {
            package.fetched.insert(name.to_owned(), way.clone());
        }
        if seen.insert(dir.clone()) {
            terminal.detail(format!("package {}", dir.display()));
            self.package(&dir, &way, Some(name))?;
        }
        Ok(())
    }

    /// Tells of a dependency of the package at `position` whose path leads to no package.
    fn missing(&mut self, position: usize, name: &str, path: &str) {
        let Some(package) = self.packages.get(position) else {
            return;
        };
        let manifest = &package.manifest;
        let shown = if position == 0 {
            MANIFEST.to_owned()
        } else {
            format!("{}:{MANIFEST}", manifest.name)
        };
        let place = manifest.dependencies.get(name).map(|d| d.place);
        let message = format!("the package `{name}` is not there: no {path}/{MANIFEST}");
        let place = place.unwrap_or_default();
        self.unreadable.push(
            Diagnostic::error("E0806", &Arc::from(shown), place, message)
                .with_help("a path leads from this package's directory to the other one's"),
        );
    }

    /// Reads a package; `root` is its directory relative to the main one, `name` what the one that
    /// depends on it calls it.
    fn package(&mut self, dir: &Path, root: &str, name: Option<&str>) -> Result<(), Failure> {
        let prefix = name.map(|name| format!("{name}:")).unwrap_or_default();
        let shown = format!("{prefix}{MANIFEST}");
        // Whatever is wrong with it, an editor shows what there is of the program.
        let (text, undecoded) = match self.text(&dir.join(MANIFEST), &shown)? {
            Ok(text) => (text, None),
            Err(error) => (error.shown, Some(*error.diagnostic)),
        };
        let (mut manifest, found) = recover_manifest(&text);
        let found = undecoded.map_or(found, |diagnostic| vec![diagnostic]);
        if !found.is_empty() {
            self.texts.insert(shown.clone(), text.clone());
        }
        let found = found.into_iter().map(|d| renamed(d, &shown));
        self.unreadable.extend(found);
        if manifest.name.is_empty() {
            name.unwrap_or(NAMELESS).clone_into(&mut manifest.name);
        }
        // By the name that diagnostics about all packages together use.
        let own = name.map_or_else(
            || MANIFEST.to_owned(),
            |_| format!("{}:{MANIFEST}", manifest.name),
        );
        self.texts.insert(own, text);
        let files = project::list(dir)?;
        let mut programs = Vec::with_capacity(files.programs.len());
        for path in files.programs {
            let shown = format!("{prefix}{path}");
            match self.text(&dir.join(&path), &shown)? {
                Ok(text) => programs.push((path, text)),
                Err(error) => {
                    self.texts.insert(shown, error.shown);
                    self.unreadable.push(*error.diagnostic);
                }
            }
        }
        self.dirs.push(dir.to_path_buf());
        self.packages.push(PackageInput {
            manifest,
            root: root.to_owned(),
            fetched: BTreeMap::new(),
            files: programs,
            listing: files.others,
        });
        Ok(())
    }
}

/// The diagnostic under another file name: a manifest does not know whose it is.
fn renamed(mut diagnostic: Diagnostic, shown: &str) -> Diagnostic {
    let file: Arc<str> = Arc::from(shown);
    diagnostic.primary.file = Arc::clone(&file);
    for label in &mut diagnostic.related {
        label.file = Arc::clone(&file);
    }
    diagnostic
}

/// As [`read`], and nothing of it is unreadable.
///
/// # Errors
/// There is none, or it can't be read; what is wrong with the files has been shown.
pub fn load(dir: Option<&Path>, terminal: &Terminal) -> Result<Program, Stop> {
    let program = read(dir, terminal)?;
    if program.unreadable.is_empty() {
        Ok(program)
    } else {
        program.show(&program.unreadable, terminal);
        Err(Stop::Reported)
    }
}

/// The constructor of the environment's target: `local`.
pub fn target(graph: &Graph) -> &str {
    graph
        .targets
        .get(&TargetId::main())
        .map_or("", |target| target.kind.as_str())
}

impl Program {
    /// The package's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that is wrong with it.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        if self.unreadable.is_empty() {
            self.database.diagnostics()
        } else {
            self.unreadable.clone()
        }
    }

    /// Everything that is wrong with it, but for tests that fail.
    pub fn own_diagnostics(&self) -> Vec<Diagnostic> {
        self.database.program_diagnostics()
    }

    /// The waivers whose last day is before that one, each as an error. None while something can't
    /// be read.
    pub fn ended_waivers(&self, today: NaiveDate) -> Vec<Diagnostic> {
        if self.unreadable.is_empty() {
            self.database.expired_waivers(today)
        } else {
            Vec::new()
        }
    }

    /// The texts that these diagnostics speak of.
    pub fn sources(&self, diagnostics: &[Diagnostic]) -> Sources {
        let mut sources = Sources::default();
        let labels = diagnostics.iter().flat_map(Diagnostic::labels);
        let mut files: Vec<&str> = labels.map(|label: &Label| &*label.file).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            let text = self.texts.get(file).map(String::as_str);
            if let Some(text) = text.or_else(|| self.database.source(file)) {
                sources.add(file, text);
            }
        }
        sources
    }

    /// Shows diagnostics with their source.
    pub fn show(&self, diagnostics: &[Diagnostic], terminal: &Terminal) {
        report::show(diagnostics, &self.sources(diagnostics), terminal);
    }

    /// The environments, in the order of the source.
    pub fn environments(&self) -> Vec<EnvironmentInfo> {
        self.database.environments()
    }

    /// The environments' names, with `[…]` behind those that are families.
    pub fn environment_names(&self) -> Vec<String> {
        self.database
            .environments()
            .into_iter()
            .map(|env| {
                if env.keys.is_empty() {
                    env.name
                } else {
                    format!("{}[…]", env.name)
                }
            })
            .collect()
    }

    /// Whether there is an environment of that name, or a family that it is a member of.
    pub fn has_environment(&self, said: &str) -> bool {
        let name = family(said);
        self.database
            .environments()
            .iter()
            .any(|env| env.name == name)
    }

    /// The graph of an environment: the one that was said, else the one on `local {}`, else the
    /// only one.
    ///
    /// # Errors
    /// There is no such environment, or the program has errors, which have been shown.
    pub fn graph(&self, said: Option<&str>, terminal: &Terminal) -> Result<Graph, Stop> {
        let env = self.choose(said, terminal)?;
        terminal.detail(format!("environment {env}"));
        let mut graph = self.database.graph(&env).map_err(|diagnostics| {
            self.show(&diagnostics, terminal);
            Stop::Reported
        })?;
        let pins = plat_packages::Pins::read(&self.root, &env).map_err(packages::failure)?;
        graph.pins = pins.images;
        Ok(graph)
    }

    /// As [`Self::graph`], for a plan: its warnings are shown, and a waiver that has ended stops
    /// it, as what the waiver let pass would have.
    ///
    /// # Errors
    /// As [`Self::graph`], and a waiver has ended.
    pub fn graph_to_plan(&self, said: Option<&str>, terminal: &Terminal) -> Result<Graph, Stop> {
        let graph = self.graph(said, terminal)?;
        let mut found = self.database.warnings(&graph.environment.name);
        if terminal.is_quiet() {
            found.clear();
        }
        let ended = self.ended_waivers(today());
        let stops = !ended.is_empty();
        found.extend(ended);
        self.show(&found, terminal);
        if stops {
            Err(Stop::Reported)
        } else {
            Ok(graph)
        }
    }

    /// The cases of every variant, for those who show values.
    pub fn cases(&self) -> Cases {
        Cases::new(self.database.cases())
    }

    /// What the declarations of a kind give to others.
    pub fn outs(&self, kind: &NodeKind) -> Vec<OutShape> {
        self.database.outs(&kind.package, &kind.name)
    }

    /// The environments that are no families.
    pub fn plain_environments(&self) -> Vec<String> {
        let infos = self.database.environments().into_iter();
        infos
            .filter(|env| env.keys.is_empty())
            .map(|env| env.name)
            .collect()
    }

    /// An environment that was named, by its name.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn named_environment(&self, said: &str) -> Result<String, Failure> {
        named(said, &self.database.environments())
    }

    /// What came of the tests, bare names looked up in that environment; nothing where there is no
    /// such environment.
    pub fn tests(&self, env: Option<&str>) -> Vec<TestOutcome> {
        self.database.tests(env).unwrap_or_default()
    }

    /// What came of the policies of an environment; nothing where there is no such environment.
    pub fn policies(&self, env: &str) -> Vec<PolicyOutcome> {
        self.database.policies(env).unwrap_or_default()
    }

    /// Where the environment of that graph runs.
    ///
    /// # Errors
    /// The target is not built yet, or can't be used.
    pub fn deployment(&self, graph: &Graph, terminal: &Terminal) -> Result<Deployment, Failure> {
        let state = states::of(graph);
        let (scope, place) = (Scope::of(graph), Place::of(graph));
        let deployment = Deployment::open(scope, &place, state, &self.root, terminal)?;
        Ok(deployment.writing(self.cases()))
    }

    /// The same, to plan the program: its plans tell what came of the policies.
    ///
    /// # Errors
    /// Those of [`Self::deployment`].
    pub fn to_plan(&self, graph: &Graph, terminal: &Terminal) -> Result<Deployment, Failure> {
        let policies = policies::results(self, &graph.environment.name);
        Ok(self.deployment(graph, terminal)?.judged(policies))
    }

    /// Where a label stands, in lines and columns.
    pub fn place(&self, label: &Label) -> Option<plat_model::Place> {
        let text = self.texts.get(&*label.file).map(String::as_str);
        let text = text.or_else(|| self.database.source(&label.file))?;
        let (line, column) = LineIndex::new(text).line_column(text, label.range.start);
        Some(plat_model::Place {
            file: (&label.file).into(),
            line,
            column,
        })
    }

    /// What other environments use of one, of those that are applied.
    pub fn holds(&self, deployment: &Deployment, terminal: &Terminal) -> Vec<Hold> {
        let env = &deployment.scope.environment;
        // Of a program that is wrong, what was last applied says it.
        let graph = self.database.graph(env).ok();
        let graph = graph.or_else(|| deployment.applied().map(Shared::into_inner));
        let mut held = graph.map(|graph| graph.held).unwrap_or_default();
        held.retain(|hold| self.may_run(&hold.environment, terminal));
        held
    }

    /// Whether something of an environment is there; where that can't be known, it may be.
    fn may_run(&self, env: &str, terminal: &Terminal) -> bool {
        let state = self.deployed(Some(env), terminal).ok();
        let state = state.and_then(|deployment| deployment.state().ok());
        state.is_none_or(|state| !state.inventory.is_empty())
    }

    /// Where an environment runs that need not be evaluated: what runs can be looked at and taken
    /// away however wrong the rest of the program is. Only where it says itself where its state is
    /// kept, that must be understood.
    ///
    /// # Errors
    /// There is no such environment, or its target is not built yet or can't be used.
    pub fn deployed(&self, said: Option<&str>, terminal: &Terminal) -> Result<Deployment, Stop> {
        let environment = self.choose(said, terminal)?;
        let infos = self.database.environments();
        let target = infos
            .into_iter()
            .find(|info| info.name == environment && !info.says_state)
            .and_then(|info| info.target);
        match (self.database.app_name(), target) {
            // Others say where they are in fields, which have to be evaluated.
            (Some(app), Some(target)) if target == "local" => {
                let scope = Scope { app, environment };
                let place = Place::described(&target);
                Ok(Deployment::open(scope, &place, None, &self.root, terminal)?)
            }
            _ => {
                let graph = self.graph(Some(&environment), terminal)?;
                Ok(self.deployment(&graph, terminal)?)
            }
        }
    }

    fn choose(&self, said: Option<&str>, terminal: &Terminal) -> Result<String, Stop> {
        let infos = self.database.environments();
        let chosen = match said {
            Some(said) => named(said, &infos),
            None => default(&infos),
        };
        chosen.map_err(|failure| {
            // What can't be understood may be what declares it.
            let errors: Vec<Diagnostic> = self
                .database
                .diagnostics()
                .into_iter()
                .filter(|d| d.severity == Severity::Error)
                .collect();
            if errors.is_empty() {
                failure.into()
            } else {
                self.show(&errors, terminal);
                Stop::Reported
            }
        })
    }
}

/// The family's name of `preview[214]`; the name itself of others.
fn family(said: &str) -> &str {
    said.split_once('[').map_or(said, |(name, _)| name)
}

fn named(said: &str, infos: &[EnvironmentInfo]) -> Result<String, Failure> {
    let name = family(said);
    let Some(info) = infos.iter().find(|info| info.name == name) else {
        let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
        let failure = Failure::new(format!("there is no environment `{}`", harmless(said)));
        return Err(match nearest(name, names.iter().copied()) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None if names.is_empty() => {
                failure.next("declare one: `env dev { target = local {} }`")
            }
            None => failure.note(format!("there is {}", listed(&names))),
        });
    };
    match (info.keys.is_empty(), said.len() == name.len()) {
        (true, true) | (false, false) => Ok(said.to_owned()),
        (true, false) => Err(
            Failure::new(format!("`{name}` is one environment, not a family"))
                .next(format!("say `{name}`")),
        ),
        (false, true) => Err(
            Failure::new(format!("`{name}` is a family of environments"))
                .next(format!("say which: `'{name}[{}]'`", info.keys.join(", "))),
        ),
    }
}

fn default(infos: &[EnvironmentInfo]) -> Result<String, Failure> {
    let single: Vec<&EnvironmentInfo> = infos.iter().filter(|info| info.keys.is_empty()).collect();
    let local: Vec<&EnvironmentInfo> = single
        .iter()
        .copied()
        .filter(|info| info.target.as_deref() == Some("local"))
        .collect();
    match (local.as_slice(), single.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one.name.clone()),
        (_, []) => Err(Failure::new("the app has no environment")
            .next("declare one: `env dev { target = local {} }`")),
        _ => {
            let mut failure = Failure::new("say which environment");
            for info in infos {
                let keys = if info.keys.is_empty() {
                    String::new()
                } else {
                    format!("[{}]", info.keys.join(", "))
                };
                let target = info
                    .target
                    .as_deref()
                    .map(|target| format!("   on {target}"))
                    .unwrap_or_default();
                failure = failure.note(format!("{}{keys}{target}", info.name));
            }
            Err(failure)
        }
    }
}
