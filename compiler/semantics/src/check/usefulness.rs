//! Which patterns are ever taken, and what none of them takes.
//!
//! The algorithm is that of Luc Maranget, "Warnings for pattern matching", Journal of Functional
//! Programming 17 (3), 2007: the patterns are the rows of a matrix whose columns are the parts of
//! the value. A column is taken apart by the constructors that stand in it, each leaving a smaller
//! matrix; what no constructor in it speaks of leaves the rows that take anything. At the end, the
//! first row that is left is taken (so it is *useful*), and where none is left, the constructors on
//! the way there are a value that is left out (a *witness*). Both are found in one walk, as in
//! rustc's `rustc_pattern_analysis`, from where the way to take ranges apart comes too.
//!
//! It knows no types: [`Shapes`] says what a column's type is made of.

use std::hash::Hash;

use plat_model::Decimal;
use rustc_hash::{FxHashMap, FxHashSet};

/// How many rows are looked at, all in all, before it is given up. A `match` of two thousand arms
/// over one value takes some ten thousand; patterns over several values can multiply.
const MOST_STEPS: usize = 500_000;

/// How many of the values that are left out are told.
pub const MOST_WITNESSES: usize = 8;

/// A pattern as the algorithm sees it.
#[derive(Clone, Debug)]
pub enum Pat<C> {
    /// Takes everything.
    Wild,
    /// Takes what is made by a constructor, its parts being taken by these: as many as it has.
    Con(C, Vec<Self>),
    /// Takes the numbers from the one to the other, both included.
    Within(Decimal, Decimal),
    /// Takes what one of them takes.
    Or(Vec<Self>),
    /// What it takes is known only by evaluation.
    Opaque,
}

/// What the values of a type are.
#[derive(Clone, Debug)]
pub enum Shape<C> {
    /// Made by one of these constructors.
    Closed(Vec<C>),
    /// Made by one of these constructors today. That the others of its kind are not there is no
    /// reason to say that a pattern for them is not needed.
    Single(C),
    /// Numbers: whole ones only; within these bounds.
    Numbers {
        /// Are there only whole ones?
        whole: bool,
        /// The least and the greatest, where there are.
        bounds: Option<(Decimal, Decimal)>,
    },
    /// There are always others than are spoken of.
    Open,
}

/// What the algorithm must know of types.
pub trait Shapes {
    /// What makes a value.
    type Con: Clone + Eq + Hash;
    /// A type.
    type Ty: Clone;

    /// What the values of a type are.
    fn shape(&self, ty: &Self::Ty) -> Shape<Self::Con>;
    /// The types of the parts of what a constructor of this type makes.
    fn parts(&self, ty: &Self::Ty, con: &Self::Con) -> Vec<Self::Ty>;
    /// The constructors whose patterns take what this one makes, besides itself.
    fn above(&self, con: &Self::Con) -> Vec<Self::Con>;
    /// A value as it would be written, of parts that are written so; `_` is any.
    fn write(&self, ty: &Self::Ty, con: &Self::Con, parts: &[String]) -> String;
}

/// What takes the values of a pattern that is never reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cover {
    /// This one, before it, takes all that it would.
    One(usize),
    /// Several before it do so together.
    Several,
}

/// What was found of a list of patterns.
#[derive(Debug)]
pub struct Findings {
    /// Values that none takes, as they would be written: at most [`MOST_WITNESSES`], and one more
    /// if there are others.
    pub missing: Vec<String>,
    /// The patterns that are never reached, in their order, and what takes their values before them;
    /// `None` where there are no such values.
    pub unreachable: Vec<(usize, Option<Cover>)>,
}

/// The patterns multiply to more than is looked at.
#[derive(Debug)]
pub struct TooMany;

/// Looks at a list of patterns for values of a type, which are tried in their order.
///
/// # Errors
/// That they are too many to be looked at, when their parts multiply: the time is bounded.
pub fn look<S: Shapes>(
    shapes: &S,
    ty: &S::Ty,
    patterns: &[Pat<S::Con>],
) -> Result<Findings, TooMany> {
    let mut walk = Walk {
        shapes,
        steps: MOST_STEPS,
        useful: vec![false; patterns.len()],
        covers: vec![None; patterns.len()],
    };
    let rows = patterns.iter().enumerate();
    let rows = rows.map(|(id, pat)| Row {
        id,
        columns: vec![pat],
    });
    let missing = walk.matrix(std::slice::from_ref(ty), rows.collect(), true)?;
    let missing = missing.into_iter().filter_map(|mut row| row.pop());
    let unreachable = walk.useful.iter().zip(&walk.covers).enumerate();
    Ok(Findings {
        missing: missing.collect(),
        unreachable: unreachable
            .filter(|(_, (useful, _))| !**useful)
            .map(|(id, (_, cover))| (id, *cover))
            .collect(),
    })
}

