//! What is known of kinds and types without evaluating anything: for those who show values.

use plat_model::CaseShape;

use crate::api::{Database, STACK};
use crate::check::out_type;
use crate::db::{ItemId, Space, Workspace, items};
use crate::types::{TypeBody, kind_head, type_def};

/// An out of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutShape {
    /// Its name.
    pub name: String,
    /// Its type with its labels: `secret later String`.
    pub ty: String,
    /// The permission that reading it gives.
    pub grants: Option<String>,
    /// Is it what the bare name of the declaration gives?
    pub implicit: bool,
}

impl Database {
    /// Every case of every variant of the program, its packages and `std`.
    pub fn cases(&self) -> Vec<CaseShape> {
        stacker::grow(STACK, || {
            let mut shapes = Vec::new();
            for item in self.all(Space::Type) {
                let TypeBody::Variant(cases) = &type_def(self, item).body else {
                    continue;
                };
                let package = item.file(self).package(self);
                let of = format!("{package}.{}", item.name(self));
                shapes.extend(cases.iter().map(|case| {
                    let part =
                        |p: &crate::types::ParamHead| (p.name.to_string(), p.default.is_some());
                    CaseShape {
                        of: of.clone(),
                        name: case.name.to_string(),
                        implicit: case.implicit,
                        parts: case.params.iter().map(part).collect(),
                    }
                }));
            }
            shapes
        })
    }

    /// What a kind of a package gives to those who refer to its declarations; nothing where there is
    /// no such kind.
    pub fn outs(&self, package: &str, kind: &str) -> Vec<OutShape> {
        stacker::grow(STACK, || {
            let found = self.all(Space::Kind).into_iter().find(|item| {
                item.name(self).as_ref() == kind
                    && item.file(self).package(self).as_ref() == package
            });
            let Some(kind) = found else {
                return Vec::new();
            };
            let outs = kind_head(self, kind).outs.iter();
            outs.map(|out| OutShape {
                name: out.name.to_string(),
                ty: out_type(self, kind, &out.name).map_or_else(String::new, |ty| ty.show(self)),
                grants: out.grants.as_ref().map(ToString::to_string),
                implicit: out.implicit,
            })
            .collect()
        })
    }

    fn all(&self, space: Space) -> Vec<ItemId> {
        let files = Workspace::get(self).files(self).iter();
        let all = files.flat_map(|file| items(self, *file).iter().copied());
        all.filter(|item| item.space(self) == space).collect()
    }
}
