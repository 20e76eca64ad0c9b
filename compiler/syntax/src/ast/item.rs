//! The items: what stands in a file and in bodies.

use super::{
    Body, Expr, Item, Name, Path, Type, ast_node, body_of, docs_of, expr_of, name_of, params_of,
    path_of, type_of,
};
use crate::kind::SyntaxKind as K;
use crate::tree::Node;

macro_rules! named {
    ($($ty:ident),*) => { $(
        impl<'t> $ty<'t> {
            /// The name it gives.
            pub fn name(self) -> Option<Name<'t>> {
                name_of(self.0)
            }

            /// Its documentation: the `///` lines before it, as Markdown.
            pub fn docs(self) -> Option<String> {
                docs_of(self.0)
            }

            /// Is it `pub`, so that other packages may use it?
            pub fn is_pub(self) -> bool {
                self.0.child(K::PubKw).is_some()
            }
        }
    )* };
}

named!(
    App, Kind, TypeDef, UnitDef, FnDef, Let, Env, Policy, Test, Decl, FieldDecl, Out
);

macro_rules! with_body {
    ($($ty:ident),*) => { $(
        impl<'t> $ty<'t> {
            /// The `{ … }`, if it has one.
            pub fn body(self) -> Option<Body<'t>> {
                body_of(self.0)
            }

            /// What stands in its `{ … }`; nothing without one.
            pub fn items(self) -> impl Iterator<Item = Item<'t>> {
                body_of(self.0).into_iter().flat_map(Body::items)
            }

            /// The fields (`path = value`) in its `{ … }`.
            pub fn fields(self) -> impl Iterator<Item = Field<'t>> {
                body_of(self.0).into_iter().flat_map(Body::fields)
            }
        }
    )* };
}

with_body!(App, Kind, Env, Policy, Waive, Test, Decl, Each);

ast_node! {
    /// `app shop` or `app shop { domain: String }`. Its items are [`FieldDecl`]s.
    App
}

impl<'t> App<'t> {
    /// Its inputs.
    pub fn inputs(self) -> impl Iterator<Item = FieldDecl<'t>> {
        body_of(self.0)
            .into_iter()
            .flat_map(|b| b.0.children().filter_map(FieldDecl::cast))
    }
}

ast_node! {
    /// `use acme.targets.{eu_cluster, us as america}` or `use acme.targets.eu_cluster as eu`
    Use
}

impl<'t> Use<'t> {
    /// The module: the part before the braces or before the last name (`acme.targets`).
    pub fn module(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// What is taken from it, at least one.
    pub fn items(self) -> impl Iterator<Item = UseItem<'t>> {
        self.0.children().filter_map(UseItem::cast)
    }

    /// Is it `pub`?
    pub fn is_pub(self) -> bool {
        self.0.child(K::PubKw).is_some()
    }
}

ast_node! {
    /// `eu_cluster` or `us as america` in a [`Use`]
    UseItem
}

impl<'t> UseItem<'t> {
    /// The name it has there (`us`).
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// The name after `as` (`america`).
    pub fn alias(self) -> Option<Name<'t>> {
        self.0.children().filter_map(Name::cast).nth(1)
    }
}

ast_node! {
    /// `pub extern kind postgres is resource { … }`, `abstract kind workload { … }`.
    /// Items: [`FieldDecl`], [`Field`] (another default for a field it takes over), [`Let`], [`Decl`], [`If`], [`For`],
    /// [`Require`], [`Out`].
    Kind
}

impl<'t> Kind<'t> {
    /// Do the backends implement it?
    pub fn is_extern(self) -> bool {
        self.0.child(K::ExternKw).is_some()
    }

    /// Can only other kinds be made of it?
    pub fn is_abstract(self) -> bool {
        self.0.child(K::AbstractKw).is_some()
    }

    /// The kind whose fields it takes over: `workload` in `kind service is workload`.
    pub fn parent(self) -> Option<Path<'t>> {
        path_of(self.0)
    }
}

ast_node! {
    /// `domain: String = "x" changes replace open`. The modifiers may also stand before the `=`.
    FieldDecl
}

impl<'t> FieldDecl<'t> {
    /// Its type, with its labels and its `where`.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// What it is when not given.
    pub fn default(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// The word after `changes`: `in_place`, `replace` or `grow_only` (checked later).
    pub fn changes(self) -> Option<Name<'t>> {
        self.0.child(K::Changes).and_then(name_of)
    }

    /// May `set` reach it from another package?
    pub fn is_open(self) -> bool {
        self.0.child(K::OpenKw).is_some()
    }
}

ast_node! {
    /// `scale = 2..10`, `background["default"].scale = 3`, `"/api" = to(api)`
    Field
}

impl<'t> Field<'t> {
    /// What it sets.
    pub fn path(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// To what.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `let shared: Map<EnvValue> = { … }`
    Let
}

impl<'t> Let<'t> {
    /// Its type, where written.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// Its value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `type Port = Int where 1..65535`;
    /// `type Scale = implicit fixed(count: Int) | implicit auto(range: Range<Int>) { let min = … }`
    TypeDef
}

impl<'t> TypeDef<'t> {
    /// What it stands for. A variant of several cases is a [`super::TypeUnion`], of one a [`super::VariantCase`].
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// The members computed for all cases, in which `self` is the value.
    pub fn members(self) -> impl Iterator<Item = Let<'t>> {
        body_of(self.0)
            .into_iter()
            .flat_map(|b| b.0.children().filter_map(Let::cast))
    }
}