/// A row of the matrix; its columns from the last to the first.
struct Row<'p, C> {
    id: usize,
    columns: Vec<&'p Pat<C>>,
}

impl<C> Clone for Row<'_, C> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            columns: self.columns.clone(),
        }
    }
}

impl<'p, C> Row<'p, C> {
    fn takes_all(&self) -> bool {
        self.columns.iter().all(|pat| matches!(pat, Pat::Wild))
    }

    /// Without its first column, in whose place these parts stand.
    fn opened(&self, parts: impl DoubleEndedIterator<Item = &'p Pat<C>>) -> Self {
        let mut columns = self.columns.clone();
        columns.pop();
        columns.extend(parts.rev());
        Self {
            id: self.id,
            columns,
        }
    }
}

/// A value of each column, as written, from the last to the first.
type Witness = Vec<String>;

struct Walk<'s, S: Shapes> {
    shapes: &'s S,
    steps: usize,
    useful: Vec<bool>,
    covers: Vec<Option<Cover>>,
}

/// The rows that a first column's constructors leave, by their number.
struct Groups<C> {
    /// The constructors in the order of the patterns, and the rows that speak of each.
    by_con: Vec<(C, Vec<usize>)>,
    /// The rows that take anything.
    wild: Vec<usize>,
}

impl<S: Shapes> Walk<'_, S> {
    fn spend(&mut self, steps: usize) -> Result<(), TooMany> {
        self.steps = self.steps.checked_sub(steps + 1).ok_or(TooMany)?;
        Ok(())
    }

    fn covered(&mut self, row: usize, by: usize) {
        if row == by {
            return;
        }
        if let Some(cover) = self.covers.get_mut(row) {
            *cover = match cover {
                None => Some(Cover::One(by)),
                Some(Cover::One(other)) if *other == by => *cover,
                Some(_) => Some(Cover::Several),
            };
        }
    }

    fn use_row(&mut self, row: usize) {
        if let Some(useful) = self.useful.get_mut(row) {
            *useful = true;
        }
    }

    /// Marks the rows that are taken, and gives the values that none takes. `outermost`: those are
    /// told one by one, even where no pattern speaks of any.
    fn matrix(
        &mut self,
        types: &[S::Ty],
        rows: Vec<Row<'_, S::Con>>,
        outermost: bool,
    ) -> Result<Vec<Witness>, TooMany> {
        let rows = self.without_alternatives(rows)?;
        let Some((ty, rest)) = types.split_last() else {
            return Ok(match rows.first() {
                Some(first) => {
                    self.use_row(first.id);
                    for row in rows.iter().skip(1) {
                        self.covered(row.id, first.id);
                    }
                    Vec::new()
                }
                None => vec![Vec::new()],
            });
        };
        if rows.is_empty() && !outermost {
            return Ok(vec![vec!["_".to_owned(); types.len()]]);
        }
        match self.shapes.shape(ty) {
            Shape::Numbers { whole, bounds } => self.numbers(rest, &rows, whole, bounds),
            shape => self.constructors(ty, rest, &rows, &shape, outermost),
        }
    }

    /// The rows with their alternatives apart, up to the first one that takes everything.
    fn without_alternatives<'p>(
        &mut self,
        rows: Vec<Row<'p, S::Con>>,
    ) -> Result<Vec<Row<'p, S::Con>>, TooMany> {
        let mut out = Vec::with_capacity(rows.len());
        let mut all: Option<usize> = None;
        for row in rows {
            let mut waiting = vec![row];
            while let Some(row) = waiting.pop() {
                self.spend(row.columns.len())?;
                if let Some(all) = all {
                    self.covered(row.id, all);
                    continue;
                }
                match row.columns.last() {
                    Some(Pat::Or(list)) => {
                        waiting.extend(list.iter().rev().map(|p| row.opened(std::iter::once(p))));
                    }
                    // Nobody knows what it takes: it may be needed, and it may take nothing.
                    Some(Pat::Opaque) => self.use_row(row.id),
                    _ => {
                        if row.takes_all() {
                            all = Some(row.id);
                        }
                        out.push(row);
                    }
                }
            }
        }
        Ok(out)
    }

    fn constructors(
        &mut self,
        ty: &S::Ty,
        rest: &[S::Ty],
        rows: &[Row<'_, S::Con>],
        shape: &Shape<S::Con>,
        outermost: bool,
    ) -> Result<Vec<Witness>, TooMany> {
        let groups = self.grouped(rows)?;
        let mut missing = Vec::new();
        for (con, own) in &groups.by_con {
            let parts = self.shapes.parts(ty, con);
            let taken: Vec<Row<'_, S::Con>> = merged(own, &groups.wild)
                .filter_map(|at| rows.get(at))
                .map(|row| match row.columns.last() {
                    Some(Pat::Con(_, inner)) if inner.len() == parts.len() => {
                        row.opened(inner.iter())
                    }
                    _ => row.opened(parts.iter().map(|_| &Pat::Wild)),
                })
                .collect();
            let arity = parts.len();
            let types: Vec<S::Ty> = rest.iter().chain(parts.iter().rev()).cloned().collect();
            for mut witness in self.matrix(&types, taken, false)? {
                let mut parts = witness.split_off(witness.len().saturating_sub(arity));
                parts.reverse();
                witness.push(self.shapes.write(ty, con, &parts));
                missing.push(witness);
            }
        }
        let spoken: FxHashSet<&S::Con> = groups.by_con.iter().map(|(con, _)| con).collect();
        let left: Option<Vec<&S::Con>> = match shape {
            Shape::Closed(all) => Some(all.iter().filter(|c| !spoken.contains(c)).collect()),
            Shape::Single(con) if spoken.contains(con) => None,
            _ => Some(Vec::new()),
        };
        let nothing_left =
            matches!((shape, &left), (Shape::Closed(_), Some(left)) if left.is_empty());
        if !nothing_left {
            let others = groups.wild.iter().filter_map(|at| rows.get(*at));
            let others = others.map(|row| row.opened(std::iter::empty())).collect();
            let witnesses = self.matrix(rest, others, false)?;
            let Some(left) = left else {
                return Ok(some_of(missing));
            };
            let each = !left.is_empty() && (outermost || !spoken.is_empty());
            let mut names: Vec<String> = Vec::new();
            if each {
                for con in left.iter().take(MOST_WITNESSES + 1) {
                    let parts = self.shapes.parts(ty, con).len();
                    let parts = vec!["_".to_owned(); parts];
                    names.push(self.shapes.write(ty, con, &parts));
                }
            } else {
                names.push("_".to_owned());
            }
            missing.extend(products(&witnesses, &names));
        }
        Ok(some_of(missing))
    }

    fn grouped(&mut self, rows: &[Row<'_, S::Con>]) -> Result<Groups<S::Con>, TooMany> {
        let mut places: FxHashMap<&S::Con, usize> = FxHashMap::default();
        let mut by_con: Vec<(S::Con, Vec<usize>)> = Vec::new();
        let mut wild = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            match row.columns.last() {
                Some(Pat::Con(con, _)) => {
                    let place = *places.entry(con).or_insert_with(|| {
                        by_con.push((con.clone(), Vec::new()));
                        by_con.len() - 1
                    });
                    if let Some((_, own)) = by_con.get_mut(place) {
                        own.push(at);
                    }
                }
                _ => wild.push(at),
            }
        }
        // What a pattern for a kind takes is of each of the kinds that are made of it.
        let mut added: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, (con, _)) in by_con.iter().enumerate() {
            for above in self.shapes.above(con) {
                let from = places.get(&above).and_then(|at| by_con.get(*at));
                if let Some((_, rows)) = from {
                    self.spend(rows.len())?;
                    added.push((place, rows.clone()));
                }
            }
        }
        for (place, more) in added {
            if let Some((_, own)) = by_con.get_mut(place) {
                *own = merged(own, &more).collect();
            }
        }
        Ok(Groups { by_con, wild })
    }

    /// A column of numbers falls apart into the points where ranges begin or end, and what lies
    /// between them.
    fn numbers(
        &mut self,
        rest: &[S::Ty],
        rows: &[Row<'_, S::Con>],
        whole: bool,
        bounds: Option<(Decimal, Decimal)>,
    ) -> Result<Vec<Witness>, TooMany> {
        let mut points: Vec<Decimal> = bounds.into_iter().flat_map(|(a, b)| [a, b]).collect();
        let mut wild = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            match row.columns.last() {
                Some(Pat::Within(low, high)) => points.extend([*low, *high]),
                _ => wild.push(at),
            }
        }
        points.sort();
        points.dedup();
        // The cell 2i is what lies before the point i, the cell 2i + 1 is that point.
        let mut cells: Vec<Vec<usize>> = vec![Vec::new(); 2 * points.len() + 1];
        for (at, row) in rows.iter().enumerate() {
            let Some(Pat::Within(low, high)) = row.columns.last() else {
                continue;
            };
            let place = |n: &Decimal| points.binary_search(n).map_or(0, |i| 2 * i + 1);
            let (from, to) = (place(low), place(high));
            self.spend(to.saturating_sub(from))?;
            for cell in cells.get_mut(from..=to).into_iter().flatten() {
                cell.push(at);
            }
        }
        let mut missing = Vec::new();
        let mut left: Vec<Cell> = Vec::new();
        for (number, own) in cells.iter().enumerate() {
            let cell = Cell::of(&points, number);
            if !cell.is_there(whole, bounds) {
                continue;
            }
            if own.is_empty() {
                match left.last_mut() {
                    Some(last) if last.number + 1 == number => last.join(&cell),
                    _ => left.push(cell),
                }
                continue;
            }
            let taken = merged(own, &wild).filter_map(|at| rows.get(at));
            let taken = taken.map(|row| row.opened(std::iter::empty())).collect();
            let witnesses = self.matrix(rest, taken, false)?;
            if !witnesses.is_empty() {
                missing.extend(products(&witnesses, &[cell.write(whole)]));
            }
        }
        if !left.is_empty() {
            let others = wild.iter().filter_map(|at| rows.get(*at));
            let others = others.map(|row| row.opened(std::iter::empty())).collect();
            let witnesses = self.matrix(rest, others, false)?;
            let mut left: Vec<String> = left.iter().map(|gap| gap.write(whole)).collect();
            // Where there is no end, no list of gaps would be whole.
            if left.iter().any(|gap| gap == "_") {
                left = vec!["_".to_owned()];
            }
            missing.extend(products(&witnesses, &left));
        }
        Ok(some_of(missing))
    }
}

