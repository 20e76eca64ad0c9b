//! What the checker makes of an item: expressions with every name resolved and every conversion
//! written out, for evaluation. An expression that is wrong is [`ExprKind::Poison`]: it has been
//! reported, and nothing that comes of it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_model::Decimal;
use plat_syntax::ast::{BinaryOp, UnaryOp};

use crate::db::ItemId;
use crate::diag::{Diag, Span};
use crate::library::Builtin;
use crate::names::DeclRef;
use crate::types::{Coercion, NodeRef, Ty};
use crate::units::Dim;

/// A variable of an item, numbered within it.
pub type LocalId = u32;

/// An expression and where it stands in its item.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its range in its item.
    pub span: Span,
}

/// A step of a path in `with`, `set` and dotted fields.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Step {
    /// `.scale`
    Name(Arc<str>),
    /// `["default"]`, or an interpolated key
    Key(Box<Expr>),
}

/// `api.scale = 3`, its path as far as it goes below what is known to be meant.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Assign {
    /// Where to.
    pub path: Vec<Step>,
    /// What.
    pub value: Expr,
    /// The whole of it.
    pub span: Span,
    /// The path.
    pub path_span: Span,
    /// How many of its steps lead to a declaration; the next is one of its fields.
    pub depth: usize,
    /// Does it end at an entry of a map, which `none` takes out?
    pub in_map: bool,
}

/// A piece of a text.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum TextPart {
    /// As it stands.
    Text(Arc<str>),
    /// `${…}`
    Hole(Expr),
}

/// A clause of a comprehension.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Clause {
    /// `for k, v in m`
    For(Option<LocalId>, LocalId, Expr),
    /// `if c`
    If(Expr),
}

/// A pattern.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Pattern {
    /// Always.
    Any,
    /// Always, and gives it a name.
    Bind(LocalId),
    /// Equal to this.
    Equal(Expr),
    /// Within this range.
    Within(Expr),
    /// `none`
    None,
    /// `some(p)`
    Some(Box<Pattern>),
    /// A case, and patterns for its parts.
    Case(Arc<str>, Vec<(Arc<str>, Pattern)>),
    /// A declaration of this kind.
    Kind(ItemId),
    /// This environment or one that extends it.
    Env(ItemId),
    /// One of these.
    Or(Vec<Pattern>),
}

/// A number with a unit.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Literal {
    /// How many of the dimension's base unit.
    pub amount: Fraction,
    /// The unit's dimension.
    pub dim: Dim,
    /// As it is written.
    pub text: Arc<str>,
}

/// What an expression is. Most of a program is these: what is large or rare stands in a box.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum ExprKind {
    Poison,
    None,
    Bool(bool),
    Int(Whole),
    Decimal(Box<Fraction>),
    Quantity(Box<Literal>),
    Text(Arc<str>),
    Interpolate(Vec<TextPart>),
    List(Vec<Expr>),
    /// A record, or a map: then `none` is left out.
    Record(Vec<(Step, Expr)>, bool),
    ListComp(Vec<Clause>, Box<Expr>),
    MapComp(Vec<Clause>, Box<(Step, Expr)>),
    Local(LocalId),
    /// A module's `let`.
    Let(ItemId),
    /// The kind's own `let` of this name, in its contents.
    KindLet(Arc<str>),
    /// The kind's own input, in its contents.
    Input(Arc<str>),
    /// The app's input.
    AppInput(ItemId, Arc<str>),
    /// A declaration of a module.
    Decl(DeclRef),
    /// A declaration of the kind's contents.
    Content(DeclRef),
    /// The one ambient value.
    Environment,
    /// One named.
    Env(ItemId),
    /// `a.b`
    Field(Box<Expr>, Arc<str>),
    /// A member that the type computes: `scale.min`.
    Member(Box<Expr>, ItemId, Arc<str>),
    /// `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// The expression with the local bound to what the first is, or none if that is none.
    Safe(Box<Expr>, LocalId, Box<Expr>),
    /// A call of a `fn`.
    Call(ItemId, Vec<Option<Expr>>),
    /// A call of a closure.
    Apply(Box<Expr>, Vec<Expr>),
    Builtin(Builtin, Vec<Expr>),
    /// A case of a variant with its parts.
    Case(ItemId, u32, Vec<Option<Expr>>),
    /// `kubernetes { … }`
    Target(ItemId, Vec<(Arc<str>, Expr)>),
    Closure(Vec<LocalId>, Arc<Expr>),
    Match(Box<Expr>, Vec<(Pattern, Expr)>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Is(Box<Expr>, Box<Pattern>),
    /// The base, the changes, and whether the base is a map.
    With(Box<Expr>, Vec<Assign>, bool),
    Range(Box<Expr>, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    Coerce(Box<Expr>, Box<Coercion>),
    /// A document that is read as a value: its item, and the literal that it is.
    Import(ItemId, Box<Expr>),
    /// `in(prod, e)`
    In(Box<Expr>, Box<Expr>),
    /// `fails(e, "E0511")`
    Fails(Box<Expr>, Box<Failing>),
}

/// How an expression is to fail.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Failing {
    /// With which code.
    pub code: Arc<str>,
    /// The codes of what the checker has against it.
    pub found: Vec<Arc<str>>,
}

