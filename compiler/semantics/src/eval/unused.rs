//! What an environment says of declarations that are not there.

use std::sync::Arc;

use super::overrides::{Left, assign_of};
use super::value::Kind;
use super::{Cx, Eval};
use crate::diag::{Diag, Span};
use crate::types::{kind_head, name_spot};

impl Eval<'_> {
    /// Paths of `set`, `omit` and `leave` that reached nothing. What the environment takes over from others
    /// may speak of what is not there in it.
    pub(super) fn check_unused(&mut self, world: usize) {
        let Some(w) = self.world(world) else { return };
        let env = w.env;
        let mut missing = Vec::new();
        for (path, entries) in &w.overrides.sets {
            if !w.paths.contains_key(path.as_str()) {
                let own = entries.iter().filter(|e| e.env == env);
                let own = own.filter_map(|entry| assign_of(&w.bodies, entry));
                missing.extend(own.map(|a| (path.clone(), a.path_span, rest_of(a), "set")));
            }
        }
        for (path, omitted) in &w.overrides.omitted {
            if omitted.env == env && !w.left_out.contains(path) {
                missing.push((path.clone(), omitted.span, Some(String::new()), "left out"));
            }
        }
        for (path, entries) in &w.overrides.left {
            if !w.paths.contains_key(path.as_str()) {
                let own = entries.iter().filter(|left| left.env == env);
                missing.extend(own.map(|left| {
                    let rest = format!(".{}", left.field);
                    (path.clone(), left.span, Some(rest), "left to somebody else")
                }));
            }
        }
        self.check_left_here(world);
        missing.sort_by(|a, b| a.0.cmp(&b.0));
        for (path, span, rest, done) in missing {
            // A declaration that could not be made because something in it is wrong has been reported.
            if self.diags.iter().any(Diag::is_error) {
                return;
            }
            self.not_there(world, &path, (span, rest), done);
        }
    }

    /// The fields of declarations that are looked at which the environment leaves to somebody else.
    pub(super) fn check_left_here(&mut self, world: usize) {
        let Some(w) = self.world(world) else { return };
        let mut inside = Vec::new();
        for (path, entries) in &w.overrides.left {
            let own = entries.iter().filter(|left| left.env == w.env);
            let found = w.paths.get(path.as_str()).copied();
            if let Some(inst) = found.filter(|inst| self.is_own(*inst)) {
                inside.extend(own.map(|left| (inst, left.clone())));
            }
        }
        for (inst, left) in inside {
            self.check_left(world, inst, &left);
        }
    }

    /// Only what a backend makes has fields that somebody else can hold.
    fn check_left(&mut self, world: usize, inst: super::InstId, left: &Left) {
        let Some(kind) = self.kind_of(inst) else {
            return;
        };
        if kind_head(self.db, kind).external {
            return;
        }
        let cx = Cx {
            world,
            item: left.env,
            inst: None,
            kind: Kind::Set,
        };
        let message = format!(
            "a `{}` is made of other declarations: nothing on a target has its `{}`",
            kind.name(self.db),
            left.field
        );
        let diag = Diag::error("E0617", self.spot(&cx, left.span), message)
            .help("say of which of them a field is left")
            .related(name_spot(self.db, kind), "this kind");
        self.error(&cx, diag);
    }

    /// Reports a path of the environment's own that leads to nothing in it: where it stands, and
    /// what of it is below the declaration, as it is written.
    pub(crate) fn not_there(
        &mut self,
        world: usize,
        path: &str,
        (span, rest): (Span, Option<String>),
        done: &str,
    ) {
        let Some(w) = self.world(world) else {
            return;
        };
        let cx = Cx {
            world,
            item: w.env,
            inst: None,
            kind: Kind::Set,
        };
        let name = w.name.clone();
        let omitted = w.overrides.omitted_by(path).map(|(_, omitted)| *omitted);
        let names: Vec<Arc<str>> = w.paths.keys().cloned().collect();
        let spot = self.spot(&cx, span);
        if let Some(omitted) = omitted.filter(|o| o.span != span) {
            let message = format!("`{path}` is left out of `{name}`, so it cannot be {done} there");
            let there = crate::diag::Spot {
                item: omitted.env,
                range: omitted.span,
            };
            let diag = Diag::error("E0606", spot, message).related(there, "left out here");
            self.error(&cx, diag);
            return;
        }
        let message = format!("there is no `{path}` in the environment `{name}`");
        let mut diag = Diag::error("E0606", spot, message);
        if let Some(near) = crate::suggest::nearest(path, names.iter().map(AsRef::as_ref)) {
            diag = diag.help(format!("did you mean `{near}`?"));
            if let Some(rest) = rest {
                let written = format!("{}{rest}", written_path(near));
                diag = diag.fix(format!("write `{written}`"), spot, written);
            }
        } else {
            diag = diag.note("it stands in an `if` or a `for` that does not make it here");
        }
        self.error(&cx, diag);
    }
}

/// What of a path in `set` lies below the declaration, as it is written. `None` if a step of it is
/// computed.
fn rest_of(assign: &crate::ir::Assign) -> Option<String> {
    let mut rest = String::new();
    for step in assign.path.iter().skip(assign.depth) {
        match step {
            crate::ir::Step::Name(name) if is_name(name) => {
                rest.push('.');
                rest.push_str(name);
            }
            crate::ir::Step::Name(name) => rest.push_str(&format!("[{name:?}]")),
            crate::ir::Step::Key(_) => return None,
        }
    }
    Some(rest)
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The path of a declaration with its keys in quotes: `background["default"].server`.
fn written_path(path: &str) -> String {
    path.replace('[', "[\"").replace(']', "\"]")
}
