//! The programs that mistakes are planted into, and the places in them.

use std::path::Path;
use std::sync::Arc;

use plat_semantics::Project;
use plat_syntax::{Node, ParsedItem, SyntaxKind};

use crate::common::from_directory;

/// A program, read.
pub struct Program {
    pub project: Project,
    pub files: Vec<File>,
}

/// One of its files.
pub struct File {
    pub package: String,
    pub path: String,
    /// As diagnostics name it.
    pub shown: String,
    pub text: String,
    items: Vec<ParsedItem>,
}

/// A node of a program, with what is around it.
pub struct At<'t> {
    pub program: &'t Program,
    pub file: usize,
    pub node: Node<'t>,
    offset: usize,
    /// The nodes that it stands in, the nearest last.
    up: Vec<Node<'t>>,
}

/// The programs that the language is for.
pub fn all() -> Vec<Program> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../syntax/tests/fixtures/northstar");
    ["acme", "fleet", "shop", "tenants", "town"]
        .iter()
        .map(|name| read(from_directory(&dir.join(name))))
        .collect()
}

fn read(project: Project) -> Program {
    let mut files = Vec::new();
    for (number, package) in project.packages.iter().enumerate() {
        for (path, text) in &package.files {
            let shown = match number {
                0 => path.clone(),
                _ => format!("{}:{path}", package.manifest.name),
            };
            let parse = plat_syntax::parse(&Arc::from(path.as_str()), text);
            files.push(File {
                package: package.manifest.name.clone(),
                path: path.clone(),
                shown,
                text: text.clone(),
                items: parse.items,
            });
        }
    }
    Program { project, files }
}

impl Program {
    /// Visits every node.
    pub fn walk<'t>(&'t self, mut visit: impl FnMut(&At<'t>)) {
        for (file, read) in self.files.iter().enumerate() {
            for item in &read.items {
                let mut at = At {
                    program: self,
                    file,
                    node: item.tree.root(),
                    offset: item.offset as usize,
                    up: Vec::new(),
                };
                at.walk(&mut visit);
            }
        }
    }
}

impl<'t> At<'t> {
    fn walk(&mut self, visit: &mut impl FnMut(&At<'t>)) {
        visit(self);
        let here = self.node;
        self.up.push(here);
        for child in here.children() {
            self.node = child;
            self.walk(visit);
        }
        self.node = here;
        self.up.pop();
    }

    pub fn kind(&self) -> SyntaxKind {
        self.node.kind()
    }

    /// The node around it, so many steps up: 1 is the parent.
    pub fn up(&self, steps: usize) -> Option<Node<'t>> {
        self.up
            .len()
            .checked_sub(steps)
            .and_then(|i| self.up.get(i))
            .copied()
    }

    /// The kind of the node around it.
    pub fn above(&self, steps: usize) -> Option<SyntaxKind> {
        self.up(steps).map(Node::kind)
    }

    /// Does it stand in a node of this kind?
    pub fn within(&self, kind: SyntaxKind) -> bool {
        self.up.iter().any(|n| n.kind() == kind)
    }

    /// Does it stand in the value of a field or entry of this name?
    pub fn under(&self, name: &str) -> bool {
        self.up.iter().any(|n| field_name(*n) == Some(name))
    }

    /// The bytes of a node in the file.
    pub fn range_of(&self, node: Node<'_>) -> (usize, usize) {
        let range = node.range();
        (
            self.offset + range.start as usize,
            self.offset + range.end as usize,
        )
    }

    /// Its own bytes in the file.
    pub fn range(&self) -> (usize, usize) {
        self.range_of(self.node)
    }

    /// The text of the file.
    pub fn text(&self) -> &'t str {
        &self.program.files[self.file].text
    }

    /// The lines that a range lies on, whole, with the last one's end.
    pub fn lines(&self, range: (usize, usize)) -> (usize, usize) {
        let text = self.text();
        let start = text[..range.0].rfind('\n').map_or(0, |i| i + 1);
        let end = text[range.1..]
            .find('\n')
            .map_or(text.len(), |i| range.1 + i + 1);
        (start, end)
    }

    /// Does it have its lines for itself?
    pub fn alone(&self) -> bool {
        let (start, end) = self.range();
        let (from, to) = self.lines((start, end));
        self.text()[from..start].trim().is_empty() && self.text()[end..to].trim().is_empty()
    }
}

/// The name of a field or an entry whose path is one name.
pub fn field_name<'t>(node: Node<'t>) -> Option<&'t str> {
    let path = match node.kind() {
        SyntaxKind::Field | SyntaxKind::Entry => node.child(SyntaxKind::Path)?,
        _ => return None,
    };
    let mut steps = path.children();
    let first = steps.next().filter(|n| n.kind() == SyntaxKind::Name)?;
    steps.next().is_none().then(|| first.text())
}

/// A word with a slip of the finger: two letters in the middle swapped, or one doubled.
pub fn slip(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    let mut swapped = letters.clone();
    for i in (1..letters.len().saturating_sub(1)).rev() {
        if letters[i] != letters[i + 1] && i <= middle.max(1) {
            swapped.swap(i, i + 1);
            return swapped.into_iter().collect();
        }
    }
    format!("{word}{}", letters.last().unwrap_or(&'x'))
}
