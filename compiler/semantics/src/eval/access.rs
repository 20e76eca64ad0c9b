//! What is inside of values: fields, keys, and changes of them.

use std::rc::Rc;
use std::sync::Arc;

use super::value::OutRef;
use super::{Cx, Data, Entries, Eval, Val, bind};
use crate::check::lower;
use crate::db::ItemId;
use crate::diag::{Diag, Span};
use crate::types::Ty;

impl<'db> Eval<'db> {
    /// A field of a value.
    pub fn field_of(&mut self, base: &Val<'db>, name: &Arc<str>, cx: &Cx, span: Span) -> Val<'db> {
        let origin = || cx.origin(span);
        match &base.data {
            Data::Map(entries) => match entries.get(name) {
                Some(value) => value.clone(),
                None => self.no_key(entries.keys(), name, cx, span),
            },
            Data::Case(_, parts) => match parts.get(name) {
                Some(value) => value.clone(),
                None => Self::poison(cx, span),
            },
            Data::Range(ends) => match name.as_ref() {
                "min" => ends.0.clone(),
                _ => ends.1.clone(),
            },
            Data::Node(inst) => match name.as_ref() {
                "kind" if !self.has_field(*inst, name) => {
                    let kind = self.kind_of(*inst);
                    let text = kind.map_or_else(|| Arc::from(""), |k| k.name(self.db).clone());
                    Val::new(Data::Text(text), origin())
                }
                _ => self.read(cx, span, *inst, name),
            },
            Data::Here(world) => {
                let name = self.world(*world).map_or("", |w| w.name.as_str());
                Val::new(Data::Text(Arc::from(name)), origin())
            }
            Data::Env(item) => Val::new(Data::Text(item.name(self.db).clone()), origin()),
            Data::Out(out) => self.below_out(out, name, cx, span),
            Data::Link(world, index) => self.link_field(*world, *index, name, cx, span),
            _ => Self::poison(cx, span),
        }
    }

    pub(super) fn has_field(&self, inst: super::InstId, name: &str) -> bool {
        self.head_of(inst)
            .is_some_and(|head| head.out(name).is_some() || head.field(name).is_some())
    }

    pub(super) fn no_key<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a Arc<str>>,
        name: &str,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let spot = self.spot(cx, span);
        let keys: Vec<String> = keys.map(ToString::to_string).collect();
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut diag = Diag::error("E0503", spot, format!("there is no `{name}` here"));
        if let Some(near) = crate::suggest::nearest(name, names.iter().copied()) {
            diag = diag.help(format!("did you mean `{near}`?"));
            if let Some(written) = last_step(span, name) {
                let place = crate::diag::Spot {
                    range: written,
                    ..spot
                };
                diag = diag.fix(format!("write `{near}`"), place, near);
            }
        } else if !names.is_empty() {
            let list: Vec<String> = names.iter().take(12).map(|n| format!("`{n}`")).collect();
            diag = diag.note(format!("there is {}", list.join(", ")));
        }
        self.error(cx, diag);
        Self::poison(cx, span)
    }

    /// A name below an out: `db.roles.app`, `web.ports.http`.
    pub(super) fn below_out(
        &mut self,
        out: &Rc<OutRef>,
        name: &Arc<str>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let (labels, plain) = out.ty.plain(self.db);
        let below = match &plain {
            Ty::Map(inner) => {
                if !self.key_is_declared(out, name, cx, span) {
                    return Self::poison(cx, span);
                }
                Some(((**inner).clone(), None))
            }
            Ty::Record(fields) => fields
                .iter()
                .find(|f| f.name == *name)
                .map(|f| (f.ty.clone(), f.grants.clone())),
            _ => None,
        };
        let Some((ty, grants)) = below else {
            return Self::poison(cx, span);
        };
        // `grants key` is the permission that the key of the map names.
        let by_key = out.grant.as_deref() == Some("key") && matches!(plain, Ty::Map(_));
        let grant = if by_key {
            Some(name.clone())
        } else {
            grants.or_else(|| out.grant.clone())
        };
        let labels = labels.or(out.labels).or(ty.plain(self.db).0);
        let out = OutRef {
            inst: out.inst,
            path: Arc::from(format!("{}.{name}", out.path)),
            ty,
            labels,
            grant,
        };
        self.made(Data::Out(Rc::new(out)), cx, span)
    }

    /// An out that is a map has the keys of the input of its name.
    pub(super) fn key_is_declared(
        &mut self,
        out: &Rc<OutRef>,
        name: &str,
        cx: &Cx,
        span: Span,
    ) -> bool {
        let Some(head) = self.head_of(out.inst) else {
            return true;
        };
        if head.field(&out.path).is_none() {
            return true;
        }
        let input = self.field(cx, span, out.inst, &out.path);
        match &input.data {
            Data::Map(entries) if !entries.contains_key(name) => {
                self.no_key(entries.keys(), name, cx, span);
                false
            }
            _ => true,
        }
    }