/// A point of a line of numbers, or what lies between two; several beside each other.
struct Cell {
    /// Of the last of them.
    number: usize,
    /// The first of the numbers, if it is one of them; else the one before all.
    low: Option<(Decimal, bool)>,
    /// The last of the numbers, if it is one of them; else the one after all.
    high: Option<(Decimal, bool)>,
}

impl Cell {
    fn of(points: &[Decimal], number: usize) -> Self {
        let at = number / 2;
        let point = number % 2 == 1;
        let end = |at: Option<usize>| Some((*points.get(at?)?, point));
        Self {
            number,
            low: end(if point { Some(at) } else { at.checked_sub(1) }),
            high: end(Some(at)),
        }
    }

    /// With the one that follows.
    fn join(&mut self, next: &Self) {
        self.number = next.number;
        self.high = next.high;
    }

    /// The first and the last whole number in it, where there are.
    fn ends(&self) -> (Option<Decimal>, Option<Decimal>) {
        let end = |(n, in_it): (Decimal, bool), beside: Option<Decimal>| match in_it {
            true => Some(n),
            false => beside,
        };
        (
            self.low.and_then(|l| end(l, l.0.checked_add(Decimal::ONE))),
            self.high
                .and_then(|h| end(h, h.0.checked_sub(Decimal::ONE))),
        )
    }

