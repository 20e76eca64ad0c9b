//! Evaluation: what the app is in one environment.
//!
//! It is lazy and remembers: the unit is a cell, one field of one declaration (or one `let`, one
//! `out`) in one world, a world being one environment. A reference to another declaration is a
//! value of its own, not a demand, so declarations may refer to each other in circles; reading a
//! field or a `let` is a demand, and a circle of those is an error. An override replaces the
//! expression of a cell before it is evaluated, so all who read it see it.
//!
//! Everything ends: there is no recursion in the language, and what a program may make and do is
//! counted and limited.

mod access;
mod bounds;
mod branch;
mod coerce;
mod entries;
mod env;
mod error;
mod expr;
mod ops;
mod overrides;
mod pieces;
mod policy;
mod questions;
mod show;
mod single;
mod sites;
mod testing;
mod unused;
mod value;
mod world;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::db::{Db, ItemId};
use crate::diag::{Diag, Span};
use crate::ir::{Condition, Expr, ExprKind, LocalId};
use crate::types::{KindHead, NodeRef, TypeDef, type_def};

pub use bounds::Bounds;
use bounds::Whose;
pub use entries::Entries;
pub use env::{
    Checked, EnvKey, Evaluated, Held, evaluate, graph, says_state, show_let, target_name,
};
pub use pieces::{drawn, parts, piece, put_together, shares};
pub use policy::PolicyRun;
pub use questions::LinkVal;
pub use show::quantity_text;
pub use single::single_field;
pub use sites::{Interned, Sites};
pub use testing::{first_env, run_tests};
pub use value::{Data, InstId, Kind, Origin, OutRef, Piece, SiteKey, Val};
pub use world::{Instance, World};

/// How many steps an evaluation may take that makes nothing, and how many more for each thing made.
const MAX_STEPS: u64 = 3_000_000;
const STEPS_FOR_A_THING: u64 = 20;
/// How many elements, entries, declarations and pieces of text an evaluation may make.
const MAX_MADE: u64 = 2_000_000;
/// How deep demands may go: a chain of `let`s, each reading the one before.
const MAX_DEPTH: u32 = 100_000;

/// Where an expression stands and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    /// The world.
    pub world: usize,
    /// The item whose text it is.
    pub item: ItemId,
    /// The declaration in whose contents it stands.
    pub inst: Option<InstId>,
    /// What kind of text it is.
    pub kind: Kind,
}

impl Cx {
    /// Who sets what this expression makes.
    pub fn origin(&self, span: Span) -> Origin {
        Origin::new(SiteKey {
            item: self.item,
            span,
            kind: self.kind,
        })
    }
}

/// The variables in sight.
pub type Locals<'db> = Option<Rc<Local<'db>>>;

/// A variable and those around it.
#[derive(Debug)]
pub struct Local<'db> {
    id: LocalId,
    value: Val<'db>,
    next: Locals<'db>,
}

/// With one variable more.
pub fn bind<'db>(locals: &Locals<'db>, id: LocalId, value: Val<'db>) -> Locals<'db> {
    Some(Rc::new(Local {
        id,
        value,
        next: locals.clone(),
    }))
}

/// The state of a cell.
#[derive(Clone, Debug, Default)]
pub enum Cell<'db> {
    /// Nobody has asked yet.
    #[default]
    New,
    /// It is being evaluated.
    Busy,
    /// Its value.
    Done(Val<'db>),
}

/// What a cell is of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CellKey {
    /// A module's `let`.
    Let(ItemId),
    /// An input of the app.
    AppInput(Arc<str>),
    /// A field of a declaration, by its number in the head of its kind.
    Field(InstId, u32),
    /// A kind's own `let`.
    KindLet(InstId, Arc<str>),
    /// An out.
    Out(InstId, Arc<str>),
    /// The default at a node of an item.
    Default(ItemId, u32),
    /// What the condition at a node of an item compares with.
    Condition(ItemId, u32),
}

