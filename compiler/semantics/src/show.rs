//! Places and sites as they are shown: the only place where offsets are looked at.

use plat_model::{Origin, Place, Site, Str};
use plat_syntax::SyntaxKind;
use plat_syntax::ast::{self, Item};
use rustc_hash::FxHashMap;
use salsa::plumbing::AsId as _;

use crate::db::{Db, ItemId, SourceFile, display_path, file_range, tree};
use crate::diag::Span;
use crate::eval::{SiteKey, Sites};

/// The longest text of an expression in a site.
const MAX_TEXT: usize = 60;

/// Resolves some of the sites of a graph: so many chains from that number on, in their order.
pub fn origins(db: &dyn Db, sites: &Sites, from: usize, count: usize) -> Vec<Origin> {
    let mut lines = Lines::default();
    let mut resolved = |site: &SiteKey| resolve(db, *site, &mut lines);
    let chains = sites.some(from, count);
    chains
        .map(|chain| Origin {
            chain: chain.iter().map(&mut resolved).collect(),
        })
        .collect()
}

/// One site as it is shown.
pub fn resolved(db: &dyn Db, site: SiteKey) -> Site {
    resolve(db, site, &mut Lines::default())
}

fn resolve<'db>(db: &'db dyn Db, site: SiteKey, lines: &mut Lines<'db>) -> Site {
    Site {
        kind: site.kind.into(),
        path: lines.parts(db, site.item).path(site.span),
        text: site_text(db, site.item, site.span),
        place: lines.place(db, site.item, site.span),
    }
}

/// Who a site is and what stands there, without where that is: no offset is looked at.
pub fn site(db: &dyn Db, site: SiteKey) -> (String, String) {
    let path = Parts::of(db, site.item).path(site.span);
    (path, site_text(db, site.item, site.span))
}

/// The name of each file and where its lines begin, and the named parts of each item.
#[derive(Default)]
struct Lines<'db> {
    starts: FxHashMap<u64, (Str, Vec<u32>)>,
    parts: FxHashMap<u64, Parts<'db>>,
}

impl<'db> Lines<'db> {
    fn parts(&mut self, db: &'db dyn Db, item: ItemId) -> &Parts<'db> {
        self.parts
            .entry(item.as_id().as_bits())
            .or_insert_with(|| Parts::of(db, item))
    }

    fn place(&mut self, db: &dyn Db, item: ItemId, span: Span) -> Place {
        let file = item.file(db);
        let offset = file_range(db, item, span.into()).start;
        let (shown, starts) = self
            .starts
            .entry(file.as_id().as_bits())
            .or_insert_with(|| (display_path(db, file).into(), line_starts(db, file)));
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let text = file.text(db);
        let before = text.get(start as usize..offset as usize).unwrap_or("");
        Place {
            file: shown.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }
}

fn line_starts(db: &dyn Db, file: SourceFile) -> Vec<u32> {
    let ends = file
        .text(db)
        .bytes()
        .enumerate()
        .filter(|(_, b)| *b == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)))
        .collect()
}

/// The expression on one line, shortened.
fn site_text(db: &dyn Db, item: ItemId, span: Span) -> String {
    let Some(tree) = tree(db, item) else {
        return String::new();
    };
    let raw = plat_syntax::TextRange::from(span).slice(tree.text());
    // Most are a word or a number.
    if raw.len() <= MAX_TEXT && !raw.contains(char::is_whitespace) {
        return raw.to_owned();
    }
    let words: Vec<&str> = raw.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= MAX_TEXT {
        return text;
    }
    let mut short: String = text.chars().take(MAX_TEXT - 1).collect();
    short.push('…');
    short
}

/// The named parts of an item, in the order of the source: what the path of a site is made of.
struct Parts<'db> {
    /// What every path of the item begins with.
    head: String,
    /// Where each begins and ends, its name, and the part around it.
    parts: Vec<(Span, &'db str, Option<usize>)>,
}

impl<'db> Parts<'db> {
    fn of(db: &'db dyn Db, item: ItemId) -> Self {
        let package = item.file(db).package(db);
        let name = item.name(db);
        let Some(tree) = tree(db, item) else {
            return Self {
                head: String::new(),
                parts: Vec::new(),
            };
        };
        let (head, named) = match tree.item() {
            Item::Env(_) => (format!("env {name}"), false),
            Item::App(_) => (format!("app {name}"), true),
            Item::Decl(_) | Item::If(_) | Item::For(_) => (package.to_string(), true),
            _ => (format!("{package}.{name}"), true),
        };
        let mut parts: Vec<(Span, &str, Option<usize>)> = Vec::new();
        if named {
            let mut around: Vec<usize> = Vec::new();
            for node in tree.nodes() {
                let Some(label) = part_name(node, node == tree.root()) else {
                    continue;
                };
                let span = Span::from(node.range());
                let inside = |index: &usize| {
                    parts
                        .get(*index)
                        .is_some_and(|(outer, ..)| span.end <= outer.end)
                };
                while around.last().is_some_and(|last| !inside(last)) {
                    around.pop();
                }
                parts.push((span, label, around.last().copied()));
                around.push(parts.len() - 1);
            }
        }
        Self { head, parts }
    }

    /// The stable path of an expression: `shop.api.scale`, `env prod`, `std.service.scale`.
    fn path(&self, span: Span) -> String {
        let before = self
            .parts
            .partition_point(|(part, ..)| part.start <= span.start);
        let mut at = before.checked_sub(1);
        let mut names: Vec<&str> = Vec::new();
        while let Some((part, name, around)) = at.and_then(|i| self.parts.get(i)) {
            if span.end <= part.end {
                names.push(name);
            }
            at = *around;
        }
        names.push(&self.head);
        names.reverse();
        names.join(".")
    }
}

/// The name of a part of an item that has one.
fn part_name<'t>(node: plat_syntax::Node<'t>, root: bool) -> Option<&'t str> {
    match node.kind() {
        SyntaxKind::Decl
        | SyntaxKind::FieldDecl
        | SyntaxKind::Param
        | SyntaxKind::VariantCase
        | SyntaxKind::Out => {
            let name = node.children().find_map(ast::Name::cast);
            name.map(ast::Name::text)
        }
        SyntaxKind::Let if !root => {
            let name = node.children().find_map(ast::Name::cast);
            name.map(ast::Name::text)
        }
        SyntaxKind::Field | SyntaxKind::Entry => {
            let path = node.children().find_map(ast::Path::cast);
            path.map(|p| p.node().text().trim_matches('"'))
        }
        _ => None,
    }
}

/// The place of a range in an item.
pub fn place(db: &dyn Db, item: ItemId, span: Span) -> Place {
    Lines::default().place(db, item, span)
}
