//! `{ … }`, `kubernetes { … }` and `with`.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast::{self, Segment};

use super::access::Below;
use super::{Checker, is_target};
use crate::db::{ItemId, Space};
use crate::diag::{Cause, Diag};
use crate::ir::{Assign, Expr, ExprKind, Step};
use crate::names::path_names;
use crate::types::{Converter, FieldHead, RecordField, Ty, TypeBody, kind_head, type_def};

impl<'db> Checker<'db> {
    pub(super) fn record(&mut self, record: ast::Record<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        if let Some(hint) = hint {
            self.note_entries(record, hint);
        }
        match hint.and_then(|h| self.brace_hint(h)) {
            Some(BraceHint::Map(value)) => self.map_literal(record, &value),
            Some(BraceHint::Record(fields)) => self.record_literal(record, &fields),
            Some(BraceHint::Case(variant, index, inner)) => {
                let span = record.node().range().into();
                let (kind, found) = self.record(record, Some(&inner));
                let value = self.coerce(Expr { kind, span }, &found, &inner);
                let count = match &type_def(self.db, variant).body {
                    TypeBody::Variant(cases) => {
                        cases.get(index as usize).map_or(0, |c| c.params.len())
                    }
                    TypeBody::Alias(_) => 0,
                };
                let mut parts: Vec<Option<Expr>> = vec![None; count];
                if let Some(first) = parts.first_mut() {
                    *first = Some(value);
                }
                (ExprKind::Case(variant, index, parts), Ty::Named(variant))
            }
            None if hint.is_some_and(Ty::is_unknown) => {
                for entry in record.entries() {
                    self.infer_unwanted(entry.value());
                }
                (ExprKind::Poison, Ty::Unknown)
            }
            None => self.free_record(record),
        }
    }

    /// What a `{ … }` becomes where a type is wanted.
    fn brace_hint(&self, hint: &Ty) -> Option<BraceHint> {
        let (_, plain) = hint.without_none(self.db).plain(self.db);
        match plain {
            Ty::Map(value) => Some(BraceHint::Map((*value).clone())),
            Ty::Record(fields) => Some(BraceHint::Record(fields)),
            Ty::Optional(inner) => self.brace_hint(&inner),
            Ty::Either(types) => types.iter().find_map(|ty| self.brace_hint(ty)),
            Ty::Named(item) => {
                let TypeBody::Variant(cases) = &type_def(self.db, item).body else {
                    return None;
                };
                (0u32..)
                    .zip(cases)
                    .filter(|(_, c)| c.implicit)
                    .find_map(|(index, case)| {
                        let first = case.params.first()?;
                        self.brace_hint(&first.ty)?;
                        Some(BraceHint::Case(item, index, first.ty.clone()))
                    })
            }
            _ => None,
        }
    }

    fn map_literal(&mut self, record: ast::Record<'db>, value: &Ty) -> (ExprKind, Ty) {
        let entry_ty = value.clone().optional();
        let mut entries: Vec<(Step, Expr)> = Vec::new();
        let mut seen: BTreeMap<Arc<str>, Node<'db>> = BTreeMap::new();
        for entry in record.entries() {
            let Some(key) = self.entry_key(entry) else {
                self.infer_opt(entry.value(), Some(&entry_ty));
                continue;
            };
            let shown = step_text(&key);
            if let Step::Name(name) = &key {
                self.note_key(&mut seen, name, entry.node());
            }
            let purpose = format!("the entry `{shown}`");
            let value = self.for_purpose(purpose, |c| {
                let (found, ty) = c.infer_opt(entry.value(), Some(&entry_ty));
                // That `none` is left out is no part of what is wanted.
                let fits = (Converter { db: c.db }).convert(&ty, &entry_ty).is_ok();
                c.coerce(found, &ty, if fits { &entry_ty } else { value })
            });
            entries.push((key, value));
        }
        (
            ExprKind::Record(entries, true),
            Ty::Map(Arc::new(value.clone())),
        )
    }

