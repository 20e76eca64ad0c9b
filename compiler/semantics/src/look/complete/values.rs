//! Values: what is wanted, and what gives it.

use plat_syntax::Node;
use plat_syntax::ast;

use super::{Candidate, CandidateKind, Here, Insert};
use crate::api::Database;
use crate::check::notes::Symbol;
use crate::check::{decl_type, is_target, let_type, out_type};
use crate::db::{ItemId, Space};
use crate::library::Builtin;
use crate::look::FileId;
use crate::names::{Names, TypeEntry, ValueDef};
use crate::types::{
    Converter, ParamHead, Ty, TypeBody, Word, app_head, fn_head, kind_head, type_def,
};
use crate::units::Dim;

/// How deep what is wanted is looked through.
const DEPTH: u32 = 8;

/// The units that a number can have: where one of certain dimensions is wanted, those.
pub(super) fn units(db: &Database, file: FileId, wanted: Option<&Ty>) -> Vec<Candidate> {
    let names = Names { db, file: file.0 };
    let mut dims = Vec::new();
    if let Some(wanted) = wanted {
        dims_of(db, wanted, 0, &mut dims);
    }
    let mut all: Vec<Candidate> = Vec::new();
    for name in names.seen(Space::Unit) {
        if let Some(unit) = names.unit(name) {
            let found = crate::units::unit(db, unit);
            let fits = |unit: &crate::units::Unit| dims.iter().any(|dim| unit.dim.fits(dim));
            if !dims.is_empty() && !found.as_ref().is_some_and(fits) {
                continue;
            }
            let detail = found
                .as_ref()
                .map_or_else(String::new, |unit| unit.dim.to_string());
            let candidate = Candidate::new(name, CandidateKind::Unit).detail(detail);
            all.push(candidate.symbol(Some(Symbol::Item(unit))));
        }
    }
    all
}

/// The dimensions of the quantities that a type takes.
fn dims_of(db: &Database, ty: &Ty, depth: u32, out: &mut Vec<Dim>) {
    if depth > DEPTH {
        return;
    }
    match ty {
        Ty::Quantity(dim) => out.push(dim.clone()),
        Ty::Labelled(_, inner) | Ty::Refined(inner, _) | Ty::Optional(inner) | Ty::Range(inner) => {
            dims_of(db, inner, depth + 1, out);
        }
        Ty::Either(types) => {
            for ty in types.iter() {
                dims_of(db, ty, depth + 1, out);
            }
        }
        Ty::Named(item) => match &type_def(db, *item).body {
            TypeBody::Alias(alias) => dims_of(db, alias, depth + 1, out),
            TypeBody::Variant(cases) => {
                let firsts = cases.iter().filter(|case| case.implicit);
                for first in firsts.filter_map(|case| case.params.first()) {
                    dims_of(db, &first.ty, depth + 1, out);
                }
            }
        },
        _ => {}
    }
}

impl<'a> Here<'a> {
    /// A value, where the checker knows what is wanted.
    pub fn values(&mut self, node: Node<'a>) {
        let wanted = self.wanted(node).filter(|ty| !ty.is_unknown()).cloned();
        if let Some(wanted) = &wanted {
            self.wanted_values(wanted, 0);
        }
        let fits = |here: &Self, ty: &Ty| here.fits(ty, wanted.as_ref());
        if let Some(sight) = &self.notes.in_sight {
            for (name, id, ty) in sight.locals.iter().rev() {
                let Some(item) = self.item.filter(|_| !name.is_empty()) else {
                    continue;
                };
                let symbol = Symbol::Local(item, *id);
                let candidate = Candidate::new(name, CandidateKind::Variable);
                let candidate = candidate.detail(self.show(ty)).symbol(Some(symbol));
                self.out.push(candidate.fits(fits(self, ty)));
            }
            if let Some(kind) = sight.kind {
                self.inside_of(kind, wanted.as_ref());
            }
        }
        for (name, def) in self.seen_values() {
            self.value(&name, &def, wanted.as_ref());
        }
        for (name, _) in Builtin::ALL {
            let symbol = Symbol::Builtin(std::sync::Arc::from(*name));
            let candidate = Candidate::new(name, CandidateKind::Function).symbol(Some(symbol));
            self.add(candidate.insert(Insert::Call(Vec::new())));
        }
        for name in crate::data::READERS {
            let candidate = Candidate::new(name, CandidateKind::Function);
            self.add(candidate.insert(Insert::Call(Vec::new())));
        }
        let ambient = Candidate::new("environment", CandidateKind::Environment);
        self.add(ambient.symbol(Some(Symbol::Environment)));
        let environment = |ty: &Ty| matches!(ty.plain(self.db).1, Ty::Environment);
        if wanted.as_ref().is_none_or(environment) {
            self.environments();
        }
        self.words(&["if", "match", "not"]);
        if wanted.is_none() {
            self.targets();
            self.words(&["true", "false", "none"]);
        }
    }

