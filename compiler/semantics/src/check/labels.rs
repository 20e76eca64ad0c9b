//! What rides on a value: which labels it and its parts have, and where none may be.
//!
//! A label is never lost on the way: whatever is made from a labelled value has the label too, or is
//! refused. `tests/labels.rs` puts a secret and a later value through every construct and holds that.

use plat_syntax::Node;

use super::Checker;
use crate::db::ItemId;
use crate::types::{Labels, Ty, TypeBody, type_def};

/// How deep labels are looked for: as deep as a conversion looks, so that what can flow is seen.
const DEPTH: u32 = 64;

impl<'db> Checker<'db> {
    /// The labels of the value itself.
    pub(super) fn labels_of(&self, ty: &Ty) -> Labels {
        ty.plain(self.db).0
    }

    /// The labels of a value where it is written as text, and its type there.
    pub(crate) fn text_labels(&self, ty: &Ty) -> (Labels, Ty) {
        let (labels, plain) = ty.plain(self.db);
        match plain {
            Ty::Instance(kind) => match super::implicit_out_type(self.db, kind) {
                Some(out) => {
                    let (more, plain) = out.plain(self.db);
                    (labels.or(more), plain)
                }
                None => (labels, Ty::Instance(kind)),
            },
            other => (labels, other),
        }
    }

    /// The labels of a value and of everything inside of it that would be written with it.
    pub(super) fn labels_written(&self, ty: &Ty) -> Labels {
        self.labels_within(ty, true, 0, &mut Vec::new())
    }

    /// What decides on something must be known and not secret, down to its last part: comparing two
    /// records compares the secrets in them.
    pub(super) fn nothing_labelled(&mut self, ty: &Ty, node: Node<'db>, what: &str) {
        let labels = self.labels_within(ty, false, 0, &mut Vec::new());
        self.no_structure(&ty.clone().labelled(labels), node, what);
    }

    /// A declaration stands for the text that its name gives where it is written, and for itself
    /// where it is compared. A type with a name is looked into once, however often it is a part.
    fn labels_within(&self, ty: &Ty, written: bool, depth: u32, seen: &mut Vec<ItemId>) -> Labels {
        let (labels, plain) = ty.plain(self.db);
        if let Ty::Named(item) = ty.split().1 {
            if seen.contains(item) {
                return labels;
            }
            seen.push(*item);
        }
        if depth > DEPTH {
            return labels;
        }
        let mut within = |ty: &Ty| self.labels_within(ty, written, depth + 1, seen);
        let all = |labels: Labels, ty: &Ty| labels.or(within(ty));
        let inner = match &plain {
            Ty::List(t) | Ty::Map(t) | Ty::Optional(t) | Ty::Range(t) => within(t),
            Ty::Record(fields) => fields.iter().map(|f| &f.ty).fold(Labels::default(), all),
            Ty::Either(types) => types.iter().fold(Labels::default(), all),
            Ty::Named(item) => match &type_def(self.db, *item).body {
                TypeBody::Variant(cases) => {
                    let params = cases.iter().flat_map(|c| &c.params);
                    params.map(|p| &p.ty).fold(Labels::default(), all)
                }
                TypeBody::Alias(_) => Labels::default(),
            },
            Ty::Instance(_) if written => self.text_labels(&plain).0,
            _ => Labels::default(),
        };
        labels.or(inner)
    }
}
