//! The declarations of an app in one environment, and what overrides their fields.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::overrides::{Overrides, assign_of};
use super::value::{InstId, Kind, SiteKey, Val};
use super::{Cell, CellKey, Cx, Data, Eval, Locals, bind};
use crate::check::lower;
use crate::db::ItemId;
use crate::diag::{Diag, Span, Spot};
use crate::ir::{Assign, DeclStmt, EnvBody, Expr, Reads, Step, Stmt};
use crate::names::DeclRef;
use crate::types::{KindHead, NodeRef, kind_head};

/// How many declarations an environment may have.
pub(super) const MAX_INSTANCES: usize = 100_000;
/// How deep kinds may stand in kinds.
const MAX_NESTING: usize = 32;

/// A declaration in a world.
#[derive(Clone, Debug)]
pub struct Instance<'db> {
    /// Its path: `portal[north].server`.
    pub path: Arc<str>,
    /// The names and keys of its path.
    pub tokens: Vec<Arc<str>>,
    /// Its kind.
    pub kind: ItemId,
    /// What is known of that.
    pub head: &'db KindHead,
    /// The item whose text it is.
    pub item: ItemId,
    /// Its declaration.
    pub decl: &'db DeclStmt,
    /// The declaration in whose contents it stands.
    pub parent: Option<InstId>,
    /// How many declarations that one stands in, itself counted.
    pub depth: usize,
    /// Is it, with what it stands in, one of those that are looked at?
    pub own: bool,
    /// The variables around it.
    pub locals: Locals<'db>,
}

/// The declarations that one text has become.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// The one without a key.
    pub single: Option<InstId>,
    /// Those with a key.
    pub by_key: BTreeMap<Arc<str>, InstId>,
}

/// A `set` or `each` in force, or a field of a body.
#[derive(Clone, Debug)]
pub struct Assignment<'db> {
    /// The path below the field.
    pub path: &'db [Step],
    /// The value.
    pub value: &'db Expr,
    /// Does the path end at an entry of a map, which `none` takes out?
    pub in_map: bool,
    /// Where it stands.
    pub cx: Cx,
    /// The variables there.
    pub locals: Locals<'db>,
}

impl Assignment<'_> {
    /// Who sets.
    pub fn site(&self) -> SiteKey {
        SiteKey {
            item: self.cx.item,
            span: self.value.span,
            kind: self.cx.kind,
        }
    }
}

/// The links of each declaration, by their numbers: those that begin at it and those that end
/// there.
#[derive(Debug, Default)]
pub struct Ends {
    from: FxHashMap<InstId, Vec<usize>>,
    to: FxHashMap<InstId, Vec<usize>>,
}

impl Ends {
    /// Of these links.
    pub fn new(links: &[super::LinkVal]) -> Self {
        let mut ends = Self::default();
        for (number, link) in links.iter().enumerate() {
            ends.from.entry(link.from).or_default().push(number);
            ends.to.entry(link.to).or_default().push(number);
        }
        ends
    }

    /// The links that begin at one of these, in their order.
    pub fn from<'a>(&self, of: impl Iterator<Item = &'a InstId>) -> Vec<usize> {
        Self::all(&self.from, of)
    }

    /// The links that end at one of these, in their order.
    pub fn to<'a>(&self, of: impl Iterator<Item = &'a InstId>) -> Vec<usize> {
        Self::all(&self.to, of)
    }

    fn all<'a>(
        map: &FxHashMap<InstId, Vec<usize>>,
        of: impl Iterator<Item = &'a InstId>,
    ) -> Vec<usize> {
        let found = of.filter_map(|inst| map.get(inst)).flatten();
        let mut all: Vec<usize> = found.copied().collect();
        all.sort_unstable();
        all
    }
}