    fn fits(&self, ty: &Ty, wanted: Option<&Ty>) -> bool {
        let Some(wanted) = wanted else { return false };
        !ty.is_unknown() && (Converter { db: self.db }).convert(ty, wanted).is_ok()
    }

    /// What a type has values of by name: its words, its cases.
    fn wanted_values(&mut self, wanted: &Ty, depth: u32) {
        if depth > DEPTH {
            return;
        }
        match wanted {
            Ty::Labelled(_, inner) | Ty::Refined(inner, _) => self.wanted_values(inner, depth + 1),
            Ty::Optional(inner) => {
                self.word("none");
                self.wanted_values(inner, depth + 1);
            }
            Ty::Bool => {
                self.word("true");
                self.word("false");
            }
            Ty::Word(word) => self.literal(word),
            Ty::Words(words) => words.iter().for_each(|word| self.literal(word)),
            Ty::Either(types) => {
                for ty in types.iter() {
                    self.wanted_values(ty, depth + 1);
                }
            }
            Ty::Instance(kind) if is_target(self.db, *kind) => self.targets(),
            Ty::Named(item) => match &type_def(self.db, *item).body {
                TypeBody::Alias(alias) => self.wanted_values(alias, depth + 1),
                TypeBody::Variant(cases) => {
                    for case in cases {
                        self.case(*item, &case.name, &case.params, true);
                        let first = case.params.first().filter(|_| case.implicit);
                        if let Some(first) = first {
                            self.wanted_values(&first.ty, depth + 1);
                        }
                    }
                }
            },
            _ => {}
        }
    }

    fn word(&mut self, word: &str) {
        self.add(Candidate::new(word, CandidateKind::Word).fits(true));
    }

    fn literal(&mut self, word: &Word) {
        let text = word.to_string();
        let candidate = Candidate::new(&text, CandidateKind::Word).fits(true);
        self.add(candidate.insert(Insert::Text(text)));
    }

    pub fn case(&mut self, of: ItemId, name: &str, params: &[ParamHead], fits: bool) {
        let symbol = Symbol::Case(of, std::sync::Arc::from(name));
        let detail = self.db.case_text(of, name);
        let candidate = Candidate::new(name, CandidateKind::Case)
            .detail(detail)
            .fits(fits);
        let candidate = candidate.symbol(Some(symbol));
        let candidate = if params.is_empty() {
            candidate
        } else {
            candidate.insert(Insert::Call(self.needed(params)))
        };
        self.add(candidate);
    }

    /// The parameters that must be given: the first by its place, the others by their names.
    fn needed(&self, params: &[ParamHead]) -> Vec<String> {
        let optional = |ty: &Ty| matches!(ty.plain(self.db).1, Ty::Optional(_));
        let needed = params
            .iter()
            .filter(|p| p.default.is_none() && !optional(&p.ty));
        needed.map(|p| p.name.to_string()).collect()
    }

    fn targets(&mut self) {
        for name in self.names.seen(Space::Kind) {
            if let Some(kind) = self.names.kind_named(name)
                && is_target(self.db, kind)
                && !kind_head(self.db, kind).abstract_
            {
                let candidate = Candidate::new(name, CandidateKind::Target).fits(true);
                let candidate = candidate.symbol(Some(Symbol::Item(kind)));
                self.add(candidate.insert(Insert::Braces));
            }
        }
    }

    /// The names of the kind in whose contents the place is.
    fn inside_of(&mut self, kind: ItemId, wanted: Option<&Ty>) {
        let head = kind_head(self.db, kind);
        for field in &head.fields {
            let fits = self.fits(&field.ty, wanted);
            let symbol = field
                .at
                .map(|at| Symbol::Field(at.item, field.name.clone()));
            let detail = self.show(&field.ty);
            let candidate = Candidate::new(&field.name, CandidateKind::Variable).detail(detail);
            self.add(candidate.symbol(symbol).fits(fits));
        }
        if let Some(tree) = crate::db::tree(self.db, kind)
            && let ast::Item::Kind(ast) = tree.item()
        {
            let lets = ast.items().filter_map(|item| match item {
                ast::Item::Let(def) => def.name(),
                _ => None,
            });
            let lets: Vec<std::sync::Arc<str>> = lets.map(|n| n.text().into()).collect();
            for name in lets {
                let symbol = Symbol::Inner(kind, name.clone());
                let candidate = Candidate::new(&name, CandidateKind::Value);
                self.add(candidate.symbol(Some(symbol)));
            }
        }
        self.contents(kind);
    }

