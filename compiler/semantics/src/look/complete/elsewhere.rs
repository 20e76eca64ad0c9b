//! What is written elsewhere in the same place: of texts and keys that no type spells out, those that
//! the package has already. An image and its tag, the name of a variable, is most often one of them.

use std::collections::BTreeSet;

use plat_syntax::{Node, SyntaxKind, TextRange, ast};

use super::{Candidate, CandidateKind, Here, Insert};
use crate::db::file_range;

impl<'a> Here<'a> {
    /// The texts that calls of the same name are given for the same argument.
    pub fn texts_elsewhere(&mut self, literal: Node<'a>, around: &[Node<'a>]) {
        let arg = around.iter().find_map(|node| ast::Arg::cast(*node));
        let call = around.iter().find_map(|node| ast::Call::cast(*node));
        let (Some(arg), Some(call)) = (arg, call) else {
            return;
        };
        if arg.value().map(|value| value.node().id()) != Some(literal.id()) {
            return;
        }
        let Some((callee, which)) = given(call, arg) else {
            return;
        };
        let mut found: BTreeSet<String> = BTreeSet::new();
        self.each_node(SyntaxKind::Call, |node| {
            let Some(other) = ast::Call::cast(node) else {
                return;
            };
            for arg in other.args() {
                let same =
                    given(other, arg).is_some_and(|(name, at)| name == callee && at == which);
                let text = arg.value().map(ast::Expr::node).and_then(written);
                if let Some(text) = text.filter(|_| same) {
                    found.insert(text.to_owned());
                }
            }
        });
        for text in found {
            self.add(Candidate::new(&text, CandidateKind::Word));
        }
    }

    /// The keys that maps have in a field of the same name, but for those that are `given` here.
    pub fn keys_elsewhere(&mut self, field: &str, given: &[String]) {
        let mut found: BTreeSet<String> = BTreeSet::new();
        self.each_node(SyntaxKind::Field, |node| {
            let Some(other) = ast::Field::cast(node) else {
                return;
            };
            let name = other.path().and_then(ast::Path::as_name);
            if name.is_none_or(|name| name.text() != field) {
                return;
            }
            let records = node.children().filter(|n| n.kind() == SyntaxKind::Record);
            let entries = records
                .flat_map(Node::children)
                .filter_map(ast::Entry::cast);
            let keys = entries.filter_map(|entry| entry.path()?.as_name());
            found.extend(keys.map(|key| key.text().to_owned()));
        });
        for key in found {
            if key != super::WORD && !given.contains(&key) {
                self.add(Candidate::new(&key, CandidateKind::Field).insert(Insert::Field));
            }
        }
    }

    /// The keys of the other records of a list, but for those that are `given` in this one.
    pub fn keys_beside(&mut self, list: Node<'a>, given: &[String]) {
        if list.kind() != SyntaxKind::List {
            return;
        }
        let records = list.children().filter(|n| n.kind() == SyntaxKind::Record);
        let entries = records
            .flat_map(Node::children)
            .filter_map(ast::Entry::cast);
        let keys = entries.filter_map(|entry| entry.path()?.as_name());
        let found: BTreeSet<&str> = keys.map(ast::Name::text).collect();
        for key in found {
            if key != super::WORD && !given.iter().any(|name| name == key) {
                self.add(Candidate::new(key, CandidateKind::Field).insert(Insert::Field));
            }
        }
    }

    /// Looks at every node of a kind in the files of the package, but for those around the place.
    fn each_node(&self, kind: SyntaxKind, mut look: impl FnMut(Node<'a>)) {
        let package = self.file.0.package(self.db);
        // What stands before the place is as it was before the word was put there.
        let place = self.item.map(|item| {
            let at = TextRange::empty(self.at);
            file_range(self.db, item, at).start
        });
        for file in self.db.files() {
            if file.0.package(self.db) != package {
                continue;
            }
            for item in &self.db.parse(file).items {
                let around = |node: &Node<'_>| {
                    let range = node.range().shifted(item.offset);
                    let holds = |at: u32| range.start <= at && at <= range.end;
                    file == self.file && place.is_some_and(holds)
                };
                let nodes = item.tree.nodes();
                let nodes = nodes.filter(|node| node.kind() == kind && !around(node));
                nodes.for_each(&mut look);
            }
        }
    }
}

/// What is called, and which of its arguments that is: by its name, else by its place.
fn given<'t>(call: ast::Call<'t>, arg: ast::Arg<'t>) -> Option<(&'t str, String)> {
    let callee = call.callee()?.node().text();
    let name = arg.name().map(|name| name.text().to_owned());
    let place = || call.args().position(|a| a.node().id() == arg.node().id());
    Some((callee, name.or_else(|| place().map(|at| at.to_string()))?))
}

/// A text that is written out, without its quotes.
fn written(literal: Node<'_>) -> Option<&str> {
    let text = literal.text().strip_prefix('"')?.strip_suffix('"')?;
    let plain = literal.kind() == SyntaxKind::StringLit && !text.is_empty();
    (plain && !text.contains(['\\', '$', '"'])).then_some(text)
}
