//! Conversions, texts with holes, conditions of types.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::value::{Kind, Piece};
use super::{CellKey, Cx, Data, Eval, Pattern, Val};
use crate::data::package_path;
use crate::db::package_info;
use crate::diag::{Diag, Span};
use crate::ir::Condition;
use crate::types::{Coercion, KindHead, NodeRef};

/// The longest text that may be made.
const MAX_TEXT: usize = 16 * 1024 * 1024;

impl<'db> Eval<'db> {
    /// A value as it flows into what is wanted.
    pub fn coerce(
        &mut self,
        value: Val<'db>,
        coercion: &Coercion,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        if value.is_poison() {
            return value;
        }
        let origin = value.origin.clone();
        match coercion {
            Coercion::Same => value,
            Coercion::Text => self.as_text(value),
            Coercion::Path => self.as_path(value, cx, span),
            Coercion::ImplicitOut(inner) => {
                let value = match value.data {
                    Data::Node(inst) => self.implicit_out(inst, cx, span),
                    _ => value,
                };
                self.coerce(value, inner, cx, span)
            }
            Coercion::Case(ty, index, inner) => {
                let value = self.coerce(value, inner, cx, span);
                if value.is_poison() {
                    return value;
                }
                let made = self.make_case(*ty, *index, vec![Some(value)], cx, span);
                Val::new(made.data, origin)
            }
            Coercion::Refine(inner, at) => {
                let value = self.coerce(value, inner, cx, span);
                if self.satisfies(&value, *at, cx, span) {
                    value
                } else {
                    Self::poison(cx, span)
                }
            }
            Coercion::Optional(inner) => {
                if value.is_none() {
                    value
                } else {
                    self.coerce(value, inner, cx, span)
                }
            }
            Coercion::Each(inner) => match value.data {
                Data::List(values) => {
                    let values = values
                        .iter()
                        .map(|v| self.coerce(v.clone(), inner, cx, span))
                        .collect();
                    Val::new(Data::list(values), origin)
                }
                _ => value,
            },
            Coercion::Values(inner) => match value.data {
                Data::Map(entries) => {
                    let entries = entries
                        .iter()
                        .map(|(k, v)| (k.clone(), self.coerce(v.clone(), inner, cx, span)))
                        .collect();
                    Val::new(Data::Map(entries), origin)
                }
                _ => value,
            },
            Coercion::Ends(inner) => match value.data {
                Data::Range(ends) => {
                    let low = self.coerce(ends.0.clone(), inner, cx, span);
                    let high = self.coerce(ends.1.clone(), inner, cx, span);
                    Val::new(Data::Range(Rc::new((low, high))), origin)
                }
                _ => value,
            },
            Coercion::Record(parts) => {
                let (fields, missing) = &**parts;
                let Data::Map(entries) = &value.data else {
                    return value;
                };
                let mut out = Vec::new();
                for (name, inner) in fields {
                    if let Some(v) = entries.get(name) {
                        out.push((name.clone(), self.coerce(v.clone(), inner, cx, span)));
                    }
                }
                for (name, default) in missing {
                    let v = match default {
                        Some(at) => self.default_at(*at, cx, span),
                        None => Val::new(Data::None, cx.origin(span)),
                    };
                    out.push((name.clone(), v));
                }
                Val::new(Data::Map(out.into_iter().collect()), origin)
            }
            Coercion::ToMap(fields) => {
                let Data::Map(entries) = &value.data else {
                    return value;
                };
                let mut out = Vec::new();
                for (name, inner) in fields {
                    if let Some(v) = entries.get(name)
                        && !v.is_none()
                    {
                        out.push((name.clone(), self.coerce(v.clone(), inner, cx, span)));
                    }
                }
                Val::new(Data::Map(out.into_iter().collect()), origin)
            }
        }
    }

