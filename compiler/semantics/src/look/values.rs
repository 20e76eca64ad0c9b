//! What a setting is in each environment, and who set it: what `platc why` tells, for the setting
//! that stands at a place.

use plat_model::Site;
use plat_syntax::ast::{self, Item, Segment};
use plat_syntax::{Node, TextRange};

use super::FileId;
use crate::api::{Database, STACK};
use crate::check::notes::{Notes, Symbol, notes};
use crate::db::{file_range, tree};
use crate::diag::Span;
use crate::eval::single_field;
use crate::names::{DeclRef, decls};

/// A setting in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The environment's name.
    pub environment: String,
    /// The value as people write it.
    pub text: String,
    /// Who set it, the one that won first.
    pub chain: Vec<Site>,
}

/// A field of a declaration, and a path below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setting {
    /// The way to the declaration; one of a family by its key.
    pub steps: Vec<(DeclRef, Option<String>)>,
    /// The field and what is below it.
    pub field: Vec<String>,
}

impl Database {
    /// What the setting whose name stands at a byte of a file is in each environment that needs no
    /// key, in their order. None where no setting of a declaration stands, where its declaration
    /// is one of a family or of a kind's contents, or where an environment leaves it out.
    pub fn effective_at(&self, file: FileId, offset: u32) -> Vec<Effective> {
        stacker::grow(STACK, || {
            let Some(setting) = self.setting_at(file, offset) else {
                return Vec::new();
            };
            let environments = self.plain_envs().into_iter();
            environments
                .filter_map(|env| {
                    let (text, sites) = single_field(self, env, &setting.steps, &setting.field)?;
                    let sites = sites.into_iter();
                    Some(Effective {
                        environment: env.name(self).to_string(),
                        text,
                        chain: sites
                            .map(|site| crate::show::resolved(self, site))
                            .collect(),
                    })
                })
                .collect()
        })
    }

    /// The key of an entry of a map that stands at a byte of a file, and how it is reached from its
    /// declaration: `env.LEVEL`.
    pub fn entry_at(&self, file: FileId, offset: u32) -> Option<(TextRange, String)> {
        stacker::grow(STACK, || {
            let setting = self.setting_at(file, offset)?;
            let (item, at) = self.item_at(file, offset)?;
            let tree = tree(self, item).as_ref()?;
            let paths = tree.nodes().filter_map(ast::Path::cast);
            let key = paths
                .flat_map(ast::Path::segments)
                .map(ast::Segment::node)
                .find(|node| touches(*node, at))?;
            let range = file_range(self, item, key.range());
            Some((range, setting.field.join(".")))
        })
    }

    /// The setting whose name stands at a byte of a file.
    pub(crate) fn setting_at(&self, file: FileId, offset: u32) -> Option<Setting> {
        let (item, at) = self.item_at(file, offset)?;
        let tree = tree(self, item).as_ref()?;
        let noted = notes(self, item);
        let mut setting = Setting::default();
        let fields: Vec<(ast::Path<'_>, Option<ast::Expr<'_>>)> = match tree.item() {
            Item::Env(env) => {
                let set = env.fields().find(|field| {
                    let name = field.path().and_then(ast::Path::as_name);
                    name.is_some_and(|name| name.text() == "set") && touches(field.node(), at)
                })?;
                let Some(ast::Expr::Record(record)) = set.value() else {
                    return None;
                };
                entries(record)
            }
            _ => {
                let inner = tree.nodes().filter_map(ast::Decl::cast);
                let found = (0u32..)
                    .zip(inner)
                    .find(|(_, decl)| touches(decl.node(), at))?;
                let (index, decl) = found;
                let head = decls(self, item).get(index as usize)?;
                // A member of a family has as many values as there are members.
                if head.family || item.space(self) == crate::db::Space::Kind {
                    return None;
                }
                setting.steps.push((DeclRef { item, index }, None));
                let fields = decl.fields();
                fields
                    .filter_map(|f| Some((f.path()?, f.value())))
                    .collect()
            }
        };
        setting.follow(fields, at, noted)?;
        (!setting.steps.is_empty() && !setting.field.is_empty()).then_some(setting)
    }
}

impl Setting {
    /// Follows the paths that lead to a place: those of braces within braces below each other.
    fn follow(
        &mut self,
        fields: Vec<(ast::Path<'_>, Option<ast::Expr<'_>>)>,
        at: u32,
        noted: &Notes,
    ) -> Option<()> {
        let mut fields = fields;
        loop {
            let touched = |(path, value): &(ast::Path<'_>, Option<ast::Expr<'_>>)| {
                touches(path.node(), at) || value.is_some_and(|v| touches(v.node(), at))
            };
            let (path, value) = fields.into_iter().find(touched)?;
            let here = touches(path.node(), at);
            for segment in path.segments() {
                self.step(segment, noted)?;
                // What stands behind the pointer is not meant.
                if here && at <= segment.node().range().end {
                    return Some(());
                }
            }
            if here {
                return Some(());
            }
            match value? {
                ast::Expr::Record(record) => fields = entries(record),
                _ => return None,
            }
        }
    }

    fn step(&mut self, segment: Segment<'_>, noted: &Notes) -> Option<()> {
        let text = match segment {
            Segment::Name(name) => name.text().to_owned(),
            Segment::Text(text) | Segment::Index(ast::Expr::StringLit(text)) => text.plain()?,
            Segment::Index(_) => return None,
        };
        let span = Span::from(segment.node().range());
        match noted.names.get(&span) {
            _ if !self.field.is_empty() => self.field.push(text),
            Some(Symbol::Decl(decl)) => self.steps.push((*decl, None)),
            _ if matches!(segment, Segment::Index(_)) => {
                let (_, key) = self.steps.last_mut()?;
                *key = Some(text);
            }
            _ => self.field.push(text),
        }
        Some(())
    }
}

fn entries(record: ast::Record<'_>) -> Vec<(ast::Path<'_>, Option<ast::Expr<'_>>)> {
    let entries = record.entries();
    entries
        .filter_map(|e| Some((e.path()?, e.value())))
        .collect()
}

fn touches(node: Node<'_>, at: u32) -> bool {
    let range = node.range();
    range.start <= at && at <= range.end
}
