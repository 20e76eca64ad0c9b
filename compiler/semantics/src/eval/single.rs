//! One field of one declaration in one environment, without the rest: what is asked of evaluation
//! where somebody only looks.

use std::sync::Arc;

use super::{Cx, Data, Eval, InstId, Kind, SiteKey, Val};
use crate::db::{Db, ItemId};
use crate::diag::Span;
use crate::names::DeclRef;

/// The way to a declaration: each step stands in the one before; one of a family by its key.
pub type Steps = [(DeclRef, Option<String>)];

/// What a field is, as it would be written, and who set it, the winner first. `path` begins with the
/// field's name. Evaluates that field and what it is made of, nothing else. `None` where there is no
/// such thing in this environment.
pub fn single_field(
    db: &dyn Db,
    env: ItemId,
    steps: &Steps,
    path: &[String],
) -> Option<(String, Vec<SiteKey>)> {
    let mut eval = Eval::new(db);
    let world = eval.open(env, &[])?;
    let mut at: Option<InstId> = None;
    for (decl, key) in steps {
        let members = eval.members(world, at, *decl);
        let found = match key {
            Some(key) => members.by_key.get(key.as_str()).copied(),
            None => members.single,
        };
        at = Some(found?);
    }
    let inst = at?;
    let (decl, _) = steps.first()?;
    let cx = Cx {
        world,
        item: decl.item,
        inst: None,
        kind: Kind::Declared,
    };
    let (first, rest) = path.split_first()?;
    let span = Span { start: 0, end: 0 };
    let mut value = eval.field(&cx, span, inst, &Arc::from(first.as_str()));
    for step in rest {
        value = match &value.data {
            Data::Map(entries) => entries.get(step)?.clone(),
            Data::Case(_, parts) => parts.get(step)?.clone(),
            _ => return None,
        };
    }
    if matches!(value.data, Data::Poison) {
        return None;
    }
    let sites = value.origin.sites().collect();
    Some((written(&eval, &value), sites))
}

/// A value as a person would write it: without the name of a case that is made from a plain value,
/// and without what is as its type has it.
fn written(eval: &Eval<'_>, value: &Val<'_>) -> String {
    let Data::Case(case, parts) = &value.data else {
        return eval.show(value);
    };
    let first = case.params.first();
    let first = first.map_or("", |part| part.name.as_ref());
    // What a case is made from is said, also where the whole is a default: `scale = 1`.
    let made_from = |name: &str| case.implicit && name == first;
    let said = parts.iter().filter(|(name, part)| {
        !part.is_none() && (made_from(name) || part.origin.0.site.kind != Kind::Default)
    });
    let said: Vec<(&str, String)> = said
        .map(|(name, part)| (name.as_ref(), written(eval, part)))
        .collect();
    match said.as_slice() {
        [] => case.name.to_string(),
        [(name, text)] if *name == first && case.implicit => text.clone(),
        said => {
            let parts: Vec<String> = said
                .iter()
                .map(|(name, text)| match *name == first {
                    true => text.clone(),
                    false => format!("{name}: {text}"),
                })
                .collect();
            format!("{}({})", case.name, parts.join(", "))
        }
    }
}