/// A whole number of 128 bits, in two halves: there are very many expressions and values, and a
/// number that asks for an alignment of 16 bytes would make each of them larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, salsa::SalsaValue)]
pub struct Whole(i64, u64);

impl Whole {
    /// The number.
    pub fn get(self) -> i128 {
        i128::from(self.0) << 64 | i128::from(self.1)
    }
}

impl From<i128> for Whole {
    fn from(n: i128) -> Self {
        // Cutting off is what halves are.
        Self((n >> 64) as i64, n as u64)
    }
}

impl std::fmt::Display for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

/// A rational number that can stand in a query's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Fraction(pub i128, pub i128);

impl From<Decimal> for Fraction {
    fn from(d: Decimal) -> Self {
        Self(d.numerator(), d.denominator())
    }
}

impl Fraction {
    /// The number.
    pub fn decimal(self) -> Decimal {
        Decimal::ratio(self.0, self.1).unwrap_or(Decimal::ZERO)
    }
}

/// A declaration or a block of declarations.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Stmt {
    /// A declaration.
    Decl(DeclStmt),
    /// `if`
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `for`
    For(Option<LocalId>, LocalId, Expr, Vec<Stmt>),
}

/// A declaration.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct DeclStmt {
    /// Which of its item.
    pub index: u32,
    /// Its name.
    pub name: Arc<str>,
    /// Its kind; `None` where there is no such kind.
    pub kind: Option<ItemId>,
    /// The key of a member of a family.
    pub key: Option<Expr>,
    /// Its fields.
    pub assigns: Vec<Assign>,
    /// Its documentation.
    pub doc: Option<Arc<str>>,
    /// The whole of it.
    pub span: Span,
    /// Its name's place.
    pub name_span: Span,
}

/// A `let` or an `out`, checked.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Value {
    /// What it is.
    pub expr: Expr,
    /// Its type.
    pub ty: Ty,
}

/// `require c else m`
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Require {
    /// What must hold.
    pub condition: Expr,
    /// What to say if not.
    pub message: Option<Expr>,
}

/// What a path in an environment's `set` reaches.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum SetRoot {
    /// An input of the app.
    AppInput(Arc<str>),
    /// A declaration of the app.
    Decl(DeclRef),
}

/// One entry of `set`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct SetEntry {
    /// What it begins at.
    pub root: SetRoot,
    /// The rest of its path: keys, contents, a field, and what is below that.
    pub assign: Assign,
}

/// An entry of `place`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct PlaceEntry {
    /// The declaration.
    pub root: DeclRef,
    /// Its key and contents.
    pub path: Vec<Step>,
    /// Where.
    pub place: Place,
    /// The path.
    pub span: Span,
    /// The place.
    pub value_span: Span,
}

/// An entry of `omit`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Omit {
    /// The declaration of the app that its path begins at.
    pub root: DeclRef,
    /// Its keys and contents; none for all of a family.
    pub path: Vec<Step>,
    /// The path.
    pub span: Span,
}

/// An entry of `leave`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Leave {
    /// The declaration of the app that its path begins at.
    pub root: DeclRef,
    /// The rest of its path: keys, contents, a field, and what is below that.
    pub path: Vec<Step>,
    /// How many of these lead to the declaration.
    pub depth: usize,
    /// The path.
    pub span: Span,
}

/// Where a single declaration is put.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Place {
    /// On another target.
    Target(Expr),
    /// On one of the target's hosts.
    On(Expr),
    /// It exists already.
    Existing(Vec<(Arc<str>, Expr)>),
    /// It is another environment's: which, and the path of the declaration there.
    Owned(Expr, DeclRef, Vec<Step>),
}