    fn record_literal(
        &mut self,
        record: ast::Record<'db>,
        fields: &Arc<[RecordField]>,
    ) -> (ExprKind, Ty) {
        let mut entries: Vec<(Step, Expr)> = Vec::new();
        let mut given: Vec<RecordField> = Vec::new();
        let mut seen: BTreeMap<Arc<str>, Node<'db>> = BTreeMap::new();
        for entry in record.entries() {
            let Some(Step::Name(name)) = self.entry_key(entry) else {
                self.infer_unwanted(entry.value());
                continue;
            };
            self.note_key(&mut seen, &name, entry.node());
            let Some(field) = fields.iter().find(|f| f.name == name) else {
                let names: Vec<&str> = fields.iter().map(|f| f.name.as_ref()).collect();
                let node = entry.path().map_or(entry.node(), |p| p.node());
                let spot = self.spot(node);
                let diag = Diag::error("E0207", spot, format!("there is no field `{name}` here"))
                    .suggest(&name, spot, &names);
                self.diags.push(diag);
                self.infer_unwanted(entry.value());
                continue;
            };
            let purpose = format!("the field `{name}`");
            let value = self.for_purpose(purpose, |c| c.check(entry.value(), &field.ty));
            entries.push((Step::Name(name.clone()), value));
            given.push(RecordField {
                name,
                ty: field.ty.clone(),
                default: None,
                grants: None,
            });
        }
        // What is missing is seen, and filled in, by the conversion to the wanted type.
        (ExprKind::Record(entries, false), Ty::Record(given.into()))
    }

    fn free_record(&mut self, record: ast::Record<'db>) -> (ExprKind, Ty) {
        let mut entries: Vec<(Step, Expr)> = Vec::new();
        let mut fields: Vec<RecordField> = Vec::new();
        let mut seen: BTreeMap<Arc<str>, Node<'db>> = BTreeMap::new();
        for entry in record.entries() {
            let key = self.entry_key(entry);
            let (value, ty) = self.infer_opt(entry.value(), None);
            match key {
                Some(Step::Name(name)) => {
                    self.note_key(&mut seen, &name, entry.node());
                    fields.push(RecordField {
                        name: name.clone(),
                        ty,
                        default: None,
                        grants: None,
                    });
                    entries.push((Step::Name(name), value));
                }
                Some(Step::Key(_)) => {
                    let message = "a record's fields have names that are known here: a computed key needs a Map";
                    self.error("E0315", entry.node(), message);
                }
                None => {}
            }
        }
        (ExprKind::Record(entries, false), Ty::Record(fields.into()))
    }

    fn note_key(
        &mut self,
        seen: &mut BTreeMap<Arc<str>, Node<'db>>,
        name: &Arc<str>,
        node: Node<'db>,
    ) {
        if let Some(first) = seen.insert(name.clone(), node) {
            let first = self.spot(first);
            let spot = self.spot(node);
            let diag = Diag::error("E0209", spot, format!("`{name}` is given twice"))
                .related(first, "first here");
            self.diags.push(diag);
        }
    }

    /// The key of an entry that has one step.
    fn entry_key(&mut self, entry: ast::Entry<'db>) -> Option<Step> {
        let path = entry.path()?;
        let mut segments = path.segments();
        let first = segments.next()?;
        if segments.next().is_some() {
            let message = "a path of several steps is for `with`, `set` and `place`";
            self.error("E0315", path.node(), message);
            return None;
        }
        Some(self.step(first))
    }

    /// A step of a path.
    pub(super) fn step(&mut self, segment: Segment<'db>) -> Step {
        match segment {
            Segment::Name(name) => Step::Name(Arc::from(name.text())),
            Segment::Text(text) => match text.plain() {
                Some(plain) => Step::Name(plain.into()),
                None => {
                    let span = text.node().range().into();
                    let (kind, ty) = self.text(text);
                    let value = Expr { kind, span };
                    let purpose = "a key".to_owned();
                    Step::Key(Box::new(
                        self.for_purpose(purpose, |c| c.coerce(value, &ty, &Ty::String)),
                    ))
                }
            },
            Segment::Index(expr) => match expr {
                ast::Expr::StringLit(text) if text.plain().is_some() => {
                    Step::Name(text.plain().unwrap_or_default().into())
                }
                _ => {
                    let purpose = "a key".to_owned();
                    Step::Key(Box::new(
                        self.for_purpose(purpose, |c| c.check(Some(expr), &Ty::String)),
                    ))
                }
            },
        }
    }

    pub(super) fn construct(&mut self, construct: ast::Construct<'db>) -> (ExprKind, Ty) {
        let poison = (ExprKind::Poison, Ty::Unknown);
        let Some(path) = construct.path() else {
            return poison;
        };
        let names = path_names(Some(path));
        let text = names.join(".");
        if let Some(kind) = self.names.kind(&names) {
            self.note_kind(path, kind);
            if !is_target(self.db, kind) {
                let message = format!("`{text} {{ … }}` is a declaration, not a value");
                self.error("E0317", construct.node(), message);
                return poison;
            }
            return self.target(kind, construct);
        }
        if let Some(crate::names::TypeEntry::Item(item)) = self.names.ty(&names) {
            let ty = Ty::Named(item);
            self.note_kind(path, item);
            if let (Some(record), Ty::Record(_)) = (construct.record(), ty.plain(self.db).1) {
                let span = record.node().range().into();
                let (kind, found) = self.record(record, Some(&ty));
                let value = self.coerce(Expr { kind, span }, &found, &ty);
                return (value.kind, ty);
            }
        }
        let spot = self.spot(path.node());
        let kinds: Vec<&str> = self
            .names
            .like(Space::Kind, &text)
            .into_iter()
            .filter(|k| {
                let kind = self.names.kind_named(k);
                kind.is_some_and(|k| is_target(self.db, k) && !kind_head(self.db, k).abstract_)
            })
            .collect();
        let diag = Diag::error("E0601", spot, format!("there is no target `{text}`"))
            .suggest(&text, spot, &kinds)
            .note(format!("targets are {}", kinds.join(", ")));
        self.diags.push(diag);
        poison
    }

