//! Expressions.

use super::{
    BoolLit, Name, NoneLit, NumberLit, Param, Path, Pattern, StringLit, ast_enum, ast_node,
    expr_of, name_of, params_of, path_of,
};
use crate::kind::SyntaxKind as K;
use crate::tree::{Node, TextRange};

ast_enum! {
    /// An expression as written.
    Expr, Error {
        /// `8080`, `1.5`, `512MiB`, `70%`
        NumberLit,
        /// `true`
        BoolLit,
        /// `none`
        NoneLit,
        /// `"postgres://${db.host}"`, `"""…"""`
        StringLit,
        /// `db`
        NameRef,
        /// `db.url`
        FieldAccess,
        /// `db?.url`
        SafeAccess,
        /// `background["default"]`
        IndexExpr,
        /// `auto(0..5, backlog: emails)`, `in(prod, api.scale)`
        Call,
        /// `kubernetes { context = "prod" }`
        Construct,
        /// `{ a = 1, "/api" = api, b.c = 2 }`
        Record,
        /// `[1, 2]`
        List,
        /// `[for q in queues if q.big: q.name]`
        ListComp,
        /// `{for k, v in m: "${k}" = v}`
        MapComp,
        /// `|x, y| x + y`
        Closure,
        /// `match tier { "gold" => 3..30, "silver" => 1..5 }`
        Match,
        /// `if a then b else c`
        IfExpr,
        /// `database is some(size)`
        IsExpr,
        /// `shared with { A = 1 }`
        WithExpr,
        /// `2..10`
        Range,
        /// `a + b`, `a and b`, `a in b`, `a ?? b`, `a == b`
        Binary,
        /// `-a`, `not a`
        Unary,
        /// `(a)`
        Paren,
    }
}

impl<'t> Expr<'t> {
    /// The expression without the parentheses around it.
    pub fn without_parens(self) -> Expr<'t> {
        let mut expr = self;
        while let Expr::Paren(paren) = expr {
            match paren.inner() {
                Some(inner) => expr = inner,
                None => break,
            }
        }
        expr
    }

    /// The name, if the expression is just one name.
    pub fn as_name(self) -> Option<Name<'t>> {
        match self {
            Expr::NameRef(name) => Some(Name(name.0)),
            _ => None,
        }
    }

    /// The fields of a `{ … }` value.
    pub fn as_record(self) -> Option<Record<'t>> {
        match self {
            Expr::Record(record) => Some(record),
            _ => None,
        }
    }
}

ast_node! {
    /// `db`, `environment`, `self`
    NameRef
}

impl<'t> NameRef<'t> {
    /// The name.
    pub fn text(self) -> &'t str {
        self.0.text()
    }
}

ast_node! {
    /// `db.url`
    FieldAccess
}

ast_node! {
    /// `db?.url`: none if `db` is none
    SafeAccess
}

macro_rules! access {
    ($($ty:ident),*) => { $(
        impl<'t> $ty<'t> {
            /// What stands before the dot.
            pub fn base(self) -> Option<Expr<'t>> {
                expr_of(self.0)
            }

            /// The name after the dot.
            pub fn name(self) -> Option<Name<'t>> {
                name_of(self.0)
            }
        }
    )* };
}

access!(FieldAccess, SafeAccess);

ast_node! {
    /// `background["default"]`
    IndexExpr
}

impl<'t> IndexExpr<'t> {
    /// `background`
    pub fn base(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `"default"`
    pub fn index(self) -> Option<Expr<'t>> {
        self.0.child(K::Index).and_then(expr_of)
    }
}

ast_node! {
    /// `auto(0..5, backlog: emails)`
    Call
}

impl<'t> Call<'t> {
    /// What is called: a name, or a member (`names.map(|n| lower(n))`).
    pub fn callee(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// Its arguments.
    pub fn args(self) -> impl Iterator<Item = Arg<'t>> {
        self.0.children().filter_map(Arg::cast)
    }
}

ast_node! {
    /// `0..5`, `backlog: emails`
    Arg
}

impl<'t> Arg<'t> {
    /// Its name, if given by name.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// Its value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `kubernetes { context = "prod" }`
    Construct
}

impl<'t> Construct<'t> {
    /// `kubernetes`
    pub fn path(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// `{ context = "prod" }`
    pub fn record(self) -> Option<Record<'t>> {
        self.0.child(K::Record).map(Record)
    }
}

ast_node! {
    /// `{ a = 1, "/api" = api, b.c = 2 }`
    Record
}

impl<'t> Record<'t> {
    /// Its entries.
    pub fn entries(self) -> impl Iterator<Item = Entry<'t>> {
        self.0.children().filter_map(Entry::cast)
    }
}

ast_node! {
    /// `a = 1`, `"/api" = api`, `background["default"].scale = 2`
    Entry
}

impl<'t> Entry<'t> {
    /// The key. Only `with`, `set` and `place` may have more than one step.
    pub fn path(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// The value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `[a, b]`
    List
}

impl<'t> List<'t> {
    /// Its elements.
    pub fn elements(self) -> impl Iterator<Item = Expr<'t>> {
        self.0.children().filter_map(Expr::cast)
    }
}

ast_node! {
    /// `[for q in queues if q.big: q.name]`
    ListComp
}

impl<'t> ListComp<'t> {
    /// Its `for` and `if` clauses, the outermost first.
    pub fn clauses(self) -> impl Iterator<Item = Clause<'t>> {
        self.0.children().filter_map(Clause::cast)
    }

    /// The element: `q.name`.
    pub fn element(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `{for k, v in m: "${k}" = v}`
    MapComp
}

