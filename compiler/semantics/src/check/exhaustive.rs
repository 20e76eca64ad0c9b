//! Are the patterns of a `match` all that there can be, and is each of them needed? What an `is`
//! tests, does it leave anything out?
//!
//! Here patterns and types are put into the terms of [`usefulness`](super::usefulness), where the
//! question is answered, and the answer is put into diagnostics.

use plat_model::Decimal;
use plat_syntax::ast::{self, Item, Type, UnaryOp};
use plat_syntax::{Node, NodeId};

use super::Checker;
use super::usefulness::{Cover, MOST_WITNESSES, Pat, Shape, Shapes, look};
use crate::db::{Db, ItemId, tree};
use crate::diag::{Diag, Spot};
use crate::ir::{Expr, ExprKind, Pattern};
use crate::names::Names;
use crate::types::{CaseHead, NodeRef, Ty, TypeBody, Word, kind_head, type_def};

/// What makes a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Con {
    Bool(bool),
    Word(Word),
    None,
    Some,
    /// A case of a variant.
    Case(ItemId, u32),
    /// A declaration of this kind, or of one that takes it over and that nobody speaks of.
    Kind(ItemId),
    /// This environment, or one that extends it and that nobody speaks of.
    Env(ItemId),
}

struct Types<'db> {
    db: &'db dyn Db,
}

impl Types<'_> {
    /// The type without its names, labels and conditions, and the range that they hold it within.
    fn head(&self, ty: &Ty) -> (Ty, Option<(Decimal, Decimal)>) {
        let mut ty = ty.clone();
        let mut bounds: Option<(Decimal, Decimal)> = None;
        // As in `Ty::plain`: a chain of names ends.
        for _ in 0..64 {
            ty = match ty {
                Ty::Labelled(_, inner) => (*inner).clone(),
                Ty::Refined(base, condition) => {
                    let own = self.range_of(condition);
                    bounds = match (bounds, own) {
                        (Some((a, b)), Some((c, d))) => Some((a.max(c), b.min(d))),
                        (one, None) | (None, one) => one,
                    };
                    (*base).clone()
                }
                Ty::Named(item) => match &type_def(self.db, item).body {
                    TypeBody::Alias(alias) => alias.clone(),
                    TypeBody::Variant(_) => return (ty, None),
                },
                Ty::Int => return (Ty::Int, bounds.filter(|(low, high)| low <= high)),
                other => return (other, None),
            };
        }
        (Ty::Unknown, None)
    }

    /// The range of whole numbers after `where`, as it is written: what is computed is not looked
    /// into, since a condition may itself hold a `match`.
    fn range_of(&self, at: NodeRef) -> Option<(Decimal, Decimal)> {
        let tree = tree(self.db, at.item).as_ref()?;
        let Some(Type::TypeRefined(refined)) = Type::cast(tree.node(NodeId(at.node))) else {
            return None;
        };
        let ast::Expr::Range(range) = refined.condition()? else {
            return None;
        };
        Some((written_int(range.low()?)?, written_int(range.high()?)?))
    }

    /// What is in a `T?`: its `T`, which can be `none` no more.
    fn inside(&self, ty: &Ty) -> Ty {
        let mut ty = ty.clone();
        for _ in 0..64 {
            match self.head(&ty).0 {
                Ty::Optional(inner) => ty = (*inner).clone(),
                _ => return ty,
            }
        }
        Ty::Unknown
    }

    fn case(&self, item: ItemId, number: u32) -> Option<&CaseHead> {
        match &type_def(self.db, item).body {
            TypeBody::Variant(cases) => cases.get(number as usize),
            TypeBody::Alias(_) => None,
        }
    }

    /// The environment that this one extends, by its text: a query for what it says could be waiting
    /// for this one.
    fn base(&self, env: ItemId) -> Option<ItemId> {
        let Item::Env(written) = tree(self.db, env).as_ref()?.item() else {
            return None;
        };
        let field = written.fields().find(|f| {
            f.path()
                .and_then(ast::Path::as_name)
                .is_some_and(|n| n.text() == "extends")
        })?;
        let mut at = field.value()?;
        while let ast::Expr::IndexExpr(index) = at {
            at = index.base()?;
        }
        let ast::Expr::NameRef(name) = at else {
            return None;
        };
        let names = Names {
            db: self.db,
            file: env.file(self.db),
        };
        names.env(name.text())
    }
}

