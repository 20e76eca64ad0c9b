//! One environment from its declaration to its graph.

use std::sync::Arc;

use plat_model::Graph;
use plat_syntax::ast::{self, Item};

use super::overrides::Overrides;
use super::value::Kind;
use super::{Cx, Data, Eval, Locals, Sites, Val, World, bind};
use crate::app::app;
use crate::check::{is_target, lower};
use crate::db::{Db, ItemId};
use crate::diag::{Diag, Span};
use crate::ir::{EnvBody, Expr};
use crate::types::{Ty, name_spot};

/// An environment, or a member of a family with its keys as written.
#[salsa::interned(unsafe(no_lifetime), revisions = usize::MAX, debug)]
pub struct EnvKey {
    /// Its declaration.
    #[returns(copy)]
    pub item: ItemId,
    /// The keys.
    pub keys: Arc<[String]>,
}

/// What an environment uses of another one.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Held {
    /// The name of the other environment.
    pub environment: String,
    /// The path of the declaration there.
    pub node: String,
    /// What uses it here.
    pub by: String,
    /// Where that is said.
    pub spot: crate::diag::Spot,
}

/// What an environment is.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// Its graph, its origins empty: those are in `sites`, by their ids.
    pub graph: Option<Graph>,
    /// Who set what, the winner first.
    pub sites: Sites,
    /// What it uses of other environments.
    pub holds: Vec<Held>,
    /// What came of the policies.
    pub policies: Vec<super::PolicyRun>,
    /// What is wrong.
    pub diags: Vec<Diag>,
}

/// What can be told of an environment without making its graph.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Checked {
    /// What is wrong.
    pub diags: Vec<Diag>,
    /// What it uses of other environments.
    pub holds: Vec<Held>,
    /// What came of the policies.
    pub policies: Vec<super::PolicyRun>,
}

/// What is wrong with an environment, and what else can be told of it without its graph: from its
/// pieces, or, where these cannot tell, of the whole.
#[salsa::tracked]
pub fn evaluate(db: &dyn Db, key: EnvKey) -> Checked {
    if let Some(checked) = super::pieces::joined(db, key) {
        return checked;
    }
    let evaluated = evaluated(db, key, |_, _| (None, Sites::default()));
    Checked {
        diags: evaluated.diags,
        holds: evaluated.holds,
        policies: evaluated.policies,
    }
}

/// The graph of an environment. It is made anew each time, and not kept beside the one that is
/// handed out: it is as large as all else together.
pub fn graph(db: &dyn Db, key: EnvKey) -> Evaluated {
    evaluated(db, key, crate::graph::assemble)
}

fn evaluated<'db>(
    db: &'db dyn Db,
    key: EnvKey,
    make: impl FnOnce(&mut Eval<'db>, usize) -> (Option<Graph>, Sites),
) -> Evaluated {
    let mut eval = Eval::new(db);
    let Some(world) = eval.open(key.item(db), key.keys(db)) else {
        return Evaluated {
            diags: eval.diags,
            ..Evaluated::default()
        };
    };
    eval.fill(world);
    eval.check_requires(world);
    let holds = crate::graph::inspect(&mut eval, world);
    let policies = eval.check_policies(world);
    eval.check_unused(world);
    let (graph, sites) = make(&mut eval, world);
    Evaluated {
        graph,
        sites,
        holds,
        policies,
        diags: eval.diags,
    }
}

/// A module's `let` in an environment, as it would be written.
pub fn show_let(db: &dyn Db, env: ItemId, item: ItemId) -> String {
    let mut eval = Eval::new(db);
    let Some(world) = eval.open(env, &[]) else {
        return String::new();
    };
    let cx = Cx {
        world,
        item,
        inst: None,
        kind: Kind::Declared,
    };
    match &lower(db, item).value {
        Some(value) => {
            let value = eval.eval(&value.expr, &cx, &None);
            eval.show(&value)
        }
        None => String::new(),
    }
}

/// The name of the target's constructor: `local`. Found in the text alone where that says it, so
/// that listing environments costs nothing.
pub fn target_name(db: &dyn Db, env: ItemId) -> Option<Arc<str>> {
    let mut at = env;
    for _ in 0..64 {
        let body = lower(db, at).env.as_ref()?;
        if let Some((_, target)) = body.fields.iter().find(|(n, _)| n.as_ref() == "target") {
            return target_of(db, target, 0);
        }
        at = body.extends.as_ref()?.env;
    }
    None
}