/// What an app is in one environment.
#[derive(Debug)]
pub struct World<'db> {
    /// Its number.
    pub number: usize,
    /// The environment.
    pub env: ItemId,
    /// Its name, with its keys.
    pub name: String,
    /// Those it extends, nearest first; itself first.
    pub chain: Vec<ItemId>,
    /// For each of them, its name with its keys, and the variables that hold those.
    pub members: Vec<(String, Locals<'db>)>,
    /// The declarations.
    pub instances: Vec<Rc<Instance<'db>>>,
    /// What stands directly in each of them, in the order in which it was found.
    children: Vec<Vec<u32>>,
    /// By path.
    pub paths: BTreeMap<Arc<str>, InstId>,
    /// The defaults of fields that are the same for all declarations; none for those that are not.
    pub(super) defaults: FxHashMap<NodeRef, Option<Val<'db>>>,
    /// What the `require`s read, by the kind and their number there.
    pub(super) requires: FxHashMap<(ItemId, usize), Rc<Reads>>,
    /// The `require`s that hold wherever nothing is given of what they read, by the kind of the
    /// declaration, the kind that requires and the number there.
    pub(super) met: FxHashSet<(ItemId, ItemId, usize)>,
    /// The fields of the declarations, by their numbers.
    fields: Vec<Box<[Cell<'db>]>>,
    /// Whatever else is evaluated.
    cells: FxHashMap<CellKey, Cell<'db>>,
    /// What each of its chain says.
    pub bodies: Vec<Option<&'db EnvBody>>,
    /// `set`, `omit` and `leave`.
    pub overrides: Arc<Overrides>,
    /// The entries of `omit` that have left something out, by their paths.
    pub left_out: BTreeSet<String>,
    /// `each`, nearest first.
    pub each: Vec<(ItemId, &'db [Assign], ItemId)>,
    found: FxHashMap<(Option<InstId>, DeclRef), Rc<Members>>,
    expanded: FxHashMap<(Option<InstId>, ItemId), bool>,
    /// The links, once all is evaluated.
    pub links: Vec<super::LinkVal>,
    /// The numbers of the links of each declaration, once somebody asks for them.
    pub ends: Option<Ends>,
    /// Are they known?
    pub linked: bool,
    /// Has every declaration been found and every field been evaluated?
    pub(super) filled: bool,
}

fn keys_of<'db>(chain: &[ItemId], members: &[(String, Locals<'db>)], env: ItemId) -> Locals<'db> {
    let at = chain.iter().position(|e| *e == env)?;
    members.get(at).and_then(|(_, keys)| keys.clone())
}

impl<'db> World<'db> {
    /// A world without declarations.
    pub fn new(number: usize, env: ItemId, name: String) -> Self {
        Self {
            number,
            env,
            name,
            chain: vec![env],
            members: Vec::new(),
            instances: Vec::new(),
            children: Vec::new(),
            paths: BTreeMap::new(),
            defaults: FxHashMap::default(),
            requires: FxHashMap::default(),
            met: FxHashSet::default(),
            fields: Vec::new(),
            cells: FxHashMap::default(),
            bodies: Vec::new(),
            overrides: Arc::default(),
            left_out: BTreeSet::new(),
            each: Vec::new(),
            found: FxHashMap::default(),
            expanded: FxHashMap::default(),
            links: Vec::new(),
            ends: None,
            linked: false,
            filled: false,
        }
    }

    /// The keys that an environment of the chain has here.
    pub fn keys_of(&self, env: ItemId) -> Locals<'db> {
        keys_of(&self.chain, &self.members, env)
    }

    /// Each environment of the chain with what it says, by its number there.
    pub fn chained(&self) -> Vec<(u32, ItemId, &'db EnvBody)> {
        let chain = self.chain.iter().zip(&self.bodies);
        (0u32..)
            .zip(chain)
            .filter_map(|(link, (env, body))| Some((link, *env, (*body)?)))
            .collect()
    }

    /// A declaration by its number.
    pub fn instance(&self, inst: InstId) -> Option<&Rc<Instance<'db>>> {
        self.instances.get(inst.number as usize)
    }

    /// A declaration and all that stands in it, however deep: the outer before the inner, and what
    /// stands side by side in the order of the text, whoever read of it first.
    pub fn inside(&self, inst: InstId) -> Vec<InstId> {
        let mut all = vec![inst];
        let mut at = 0;
        while let Some(next) = all.get(at).copied() {
            at += 1;
            let children = self
                .children
                .get(next.number as usize)
                .into_iter()
                .flatten();
            all.extend(children.map(|number| InstId {
                number: *number,
                ..next
            }));
        }
        all
    }

    /// What stands directly in a declaration, in the order in which it was found.
    pub fn directly_inside(&self, inst: InstId) -> Vec<InstId> {
        let children = self.children.get(inst.number as usize);
        let children = children.into_iter().flatten();
        children
            .map(|number| InstId {
                number: *number,
                ..inst
            })
            .collect()
    }

    /// The state of a cell; `None` where it has none yet.
    pub fn cell(&self, key: &CellKey) -> Option<&Cell<'db>> {
        match key {
            CellKey::Field(inst, number) => {
                self.fields.get(inst.number as usize)?.get(*number as usize)
            }
            other => self.cells.get(other),
        }
    }

    /// The value of a field, if it has been evaluated.
    pub fn value(&self, inst: InstId, number: u32) -> Option<&Val<'db>> {
        match self
            .fields
            .get(inst.number as usize)?
            .get(number as usize)?
        {
            Cell::Done(value) => Some(value),
            Cell::New | Cell::Busy => None,
        }
    }

    /// Changes the state of a cell.
    pub fn set_cell(&mut self, key: CellKey, cell: Cell<'db>) {
        match key {
            CellKey::Field(inst, number) => {
                let number = number as usize;
                let Some(fields) = self.fields.get_mut(inst.number as usize) else {
                    return;
                };
                // They have been let go, and are asked for again.
                if fields.is_empty()
                    && let Some(instance) = self.instances.get(inst.number as usize)
                {
                    *fields = vec![Cell::New; instance.head.fields.len()].into();
                }
                if let Some(at) = fields.get_mut(number) {
                    *at = cell;
                }
            }
            other => {
                self.cells.insert(other, cell);
            }
        }
    }

    /// Lets the values of a declaration's fields go. Who asks for one again has it evaluated anew.
    fn release(&mut self, inst: InstId) {
        if let Some(fields) = self.fields.get_mut(inst.number as usize) {
            *fields = Box::default();
        }
    }

    /// The numbers of those that are looked at, in the order in which they were found.
    pub fn ids(&self) -> Vec<InstId> {
        let world = self.number;
        let all = (0..).zip(&self.instances);
        all.filter(|(_, instance)| instance.own)
            .map(|(number, _)| InstId { world, number })
            .collect()
    }
}

