//! Names that can be seen from a file, by what they name.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::{Candidate, CandidateKind, Here, Insert};
use crate::check::is_target;
use crate::check::notes::Symbol;
use crate::db::{Space, module_of};
use crate::names::{Scope, ValueDef, prelude, scope, uses};
use crate::types::kind_head;

/// The types that the language itself gives, and how many each takes in its angle brackets.
const GIVEN: &[&str] = &[
    "Bool", "Decimal", "Dir", "File", "Int", "List", "Map", "Per", "Percent", "Range", "String",
    "Text",
];

impl<'a> Here<'a> {
    /// The kinds of which declarations can be made; abstract ones too, where all of a kind are meant.
    pub fn kinds(&mut self, abstract_too: bool) {
        for name in self.names.seen(Space::Kind) {
            let Some(kind) = self.names.kind_named(name) else {
                continue;
            };
            let head = kind_head(self.db, kind);
            let hidden = head.abstract_ && !abstract_too;
            if hidden || is_target(self.db, kind) || name == "environment" {
                continue;
            }
            let detail = head
                .parents
                .first()
                .map(|p| format!("is {}", p.name(self.db)));
            let candidate = Candidate::new(name, CandidateKind::Kind).fits(true);
            let candidate = candidate.symbol(Some(Symbol::Item(kind)));
            self.add(candidate.detail(detail.unwrap_or_default()));
        }
        self.kinds_to_import();
    }

    /// The kinds that another one can take over.
    pub fn parents(&mut self) {
        for name in self.names.seen(Space::Kind) {
            if let Some(kind) = self.names.kind_named(name)
                && kind_head(self.db, kind).abstract_
            {
                let candidate = Candidate::new(name, CandidateKind::Kind).fits(true);
                self.add(candidate.symbol(Some(Symbol::Item(kind))));
            }
        }
    }

    /// The types.
    pub fn types(&mut self) {
        for name in GIVEN {
            self.add(Candidate::new(name, CandidateKind::Type).fits(true));
        }
        for name in self.names.seen(Space::Type) {
            if let Some(entry) = self.names.type_named(name) {
                let candidate = self.type_entry(name, &entry).fits(true);
                self.add(candidate);
            }
        }
        for name in self.names.seen(Space::Kind) {
            if let Some(kind) = self.names.kind_named(name) {
                let candidate = Candidate::new(name, CandidateKind::Kind);
                self.add(candidate.symbol(Some(Symbol::Item(kind))));
            }
        }
        // The word for what nobody may see is the name of a kind too, and stands among them.
        self.words(&["declaration", "later", "link"]);
    }

    /// The names of a module that a path leads to: kinds, or types too.
    pub fn in_module(&mut self, before: &[ast::Segment<'a>], types: bool) {
        let path: Vec<Arc<str>> = before.iter().map(|s| Arc::from(s.node().text())).collect();
        let Ok(module) = crate::names::find_module(self.db, self.file.0, &path) else {
            return;
        };
        let scope = scope(self.db, module);
        let own = module.package(self.db) == self.file.0.package(self.db);
        for (name, def) in scope.kinds.iter().filter(|(_, def)| def.public || own) {
            let candidate = Candidate::new(name, CandidateKind::Kind).fits(true);
            self.add(candidate.symbol(Some(Symbol::Item(def.what))));
        }
        if types {
            for (name, def) in scope.types.iter().filter(|(_, def)| def.public || own) {
                let candidate = self.type_entry(name, &def.what).fits(true);
                self.add(candidate);
            }
        }
    }

    /// The environments.
    pub fn environments(&mut self) {
        for name in self.names.seen(Space::Env) {
            if let Some(env) = self.names.env(name) {
                let candidate = Candidate::new(name, CandidateKind::Environment).fits(true);
                self.add(candidate.symbol(Some(Symbol::Item(env))));
            }
        }
    }

    /// The policies.
    pub fn policies(&mut self) {
        for name in self.names.seen(Space::Policy) {
            if let Some(policy) = self.names.policy(name) {
                let candidate = Candidate::new(name, CandidateKind::Policy).fits(true);
                self.add(candidate.symbol(Some(Symbol::Item(policy))));
            }
        }
    }

    /// The fields of an environment that are not given yet.
    pub fn environment_fields(&mut self, env: Node<'a>) {
        let given: Vec<&str> = ast::Env::cast(env)
            .into_iter()
            .flat_map(ast::Env::fields)
            .filter_map(|field| field.path()?.as_name())
            .map(ast::Name::text)
            .collect();
        for name in ["extends", "set", "place", "omit", "leave", "policies"] {
            if !given.contains(&name) {
                let candidate = Candidate::new(name, CandidateKind::Field).fits(true);
                self.add(candidate.insert(Insert::Field));
            }
        }
        let kind = prelude(self.db).kinds.get("environment");
        let Some(kind) = kind.map(|def| def.what) else {
            return;
        };
        for field in &kind_head(self.db, kind).fields {
            if let Some(at) = field.at
                && !given.contains(&field.name.as_ref())
            {
                let symbol = Symbol::Field(at.item, field.name.clone());
                let detail = self.show(&field.ty);
                let candidate = Candidate::new(&field.name, CandidateKind::Field).detail(detail);
                let candidate = candidate.symbol(Some(symbol)).fits(true);
                self.add(candidate.insert(Insert::Field));
            }
        }
    }

    /// The values that can be seen by one name: of the module, of `use`, of `std`.
    pub fn seen_values(&self) -> BTreeMap<Arc<str>, ValueDef> {
        let mut all = BTreeMap::new();
        let mut take = |name: &Arc<str>, def: &ValueDef| {
            all.entry(name.clone()).or_insert_with(|| def.clone());
        };
        let own = scope(self.db, module_of(self.db, self.file.0));
        for (name, def) in &own.values {
            take(name, &def.what);
        }
        for (name, (module, there)) in &uses(self.db, self.file.0).names {
            if let Some(def) = scope(self.db, *module).values.get(there) {
                take(name, &def.what);
            }
        }
        for (name, def) in &prelude(self.db).values {
            if def.public {
                take(name, &def.what);
            }
        }
        all
    }

    /// The declarations and inputs of the app, wherever in it the file is.
    pub fn app_values(&self) -> Vec<(Arc<str>, ValueDef)> {
        let mut all: BTreeMap<Arc<str>, ValueDef> = BTreeMap::new();
        let add = |scope: &Scope, all: &mut BTreeMap<Arc<str>, ValueDef>| {
            for (name, def) in &scope.values {
                if !matches!(def.what, ValueDef::Let(_) | ValueDef::Fn(_)) {
                    all.entry(name.clone()).or_insert_with(|| def.what.clone());
                }
            }
        };
        add(scope(self.db, module_of(self.db, self.file.0)), &mut all);
        for (package, dir) in crate::db::modules(self.db).keys() {
            if package == self.file.0.package(self.db) {
                let module = crate::db::ModuleId::new(self.db, package.clone(), dir.clone());
                add(scope(self.db, module), &mut all);
            }
        }
        all.into_iter().collect()
    }
}
