//! The type of what may be one thing or another: list elements, the arms of a choice.

use std::sync::Arc;

use super::{RecordField, Ty, Word};
use crate::db::Db;

/// The smallest type that both fit into; `None` where there is none.
pub fn join(db: &dyn Db, a: &Ty, b: &Ty) -> Option<Ty> {
    if a == b || b.is_unknown() {
        return Some(a.clone());
    }
    if a.is_unknown() {
        return Some(b.clone());
    }
    let (la, pa) = a.split();
    let (lb, pb) = b.split();
    let labels = la.or(lb);
    if !labels.is_none() {
        return join(db, pa, pb).map(|ty| ty.labelled(labels));
    }
    match (a, b) {
        (Ty::None, other) | (other, Ty::None) => return Some(other.clone().optional()),
        (Ty::Optional(x), Ty::Optional(y)) => return join(db, x, y).map(Ty::optional),
        (Ty::Optional(x), y) | (y, Ty::Optional(x)) => return join(db, x, y).map(Ty::optional),
        _ => {}
    }
    let (x, y) = (a.plain(db).1, b.plain(db).1);
    Some(match (&x, &y) {
        _ if x == y => x,
        (Ty::Word(_) | Ty::Words(_), Ty::Word(_) | Ty::Words(_)) => {
            let mut words: Vec<Word> = words(&x).chain(words(&y)).cloned().collect();
            words.sort();
            words.dedup();
            Ty::Words(words.into())
        }
        (Ty::String, Ty::Word(Word::Text(_)) | Ty::Words(_)) => x,
        (Ty::Word(Word::Text(_)) | Ty::Words(_), Ty::String) => y,
        (Ty::Int, Ty::Decimal) | (Ty::Decimal, Ty::Int) => Ty::Decimal,
        (Ty::List(p), Ty::List(q)) => Ty::List(Arc::new(join(db, p, q)?)),
        (Ty::Map(p), Ty::Map(q)) => Ty::Map(Arc::new(join(db, p, q)?)),
        (Ty::Range(p), Ty::Range(q)) => Ty::Range(Arc::new(join(db, p, q)?)),
        (Ty::Record(p), Ty::Record(q)) => records(db, p, q)?,
        (Ty::Instance(k), Ty::Instance(l)) => {
            let (k, l) = (super::kind_head(db, *k), super::kind_head(db, *l));
            match k.parents.iter().find(|p| l.parents.contains(p)) {
                Some(common) => Ty::Instance(*common),
                None => Ty::AnyInstance,
            }
        }
        (Ty::Instance(_), Ty::AnyInstance) | (Ty::AnyInstance, Ty::Instance(_)) => Ty::AnyInstance,
        _ => return None,
    })
}

fn words(ty: &Ty) -> impl Iterator<Item = &Word> {
    match ty {
        Ty::Word(word) => std::slice::from_ref(word).iter(),
        Ty::Words(words) => words.iter(),
        _ => [].iter(),
    }
}

/// A field that only one of them has is optional.
fn records(db: &dyn Db, a: &[RecordField], b: &[RecordField]) -> Option<Ty> {
    let mut fields: Vec<RecordField> = Vec::new();
    for field in a {
        let ty = match b.iter().find(|f| f.name == field.name) {
            Some(other) => join(db, &field.ty, &other.ty)?,
            None => field.ty.clone().optional(),
        };
        fields.push(RecordField {
            ty,
            ..field.clone()
        });
    }
    for field in b {
        if !a.iter().any(|f| f.name == field.name) {
            let ty = field.ty.clone().optional();
            fields.push(RecordField {
                ty,
                ..field.clone()
            });
        }
    }
    Some(Ty::Record(fields.into()))
}