fn written_int(expr: ast::Expr<'_>) -> Option<Decimal> {
    match expr {
        ast::Expr::NumberLit(number) if number.is_int() => Some(Decimal::int(number.digits()?.0)),
        ast::Expr::Unary(unary) if unary.op() == UnaryOp::Negate => {
            written_int(unary.operand()?)?.checked_neg()
        }
        _ => None,
    }
}

impl Shapes for Types<'_> {
    type Con = Con;
    type Ty = Ty;

    fn shape(&self, ty: &Ty) -> Shape<Con> {
        match self.head(ty) {
            (Ty::Bool, _) => Shape::Closed(vec![Con::Bool(true), Con::Bool(false)]),
            (Ty::Word(word), _) => Shape::Single(Con::Word(word)),
            (Ty::Words(words), _) => {
                Shape::Closed(words.iter().map(|w| Con::Word(w.clone())).collect())
            }
            (Ty::Optional(_), _) => Shape::Closed(vec![Con::None, Con::Some]),
            (Ty::Named(item), _) => match &type_def(self.db, item).body {
                TypeBody::Variant(cases) => Shape::Closed(
                    (0u32..)
                        .zip(cases)
                        .map(|(number, _)| Con::Case(item, number))
                        .collect(),
                ),
                TypeBody::Alias(_) => Shape::Open,
            },
            (Ty::Int, bounds) => Shape::Numbers {
                whole: true,
                bounds,
            },
            (Ty::Decimal | Ty::Quantity(_), _) => Shape::Numbers {
                whole: false,
                bounds: None,
            },
            _ => Shape::Open,
        }
    }

    fn parts(&self, ty: &Ty, con: &Con) -> Vec<Ty> {
        match con {
            Con::Some => vec![self.inside(ty)],
            Con::Case(item, number) => self.case(*item, *number).map_or_else(Vec::new, |case| {
                case.params.iter().map(|param| param.ty.clone()).collect()
            }),
            _ => Vec::new(),
        }
    }

    fn above(&self, con: &Con) -> Vec<Con> {
        match con {
            Con::Kind(kind) => {
                let parents = kind_head(self.db, *kind).parents.iter();
                parents.map(|parent| Con::Kind(*parent)).collect()
            }
            Con::Env(env) => {
                let mut chain = vec![*env];
                let mut at = self.base(*env);
                // A circle of them is told elsewhere.
                while let Some(base) = at.filter(|base| !chain.contains(base)) {
                    chain.push(base);
                    at = self.base(base);
                }
                chain.into_iter().skip(1).map(Con::Env).collect()
            }
            _ => Vec::new(),
        }
    }

    fn write(&self, _: &Ty, con: &Con, parts: &[String]) -> String {
        match con {
            Con::Bool(b) => b.to_string(),
            Con::Word(word) => word.to_string(),
            Con::None => "none".to_owned(),
            Con::Some => format!("some({})", parts.first().map_or("_", String::as_str)),
            Con::Kind(item) | Con::Env(item) => item.name(self.db).to_string(),
            Con::Case(item, number) => {
                let Some(case) = self.case(*item, *number) else {
                    return "_".to_owned();
                };
                let named = case.params.iter().zip(parts).enumerate();
                let mut list: Vec<String> = named
                    .filter(|(_, (_, part))| *part != "_")
                    .map(|(at, (param, part))| match at {
                        0 => part.clone(),
                        _ => format!("{}: {part}", param.name),
                    })
                    .collect();
                match (list.is_empty(), case.params.is_empty()) {
                    (_, true) => return case.name.to_string(),
                    (true, false) => list.push("_".to_owned()),
                    (false, false) => {}
                }
                format!("{}({})", case.name, list.join(", "))
            }
        }
    }
}

/// Puts patterns into the algorithm's terms.
struct Reader<'db> {
    types: Types<'db>,
    /// Something of it is wrong and was told, so that nothing can be said of the rest.
    unknown: bool,
}

