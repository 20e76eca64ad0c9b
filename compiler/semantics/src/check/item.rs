//! Items: definitions, kinds, declarations.

use std::sync::Arc;

use plat_syntax::ast::{self, Item, Segment, Type};
use plat_syntax::{Node, SyntaxKind};

use super::Checker;
use super::compound::count;
use super::record::field_names;
use crate::db::{ItemId, Space};
use crate::diag::Diag;
use crate::ir::{Assign, Condition, DeclStmt, Expr, ExprKind, Require, Step, Stmt, Value};
use crate::names::{DeclRef, decls, path_names};
use crate::types::{Ty, TypeBody, TypeReader, app_head, fn_head, kind_head, name_spot, type_def};

impl<'db> Checker<'db> {
    pub(super) fn item(&mut self, item: Item<'db>) {
        if matches!(item, Item::TypeDef(_)) {
            // The first variable is kept for the `self` of its members.
            self.next_local = 1;
        }
        self.type_parts(item.node());
        match item {
            Item::App(app) => {
                self.diags
                    .extend(app_head(self.db, self.item).diags.iter().cloned());
                let fields: Vec<ast::FieldDecl<'db>> = app.inputs().collect();
                self.field_defaults(&fields, |c, name| {
                    let head = app_head(c.db, c.item);
                    head.fields
                        .iter()
                        .find(|f| f.name.as_ref() == name)
                        .map(|f| f.ty.clone())
                });
            }
            Item::Kind(kind) => self.kind(kind),
            Item::TypeDef(def) => self.type_def(def),
            Item::UnitDef(def) => self.unit(def),
            Item::FnDef(def) => self.function(def),
            Item::Let(def) => self.let_(def),
            Item::Env(env) => self.env(env),
            Item::Policy(policy) => self.policy(policy),
            Item::Test(test) => self.test(test),
            Item::Decl(_) | Item::If(_) | Item::For(_) => {
                let stmts = self.stmts(std::iter::once(item));
                self.out.contents = stmts;
            }
            Item::Waive(waive) => self.waive(waive),
            _ => {}
        }
    }

    /// The conditions and defaults inside of types, wherever they stand in the item.
    fn type_parts(&mut self, root: Node<'db>) {
        for node in root.descendants() {
            match node.kind() {
                SyntaxKind::TypeRefined => {
                    if let Some(refined) = ast::TypeRefined::cast(node) {
                        let condition = self.refinement(refined);
                        self.out.conditions.insert(node.id().0, condition);
                    }
                }
                SyntaxKind::TypeField => {
                    if let Some(field) = ast::TypeField::cast(node)
                        && let Some(default) = field.default()
                    {
                        self.part_default(node, field.name(), field.ty(), default);
                    }
                }
                SyntaxKind::Param => {
                    if let Some(param) = ast::Param::cast(node)
                        && let Some(default) = param.default()
                    {
                        self.part_default(node, param.name(), param.ty(), default);
                    }
                }
                _ => {}
            }
        }
    }

    fn part_default(
        &mut self,
        node: Node<'db>,
        name: Option<ast::Name<'db>>,
        ty: Option<Type<'db>>,
        default: ast::Expr<'db>,
    ) {
        let wanted = TypeReader::new(self.db, self.item).read_or_unknown(ty);
        let purpose = format!("`{}`", name.map_or("", ast::Name::text));
        let value = self.for_purpose(purpose, |c| c.check(Some(default), &wanted));
        self.out.defaults.insert(node.id().0, value);
    }