    pub(super) fn member(
        &mut self,
        base: Val<'db>,
        ty: ItemId,
        name: &Arc<str>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        if base.is_poison() {
            return base;
        }
        let inner = Cx {
            world: cx.world,
            item: ty,
            inst: None,
            kind: cx.kind,
        };
        match lower(self.db, ty).lets.get(name) {
            // `self` is the first variable of a type.
            Some(value) => self.eval(&value.expr, &inner, &bind(&None, 0, base)),
            None => Self::poison(cx, span),
        }
    }

    pub(super) fn index(
        &mut self,
        base: &Val<'db>,
        key: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        match (&base.data, &key.data) {
            (Data::Poison, _) | (_, Data::Poison) => Self::poison(cx, span),
            (Data::List(values), Data::Int(n)) => {
                let found = usize::try_from(n.get()).ok().and_then(|i| values.get(i));
                match found {
                    Some(value) => value.clone(),
                    None => {
                        let message =
                            format!("the list has {} elements, and no number {n}", values.len());
                        let diag = Diag::error("E0503", self.spot(cx, span), message)
                            .help("elements are numbered from 0");
                        self.error(cx, diag);
                        Self::poison(cx, span)
                    }
                }
            }
            (Data::Map(_) | Data::Out(_), Data::Text(name)) => self.field_of(base, name, cx, span),
            (Data::Family(family), Data::Text(name)) => {
                let members = self.members(family.world, family.owner, family.decl);
                match members.by_key.get(name) {
                    Some(inst) => Val::new(Data::Node(*inst), cx.origin(span)),
                    None => self.no_key(members.by_key.keys(), name, cx, span),
                }
            }
            _ => {
                self.not_known(key, cx, span, "a key");
                Self::poison(cx, span)
            }
        }
    }

    /// The value with the one at a path below it replaced; where `takes_out`, a `none` takes the
    /// entry there out. What nobody else holds is changed in place, so that a long chain of
    /// changes costs no more than its changes.
    pub(super) fn update(
        &mut self,
        mut value: Val<'db>,
        path: &[Arc<str>],
        new: Val<'db>,
        takes_out: bool,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Some((name, rest)) = path.split_first() else {
            return new.over(&value.origin, Some(&value));
        };
        match &mut value.data {
            Data::Poison => {}
            Data::Map(entries) => {
                if !self.replace(entries, name, rest, new, takes_out, cx, span) {
                    return Self::poison(cx, span);
                }
            }
            Data::Case(_, parts) if parts.contains_key(name) => {
                if !self.replace(parts, name, rest, new, takes_out, cx, span) {
                    return Self::poison(cx, span);
                }
            }
            Data::Case(_, parts) if looked_through(parts) => {
                let key = parts.keys().next().cloned();
                if let Some(part) = key.and_then(|key| parts.get_mut(&key)) {
                    let inner = std::mem::replace(part, Val::new(Data::None, cx.origin(span)));
                    *part = self.update(inner, path, new, takes_out, cx, span);
                }
            }
            _ => {
                let shown = self.show(&value);
                let message = format!("what is there is `{shown}`, which has no `{name}`");
                let diag =
                    Diag::error("E0509", self.spot(cx, span), message).help("set the whole value");
                self.error(cx, diag);
                return Self::poison(cx, span);
            }
        }
        value
    }

    /// Changes one of the entries of a value; `false` once too much is made.
    #[expect(
        clippy::too_many_arguments,
        reason = "those of `update`, and the entries"
    )]
    fn replace(
        &mut self,
        entries: &mut Entries<'db>,
        name: &Arc<str>,
        rest: &[Arc<str>],
        new: Val<'db>,
        takes_out: bool,
        cx: &Cx,
        span: Span,
    ) -> bool {
        // A copy of what others still hold is as much work as making it.
        if entries.is_shared() && !self.make(cx, span, entries.len()) {
            return false;
        }
        let old = entries
            .get_mut(name)
            .map(|old| std::mem::replace(old, Val::new(Data::None, cx.origin(span))));
        let next = match old {
            Some(old) => self.update(old, rest, new, takes_out, cx, span),
            None if rest.is_empty() => new,
            None => {
                let empty = Val::new(Data::Map(Entries::default()), cx.origin(span));
                self.update(empty, rest, new, takes_out, cx, span)
            }
        };
        if next.is_none() && takes_out && rest.is_empty() {
            entries.remove(name);
        } else {
            entries.insert(name.clone(), next);
        }
        true
    }
}

/// Is it an implicit case of a record, whose fields are reached without its name?
fn looked_through(parts: &Entries<'_>) -> bool {
    let mut values = parts.values();
    let first = values.next();
    values.next().is_none() && first.is_some_and(|value| matches!(value.data, Data::Map(_)))
}

/// The place of a name that an access ends with. `None` where the place is not one of an access
/// that is as long.
fn last_step(span: Span, name: &str) -> Option<Span> {
    let length = u32::try_from(name.len()).ok()?;
    let start = span.end.checked_sub(length)?;
    (start > span.start).then_some(Span {
        start,
        end: span.end,
    })
}