impl Reader<'_> {
    fn read(&mut self, pattern: &Pattern, ty: &Ty) -> Pat<Con> {
        let (plain, _) = self.types.head(ty);
        match (pattern, &plain) {
            (Pattern::Any | Pattern::Bind(_), _) => Pat::Wild,
            (Pattern::Or(list), _) => Pat::Or(list.iter().map(|p| self.read(p, ty)).collect()),
            (_, Ty::Unknown | Ty::None) => {
                self.unknown = true;
                Pat::Opaque
            }
            (Pattern::None, Ty::Optional(_)) => Pat::Con(Con::None, Vec::new()),
            (Pattern::Some(inner), Ty::Optional(_)) => {
                let inside = self.types.inside(ty);
                Pat::Con(Con::Some, vec![self.read(inner, &inside)])
            }
            (_, Ty::Optional(_)) => {
                let inside = self.types.inside(ty);
                Pat::Con(Con::Some, vec![self.read(pattern, &inside)])
            }
            // That it is never `none` was told, or is so since an optional was opened around it.
            (Pattern::None, _) => Pat::Opaque,
            (Pattern::Some(inner), _) => self.read(inner, ty),
            (Pattern::Equal(value), _) => self.value(value, &plain),
            (Pattern::Within(range), _) => self.range(range, &plain),
            (Pattern::Case(name, parts), _) => self.case(name, parts, &plain),
            (Pattern::Kind(kind), Ty::Instance(own))
                if kind == own || kind_head(self.types.db, *own).parents.contains(kind) =>
            {
                Pat::Wild
            }
            (Pattern::Kind(kind), _) => Pat::Con(Con::Kind(*kind), Vec::new()),
            (Pattern::Env(env), _) => Pat::Con(Con::Env(*env), Vec::new()),
        }
    }

    fn value(&mut self, value: &Expr, ty: &Ty) -> Pat<Con> {
        let con = match (constant(value), ty) {
            (Constant::Bool(b), Ty::Bool) => Con::Bool(b),
            (Constant::Text(text), _) => Con::Word(Word::Text(text)),
            (Constant::Number(n), Ty::Int | Ty::Decimal | Ty::Quantity(_)) => {
                return Pat::Within(n, n);
            }
            (Constant::Number(n), Ty::Word(_) | Ty::Words(_)) if n.denominator() == 1 => {
                Con::Word(Word::Number(n.numerator()))
            }
            (Constant::Wrong, _) => {
                self.unknown = true;
                return Pat::Opaque;
            }
            _ => return Pat::Opaque,
        };
        Pat::Con(con, Vec::new())
    }

    fn range(&mut self, range: &Expr, ty: &Ty) -> Pat<Con> {
        let mut range = range;
        while let ExprKind::Coerce(inner, _) = &range.kind {
            range = inner;
        }
        let ExprKind::Range(low, high) = &range.kind else {
            self.unknown |= matches!(range.kind, ExprKind::Poison);
            return Pat::Opaque;
        };
        let (Constant::Number(low), Constant::Number(high)) = (constant(low), constant(high))
        else {
            return Pat::Opaque;
        };
        let holds = |n: i128| low <= Decimal::int(n) && Decimal::int(n) <= high;
        let word = |word: &Word| match word {
            Word::Number(n) if holds(*n) => Some(Pat::Con(Con::Word(word.clone()), Vec::new())),
            _ => None,
        };
        match ty {
            Ty::Int | Ty::Decimal | Ty::Quantity(_) if low <= high => Pat::Within(low, high),
            Ty::Word(own) => Pat::Or(word(own).into_iter().collect()),
            Ty::Words(words) => Pat::Or(words.iter().filter_map(word).collect()),
            _ => Pat::Opaque,
        }
    }

    fn case(&mut self, name: &str, parts: &[(std::sync::Arc<str>, Pattern)], ty: &Ty) -> Pat<Con> {
        let Some((item, number)) = self.case_of(ty, name) else {
            self.unknown = true;
            return Pat::Opaque;
        };
        let Some(case) = self.types.case(item, number).cloned() else {
            return Pat::Opaque;
        };
        let mut inner: Vec<Pat<Con>> = vec![Pat::Wild; case.params.len()];
        let mut given = vec![false; case.params.len()];
        for (part, pattern) in parts {
            let Some(at) = case.params.iter().position(|p| p.name == *part) else {
                continue;
            };
            if let (Some(param), Some(place), Some(given)) =
                (case.params.get(at), inner.get_mut(at), given.get_mut(at))
            {
                // A part that is given twice takes what both take.
                *place = match *given {
                    true => Pat::Opaque,
                    false => self.read(pattern, &param.ty),
                };
                *given = true;
            }
        }
        Pat::Con(Con::Case(item, number), inner)
    }

    fn case_of(&self, ty: &Ty, name: &str) -> Option<(ItemId, u32)> {
        match self.types.head(ty).0 {
            Ty::Named(item) => match &type_def(self.types.db, item).body {
                TypeBody::Variant(cases) => (0u32..)
                    .zip(cases)
                    .find(|(_, case)| case.name.as_ref() == name)
                    .map(|(number, _)| (item, number)),
                TypeBody::Alias(_) => None,
            },
            Ty::Either(types) => types.iter().find_map(|ty| self.case_of(ty, name)),
            Ty::Optional(inner) => self.case_of(&inner, name),
            _ => None,
        }
    }
}

