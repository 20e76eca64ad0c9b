//! `platc lsp`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use plat_engine::{PlanView, Scope, Shared};
use plat_lsp::{Below, Host, Loaded, Planned};
use plat_model::{CaseShape, Cases, Graph};

use crate::cli::{Global, Lsp};
use crate::deploy::{self, Deployment};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::project;
use crate::revision;
use crate::states;
use crate::targets::{self, Place};
use crate::terminal::{Paint, Terminal};

/// Serves the editor that started it, until that says it is done.
pub fn run(_: &Lsp, _: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let host = Arc::new(Files {
        terminal: terminal.clone(),
        library: OnceLock::new(),
    });
    match plat_lsp::serve_stdio(host) {
        Ok(true) => Ok(Outcome::Done),
        Ok(false) => Err(Failure::new("the editor went away without saying so").into()),
        Err(reason) => Err(Failure::new(reason)
            .next("this command is for editors: they speak the language server protocol")
            .into()),
    }
}

/// The files of this machine, read as every command reads them.
struct Files {
    terminal: Terminal,
    library: OnceLock<Option<PathBuf>>,
}

impl Host for Files {
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn real_path(&self, path: &Path) -> PathBuf {
        path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
    }

    fn root_of(&self, path: &Path) -> Option<PathBuf> {
        // One that is not saved yet is in the package that its directory is in.
        let there = path.ancestors().find(|path| path.exists())?;
        project::find(Some(there)).ok()
    }

    fn packages_below(&self, dir: &Path) -> Below {
        let (roots, all) = project::packages(dir, MOST_DIRECTORIES);
        Below { roots, all }
    }

    fn load(
        &self,
        root: &Path,
        open: &dyn Fn(&Path) -> Option<Arc<str>>,
    ) -> Result<Loaded, String> {
        let read = program::sources(root, open, &self.terminal).map_err(told)?;
        Ok(Loaded {
            project: read.project,
            dirs: read.dirs,
            unreadable: read.unreadable,
            texts: read.texts,
        })
    }

    fn read_data(&self, package: &Path, path: &str) -> Result<String, String> {
        project::read_data(package, path)
    }

    fn plan(&self, root: &Path, graph: &Graph, cases: &[CaseShape]) -> Result<Planned, String> {
        let recorded = self.recorded(root, graph);
        let before = recorded.clone().unwrap_or_else(|| Graph {
            nodes: BTreeMap::new(),
            links: Vec::new(),
            ..graph.clone()
        });
        let cases = Cases::new(cases.to_vec());
        let view = PlanView::comparing(&before, graph, "what is recorded", "the editor", &cases);
        let plan = serde_json::to_value(&view)
            .map_err(|error| format!("writing the plan as JSON: {error}"))?;
        Ok(Planned {
            recorded: recorded.is_some(),
            text: deploy::text_of(&view, Paint::NONE, WIDTH, false),
            plan,
        })
    }

    fn committed(&self, root: &Path, open: &[String]) -> Vec<(String, String)> {
        match revision::committed(root, open) {
            Ok(texts) => texts,
            // It is but a suggestion that can't be made then.
            Err(failure) => {
                self.terminal.detail(failure.message);
                Vec::new()
            }
        }
    }

    fn applied(&self, root: &Path, app: &str, environment: &str) -> Option<Graph> {
        self.on_record(
            Scope {
                app: app.to_owned(),
                environment: environment.to_owned(),
            },
            root,
        )
    }

    fn has_manifests(&self, target: &str) -> bool {
        target == "kubernetes"
    }

    fn becomes(&self, root: &Path, graph: &Graph, declaration: &str) -> Result<String, String> {
        let pins = plat_packages::Pins::read(root, &graph.environment.name);
        let mut graph = graph.clone();
        graph.pins = pins.map_err(|error| error.to_string())?.images;
        let inside = format!("{declaration}.");
        let wanted = |node: Option<&plat_model::NodePath>| {
            let node = node.map(plat_model::NodePath::as_str);
            node.is_some_and(|node| node == declaration || node.starts_with(&inside))
        };
        let rendered = super::render::manifests(&graph, root, wanted).map_err(told)?;
        let all: Vec<&str> = rendered.files.values().map(String::as_str).collect();
        Ok(all.join("---\n"))
    }

    fn library(&self) -> Option<PathBuf> {
        self.library.get_or_init(|| library().ok()).clone()
    }
}

/// In a folder, packages are looked for in so many directories: a moment's work on a disk.
const MOST_DIRECTORIES: usize = 10_000;

/// How wide plans are written: as a side view shows them.
const WIDTH: usize = 100;

/// The target whose record is on this machine.
const LOCAL: &str = "local";

impl Files {
    /// What was last applied of the environment of a graph, if that is on record here.
    fn recorded(&self, root: &Path, graph: &Graph) -> Option<Graph> {
        let target = program::target(graph);
        // Every other target keeps its record with itself, or where it is told to.
        if target != LOCAL || states::of(graph).is_some() {
            return None;
        }
        self.on_record(Scope::of(graph), root)
    }

    /// What was last applied of an environment on this machine's target.
    fn on_record(&self, scope: Scope, root: &Path) -> Option<Graph> {
        let place = Place::described(LOCAL);
        let deployment = Deployment::open(scope, &place, None, root, &self.terminal).ok()?;
        deployment.applied().map(Shared::into_inner)
    }
}

/// A failure in one sentence, and what to do next.
fn told(failure: Failure) -> String {
    let mut text = failure.message;
    for line in failure.notes.iter().chain(&failure.next) {
        text.push_str("; ");
        text.push_str(line);
    }
    text
}

/// Writes the sources of `std` into the user's cache, unless they are there. Of each version that
/// differs there is one directory, so that what an editor has open stays as it is.
fn library() -> io::Result<PathBuf> {
    let texts: BTreeMap<&str, &str> = plat_stdlib::FILES
        .iter()
        .map(|file| (file.path, file.text))
        .collect();
    let mut digest = plat_model::Digester::new("plat.std");
    for (path, text) in &texts {
        digest.text(path).text(text);
    }
    let digest = digest.finish().to_string();
    let short = digest.get(..16).unwrap_or(&digest);
    let cache = targets::dirs().map_err(|failure| io::Error::other(failure.message))?;
    let dir = cache.cache.join("std").join(short);
    if dir.is_dir() {
        return Ok(dir);
    }
    // Beside it first, so that nobody finds half of it.
    let parent = cache.cache.join("std");
    fs::create_dir_all(&parent)?;
    let beside = tempfile::Builder::new().prefix(".").tempdir_in(&parent)?;
    for (path, text) in texts {
        let at = beside.path().join(path);
        if let Some(parent) = at.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&at, text)?;
        let mut rights = fs::metadata(&at)?.permissions();
        rights.set_readonly(true);
        fs::set_permissions(&at, rights)?;
    }
    let made = beside.keep();
    match fs::rename(&made, &dir) {
        Ok(()) => Ok(dir),
        // Somebody else was as quick.
        Err(_) if dir.is_dir() => {
            fs::remove_dir_all(&made)?;
            Ok(dir)
        }
        Err(error) => Err(error),
    }
}
