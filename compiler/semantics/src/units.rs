//! Units, and the dimensions of quantities.
//!
//! A unit without a value is a base: `unit B: Bytes`. Where a type has several bases, each is a
//! dimension of its own (`Money(USD)`, `Money(EUR)`), and nothing converts one into another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use plat_model::Decimal;
use plat_syntax::ast::{Expr, Item, NumberLit};

use crate::db::{Db, ItemId, Space, items, module_files, module_of, tree};
use crate::names::{Names, Scope};

/// A product of base dimensions with their powers, sorted by name; none is a plain number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, salsa::SalsaValue)]
pub struct Dim(Arc<[(Arc<str>, i32)]>);

/// The dimension of `70%`.
const PERCENT: &str = "Percent";

impl Dim {
    /// One base.
    pub fn base(name: Arc<str>) -> Self {
        Self(Arc::new([(name, 1)]))
    }

    /// The dimension of percentages.
    pub fn percent() -> Self {
        Self::base(Arc::from(PERCENT))
    }

    /// A plain number?
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// A plain percentage?
    pub fn is_percent(&self) -> bool {
        matches!(&*self.0, [(name, 1)] if name.as_ref() == PERCENT)
    }

    /// The product of this and the `power`th power of another. A percentage is a plain factor:
    /// it vanishes beside anything else.
    #[must_use]
    pub fn times(&self, other: &Self, power: i32) -> Self {
        if other.is_percent() {
            return self.clone();
        }
        if self.is_percent() && power == 1 {
            return other.clone();
        }
        let mut powers: BTreeMap<Arc<str>, i32> = self.0.iter().cloned().collect();
        for (name, exponent) in other.0.iter() {
            *powers.entry(name.clone()).or_default() += exponent * power;
        }
        Self(powers.into_iter().filter(|(_, e)| *e != 0).collect())
    }

    /// Whether a quantity of this dimension may stand where `wanted` is. `Money` wants any
    /// currency.
    pub fn fits(&self, wanted: &Self) -> bool {
        self.0.len() == wanted.0.len()
            && self.0.iter().zip(wanted.0.iter()).all(|(a, b)| {
                a.1 == b.1
                    && (a.0 == b.0
                        || b.0
                            .strip_suffix("(*)")
                            .is_some_and(|family| family == family_of(&a.0)))
            })
    }
}

/// `Money` of `Money(USD)`.
fn family_of(base: &str) -> &str {
    base.split_once('(').map_or(base, |(family, _)| family)
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, list: &[(&str, i32)]| -> fmt::Result {
            for (i, (name, power)) in list.iter().enumerate() {
                if i > 0 {
                    f.write_str("*")?;
                }
                f.write_str(name.strip_suffix("(*)").unwrap_or(name))?;
                if *power > 1 {
                    write!(f, "^{power}")?;
                }
            }
            Ok(())
        };
        let over: Vec<(&str, i32)> = self
            .0
            .iter()
            .filter(|(_, p)| *p > 0)
            .map(|(n, p)| (n.as_ref(), *p))
            .collect();
        let under: Vec<(&str, i32)> = self
            .0
            .iter()
            .filter(|(_, p)| *p < 0)
            .map(|(n, p)| (n.as_ref(), -*p))
            .collect();
        if over.is_empty() {
            f.write_str(if under.is_empty() { "Decimal" } else { "1" })?;
        }
        part(f, &over)?;
        if !under.is_empty() {
            f.write_str("/")?;
            part(f, &under)?;
        }
        Ok(())
    }
}

/// What one of a unit is: so much of the bases of its dimension.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Unit {
    /// Its dimension.
    pub dim: Dim,
    /// How much of the base unit it is: numerator and denominator.
    pub factor: (i128, i128),
}

/// The name of the type of a unit's quantities, and whether the unit is a base.
fn unit_head(db: &dyn Db, item: ItemId) -> Option<(Arc<str>, bool)> {
    let tree = tree(db, item).as_ref()?;
    let Item::UnitDef(unit) = tree.item() else {
        return None;
    };
    let name = unit
        .ty()
        .map_or_else(|| item.name(db).to_string(), |t| t.node().text().to_owned());
    Some((Arc::from(name), unit.value().is_none()))
}

