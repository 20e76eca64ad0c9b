//! Environments.

use std::sync::Arc;

use plat_syntax::ast::{self, Item, Segment};

use super::Checker;
use super::record::field_names;
use crate::db::{ItemId, Space};
use crate::diag::Diag;
use crate::ir::{Assign, EnvBody, Expr, Place, PlaceEntry, SetEntry, SetRoot, Step};
use crate::names::{DeclRef, ValueDef, path_names, prelude};
use crate::types::{Ty, TypeReader, kind_head};

impl<'db> Checker<'db> {
    pub(super) fn env(&mut self, env: ast::Env<'db>) {
        let mut body = EnvBody::default();
        for param in env.params() {
            let mut reader = TypeReader::new(self.db, self.item);
            let ty = reader.read_or_unknown(param.ty());
            self.diags.append(&mut reader.diags);
            let name = param.name().map_or("", ast::Name::text);
            let id = self.bind(name, ty.clone());
            body.params.push((Arc::from(name), id, ty));
        }
        for item in env.items() {
            match item {
                Item::Field(field) => self.env_field(field, &mut body),
                Item::Each(each) => {
                    if let Some(entry) = self.each(each) {
                        body.each.push(entry);
                    }
                }
                _ => {}
            }
        }
        let has_target = body
            .fields
            .iter()
            .any(|(name, _)| name.as_ref() == "target");
        let extends = env.fields().any(|f| {
            f.path()
                .and_then(ast::Path::as_name)
                .is_some_and(|n| n.text() == "extends")
        });
        if !has_target && !extends && !env.is_pub() {
            let node = env.name().map_or(env.node(), |n| n.node());
            let spot = self.spot(node);
            let name = env.name().map_or("", ast::Name::text);
            let message = format!("the environment `{name}` has no target");
            let diag = Diag::error("E0603", spot, message).help(
                "write `target = local {}`, or `extends = …`; `pub env` is a base for others",
            );
            self.diags.push(diag);
        }
        self.out.env = Some(body);
    }

    fn env_field(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let Some(path) = field.path() else { return };
        let Some(name) = path.as_name() else {
            let message = "an environment's own fields have one name: paths stand in `set = { … }`";
            self.error("E0207", path.node(), message);
            return;
        };
        match name.text() {
            "extends" => body.extends = self.extends(field),
            "set" => self.set(field, body),
            "place" => self.place(field, body),
            "omit" => self.omit(field, body),
            text => self.plain_field(text, name, field, body),
        }
    }

    fn plain_field(
        &mut self,
        text: &str,
        name: ast::Name<'db>,
        field: ast::Field<'db>,
        body: &mut EnvBody,
    ) {
        let head = prelude(self.db)
            .kinds
            .get("environment")
            .map(|def| kind_head(self.db, def.what));
        let found = head.and_then(|h| h.field(text)).filter(|f| f.at.is_some());
        let Some(found) = found else {
            let spot = self.spot(name.node());
            let mut names = vec!["extends", "set", "place", "omit"];
            names.extend(head.map(|h| field_names(&h.fields)).unwrap_or_default());
            names.retain(|n| *n != "name");
            let message = format!("an environment has no field `{text}`");
            let mut diag = Diag::error("E0207", spot, message).suggest(text, spot, &names);
            if self.names.value(text).is_some() {
                diag = diag.help(format!(
                    "what it changes of the app stands in `set = {{ {text}… }}`"
                ));
            }
            self.diags.push(diag);
            self.infer_opt(field.value(), None);
            return;
        };
        if body.fields.iter().any(|(n, _)| n.as_ref() == text) {
            let message = format!("`{text}` is given twice");
            self.error("E0209", name.node(), message);
        }
        let purpose = format!("the field `{text}` of the environment");
        let value = self.for_purpose(purpose, |c| c.check(field.value(), &found.ty));
        body.fields.push((Arc::from(text), value));
    }

    fn extends(&mut self, field: ast::Field<'db>) -> Option<ItemId> {
        match field.value() {
            Some(ast::Expr::NameRef(name)) => {
                let found = self.names.env(name.text());
                if found.is_none() {
                    let text = name.text();
                    let spot = self.spot(name.node());
                    let message = format!("there is no environment `{text}`");
                    let names = self.names.seen(Space::Env);
                    let diag = Diag::error("E0211", spot, message).suggest(text, spot, &names);
                    self.diags.push(diag);
                }
                if found == Some(self.item) {
                    self.error("E0605", name.node(), "an environment cannot extend itself");
                    return None;
                }
                found
            }
            Some(other) => {
                self.error("E0211", other.node(), "`extends` names an environment");
                None
            }
            None => None,
        }
    }