impl<'db> Eval<'db> {
    /// Lets the values of a declaration go, which nobody is going to ask for.
    pub fn release(&mut self, inst: InstId) {
        if let Some(w) = self.worlds.get_mut(inst.world) {
            w.release(inst);
        }
    }

    /// Lets the values of all declarations of a world go but of these, which are in their order.
    pub fn release_all_but(&mut self, world: usize, kept: &[InstId]) {
        let Some(w) = self.worlds.get_mut(world) else {
            return;
        };
        for inst in w.ids() {
            if kept.binary_search(&inst).is_err() {
                w.release(inst);
            }
        }
    }

    /// Finds the declarations of an item, or the contents of a declaration.
    pub fn expand(&mut self, world: usize, owner: Option<InstId>, item: ItemId) {
        let key = (owner, item);
        match self.world(world).and_then(|w| w.expanded.get(&key)) {
            Some(true) => return,
            Some(false) => {
                let cx = self.cx(world, owner, item);
                let span = Span { start: 0, end: 0 };
                let message = "which declarations there are depends on a declaration among them";
                let spot = crate::types::name_spot(self.db, item);
                self.error(&cx, Diag::error("E0501", spot, message));
                let _ = span;
                return;
            }
            None => {}
        }
        if let Some(w) = self.worlds.get_mut(world) {
            w.expanded.insert(key, false);
        }
        let stmts: &'db [Stmt] = &lower(self.db, item).contents;
        let cx = self.cx(world, owner, item);
        let own = owner.map_or_else(|| self.looks_at(item), |owner| self.is_own(owner));
        let lends = !own && self.lend(super::bounds::Whose::Others);
        self.stmts(stmts, &cx, owner, &None);
        if lends {
            self.lent();
        }
        if let Some(w) = self.worlds.get_mut(world) {
            w.expanded.insert(key, true);
        }
    }

    fn cx(&self, world: usize, owner: Option<InstId>, item: ItemId) -> Cx {
        Cx {
            world,
            item,
            inst: owner,
            kind: Kind::Declared,
        }
    }

    fn stmts(&mut self, stmts: &'db [Stmt], cx: &Cx, owner: Option<InstId>, locals: &Locals<'db>) {
        for stmt in stmts {
            match stmt {
                Stmt::Decl(decl) => self.declare(decl, cx, owner, locals),
                Stmt::If(condition, then, other) => {
                    match self.condition(condition, cx, locals) {
                        Some((true, inner)) => self.stmts(then, cx, owner, &inner),
                        Some((false, _)) => self.stmts(other, cx, owner, locals),
                        // What a condition that is wrong would choose is not known.
                        None => {}
                    }
                }
                Stmt::For(key, value, source, body) => {
                    let span = source.span;
                    let source = self.eval(source, cx, locals);
                    for (k, v) in self.elements(&source, cx, span) {
                        if self.stopped {
                            return;
                        }
                        let mut inner = bind(locals, *value, v);
                        if let Some(key) = key {
                            inner = bind(&inner, *key, k);
                        }
                        self.stmts(body, cx, owner, &inner);
                    }
                }
            }
        }
    }

