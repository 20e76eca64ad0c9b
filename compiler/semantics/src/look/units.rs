//! Numbers with units: the same amount in another one.

use plat_model::Decimal;
use plat_syntax::TextRange;
use plat_syntax::ast::NumberLit;

use super::FileId;
use crate::api::{Database, STACK};
use crate::db::{Space, file_range, tree};
use crate::names::Names;
use crate::units::{number_with_unit, unit};

/// So long a number is read at a glance.
const SHORT: usize = 4;

impl Database {
    /// The number with a unit at a byte of a file, and the same amount in the other units of its
    /// dimension that are in sight, exactly: where it is a short number, the shortest first.
    pub fn same_amount(&self, file: FileId, offset: u32) -> Option<(TextRange, Vec<String>)> {
        stacker::grow(STACK, || {
            let (item, at) = self.item_at(file, offset)?;
            let tree = tree(self, item).as_ref()?;
            let number = tree.nodes().filter_map(NumberLit::cast).find(|number| {
                let range = number.node().range();
                range.start <= at && at <= range.end
            })?;
            let names = Names {
                db: self,
                file: file.0,
            };
            let own = number.unit()?;
            let (amount, dim) = number_with_unit(names, number).ok()?;
            let mut all: Vec<(usize, usize, String)> = Vec::new();
            for (order, name) in names.seen(Space::Unit).into_iter().enumerate() {
                let Some(of) = names.unit(name).filter(|_| name != own) else {
                    continue;
                };
                let Some(of) = unit(self, of).as_ref().filter(|of| of.dim == dim) else {
                    continue;
                };
                let there = Decimal::ratio(of.factor.0, of.factor.1)
                    .and_then(|one| amount.checked_div(one))
                    .map(|there| there.to_string());
                // A fraction is no number that can be written.
                if let Some(there) = there.filter(|t| t.len() <= SHORT && !t.contains('/')) {
                    all.push((there.len(), order, format!("{there}{name}")));
                }
            }
            all.sort();
            let all = all.into_iter().map(|(_, _, text)| text).collect();
            Some((file_range(self, item, number.node().range()), all))
        })
    }
}
