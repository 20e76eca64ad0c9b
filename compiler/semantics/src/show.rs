//! Places and sites as they are shown: the only place where offsets are looked at.

use std::collections::BTreeMap;

use plat_model::{Origin, OriginTable, Place, Site};
use plat_syntax::SyntaxKind;
use plat_syntax::ast::{self, Item};

use crate::db::{Db, ItemId, SourceFile, display_path, file_range, tree};
use crate::diag::Span;
use crate::eval::SiteKey;

/// The longest text of an expression in a site.
const MAX_TEXT: usize = 60;

/// Resolves the sites of a graph into its table of origins.
pub fn origins(db: &dyn Db, sites: &[Vec<SiteKey>]) -> OriginTable {
    let mut lines = Lines::default();
    let mut table = OriginTable::default();
    for chain in sites {
        let chain = chain
            .iter()
            .map(|site| resolve(db, *site, &mut lines))
            .collect();
        table.push(Origin { chain });
    }
    table
}

fn resolve(db: &dyn Db, site: SiteKey, lines: &mut Lines) -> Site {
    Site {
        kind: site.kind.into(),
        path: site_path(db, site.item, site.span),
        text: site_text(db, site.item, site.span),
        place: lines.place(db, site.item, site.span),
    }
}

/// Where lines begin, per file.
#[derive(Default)]
struct Lines {
    starts: BTreeMap<String, Vec<u32>>,
}

impl Lines {
    fn place(&mut self, db: &dyn Db, item: ItemId, span: Span) -> Place {
        let file = item.file(db);
        let shown = display_path(db, file).to_string();
        let offset = file_range(db, item, span.into()).start;
        let starts = self
            .starts
            .entry(shown.clone())
            .or_insert_with(|| line_starts(db, file));
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let text = file.text(db);
        let before = text.get(start as usize..offset as usize).unwrap_or("");
        Place {
            file: shown,
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
    let words: Vec<&str> = raw.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= MAX_TEXT {
        return text;
    }
    let mut short: String = text.chars().take(MAX_TEXT - 1).collect();
    short.push('…');
    short
}

/// The stable path of an expression: `shop.api.scale`, `env prod`, `std.service.scale`.
fn site_path(db: &dyn Db, item: ItemId, span: Span) -> String {
    let Some(tree) = tree(db, item) else {
        return String::new();
    };
    let mut parts: Vec<String> = Vec::new();
    match tree.item() {
        Item::Env(_) => return format!("env {}", item.name(db)),
        Item::App(_) => parts.push(format!("app {}", item.name(db))),
        Item::Decl(_) | Item::If(_) | Item::For(_) => {
            parts.push(item.file(db).package(db).to_string());
        }
        _ => {
            parts.push(item.file(db).package(db).to_string());
            parts.push(item.name(db).to_string());
        }
    }
    let mut node = tree.root();
    loop {
        match node.kind() {
            SyntaxKind::Decl
            | SyntaxKind::FieldDecl
            | SyntaxKind::Param
            | SyntaxKind::VariantCase
            | SyntaxKind::Out => {
                let name = node.children().find_map(ast::Name::cast);
                parts.extend(name.map(|n| n.text().to_owned()));
            }
            SyntaxKind::Let if node != tree.root() => {
                let name = node.children().find_map(ast::Name::cast);
                parts.extend(name.map(|n| n.text().to_owned()));
            }
            SyntaxKind::Field | SyntaxKind::Entry => {
                let path = node.children().find_map(ast::Path::cast);
                parts.extend(path.map(|p| p.node().text().trim_matches('"').to_owned()));
            }
            _ => {}
        }
        let inner = node.children().find(|child| {
            let range = child.range();
            range.start <= span.start && span.end <= range.end && !range.is_empty()
        });
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    parts.join(".")
}

/// The place of a range in an item.
pub fn place(db: &dyn Db, item: ItemId, span: Span) -> Place {
    Lines::default().place(db, item, span)
}
