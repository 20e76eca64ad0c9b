//! Patterns: after `is`, and in the arms of `match`.

use super::{Expr, Name, ast_enum, ast_node, expr_of, name_of};
use crate::kind::SyntaxKind as K;
use crate::tree::Node;

ast_enum! {
    /// A pattern as written.
    Pattern, PatError {
        /// `_`
        PatWild,
        /// `"gold"`, `3`, `1..5`, `true`, `none`
        PatLiteral,
        /// `internet`, `prod`, `postgres`: a case without parts, an environment, a kind; what else, a new name
        PatName,
        /// `some(size)`, `http(path: p, port: _)`
        PatCase,
        /// `"gold" | "silver"`
        PatAlt,
    }
}

ast_node! {
    /// `_`
    PatWild
}

ast_node! {
    /// `"gold"`, `3`, `1..5`, `true`, `none`
    PatLiteral
}

impl<'t> PatLiteral<'t> {
    /// The literal or the range of literals.
    pub fn literal(self) -> Option<Expr<'t>> {
        expr_of(self.0)
    }
}

ast_node! {
    /// `internet`, `prod`, `postgres`, `x`: names decide later what it is
    PatName
}

impl<'t> PatName<'t> {
    /// The name.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }
}

ast_node! {
    /// `some(size)`, `http(path: p)`
    PatCase
}

impl<'t> PatCase<'t> {
    /// `some`
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// The patterns of its parts. Parts that are left out are not looked at.
    pub fn args(self) -> impl Iterator<Item = PatArg<'t>> {
        self.0.children().filter_map(PatArg::cast)
    }
}

ast_node! {
    /// `size`, or `path: p` by the part's name
    PatArg
}

impl<'t> PatArg<'t> {
    /// The name of the part, where given.
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.0)
    }

    /// The pattern.
    pub fn pattern(self) -> Option<Pattern<'t>> {
        self.0.children().find_map(Pattern::cast)
    }
}

ast_node! {
    /// `"gold" | "silver"`
    PatAlt
}

impl<'t> PatAlt<'t> {
    /// Its alternatives, at least two.
    pub fn alternatives(self) -> impl Iterator<Item = Pattern<'t>> {
        self.0.children().filter_map(Pattern::cast)
    }
}
