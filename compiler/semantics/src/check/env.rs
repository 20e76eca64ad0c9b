//! Environments.

use std::sync::Arc;

use plat_syntax::ast::{self, Item, Segment};

use super::Checker;
use super::record::field_names;
use crate::db::{Db, ItemId, Space, tree};
use crate::diag::Diag;
use crate::ir::{Assign, EnvBody, Expr, Extends, SetEntry, SetRoot, Step};
use crate::names::{ValueDef, path_names, prelude};
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
            self.note_local(param.name(), id, &ty);
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
        // A name nearly right has been spoken of.
        let has_target = env.fields().any(|f| {
            let name = f.path().and_then(ast::Path::as_name);
            name.is_some_and(|n| {
                ["target", "extends"]
                    .iter()
                    .any(|wanted| n.text() == *wanted || crate::suggest::is_near(n.text(), wanted))
            })
        });
        if !has_target && !env.is_pub() {
            let node = env.name().map_or(env.node(), |n| n.node());
            let spot = self.spot(node);
            let name = env.name().map_or("", ast::Name::text);
            let message = format!("the environment `{name}` has no target");
            let diag = Diag::error("E0603", spot, message).help(
                "write `target = local {}`, or `extends = …`; `pub env` is a base for others",
            );
            self.diags.push(diag);
        }
        self.out.env = Some(Box::new(body));
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
            "leave" => self.leave(field, body),
            "policies" => self.policies(field, body),
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
            let mut names = vec!["extends", "set", "place", "omit", "leave", "policies"];
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
            self.infer_unwanted(field.value());
            return;
        };
        self.note(name.node(), |_| {
            let at = found.at?;
            Some(super::notes::Symbol::Field(at.item, found.name.clone()))
        });
        if body.fields.iter().any(|(n, _)| n.as_ref() == text) {
            let message = format!("`{text}` is given twice");
            self.error("E0209", name.node(), message);
        }
        let purpose = format!("the field `{text}` of the environment");
        let value = self.for_purpose(purpose, |c| c.check(field.value(), &found.ty));
        body.fields.push((Arc::from(text), value));
    }

    fn extends(&mut self, field: ast::Field<'db>) -> Option<Extends> {
        let value = field.value()?;
        let (env, keys) = self.named_env(value, "`extends` names an environment")?;
        Some(Extends { env, keys })
    }

    /// An environment by its name, a member of a family by its keys too: `preview[214]`.
    pub(super) fn named_env(
        &mut self,
        value: ast::Expr<'db>,
        otherwise: &str,
    ) -> Option<(ItemId, Vec<Expr>)> {
        let mut keys = Vec::new();
        let mut at = value;
        while let ast::Expr::IndexExpr(index) = at {
            keys.extend(index.index());
            at = index.base()?;
        }
        keys.reverse();
        let ast::Expr::NameRef(name) = at else {
            self.error("E0211", value.node(), otherwise);
            return None;
        };
        let text = name.text();
        let Some(env) = self.names.env(text) else {
            let spot = self.spot(name.node());
            let message = format!("there is no environment `{text}`");
            let names = self.names.like(Space::Env, text);
            let diag = Diag::error("E0211", spot, message)
                .misses(Space::Env, text)
                .suggest(text, spot, &names);
            self.diags.push(diag);
            for key in keys {
                self.infer(key, None);
            }
            return None;
        };
        self.note(name.node(), |_| Some(super::notes::Symbol::Item(env)));
        let wanted = env_keys(self.db, env);
        if wanted.len() != keys.len() {
            let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_ref()).collect();
            let diag = if names.is_empty() {
                let message = format!("the environment `{text}` is no family: it takes no key");
                Diag::error("E0609", self.spot(value.node()), message)
            } else {
                let message = format!("`{text}` is a family: say which of its members");
                let keys: String = names.iter().map(|n| format!("[{n}]")).collect();
                Diag::error("E0609", self.spot(value.node()), message)
                    .help(format!("write `{text}{keys}`, with a value for each key"))
            };
            self.diags
                .push(diag.related(crate::types::name_spot(self.db, env), "declared here"));
            return None;
        }
        let keys = keys
            .into_iter()
            .zip(wanted)
            .map(|(key, (name, ty))| {
                let purpose = format!("the key `{name}` of `{text}`");
                self.for_purpose(purpose, |c| c.check(Some(key), ty))
            })
            .collect();
        Some((env, keys))
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
                None => self.infer_unwanted(entry.value()),
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
    pub(super) fn app_value(&mut self, name: ast::Name<'db>) -> Option<ValueDef> {
        let text = name.text();
        let def = self
            .names
            .value(text)
            .or_else(|| crate::app::app_value(self.db, self.item.file(self.db), text));
        if let Some(def) = def {
            self.note(name.node(), |_| {
                Some(match &def {
                    ValueDef::Decl(decl) => super::notes::Symbol::Decl(*decl),
                    ValueDef::AppInput(item, input) => {
                        super::notes::Symbol::Field(*item, input.clone())
                    }
                    ValueDef::Let(item) | ValueDef::Fn(item) => super::notes::Symbol::Item(*item),
                })
            });
            return Some(def);
        }
        let spot = self.spot(name.node());
        let near: Vec<&str> = self.names.near_value(text, None).into_iter().collect();
        let message = format!("the app has no `{text}`");
        let diag = Diag::error("E0215", spot, message)
            .misses(Space::Value, text)
            .suggest(text, spot, &near);
        self.diags.push(diag);
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
            let seen = self.names.like(Space::Kind, &text);
            let diag = Diag::error("E0201", spot, format!("there is no kind `{text}`"))
                .misses(Space::Kind, &text)
                .suggest(&text, spot, &seen);
            self.diags.push(diag);
            return None;
        };
        self.note_kind(path, kind);
        let mut assigns = Vec::new();
        for field in each.fields() {
            let Some(path) = field.path() else { continue };
            assigns.extend(self.field_of_decl(kind, path, field.value(), field.node()));
        }
        self.no_overlap(&assigns);
        Some((kind, assigns))
    }
}

/// The keys of a family of environments with their types; none for a single one.
#[salsa::tracked]
pub(super) fn env_keys(db: &dyn Db, item: ItemId) -> Vec<(Arc<str>, Ty)> {
    let Some(tree) = tree(db, item) else {
        return Vec::new();
    };
    let Item::Env(env) = tree.item() else {
        return Vec::new();
    };
    let mut reader = TypeReader::new(db, item);
    env.params()
        .map(|param| {
            let name = param.name().map_or("", ast::Name::text);
            (Arc::from(name), reader.read_or_unknown(param.ty()))
        })
        .collect()
}
