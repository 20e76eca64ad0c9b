//! How the cases of a program's variants are written, for those who show values.

use crate::{CaseForm, Fields, Graph, OriginId, Site, SiteKind, Value};

/// A case of a variant, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseShape {
    /// The path of its type, as origins have it: `std.Scale`.
    pub of: String,
    /// Its name.
    pub name: String,
    /// Is it made from a plain value?
    pub implicit: bool,
    /// Its parts in the order of the source, and whether each may be left out.
    pub parts: Vec<(String, bool)>,
}

/// The cases of all the variants of a program: a graph says what a value is, and these how it is
/// written. Without any, each case is written with its name and all that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cases(Vec<CaseShape>);

impl Cases {
    /// These.
    pub const fn new(shapes: Vec<CaseShape>) -> Self {
        Self(shapes)
    }

    /// A value of a graph as a person would write it: `2` where the whole of it is
    /// `fixed(count: 2)`.
    pub fn write(&self, graph: &Graph, value: &Value) -> String {
        value.written(&|case, fields| self.form(graph, case, fields))
    }

    /// Without the name of a case that is made from a plain value, without the name of the first
    /// part, and without the parts that are as their type has them when nobody says anything.
    fn form(&self, graph: &Graph, case: &str, fields: &Fields) -> CaseForm {
        let given = |name: &String| fields.get(name).is_some_and(|value| !value.is_none());
        let shape = self.0.iter().find(|shape| {
            let mut parts = shape.parts.iter();
            shape.name == case
                && shape.parts.len() == fields.iter().len()
                && parts.all(|(name, _)| fields.get(name).is_some())
        });
        let Some(shape) = shape else {
            return CaseForm::whole(fields);
        };
        let said = |(name, optional): &(String, bool)| {
            given(name)
                && !(*optional
                    && fields
                        .get(name)
                        .is_some_and(|value| is_default(graph, value, &shape.of)))
        };
        let parts: Vec<&(String, bool)> = shape.parts.iter().filter(|part| said(part)).collect();
        let first = shape.parts.first().map(|(name, _)| name);
        let alone = parts.len() == 1 && parts.first().map(|(name, _)| name) == first;
        CaseForm {
            named: !(shape.implicit && alone),
            parts: parts
                .into_iter()
                .map(|(name, _)| (name.clone(), Some(name) != first))
                .collect(),
        }
    }
}

/// Is it what the type itself says of a part that nobody gives?
fn is_default(graph: &Graph, value: &Value, of: &str) -> bool {
    first_site(graph, value.origin).is_some_and(|site| {
        let within = site.path.strip_prefix(of);
        site.kind == SiteKind::Default && within.is_some_and(|rest| rest.starts_with('.'))
    })
}

fn first_site(graph: &Graph, origin: OriginId) -> Option<&Site> {
    graph.origins.get(origin)?.chain.first()
}
