//! `platc secret`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Read as _};

use plat_engine::{SecretInfo, SecretValue};
use plat_model::{Graph, NodePath, Value};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

use crate::causes;
use crate::cli::{self, Global, SecretCommand};
use crate::commands::status::ago;
use crate::deploy::{self, Deployment};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::program;
use crate::suggest::{listed, nearest};
use crate::terminal::{Terminal, harmless};

/// Larger ones are files, not secrets.
const LARGEST: u64 = 1 << 20;

/// How much of a digest is shown: enough to see that two are equal.
const DIGEST: usize = 8;

/// Refuses to remove a secret that is not there, that the store made, or that something reads:
/// what runs has it, and could not be started again without it.
fn removable(
    graph: &Graph,
    known: &[SecretInfo],
    name: &str,
    environment: &str,
) -> Result<(), Failure> {
    let shown = harmless(name);
    let Some(secret) = known.iter().find(|secret| secret.name == name) else {
        let names = known.iter().map(|secret| secret.name.as_str());
        let failure = Failure::new(format!("`{shown}` is not set in {environment}"));
        return Err(match nearest(name, names) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None => failure,
        });
    };
    if secret.generated {
        return Err(Failure::new(format!(
            "`{shown}` was generated for what runs in {environment}"
        ))
        .next(format!("platc secret rotate {shown}, for a new value"))
        .next("platc destroy --data, which removes it with the rest"));
    }
    let path = NodePath::from(name);
    let optional = graph
        .nodes
        .get(&path)
        .is_some_and(|node| node.fields.get("optional").and_then(Value::as_bool) == Some(true));
    match graph.links_to(&path).next() {
        Some(link) if !optional => Err(Failure::new(format!(
            "`{shown}` is read by `{}.{}`",
            link.from, link.field
        ))
        .next("take that out of the program first")
        .next(format!("platc secret set {shown}, for another value"))),
        _ => Ok(()),
    }
}

/// Sets, lists, removes and rotates secrets.
pub fn run(arguments: &cli::Secret, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(arguments.env.as_deref(), terminal)?;
    let deployment = program.deployment(&graph, terminal)?;
    let scope = &deployment.scope;
    let store = deployment.backend.secrets();
    let failed = |error| causes::backend_failure(&error);
    match &arguments.command {
        SecretCommand::Set { name } => {
            declared(&graph, name)?;
            let value = value(name, &deployment, terminal)?;
            deployment
                .wait(store.set(scope, name, value))
                .map_err(failed)?;
            terminal.say(format!("set {name} in {}", scope.environment));
            reminder(&deployment, terminal);
        }
        SecretCommand::List { json } => {
            let known = deployment.wait(store.list(scope)).map_err(failed)?;
            list(&graph, &known, *json, terminal)?;
        }
        SecretCommand::Rm { name } => {
            let known = deployment.wait(store.list(scope)).map_err(failed)?;
            removable(&graph, &known, name, &scope.environment)?;
            deployment.wait(store.remove(scope, name)).map_err(failed)?;
            terminal.say(format!("removed {name} from {}", scope.environment));
        }
        SecretCommand::Rotate { name } => {
            deployment.wait(store.rotate(scope, name)).map_err(failed)?;
            terminal.say(format!("made a new {name} in {}", scope.environment));
            reminder(&deployment, terminal);
        }
    }
    Ok(Outcome::Done)
}

fn reminder(deployment: &Deployment, terminal: &Terminal) {
    let command = format!("platc up {}", deployment.scope.environment);
    terminal.say(format!(
        "  {} gives it to what runs",
        terminal.err().hint(command)
    ));
}

/// What becomes of a secret that nobody sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unset {
    /// It is generated.
    Generated,
    /// The app does without.
    Optional,
    /// The app can't be brought up.
    Missing,
}

/// The declared secrets by path.
fn secrets(graph: &Graph) -> BTreeMap<&str, Unset> {
    let nodes = graph.nodes.iter();
    nodes
        .filter(|(_, node)| node.kind.package == "std" && node.kind.name == "secret")
        .map(|(path, node)| {
            let field = |name: &str| node.fields.get(name);
            let unset = if field("generate").is_some_and(|value| !value.is_none()) {
                Unset::Generated
            } else if field("optional").and_then(plat_model::Value::as_bool) == Some(true) {
                Unset::Optional
            } else {
                Unset::Missing
            };
            (path.as_str(), unset)
        })
        .collect()
}

