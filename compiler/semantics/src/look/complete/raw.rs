//! What is said to a target in its own words: `kubernetes.patch("Deployment", { … })`.

use plat_syntax::Node;
use plat_syntax::ast;

use super::{Candidate, CandidateKind, Here, Insert};
use crate::check::notes::Symbol;
use crate::check::{is_target, raw};
use crate::db::ItemId;

impl<'a> Here<'a> {
    /// The functions of the target that stands before a dot, if one does.
    pub fn functions_of_target(&mut self, base: Node<'a>) {
        if self.target_named(base).is_none() {
            return;
        }
        let Some((of, cases)) = raw::functions(self.db) else {
            return;
        };
        for case in cases {
            let symbol = Symbol::Case(of, case.name.clone());
            let candidate = Candidate::new(&case.name, CandidateKind::Function).fits(true);
            // The target is said before it.
            let parts = case.params.iter().skip(1);
            let parts = parts.map(|part| part.name.to_string()).collect();
            self.add(candidate.symbol(Some(symbol)).insert(Insert::Call(parts)));
        }
    }

    /// The objects that a function of a target can name, in the text that names one.
    pub fn objects_to_name(&mut self, literal: Node<'a>, around: &[Node<'a>]) {
        let Some(call) = around.iter().find_map(|node| ast::Call::cast(*node)) else {
            return;
        };
        let first = call.args().next().and_then(ast::Arg::value);
        if first.map(|value| value.node().id()) != Some(literal.id()) {
            return;
        }
        let Some(ast::Expr::FieldAccess(function)) = call.callee() else {
            return;
        };
        let base = function.base().map(ast::Expr::node);
        let Some(target) = base.and_then(|base| self.target_named(base)) else {
            return;
        };
        for (name, item) in raw::objects(self.db, self.file.0, target.name(self.db)) {
            let candidate = Candidate::new(&name, CandidateKind::Type).fits(true);
            self.add(candidate.symbol(Some(Symbol::Item(item))));
        }
    }

    /// The target that a name before a dot means, if it means one.
    fn target_named(&self, base: Node<'a>) -> Option<ItemId> {
        let Some(ast::Expr::NameRef(name)) = ast::Expr::cast(base) else {
            return None;
        };
        let text = name.text();
        let sight = self.notes.in_sight.as_ref();
        let mut locals = sight.into_iter().flat_map(|sight| &sight.locals);
        if locals.any(|(local, ..)| local.as_ref() == text) || self.names.value(text).is_some() {
            return None;
        }
        let kind = self.names.kind_named(text)?;
        is_target(self.db, kind).then_some(kind)
    }
}
