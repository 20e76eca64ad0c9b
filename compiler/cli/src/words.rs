//! Words: what is allowed beyond the ordinary, as the command line says it.

use std::collections::BTreeSet;

use plat_engine::{DataWord, Plan, Scope, Words};
use plat_model::{Graph, NodePath};

use crate::cli;
use crate::failure::Failure;
use crate::suggest::nearest;
use crate::terminal::harmless;

/// The words of the command line, as the engine takes them.
pub fn said(words: &cli::Words) -> Words {
    Words {
        data: if words.data.is_empty() {
            DataWord::None
        } else {
            DataWord::Of(words.data.iter().cloned().collect())
        },
        deletes: words.deletes,
        take: words.take.iter().cloned().collect(),
    }
}

/// A plan that was made before is applied as it is: it has its words in it, and takes no more.
///
/// # Errors
/// The first word that is said all the same.
pub fn none_for_a_plan(words: &cli::Words) -> Result<(), Failure> {
    let said = [
        ("--data NODE", !words.data.is_empty()),
        ("--deletes N", words.deletes.is_some()),
        ("--take NODE:FIELD", !words.take.is_empty()),
    ];
    match said.iter().find(|(_, said)| *said) {
        Some((word, _)) => Err(Failure::new(format!(
            "`{word}` is said when a plan is made: this one is applied as it is"
        ))
        .next(format!("platc plan -o FILE {word}"))),
        None => Ok(()),
    }
}

/// A word for the data of something that was never there is a mistake in its name.
///
/// # Errors
/// The first such name.
pub fn name_data(
    names: &[String],
    scope: &Scope,
    applied: Option<&Graph>,
    graph: &Graph,
) -> Result<(), Failure> {
    let all = applied.into_iter().chain([graph]);
    let known: BTreeSet<&str> = all
        .flat_map(|graph| graph.nodes.keys())
        .map(NodePath::as_str)
        .collect();
    match names.iter().find(|name| !known.contains(name.as_str())) {
        Some(name) => Err(unknown("data", name, "", scope, &known)),
        None => Ok(()),
    }
}

/// A word for a field of something that is not there is a mistake in its name. One that nobody else
/// holds is none: it may have been taken over before.
///
/// # Errors
/// The first such name, or the first word that names no field.
pub fn name_fields(words: &[String], plan: &Plan) -> Result<(), Failure> {
    let known: BTreeSet<&str> = plan
        .desired
        .values()
        .map(|object| match &object.node {
            Some(node) => node.as_str(),
            None => object.id.as_str(),
        })
        .collect();
    for word in words {
        let parts = word.split_once(':');
        let Some((name, field)) =
            parts.filter(|(name, field)| !name.is_empty() && !field.is_empty())
        else {
            return Err(Failure::new(format!(
                "`--take {}` does not say which field is taken over",
                harmless(word)
            ))
            .next("the plan shows the word for each: `--take NODE:FIELD`"));
        };
        if !known.contains(name) {
            return Err(unknown(
                "take",
                name,
                &format!(":{field}"),
                &plan.scope,
                &known,
            ));
        }
    }
    Ok(())
}

fn unknown(word: &str, name: &str, rest: &str, scope: &Scope, known: &BTreeSet<&str>) -> Failure {
    let failure = Failure::new(format!(
        "`--{word} {}` names nothing of {scope}",
        harmless(&format!("{name}{rest}"))
    ));
    match nearest(name, known.iter().copied()) {
        Some(near) => {
            let near = format!("{near}{}", harmless(rest));
            failure.next(format!("did you mean `--{word} {near}`?"))
        }
        None => failure,
    }
}