    fn refinement(&mut self, refined: ast::TypeRefined<'db>) -> Condition {
        let base = TypeReader::new(self.db, self.item).read_or_unknown(refined.base());
        let (_, plain) = base.plain(self.db);
        let purpose = "the condition".to_owned();
        match refined.condition() {
            Some(range @ ast::Expr::Range(_)) => {
                let wanted = Ty::Range(Arc::new(plain));
                Condition::Range(self.for_purpose(purpose, |c| c.check(Some(range), &wanted)))
            }
            Some(ast::Expr::Call(call)) => {
                let named =
                    matches!(call.callee(), Some(ast::Expr::NameRef(n)) if n.text() == "matches");
                let args: Vec<ast::Arg<'_>> = call.args().collect();
                let pattern = match args.as_slice() {
                    [arg] if named => match arg.value() {
                        Some(ast::Expr::StringLit(text)) => text.plain(),
                        _ => None,
                    },
                    _ => None,
                };
                let Some(pattern) = pattern else {
                    let message = "a condition is a range, `matches(\"…\")` or a function";
                    self.error("E0322", call.node(), message);
                    return Condition::Unknown;
                };
                if let Err(problem) = regex_lite::Regex::new(&pattern) {
                    let message = format!("this is no pattern: {problem}");
                    self.error("E0322", call.node(), message);
                    return Condition::Unknown;
                }
                Condition::Matches(pattern.into())
            }
            Some(closure @ ast::Expr::Closure(_)) => {
                let wanted = Ty::Fn(vec![base].into(), Arc::new(Ty::Bool));
                Condition::Function(self.for_purpose(purpose, |c| c.check(Some(closure), &wanted)))
            }
            Some(other) => {
                let message = "a condition is a range, `matches(\"…\")` or a function";
                self.error("E0322", other.node(), message);
                Condition::Unknown
            }
            None => Condition::Unknown,
        }
    }