    /// A name of the value namespace.
    fn value(&mut self, name: &str, def: &ValueDef, wanted: Option<&Ty>) {
        let candidate = match def {
            ValueDef::Let(item) => {
                let ty = let_type(self.db, *item);
                Candidate::new(name, CandidateKind::Value)
                    .detail(self.show(ty))
                    .symbol(Some(Symbol::Item(*item)))
                    .fits(self.fits(ty, wanted))
            }
            ValueDef::Decl(decl) => {
                let ty = decl_type(self.db, *decl, &[]);
                Candidate::new(name, CandidateKind::Declaration)
                    .detail(self.show(&ty))
                    .symbol(Some(Symbol::Decl(*decl)))
                    .fits(self.fits(&ty, wanted))
            }
            ValueDef::AppInput(item, input) => {
                let head = app_head(self.db, *item);
                let field = head.fields.iter().find(|f| f.name == *input);
                let ty = field.map_or(Ty::Unknown, |f| f.ty.clone());
                Candidate::new(name, CandidateKind::Variable)
                    .detail(self.show(&ty))
                    .symbol(Some(Symbol::Field(*item, input.clone())))
                    .fits(self.fits(&ty, wanted))
            }
            ValueDef::Fn(item) => {
                let head = fn_head(self.db, *item);
                let result = head.result.clone().unwrap_or(Ty::Unknown);
                Candidate::new(name, CandidateKind::Function)
                    .detail(self.show(&result))
                    .symbol(Some(Symbol::Item(*item)))
                    .fits(self.fits(&result, wanted))
                    .insert(Insert::Call(self.needed(&head.params)))
            }
        };
        self.add(candidate);
    }

    /// What can be read of a value.
    pub fn members(&mut self, base: Node<'a>) {
        // A module's names are kinds and types.
        self.functions_of_target(base);
        let Some(ty) = self.notes.found.get(&base.range().into()).cloned() else {
            return;
        };
        let plain = ty.without_none(self.db).plain(self.db).1;
        match &plain {
            Ty::Instance(kind) => {
                let head = kind_head(self.db, *kind);
                for out in &head.outs {
                    let ty = out_type(self.db, *kind, &out.name).unwrap_or(Ty::Unknown);
                    let symbol = Symbol::Out(out.at.item, out.name.clone());
                    let detail = self.show(&ty);
                    let candidate = Candidate::new(&out.name, CandidateKind::Out).detail(detail);
                    self.add(candidate.symbol(Some(symbol)).fits(true));
                }
                for field in &head.fields {
                    let symbol = field
                        .at
                        .map(|at| Symbol::Field(at.item, field.name.clone()));
                    let detail = self.show(&field.ty);
                    let candidate = Candidate::new(&field.name, CandidateKind::Field);
                    self.add(candidate.detail(detail).symbol(symbol));
                }
            }
            Ty::Named(item) => {
                for member in &type_def(self.db, *item).members {
                    let symbol = Symbol::Inner(*item, member.clone());
                    let candidate = Candidate::new(member, CandidateKind::Field).fits(true);
                    self.add(candidate.symbol(Some(symbol)));
                }
            }
            Ty::Record(fields) => {
                for field in fields.iter() {
                    let detail = self.show(&field.ty);
                    let symbol = crate::look::below(self.db, &ty, &field.name);
                    let candidate = Candidate::new(&field.name, CandidateKind::Field);
                    self.add(candidate.detail(detail).symbol(symbol).fits(true));
                }
            }
            Ty::Range(inner) => {
                for name in ["min", "max"] {
                    let detail = self.show(inner);
                    self.add(
                        Candidate::new(name, CandidateKind::Field)
                            .detail(detail)
                            .fits(true),
                    );
                }
            }
            Ty::Environment => self.read(&["name"]),
            Ty::AnyInstance => self.read(&["name", "kind"]),
            Ty::Link => self.read(&["from", "to", "out", "grant", "field"]),
            _ => {}
        }
        if matches!(
            plain,
            Ty::List(_) | Ty::Map(_) | Ty::String | Ty::Word(_) | Ty::Words(_)
        ) {
            for (name, _) in Builtin::ALL {
                let symbol = Symbol::Builtin(std::sync::Arc::from(*name));
                let candidate = Candidate::new(name, CandidateKind::Function);
                let candidate = candidate.symbol(Some(symbol));
                self.add(candidate.insert(Insert::Call(Vec::new())));
            }
        }
    }