    fn set(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let record = match field.value() {
            Some(ast::Expr::Record(record)) => record,
            Some(other) => {
                let message = "`set` takes paths and values in braces: `set = { api.scale = 2 }`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for entry in record.entries() {
            let Some(path) = entry.path() else { continue };
            match self.set_entry(path, entry) {
                Some(entry) => body.set.push(entry),
                None => {
                    self.infer_opt(entry.value(), None);
                }
            }
        }
        self.no_set_overlap(&body.set);
    }

    fn set_entry(&mut self, path: ast::Path<'db>, entry: ast::Entry<'db>) -> Option<SetEntry> {
        let segments: Vec<Segment<'db>> = path.segments().collect();
        let (first, rest) = segments.split_first()?;
        let Segment::Name(name) = first else {
            self.error(
                "E0207",
                first.node(),
                "a path begins with a name of the app",
            );
            return None;
        };
        self.in_map = false;
        let (root, steps, depth, ty) = match self.app_value(*name)? {
            ValueDef::AppInput(item, input) => {
                let head = crate::types::app_head(self.db, item);
                let mut at = head.fields.iter().find(|f| f.name == input)?.ty.clone();
                let mut steps = Vec::new();
                for segment in rest {
                    let (step, next) = self.step_below(&at, *segment)?;
                    steps.push(step);
                    at = next;
                }
                (SetRoot::AppInput(input), steps, 0, at)
            }
            ValueDef::Decl(decl) => {
                let start = super::decl_type(self.db, decl, &[]);
                let (steps, depth, ty) = self.reach(&start, rest, path.node())?;
                (SetRoot::Decl(decl), steps, depth, ty)
            }
            _ => {
                let message = format!(
                    "`{}` is no declaration of the app: it cannot be set",
                    name.text()
                );
                self.error("E0207", name.node(), message);
                return None;
            }
        };
        let in_map = self.in_map;
        let purpose = format!("`{}`", path.node().text());
        let value = self.for_purpose(purpose, |c| c.check(entry.value(), &ty));
        Some(SetEntry {
            root,
            assign: Assign {
                path: steps,
                in_map,
                value,
                span: entry.node().range().into(),
                path_span: path.node().range().into(),
                depth,
            },
        })
    }

    /// A declaration or an input of the app, for the head of a path.
    fn app_value(&mut self, name: ast::Name<'db>) -> Option<ValueDef> {
        let text = name.text();
        if let Some(def) = self.names.value(text) {
            return Some(def);
        }
        if let Some(def) = crate::app::app_value(self.db, self.item.file(self.db), text) {
            return Some(def);
        }
        let spot = self.spot(name.node());
        let names = self.names.seen(Space::Value);
        let message = format!("the app has no `{text}`");
        self.diags
            .push(Diag::error("E0215", spot, message).suggest(text, spot, &names));
        None
    }

    fn no_set_overlap(&mut self, entries: &[SetEntry]) {
        // Each as one path from its root, so that all are compared alike.
        let assigns: Vec<Assign> = entries
            .iter()
            .map(|entry| {
                let root = match &entry.root {
                    SetRoot::AppInput(name) => name.clone(),
                    SetRoot::Decl(decl) => crate::names::decls(self.db, decl.item)
                        .get(decl.index as usize)
                        .map_or_else(|| Arc::from(""), |d| d.name.clone()),
                };
                let mut path = vec![Step::Name(root)];
                path.extend(entry.assign.path.iter().cloned());
                Assign {
                    path,
                    ..entry.assign.clone()
                }
            })
            .collect();
        self.no_overlap(&assigns);
    }

    fn each(&mut self, each: ast::Each<'db>) -> Option<(ItemId, Vec<Assign>)> {
        let path = each.kind()?;
        let names = path_names(Some(path));
        let Some(kind) = self.names.kind(&names) else {
            let text = names.join(".");
            let spot = self.spot(path.node());
            let seen = self.names.seen(Space::Kind);
            let diag = Diag::error("E0201", spot, format!("there is no kind `{text}`"))
                .suggest(&text, spot, &seen);
            self.diags.push(diag);
            return None;
        };
        let mut assigns = Vec::new();
        for field in each.fields() {
            let Some(path) = field.path() else { continue };
            let segments: Vec<Segment<'db>> = path.segments().collect();
            let Some((steps, depth, ty)) = self.reach(&Ty::Instance(kind), &segments, path.node())
            else {
                self.infer_opt(field.value(), None);
                continue;
            };
            let in_map = self.in_map;
            let purpose = format!("the field `{}`", path.node().text());
            let value = self.for_purpose(purpose, |c| c.check(field.value(), &ty));
            assigns.push(Assign {
                path: steps,
                in_map,
                value,
                span: field.node().range().into(),
                path_span: path.node().range().into(),
                depth,
            });
        }
        self.no_overlap(&assigns);
        Some((kind, assigns))
    }

    /// A path to a declaration.
    fn decl_path(&mut self, segments: &[Segment<'db>]) -> Option<(DeclRef, Vec<Step>)> {
        let (first, rest) = segments.split_first()?;
        let Segment::Name(name) = first else {
            self.error(
                "E0207",
                first.node(),
                "a path begins with a name of the app",
            );
            return None;
        };
        let ValueDef::Decl(decl) = self.app_value(*name)? else {
            let message = format!("`{}` is no declaration", name.text());
            self.error("E0215", name.node(), message);
            return None;
        };
        let steps = rest.iter().map(|segment| self.step(*segment)).collect();
        Some((decl, steps))
    }

    fn place(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let record = match field.value() {
            Some(ast::Expr::Record(record)) => record,
            Some(other) => {
                let message =
                    "`place` takes declarations and places in braces: `place = { db = … }`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for entry in record.entries() {
            let Some(path) = entry.path() else { continue };
            let segments: Vec<Segment<'db>> = path.segments().collect();
            let root = self.decl_path(&segments);
            let place = self.place_value(entry.value());
            if let (Some((root, path)), Some(place)) = (root, place) {
                body.place.push(PlaceEntry {
                    root,
                    path,
                    place,
                    span: entry.node().range().into(),
                });
            }
        }
    }

    fn place_value(&mut self, value: Option<ast::Expr<'db>>) -> Option<Place> {
        let value = value?;
        if let ast::Expr::Call(call) = value
            && let Some(ast::Expr::NameRef(name)) = call.callee()
        {
            let args: Vec<ast::Arg<'db>> = call.args().collect();
            match name.text() {
                "on" => {
                    let host = args.first().and_then(|a| a.value());
                    let purpose = "the host".to_owned();
                    let host = self.for_purpose(purpose, |c| c.check(host, &Ty::String));
                    return Some(Place::On(host));
                }
                "existing" => {
                    let fields = args.iter().filter_map(|arg| {
                        let Some(name) = arg.name() else {
                            let message = "what exists is told by name: `existing(host: \"…\")`";
                            self.error("E0307", arg.node(), message);
                            return None;
                        };
                        let (value, ty) = self.infer_opt(arg.value(), None);
                        Some((Arc::from(name.text()), self.existing_value(value, &ty)))
                    });
                    return Some(Place::Existing(fields.collect()));
                }
                "in" => {
                    let message = "a thing that another environment owns cannot be used yet";
                    self.error("E0614", call.node(), message);
                    return None;
                }
                _ => {}
            }
        }
        let target = prelude(self.db).kinds.get("target").map(|def| def.what);
        let wanted = target.map_or(Ty::Unknown, Ty::Instance);
        let purpose = "a place".to_owned();
        Some(Place::Target(
            self.for_purpose(purpose, |c| c.check(Some(value), &wanted)),
        ))
    }

    /// A declaration given as a value of an existing thing is what its bare name gives.
    fn existing_value(&mut self, value: Expr, ty: &Ty) -> Expr {
        match ty.plain(self.db).1 {
            Ty::Instance(kind) => match super::implicit_out_type(self.db, kind) {
                Some(out) => self.coerce(value, ty, &out),
                None => value,
            },
            _ => value,
        }
    }

    fn omit(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let list = match field.value() {
            Some(ast::Expr::List(list)) => list,
            Some(other) => {
                self.error(
                    "E0315",
                    other.node(),
                    "`omit` takes a list of declarations: `omit = [x]`",
                );
                return;
            }
            None => return,
        };
        for element in list.elements() {
            let Some(segments) = path_of(element) else {
                self.error("E0215", element.node(), "this names no declaration");
                continue;
            };
            let (first, rest) = segments;
            let Some(ValueDef::Decl(decl)) = self.app_value(first) else {
                continue;
            };
            let mut steps = Vec::new();
            for step in rest {
                steps.push(match step {
                    PathPart::Name(name) => Step::Name(Arc::from(name.text())),
                    PathPart::Key(key) => self.step(Segment::Index(key)),
                });
            }
            body.omit.push((decl, steps, element.node().range().into()));
        }
    }
}

enum PathPart<'t> {
    Name(ast::Name<'t>),
    Key(ast::Expr<'t>),
}

/// `a["k"].b` as a path.
fn path_of(expr: ast::Expr<'_>) -> Option<(ast::Name<'_>, Vec<PathPart<'_>>)> {
    let mut parts = Vec::new();
    let mut at = expr;
    loop {
        match at {
            ast::Expr::NameRef(_) => {
                parts.reverse();
                return Some((at.as_name()?, parts));
            }
            ast::Expr::FieldAccess(access) => {
                parts.push(PathPart::Name(access.name()?));
                at = access.base()?;
            }
            ast::Expr::IndexExpr(index) => {
                parts.push(PathPart::Key(index.index()?));
                at = index.base()?;
            }
            _ => return None,
        }
    }
}
