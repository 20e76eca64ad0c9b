//! What policies and tests may ask of the graph: its links, who holds what, who set a value.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::value::Kind;
use super::world::Ends;
use super::{Cx, Data, Entries, Eval, InstId, Origin, Val};
use crate::diag::Span;
use crate::library::Builtin;

/// A link, as policies see it.
#[derive(Clone, Debug)]
pub struct LinkVal {
    /// Who refers.
    pub from: InstId,
    /// In which field.
    pub field: String,
    /// To whom.
    pub to: InstId,
    /// Reading which out.
    pub out: Arc<str>,
    /// What that grants.
    pub grant: Option<Arc<str>>,
    /// The reference.
    pub origin: Origin,
}

impl<'db> Eval<'db> {
    /// Makes sure that the links of a world are known.
    pub fn need_links(&mut self, world: usize) {
        if self.give_up() || self.world(world).is_none_or(|w| w.linked) {
            return;
        }
        self.fill(world);
        let links = crate::graph::link_vals(self, world);
        if let Some(w) = self.worlds.get_mut(world) {
            w.links = links;
            w.linked = true;
        }
    }

    pub(super) fn link_field(
        &mut self,
        world: usize,
        index: usize,
        name: &str,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Some(link) = self.world(world).and_then(|w| w.links.get(index)).cloned() else {
            return Self::poison(cx, span);
        };
        let data = match name {
            "from" => Data::Node(link.from),
            "to" => Data::Node(link.to),
            "out" => Data::Text(link.out),
            "field" => Data::Text(link.field.into()),
            _ => link.grant.map_or(Data::None, Data::Text),
        };
        Val::new(data, cx.origin(span))
    }

    /// `links(x)`, `holders(x)`, `grants(a, b)`. A use of a kind that is made of others stands for
    /// all that is inside of it.
    pub(crate) fn graph_call(
        &mut self,
        builtin: Builtin,
        first: &Val<'db>,
        second: Option<&Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let poison = Self::poison(cx, span);
        let Data::Node(inst) = first.data else {
            return poison;
        };
        self.need_links(inst.world);
        let inside = |this: &Self, inst: InstId| -> BTreeSet<InstId> {
            crate::graph::within(this, inst.world, inst)
                .into_iter()
                .collect()
        };
        let of = inside(self, inst);
        let to = match second.map(|s| &s.data) {
            Some(Data::Node(to)) => inside(self, *to),
            _ => BTreeSet::new(),
        };
        let Some(world) = self.worlds.get_mut(inst.world) else {
            return poison;
        };
        let ends = world.ends.get_or_insert_with(|| Ends::new(&world.links));
        let new = |data| Val::new(data, cx.origin(span));
        let at = |number: usize| world.links.get(number);
        let values: Vec<Val<'db>> = match builtin {
            Builtin::Links => ends
                .from(of.iter())
                .into_iter()
                .map(|number| new(Data::Link(inst.world, number)))
                .collect(),
            Builtin::Holders => {
                let holders = ends.to(of.iter()).into_iter().filter_map(at);
                let holders = holders.filter(|l| !of.contains(&l.from));
                let unique: BTreeSet<InstId> = holders.map(|l| l.from).collect();
                unique.into_iter().map(|id| new(Data::Node(id))).collect()
            }
            _ => {
                let grants = ends.from(of.iter()).into_iter().filter_map(at);
                let grants = grants.filter(|l| to.contains(&l.to));
                let unique: BTreeSet<Arc<str>> = grants.filter_map(|l| l.grant.clone()).collect();
                unique.into_iter().map(|g| new(Data::Text(g))).collect()
            }
        };
        new(Data::List(values.into()))
    }

    /// `origin(x)`: who set a value. Nothing that could be secret is told: the text is what stands
    /// in the source.
    pub(crate) fn origin_of(&self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let site = value.origin.0.site;
        let (path, text) = crate::show::site(self.db, site);
        let kind = match site.kind {
            Kind::Declared => "declared",
            Kind::Default => "default",
            Kind::Set => "set",
            Kind::Each => "each",
            Kind::With => "with",
            Kind::Derived => "derived",
        };
        let text_of = |text: &str| Val::new(Data::Text(Arc::from(text)), cx.origin(span));
        let entries: Entries<'db> = [
            ("kind", text_of(kind)),
            ("path", text_of(&path)),
            ("text", text_of(&text)),
        ]
        .into_iter()
        .map(|(name, value)| (Arc::from(name), value))
        .collect();
        Val::new(Data::Map(entries), cx.origin(span))
    }
}
