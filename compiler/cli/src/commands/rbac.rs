//! `platc rbac`.

use plat_engine::Scope;
use plat_kubernetes::Place;
use plat_kubernetes::rbac::{Subject, rights};
use plat_model::TargetId;

use super::render::lowered;
use crate::cli::{self, Global};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::terminal::{Terminal, harmless};

/// Prints the least roles that planning and applying an environment need.
pub fn run(arguments: &cli::Rbac, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(arguments.env.env.as_deref(), terminal)?;
    let lowered = lowered(&graph, program.root())?;
    let place = Place::of(&TargetId::main(), &graph);
    let applies = arguments.apply.is_some();
    let said = arguments.apply.as_deref().or(arguments.plan.as_deref());
    let subject = said.map(subject).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| crate::failure::io("starting the runtime", &error))?;
    let scope = Scope::of(&graph);
    let rights = runtime.block_on(rights(&place, &scope, &lowered, subject.as_ref(), applies));
    let rights = rights.map_err(|error| {
        let failure = Failure::new(format!(
            "asking the cluster for a kind of the source: {}",
            harmless(&error.why)
        ));
        match error.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    })?;
    let mut texts = Vec::new();
    for manifest in &rights {
        let text = plat_kubernetes::render::text(manifest)
            .map_err(|why| Failure::new(format!("writing a role as YAML: {why}")))?;
        texts.push(text);
    }
    terminal.print(texts.join("---\n"))?;
    Ok(Outcome::Done)
}

/// `user:anna`, `group:developers`, `account:ci/deployer`.
fn subject(said: &str) -> Result<Subject, Failure> {
    let subject = match said.split_once(':') {
        Some(("user", name)) if !name.is_empty() => Some(Subject::User(name.to_owned())),
        Some(("group", name)) if !name.is_empty() => Some(Subject::Group(name.to_owned())),
        Some(("account", at)) => match at.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Some(Subject::Account(namespace.to_owned(), name.to_owned()))
            }
            _ => None,
        },
        _ => None,
    };
    subject.ok_or_else(|| {
        Failure::new(format!("`{}` names nobody", harmless(said)))
            .next("say user:NAME, group:NAME or account:NAMESPACE/NAME")
    })
}