    fn read(&mut self, names: &[&str]) {
        for name in names {
            self.add(Candidate::new(name, CandidateKind::Field).fits(true));
        }
    }

    /// The fields below a value of a type, those that are not given yet.
    pub fn fields_of(&mut self, ty: &Ty, given: &[String]) {
        let optional = |here: &Self, ty: &Ty| matches!(ty.plain(here.db).1, Ty::Optional(_));
        let (_, plain) = ty.without_none(self.db).plain(self.db);
        match &plain {
            Ty::Instance(kind) => {
                for field in &kind_head(self.db, *kind).fields {
                    if given.contains(&field.name.to_string()) {
                        continue;
                    }
                    let required =
                        field.at.is_some() && field.default.is_none() && !optional(self, &field.ty);
                    let symbol = field
                        .at
                        .map(|at| Symbol::Field(at.item, field.name.clone()));
                    let detail = self.show(&field.ty);
                    let candidate = Candidate::new(&field.name, CandidateKind::Field);
                    let mut candidate = candidate.detail(detail).symbol(symbol).fits(true);
                    candidate.required = required;
                    self.add(candidate.insert(Insert::Field));
                }
                self.contents(*kind);
            }
            Ty::Record(fields) => {
                for field in fields.iter() {
                    if given.contains(&field.name.to_string()) {
                        continue;
                    }
                    let detail = self.show(&field.ty);
                    let symbol = crate::look::below(self.db, ty, &field.name);
                    let candidate = Candidate::new(&field.name, CandidateKind::Field);
                    let mut candidate = candidate.detail(detail).symbol(symbol).fits(true);
                    candidate.required = field.default.is_none() && !optional(self, &field.ty);
                    self.add(candidate.insert(Insert::Field));
                }
            }
            Ty::Either(types) => {
                for ty in types.iter() {
                    self.fields_of(ty, given);
                }
            }
            Ty::Named(item) => {
                if let TypeBody::Variant(cases) = &type_def(self.db, *item).body {
                    for case in cases {
                        for part in &case.params {
                            if given.contains(&part.name.to_string()) {
                                continue;
                            }
                            let symbol = Symbol::Part(*item, case.name.clone(), part.name.clone());
                            let detail = self.show(&part.ty);
                            let candidate = Candidate::new(&part.name, CandidateKind::Field);
                            let candidate = candidate.detail(detail).symbol(Some(symbol));
                            self.add(candidate.insert(Insert::Field));
                        }
                        let first = case.params.first().filter(|_| case.implicit);
                        if let Some(first) = first {
                            self.fields_of(&first.ty, given);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The arguments that a call takes by name, those that are not given yet.
    pub fn arguments(&mut self, call: Node<'a>, at: Node<'a>) {
        let Some(call) = ast::Call::cast(call) else {
            return;
        };
        let Some(callee) = call.callee() else { return };
        let (params, of, case): (Vec<ParamHead>, ItemId, std::sync::Arc<str>) =
            match self.notes.names.get(&callee.node().range().into()) {
                Some(Symbol::Case(of, case)) => match &type_def(self.db, *of).body {
                    TypeBody::Variant(cases) => {
                        let found = cases.iter().find(|c| c.name == *case);
                        let params = found.map(|c| c.params.clone());
                        (params.unwrap_or_default(), *of, case.clone())
                    }
                    TypeBody::Alias(_) => return,
                },
                Some(Symbol::Item(item)) if item.space(self.db) == Space::Value => {
                    let params = fn_head(self.db, *item).params.clone();
                    (params, *item, std::sync::Arc::from(""))
                }
                _ => return,
            };
        let before = call.args().take_while(|arg| arg.node().id() != at.id());
        let by_place = before.filter(|arg| arg.name().is_none()).count();
        let given: Vec<&str> = call
            .args()
            .filter_map(|a| a.name())
            .map(ast::Name::text)
            .collect();
        for param in params.iter().skip(by_place) {
            if given.contains(&param.name.as_ref()) {
                continue;
            }
            let symbol = Symbol::Part(of, case.clone(), param.name.clone());
            let optional = matches!(param.ty.plain(self.db).1, Ty::Optional(_));
            let detail = self.show(&param.ty);
            let candidate = Candidate::new(&param.name, CandidateKind::Field).detail(detail);
            let mut candidate = candidate.symbol(Some(symbol)).fits(true);
            candidate.required = param.default.is_none() && !optional && by_place == 0;
            self.add(candidate.insert(Insert::Argument));
        }
    }

    /// What a text could be: a word of a union, a file, a directory.
    pub fn text(&mut self, literal: Node<'a>, in_path: bool) {
        let Some(wanted) = self.wanted(literal).cloned() else {
            return;
        };
        if in_path {
            return;
        }
        self.text_of(&wanted, 0);
    }

    fn text_of(&mut self, wanted: &Ty, depth: u32) {
        if depth > DEPTH {
            return;
        }
        match wanted {
            Ty::Labelled(_, inner) | Ty::Refined(inner, _) | Ty::Optional(inner) => {
                self.text_of(inner, depth + 1);
            }
            Ty::Word(word) => self.spelt(word),
            Ty::Words(words) => words.iter().for_each(|word| self.spelt(word)),
            Ty::Either(types) => types.iter().for_each(|ty| self.text_of(ty, depth + 1)),
            Ty::Named(item) => match &type_def(self.db, *item).body {
                TypeBody::Alias(alias) => self.text_of(alias, depth + 1),
                TypeBody::Variant(cases) => {
                    let implicit = cases.iter().filter(|c| c.implicit);
                    let firsts = implicit.filter_map(|c| c.params.first());
                    for first in firsts {
                        self.text_of(&first.ty, depth + 1);
                    }
                }
            },
            Ty::Dir => self.files(false),
            Ty::File => self.files(true),
            _ => {}
        }
    }

    fn spelt(&mut self, word: &Word) {
        if let Word::Text(text) = word {
            self.add(Candidate::new(text, CandidateKind::Word).fits(true));
        }
    }

    /// The files of the package, or its directories.
    fn files(&mut self, files: bool) {
        let Some(info) = crate::db::package_info(self.db, self.file.0.package(self.db)) else {
            return;
        };
        let mut paths: Vec<String> = Vec::new();
        for path in info.listing.iter() {
            if files && !path.ends_with('/') {
                paths.push(path.clone());
            }
            if !files {
                let above = path.match_indices('/').map(|(at, _)| at);
                paths.extend(above.filter_map(|at| path.get(..at)).map(str::to_owned));
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            self.add(Candidate::new(&format!("./{path}"), CandidateKind::File).fits(true));
        }
    }

    /// The cases of what a pattern is matched with.
    pub fn patterns(&mut self, around: &[Node<'a>]) {
        use plat_syntax::SyntaxKind as K;
        let of = around
            .iter()
            .find(|n| matches!(n.kind(), K::Match | K::IsExpr));
        let subject = of.and_then(|node| node.children().next());
        let found = subject.and_then(|s| self.notes.found.get(&s.range().into()));
        let Some(ty) = found.cloned() else { return };
        if matches!(ty.plain(self.db).1, Ty::Optional(_)) {
            let some = Candidate::new("some", CandidateKind::Case).fits(true);
            self.add(some.insert(Insert::Call(vec!["x".to_owned()])));
            self.word("none");
        }
        match ty.without_none(self.db).plain(self.db).1 {
            Ty::Named(item) => {
                if let TypeBody::Variant(cases) = &type_def(self.db, item).body {
                    for case in cases {
                        self.case(item, &case.name, &case.params, true);
                    }
                }
            }
            Ty::Words(words) => words.iter().for_each(|word| self.literal(word)),
            Ty::Bool => {
                self.word("true");
                self.word("false");
            }
            Ty::Environment => self.environments(),
            Ty::AnyInstance => self.kinds(true),
            _ => {}
        }
    }

    /// A type, by a definition.
    pub fn type_entry(&mut self, name: &str, entry: &TypeEntry) -> Candidate {
        let (symbol, detail) = match entry {
            TypeEntry::Item(item) => (Some(Symbol::Item(*item)), String::new()),
            TypeEntry::Quantity(dim) => (None, dim.to_string()),
        };
        Candidate::new(name, CandidateKind::Type)
            .symbol(symbol)
            .detail(detail)
    }
}