    fn field_defaults(
        &mut self,
        fields: &[ast::FieldDecl<'db>],
        ty: impl Fn(&Self, &str) -> Option<Ty>,
    ) {
        for field in fields {
            let Some(default) = field.default() else {
                continue;
            };
            let name = field.name().map_or("", ast::Name::text);
            let wanted = ty(self, name).unwrap_or(Ty::Unknown);
            let purpose = format!("the field `{name}`");
            let value = self.for_purpose(purpose, |c| c.check(Some(default), &wanted));
            self.out.defaults.insert(field.node().id().0, value);
        }
    }

    fn let_(&mut self, def: ast::Let<'db>) {
        let (expr, ty) = match def.ty() {
            Some(ty) => {
                let ty = self.read_type(ty);
                let purpose = format!("`{}`", def.name().map_or("", ast::Name::text));
                (self.for_purpose(purpose, |c| c.check(def.value(), &ty)), ty)
            }
            None => self.infer_opt(def.value(), None),
        };
        let ty = if depth_of(&ty, 0) > MAX_TYPE_DEPTH {
            let spot = name_spot(self.db, self.item);
            let message = format!("this is nested more than {MAX_TYPE_DEPTH} deep");
            self.diags.push(Diag::error("E0325", spot, message));
            Ty::Unknown
        } else {
            ty
        };
        self.out.value = Some(Value { expr, ty });
    }

    fn function(&mut self, def: ast::FnDef<'db>) {
        let head = fn_head(self.db, self.item);
        self.diags.extend(head.diags.iter().cloned());
        for (param, ast) in head.params.iter().zip(def.params()) {
            let id = self.bind(&param.name, param.ty.clone());
            self.out.params.push(id);
            if ast.ty().is_none() {
                let message = format!("the parameter `{}` needs a type", param.name);
                self.error("E0323", ast.node(), message);
            }
        }
        let result = head.result.clone().unwrap_or(Ty::Unknown);
        if def.result().is_none() {
            let spot = name_spot(self.db, self.item);
            let message = format!(
                "the function `{}` needs the type of its result",
                self.item.name(self.db)
            );
            let diag = Diag::error("E0323", spot, message).help("write `fn NAME(…): TYPE = …`");
            self.diags.push(diag);
        }
        let purpose = format!("the result of `{}`", self.item.name(self.db));
        let expr = self.for_purpose(purpose, |c| c.check(def.value(), &result));
        self.out.value = Some(Value { expr, ty: result });
    }

    fn unit(&mut self, def: ast::UnitDef<'db>) {
        if let Some(value) = def.value() {
            let (_, ty) = self.infer(value, None);
            let is_literal = matches!(value, ast::Expr::NumberLit(_));
            if !ty.is_unknown() && (!is_literal || !matches!(ty, Ty::Quantity(_))) {
                let message = "a unit is so many of another one: `unit kreq = 1000req`";
                self.error("E0214", value.node(), message);
            }
        }
    }

    fn type_def(&mut self, def: ast::TypeDef<'db>) {
        let head = type_def(self.db, self.item);
        self.diags.extend(head.diags.iter().cloned());
        if let TypeBody::Variant(cases) = &head.body {
            let mut seen: Vec<&Arc<str>> = Vec::new();
            for case in cases {
                if seen.contains(&&case.name) {
                    let message = format!("the case `{}` is there twice", case.name);
                    self.diags
                        .push(Diag::error("E0206", name_spot(self.db, self.item), message));
                }
                seen.push(&case.name);
                if case.implicit && case.params.is_empty() {
                    let message = format!(
                        "the case `{}` is made from a plain value, so it needs a part",
                        case.name
                    );
                    self.diags
                        .push(Diag::error("E0322", name_spot(self.db, self.item), message));
                }
            }
        }
        let item = self.item;
        self.locals.push((Arc::from("self"), 0, Ty::Named(item)));
        for member in def.members() {
            let Some(name) = member.name() else { continue };
            let (expr, ty) = match member.ty() {
                Some(ty) => {
                    let ty = self.read_type(ty);
                    (self.check(member.value(), &ty), ty)
                }
                None => self.infer_opt(member.value(), None),
            };
            self.out
                .lets
                .insert(Arc::from(name.text()), Value { expr, ty });
        }
    }

    fn kind(&mut self, kind: ast::Kind<'db>) {
        let head = kind_head(self.db, self.item);
        self.diags.extend(head.diags.iter().cloned());
        self.kind = Some(self.item);
        let mut fields = Vec::new();
        for item in kind.items() {
            match item {
                Item::FieldDecl(field) => fields.push(field),
                Item::Let(def) => {
                    if let Some(name) = def.name() {
                        self.waiting.insert(Arc::from(name.text()), def);
                    }
                }
                _ => {}
            }
        }
        self.field_defaults(&fields, |c, name| {
            kind_head(c.db, c.item).field(name).map(|f| f.ty.clone())
        });
        for field in kind.items().filter_map(|i| match i {
            Item::Field(field) => Some(field),
            _ => None,
        }) {
            let name = field
                .path()
                .and_then(ast::Path::as_name)
                .map_or("", ast::Name::text);
            if let Some(found) = head.field(name) {
                let purpose = format!("the field `{name}`");
                let value = self.for_purpose(purpose, |c| c.check(field.value(), &found.ty));
                self.out.defaults.insert(field.node().id().0, value);
            }
        }
        while let Some(name) = self.waiting.keys().next().cloned() {
            self.kind_let(&name);
        }
        let contents = kind
            .items()
            .filter(|i| matches!(i, Item::Decl(_) | Item::If(_) | Item::For(_)));
        let contents = self.stmts(contents);
        if head.external
            && let Some(Stmt::Decl(first)) = contents.first()
        {
            let spot = self.spot_of(first.name_span);
            let message = "an `extern kind` is made by the backends: it has no contents";
            self.diags.push(Diag::error("E0324", spot, message));
        }
        self.out.contents = contents;
        if self.contains_itself() {
            let message = format!("the kind `{}` contains itself", self.item.name(self.db));
            self.diags
                .push(Diag::error("E0312", name_spot(self.db, self.item), message));
            self.out.contents.clear();
        }
        for item in kind.items() {
            match item {
                Item::Out(out) => self.out_value(out, head.external),
                Item::Require(require) => {
                    let (condition, message) = self.scoped(|c| {
                        let (condition, _) = c.condition(require.condition());
                        c.in_message = true;
                        let message = require.message().map(|m| c.check(Some(m), &Ty::Unknown));
                        c.in_message = false;
                        (condition, message)
                    });
                    self.out.requires.push(Require { condition, message });
                }
                _ => {}
            }
        }
    }

    /// Checks the kind's own `let` of this name, when it is first needed.
    pub(super) fn kind_let(&mut self, name: &str) {
        let Some(def) = self.waiting.remove(name) else {
            return;
        };
        let locals = std::mem::take(&mut self.locals);
        let branch = std::mem::take(&mut self.branch);
        let (expr, ty) = match def.ty() {
            Some(ty) => {
                let ty = self.read_type(ty);
                (self.check(def.value(), &ty), ty)
            }
            None => self.infer_opt(def.value(), None),
        };
        self.locals = locals;
        self.branch = branch;
        self.out.lets.insert(Arc::from(name), Value { expr, ty });
    }

    fn out_value(&mut self, out: ast::Out<'db>, external: bool) {
        let Some(name) = out.name() else { return };
        match (out.value(), external) {
            (Some(value), true) => {
                let message =
                    "what an `extern kind` gives comes from the backends: it has no value here";
                self.error("E0324", value.node(), message);
            }
            (None, false) => {
                let message = format!("the out `{}` needs a value", name.text());
                self.error("E0324", out.node(), message);
            }
            (None, true) => {
                if out.ty().is_none() {
                    let message = format!("the out `{}` needs a type", name.text());
                    self.error("E0324", out.node(), message);
                }
            }
            (Some(value), false) => {
                let head = kind_head(self.db, self.item);
                let written = head.out(name.text()).and_then(|o| o.ty.clone());
                let (expr, ty) = match written {
                    Some(ty) => (self.check(Some(value), &ty), ty),
                    None => self.infer(value, None),
                };
                let value = Value { expr, ty };
                self.out.outs.insert(Arc::from(name.text()), value);
            }
        }
    }

    fn contains_itself(&self) -> bool {
        let mut waiting = vec![self.item];
        let mut seen: Vec<ItemId> = Vec::new();
        while let Some(kind) = waiting.pop() {
            let names = crate::names::Names {
                db: self.db,
                file: kind.file(self.db),
            };
            for head in decls(self.db, kind) {
                match names.kind(&head.kind) {
                    Some(inner) if inner == self.item => return true,
                    Some(inner) if !seen.contains(&inner) => {
                        seen.push(inner);
                        waiting.push(inner);
                    }
                    _ => {}
                }
            }
        }
        false
    }

    pub(super) fn stmts(&mut self, items: impl Iterator<Item = Item<'db>>) -> Vec<Stmt> {
        let mut out = Vec::new();
        for item in items {
            match item {
                Item::Decl(decl) => out.push(Stmt::Decl(self.decl(decl))),
                Item::If(choice) => {
                    let id = self.ifs;
                    self.ifs += 1;
                    let (condition, then) = self.scoped(|c| {
                        let (condition, _) = c.condition(choice.condition());
                        c.branch.push((id, 0));
                        let then = c.stmts(choice.then_items());
                        c.branch.pop();
                        (condition, then)
                    });
                    self.branch.push((id, 1));
                    let other = self.stmts(choice.else_items());
                    self.branch.pop();
                    out.push(Stmt::If(condition, then, other));
                }
                Item::For(each) => {
                    let names: Vec<ast::Name<'db>> = each.bindings().collect();
                    let stmt = self.scoped(|c| {
                        let (key, value, source) = c.loop_head(&names, each.source());
                        Stmt::For(key, value, source, c.stmts(each.items()))
                    });
                    out.push(stmt);
                }
                _ => {}
            }
        }
        out
    }

    fn decl(&mut self, decl: ast::Decl<'db>) -> DeclStmt {
        let index = self.next_decl;
        self.next_decl += 1;
        let name = decl.name();
        let text: Arc<str> = Arc::from(name.map_or("", ast::Name::text));
        let kind = self.decl_kind(decl);
        let owner = self.kind.unwrap_or(self.item);
        let head = decls(self.db, owner).get(index as usize);
        if let (Some(head), None, Some(name)) = (head, decl.key(), name)
            && head.loops > 0
        {
            let spot = self.spot(name.node());
            let message = format!("`{text}` stands in a `for`: it needs a key");
            let diag = Diag::error("E0321", spot, message).help(format!(
                "write `{text}[KEY]`, with something that differs each time"
            ));
            self.diags.push(diag);
        }
        let key = decl.key().map(|key| {
            let (value, ty) = self.infer(key, Some(&Ty::String));
            self.no_structure(&ty, key.node(), "a key");
            self.for_purpose("a key".to_owned(), |c| c.coerce(value, &ty, &Ty::Text))
        });
        let assigns = match kind {
            Some(kind) => self.decl_fields(kind, decl),
            None => {
                for field in decl.fields() {
                    self.infer_opt(field.value(), None);
                }
                Vec::new()
            }
        };
        DeclStmt {
            index,
            name: text,
            kind,
            key,
            assigns,
            doc: decl.docs().map(Arc::from),
            span: decl.node().range().into(),
            name_span: name
                .map_or(decl.node().range(), |n| n.node().range())
                .into(),
        }
    }

    fn decl_kind(&mut self, decl: ast::Decl<'_>) -> Option<ItemId> {
        let path = decl.kind()?;
        let names = path_names(Some(path));
        let text = names.join(".");
        let spot = self.spot(path.node());
        let Some(kind) = self.names.kind(&names) else {
            let seen: Vec<&str> = self
                .names
                .seen(Space::Kind)
                .into_iter()
                .filter(|k| {
                    let found = self.names.kind_named(k);
                    found.is_some_and(|k| !kind_head(self.db, k).abstract_)
                })
                .collect();
            let diag = Diag::error("E0201", spot, format!("there is no kind `{text}`"))
                .suggest(&text, spot, &seen);
            self.diags.push(diag);
            return None;
        };
        let head = kind_head(self.db, kind);
        if head.abstract_ || super::is_target(self.db, kind) {
            let message = if head.abstract_ {
                format!("`{text}` is abstract: it only stands for other kinds")
            } else {
                format!("`{text}` is a target: it stands in an `env`, not by itself")
            };
            self.diags.push(
                Diag::error("E0324", spot, message)
                    .related(name_spot(self.db, kind), "declared here"),
            );
            return None;
        }
        Some(kind)
    }

    fn decl_fields(&mut self, kind: ItemId, decl: ast::Decl<'db>) -> Vec<Assign> {
        let mut assigns = Vec::new();
        let mut given: Vec<Arc<str>> = Vec::new();
        for field in decl.fields() {
            let Some(path) = field.path() else { continue };
            if let Some(Segment::Name(first)) = path.segments().next() {
                given.push(Arc::from(first.text()));
            }
            let segments: Vec<Segment<'db>> = path.segments().collect();
            let reached = self.reach(&Ty::Instance(kind), &segments, path.node());
            match reached {
                Some((steps, depth, ty)) => {
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
                None => {
                    self.infer_opt(field.value(), None);
                }
            }
        }
        self.no_overlap(&assigns);
        self.missing_fields(kind, decl, &given);
        assigns
    }

    fn missing_fields(&mut self, kind: ItemId, decl: ast::Decl<'_>, given: &[Arc<str>]) {
        let head = kind_head(self.db, kind);
        let missing: Vec<String> = head
            .fields
            .iter()
            .filter(|f| f.at.is_some() && f.default.is_none())
            .filter(|f| !self.is_optional(&f.ty) && !given.contains(&f.name))
            .map(|f| format!("`{}`", f.name))
            .collect();
        if missing.is_empty() {
            return;
        }
        let node = decl.name().map_or(decl.node(), |n| n.node());
        let name = decl.name().map_or("", ast::Name::text);
        let spot = self.spot(node);
        let what = count(missing.len(), "field");
        let message = format!(
            "`{} {name}` lacks its {}",
            kind.name(self.db),
            missing.join(", ")
        );
        self.diags.push(Diag::error("E0305", spot, message).related(
            name_spot(self.db, kind),
            format!("{what} of this kind without a default"),
        ));
    }

    /// Follows a path from a declaration to one of its fields and below, through the contents of
    /// kinds made of other kinds. Gives the steps, how many of them lead to a declaration, and
    /// the type at the end.
    pub(super) fn reach(
        &mut self,
        start: &Ty,
        segments: &[Segment<'db>],
        whole: Node<'db>,
    ) -> Option<(Vec<Step>, usize, Ty)> {
        let mut steps = Vec::new();
        let mut depth = 0;
        let mut at = start.clone();
        let mut in_value = false;
        for segment in segments {
            if in_value {
                let (step, next) = self.step_below(&at, *segment)?;
                steps.push(step);
                at = next;
                continue;
            }
            match at.without_none(self.db) {
                Ty::Unknown => return None,
                Ty::Family(member) => {
                    if !matches!(segment, Segment::Index(_)) {
                        let message = "this is a family: pick one by its key, `[\"KEY\"]`";
                        self.error("E0208", segment.node(), message);
                        return None;
                    }
                    steps.push(self.step(*segment));
                    depth += 1;
                    at = (*member).clone();
                }
                Ty::Instance(kind) => {
                    let Segment::Name(name) = segment else {
                        self.error(
                            "E0207",
                            segment.node(),
                            "a declaration has fields, not keys",
                        );
                        return None;
                    };
                    let step = Step::Name(Arc::from(name.text()));
                    if let Some(field) = kind_head(self.db, kind).field(name.text()) {
                        steps.push(step);
                        at = field.ty.clone();
                        in_value = true;
                        self.in_map = false;
                    } else {
                        at = self.content(kind, *name)?;
                        steps.push(step);
                        depth += 1;
                    }
                }
                other => {
                    let message = format!("`{}` has no fields to set", other.show(self.db));
                    self.error("E0207", segment.node(), message);
                    return None;
                }
            }
        }
        if !in_value {
            let message = "this path names a declaration: which of its fields is meant?";
            self.error("E0207", whole, message);
            return None;
        }
        Some((steps, depth, at))
    }

    /// A declaration in the contents of a kind.
    fn content(&mut self, kind: ItemId, name: ast::Name<'_>) -> Option<Ty> {
        let text = name.text();
        let spot = self.spot(name.node());
        let inner = decls(self.db, kind);
        let found = (0u32..).zip(inner).find(|(_, d)| d.name.as_ref() == text);
        match found {
            Some((index, _)) => {
                let foreign =
                    kind.file(self.db).package(self.db) != self.item.file(self.db).package(self.db);
                if foreign {
                    let message = format!(
                        "`{text}` is inside of `{}`, which is another package's: only its inputs can be set",
                        kind.name(self.db)
                    );
                    self.diags.push(Diag::error("E0604", spot, message));
                    return None;
                }
                let decl = DeclRef { item: kind, index };
                // Whether it is there is seen when the environment is evaluated.
                Some(super::decl_type(self.db, decl, &[]).without_none(self.db))
            }
            None => {
                let head = kind_head(self.db, kind);
                let mut names = field_names(&head.fields);
                names.extend(inner.iter().map(|d| d.name.as_ref()));
                let shown = kind.name(self.db);
                let mut diag =
                    Diag::error("E0207", spot, format!("`{shown}` has no field `{text}`"))
                        .suggest(text, spot, &names);
                if crate::suggest::nearest(text, names.iter().copied()).is_none() {
                    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
                    diag = diag.note(format!("it has {}", list.join(", ")));
                }
                self.diags.push(diag);
                None
            }
        }
    }

    /// A poisoned value, for what has been reported.
    pub(super) fn poisoned(node: Node<'_>) -> Expr {
        Expr {
            kind: ExprKind::Poison,
            span: node.range().into(),
        }
    }
}

/// How deep lists may stand in lists.
const MAX_TYPE_DEPTH: u32 = 64;

fn depth_of(ty: &Ty, depth: u32) -> u32 {
    if depth > MAX_TYPE_DEPTH {
        return depth;
    }
    match ty {
        Ty::Optional(inner)
        | Ty::Range(inner)
        | Ty::List(inner)
        | Ty::Map(inner)
        | Ty::Labelled(_, inner) => depth_of(inner, depth + 1),
        Ty::Record(fields) => {
            let deepest = fields.iter().map(|f| depth_of(&f.ty, depth + 1)).max();
            deepest.unwrap_or(depth)
        }
        _ => depth,
    }
}
