//! What kind of thing stands at a place, by the tree around the word.

use plat_syntax::ast::{self, Segment};
use plat_syntax::{Node, SyntaxKind};

use super::{Candidate, CandidateKind, Here, Insert};
use crate::check::decl_type;
use crate::check::notes::Symbol;
use crate::names::{DeclRef, ValueDef, path_names};
use crate::types::{Ty, kind_head};

/// Where items may begin, and the words that begin them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    File,
    Kind,
    Env,
    Choice,
}

impl<'a> Here<'a> {
    /// Adds what could be written.
    pub fn complete(&mut self) {
        use SyntaxKind as K;
        let around = self.around();
        let Some(leaf) = around.first().copied() else {
            return;
        };
        let parent = around.get(1).copied();
        let above = around.get(2).copied();
        match (leaf.kind(), parent.map(Node::kind)) {
            (K::NameRef, Some(K::Arg)) => {
                if let (Some(arg), Some(call)) = (parent, above) {
                    self.arguments(call, arg);
                    self.outs_of_what_exists(call, &around);
                }
                self.values(leaf);
            }
            // What is called gives what is wanted of the call.
            (K::NameRef, Some(K::Call)) => {
                self.placed(&around);
                self.values(parent.unwrap_or(leaf));
            }
            (K::NameRef, _) if in_env_list(&around) => self.declarations(&[]),
            (K::NameRef, _) => {
                self.placed(&around);
                self.values(leaf);
            }
            (K::StringText | K::StringLit, _) => {
                let literal = around.iter().find(|n| n.kind() == K::StringLit);
                if let Some(literal) = literal {
                    let in_path = around.iter().any(|n| n.kind() == K::Index);
                    self.text(*literal, in_path);
                    self.objects_to_name(*literal, &around);
                    if !in_path && self.out.is_empty() {
                        self.texts_elsewhere(*literal, &around);
                    }
                }
            }
            (K::Name, Some(K::FieldAccess | K::SafeAccess)) => {
                if let Some(base) = parent.and_then(|access| access.children().next()) {
                    if in_env_list(&around) {
                        self.fields_to_name(base);
                    } else {
                        self.members(base);
                    }
                }
            }
            (K::Name, Some(K::Path)) => self.path(&around),
            (K::Name, Some(K::UseItem)) => {
                if let Some(taken) = above {
                    self.imported(taken, leaf);
                }
            }
            (K::Name, Some(K::PatName | K::PatCase)) => self.patterns(&around),
            (K::Name, Some(K::Arg)) => {
                if let (Some(arg), Some(call)) = (parent, above) {
                    self.arguments(call, arg);
                    self.outs_of_what_exists(call, &around);
                }
            }
            (K::Name, Some(K::VariantCase)) => self.types(),
            (K::Name, Some(K::TypeApp)) => self.types(),
            (K::Name, Some(K::Changes)) => self.words(&["in_place", "replace", "grow_only"]),
            (K::TypeName, _) => self.types(),
            // What could not be read at all: what may begin there.
            (K::Error, _) => self.begins(&around),
            _ => {}
        }
    }