    fn declare(
        &mut self,
        decl: &'db DeclStmt,
        cx: &Cx,
        owner: Option<InstId>,
        locals: &Locals<'db>,
    ) {
        let Some(kind) = decl.kind else { return };
        let key = match &decl.key {
            None => None,
            Some(expr) => {
                let value = self.eval(expr, cx, locals);
                match value.text() {
                    Some(key) if !key.is_empty() => Some(key),
                    Some(_) => {
                        let spot = self.spot(cx, expr.span);
                        self.error(cx, Diag::error("E0506", spot, "a key cannot be empty"));
                        return;
                    }
                    None => {
                        self.not_known(&value, cx, expr.span, "a key");
                        return;
                    }
                }
            }
        };
        let parent = owner
            .and_then(|o| self.world(cx.world)?.instance(o))
            .cloned();
        let depth = parent.as_ref().map_or(0, |p| p.depth + 1);
        let own = parent
            .as_ref()
            .map_or_else(|| self.looks_at(cx.item), |p| p.own);
        let mut tokens = parent.as_ref().map_or_else(Vec::new, |p| p.tokens.clone());
        let mut path = parent.map_or_else(String::new, |p| format!("{}.", p.path));
        let path = &mut path;
        path.push_str(&decl.name);
        tokens.push(decl.name.clone());
        if let Some(key) = &key {
            path.push_str(&format!("[{key}]"));
            tokens.push(key.clone());
        }
        if depth > MAX_NESTING {
            let message = format!("kinds stand more than {MAX_NESTING} deep in each other here");
            let spot = self.spot(cx, decl.name_span);
            self.error(cx, Diag::error("E0504", spot, message));
            return;
        }
        if let Some(w) = self.worlds.get_mut(cx.world)
            && let Some((entry, _)) = w.overrides.omitted_by(path)
        {
            w.left_out.insert(entry.clone());
            return;
        }
        let instance = Instance {
            path: Arc::from(path.as_str()),
            tokens,
            kind,
            head: kind_head(self.db, kind),
            item: cx.item,
            decl,
            parent: owner,
            depth,
            own,
            locals: locals.clone(),
        };
        self.add_instance(instance, key, cx, decl);
    }

    fn add_instance(
        &mut self,
        instance: Instance<'db>,
        key: Option<Arc<str>>,
        cx: &Cx,
        decl: &DeclStmt,
    ) {
        let path = instance.path.clone();
        let first = self
            .world(cx.world)
            .and_then(|w| w.instance(*w.paths.get(&path)?))
            .map(|i| Spot {
                item: i.item,
                range: i.decl.name_span,
            });
        let spot = self.spot(cx, decl.name_span);
        if let Some(first) = first {
            // Which of them is the first is known of the whole.
            if self.give_up() {
                return;
            }
            let message = format!("there are two declarations `{path}`");
            let mut diag = Diag::error("E0507", spot, message);
            if first != spot {
                diag = diag.related(first, "the first one");
            } else {
                diag = diag.help("the key must differ each time");
            }
            self.error(cx, diag);
            return;
        }
        if !self.make(cx, decl.name_span, 1) {
            return;
        }
        let owner = instance.parent;
        let Some(world) = self.worlds.get_mut(cx.world) else {
            return;
        };
        if world.instances.len() >= MAX_INSTANCES {
            if world.instances.len() == MAX_INSTANCES {
                let message = format!("there are more than {MAX_INSTANCES} declarations");
                self.stopped = true;
                self.error(cx, Diag::error("E0504", spot, message));
            }
            return;
        }
        let id = InstId {
            world: cx.world,
            number: u32::try_from(world.instances.len()).unwrap_or(u32::MAX),
        };
        world
            .fields
            .push(vec![Cell::New; instance.head.fields.len()].into());
        world.instances.push(Rc::new(instance));
        world.children.push(Vec::new());
        if let Some(around) = owner.and_then(|o| world.children.get_mut(o.number as usize)) {
            around.push(id.number);
        }
        world.paths.insert(path, id);
        let slot = DeclRef {
            item: cx.item,
            index: decl.index,
        };
        let members = world.found.entry((owner, slot)).or_default();
        let members = Rc::make_mut(members);
        match key {
            Some(key) => {
                members.by_key.insert(key, id);
            }
            None => members.single = Some(id),
        }
    }

