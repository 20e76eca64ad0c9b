//! `kubernetes.patch("Deployment", { … })`: what is said to a target in its own words.
//!
//! The objects of a target are types of the module `std.objects.TARGET`, which is read only where
//! something is said to that target, and those that the package and what it builds on have below
//! `objects/TARGET/`: what `platc import crd` writes. What has a `/` in its name and is none of the
//! latter is of an API that is not known here, and taken as it is.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::Checker;
use crate::db::{Db, ItemId, ModuleId, SourceFile, module_files, modules, package_info};
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind};
use crate::library::Builtin;
use crate::names::{STD, TypeEntry, prelude, scope};
use crate::types::{CaseHead, RecordField, Ty, TypeBody, Word, type_def};

/// The type of what is said to a target in its own words: its cases are the functions.
const RAW: &str = "Raw";

impl<'db> Checker<'db> {
    /// The target that `kubernetes` in `kubernetes.patch(…)` means, if it means one.
    pub(super) fn target_namespace(&self, base: Option<ast::Expr<'db>>) -> Option<ItemId> {
        let Some(ast::Expr::NameRef(name)) = base else {
            return None;
        };
        let text = name.text();
        if self.locals.iter().any(|(local, ..)| local.as_ref() == text)
            || self.names.value(text).is_some()
        {
            return None;
        }
        let kind = self.names.kind_named(text)?;
        super::is_target(self.db, kind).then_some(kind)
    }

    /// A call of a function of a target.
    pub(super) fn raw_call(
        &mut self,
        target: ItemId,
        function: ast::Name<'db>,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
    ) -> (ExprKind, Ty) {
        let poison = (ExprKind::Poison, Ty::Unknown);
        let target_name = target.name(self.db).clone();
        let Some((raw, cases)) = functions(self.db) else {
            return poison;
        };
        let case = (0u32..)
            .zip(cases)
            .find(|(_, c)| c.name.as_ref() == function.text());
        let Some((index, _)) = case else {
            let names: Vec<&str> = cases.iter().map(|c| c.name.as_ref()).collect();
            let spot = self.spot(function.node());
            let message = format!("`{target_name}` has no function `{}`", function.text());
            self.diags.push(
                Diag::error("E0212", spot, message)
                    .note(format!("it has {}", names.join(" and ")))
                    .suggest(function.text(), spot, &names),
            );
            return poison;
        };
        if let Some(name) = args.iter().find_map(|arg| arg.name()) {
            let message = format!("`{}` takes no names before its values", function.text());
            self.error("E0213", name.node(), message);
            return poison;
        }
        let [object, body] = args else {
            let message = format!(
                "`{target_name}.{}` takes the name of an object and what it says",
                function.text()
            );
            self.error("E0307", node, message);
            return poison;
        };
        let named = match object.value() {
            Some(ast::Expr::StringLit(text)) => text.plain(),
            _ => None,
        };
        let Some(named) = named else {
            let message = "the name of the object is written out, as a text without `${…}`";
            self.error("E0217", object.node(), message);
            return poison;
        };
        let Ok(ty) = self.object_type(&target_name, &named, object.node()) else {
            return poison;
        };
        let purpose = format!("`{named}`");
        let body = self.for_purpose(purpose, |c| match &ty {
            Some(ty) => c.check(body.value(), ty),
            None => c.free_body(body),
        });
        let text = |text: &str| {
            Some(Expr {
                kind: ExprKind::Text(Arc::from(text)),
                span: object.node().range().into(),
            })
        };
        let span = body.span;
        let body = Expr {
            kind: ExprKind::Builtin(Builtin::WithoutNone, vec![body]),
            span,
        };
        let parts = vec![text(&target_name), text(&named), Some(body)];
        (ExprKind::Case(raw, index, parts), Ty::Named(raw))
    }

    /// Is it a case of what is said to a target, written without one? Then nothing would hold it to
    /// the types of that target.
    pub(super) fn is_said_to_nobody(
        &mut self,
        variant: ItemId,
        case: &str,
        node: Node<'db>,
    ) -> bool {
        let is_std = variant.file(self.db).package(self.db).as_ref() == STD;
        if !is_std || variant.name(self.db).as_ref() != RAW {
            return false;
        }
        let message = format!("`{case}` stands behind the target that it is said to");
        let diag =
            Diag::error("E0212", self.spot(node), message).help(format!("`kubernetes.{case}(…)`"));
        self.diags.push(diag);
        true
    }