/// Whether the environment, or one that it extends, says where its state is kept.
pub fn says_state(db: &dyn Db, env: ItemId) -> bool {
    let mut at = Some(env);
    for _ in 0..64 {
        let Some(body) = at.and_then(|at| lower(db, at).env.as_ref()) else {
            return false;
        };
        if body.fields.iter().any(|(n, _)| n.as_ref() == "state") {
            return true;
        }
        at = body.extends.as_ref().map(|extends| extends.env);
    }
    false
}

fn target_of(db: &dyn Db, expr: &Expr, depth: u32) -> Option<Arc<str>> {
    if depth > 64 {
        return None;
    }
    match &expr.kind {
        crate::ir::ExprKind::Target(kind, _) => Some(kind.name(db).clone()),
        crate::ir::ExprKind::Coerce(inner, _) => target_of(db, inner, depth + 1),
        crate::ir::ExprKind::Let(item) => {
            let value = lower(db, *item).value.as_ref()?;
            target_of(db, &value.expr, depth + 1)
        }
        crate::ir::ExprKind::With(base, ..) => target_of(db, base, depth + 1),
        _ => None,
    }
}

impl<'db> Eval<'db> {
    /// The world of an environment, opened once. `None` where it makes no sense, which has been
    /// reported.
    pub fn open(&mut self, env: ItemId, keys: &[String]) -> Option<usize> {
        let before = self.worlds.len();
        let world = self.begin(env, keys)?;
        if world >= before {
            let chain = self.world(world)?.chained();
            for (link, env, body) in chain {
                self.overrides(world, (link, env), body);
            }
        }
        Some(world)
    }

    /// The same, with what it overrides known already.
    pub(super) fn open_with(
        &mut self,
        env: ItemId,
        keys: &[String],
        overrides: &Arc<Overrides>,
    ) -> Option<usize> {
        let world = self.begin(env, keys)?;
        self.worlds.get_mut(world)?.overrides = Arc::clone(overrides);
        Some(world)
    }

    /// The world of an environment, without what it overrides one by one.
    fn begin(&mut self, env: ItemId, keys: &[String]) -> Option<usize> {
        let name = if keys.is_empty() {
            env.name(self.db).to_string()
        } else {
            format!("{}[{}]", env.name(self.db), keys.join(", "))
        };
        if let Some(found) = self.worlds.iter().position(|w| w.name == name) {
            return Some(found);
        }
        let world = self.worlds.len();
        self.worlds.push(World::new(world, env, name.clone()));
        let chain = self.chain(env)?;
        let db = self.db;
        if let Some(w) = self.worlds.get_mut(world) {
            w.bodies = chain.iter().map(|e| lower(db, *e).env.as_deref()).collect();
            for (env, body) in chain.iter().zip(&w.bodies) {
                let each = body.iter().flat_map(|body| &body.each);
                w.each
                    .extend(each.map(|(kind, assigns)| (*kind, assigns.as_slice(), *env)));
            }
            w.chain.clone_from(&chain);
        }
        let body = lower(self.db, env).env.as_deref()?;
        let mut locals = self.keys(world, env, body, keys)?;
        let mut shown = name;
        for (at, item) in chain.iter().enumerate() {
            if let Some(w) = self.worlds.get_mut(world) {
                w.members.push((shown, locals.clone()));
            }
            (shown, locals) = match chain.get(at + 1) {
                Some(_) => self.base_keys(world, *item, &locals),
                None => break,
            };
        }
        Some(world)
    }

    /// The name and the keys of what an environment extends: `preview[214]`.
    fn base_keys(
        &mut self,
        world: usize,
        env: ItemId,
        locals: &Locals<'db>,
    ) -> (String, Locals<'db>) {
        let cx = Cx {
            world,
            item: env,
            inst: None,
            kind: Kind::Set,
        };
        let body = lower(self.db, env).env.as_ref();
        let Some(extends) = body.and_then(|b| b.extends.as_ref()) else {
            return (String::new(), None);
        };
        let mut keys: Locals<'db> = None;
        let mut shown = Vec::new();
        let base = lower(self.db, extends.env).env.as_ref();
        for (expr, (_, id, _)) in extends
            .keys
            .iter()
            .zip(base.into_iter().flat_map(|b| &b.params))
        {
            let value = self.eval(expr, &cx, locals);
            shown.push(self.show_plain(&value));
            keys = bind(&keys, *id, value);
        }
        let name = extends.env.name(self.db);
        if shown.is_empty() {
            (name.to_string(), None)
        } else {
            (format!("{name}[{}]", shown.join(", ")), keys)
        }
    }