/// The evaluator.
pub struct Eval<'db> {
    /// The database.
    pub db: &'db dyn Db,
    /// The worlds, the one asked for first.
    pub worlds: Vec<World<'db>>,
    /// What is wrong.
    pub diags: Vec<Diag>,
    seen: BTreeSet<(&'static str, u64, Span, String)>,
    steps: u64,
    made: u64,
    depth: u32,
    calls: Vec<ItemId>,
    /// What is being evaluated, for the story of a circle.
    demands: Vec<(CellKey, Cx, Span)>,
    stopped: bool,
    /// What of an environment is looked at, where that is not all.
    bounds: Option<Bounds<'db>>,
    /// How many steps and things made there may be now.
    most: u64,
    /// The patterns that were asked of texts, read.
    patterns: FxHashMap<Arc<str>, Pattern>,
    /// The defaults of fields, as they are written.
    default_exprs: FxHashMap<NodeRef, Option<&'db Expr>>,
    /// The conditions of types, and the types: thousands of values ask for the same few, and to
    /// be told by the database costs more each time than what is then done.
    conditions: FxHashMap<NodeRef, Option<&'db Condition>>,
    types: FxHashMap<ItemId, &'db TypeDef>,
    /// Who sets what stands in kinds, types and functions.
    origins: FxHashMap<SiteKey, Origin>,
}

/// A pattern, and what it said of short texts: the names of variables, say, are the same few in
/// thousands of declarations.
struct Pattern {
    regex: regex_lite::Regex,
    said: FxHashMap<Box<str>, bool>,
}

impl Pattern {
    /// How long a text is at most whose answer is kept, and how many are.
    const SHORT: usize = 32;
    const MOST: usize = 4096;

    fn is_match(&mut self, text: &str) -> bool {
        if text.len() > Self::SHORT {
            return self.regex.is_match(text);
        }
        if let Some(said) = self.said.get(text) {
            return *said;
        }
        let holds = self.regex.is_match(text);
        if self.said.len() < Self::MOST {
            self.said.insert(text.into(), holds);
        }
        holds
    }
}

impl<'db> Eval<'db> {
    /// An evaluator without a world.
    pub fn new(db: &'db dyn Db) -> Self {
        Self {
            db,
            worlds: Vec::new(),
            diags: Vec::new(),
            seen: BTreeSet::new(),
            steps: 0,
            made: 0,
            depth: 0,
            calls: Vec::new(),
            demands: Vec::new(),
            stopped: false,
            bounds: None,
            most: u64::MAX,
            patterns: FxHashMap::default(),
            default_exprs: FxHashMap::default(),
            conditions: FxHashMap::default(),
            types: FxHashMap::default(),
            origins: FxHashMap::default(),
        }
    }