    /// The type of an object of a target; none where nothing is known of it.
    fn object_type(&mut self, target: &str, named: &str, at: Node<'_>) -> Result<Option<Ty>, ()> {
        let (api, kind) = match named.rsplit_once('/') {
            Some((api, kind)) => (Some(api), kind),
            None => (None, named),
        };
        let brought = brought(self.db, self.item.file(self.db), target);
        let of_kind = brought.iter().filter(|(name, _)| name.as_ref() == kind);
        let meant: Vec<(ItemId, Arc<str>)> = of_kind
            .filter_map(|(_, item)| Some((*item, api_of(self.db, *item)?)))
            .filter(|(_, own)| api.is_none_or(|api| api == own.as_ref()))
            .collect();
        match (meant.as_slice(), api) {
            ([(item, _)], _) => return Ok(Some(Ty::Named(*item))),
            ([], Some(_)) => return Ok(None),
            ([], None) => {}
            ([(_, first), ..], _) => {
                let mut apis: Vec<String> = meant.iter().map(|(_, a)| format!("`{a}`")).collect();
                apis.sort();
                let message = format!("`{kind}` is an object of {}", apis.join(" and of "));
                let help = format!("write its API before it: `\"{first}/{kind}\"`");
                let diag = Diag::error("E0217", self.spot(at), message).help(help);
                self.diags.push(diag);
                return Err(());
            }
        }
        let module = std_objects(self.db, target);
        if module_files(self.db, module).is_empty() {
            return Ok(None);
        }
        let types = &scope(self.db, module).types;
        if let Some(item) = types.get(named).and_then(|def| object(self.db, &def.what)) {
            return Ok(Some(Ty::Named(item)));
        }
        let spot = self.spot(at);
        let names: Vec<&str> = types
            .iter()
            .filter(|(_, def)| object(self.db, &def.what).is_some())
            .map(|(name, _)| name.as_ref())
            .chain(brought.iter().map(|(name, _)| name.as_ref()))
            .collect();
        let mut diag = Diag::error(
            "E0217",
            spot,
            format!("`{target}` has no object `{named}` that is known here"),
        );
        diag = match crate::suggest::nearest(named, names.iter().copied()) {
            Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                spot,
                format!("\"{near}\""),
            ),
            None => diag.help(format!(
                "`platc import crd FILE` brings the types of its definition; with its API before it, \
                 `\"example.com/v1/{named}\"`, it is taken as it is"
            )),
        };
        self.diags.push(diag);
        Err(())
    }

    /// What is said of an object that nothing is known of: anything but secrets and what is not known yet.
    fn free_body(&mut self, body: &ast::Arg<'db>) -> Expr {
        let (value, ty) = self.infer_opt(body.value(), None);
        let labels = self.labels_written(&ty);
        if labels.secret {
            self.error(
                "E0401",
                body.node(),
                "a secret may not flow into an object of the target",
            );
        } else if labels.later {
            let message = "an object of the target must be known before anything is applied";
            self.error("E0403", body.node(), message);
        } else {
            return value;
        }
        Expr::poison(value.span)
    }
}

/// The objects of a target that may be named from a file, each as it is written there, and its type:
/// those that the package has types of, and what it builds on, then those of `std`.
pub(crate) fn objects(db: &dyn Db, from: SourceFile, target: &str) -> Vec<(String, ItemId)> {
    let brought = brought(db, from, target);
    let alone = |name: &Arc<str>| brought.iter().filter(|(other, _)| other == name).count() < 2;
    let mut all: Vec<(String, ItemId)> = Vec::new();
    for (name, item) in &brought {
        match api_of(db, *item) {
            Some(api) if !alone(name) => all.push((format!("{api}/{name}"), *item)),
            _ => all.push((name.to_string(), *item)),
        }
    }
    for (name, def) in &scope(db, std_objects(db, target)).types {
        let known = brought.iter().any(|(other, _)| other == name);
        if let Some(item) = object(db, &def.what).filter(|_| !known) {
            all.push((name.to_string(), item));
        }
    }
    all
}

/// The module with the objects of a target.
fn std_objects(db: &dyn Db, target: &str) -> ModuleId {
    let dir = format!("objects/{target}");
    ModuleId::new(db, Arc::<str>::from(STD), Arc::<str>::from(dir))
}

/// The objects of a target that a package has types of, and what it builds on.
fn brought(db: &dyn Db, from: SourceFile, target: &str) -> Vec<(Arc<str>, ItemId)> {
    let own = from.package(db);
    let info = package_info(db, own);
    let others = info.into_iter().flat_map(|info| info.dependencies.values());
    let packages = std::iter::once(own.as_ref()).chain(others.map(String::as_str));
    let root = format!("objects/{target}");
    let below = format!("{root}/");
    let mut found = Vec::new();
    for package in packages {
        let first = (Arc::<str>::from(package), Arc::<str>::from(root.as_str()));
        let there = modules(db).range(first..);
        let there = there
            .take_while(|((of, dir), _)| of.as_ref() == package && dir.starts_with(root.as_str()));
        for ((of, dir), _) in there.filter(|((_, d), _)| **d == *root || d.starts_with(&below)) {
            let module = ModuleId::new(db, of.clone(), dir.clone());
            for (name, def) in &scope(db, module).types {
                if def.public || of == own {
                    found.extend(object(db, &def.what).map(|item| (name.clone(), item)));
                }
            }
        }
    }
    found
}

/// Is it a whole object, and no part of one?
fn object(db: &dyn Db, entry: &TypeEntry) -> Option<ItemId> {
    let TypeEntry::Item(item) = entry else {
        return None;
    };
    let Ty::Record(fields) = Ty::Named(*item).plain(db).1 else {
        return None;
    };
    let of_its_own = |field: &RecordField| field.name.as_ref() == "kind" && field.default.is_some();
    fields.iter().any(of_its_own).then_some(*item)
}

/// The API that an object says it is of: `apps/v1`.
fn api_of(db: &dyn Db, object: ItemId) -> Option<Arc<str>> {
    let Ty::Record(fields) = Ty::Named(object).plain(db).1 else {
        return None;
    };
    let field = fields
        .iter()
        .find(|field| field.name.as_ref() == "apiVersion")?;
    match &field.ty {
        Ty::Word(Word::Text(api)) => Some(api.clone()),
        _ => None,
    }
}

/// The functions of a target, as cases of the type of what they make.
pub(crate) fn functions(db: &dyn Db) -> Option<(ItemId, &[CaseHead])> {
    let TypeEntry::Item(raw) = prelude(db).types.get(RAW).map(|def| def.what.clone())? else {
        return None;
    };
    match &type_def(db, raw).body {
        TypeBody::Variant(cases) => Some((raw, cases)),
        TypeBody::Alias(_) => None,
    }
}