    /// An environment and those it extends, nearest first. A circle of them has been reported.
    fn chain(&mut self, env: ItemId) -> Option<Vec<ItemId>> {
        let mut chain = vec![env];
        let mut at = env;
        while let Some(next) = lower(self.db, at)
            .env
            .as_ref()
            .and_then(|e| e.extends.as_ref())
        {
            if chain.contains(&next.env) {
                return None;
            }
            chain.push(next.env);
            at = next.env;
        }
        Some(chain)
    }

    /// The keys of a family's member, read from what was asked for.
    fn keys(
        &mut self,
        world: usize,
        env: ItemId,
        body: &'db EnvBody,
        keys: &[String],
    ) -> Option<Locals<'db>> {
        let spot = name_spot(self.db, env);
        if keys.len() != body.params.len() {
            let names: Vec<&str> = body.params.iter().map(|(n, ..)| n.as_ref()).collect();
            let name = env.name(self.db);
            let message = if names.is_empty() {
                format!("the environment `{name}` is no family: it takes no key")
            } else {
                format!("`{name}` is a family: it takes its {}", names.join(", "))
            };
            let diag = Diag::error("E0609", spot, message)
                .help(format!("ask for `{name}[…]` with a value for each key"));
            self.diags.push(if names.is_empty() {
                Diag::error(
                    "E0609",
                    spot,
                    format!("the environment `{name}` is no family: it takes no key"),
                )
            } else {
                diag
            });
            return None;
        }
        let cx = Cx {
            world,
            item: env,
            inst: None,
            kind: Kind::Set,
        };
        let mut locals: Locals<'db> = None;
        for ((name, id, ty), text) in body.params.iter().zip(keys) {
            let plain = ty.plain(self.db).1;
            let data = match plain {
                Ty::Int => text.parse().ok().map(Data::int),
                Ty::Bool => text.parse().ok().map(Data::Bool),
                _ => Some(Data::Text(Arc::from(text.as_str()))),
            };
            let Some(data) = data else {
                let message = format!(
                    "the key `{name}` is a `{}`, and `{text}` is none",
                    ty.show(self.db)
                );
                self.diags.push(Diag::error("E0609", spot, message));
                return None;
            };
            let value = Val::new(data, cx.origin(spot.range));
            let value = self.refine_key(value, ty, &cx, spot.range);
            if value.is_poison() {
                return None;
            }
            locals = bind(&locals, *id, value);
        }
        Some(locals)
    }

    fn refine_key(&mut self, value: Val<'db>, ty: &Ty, cx: &Cx, span: Span) -> Val<'db> {
        let from = match &value.data {
            Data::Int(_) => Ty::Int,
            Data::Bool(_) => Ty::Bool,
            Data::Text(text) => Ty::Word(crate::types::Word::Text(text.clone())),
            _ => Ty::Unknown,
        };
        let converter = crate::types::Converter { db: self.db };
        match converter.convert(&from, ty) {
            Ok(coercion) => self.coerce(value, &coercion, cx, span),
            Err(_) => {
                let message = format!("{} is no `{}`", self.show(&value), ty.show(self.db));
                self.error(cx, Diag::error("E0609", self.spot(cx, span), message));
                Self::poison(cx, span)
            }
        }
    }

    /// Evaluates every `let` of the app's modules, also those that nothing reads.
    fn module_lets(&mut self, world: usize) {
        for item in &app(self.db).lets {
            let cx = Cx {
                world,
                item: *item,
                inst: None,
                kind: Kind::Declared,
            };
            self.module_let(*item, &cx, name_spot(self.db, *item).range);
        }
    }

    /// Evaluates every input of the app, also those that nothing reads.
    fn app_inputs(&mut self, world: usize) {
        for head in &app(self.db).heads {
            for input in &crate::types::app_head(self.db, *head).fields {
                let cx = Cx {
                    world,
                    item: *head,
                    inst: None,
                    kind: Kind::Declared,
                };
                let span = name_spot(self.db, *head).range;
                self.app_input(&cx, span, *head, &input.name);
            }
        }
    }

    /// Finds every declaration and evaluates every field.
    pub fn fill(&mut self, world: usize) {
        if self.world(world).is_none_or(|w| w.filled) {
            return;
        }
        if self.looks_once() {
            self.module_lets(world);
            self.app_inputs(world);
        }
        for item in self.contents() {
            self.expand(world, None, *item);
        }
        let mut next = 0u32;
        loop {
            let inst = super::InstId {
                world,
                number: next,
            };
            let Some(instance) = self.world(world).and_then(|w| w.instance(inst)).cloned() else {
                break;
            };
            next += 1;
            // Too much has been made, and that has been reported.
            if self.stopped {
                break;
            }
            if !instance.own {
                continue;
            }
            if !instance.head.external {
                self.expand(world, Some(inst), instance.kind);
            }
            let cx = Cx {
                world,
                item: instance.item,
                inst: instance.parent,
                kind: Kind::Declared,
            };
            for (number, _) in (0u32..).zip(&instance.head.fields) {
                if self
                    .world(world)
                    .is_none_or(|w| w.value(inst, number).is_none())
                {
                    self.field_at(&cx, instance.decl.name_span, inst, number);
                }
            }
        }
        if let Some(w) = self.worlds.get_mut(world) {
            w.filled = true;
        }
    }

    /// A field of the environment itself, from the nearest that gives it.
    pub fn env_field(&mut self, world: usize, name: &str) -> Option<Val<'db>> {
        let chain = self.world(world)?.chain.clone();
        for env in chain {
            let body = lower(self.db, env).env.as_ref()?;
            if let Some((_, expr)) = body.fields.iter().find(|(n, _)| n.as_ref() == name) {
                let cx = Cx {
                    world,
                    item: env,
                    inst: None,
                    kind: Kind::Declared,
                };
                let locals = self.world(world)?.keys_of(env);
                return Some(self.eval(expr, &cx, &locals));
            }
        }
        None
    }

    /// `in(prod, e)`: the expression in another world.
    pub(super) fn in_environment(
        &mut self,
        env: &'db Expr,
        value: &'db Expr,
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let Some(world) = self.named_world(env, cx, locals) else {
            return Self::poison(cx, span);
        };
        // Inside of a kind, what is meant is the same use of it over there.
        let inst = match cx.inst {
            None => None,
            Some(here) if here.world == world => Some(here),
            Some(here) => {
                let path = self.path_of(here);
                match self.find(world, &path) {
                    Some(there) => Some(there),
                    None => {
                        let name = self.world(world).map_or("", |w| w.name.as_str());
                        let message = format!("there is no `{path}` in the environment `{name}`");
                        let spot = self.spot(cx, span);
                        self.error(cx, Diag::error("E0606", spot, message));
                        return Self::poison(cx, span);
                    }
                }
            }
        };
        let inner = Cx { world, inst, ..*cx };
        self.eval(value, &inner, locals)
    }

    /// The world of an environment that is named, a member of a family by its keys; with its
    /// declarations, but for what kinds are made of.
    pub(crate) fn named_world(
        &mut self,
        env: &'db Expr,
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Option<usize> {
        let mut keys = Vec::new();
        let mut at = env;
        while let crate::ir::ExprKind::Index(base, key) = &at.kind {
            let key = self.eval(key, cx, locals);
            if key.is_poison() {
                return None;
            }
            keys.push(self.show_plain(&key));
            at = base;
        }
        keys.reverse();
        let crate::ir::ExprKind::Env(item) = at.kind else {
            return None;
        };
        let before = self.worlds.len();
        // Of another environment everything would be found again for each part.
        if self.give_up() {
            return None;
        }
        let world = self.open(item, &keys)?;
        if world >= before {
            for item in &app(self.db).contents {
                self.expand(world, None, *item);
            }
        }
        Some(world)
    }

    /// The declaration of a path in a world, what kinds are made of included.
    pub(crate) fn find(&mut self, world: usize, path: &str) -> Option<super::InstId> {
        let mut end = 0;
        loop {
            // Each piece of the path is there once what is around it has been looked into.
            end = path
                .get(end + 1..)
                .and_then(|rest| rest.find('.'))
                .map_or(path.len(), |at| end + 1 + at);
            let found = *self.world(world)?.paths.get(path.get(..end)?)?;
            if end == path.len() {
                return Some(found);
            }
            let kind = self.kind_of(found)?;
            self.expand(world, Some(found), kind);
        }
    }

    /// The target of the environment.
    pub fn target(&mut self, world: usize) -> Option<(ItemId, super::Entries<'db>, Val<'db>)> {
        let env = self.world(world)?.env;
        let Some(value) = self.env_field(world, "target") else {
            let chain = self.world(world).map_or(0, |w| w.chain.len());
            let is_base = crate::db::tree(self.db, env)
                .as_ref()
                .is_some_and(|t| matches!(t.item(), Item::Env(e) if ast::Env::is_pub(e)));
            if chain > 1 && !is_base {
                let spot = name_spot(self.db, env);
                let message = format!(
                    "neither `{}` nor what it extends has a target",
                    env.name(self.db)
                );
                self.diags.push(Diag::error("E0603", spot, message));
            }
            return None;
        };
        match &value.data {
            Data::Target(kind, fields) if is_target(self.db, *kind) => {
                Some((*kind, fields.clone(), value.clone()))
            }
            _ => None,
        }
    }
}
