//! Packages and their modules: what `use` names, and what it would bring.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::{Candidate, CandidateKind, Here};
use crate::check::notes::Symbol;
use crate::db::{ModuleId, modules, package_info};
use crate::names::{STD, TypeEntry, ValueDef, find_module, path_names, scope};
use crate::types::kind_head;

impl<'a> Here<'a> {
    /// The packages, or the modules below a path.
    pub fn modules(&mut self, before: &[ast::Segment<'a>]) {
        let own = self.file.0.package(self.db).clone();
        if before.is_empty() {
            let info = package_info(self.db, &own);
            let known = info.into_iter().flat_map(|info| info.dependencies.keys());
            let mut names: Vec<String> = known.cloned().collect();
            names.push(own.to_string());
            for name in names {
                self.add(Candidate::new(&name, CandidateKind::Module).fits(true));
            }
            return;
        }
        let path: Vec<Arc<str>> = before.iter().map(|s| Arc::from(s.node().text())).collect();
        self.below_module(&path);
    }

    /// What one `use` can bring: the names of its module, and the modules below.
    pub fn imported(&mut self, taken: Node<'a>, _: Node<'a>) {
        let Some(ast) = ast::Use::cast(taken) else {
            return;
        };
        let path = path_names(ast.module());
        if path.is_empty() {
            return self.modules(&[]);
        }
        self.below_module(&path);
    }

    fn below_module(&mut self, path: &[Arc<str>]) {
        let own = self.file.0.package(self.db).clone();
        let dependencies = package_info(self.db, &own).map(|info| &info.dependencies);
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let package = match dependencies.and_then(|d| d.get(first.as_ref())) {
            Some(package) => Arc::from(package.as_str()),
            None => first.clone(),
        };
        let dir = rest.join("/");
        let prefix = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let mut below: Vec<String> = Vec::new();
        for (of, at) in modules(self.db).keys() {
            if *of == package
                && let Some(inner) = at.strip_prefix(&prefix)
                && let Some(name) = inner.split('/').next().filter(|name| !name.is_empty())
            {
                below.push(name.to_owned());
            }
        }
        below.dedup();
        for name in below {
            self.add(Candidate::new(&name, CandidateKind::Module).fits(true));
        }
        let Ok(module) = find_module(self.db, self.file.0, path) else {
            return;
        };
        let scope = scope(self.db, module);
        let own = *module.package(self.db) == own;
        let mut found: Vec<Candidate> = Vec::new();
        for (name, def) in scope.kinds.iter().filter(|(_, d)| d.public || own) {
            let symbol = Some(Symbol::Item(def.what));
            found.push(Candidate::new(name, CandidateKind::Kind).symbol(symbol));
        }
        for (name, def) in scope.types.iter().filter(|(_, d)| d.public || own) {
            if let TypeEntry::Item(item) = &def.what {
                let symbol = Some(Symbol::Item(*item));
                found.push(Candidate::new(name, CandidateKind::Type).symbol(symbol));
            }
        }
        for (name, def) in scope.values.iter().filter(|(_, d)| d.public || own) {
            let (kind, symbol) = match &def.what {
                ValueDef::Let(item) => (CandidateKind::Value, Symbol::Item(*item)),
                ValueDef::Fn(item) => (CandidateKind::Function, Symbol::Item(*item)),
                ValueDef::Decl(decl) => (CandidateKind::Declaration, Symbol::Decl(*decl)),
                ValueDef::AppInput(item, input) => {
                    (CandidateKind::Variable, Symbol::Field(*item, input.clone()))
                }
            };
            found.push(Candidate::new(name, kind).symbol(Some(symbol)));
        }
        for (name, def) in scope.units.iter().filter(|(_, d)| d.public || own) {
            let symbol = Some(Symbol::Item(def.what));
            found.push(Candidate::new(name, CandidateKind::Unit).symbol(symbol));
        }
        for (name, def) in scope.envs.iter().filter(|(_, d)| d.public || own) {
            let symbol = Some(Symbol::Item(def.what));
            found.push(Candidate::new(name, CandidateKind::Environment).symbol(symbol));
        }
        for (name, def) in scope.policies.iter().filter(|(_, d)| d.public || own) {
            let symbol = Some(Symbol::Item(def.what));
            found.push(Candidate::new(name, CandidateKind::Policy).symbol(symbol));
        }
        for candidate in found {
            self.add(candidate.fits(true));
        }
    }

    /// The kinds of other modules that could be had by a `use`.
    pub fn kinds_to_import(&mut self) {
        let here = crate::db::module_of(self.db, self.file.0);
        let own = self.file.0.package(self.db).clone();
        let Some(info) = package_info(self.db, &own) else {
            return;
        };
        let mut packages: Vec<(String, Arc<str>)> = vec![(own.to_string(), own.clone())];
        for (name, package) in &info.dependencies {
            packages.push((name.clone(), Arc::from(package.as_str())));
        }
        for (called, package) in packages {
            for (of, dir) in modules(self.db).keys() {
                let module = ModuleId::new(self.db, of.clone(), dir.clone());
                if *of != package || module == here || of.as_ref() == STD {
                    continue;
                }
                let mut path = called.clone();
                for part in dir.split('/').filter(|part| !part.is_empty()) {
                    path.push('.');
                    path.push_str(part);
                }
                for (name, def) in &scope(self.db, module).kinds {
                    let hidden = *of != own && !def.public;
                    let seen = self.names.kind_named(name).is_some();
                    if hidden || seen || kind_head(self.db, def.what).abstract_ {
                        continue;
                    }
                    let candidate = Candidate::new(name, CandidateKind::Kind);
                    let mut candidate = candidate.symbol(Some(Symbol::Item(def.what)));
                    candidate.import = Some(path.clone());
                    self.add(candidate);
                }
            }
        }
    }
}