fn declared(graph: &Graph, name: &str) -> Result<(), Failure> {
    let secrets = secrets(graph);
    if secrets.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = secrets.into_keys().collect();
    let failure = Failure::new(format!(
        "{} declares no secret `{}`",
        graph.app,
        harmless(name)
    ));
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            failure.next(format!("declare it in the program: `secret {name}`"))
        }
        None => failure.note(format!("it declares {}", listed(&names))),
    })
}

/// Reads the value: from whoever sits there, without showing it, or from stdin. Never from the
/// command line, which others can see.
fn value(name: &str, deployment: &Deployment, terminal: &Terminal) -> Result<SecretValue, Stop> {
    let mut value = if io::stdin().is_terminal() {
        typed(name, deployment, terminal)?
    } else {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(LARGEST + 2)
            .read_to_end(&mut bytes)
            .map_err(|error| failure::io("reading the value from stdin", &error))?;
        // `echo` and editors end the last line; who means a newline gives two.
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        bytes
    };
    if value.is_empty() {
        return Err(
            Failure::new(format!("the value of {name} is empty, so nothing was set"))
                .next(format!(
                    "give it on stdin: `platc secret set {name} < FILE`"
                ))
                .into(),
        );
    }
    if value.len() as u64 > LARGEST {
        value.fill(0);
        return Err(Failure::new(format!(
            "the value of {name} is larger than {LARGEST} bytes"
        ))
        .into());
    }
    Ok(SecretValue::new(value))
}

fn typed(name: &str, deployment: &Deployment, terminal: &Terminal) -> Result<Vec<u8>, Stop> {
    let unseen = Unseen::begin()?;
    let (sender, answer) = tokio::sync::oneshot::channel();
    let question = format!("Value of {name} (not shown):");
    let asker = terminal.clone();
    // A thread that nobody waits for, so that Ctrl-C ends this at once and the terminal is put
    // right again.
    std::thread::spawn(move || sender.send(asker.ask(question)));
    let answer = deployment.wait(async {
        tokio::select! {
            answer = answer => answer.unwrap_or(Err(Stop::Interrupted)),
            _ = tokio::signal::ctrl_c() => Err(Stop::Interrupted),
        }
    });
    drop(unseen);
    terminal.tell("");
    Ok(answer?.into_bytes())
}

/// While it lives, what is typed is not shown.
struct Unseen(rustix::termios::Termios);

impl Unseen {
    fn begin() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| {
            failure::io("turning off the terminal's echo", &error.into())
        };
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // The shell sets it right too when this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

fn list(
    graph: &Graph,
    known: &[SecretInfo],
    as_json: bool,
    terminal: &Terminal,
) -> Result<(), Stop> {
    let declared = secrets(graph);
    let by_name: BTreeMap<&str, &SecretInfo> = known
        .iter()
        .map(|secret| (secret.name.as_str(), secret))
        .collect();
    let mut names: Vec<&str> = declared.keys().chain(by_name.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let state = |name: &str| match (by_name.get(name), declared.get(name)) {
        (Some(secret), _) if secret.generated => "generated",
        (Some(_), _) => "set",
        (None, Some(Unset::Generated)) => "to be generated",
        (None, Some(Unset::Optional)) => "not set, optional",
        (None, _) => "not set",
    };
    if as_json {
        let secrets: Vec<serde_json::Value> = names
            .iter()
            .map(|name| {
                json!({
                    "name": name,
                    "declared": declared.contains_key(name),
                    "state": state(name),
                    "digest": by_name.get(name).map(|secret| &secret.digest),
                    "since": by_name.get(name).map(|secret| secret.since),
                })
            })
            .collect();
        return terminal.print_json(&json!({
            "format": 1,
            "app": graph.app,
            "environment": graph.environment.name,
            "secrets": secrets,
        }));
    }
    if names.is_empty() {
        terminal.say(format!("{} has no secrets", graph.app));
        return Ok(());
    }
    let paint = terminal.out();
    let widest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let now = deploy::now() / 1000;
    let mut text = String::new();
    for name in names {
        let state = state(name);
        let shown = format!("{state:<17}");
        let shown = match state {
            "not set" => paint.bad(shown),
            "set" | "generated" => paint.good(shown),
            _ => paint.dim(shown),
        };
        let rest = by_name.get(name).map(|secret| {
            let digest: String = secret.digest.chars().take(DIGEST).collect();
            format!("{digest}  {} ago", ago(now.saturating_sub(secret.since)))
        });
        let line = format!(
            "{name:<widest$}  {shown}  {}",
            paint.dim(rest.unwrap_or_default())
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    terminal.print(text)
}
