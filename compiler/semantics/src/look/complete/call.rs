//! The call that a place is in.

use plat_syntax::SyntaxKind;
use plat_syntax::ast;

use super::Here;
use crate::check::notes::Symbol;
use crate::db::Space;
use crate::types::{ParamHead, TypeBody, fn_head, type_def};

/// A call that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallShape {
    /// What is called.
    pub symbol: Symbol,
    /// Its name.
    pub name: String,
    /// Its parameters as they are declared: `path: String`.
    pub params: Vec<String>,
    /// The type of its result, if that is not what it is a case of.
    pub result: Option<String>,
    /// Which of the parameters is being given.
    pub active: Option<usize>,
}

impl Here<'_> {
    /// The innermost call between whose parentheses the place is.
    pub fn call(&self) -> Option<CallShape> {
        let around = self.around();
        let calls = around.iter().filter_map(|node| ast::Call::cast(*node));
        let call = calls.into_iter().find(|call| {
            let callee = call.callee().map(|callee| callee.node().range().end);
            callee.is_some_and(|end| end < self.at)
        })?;
        let callee = call.callee()?;
        let name = match callee {
            ast::Expr::NameRef(name) => name.node(),
            ast::Expr::FieldAccess(access) => access.name()?.node(),
            _ => return None,
        };
        let symbol = self.notes.names.get(&name.range().into())?.clone();
        let (params, result) = match &symbol {
            Symbol::Case(of, case) => match &type_def(self.db, *of).body {
                TypeBody::Variant(cases) => {
                    let found = cases.iter().find(|c| c.name == *case)?;
                    (found.params.clone(), Some(of.name(self.db).to_string()))
                }
                TypeBody::Alias(_) => return None,
            },
            Symbol::Item(item) if item.space(self.db) == Space::Value => {
                let head = fn_head(self.db, *item);
                let result = head.result.as_ref().map(|ty| self.show(ty));
                (head.params.clone(), result)
            }
            _ => return None,
        };
        let args: Vec<ast::Arg<'_>> = call.args().collect();
        let here = args.iter().position(|arg| {
            let range = arg.node().range();
            range.start <= self.at && self.at <= range.end
        });
        let named = here.and_then(|at| args.get(at)?.name());
        let active = match named {
            Some(name) if name.node().kind() == SyntaxKind::Name => {
                params.iter().position(|p| p.name.as_ref() == name.text())
            }
            _ => here.filter(|at| *at < params.len()),
        };
        let text = |param: &ParamHead| {
            let optional = if param.default.is_some() { "?" } else { "" };
            format!("{}{optional}: {}", param.name, self.show(&param.ty))
        };
        Some(CallShape {
            name: self.db.symbol_name(&symbol),
            params: params.iter().map(text).collect(),
            result,
            active,
            symbol,
        })
    }
}