    fn target(&mut self, kind: ItemId, construct: ast::Construct<'db>) -> (ExprKind, Ty) {
        let head = kind_head(self.db, kind);
        let mut given: Vec<(Arc<str>, Expr)> = Vec::new();
        let mut wrong: Vec<Arc<str>> = Vec::new();
        let entries = construct
            .record()
            .into_iter()
            .flat_map(ast::Record::entries);
        for entry in entries {
            if let Some(segment) = entry.path().and_then(|path| path.segments().next()) {
                self.note_step(segment, &Ty::Instance(kind));
            }
            let Some(Step::Name(name)) = self.entry_key(entry) else {
                continue;
            };
            if let Some(path) = entry.path() {
                self.note(path.node(), |c| c.field_symbol(kind, &name));
            }
            let node = entry.path().map_or(entry.node(), |p| p.node());
            match head.field(&name).filter(|f| f.at.is_some()) {
                Some(field) => {
                    let purpose = format!("the field `{name}`");
                    let value = self.for_purpose(purpose, |c| c.check(entry.value(), &field.ty));
                    given.push((name, value));
                }
                None => {
                    let spot = self.spot(node);
                    let names = field_names(&head.fields);
                    let message =
                        format!("the target `{}` has no field `{name}`", kind.name(self.db));
                    let diag = Diag::error("E0207", spot, message)
                        .because(Cause::Member(kind, name.clone()))
                        .suggest(&name, spot, &names);
                    self.diags.push(diag);
                    self.infer_unwanted(entry.value());
                    wrong.push(name);
                }
            }
        }
        for field in &head.fields {
            let missing = field.at.is_some()
                && field.default.is_none()
                && !self.is_optional(&field.ty)
                && !given.iter().any(|(n, _)| *n == field.name)
                // One that was given under a name nearly right has been spoken of.
                && !wrong.iter().any(|n| crate::suggest::is_near(n, &field.name));
            if missing {
                let message = format!(
                    "the target `{}` needs its `{}`",
                    kind.name(self.db),
                    field.name
                );
                self.error("E0305", construct.node(), message);
            }
        }
        (ExprKind::Target(kind, given), Ty::Instance(kind))
    }

    pub(super) fn with(&mut self, with: ast::WithExpr<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let wanted = hint.map(|h| h.without_none(self.db));
        let wanted = wanted.filter(|h| matches!(h.plain(self.db).1, Ty::Map(_) | Ty::Record(_)));
        let (base, ty) = self.infer_opt(with.base(), wanted.as_ref());
        // What was inferred from literals may be changed to other ones.
        let ty = ty.widened();
        // Where a Map is wanted, a record becomes one before it is changed: entries may be added.
        let (base, ty) = match wanted {
            Some(wanted)
                if matches!(wanted.plain(self.db).1, Ty::Map(_))
                    && matches!(ty.plain(self.db).1, Ty::Record(_)) =>
            {
                (self.coerce(base, &ty, &wanted), wanted)
            }
            _ => (base, ty),
        };
        let (_, plain) = ty.plain(self.db);
        let changes = match with.changes() {
            Some(ast::Expr::Record(record)) => record,
            Some(ast::Expr::MapComp(comp)) if matches!(plain, Ty::Map(_)) => {
                // A comprehension gives whole entries: the base, and then those.
                let span = comp.node().range().into();
                let (kind, found) = self.map_comp(comp, Some(&plain));
                let added = self.coerce(Expr { kind, span }, &found, &plain);
                let merge = crate::library::Builtin::Merge;
                return (ExprKind::Builtin(merge, vec![base, added]), ty);
            }
            Some(other) => {
                self.error(
                    "E0315",
                    other.node(),
                    "`with` takes changes in braces: `with { a = 1 }`",
                );
                return (ExprKind::Poison, Ty::Unknown);
            }
            None => return (ExprKind::Poison, Ty::Unknown),
        };
        let is_map = matches!(plain, Ty::Map(_));
        if !matches!(plain, Ty::Map(_) | Ty::Record(_) | Ty::Unknown) {
            let message = format!(
                "`with` changes a record or a map, not `{}`",
                ty.show(self.db)
            );
            self.error("E0315", with.node(), message);
            return (ExprKind::Poison, Ty::Unknown);
        }
        let mut assigns = Vec::new();
        for entry in changes.entries() {
            let Some(path) = entry.path() else { continue };
            let mut at = ty.clone();
            let mut steps = Vec::new();
            let mut good = true;
            for segment in path.segments() {
                match self.step_below(&at, segment) {
                    Some((step, next)) => {
                        steps.push(step);
                        at = next;
                    }
                    None => {
                        good = false;
                        break;
                    }
                }
            }
            if !good {
                self.infer_unwanted(entry.value());
                continue;
            }
            let in_map = self.in_map;
            let purpose = format!("`{}`", path.node().text());
            let value = self.for_purpose(purpose, |c| c.check(entry.value(), &at));
            assigns.push(Assign {
                path: steps,
                in_map,
                value,
                span: entry.node().range().into(),
                path_span: path.node().range().into(),
                depth: 0,
            });
        }
        self.no_overlap(&assigns);
        (ExprKind::With(Box::new(base), assigns, is_map), ty)
    }

