//! Items: definitions, kinds, declarations.

use std::sync::Arc;

use plat_syntax::ast::{self, Item, Type};
use plat_syntax::{Node, SyntaxKind};

use super::Checker;
use super::notes::Symbol;
use crate::diag::Diag;
use crate::ir::{Condition, Expr, ExprKind, Value};
use crate::types::{Ty, TypeBody, TypeReader, app_head, fn_head, name_spot, type_def};

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
            Item::Moved(moved) => self.moved(moved),
            _ => {}
        }
    }

    /// The conditions and defaults inside of types, wherever they stand in the item.
    pub(super) fn type_parts(&mut self, root: Node<'db>) {
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

    pub(super) fn part_default(
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

    pub(super) fn refinement(&mut self, refined: ast::TypeRefined<'db>) -> Condition {
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

    pub(super) fn field_defaults(
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

    pub(super) fn let_(&mut self, def: ast::Let<'db>) {
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

    pub(super) fn function(&mut self, def: ast::FnDef<'db>) {
        let head = fn_head(self.db, self.item);
        self.diags.extend(head.diags.iter().cloned());
        for (param, ast) in head.params.iter().zip(def.params()) {
            let id = self.bind(&param.name, param.ty.clone());
            let part = Symbol::Part(self.item, Arc::from(""), param.name.clone());
            self.note_other(id, part);
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

    pub(super) fn unit(&mut self, def: ast::UnitDef<'db>) {
        if let Some(value) = def.value() {
            let (_, ty) = self.infer(value, None);
            let is_literal = matches!(value, ast::Expr::NumberLit(_));
            if !ty.is_unknown() && (!is_literal || !matches!(ty, Ty::Quantity(_))) {
                let message = "a unit is so many of another one: `unit kreq = 1000req`";
                self.error("E0214", value.node(), message);
            } else if self.diags.is_empty() && crate::units::unit(self.db, self.item).is_none() {
                let next = |item| crate::units::other_unit(self.db, item);
                // One that leads to a circle without being on it has nothing wrong itself.
                if let Some(circle) = super::circle(self.item, next)
                    && super::tells(self.db, self.item, &circle)
                {
                    let name = self.item.name(self.db);
                    let message = format!("the unit `{name}` is defined by itself");
                    let diag = Diag::error("E0214", self.spot(value.node()), message);
                    self.diags.push(super::told(self.db, diag, &circle));
                }
            }
        }
    }

    pub(super) fn type_def(&mut self, def: ast::TypeDef<'db>) {
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