    /// A path: what it is a path of says where it leads.
    fn path(&mut self, around: &[Node<'a>]) {
        use SyntaxKind as K;
        let (Some(name), Some(path), Some(owner)) = (around.first(), around.get(1), around.get(2))
        else {
            return;
        };
        let Some(ast) = ast::Path::cast(*path) else {
            return;
        };
        let segments: Vec<Segment<'a>> = ast.segments().collect();
        let at = segments.iter().position(|s| s.node().id() == name.id());
        let first = at == Some(0);
        let before: Vec<Segment<'a>> = segments.iter().take(at.unwrap_or(0)).copied().collect();
        match owner.kind() {
            K::Decl if first => self.begins(around.get(2..).unwrap_or_default()),
            K::Decl | K::Each | K::Kind | K::TypeName | K::Construct if !first => {
                let types = matches!(owner.kind(), K::TypeName | K::Construct);
                self.in_module(&before, types);
            }
            K::Each => self.kinds(true),
            K::Kind => self.parents(),
            K::TypeName => self.types(),
            K::Construct => self.values(*owner),
            K::Use => self.modules(&before),
            K::Moved => self.declarations(&before),
            K::Waive => {
                let policy = owner.children().find_map(ast::Path::cast);
                if policy.is_some_and(|p| p.node().id() == path.id()) {
                    self.policies();
                } else {
                    self.declarations(&before);
                    self.environments();
                }
            }
            K::Field => self.field(around, &before, *name),
            K::Entry => self.entry(around, &before, *name),
            _ => {}
        }
    }

    /// The name of a field.
    fn field(&mut self, around: &[Node<'a>], before: &[Segment<'a>], name: Node<'a>) {
        use SyntaxKind as K;
        let owner = around.iter().skip(3).find(|node| {
            matches!(
                node.kind(),
                K::Decl | K::Each | K::Env | K::Kind | K::Policy | K::Test | K::Waive | K::App
            )
        });
        let Some(owner) = owner else {
            return self.begins(around.get(2..).unwrap_or_default());
        };
        match owner.kind() {
            K::Env if before.is_empty() => {
                self.environment_fields(*owner);
                self.keywords(Block::Env);
            }
            K::Kind if before.is_empty() => {
                self.keywords(Block::Kind);
                self.kinds(false);
                self.new_defaults(*owner);
            }
            K::Policy => {
                self.own_fields(*owner, &["when", "require", "message", "severity"]);
            }
            K::Test => self.own_fields(*owner, &["assert"]),
            K::Waive => self.own_fields(*owner, &["reason", "until"]),
            _ => self.below(name, *owner),
        }
    }

    /// The name of an entry of a `{ … }`.
    fn entry(&mut self, around: &[Node<'a>], before: &[Segment<'a>], name: Node<'a>) {
        use SyntaxKind as K;
        let record = around.get(3).copied();
        let field = around.get(4).filter(|node| node.kind() == K::Field);
        let env = around.iter().any(|node| node.kind() == K::Env);
        let of = field.and_then(|f| ast::Field::cast(*f)?.path()?.as_name());
        match of.map(ast::Name::text) {
            Some("set") if env && before.is_empty() => {
                self.declarations(&[]);
                self.app_inputs();
            }
            Some("place") if env => self.declarations(before),
            _ => {
                if let Some(record) = record {
                    self.below(name, record);
                    if self.out.is_empty() {
                        let given = given(record, name);
                        match (of, around.get(4)) {
                            (Some(of), _) => self.keys_elsewhere(of.text(), &given),
                            (None, Some(list)) => self.keys_beside(*list, &given),
                            (None, None) => {}
                        }
                    }
                }
            }
        }
    }

    /// The fields of what a path of `leave` or `omit` leads to so far.
    fn fields_to_name(&mut self, base: Node<'a>) {
        let Some(ty) = self.reached(base) else {
            return;
        };
        let before = self.out.len();
        self.fields_of(&ty, &[]);
        // Named, not given.
        for candidate in self.out.iter_mut().skip(before) {
            candidate.insert = None;
            candidate.required = false;
        }
    }

    /// The type of what a path of names leads to.
    fn reached(&self, path: Node<'a>) -> Option<Ty> {
        if path.kind() == SyntaxKind::NameRef {
            let mut all = self.app_values().into_iter();
            let (_, def) = all.find(|(name, _)| name.as_ref() == path.text())?;
            return match def {
                ValueDef::Decl(decl) => Some(decl_type(self.db, decl, &[])),
                _ => None,
            };
        }
        let (base, name) = (path.children().next()?, path.children().last()?);
        match self.reached(base)?.without_none(self.db).plain(self.db).1 {
            Ty::Instance(kind) => {
                let field = kind_head(self.db, kind).field(name.text())?;
                Some(field.ty.clone())
            }
            Ty::Record(fields) => {
                let field = fields.iter().find(|f| f.name.as_ref() == name.text())?;
                Some(field.ty.clone())
            }
            _ => None,
        }
    }

    /// What there is below the type that the checker looks for the name in; `owner` holds what is
    /// given already.
    fn below(&mut self, name: Node<'a>, owner: Node<'a>) {
        let Some(ty) = self.notes.below.get(&name.range().into()).cloned() else {
            // The kind is not known: nothing is.
            return;
        };
        let given = given(owner, name);
        self.fields_of(&ty, &given);
    }

    /// The declarations of the app, or those inside of what a path leads to.
    fn declarations(&mut self, before: &[Segment<'a>]) {
        if let Some(last) = before.last() {
            let symbol = self.notes.names.get(&last.node().range().into());
            if let Some(Symbol::Decl(decl)) = symbol
                && let Ty::Instance(kind) = decl_type(self.db, *decl, &[]).without_none(self.db)
            {
                self.contents(kind);
            }
            return;
        }
        for (name, def) in self.app_values() {
            if let ValueDef::Decl(decl) = def {
                let ty = decl_type(self.db, decl, &[]);
                let detail = self.show(&ty);
                let candidate = Candidate::new(&name, CandidateKind::Declaration);
                self.add(
                    candidate
                        .detail(detail)
                        .symbol(Some(Symbol::Decl(decl)))
                        .fits(true),
                );
            }
        }
    }

    fn app_inputs(&mut self) {
        for (name, def) in self.app_values() {
            if let ValueDef::AppInput(item, input) = def {
                let candidate = Candidate::new(&name, CandidateKind::Field).fits(true);
                self.add(
                    candidate
                        .symbol(Some(Symbol::Field(item, input)))
                        .insert(Insert::Field),
                );
            }
        }
    }

    /// What an entry of `place` says beside a target: on a host, what exists, whose it is.
    fn placed(&mut self, around: &[Node<'a>]) {
        let fields = around.iter().filter_map(|node| ast::Field::cast(*node));
        let mut names = fields.filter_map(|field| field.path()?.as_name());
        let env = around.iter().any(|node| node.kind() == SyntaxKind::Env);
        if env && names.any(|name| name.text() == "place") {
            for name in ["on", "existing", "in"] {
                let candidate = Candidate::new(name, CandidateKind::Function).fits(true);
                self.add(candidate.insert(Insert::Call(Vec::new())));
            }
        }
    }

    /// `existing(…)` in `place` tells how what exists already is reached: by the outs of its kind.
    fn outs_of_what_exists(&mut self, call: Node<'a>, around: &[Node<'a>]) {
        let callee = ast::Call::cast(call).and_then(ast::Call::callee);
        if callee.is_none_or(|callee| callee.node().text() != "existing") {
            return;
        }
        let entry = around.iter().find_map(|node| ast::Entry::cast(*node));
        let last = entry.and_then(|entry| entry.path()?.segments().last());
        let symbol = last.and_then(|s| self.notes.names.get(&s.node().range().into()));
        let Some(Symbol::Decl(decl)) = symbol else {
            return;
        };
        let Ty::Instance(kind) = decl_type(self.db, *decl, &[]).without_none(self.db) else {
            return;
        };
        for out in &kind_head(self.db, kind).outs {
            let symbol = Symbol::Out(out.at.item, out.name.clone());
            let candidate = Candidate::new(&out.name, CandidateKind::Field).fits(true);
            self.add(candidate.symbol(Some(symbol)).insert(Insert::Argument));
        }
    }

    /// The declarations inside of a kind.
    pub fn contents(&mut self, kind: crate::db::ItemId) {
        for (index, head) in (0u32..).zip(crate::names::decls(self.db, kind)) {
            let decl = DeclRef { item: kind, index };
            let detail = self.show(&decl_type(self.db, decl, &[]));
            let candidate = Candidate::new(&head.name, CandidateKind::Declaration);
            self.add(candidate.detail(detail).symbol(Some(Symbol::Decl(decl))));
        }
    }

    /// What may begin where an item begins.
    fn begins(&mut self, around: &[Node<'a>]) {
        use SyntaxKind as K;
        let inside = around.iter().skip(1).find(|node| {
            matches!(
                node.kind(),
                K::Kind
                    | K::Env
                    | K::Decl
                    | K::If
                    | K::For
                    | K::Policy
                    | K::Test
                    | K::App
                    | K::Each
            )
        });
        match inside.map(|node| node.kind()) {
            None => {
                self.keywords(Block::File);
                self.kinds(false);
            }
            Some(K::Kind) => {
                self.keywords(Block::Kind);
                self.kinds(false);
            }
            Some(K::If | K::For) => {
                self.keywords(Block::Choice);
                self.kinds(false);
            }
            Some(K::Env) => {
                if let Some(env) = inside {
                    self.environment_fields(*env);
                }
                self.keywords(Block::Env);
            }
            Some(K::Decl) => {
                let decl = inside.and_then(|node| ast::Decl::cast(*node));
                let kind = decl.and_then(|d| self.names.kind(&path_names(d.kind())));
                if let (Some(kind), Some(node), Some(name)) = (kind, inside, around.first()) {
                    let given = given(*node, *name);
                    self.fields_of(&Ty::Instance(kind), &given);
                }
            }
            _ => {}
        }
    }

    fn keywords(&mut self, block: Block) {
        let words: &[&str] = match block {
            Block::File => &[
                "abstract", "app", "env", "extern", "fn", "for", "if", "kind", "let", "moved",
                "policy", "pub", "test", "type", "unit", "use", "waive",
            ],
            Block::Kind => &["for", "if", "implicit", "let", "out", "require"],
            Block::Env => &["each"],
            Block::Choice => &["else", "for", "if"],
        };
        self.words(words);
    }

    pub fn words(&mut self, words: &[&str]) {
        for word in words {
            self.add(Candidate::new(word, CandidateKind::Keyword));
        }
    }

    /// The fields that such a block has, each given once.
    fn own_fields(&mut self, owner: Node<'a>, names: &[&str]) {
        let given = given(owner, owner);
        for name in names {
            if *name == "assert" || !given.contains(&(*name).to_owned()) {
                let candidate = Candidate::new(name, CandidateKind::Field).fits(true);
                self.add(candidate.insert(Insert::Field));
            }
        }
    }

    fn new_defaults(&mut self, owner: Node<'a>) {
        let path = ast::Kind::cast(owner).and_then(ast::Kind::parent);
        let Some(parent) = self.names.kind(&path_names(path)) else {
            return;
        };
        let given = given(owner, owner);
        for field in &kind_head(self.db, parent).fields {
            if let Some(at) = field
                .at
                .filter(|_| !given.contains(&field.name.to_string()))
            {
                let detail = self.show(&field.ty);
                let symbol = Symbol::Field(at.item, field.name.clone());
                let candidate = Candidate::new(&field.name, CandidateKind::Field);
                self.add(
                    candidate
                        .detail(detail)
                        .symbol(Some(symbol))
                        .insert(Insert::Field),
                );
            }
        }
    }
}

/// The names that are given in a body, but for the one at the place.
fn given(owner: Node<'_>, at: Node<'_>) -> Vec<String> {
    use SyntaxKind as K;
    let body = owner.child(K::Body).unwrap_or(owner);
    let fields = body
        .children()
        .filter(|n| matches!(n.kind(), K::Field | K::Entry));
    let paths = fields.filter_map(|field| field.children().find_map(ast::Path::cast));
    let names = paths.filter_map(ast::Path::as_name);
    let names = names.filter(|name| name.node().id() != at.id());
    names.map(|name| name.text().to_owned()).collect()
}

/// Is it in the list of fields that an environment leaves to others, or of what it omits?
fn in_env_list(around: &[Node<'_>]) -> bool {
    let fields = around.iter().filter_map(|node| ast::Field::cast(*node));
    let mut names = fields.filter_map(|field| field.path()?.as_name());
    around.iter().any(|node| node.kind() == SyntaxKind::Env)
        && names.any(|name| matches!(name.text(), "leave" | "omit"))
}