    /// The world of that number. There is one wherever a number of it is held.
    pub fn world(&self, world: usize) -> Option<&World<'db>> {
        self.worlds.get(world)
    }

    /// Who sets what an expression makes. What stands in kinds, types and functions is evaluated for
    /// thousands of declarations: there it is one for all.
    fn origin(&mut self, cx: &Cx, span: Span) -> Origin {
        if cx.inst.is_none() && cx.kind != Kind::Default && self.calls.is_empty() {
            return cx.origin(span);
        }
        let site = SiteKey {
            item: cx.item,
            span,
            kind: cx.kind,
        };
        self.shared(site)
    }

    /// Somebody who sets values of many declarations.
    fn shared(&mut self, site: SiteKey) -> Origin {
        let known = self.origins.entry(site);
        known.or_insert_with(|| Origin::new(site)).clone()
    }

    /// What an expression makes.
    fn made(&mut self, data: Data<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let origin = self.origin(cx, span);
        Val::new(data, origin)
    }

    fn poison(cx: &Cx, span: Span) -> Val<'db> {
        Val::new(Data::Poison, cx.origin(span))
    }

    /// The value of a cell, evaluated once.
    fn cell(
        &mut self,
        cx: &Cx,
        span: Span,
        key: CellKey,
        work: impl FnOnce(&mut Self) -> Val<'db>,
    ) -> Val<'db> {
        match self.world(cx.world).and_then(|w| w.cell(&key)) {
            Some(Cell::Done(value)) => return value.clone(),
            Some(Cell::Busy) => {
                self.circle(cx, span, &key);
                return Self::poison(cx, span);
            }
            Some(Cell::New) | None => {}
        }
        if self.depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} values wait for each other here");
            self.error(cx, Diag::error("E0504", self.spot(cx, span), message));
            return Self::poison(cx, span);
        }
        let lends = self.whose(&key).is_some_and(|whose| self.lend(whose));
        self.set_cell(cx.world, key.clone(), Cell::Busy);
        self.depth += 1;
        self.demands.push((key.clone(), *cx, span));
        // A chain of demands may be long: the stack grows with it, on the heap.
        let value = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || work(self));
        self.demands.pop();
        self.depth -= 1;
        self.set_cell(cx.world, key, Cell::Done(value.clone()));
        if lends {
            self.lent();
        }
        value
    }

    fn set_cell(&mut self, world: usize, key: CellKey, cell: Cell<'db>) {
        if let Some(world) = self.worlds.get_mut(world) {
            world.set_cell(key, cell);
        }
    }

    /// A step is taken; `false` once there were too many.
    fn step(&mut self, cx: &Cx, span: Span) -> bool {
        self.steps += 1;
        if self.steps + self.made > self.most {
            self.give_up();
        }
        let most = MAX_STEPS + STEPS_FOR_A_THING * self.made;
        if self.steps > most && !self.stopped {
            self.stopped = true;
            let message = format!("the evaluation takes more than {most} steps");
            self.error(cx, Diag::error("E0504", self.spot(cx, span), message));
        }
        !self.stopped
    }

    /// So much is made; `false` once it was too much.
    pub fn make(&mut self, cx: &Cx, span: Span, amount: usize) -> bool {
        self.is_ahead();
        self.made = self.made.saturating_add(amount as u64);
        if self.made > MAX_MADE && !self.stopped {
            self.stopped = true;
            let message = format!("this makes more than {MAX_MADE} things");
            let diag = Diag::error("E0504", self.spot(cx, span), message)
                .help("a program may say what it makes many times over, but not without limit");
            self.error(cx, diag);
        }
        !self.stopped
    }

    /// A field of a declaration.
    pub fn field(&mut self, cx: &Cx, span: Span, inst: InstId, name: &Arc<str>) -> Val<'db> {
        let head = self.world(inst.world).and_then(|w| w.instance(inst));
        let number = head.and_then(|i| i.head.number(name));
        match number {
            Some(number) => self.field_at(cx, span, inst, number),
            None => Self::poison(cx, span),
        }
    }

    /// The field of that number in the head of the declaration's kind.
    pub fn field_at(&mut self, cx: &Cx, span: Span, inst: InstId, number: u32) -> Val<'db> {
        let cx = &Cx {
            world: inst.world,
            ..*cx
        };
        self.cell(cx, span, CellKey::Field(inst, number), |this| {
            this.compute_field(cx, inst, number)
        })
    }

    fn compute_field(&mut self, cx: &Cx, inst: InstId, number: u32) -> Val<'db> {
        let instance = self.world(cx.world).and_then(|w| w.instance(inst)).cloned();
        let Some((instance, field)) = instance.and_then(|instance| {
            let field = instance.head.fields.get(number as usize)?;
            Some((instance, field))
        }) else {
            return Self::poison(cx, Span { start: 0, end: 0 });
        };
        let name = &field.name;
        let found = self.assignments(cx.world, &instance, name);
        let default = field.default;
        let default = default.and_then(|at| Some((at, self.default_expr(at)?)));
        let default_cx = |item| Cx {
            world: cx.world,
            item,
            inst: Some(inst),
            kind: Kind::Default,
        };
        let whole = found.iter().position(|a| a.path.is_empty());
        let mut chain: Vec<SiteKey> = found
            .iter()
            .skip(whole.map_or(usize::MAX, |w| w + 1))
            .filter(|a| a.path.is_empty())
            .map(|a| a.site())
            .collect();
        let mut value = match whole.and_then(|w| found.get(w)) {
            Some(assign) => {
                chain
                    .extend(default.map(|(at, expr)| default_cx(at.item).origin(expr.span).0.site));
                let mut value = self.eval(assign.value, &assign.cx, &assign.locals);
                // The field was set here, wherever its value was put together. Inside of a kind
                // it is the other way round: what its user gave is what counts.
                let site = assign.site();
                if assign.cx.inst.is_none() && !value.origin.is_only(&site) {
                    value.origin = Origin::new(site);
                }
                value
            }
            None => match default {
                Some((at, expr)) => self.field_default(at, expr, &default_cx(at.item)),
                None if name.as_ref() == "name" => {
                    let text = plat_model::external_name(&instance.path);
                    let site = SiteKey {
                        item: instance.item,
                        span: instance.decl.name_span,
                        kind: Kind::Derived,
                    };
                    Val::new(Data::Text(text.into()), Origin::new(site))
                }
                None => {
                    let site = SiteKey {
                        item: instance.item,
                        span: instance.decl.name_span,
                        kind: Kind::Derived,
                    };
                    let plain = field.ty.plain(self.db).1;
                    let optional = matches!(plain, crate::types::Ty::Optional(_));
                    // A required field that is missing has been reported by the checker.
                    let data = if optional { Data::None } else { Data::Poison };
                    Val::new(data, Origin::new(site))
                }
            },
        };
        for site in chain {
            let below = match site.kind {
                Kind::Default => self.shared(site),
                _ => Origin::new(site),
            };
            value = value.over(&below, None);
        }
        let above = whole.unwrap_or(found.len());
        for assign in found.get(..above).unwrap_or(&[]).iter().rev() {
            let path = self.path_names(assign.path, &assign.cx, &assign.locals);
            let new = self.eval(assign.value, &assign.cx, &assign.locals);
            let site = assign.site();
            value = self.update(value, &path, new, assign.in_map, &assign.cx, site.span);
        }
        value
    }

    /// The default at a node of an item. Every field of every declaration asks for it.
    fn default_expr(&mut self, at: NodeRef) -> Option<&'db Expr> {
        *self
            .default_exprs
            .entry(at)
            .or_insert_with(|| Expr::default_of(crate::check::lower(self.db, at.item), at))
    }

    /// The condition at a node of an item.
    fn condition_at(&mut self, at: NodeRef) -> Option<&'db Condition> {
        *self.conditions.entry(at).or_insert_with(|| {
            crate::check::lower(self.db, at.item)
                .conditions
                .get(&at.node)
        })
    }

    /// The definition of a type.
    fn type_def(&mut self, item: ItemId) -> &'db TypeDef {
        self.types
            .entry(item)
            .or_insert_with(|| type_def(self.db, item))
    }

    /// The default of a field. Most say the same for every declaration: those are evaluated once.
    /// What is wrong with one is told of each declaration that has it.
    fn field_default(&mut self, at: NodeRef, expr: &'db Expr, cx: &Cx) -> Val<'db> {
        let known = self.world(cx.world).and_then(|w| w.defaults.get(&at));
        match known {
            Some(Some(value)) => return value.clone(),
            Some(None) => return self.eval(expr, cx, &None),
            None => {}
        }
        let told = self.diags.len();
        let lends = self.lend(Whose::Nobodys);
        let value = self.eval(expr, cx, &None);
        if lends {
            self.lent();
        }
        let same = expr.reads().is_nothing() && told == self.diags.len() && !value.is_poison();
        if let Some(w) = self.worlds.get_mut(cx.world) {
            w.defaults.insert(at, same.then(|| value.clone()));
        }
        value
    }

    /// Is the field as every declaration has it that says nothing of it?
    fn is_same_default(&mut self, cx: &Cx, span: Span, inst: InstId, name: &Arc<str>) -> bool {
        let Some(head) = self.world(inst.world).and_then(|w| w.instance(inst)) else {
            return false;
        };
        let head = head.head;
        let Some((number, field)) = (0u32..)
            .zip(&head.fields)
            .find(|(_, field)| field.name == *name)
        else {
            return false;
        };
        let Some(at) = field.default else {
            return false;
        };
        let value = self.field_at(cx, span, inst, number);
        let shared = self.world(inst.world).and_then(|w| w.defaults.get(&at));
        matches!(shared, Some(Some(shared)) if shared.is_copied_to(&value))
    }

    /// A field that others read: an out, else an input.
    pub fn read(&mut self, cx: &Cx, span: Span, inst: InstId, name: &Arc<str>) -> Val<'db> {
        let cx = &Cx {
            world: inst.world,
            ..*cx
        };
        let Some(head) = self.head_of(inst) else {
            return Self::poison(cx, span);
        };
        let Some(out) = head.out(name) else {
            return self.field(cx, span, inst, name);
        };
        if out.ty.is_some() && head.external {
            let ty = out.ty.clone().unwrap_or(crate::types::Ty::Unknown);
            let labels = ty.plain(self.db).0;
            let out = OutRef {
                inst,
                path: name.clone(),
                ty,
                labels,
                grant: out.grants.clone(),
            };
            return self.made(Data::Out(Rc::new(out)), cx, span);
        }
        let item = out.at.item;
        let key = CellKey::Out(inst, name.clone());
        self.cell(cx, span, key, |this| {
            let inner = Cx {
                world: cx.world,
                item,
                inst: Some(inst),
                kind: Kind::Declared,
            };
            match crate::check::lower(this.db, item).outs.get(name) {
                Some(value) => this.eval(&value.expr, &inner, &None),
                None => Self::poison(cx, span),
            }
        })
    }

    /// What a cell is called in messages.
    fn cell_name(&self, key: &CellKey) -> String {
        let of = |inst: InstId, name: &str| format!("{}.{name}", self.path_of(inst));
        match key {
            CellKey::Let(item) => item.name(self.db).to_string(),
            CellKey::AppInput(name) => name.to_string(),
            CellKey::Field(inst, number) => {
                let instance = self.world(inst.world).and_then(|w| w.instance(*inst));
                let field = instance.and_then(|i| i.head.fields.get(*number as usize));
                of(*inst, field.map_or("", |field| field.name.as_ref()))
            }
            CellKey::KindLet(inst, name) | CellKey::Out(inst, name) => of(*inst, name),
            CellKey::Default(item, _) => format!("a default of {}", item.name(self.db)),
            CellKey::Condition(item, _) => format!("a condition of {}", item.name(self.db)),
        }
    }

    /// The kind of a declaration.
    pub fn kind_of(&self, inst: InstId) -> Option<ItemId> {
        Some(self.world(inst.world)?.instance(inst)?.kind)
    }

    /// What is known of the kind of a declaration.
    pub fn head_of(&self, inst: InstId) -> Option<&'db KindHead> {
        Some(self.world(inst.world)?.instance(inst)?.head)
    }

    /// The path of a declaration, as people read it.
    pub fn path_of(&self, inst: InstId) -> String {
        self.path(inst).to_owned()
    }

    /// The same, borrowed.
    pub fn path(&self, inst: InstId) -> &str {
        self.world(inst.world)
            .and_then(|w| w.instance(inst))
            .map_or("", |i| i.path.as_ref())
    }

    /// The links of a world.
    pub fn links_of(&mut self, world: usize) -> Option<&mut Vec<LinkVal>> {
        self.worlds.get_mut(world).map(|w| &mut w.links)
    }

    /// Is it the expression of something that has been reported?
    fn is_poison_expr(expr: &Expr) -> bool {
        matches!(expr.kind, ExprKind::Poison)
    }
}