    fn implicit_out(&mut self, inst: super::InstId, cx: &Cx, span: Span) -> Val<'db> {
        let name = self
            .head_of(inst)
            .and_then(KindHead::implicit_out)
            .map(|out| out.name.clone());
        match name {
            Some(name) => self.read(cx, span, inst, &name),
            None => Self::poison(cx, span),
        }
    }

    fn as_text(&mut self, value: Val<'db>) -> Val<'db> {
        let text = match &value.data {
            Data::Int(n) => n.to_string(),
            Data::Decimal(n) => n.to_string(),
            Data::Bool(b) => b.to_string(),
            _ => return value,
        };
        Val::new(Data::Text(text.into()), value.origin)
    }

    /// Adds a value to the pieces of a text; `false` where something is wrong with it.
    pub(crate) fn pieces_of(&mut self, value: &Val<'db>, pieces: &mut Vec<Piece>) -> bool {
        match &value.data {
            Data::Poison => return false,
            Data::Text(text) => pieces.push(Piece::Literal(text.clone())),
            Data::Pieces(more) => pieces.extend(more.iter().cloned()),
            Data::Out(out) => {
                pieces.push(Piece::Hole(out.clone(), Vec::new(), value.origin.clone()));
            }
            _ => pieces.push(Piece::Literal(self.show_plain(value).into())),
        }
        true
    }

    /// The text of pieces: plain if it has no holes.
    pub(crate) fn text_of(&mut self, pieces: Vec<Piece>, cx: &Cx, span: Span) -> Val<'db> {
        let mut joined: Vec<Piece> = Vec::new();
        let mut length = 0usize;
        let mut run = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => {
                    length = length.saturating_add(text.len());
                    if length > MAX_TEXT {
                        let message = "this text is longer than 16 MiB";
                        self.error(cx, Diag::error("E0504", self.spot(cx, span), message));
                        return Self::poison(cx, span);
                    }
                    run.push_str(&text);
                }
                hole => {
                    if !run.is_empty() {
                        joined.push(Piece::Literal(std::mem::take(&mut run).into()));
                    }
                    joined.push(hole);
                }
            }
        }
        if !self.make(cx, span, length / 64 + joined.len()) {
            return Self::poison(cx, span);
        }
        let data = if joined.is_empty() {
            Data::Text(run.into())
        } else {
            if !run.is_empty() {
                joined.push(Piece::Literal(run.into()));
            }
            Data::Pieces(joined.into())
        };
        self.made(data, cx, span)
    }

    /// A path in the package: from its root, whichever file says it.
    fn as_path(&mut self, value: Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let Some(text) = value.text() else {
            self.not_known(&value, cx, span, "a path of the package");
            return Self::poison(cx, span);
        };
        // A path is read from the file that wrote it, however far it has come since.
        let written = value.origin.0.site.item.file(self.db);
        match package_path(self.db, written, &text) {
            Ok(path) => {
                if let Some(info) = package_info(self.db, written.package(self.db))
                    && !exists(&info.listing, &path)
                {
                    let message = format!("there is no `{text}` in the package");
                    let file = written.path(self.db);
                    let diag = Diag::error("E0510", self.spot(cx, span), message)
                        .note(format!("looked for `{path}`, as `{file}` says `{text}`"));
                    self.error(cx, diag);
                    return Self::poison(cx, span);
                }
                let root =
                    package_info(self.db, written.package(self.db)).map_or("", |i| i.root.as_ref());
                let full = match (root, path.as_str()) {
                    ("", "") => ".".to_owned(),
                    ("", path) => path.to_owned(),
                    (root, "") => root.to_owned(),
                    (root, path) => format!("{root}/{path}"),
                };
                Val::new(Data::Text(full.into()), value.origin)
            }
            Err(()) => {
                let message = format!("`{text}` leads out of the package");
                let diag = Diag::error("E0510", self.spot(cx, span), message)
                    .help("paths are inside of the package, so that it can be built anywhere");
                self.error(cx, diag);
                Self::poison(cx, span)
            }
        }
    }

    /// Does a value satisfy the condition of a type? What is not known yet does.
    fn satisfies(&mut self, value: &Val<'db>, at: NodeRef, cx: &Cx, span: Span) -> bool {
        if matches!(value.data, Data::Out(_) | Data::Pieces(_) | Data::None) {
            return true;
        }
        if value.is_poison() {
            return false;
        }
        let Some(condition) = self.condition_at(at) else {
            return true;
        };
        let inner = Cx {
            world: cx.world,
            item: at.item,
            inst: None,
            kind: Kind::Default,
        };
        // What a condition compares with is the same for all values.
        let key = CellKey::Condition(at.item, at.node);
        let holds = match condition {
            Condition::Unknown => return true,
            Condition::Range(range) => {
                let range = self.cell(&inner, range.span, key, |this| {
                    this.eval(range, &inner, &None)
                });
                self.within(value, &range, cx, span)
            }
            Condition::Function(function) => {
                let function = self.cell(&inner, function.span, key, |this| {
                    this.eval(function, &inner, &None)
                });
                let result = self.apply(&function, vec![value.clone()], cx, span);
                match result.data {
                    Data::Bool(b) => Some(b),
                    _ => None,
                }
            }
            // That it is a pattern was checked.
            Condition::Matches(pattern) => value
                .text()
                .and_then(|text| self.matches_whole(pattern, &text).ok()),
        };
        match holds {
            Some(true) => true,
            Some(false) => {
                let wanted = match condition {
                    Condition::Range(range) => {
                        let range = self.eval(range, &inner, &None);
                        format!("it must lie within {}", self.show(&range))
                    }
                    Condition::Matches(pattern) => {
                        self.what_it_is(at, format!("it must match `{pattern}`"))
                    }
                    Condition::Function(_) | Condition::Unknown => {
                        let text = self.source(at.item, condition_span(condition));
                        self.what_it_is(at, format!("`{text}` must be true of it"))
                    }
                };
                let shown = self.show(value);
                let (message, wanted) = match self.condition_name(at) {
                    Some(name) => (format!("{shown} is no `{name}`"), Some(wanted)),
                    None => (format!("{shown} is refused here: {wanted}"), None),
                };
                // The value may have been written elsewhere.
                let site = value.origin.0.site;
                let here = self.spot(cx, span);
                let mut diag = Diag::error("E0511", here, message);
                if let Some(wanted) = wanted {
                    diag = diag.note(wanted);
                }
                let written = crate::diag::Spot {
                    item: site.item,
                    range: site.span,
                };
                if written != here {
                    diag = diag.related(written, "the value comes from here");
                }
                self.error(cx, diag);
                false
            }
            None => false,
        }
    }

    /// What a pattern or a function is for is better said by the documentation of its type.
    fn what_it_is(&self, at: NodeRef, otherwise: String) -> String {
        let tree = crate::db::tree(self.db, at.item).as_ref();
        let docs = tree.filter(|_| self.condition_name(at).is_some());
        let docs = docs.and_then(|tree| tree.item().docs());
        let first = docs.and_then(|docs| docs.lines().next().map(str::to_owned));
        first.unwrap_or(otherwise)
    }

    /// Does a pattern match a text as a whole? Each pattern is read once.
    ///
    /// # Errors
    /// It is no pattern, and why.
    pub(crate) fn matches_whole(&mut self, pattern: &str, text: &str) -> Result<bool, String> {
        if let Some(known) = self.patterns.get_mut(pattern) {
            return Ok(known.is_match(text));
        }
        let regex = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
        let mut read = Pattern {
            regex: regex.map_err(|problem| problem.to_string())?,
            said: FxHashMap::default(),
        };
        let holds = read.is_match(text);
        self.patterns.insert(Arc::from(pattern), read);
        Ok(holds)
    }

    /// The name of the type whose condition it is, if it has one: `Port`.
    fn condition_name(&self, at: NodeRef) -> Option<String> {
        let is_type = at.item.space(self.db) == crate::db::Space::Type;
        (is_type && is_alias(self.db, at)).then(|| at.item.name(self.db).to_string())
    }

    /// The text of an expression.
    pub(super) fn source(&self, item: crate::db::ItemId, span: Span) -> String {
        let tree = crate::db::tree(self.db, item).as_ref();
        tree.map_or_else(String::new, |t| {
            plat_syntax::TextRange::from(span)
                .slice(t.text())
                .to_owned()
        })
    }
}

fn is_alias(db: &dyn crate::db::Db, at: NodeRef) -> bool {
    matches!(
        &crate::types::type_def(db, at.item).body,
        crate::types::TypeBody::Alias(crate::types::Ty::Refined(_, node)) if *node == at
    )
}

fn condition_span(condition: &Condition) -> Span {
    match condition {
        Condition::Range(e) | Condition::Function(e) => e.span,
        _ => Span { start: 0, end: 0 },
    }
}

/// Is it a file of the package, or a directory with one?
fn exists(listing: &[String], path: &str) -> bool {
    if path.is_empty() {
        return true;
    }
    // The listing is sorted, so what lies in a directory stands together.
    let dir = format!("{path}/");
    let at = |wanted: &str| listing.get(listing.partition_point(|file| file.as_str() < wanted));
    at(path).is_some_and(|file| file == path) || at(&dir).is_some_and(|file| file.starts_with(&dir))
}