/// What an environment extends.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Extends {
    /// The environment.
    pub env: ItemId,
    /// The keys, where it is a family.
    pub keys: Vec<Expr>,
}

/// An `env`.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct EnvBody {
    /// The one it extends.
    pub extends: Option<Extends>,
    /// The keys of a family.
    pub params: Vec<(Arc<str>, LocalId, Ty)>,
    /// `target` and all other fields.
    pub fields: Vec<(Arc<str>, Expr)>,
    /// `set`
    pub set: Vec<SetEntry>,
    /// `each`
    pub each: Vec<(ItemId, Vec<Assign>)>,
    /// `place`
    pub place: Vec<PlaceEntry>,
    /// `omit`
    pub omit: Vec<Omit>,
    /// `leave`
    pub leave: Vec<Leave>,
    /// `policies`: those of other packages that hold here.
    pub policies: Vec<ItemId>,
}

/// What a policy looks at.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Subject {
    /// Every declaration of a kind.
    Kind(ItemId),
    /// Every declaration.
    Any,
    /// Every link.
    Link,
    /// The environment.
    Environment,
}

/// A `policy`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct PolicyBody {
    /// Its variable and what that stands for.
    pub params: Vec<(LocalId, Subject)>,
    /// When it holds.
    pub when: Option<Expr>,
    /// What must be true.
    pub require: Option<Expr>,
    /// What to say if it is not.
    pub message: Option<Expr>,
    /// Is it only a warning?
    pub warning: bool,
}

/// A `waive`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct WaiveBody {
    /// The policy.
    pub policy: ItemId,
    /// The path of a declaration, and all that is inside of it; or the name of an environment.
    pub target: Arc<str>,
    /// The last day on which it holds: year, month, day.
    pub until: Option<(i32, u32, u32)>,
    /// Where that day is written.
    pub until_span: Span,
}

/// All that the checker found out about an item.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Lowered {
    /// What is wrong.
    pub diags: Vec<Diag>,
    /// A `let`'s value, a function's body.
    pub value: Option<Value>,
    /// A function's parameters.
    pub params: Vec<LocalId>,
    /// Defaults of fields and parameters, by node.
    pub defaults: BTreeMap<u32, Expr>,
    /// The conditions of refinements, by node.
    pub conditions: BTreeMap<u32, Condition>,
    /// A kind's `let`s; a type's members, in which local 0 is `self`.
    pub lets: BTreeMap<Arc<str>, Value>,
    /// A kind's outs that have a value.
    pub outs: BTreeMap<Arc<str>, Value>,
    /// A kind's contents; a declaration or a block of them.
    pub contents: Vec<Stmt>,
    /// A kind's `require`s.
    pub requires: Vec<Require>,
    /// An environment.
    pub env: Option<Box<EnvBody>>,
    /// A policy.
    pub policy: Option<Box<PolicyBody>>,
    /// A waiver.
    pub waive: Option<WaiveBody>,
    /// A test's `assert`s.
    pub asserts: Vec<Expr>,
}

/// `where …`
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Condition {
    /// It lies within a range, or it is a function that must be true of it.
    Range(Expr),
    /// A function that must be true of it.
    Function(Expr),
    /// It matches a pattern as a whole.
    Matches(Arc<str>),
    /// Wrong, and reported.
    Unknown,
}

impl Expr {
    /// What has been reported.
    pub fn poison(span: Span) -> Self {
        Self {
            kind: ExprKind::Poison,
            span,
        }
    }

    /// The node of a default or a condition in an item.
    pub fn default_of(lowered: &Lowered, at: NodeRef) -> Option<&Self> {
        lowered.defaults.get(&at.node)
    }
}

/// What an expression of a kind reads of the declaration at hand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reads {
    /// The inputs.
    pub inputs: Vec<Arc<str>>,
    /// Is it more than those: what the kind computes or is made of, or what it is elsewhere?
    pub more: bool,
}

impl Reads {
    /// Nothing: then it is the same for all declarations of an environment.
    pub fn is_nothing(&self) -> bool {
        self.inputs.is_empty() && !self.more
    }
}

