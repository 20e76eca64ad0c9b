//! How evaluation speaks of what is wrong.

use std::sync::Arc;

use salsa::plumbing::AsId as _;

use super::{Cx, Data, Eval, InstId, Val};
use crate::diag::{Diag, Span, Spot};
use crate::suggest::NearKeys;

impl<'db> Eval<'db> {
    /// A range of the item at hand.
    pub fn spot(&self, cx: &Cx, span: Span) -> Spot {
        Spot {
            item: cx.item,
            range: span,
        }
    }

    /// Tells of an entry that `with` adds to a map beside one of nearly the same key: most likely
    /// that one was to be changed.
    pub(super) fn nearly_there(
        &mut self,
        value: &Val<'db>,
        path: &[Arc<str>],
        change: &crate::ir::Assign,
        beside: &mut Option<NearKeys>,
        cx: &Cx,
    ) {
        let (Data::Map(entries), [key], true) = (&value.data, path, change.in_map) else {
            return;
        };
        if entries.contains_key(key) {
            return;
        }
        let near = match beside {
            Some(beside) => {
                if beside.is_empty() {
                    entries.keys().for_each(|key| beside.add(key));
                }
                let near = beside.nearly_equal(key).map(str::to_owned);
                beside.add(key);
                near
            }
            None => {
                let keys = entries.keys().map(AsRef::as_ref);
                crate::suggest::nearly_equal(key, keys).map(str::to_owned)
            }
        };
        if let Some(near) = near {
            let spot = self.spot(cx, change.path_span);
            let message = format!("`{key}` is added, and there is `{near}` already");
            let diag = Diag::warning("W0501", spot, message)
                .help(format!("if `{near}` is meant, write that"))
                .fix(format!("write `{near}`"), spot, near);
            self.error(cx, diag);
        }
    }

    /// Reports something, once. What is wrong inside of a kind is reported at its use: that is
    /// what its user wrote.
    pub fn error(&mut self, cx: &Cx, diag: Diag) {
        // What is told of a circle and of too much depends on where it was begun.
        if matches!(diag.code(), "E0501" | "E0504" | "E0505") && self.give_up() {
            return;
        }
        let diag = match self.outermost_use(cx) {
            Some((spot, path)) => {
                let inner = diag.spot();
                diag.moved_to(spot)
                    .related(inner, "here, in the kind")
                    .label(format!("in this use of it, `{path}`"))
            }
            None => diag,
        };
        let spot = diag.spot();
        let key = (
            diag.code(),
            spot.item.as_id().as_bits(),
            spot.range,
            diag.message().to_owned(),
        );
        if self.seen.insert(key) {
            self.diags.push(diag);
        }
    }

    /// The declaration outside of all kinds in whose contents an expression stands.
    fn outermost_use(&self, cx: &Cx) -> Option<(Spot, String)> {
        let mut at: InstId = cx.inst?;
        let world = self.world(at.world)?;
        loop {
            let instance = world.instance(at)?;
            match instance.parent {
                Some(parent) => at = parent,
                None => {
                    // A default of the declaration's own kind is no use of another's contents.
                    let spot = Spot {
                        item: instance.item,
                        range: instance.decl.name_span,
                    };
                    return Some((spot, instance.path.to_string()));
                }
            }
        }
    }

    /// Values that wait for each other.
    pub(super) fn circle(&mut self, cx: &Cx, span: Span, key: &super::CellKey) {
        let name = &self.cell_name(key);
        let start = self
            .demands
            .iter()
            .rposition(|(demanded, ..)| demanded == key)
            .unwrap_or(0);
        let story: Vec<(String, Spot)> = self
            .demands
            .iter()
            .skip(start)
            .map(|(demanded, cx, span)| (self.cell_name(demanded), self.spot(cx, *span)))
            .collect();
        let mut diag = Diag::error(
            "E0501",
            self.spot(cx, span),
            format!("`{name}` depends on itself"),
        );
        if story.len() > 1 {
            let mut names: Vec<String> = story.iter().map(|(n, _)| format!("`{n}`")).collect();
            names.push(format!("`{name}`"));
            let shown = if names.len() > 8 {
                let hidden = names.len() - 6;
                names.splice(3..3 + hidden, [format!("… {hidden} more …")]);
                names.join(" → ")
            } else {
                names.join(" → ")
            };
            diag = diag.note(shown);
        }
        self.error(cx, diag);
    }
}