    /// One step of a path below a value of type `ty`, and the type there.
    pub(super) fn step_below(&mut self, ty: &Ty, segment: Segment<'db>) -> Option<(Step, Ty)> {
        let step = self.step(segment);
        self.note_step(segment, ty);
        if let Step::Name(name) = &step {
            self.note(segment.node(), |c| c.below_symbol(ty, name));
        }
        self.in_map = matches!(ty.without_none(self.db).plain(self.db).1, Ty::Map(_));
        let name = match &step {
            Step::Name(name) => name.clone(),
            Step::Key(_) => {
                return match ty.without_none(self.db).plain(self.db).1 {
                    Ty::Map(inner) => Some((step, (*inner).clone().optional())),
                    Ty::Unknown => Some((step, Ty::Unknown)),
                    other => {
                        let message = format!("`{}` has no keys", other.show(self.db));
                        self.error("E0207", segment.node(), message);
                        None
                    }
                };
            }
        };
        match self.below(ty, &name) {
            Below::There(ty) => Some((step, ty)),
            Below::Not(names) => {
                let spot = self.spot(segment.node());
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                let message = format!("`{}` has no `{name}`", ty.show(self.db));
                let diag = Diag::error("E0207", spot, message).suggest(&name, spot, &names);
                self.diags.push(diag);
                None
            }
            Below::Leaf => {
                let message = format!("there is nothing below a `{}`", ty.show(self.db));
                self.error("E0207", segment.node(), message);
                None
            }
        }
    }

    /// Two paths of one `with` or `set` may not overlap: neither would be before the other.
    pub(super) fn no_overlap(&mut self, assigns: &[Assign]) {
        let mut known: Vec<(Vec<&Arc<str>>, &Assign)> = assigns
            .iter()
            .filter_map(|assign| {
                let names = assign.path.iter().map(|step| match step {
                    Step::Name(name) => Some(name),
                    Step::Key(_) => None,
                });
                Some((names.collect::<Option<Vec<_>>>()?, assign))
            })
            .collect();
        known.sort_by(|a, b| a.0.cmp(&b.0));
        let mut diags = Vec::new();
        for pair in known.windows(2) {
            if let [(first, a), (second, b)] = pair
                && second.starts_with(first)
            {
                let (a, b) = if a.span.start <= b.span.start {
                    (a, b)
                } else {
                    (b, a)
                };
                let spot = self.spot_of(b.path_span);
                let diag = if first.len() == second.len() {
                    let name = first
                        .iter()
                        .map(|n| n.as_ref())
                        .collect::<Vec<_>>()
                        .join(".");
                    Diag::error("E0209", spot, format!("`{name}` is given twice"))
                } else {
                    Diag::error("E0602", spot, "this path and another one here overlap")
                };
                diags.push(diag.related(self.spot_of(a.path_span), "the other one"));
            }
        }
        self.diags.extend(diags);
    }
}

enum BraceHint {
    Map(Ty),
    Record(Arc<[RecordField]>),
    Case(ItemId, u32, Ty),
}

/// The names of fields, for suggestions.
pub(super) fn field_names(fields: &[FieldHead]) -> Vec<&str> {
    fields
        .iter()
        .filter(|f| f.at.is_some() || f.name.as_ref() == "name")
        .map(|f| f.name.as_ref())
        .collect()
}

/// A step as it is shown.
pub(super) fn step_text(step: &Step) -> String {
    match step {
        Step::Name(name) => name.to_string(),
        Step::Key(_) => "…".to_owned(),
    }
}