/// What a pattern compares with, where that is written out.
enum Constant {
    Bool(bool),
    Text(std::sync::Arc<str>),
    Number(Decimal),
    /// It was told that it is wrong.
    Wrong,
    Computed,
}

fn constant(expr: &Expr) -> Constant {
    match &expr.kind {
        ExprKind::Bool(b) => Constant::Bool(*b),
        ExprKind::Text(text) => Constant::Text(text.clone()),
        ExprKind::Int(n) => Constant::Number(Decimal::int(n.get())),
        ExprKind::Decimal(n) => Constant::Number(n.decimal()),
        ExprKind::Quantity(literal) => Constant::Number(literal.amount.decimal()),
        ExprKind::Coerce(inner, _) => constant(inner),
        ExprKind::Unary(UnaryOp::Negate, inner) => match constant(inner) {
            Constant::Number(n) => n.checked_neg().map_or(Constant::Computed, Constant::Number),
            other => other,
        },
        ExprKind::Poison => Constant::Wrong,
        _ => Constant::Computed,
    }
}

/// A pattern that stands by itself: an arm's, or one of its alternatives.
struct Single<'db, 'p> {
    arm: usize,
    written: ast::Pattern<'db>,
    pattern: &'p Pattern,
}

/// The alternatives of a pattern, or the pattern itself.
fn singles<'db, 'p>(
    arm: usize,
    written: ast::Pattern<'db>,
    pattern: &'p Pattern,
) -> Vec<Single<'db, 'p>> {
    if let (ast::Pattern::PatAlt(alternatives), Pattern::Or(list)) = (written, pattern) {
        let both = alternatives.alternatives().zip(list);
        return both
            .map(|(written, pattern)| Single {
                arm,
                written,
                pattern,
            })
            .collect();
    }
    vec![Single {
        arm,
        written,
        pattern,
    }]
}