impl<'t> MapComp<'t> {
    /// Its `for` and `if` clauses, the outermost first.
    pub fn clauses(self) -> impl Iterator<Item = Clause<'t>> {
        self.0.children().filter_map(Clause::cast)
    }

    /// The entry: `"${k}" = v`. A key that is a plain name is that name, not the variable.
    pub fn entry(self) -> Option<Entry<'t>> {
        self.0.children().find_map(Entry::cast)
    }
}

/// A clause of a comprehension.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Clause<'t> {
    /// `for k, v in m`
    For(CompFor<'t>),
    /// `if q.big`
    If(CompIf<'t>),
}

impl<'t> Clause<'t> {
    /// This node as a clause, if it is one.
    pub fn cast(node: Node<'t>) -> Option<Self> {
        CompFor::cast(node)
            .map(Clause::For)
            .or_else(|| CompIf::cast(node).map(Clause::If))
    }
}

ast_node! {
    /// `for k, v in m`
    CompFor
}

impl<'t> CompFor<'t> {
    /// The names it binds: one, or two for the key and the value of a map.
    pub fn bindings(self) -> impl Iterator<Item = Name<'t>> {
        self.0.children().filter_map(Name::cast)
    }

    /// What it goes over.
    pub fn source(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `if q.big`
    CompIf
}

impl<'t> CompIf<'t> {
    /// What must hold.
    pub fn condition(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `|x, y| x + y`
    Closure
}

impl<'t> Closure<'t> {
    /// Its parameters.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }

    /// Its value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `match tier { "gold" => 3..30, "silver" => 1..5 }`
    Match
}

impl<'t> Match<'t> {
    /// What is looked at: `tier`.
    pub fn subject(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// Its arms.
    pub fn arms(self) -> impl Iterator<Item = MatchArm<'t>> {
        self.0.children().filter_map(MatchArm::cast)
    }
}

ast_node! {
    /// `"gold" => 3..30`
    MatchArm
}

impl<'t> MatchArm<'t> {
    /// `"gold"`
    pub fn pattern(self) -> Option<Pattern<'t>> {
        self.0.children().find_map(Pattern::cast)
    }

    /// `3..30`
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `if a then b else c`
    IfExpr
}

impl<'t> IfExpr<'t> {
    /// `a`
    pub fn condition(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `b`
    pub fn then_value(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(1)
    }

    /// `c`
    pub fn else_value(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(2)
    }
}

ast_node! {
    /// `database is some(size)`
    IsExpr
}

impl<'t> IsExpr<'t> {
    /// `database`
    pub fn subject(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `some(size)`
    pub fn pattern(self) -> Option<Pattern<'t>> {
        self.0.children().skip(1).find_map(Pattern::cast)
    }
}

ast_node! {
    /// `shared with { A = 1, b.c = 2 }`
    WithExpr
}

impl<'t> WithExpr<'t> {
    /// `shared`
    pub fn base(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `{ A = 1, b.c = 2 }`: a [`Record`], or a [`MapComp`]
    pub fn changes(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(1)
    }
}

ast_node! {
    /// `2..10`, both ends within
    Range
}

impl<'t> Range<'t> {
    /// `2`
    pub fn low(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `10`
    pub fn high(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(1)
    }
}

/// The operators of [`Binary`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `??`
    OrElse,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl BinaryOp {
    /// The operator of a token, if it is one.
    pub(crate) fn of(kind: K) -> Option<BinaryOp> {
        Some(match kind {
            K::OrKw => BinaryOp::Or,
            K::AndKw => BinaryOp::And,
            K::EqEq => BinaryOp::Equal,
            K::NotEq => BinaryOp::NotEqual,
            K::Lt => BinaryOp::Less,
            K::LtEq => BinaryOp::LessEqual,
            K::Gt => BinaryOp::Greater,
            K::GtEq => BinaryOp::GreaterEqual,
            K::InKw => BinaryOp::In,
            K::QuestionQuestion => BinaryOp::OrElse,
            K::Plus => BinaryOp::Add,
            K::Minus => BinaryOp::Subtract,
            K::Star => BinaryOp::Multiply,
            K::Slash => BinaryOp::Divide,
            _ => return None,
        })
    }

    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::In => "in",
            BinaryOp::OrElse => "??",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
        }
    }
}

ast_node! {
    /// `a + b`
    Binary
}

impl<'t> Binary<'t> {
    /// `a`
    pub fn left(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// `b`
    pub fn right(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(1)
    }

    /// `+`
    pub fn op(self) -> Option<BinaryOp> {
        self.0.children().find_map(|c| BinaryOp::of(c.kind()))
    }

    /// Where the operator stands, relative to the item.
    pub fn op_range(self) -> Option<TextRange> {
        self.0
            .children()
            .find(|c| BinaryOp::of(c.kind()).is_some())
            .map(Node::range)
    }
}

/// The operators of [`Unary`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `not`
    Not,
}

ast_node! {
    /// `-a`, `not a`
    Unary
}

impl<'t> Unary<'t> {
    /// `-` or `not`
    pub fn op(self) -> UnaryOp {
        match self.0.child(K::Minus) {
            Some(_) => UnaryOp::Negate,
            None => UnaryOp::Not,
        }
    }

    /// `a`
    pub fn operand(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `(a)`
    Paren
}

impl<'t> Paren<'t> {
    /// `a`
    pub fn inner(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}