ast_node! {
    /// `unit req`, `unit kreq = 1000req`, `unit MiB: Bytes = 1024KiB`
    UnitDef
}

impl<'t> UnitDef<'t> {
    /// The type of its quantities, where written.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// What one of it is; none for a unit of a dimension of its own.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `fn rails(args: [String]): Run = image("…", args: args)`
    FnDef
}

impl<'t> FnDef<'t> {
    /// Its parameters.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }

    /// The type of its result.
    pub fn result(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// Its value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `args: [String]`, `strip: Bool = false`; in a closure just `x`; in a function type just a type
    Param
}

impl<'t> Param<'t> {
    /// Its name.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// Its type.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// What it is when not given.
    pub fn default(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// Its documentation.
    pub fn docs(self) -> Option<String> {
        docs_of(self.0)
    }
}

ast_node! {
    /// `env prod { … }`, `env preview[pr: Int where 1..999999] { … }`. Items: [`Field`], [`Each`].
    Env
}

impl<'t> Env<'t> {
    /// The keys of a family: `pr: Int where 1..999999`. None for a single environment.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }

    /// Is it a family?
    pub fn is_family(self) -> bool {
        self.0.child(K::Params).is_some()
    }

    /// Its `each` blocks.
    pub fn each(self) -> impl Iterator<Item = Each<'t>> {
        body_of(self.0)
            .into_iter()
            .flat_map(|b| b.0.children().filter_map(Each::cast))
    }
}

ast_node! {
    /// `each worker { scale = 1 }`
    Each
}

impl<'t> Each<'t> {
    /// The kind.
    pub fn kind(self) -> Option<Path<'t>> {
        path_of(self.0)
    }
}

ast_node! {
    /// `policy backups(db: postgres) { when = …, require = …, message = "…" }`. The type of a parameter is a
    /// kind, `link`, `declaration` or `environment`.
    Policy
}

impl<'t> Policy<'t> {
    /// Its parameters.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }
}

ast_node! {
    /// `waive backups for db { reason = "…", until = "2026-01-01" }`
    Waive
}

impl<'t> Waive<'t> {
    /// The policy.
    pub fn policy(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// For what.
    pub fn target(self) -> Option<Path<'t>> {
        self.0.children().filter_map(Path::cast).nth(1)
    }
}

ast_node! {
    /// `test wide { assert = … }`
    Test
}

ast_node! {
    /// `moved old_name to new_name`
    Moved
}

impl<'t> Moved<'t> {
    /// Where it was.
    pub fn from(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// Where it is now.
    pub fn to(self) -> Option<Path<'t>> {
        self.0.children().filter_map(Path::cast).nth(1)
    }
}

ast_node! {
    /// `service api { … }`, `worker background[q.queue] { … }`, `secret stripe_key`. Its items are [`Field`]s.
    Decl
}

impl<'t> Decl<'t> {
    /// The kind: `service`.
    pub fn kind(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// The key of a member of a family: `q.queue`.
    pub fn key(self) -> Option<Expr<'t>> {
        self.0.child(K::Index).and_then(expr_of)
    }
}

ast_node! {
    /// `if search { … } else if … { … } else { … }` over declarations
    If
}

impl<'t> If<'t> {
    /// Its condition.
    pub fn condition(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// What is there if it holds.
    pub fn then_items(self) -> impl Iterator<Item = Item<'t>> {
        body_of(self.0).into_iter().flat_map(Body::items)
    }

    /// What is there if not: the items of `else { … }`, or the one [`If`] of `else if`.
    pub fn else_items(self) -> impl Iterator<Item = Item<'t>> {
        let body = self.0.children().filter_map(Body::cast).nth(1);
        let chained = self.0.child(K::If).map(|n| Item::If(If(n)));
        body.into_iter().flat_map(Body::items).chain(chained)
    }
}

ast_node! {
    /// `for t in tenants { … }`, `for k, v in m { … }` over declarations
    For
}

impl<'t> For<'t> {
    /// The names it binds: one, or two for the key and the value of a map.
    pub fn bindings(self) -> impl Iterator<Item = Name<'t>> {
        self.0.children().filter_map(Name::cast)
    }

    /// What it goes over.
    pub fn source(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// What is repeated.
    pub fn items(self) -> impl Iterator<Item = Item<'t>> {
        body_of(self.0).into_iter().flat_map(Body::items)
    }
}

ast_node! {
    /// `out url: secret later Url = public.url grants read_write`, `implicit out url = public.url`; in an
    /// `extern kind` there is no value. `grants` may also stand before the `=`.
    Out
}

impl<'t> Out<'t> {
    /// Its type, with its labels.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// Its value.
    pub fn value(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// The permission that reading it gives.
    pub fn grants(self) -> Option<Name<'t>> {
        self.0.child(K::Grants).and_then(name_of)
    }

    /// Is it what the bare name of the declaration gives?
    pub fn is_implicit(self) -> bool {
        self.0.child(K::ImplicitKw).is_some()
    }
}

ast_node! {
    /// `require storage > 1GiB`, `require storage > 1GiB else "a database needs room"`
    Require
}

impl<'t> Require<'t> {
    /// What must hold.
    pub fn condition(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// What to say if it does not.
    pub fn message(self) -> Option<Expr<'t>> {
        self.0.children().filter_map(Expr::cast).nth(1)
    }
}