    /// The declarations that a text has become, seen from the contents of `owner`.
    pub fn members(&mut self, world: usize, owner: Option<InstId>, decl: DeclRef) -> Rc<Members> {
        self.expand(world, owner, decl.item);
        let slot = (owner, decl);
        self.world(world)
            .and_then(|w| w.found.get(&slot))
            .cloned()
            .unwrap_or_default()
    }

    /// All that sets a field of a declaration or something below it, the strongest first.
    pub(super) fn assignments(
        &mut self,
        world: usize,
        instance: &Instance<'db>,
        name: &Arc<str>,
    ) -> Vec<Assignment<'db>> {
        let mut found = Vec::new();
        self.add_sets(world, instance, name, &mut found);
        self.add_each(world, instance, name, &mut found);
        if let Some(w) = self.world(world) {
            add_bodies(w, instance, instance, name, &mut found);
        }
        found
    }

    fn add_sets(
        &mut self,
        world: usize,
        instance: &Instance<'db>,
        name: &Arc<str>,
        found: &mut Vec<Assignment<'db>>,
    ) {
        let Some(w) = self.world(world) else {
            return;
        };
        let entries = w.overrides.sets.get(&*instance.path);
        for entry in entries.into_iter().flatten() {
            let Some(assign) = assign_of(&w.bodies, entry) else {
                continue;
            };
            if let Some(path) = field_steps(assign, name) {
                found.push(Assignment {
                    path,
                    value: &assign.value,
                    in_map: assign.in_map,
                    cx: Cx {
                        world,
                        item: entry.env,
                        inst: None,
                        kind: Kind::Set,
                    },
                    locals: keys_of(&w.chain, &w.members, entry.env),
                });
            }
        }
    }

    fn add_each(
        &mut self,
        world: usize,
        instance: &Instance<'db>,
        name: &Arc<str>,
        found: &mut Vec<Assignment<'db>>,
    ) {
        let Some(w) = self.world(world) else { return };
        let head = instance.head;
        for (kind, assigns, env) in &w.each {
            if *kind != instance.kind && !head.parents.contains(kind) {
                continue;
            }
            for assign in assigns.iter().filter(|a| a.depth == 0) {
                if let Some(path) = field_steps(assign, name) {
                    found.push(Assignment {
                        path,
                        value: &assign.value,
                        in_map: assign.in_map,
                        cx: Cx {
                            world,
                            item: *env,
                            inst: None,
                            kind: Kind::Each,
                        },
                        locals: w.keys_of(*env),
                    });
                }
            }
        }
    }

    /// An input of the app.
    pub fn app_input(&mut self, cx: &Cx, span: Span, item: ItemId, name: &Arc<str>) -> Val<'db> {
        let key = CellKey::AppInput(name.clone());
        self.cell(cx, span, key, |this| {
            this.compute_app_input(cx, span, item, name)
        })
    }

    fn compute_app_input(
        &mut self,
        cx: &Cx,
        span: Span,
        item: ItemId,
        name: &Arc<str>,
    ) -> Val<'db> {
        let Some(w) = self.world(cx.world) else {
            return Self::poison(cx, span);
        };
        let env = w.env;
        let set = w.overrides.inputs.get(name).into_iter().flatten();
        let entries: Vec<(&'db Assign, ItemId)> = set
            .filter_map(|entry| Some((assign_of(&w.bodies, entry)?, entry.env)))
            .collect();
        let keys: Vec<Locals<'db>> = entries.iter().map(|(_, env)| w.keys_of(*env)).collect();
        let head = crate::types::app_head(self.db, item);
        let default = head
            .fields
            .iter()
            .find(|f| f.name == *name)
            .and_then(|f| f.default)
            .and_then(|at| Expr::default_of(lower(self.db, at.item), at));
        let at = |item, kind| Cx {
            world: cx.world,
            item,
            inst: None,
            kind,
        };
        let locals = |e: ItemId| {
            let at = entries.iter().position(|(_, env)| *env == e);
            at.and_then(|at| keys.get(at)).cloned().flatten()
        };
        let whole = entries.iter().position(|(a, _)| a.path.is_empty());
        let mut value = match whole.and_then(|w| entries.get(w)) {
            Some((assign, e)) => {
                let value = self.eval(&assign.value, &at(*e, Kind::Set), &locals(*e));
                match default {
                    Some(d) => value.over(&at(item, Kind::Default).origin(d.span), None),
                    None => value,
                }
            }
            None => match default {
                Some(expr) => self.eval(expr, &at(item, Kind::Default), &None),
                None => {
                    let message = format!("the app's input `{name}` has no value here");
                    let world = self
                        .world(cx.world)
                        .map_or("", |w| w.name.as_str())
                        .to_owned();
                    let spot = crate::types::name_spot(self.db, env);
                    let diag = Diag::error("E0608", spot, message)
                        .label(format!("in the environment `{world}`"))
                        .help(format!("write `set = {{ {name} = … }}`"));
                    self.error(&at(env, Kind::Set), diag);
                    return Self::poison(cx, span);
                }
            },
        };
        let above = whole.unwrap_or(entries.len());
        for (assign, e) in entries.get(..above).unwrap_or(&[]).iter().rev() {
            let inner = at(*e, Kind::Set);
            let path = self.path_names(&assign.path, &inner, &locals(*e));
            let new = self.eval(&assign.value, &inner, &locals(*e));
            value = self.update(value, &path, new, assign.in_map, &inner, assign.value.span);
        }
        value
    }

    /// The elements of what a `for` goes over, with their keys; none where that is too much. They
    /// are counted before they are made.
    pub fn elements(
        &mut self,
        source: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Vec<(Val<'db>, Val<'db>)> {
        let amount = match &source.data {
            Data::List(values) => values.len(),
            Data::Map(entries) => entries.len(),
            Data::Range(ends) => match (&ends.0.data, &ends.1.data) {
                (Data::Int(low), Data::Int(high)) => {
                    let length = high
                        .get()
                        .checked_sub(low.get())
                        .and_then(|n| n.checked_add(1));
                    length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
                }
                _ => 0,
            },
            _ => 0,
        };
        if !self.make(cx, span, amount) {
            return Vec::new();
        }
        let origin = source.origin.clone();
        match &source.data {
            Data::List(values) => values
                .iter()
                .zip(0i128..)
                .map(|(v, i)| (Val::new(Data::int(i), origin.clone()), v.clone()))
                .collect(),
            Data::Map(entries) => entries
                .iter()
                .map(|(k, v)| (Val::new(Data::Text(k.clone()), origin.clone()), v.clone()))
                .collect(),
            Data::Range(ends) => match (&ends.0.data, &ends.1.data) {
                (Data::Int(low), Data::Int(high)) => (low.get()..=high.get())
                    .zip(0i128..)
                    .map(|(n, i)| {
                        (
                            Val::new(Data::int(i), origin.clone()),
                            Val::new(Data::int(n), origin.clone()),
                        )
                    })
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// What the bodies say of a field: those of the declarations around `outer`, the outermost first,
/// and its own. How deep they stand in each other is limited.
fn add_bodies<'db>(
    world: &World<'db>,
    outer: &Instance<'db>,
    instance: &Instance<'db>,
    name: &Arc<str>,
    found: &mut Vec<Assignment<'db>>,
) {
    if let Some(around) = outer.parent.and_then(|parent| world.instance(parent)) {
        add_bodies(world, around, instance, name, found);
    }
    let start = outer.tokens.len();
    let relative = instance.tokens.get(start..).unwrap_or(&[]);
    let assigns = outer.decl.assigns.iter();
    for assign in assigns.filter(|assign| assign.depth == relative.len()) {
        let same = assign
            .path
            .iter()
            .zip(relative)
            .all(|(step, token)| matches!(step, Step::Name(name) if name == token));
        if !same {
            continue;
        }
        if let Some(path) = field_steps(assign, name) {
            found.push(Assignment {
                path,
                value: &assign.value,
                in_map: assign.in_map,
                cx: Cx {
                    world: world.number,
                    item: outer.item,
                    inst: outer.parent,
                    kind: Kind::Declared,
                },
                locals: outer.locals.clone(),
            });
        }
    }
}

/// What follows the field in a path, if the path reaches this field.
fn field_steps<'a>(assign: &'a Assign, name: &Arc<str>) -> Option<&'a [Step]> {
    match assign.path.get(assign.depth..)?.split_first()? {
        (Step::Name(first), rest) if first == name => Some(rest),
        _ => None,
    }
}
