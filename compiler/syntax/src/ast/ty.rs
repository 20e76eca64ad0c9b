//! Types.

use super::{
    Expr, Name, Param, ast_enum, ast_node, docs_of, expr_of, name_of, params_of, path_of, type_of,
};
use crate::ast::Path;
use crate::kind::SyntaxKind as K;
use crate::tree::Node;

ast_enum! {
    /// A type as written.
    Type, TypeError {
        /// `Int`, `postgres`, `Scale`
        TypeName,
        /// `Range<Int>`, `Map<EnvValue>`
        TypeApp,
        /// `[String]`
        TypeList,
        /// `{ a: Int, b: String? }`
        TypeRecord,
        /// `Bytes?`
        TypeOptional,
        /// `"gold" | "silver"`, `http(path: String) | tcp`
        TypeUnion,
        /// `"gold"`: a literal as a type
        TypeLiteral,
        /// `Int where 1..65535`
        TypeRefined,
        /// `secret later Url`
        TypeLabelled,
        /// `fn(Int, String): Bool`
        TypeFn,
        /// `implicit auto(range: Range<Int>, cpu: Percent = 80%)`: a case of a variant
        VariantCase,
    }
}

ast_node! {
    /// `Int`, `acme.Tier`
    TypeName
}

impl<'t> TypeName<'t> {
    /// The name; one step but for a name reached through its module.
    pub fn path(self) -> Option<Path<'t>> {
        path_of(self.0)
    }

    /// The last name.
    pub fn name(self) -> Option<Name<'t>> {
        path_of(self.0).and_then(|p| p.names().last())
    }
}

ast_node! {
    /// `Range<Int>`, `Map<EnvValue>`
    TypeApp
}

impl<'t> TypeApp<'t> {
    /// `Range`
    pub fn name(self) -> Option<Name<'t>> {
        path_of(self.0).and_then(|p| p.names().last())
    }

    /// What stands in the angle brackets.
    pub fn args(self) -> impl Iterator<Item = Type<'t>> {
        self.0.children().filter_map(Type::cast)
    }
}

ast_node! {
    /// `[String]`
    TypeList
}

impl<'t> TypeList<'t> {
    /// The type of its elements.
    pub fn element(self) -> Option<Type<'t>> {
        type_of(self.0)
    }
}

ast_node! {
    /// `{ a: Int, b: String? }`
    TypeRecord
}

impl<'t> TypeRecord<'t> {
    /// Its fields.
    pub fn fields(self) -> impl Iterator<Item = TypeField<'t>> {
        self.0.children().filter_map(TypeField::cast)
    }
}

ast_node! {
    /// `a: Int`, `keep: Duration = 14d`, `url: secret Url grants read` in a record type
    TypeField
}

impl<'t> TypeField<'t> {
    /// Its name.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// Its documentation.
    pub fn docs(self) -> Option<String> {
        docs_of(self.0)
    }

    /// Its type.
    pub fn ty(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// What it is when not given.
    pub fn default(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }

    /// The permission that reading it gives, in the record type of an `out`.
    pub fn grants(self) -> Option<Name<'t>> {
        self.0.child(K::Grants).and_then(name_of)
    }
}

ast_node! {
    /// `Bytes?`
    TypeOptional
}

impl<'t> TypeOptional<'t> {
    /// `Bytes`
    pub fn inner(self) -> Option<Type<'t>> {
        type_of(self.0)
    }
}

ast_node! {
    /// `"gold" | "silver"`; `http(path: String) | tcp`. A bare name in small letters (`internet`) is a
    /// [`VariantCase`] without parts; one in capitals is a [`TypeName`].
    TypeUnion
}

impl<'t> TypeUnion<'t> {
    /// Its alternatives, at least two.
    pub fn alternatives(self) -> impl Iterator<Item = Type<'t>> {
        self.0.children().filter_map(Type::cast)
    }
}

ast_node! {
    /// `"gold"`, `5`: a literal as a type
    TypeLiteral
}

impl<'t> TypeLiteral<'t> {
    /// The literal: a [`crate::ast::StringLit`] without holes, or a number.
    pub fn literal(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `Int where 1..65535`, `String where matches("…")`, `Int where |x| x > 0`
    TypeRefined
}

impl<'t> TypeRefined<'t> {
    /// `Int`
    pub fn base(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// `1..65535`: a range that holds it, or a function that must be true of it
    pub fn condition(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `secret later Url`
    TypeLabelled
}

impl<'t> TypeLabelled<'t> {
    /// `Url`
    pub fn inner(self) -> Option<Type<'t>> {
        type_of(self.0)
    }

    /// Is it `secret`?
    pub fn is_secret(self) -> bool {
        self.0.child(K::SecretKw).is_some()
    }

    /// Is it `later`?
    pub fn is_later(self) -> bool {
        self.0.child(K::LaterKw).is_some()
    }

    /// Is it `live`?
    pub fn is_live(self) -> bool {
        self.0.child(K::LiveKw).is_some()
    }
}

ast_node! {
    /// `fn(Int, String): Bool`
    TypeFn
}

impl<'t> TypeFn<'t> {
    /// The types of its parameters.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }

    /// The type of its result.
    pub fn result(self) -> Option<Type<'t>> {
        type_of(self.0)
    }
}

ast_node! {
    /// `implicit auto(range: Range<Int>, cpu: Percent = 80%)`, `internet`
    VariantCase
}

impl<'t> VariantCase<'t> {
    /// Its name.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// Its documentation.
    pub fn docs(self) -> Option<String> {
        docs_of(self.0)
    }

    /// Is it made from a plain value?
    pub fn is_implicit(self) -> bool {
        self.0.child(K::ImplicitKw).is_some()
    }

    /// Its parts.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> {
        params_of(self.0)
    }
}