impl Expr {
    /// What it reads of the declaration at hand.
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        self.walk(&mut |inner| match &inner.kind {
            ExprKind::Input(name) if !reads.inputs.contains(name) => {
                reads.inputs.push(name.clone());
            }
            // A value of another environment is that of the same declaration over there.
            ExprKind::KindLet(_)
            | ExprKind::Content(_)
            | ExprKind::In(..)
            | ExprKind::Fails(..) => reads.more = true,
            _ => {}
        });
        reads
    }

    /// Calls `look` with this expression and every one inside of it, outer ones first. Patterns
    /// hold literals only, and are passed over.
    pub fn walk<'a>(&'a self, look: &mut dyn FnMut(&'a Self)) {
        let mut waiting = vec![self];
        while let Some(expr) = waiting.pop() {
            look(expr);
            let at = waiting.len();
            expr.children(&mut |inner| waiting.push(inner));
            // In the order of the source.
            if let Some(added) = waiting.get_mut(at..) {
                added.reverse();
            }
        }
    }

    fn children<'a>(&'a self, add: &mut dyn FnMut(&'a Self)) {
        let step = |step: &'a Step, add: &mut dyn FnMut(&'a Self)| {
            if let Step::Key(key) = step {
                add(key);
            }
        };
        let clauses = |clauses: &'a [Clause], add: &mut dyn FnMut(&'a Self)| {
            for clause in clauses {
                match clause {
                    Clause::For(_, _, inner) | Clause::If(inner) => add(inner),
                }
            }
        };
        match &self.kind {
            ExprKind::Interpolate(parts) => {
                for part in parts {
                    if let TextPart::Hole(inner) = part {
                        add(inner);
                    }
                }
            }
            ExprKind::List(values) | ExprKind::Builtin(_, values) => values.iter().for_each(add),
            ExprKind::Record(entries, _) => {
                for (key, value) in entries {
                    step(key, add);
                    add(value);
                }
            }
            ExprKind::ListComp(list, value) => {
                clauses(list, add);
                add(value);
            }
            ExprKind::MapComp(list, entry) => {
                clauses(list, add);
                step(&entry.0, add);
                add(&entry.1);
            }
            ExprKind::Field(inner, _)
            | ExprKind::Member(inner, ..)
            | ExprKind::Is(inner, _)
            | ExprKind::Unary(_, inner)
            | ExprKind::Fails(inner, ..)
            | ExprKind::Import(_, inner)
            | ExprKind::Coerce(inner, _) => add(inner),
            ExprKind::Index(a, b)
            | ExprKind::Safe(a, _, b)
            | ExprKind::Range(a, b)
            | ExprKind::Binary(_, a, b)
            | ExprKind::In(a, b) => {
                add(a);
                add(b);
            }
            ExprKind::Call(_, args) | ExprKind::Case(_, _, args) => {
                args.iter().flatten().for_each(add);
            }
            ExprKind::Apply(callee, args) => {
                add(callee);
                args.iter().for_each(add);
            }
            ExprKind::Target(_, fields) => fields.iter().for_each(|(_, value)| add(value)),
            ExprKind::Closure(_, body) => add(body),
            ExprKind::Match(subject, arms) => {
                add(subject);
                arms.iter().for_each(|(_, value)| add(value));
            }
            ExprKind::If(a, b, c) => {
                add(a);
                add(b);
                add(c);
            }
            ExprKind::With(base, changes, _) => {
                add(base);
                for change in changes {
                    change.path.iter().for_each(|s| step(s, add));
                    add(&change.value);
                }
            }
            ExprKind::Poison
            | ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Quantity(_)
            | ExprKind::Text(_)
            | ExprKind::Local(_)
            | ExprKind::Let(_)
            | ExprKind::KindLet(_)
            | ExprKind::Input(_)
            | ExprKind::AppInput(..)
            | ExprKind::Decl(_)
            | ExprKind::Content(_)
            | ExprKind::Environment
            | ExprKind::Env(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expr, Whole};

    #[test]
    fn whole_numbers_are_what_they_were_and_in_their_order() {
        let numbers = [
            i128::MIN,
            -(1 << 64),
            -(1 << 64) + 1,
            -1,
            0,
            1,
            1 << 63,
            1 << 64,
            i128::MAX,
        ];
        for pair in numbers.windows(2) {
            assert_eq!(Whole::from(pair[0]).get(), pair[0]);
            assert!(Whole::from(pair[0]) < Whole::from(pair[1]));
        }
        assert_eq!(Whole::from(i128::MAX).get(), i128::MAX);
        assert_eq!(Whole::from(i128::MIN).to_string(), i128::MIN.to_string());
    }

    /// There are hundreds of thousands of them in a large program.
    #[test]
    fn expressions_and_values_are_small() {
        assert!(size_of::<Expr>() <= 48, "{}", size_of::<Expr>());
        let value = size_of::<crate::eval::Val<'static>>();
        assert!(value <= 48, "{value}");
    }
}