/// The types that the units of a scope bring, with their dimensions.
pub fn quantity_types(db: &dyn Db, scope: &Scope) -> BTreeMap<Arc<str>, Dim> {
    let mut bases: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for def in scope.units.values() {
        if let Some((name, true)) = unit_head(db, def.what) {
            *bases.entry(name).or_default() += 1;
        }
    }
    bases
        .into_iter()
        .map(|(name, count)| {
            let base = if count == 1 {
                name.clone()
            } else {
                Arc::from(format!("{name}(*)"))
            };
            (name, Dim::base(base))
        })
        .collect()
}

/// What one of a unit is; `None` where its definition makes no sense.
#[salsa::tracked(cycle_result = no_unit)]
pub fn unit(db: &dyn Db, item: ItemId) -> Option<Unit> {
    let (type_name, base) = unit_head(db, item)?;
    if base {
        let module = module_of(db, item.file(db));
        let siblings = module_files(db, module)
            .iter()
            .flat_map(|file| items(db, *file))
            .filter(|other| other.space(db) == Space::Unit)
            .filter(|other| unit_head(db, **other) == Some((type_name.clone(), true)))
            .count();
        let name = if siblings > 1 {
            Arc::from(format!("{type_name}({})", item.name(db)))
        } else {
            type_name
        };
        return Some(Unit {
            dim: Dim::base(name),
            factor: (1, 1),
        });
    }
    let tree = tree(db, item).as_ref()?;
    let Item::UnitDef(def) = tree.item() else {
        return None;
    };
    let Some(Expr::NumberLit(number)) = def.value() else {
        return None;
    };
    let names = Names {
        db,
        file: item.file(db),
    };
    let (amount, dim) = number_with_unit(names, number).ok()?;
    Some(Unit {
        dim,
        factor: (amount.numerator(), amount.denominator()),
    })
}

/// The unit that a unit is defined by.
pub fn other_unit(db: &dyn Db, item: ItemId) -> Option<ItemId> {
    let tree = tree(db, item).as_ref()?;
    let Item::UnitDef(def) = tree.item() else {
        return None;
    };
    let Some(Expr::NumberLit(number)) = def.value() else {
        return None;
    };
    let names = Names {
        db,
        file: item.file(db),
    };
    names.unit(number.unit()?)
}

fn no_unit(_: &dyn Db, _: salsa::Id, _: ItemId) -> Option<Unit> {
    None
}

/// Why a number means nothing.
pub enum BadNumber {
    /// It does not fit into 128 bits.
    TooLarge,
    /// There is no such unit.
    NoUnit(String),
    /// The unit's own definition is wrong, and has been reported.
    BrokenUnit,
}

/// The amount in base units and the dimension of a number as written.
pub fn number_with_unit(
    names: Names<'_>,
    number: NumberLit<'_>,
) -> Result<(Decimal, Dim), BadNumber> {
    let (digits, scale) = number.digits().ok_or(BadNumber::TooLarge)?;
    let power = 10i128.checked_pow(scale).ok_or(BadNumber::TooLarge)?;
    let amount = Decimal::ratio(digits, power).ok_or(BadNumber::TooLarge)?;
    let Some(unit_name) = number.unit() else {
        return Ok((amount, Dim::default()));
    };
    if unit_name == "%" {
        let amount = amount.checked_div(Decimal::int(100));
        return Ok((amount.ok_or(BadNumber::TooLarge)?, Dim::percent()));
    }
    let item = names
        .unit(unit_name)
        .ok_or_else(|| BadNumber::NoUnit(unit_name.to_owned()))?;
    let unit = unit(names.db, item).as_ref().ok_or(BadNumber::BrokenUnit)?;
    let factor = Decimal::ratio(unit.factor.0, unit.factor.1).ok_or(BadNumber::TooLarge)?;
    let amount = amount.checked_mul(factor).ok_or(BadNumber::TooLarge)?;
    Ok((amount, unit.dim.clone()))
}
