//! Values as evaluation holds them: with the declarations they speak of, and who set them.

use std::rc::Rc;
use std::sync::Arc;

use plat_model::{Decimal, SiteKind};

pub use super::entries::Entries;
use super::{Cx, Locals};
use crate::db::ItemId;
use crate::diag::Span;
use crate::ir::{Expr, LocalId, Whole};
use crate::names::DeclRef;
use crate::types::{CaseHead, Labels, Ty};
use crate::units::Dim;

/// A declaration of a world, by its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InstId {
    /// The world.
    pub world: usize,
    /// Which of its declarations.
    pub number: u32,
}

/// Somebody who set a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct SiteKey {
    /// The item whose text it is.
    pub item: ItemId,
    /// Where in it.
    pub span: Span,
    /// What kind of text.
    pub kind: Kind,
}

/// [`SiteKind`], as a query's result can hold it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub enum Kind {
    Declared,
    Default,
    Set,
    Each,
    With,
    Derived,
}

impl From<Kind> for SiteKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Declared => Self::Declared,
            Kind::Default => Self::Default,
            Kind::Set => Self::Set,
            Kind::Each => Self::Each,
            Kind::With => Self::With,
            Kind::Derived => Self::Derived,
        }
    }
}

/// Who set a value, and whom that overrode.
#[derive(Clone, Debug)]
pub struct Origin(pub Rc<Link>);

/// One of a chain.
#[derive(Debug)]
pub struct Link {
    /// Who.
    pub site: SiteKey,
    /// Whom that overrode.
    pub next: Option<Origin>,
}

impl Origin {
    /// Nobody else.
    pub fn new(site: SiteKey) -> Self {
        Self(Rc::new(Link { site, next: None }))
    }

    /// Is it this one and nobody else?
    pub fn is_only(&self, site: &SiteKey) -> bool {
        self.0.next.is_none() && self.0.site == *site
    }

    /// With those overridden behind it.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let next = match &self.0.next {
            Some(next) => next.over(below),
            None => below.clone(),
        };
        Self(Rc::new(Link {
            site: self.0.site,
            next: Some(next),
        }))
    }

    /// The winner first.
    pub fn sites(&self) -> impl Iterator<Item = SiteKey> {
        let chain = std::iter::successors(Some(self), |at| at.0.next.as_ref());
        chain.map(|at| at.0.site)
    }
}

/// A value and who set it.
#[derive(Clone, Debug)]
pub struct Val<'db> {
    /// What it is.
    pub data: Data<'db>,
    /// Who set it.
    pub origin: Origin,
}

/// An out of a declaration that the backends give.
#[derive(Debug, Clone)]
pub struct OutRef {
    /// Whose.
    pub inst: InstId,
    /// Which, with the names below it: `roles.app.url`.
    pub path: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// Its labels.
    pub labels: Labels,
    /// What reading it grants.
    pub grant: Option<Arc<str>>,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum Piece {
    /// As it stands.
    Literal(Arc<str>),
    /// What somebody gives, how it is written, and where it is referred to.
    Hole(Rc<OutRef>, Vec<&'static str>, Origin),
}

/// A function value.
#[derive(Debug)]
pub struct Closure<'db> {
    /// Its parameters.
    pub params: &'db [LocalId],
    /// Its body.
    pub body: &'db Expr,
    /// What surrounds it.
    pub cx: Cx,
    /// The variables around it.
    pub locals: Locals<'db>,
}

/// A number with a dimension.
#[derive(Clone, Debug)]
pub struct Amount {
    /// How many of the dimension's base unit.
    pub number: Decimal,
    /// Its dimension.
    pub dim: Dim,
    /// How it was written.
    pub text: Option<Arc<str>>,
}

/// A family of declarations of a world.
#[derive(Clone, Debug)]
pub struct Family {
    /// The world.
    pub world: usize,
    /// Its text.
    pub decl: DeclRef,
    /// The declaration in whose contents it stands.
    pub owner: Option<InstId>,
}

impl<'db> Data<'db> {
    /// A list.
    pub fn list(values: Vec<Val<'db>>) -> Self {
        Self::List(Rc::new(values))
    }