impl<'db> Checker<'db> {
    /// Tells what a `match` leaves out, and what of it is never reached.
    pub(super) fn exhaustive<'p>(
        &mut self,
        node: Node<'db>,
        ty: &Ty,
        arms: impl Iterator<Item = (Option<ast::Pattern<'db>>, &'p Pattern)>,
    ) {
        let mut all: Vec<Single<'db, 'p>> = Vec::new();
        let mut arm_nodes = Vec::new();
        for (arm, (written, pattern)) in arms.enumerate() {
            let Some(written) = written else { return };
            arm_nodes.push(written.node());
            all.extend(singles(arm, written, pattern));
        }
        let mut reader = Reader {
            types: Types { db: self.db },
            unknown: ty.is_unknown(),
        };
        let patterns: Vec<Pat<Con>> = all.iter().map(|s| reader.read(s.pattern, ty)).collect();
        if reader.unknown {
            return;
        }
        let spot = self.spot(node);
        let Ok(found) = look(&reader.types, ty, &patterns) else {
            let message = "the patterns of this `match` multiply: it cannot be told whether they leave something out";
            self.diags.push(Diag::error("E0326", spot, message).help(
                "choose by one part first, and by the others in a `match` inside of its arms",
            ));
            return;
        };
        if !found.missing.is_empty() {
            self.leaves_out(spot, &found.missing);
        }
        let mut at = found.unreachable.as_slice();
        while let [(first, cover), ..] = at {
            let Some(single) = all.get(*first) else {
                return;
            };
            let of_arm = |(id, _): &&(usize, _)| all.get(*id).is_some_and(|s| s.arm == single.arm);
            let dead = at.iter().take_while(of_arm).count();
            let alternatives = all.iter().filter(|s| s.arm == single.arm).count();
            if dead == alternatives {
                let node = arm_nodes.get(single.arm).copied();
                let covers = at.iter().take(dead).map(|(_, cover)| *cover);
                let cover = covers.reduce(|a, b| if a == b { a } else { Some(Cover::Several) });
                if let Some(node) = node {
                    self.never_reached(node, "arm", cover.flatten(), &all, ty);
                }
                at = at.get(dead..).unwrap_or_default();
            } else {
                self.never_reached(single.written.node(), "alternative", *cover, &all, ty);
                at = at.get(1..).unwrap_or_default();
            }
        }
    }

    fn leaves_out(&mut self, spot: Spot, missing: &[String]) {
        let mut list: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
        if list.len() > MOST_WITNESSES {
            list.truncate(MOST_WITNESSES);
            list.push("and others".to_owned());
        }
        let message = format!("this `match` leaves out {}", list.join(", "));
        let help = match missing {
            [one] if one == "_" => "add an arm for the rest: `_ => …`",
            _ => "add an arm for each, or `_ => …` for the rest",
        };
        self.diags
            .push(Diag::error("E0319", spot, message).help(help));
    }

    fn never_reached(
        &mut self,
        node: Node<'db>,
        what: &str,
        cover: Option<Cover>,
        all: &[Single<'db, '_>],
        ty: &Ty,
    ) {
        let spot = self.spot(node);
        let message = format!("this {what} is never reached");
        let mut diag = Diag::warning("W0302", spot, message);
        match cover {
            None => {
                diag = diag.note(format!("no `{}` is like this", ty.show(self.db)));
            }
            Some(Cover::Several) => {
                diag = diag.note("what stands before it takes all that it would");
            }
            Some(Cover::One(id)) => {
                let Some(before) = all.get(id) else { return };
                let there = self.spot(before.written.node());
                diag = diag.related(there, "this takes all that it would");
                if let (ast::Pattern::PatName(name), Pattern::Bind(_)) =
                    (before.written, before.pattern)
                {
                    let text = name.name().map_or("", ast::Name::text);
                    diag = diag
                        .note(format!("`{text}` is a new name, for whatever is there"))
                        .suggest(text, there, &self.cases_of(ty));
                }
            }
        }
        self.diags.push(diag);
    }

    /// The names of the cases of a variant.
    fn cases_of(&self, ty: &Ty) -> Vec<&'db str> {
        let types = Types { db: self.db };
        match types.head(&types.inside(ty)).0 {
            Ty::Named(item) => match &type_def(self.db, item).body {
                TypeBody::Variant(cases) => cases.iter().map(|c| c.name.as_ref()).collect(),
                TypeBody::Alias(_) => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Tells where an `is` leaves nothing out, and what of its pattern is never reached.
    pub(super) fn tests_something(
        &mut self,
        node: Node<'db>,
        ty: &Ty,
        written: ast::Pattern<'db>,
        pattern: &Pattern,
    ) {
        // To name a value is a reason of its own.
        if matches!(pattern, Pattern::Bind(_)) {
            return;
        }
        let all = singles(0, written, pattern);
        let mut reader = Reader {
            types: Types { db: self.db },
            unknown: ty.is_unknown(),
        };
        let patterns: Vec<Pat<Con>> = all.iter().map(|s| reader.read(s.pattern, ty)).collect();
        // A `let` that has one literal today may have another tomorrow.
        let constant = matches!(reader.types.head(ty).0, Ty::Word(_));
        if reader.unknown || constant {
            return;
        }
        // Where they multiply, nothing is to be said: that something is left out is no mistake.
        let Ok(found) = look(&reader.types, ty, &patterns) else {
            return;
        };
        if found.missing.is_empty() {
            let message = format!(
                "every `{}` is like this, so the test says nothing",
                ty.show(self.db)
            );
            let spot = self.spot(node);
            self.diags.push(Diag::warning("W0303", spot, message));
            return;
        }
        for (id, cover) in found.unreachable {
            if let Some(single) = all.get(id) {
                let what = if all.len() == 1 {
                    "pattern"
                } else {
                    "alternative"
                };
                self.never_reached(single.written.node(), what, cover, &all, ty);
            }
        }
    }
}
