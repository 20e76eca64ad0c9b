//! What stands above declarations: what can be done with them, who names them.

use plat_semantics::{Database, FileId};
use plat_syntax::TextRange;

use crate::symbols::{Symbol, SymbolKind, symbols};

/// Something above a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    /// The name it is about.
    pub range: TextRange,
    /// What it is about, by name.
    pub name: String,
    /// What it offers.
    pub kind: LensKind,
}

/// What a lens offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LensKind {
    /// To run a test.
    RunTest,
    /// To plan an environment.
    Plan,
    /// To show who names it.
    References,
    /// To show where the values of a declaration come from.
    Why,
}

/// The lenses of a file, in its order.
pub fn lenses(db: &Database, file: FileId) -> Vec<Lens> {
    let mut out = Vec::new();
    for symbol in symbols(db, file) {
        add(&symbol, &mut out);
        let stands = db.name_at(file, symbol.name_range.start);
        if symbol.kind == SymbolKind::Declaration
            && stands.is_some_and(|stands| db.runs_by_itself(&stands.symbol))
        {
            out.push(Lens {
                range: symbol.name_range,
                name: symbol.name,
                kind: LensKind::Why,
            });
        }
    }
    out
}

fn add(symbol: &Symbol, out: &mut Vec<Lens>) {
    use SymbolKind as K;
    let mut lens = |kind| {
        out.push(Lens {
            range: symbol.name_range,
            name: symbol.name.clone(),
            kind,
        });
    };
    match symbol.kind {
        K::Test => lens(LensKind::RunTest),
        K::Environment => {
            lens(LensKind::Plan);
            lens(LensKind::References);
        }
        K::Kind | K::Type | K::Function | K::Let | K::Unit | K::Policy => {
            lens(LensKind::References);
        }
        // One without a name has nobody who names it.
        K::Declaration if !symbol.name_range.is_empty() => lens(LensKind::References),
        _ => {}
    }
}
