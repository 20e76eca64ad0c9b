//! `platc import`.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plat_kubernetes::Place;
use plat_kubernetes::import::{Imported, documents, imports, of_cluster};
use plat_model::TargetId;

use crate::cli::{Global, Import, ImportCrd, ImportWhat};
use crate::failure::{Failure, Outcome, Stop, io};
use crate::program;
use crate::project;
use crate::suggest::count;
use crate::terminal::{Terminal, harmless};

/// Brings what others describe into the package.
pub fn run(import: &Import, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let ImportWhat::Crd(import) = &import.what;
    let root = project::find(global.dir.as_deref())?;
    let found = match &import.cluster {
        Some(env) => definitions(env.as_deref(), global, terminal)?,
        None => read(&import.files)?,
    };
    let made = imports(&found, &import.only);
    for left_out in &made.left_out {
        terminal.say(harmless(&format!("left out {left_out}")));
    }
    if made.kinds.is_empty() {
        return Err(nothing(import).into());
    }
    for kind in &made.kinds {
        write(&root, kind)?;
        let line = format!("{} of {}: {}", kind.kind, kind.api, kind.path);
        terminal.say(harmless(&line));
    }
    if let Some(first) = made.kinds.first() {
        terminal.say(harmless(&format!(
            "{}; written in a program: kubernetes.object(\"{}\", {{ … }})",
            count(made.kinds.len(), "kind", "kinds"),
            first.kind
        )));
    }
    Ok(Outcome::Done)
}

/// What the cluster of an environment was taught.
fn definitions(
    env: Option<&str>,
    global: &Global,
    terminal: &Terminal,
) -> Result<Vec<serde_json::Value>, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(env, terminal)?;
    let target = program::target(&graph);
    if target != "kubernetes" {
        let name = &graph.environment.name;
        let why = format!("`{name}` is on `{target}`, which has no CustomResourceDefinitions");
        let next = "name an environment on Kubernetes: platc import crd --cluster ENV";
        return Err(Failure::new(why).next(next).into());
    }
    let place = Place::of(&TargetId::main(), &graph);
    terminal.detail(format!("asking {place} for its CustomResourceDefinitions"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| io("starting the runtime", &error))?;
    let found = runtime.block_on(of_cluster(&place)).map_err(|error| {
        let why = harmless(&error.why);
        let failure = Failure::new(format!("asking {place} for its definitions: {why}"));
        match error.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    })?;
    Ok(found)
}

fn read(files: &[PathBuf]) -> Result<Vec<serde_json::Value>, Failure> {
    let mut all = Vec::new();
    for file in files {
        let (shown, text) = if file == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            ("stdin".to_owned(), read.map(|_| text))
        } else {
            (file.display().to_string(), fs::read_to_string(file))
        };
        let text = text.map_err(|error| io(format!("reading {shown}"), &error))?;
        let found = documents(&text).map_err(|why| {
            Failure::new(format!("reading {shown}: {}", harmless(&why)))
                .next("it has to be YAML or JSON, as `kubectl get crds -o yaml` writes it")
        })?;
        all.extend(found);
    }
    Ok(all)
}

fn nothing(import: &ImportCrd) -> Failure {
    let what = match (import.only.as_slice(), import.cluster.is_some()) {
        ([], true) => "the cluster has no kinds of a namespace that it was taught".to_owned(),
        ([], false) => {
            "no CustomResourceDefinition of a namespaced kind is in what was read".to_owned()
        }
        (only, _) => format!("none of the definitions is of {}", only.join(" or ")),
    };
    let failure = Failure::new(harmless(&what));
    if import.only.is_empty() {
        failure
    } else {
        failure.next(
            "kinds are named as in manifests (PodMonitor), groups in full (monitoring.coreos.com)",
        )
    }
}

/// Writes a kind's file. One that somebody else wrote stays.
fn write(root: &Path, kind: &Imported) -> Result<(), Failure> {
    let path = root.join(&kind.path);
    let first = |text: &str| text.lines().next().map(str::to_owned);
    match fs::read_to_string(&path) {
        Ok(text) if text == kind.text => return Ok(()),
        // The head names the kind and the command; only its version may be another one.
        Ok(text) if !first(&text).is_some_and(|head| head.contains("`platc import crd`")) => {
            let why = format!("{} is there, and not of `platc import crd`", kind.path);
            return Err(Failure::new(why).next("move it out of the way"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(format!("reading {}", kind.path), &error)),
    }
    let failed = |error: std::io::Error| io(format!("writing {}", kind.path), &error);
    let dir = path.parent().unwrap_or(root);
    fs::create_dir_all(dir).map_err(failed)?;
    fs::write(&path, &kind.text).map_err(failed)
}