    /// A whole number.
    pub fn int(number: i128) -> Self {
        Self::Int(number.into())
    }

    /// A number with a dimension.
    pub fn quantity(number: Decimal, dim: Dim, text: Option<Arc<str>>) -> Self {
        Self::Quantity(Rc::new(Amount { number, dim, text }))
    }

    /// A fraction.
    pub fn decimal(number: Decimal) -> Self {
        Self::Decimal(Rc::new(number))
    }
}

/// What a value is. There are very many of them: what is large or rare stands behind a pointer.
#[derive(Clone, Debug)]
pub enum Data<'db> {
    /// Something is wrong and has been reported.
    Poison,
    /// `none`
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(Whole),
    /// A fraction.
    Decimal(Rc<Decimal>),
    /// A number with a dimension.
    Quantity(Rc<Amount>),
    /// Text.
    Text(Arc<str>),
    /// Text with holes.
    Pieces(Rc<[Piece]>),
    /// Both ends.
    Range(Rc<(Val<'db>, Val<'db>)>),
    /// A list.
    List(Rc<Vec<Val<'db>>>),
    /// A record or a map.
    Map(Entries<'db>),
    /// A case of a variant, and its parts.
    Case(&'db CaseHead, Entries<'db>),
    /// A declaration.
    Node(InstId),
    /// A family of declarations of a world.
    Family(Rc<Family>),
    /// What a declaration gives.
    Out(Rc<OutRef>),
    /// A function.
    Closure(Rc<Closure<'db>>),
    /// An environment.
    Env(ItemId),
    /// The environment that a world is.
    Here(usize),
    /// A link of a world, by its number there.
    Link(usize, usize),
    /// A target.
    Target(ItemId, Entries<'db>),
}

impl<'db> Val<'db> {
    /// A value and who set it.
    pub fn new(data: Data<'db>, origin: Origin) -> Self {
        Self { data, origin }
    }

    /// Has something been reported of it?
    pub fn is_poison(&self) -> bool {
        matches!(self.data, Data::Poison)
    }

    /// Is it `none`?
    pub fn is_none(&self) -> bool {
        matches!(self.data, Data::None)
    }

    /// Is the other one this very value, with nothing changed since it was copied?
    pub fn is_copied_to(&self, other: &Self) -> bool {
        let untouched = match (&self.data, &other.data) {
            (Data::Map(a), Data::Map(b)) | (Data::Case(_, a), Data::Case(_, b)) => {
                a.is_same_block(b)
            }
            (Data::Map(_) | Data::Case(..), _) | (_, Data::Map(_) | Data::Case(..)) => false,
            // What has no entries is never changed, only replaced.
            _ => true,
        };
        untouched && Rc::ptr_eq(&self.origin.0, &other.origin.0)
    }

    /// As the text that `Display` of a text gives, where it is plain.
    pub fn text(&self) -> Option<Arc<str>> {
        match &self.data {
            Data::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The value in a new place: what it overrides stands behind who set it, leaf by leaf.
    #[must_use]
    pub fn over(&self, below: &Origin, old: Option<&Self>) -> Self {
        let below = old.map_or(below, |old| &old.origin);
        let origin = self.origin.over(below);
        let child = |name: &str| -> Option<&Val<'db>> {
            match old.map(|o| &o.data) {
                Some(Data::Map(entries) | Data::Case(_, entries)) => entries.get(name),
                _ => None,
            }
        };
        let lift = |entries: &Entries<'db>| -> Entries<'db> {
            entries
                .iter()
                .map(|(name, value)| (name.clone(), value.over(below, child(name))))
                .collect()
        };
        let data = match &self.data {
            // A kind's default is the whole field's: it says nothing of what is inside.
            data if old.is_none() && below.0.site.kind == Kind::Default => data.clone(),
            Data::Map(entries) => Data::Map(lift(entries)),
            Data::Case(case, parts) => Data::Case(case, lift(parts)),
            other => other.clone(),
        };
        Self { data, origin }
    }
}
