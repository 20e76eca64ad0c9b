//! What a setting is in each environment, and who set it: what `platc why` tells, for the setting
//! that stands at a place.

use std::sync::Arc;

use plat_model::{FieldPath, NodePath, OriginId, Site, Value};
use plat_syntax::Node;
use plat_syntax::ast::{self, Item, Segment};

use super::FileId;
use crate::api::{Database, STACK};
use crate::check::notes::{Notes, Symbol, notes};
use crate::db::{Db, tree};
use crate::diag::Span;
use crate::eval::{EnvKey, Evaluated, graph};
use crate::names::decls;

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

/// A field of a declaration of the app, and a path below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The declaration's path, as the graph has it.
    pub node: NodePath,
    /// The field and what is below it.
    pub field: FieldPath,
}

/// The graph of an environment, kept for who asks often of the same program: an editor.
#[salsa::tracked(no_eq, lru = 8)]
pub(crate) fn kept_graph(db: &dyn Db, key: EnvKey) -> Evaluated {
    graph(db, key)
}

impl Database {
    /// What the setting whose name stands at a byte of a file is in each environment that needs no
    /// key, in their order. None where no setting of a declaration stands, where its declaration
    /// is one of a family or of a kind's contents, or while an environment can't be evaluated.
    pub fn effective_at(&self, file: FileId, offset: u32) -> Vec<Effective> {
        stacker::grow(STACK, || {
            let Some(setting) = self.setting_at(file, offset) else {
                return Vec::new();
            };
            let environments = self.plain_envs().into_iter();
            environments
                .filter_map(|env| {
                    let evaluated = kept_graph(self, EnvKey::new(self, env, Arc::from([])));
                    self.effective(env.name(self), evaluated, &setting)
                })
                .collect()
        })
    }

    fn effective(&self, env: &str, evaluated: &Evaluated, setting: &Setting) -> Option<Effective> {
        let graph = evaluated.graph.as_ref()?;
        let node = graph.nodes.get(&setting.node)?;
        let (first, rest) = match setting.field.as_str().split_once('.') {
            Some((first, rest)) => (first, rest),
            None => (setting.field.as_str(), ""),
        };
        let value = node.fields.get(first)?.at(&FieldPath::new(rest))?;
        Some(Effective {
            environment: env.to_owned(),
            text: self.written(value),
            chain: self.chain(evaluated, value.origin),
        })
    }

    fn written(&self, value: &Value) -> String {
        value.to_string()
    }

    fn chain(&self, evaluated: &Evaluated, origin: OriginId) -> Vec<Site> {
        let chain = evaluated.sites.iter().nth(origin.0 as usize);
        let sites = chain.into_iter().flatten();
        sites
            .map(|site| crate::show::resolved(self, *site))
            .collect()
    }

    /// The setting whose name stands at a byte of a file.
    pub(crate) fn setting_at(&self, file: FileId, offset: u32) -> Option<Setting> {
        let (item, at) = self.item_at(file, offset)?;
        let tree = tree(self, item).as_ref()?;
        let noted = notes(self, item);
        let mut path = Way::default();
        let declared;
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
                declared = found;
                let (index, decl) = declared;
                let head = decls(self, item).get(index as usize)?;
                // A member of a family has as many values as there are members.
                if head.family || item.space(self) == crate::db::Space::Kind {
                    return None;
                }
                path.node = head.name.to_string();
                let fields = decl.fields();
                fields
                    .filter_map(|f| Some((f.path()?, f.value())))
                    .collect()
            }
        };
        path.follow(fields, at, noted)?;
        path.setting()
    }
}

/// The way from an item to a name in it.
#[derive(Default)]
struct Way {
    node: String,
    field: Steps,
}

/// The steps below a declaration.
#[derive(Default)]
struct Steps(Vec<String>);

impl Way {
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
        let declaration = matches!(noted.names.get(&span), Some(Symbol::Decl(_)));
        if !self.field.0.is_empty() {
            self.field.0.push(text);
        } else if matches!(segment, Segment::Index(_)) {
            self.node.push_str(&format!("[{text}]"));
        } else if declaration && self.node.is_empty() {
            self.node = text;
        } else if declaration {
            self.node.push_str(&format!(".{text}"));
        } else {
            self.field.0.push(text);
        }
        Some(())
    }

    fn setting(self) -> Option<Setting> {
        if self.node.is_empty() || self.field.0.is_empty() {
            return None;
        }
        Some(Setting {
            node: NodePath::new(self.node),
            field: FieldPath::new(self.field.0.join(".")),
        })
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
