//! What flows into what by itself, and what is done to the value on the way.

use std::sync::Arc;

use super::{Labels, NodeRef, RecordField, Ty, TypeBody, Word, kind_head, type_def};
use crate::db::{Db, ItemId};

/// What is done to a value as it flows into a wanted type.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Coercion {
    /// Nothing.
    Same,
    /// It is written as text.
    Text,
    /// A text becomes the path of a directory or a file of the package.
    Path,
    /// The declaration's bare name gives one of its outs.
    ImplicitOut(Box<Coercion>),
    /// It becomes a case of a variant.
    Case(ItemId, u32, Box<Coercion>),
    /// It must satisfy a condition.
    Refine(Box<Coercion>, NodeRef),
    /// If it is not `none`.
    Optional(Box<Coercion>),
    /// Each element of a list.
    Each(Box<Coercion>),
    /// Each value of a map.
    Values(Box<Coercion>),
    /// Both ends of a range.
    Ends(Box<Coercion>),
    /// The fields of a record, and those that are not given with their defaults.
    Record(Box<RecordParts>),
    /// The fields of a record become the entries of a map; `none` is left out.
    ToMap(Vec<(Arc<str>, Coercion)>),
}

/// What is done to each field of a record, and the defaults of those that are not given.
pub type RecordParts = (Vec<(Arc<str>, Coercion)>, Vec<(Arc<str>, Option<NodeRef>)>);

impl Coercion {
    /// Is nothing done?
    pub fn is_same(&self) -> bool {
        *self == Self::Same
    }

    fn wrap(self, with: impl FnOnce(Box<Self>) -> Self) -> Self {
        if self.is_same() {
            self
        } else {
            with(Box::new(self))
        }
    }
}

/// Why a value does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Clash {
    /// Its type is another one.
    Type,
    /// It is secret, and the place takes no secrets.
    Secret,
    /// It is known only after apply, and the place wants it now.
    Later,
    /// A record has no such field.
    NoField(Arc<str>),
    /// A record lacks this field.
    Lacks(Arc<str>),
}

/// Converts between types.
#[derive(Clone, Copy)]
pub struct Converter<'db> {
    /// The database.
    pub db: &'db dyn Db,
}