    /// Are there numbers in it? Without bounds there are always some before and after all points;
    /// with bounds, those are the first and the last of the points.
    fn is_there(&self, whole: bool, bounds: Option<(Decimal, Decimal)>) -> bool {
        let within = |n: Decimal| bounds.is_none_or(|(low, high)| low <= n && n <= high);
        match (self.low, self.high) {
            (Some((low, _)), Some((high, _))) => {
                let empty = whole && matches!(self.ends(), (Some(low), Some(high)) if low > high);
                !empty && within(low) && within(high)
            }
            _ => bounds.is_none(),
        }
    }

    fn write(&self, whole: bool) -> String {
        match (self.low, self.high, self.ends()) {
            (Some((low, true)), Some((high, true)), _) if low == high => low.to_string(),
            (_, _, (Some(low), Some(high))) if whole && low == high => low.to_string(),
            (_, _, (Some(low), Some(high))) if whole => format!("{low}..{high}"),
            _ => "_".to_owned(),
        }
    }
}

/// Two lists in order as one in order.
fn merged<'a>(a: &'a [usize], b: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x == y => {
            b.next();
            a.next().copied()
        }
        (Some(x), Some(y)) if x < y => a.next().copied(),
        (_, Some(_)) => b.next().copied(),
        (_, None) => a.next().copied(),
    })
}

/// Each of the witnesses, with each of the names before it.
fn products(witnesses: &[Witness], names: &[String]) -> Vec<Witness> {
    let all = names.iter().flat_map(|name| {
        witnesses.iter().map(move |witness| {
            let mut witness = witness.clone();
            witness.push(name.clone());
            witness
        })
    });
    all.take(MOST_WITNESSES + 1).collect()
}

fn some_of(mut missing: Vec<Witness>) -> Vec<Witness> {
    missing.truncate(MOST_WITNESSES + 1);
    missing
}