impl Converter<'_> {
    /// What is done to a value of type `from` where `to` is wanted.
    pub fn convert(self, from: &Ty, to: &Ty) -> Result<Coercion, Clash> {
        self.at(from, to, 0)
    }

    fn at(self, from: &Ty, to: &Ty, depth: u32) -> Result<Coercion, Clash> {
        let (labels, inner) = from.split();
        if from == to || inner.is_unknown() || to.is_unknown() || depth > 64 {
            return Ok(Coercion::Same);
        }
        let depth = depth + 1;
        match to {
            Ty::Labelled(taken, wanted) => {
                // What a declaration gives carries labels of its own: it goes through here again.
                if let Ty::Instance(kind) = inner
                    && !matches!(wanted.plain(self.db).1, Ty::Instance(_) | Ty::AnyInstance)
                    && let Some(ty) = crate::check::implicit_out_type(self.db, *kind)
                {
                    return self
                        .at(&ty.labelled(labels), to, depth)
                        .map(|c| Coercion::ImplicitOut(Box::new(c)));
                }
                let left = Labels {
                    secret: labels.secret && !taken.secret,
                    later: labels.later && !taken.later,
                };
                return self.at(&inner.clone().labelled(left), wanted, depth);
            }
            Ty::Named(item) => {
                if *inner == *to {
                    return labels_left(labels);
                }
                if let TypeBody::Alias(alias) = &type_def(self.db, *item).body {
                    return self.at(from, alias, depth);
                }
            }
            Ty::Refined(base, condition) => {
                let coercion = self.at(from, base, depth)?;
                return Ok(Coercion::Refine(Box::new(coercion), *condition));
            }
            Ty::Optional(wanted) => {
                let (more, plain) = inner.plain(self.db);
                let labels = labels.or(more);
                return match plain {
                    Ty::None => Ok(Coercion::Same),
                    Ty::Optional(given) => self
                        .at(&(*given).clone().labelled(labels), wanted, depth)
                        .map(|c| c.wrap(Coercion::Optional)),
                    _ => self.at(from, wanted, depth),
                };
            }
            _ => {}
        }
        let coercion = self.structure(inner, to, labels, depth)?;
        Ok(coercion)
    }

    /// `to` is neither labelled, nor an alias, a refinement, an optional.
    fn structure(self, from: &Ty, to: &Ty, labels: Labels, depth: u32) -> Result<Coercion, Clash> {
        let with = |ty: &Ty| ty.clone().labelled(labels);
        match (from, to) {
            (Ty::Named(item), _) => match &type_def(self.db, *item).body {
                TypeBody::Alias(alias) => return self.at(&with(alias), to, depth),
                TypeBody::Variant(_) if from == to => return labels_left(labels),
                TypeBody::Variant(_) => {}
            },
            (Ty::Refined(base, _), _) => return self.at(&with(base), to, depth),
            (Ty::Labelled(more, inner), _) => {
                return self.at(&(**inner).clone().labelled(labels.or(*more)), to, depth);
            }
            _ => {}
        }
        if let Ty::Named(item) = to {
            return self.implicit_case(&with(from), *item, depth);
        }
        if let Ty::Either(alternatives) = to {
            return first_fit(alternatives.iter().map(|a| self.at(&with(from), a, depth)));
        }
        if let Ty::Either(given) = from {
            // Each of what it may be must fit as it is.
            let all = given
                .iter()
                .all(|g| self.at(&with(g), to, depth).is_ok_and(|c| c.is_same()));
            return if all {
                Ok(Coercion::Same)
            } else {
                Err(Clash::Type)
            };
        }
        if let Some(result) = self.declaration(from, to, labels, depth) {
            return result;
        }
        let coercion = self.plain(from, to, depth)?;
        labels_left(labels)?;
        Ok(coercion)
    }

    fn implicit_case(self, from: &Ty, variant: ItemId, depth: u32) -> Result<Coercion, Clash> {
        let TypeBody::Variant(cases) = &type_def(self.db, variant).body else {
            return Err(Clash::Type);
        };
        first_fit(
            (0u32..)
                .zip(cases)
                .filter(|(_, case)| case.implicit)
                .map(|(index, case)| {
                    let first = case.params.first().ok_or(Clash::Type)?;
                    let inner = self.at(from, &first.ty, depth)?;
                    Ok(Coercion::Case(variant, index, Box::new(inner)))
                }),
        )
    }

    fn declaration(
        self,
        from: &Ty,
        to: &Ty,
        labels: Labels,
        depth: u32,
    ) -> Option<Result<Coercion, Clash>> {
        let Ty::Instance(kind) = from else {
            return None;
        };
        match to {
            Ty::AnyInstance => return Some(labels_left(labels)),
            Ty::Instance(wanted) => {
                let fits = kind == wanted || kind_head(self.db, *kind).parents.contains(wanted);
                return Some(if fits {
                    labels_left(labels)
                } else {
                    Err(Clash::Type)
                });
            }
            _ => {}
        }
        let ty = crate::check::implicit_out_type(self.db, *kind)?;
        Some(
            self.at(&ty.labelled(labels), to, depth)
                .map(|c| Coercion::ImplicitOut(Box::new(c))),
        )
    }

    fn plain(self, from: &Ty, to: &Ty, depth: u32) -> Result<Coercion, Clash> {
        match (from, to) {
            _ if from == to => Ok(Coercion::Same),
            (Ty::Instance(_), Ty::AnyInstance) => Ok(Coercion::Same),
            (Ty::Int | Ty::Word(Word::Number(_)), Ty::Decimal) => Ok(Coercion::Same),
            (Ty::Quantity(dim), Ty::Decimal) if dim.is_none() => Ok(Coercion::Same),
            (Ty::Quantity(a), Ty::Quantity(b)) if a.fits(b) => Ok(Coercion::Same),
            (Ty::Word(Word::Number(_)), Ty::Int) => Ok(Coercion::Same),
            // What is text already is as it is written.
            (Ty::String | Ty::Word(Word::Text(_)), Ty::Text) => Ok(Coercion::Same),
            (Ty::Words(words), Ty::Text) if words.iter().all(is_text) => Ok(Coercion::Same),
            (Ty::Bool | Ty::Int | Ty::Decimal | Ty::Word(_) | Ty::Words(_), Ty::Text) => {
                Ok(Coercion::Text)
            }
            (Ty::Word(Word::Text(_)), Ty::String) => Ok(Coercion::Same),
            (Ty::Words(words), Ty::String) if words.iter().all(is_text) => Ok(Coercion::Same),
            (Ty::Words(words), Ty::Int) if !words.iter().any(is_text) => Ok(Coercion::Same),
            (Ty::Word(word), Ty::Words(words)) if words.contains(word) => Ok(Coercion::Same),
            (Ty::Words(given), Ty::Words(words)) if given.iter().all(|w| words.contains(w)) => {
                Ok(Coercion::Same)
            }
            (Ty::Word(Word::Text(_)) | Ty::String, Ty::Dir | Ty::File) => Ok(Coercion::Path),
            (Ty::Range(a), Ty::Range(b)) => Ok(self.at(a, b, depth)?.wrap(Coercion::Ends)),
            (Ty::List(a), Ty::List(b)) => Ok(self.at(a, b, depth)?.wrap(Coercion::Each)),
            (Ty::Map(a), Ty::Map(b)) => Ok(self.at(a, b, depth)?.wrap(Coercion::Values)),
            (Ty::Record(given), Ty::Record(wanted)) => self.record(given, wanted, depth),
            (Ty::Record(given), Ty::Map(wanted)) => {
                let wanted = (**wanted).clone().optional();
                let fields = given.iter().map(|field| {
                    let coercion = self.at(&field.ty, &wanted, depth)?;
                    Ok((field.name.clone(), coercion))
                });
                Ok(Coercion::ToMap(fields.collect::<Result<_, Clash>>()?))
            }
            (Ty::Fn(given, result), Ty::Fn(wanted, expected)) if given.len() == wanted.len() => {
                // Nothing is done to what goes into a function that is passed on, nor to what comes
                // out: it must fit as it is. Parameters go the other way.
                let inward = wanted.iter().zip(given.iter());
                for (from, to) in inward.chain([(&**result, &**expected)]) {
                    if !self.at(from, to, depth)?.is_same() {
                        return Err(Clash::Type);
                    }
                }
                Ok(Coercion::Same)
            }
            _ => Err(Clash::Type),
        }
    }

    fn record(
        self,
        given: &[RecordField],
        wanted: &[RecordField],
        depth: u32,
    ) -> Result<Coercion, Clash> {
        let unknown = given
            .iter()
            .find(|g| !wanted.iter().any(|w| w.name == g.name));
        if let Some(field) = unknown {
            return Err(Clash::NoField(field.name.clone()));
        }
        let mut fields = Vec::new();
        let mut missing = Vec::new();
        let mut changed = false;
        for field in wanted {
            match given.iter().find(|g| g.name == field.name) {
                Some(g) => {
                    let coercion = self.at(&g.ty, &field.ty, depth)?;
                    changed |= !coercion.is_same();
                    fields.push((field.name.clone(), coercion));
                }
                None if field.default.is_some() => {
                    missing.push((field.name.clone(), field.default));
                }
                None if matches!(field.ty.plain(self.db).1, Ty::Optional(_)) => {
                    missing.push((field.name.clone(), None));
                }
                None => return Err(Clash::Lacks(field.name.clone())),
            }
        }
        Ok(if changed || !missing.is_empty() {
            Coercion::Record(Box::new((fields, missing)))
        } else {
            Coercion::Same
        })
    }
}

fn is_text(word: &Word) -> bool {
    matches!(word, Word::Text(_))
}

fn labels_left(labels: Labels) -> Result<Coercion, Clash> {
    if labels.secret {
        Err(Clash::Secret)
    } else if labels.later {
        Err(Clash::Later)
    } else {
        Ok(Coercion::Same)
    }
}

/// The first that fits; else the clash that says most.
fn first_fit(tries: impl Iterator<Item = Result<Coercion, Clash>>) -> Result<Coercion, Clash> {
    let mut worst = Clash::Type;
    for attempt in tries {
        match attempt {
            Ok(coercion) => return Ok(coercion),
            Err(Clash::Type) => {}
            Err(clash) => worst = clash,
        }
    }
    Err(worst)
}
