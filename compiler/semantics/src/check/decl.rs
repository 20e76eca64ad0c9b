//! Declarations and blocks of them, and the paths that lead to their fields.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast::{self, Item, Segment};

use super::Checker;
use super::compound::count;
use super::record::field_names;
use crate::db::{ItemId, Space};
use crate::diag::{Cause, Diag};
use crate::ir::{Assign, DeclStmt, Step, Stmt};
use crate::names::{DeclRef, decls, path_names};
use crate::types::{Ty, kind_head, name_spot};

impl<'db> Checker<'db> {
    pub(super) fn stmts(&mut self, items: impl Iterator<Item = Item<'db>>) -> Vec<Stmt> {
        let mut out = Vec::new();
        for item in items {
            match item {
                Item::Decl(decl) => out.push(Stmt::Decl(self.decl(decl))),
                Item::If(choice) => {
                    let id = self.ifs;
                    self.ifs += 1;
                    let (condition, then) = self.scoped(|c| {
                        let (condition, _) = c.condition(choice.condition());
                        c.branch.push((id, 0));
                        let then = c.stmts(choice.then_items());
                        c.branch.pop();
                        (condition, then)
                    });
                    self.branch.push((id, 1));
                    let other = self.stmts(choice.else_items());
                    self.branch.pop();
                    out.push(Stmt::If(condition, then, other));
                }
                Item::For(each) => {
                    let names: Vec<ast::Name<'db>> = each.bindings().collect();
                    let stmt = self.scoped(|c| {
                        let (key, value, source) = c.loop_head(&names, each.source());
                        Stmt::For(key, value, source, c.stmts(each.items()))
                    });
                    out.push(stmt);
                }
                _ => {}
            }
        }
        out
    }

    pub(super) fn decl(&mut self, decl: ast::Decl<'db>) -> DeclStmt {
        let index = self.next_decl;
        self.next_decl += 1;
        let name = decl.name();
        let text: Arc<str> = Arc::from(name.map_or("", ast::Name::text));
        let kind = self.decl_kind(decl);
        let owner = self.kind.unwrap_or(self.item);
        let head = decls(self.db, owner).get(index as usize);
        if let (Some(head), None, Some(name)) = (head, decl.key(), name)
            && head.loops > 0
        {
            let spot = self.spot(name.node());
            let message = format!("`{text}` stands in a `for`: it needs a key");
            let diag = Diag::error("E0321", spot, message).help(format!(
                "write `{text}[KEY]`, with something that differs each time"
            ));
            self.diags.push(diag);
        }
        let key = decl.key().map(|key| {
            let (value, ty) = self.infer(key, Some(&Ty::String));
            self.no_structure(&ty, key.node(), "a key");
            self.for_purpose("a key".to_owned(), |c| c.coerce(value, &ty, &Ty::Text))
        });
        let assigns = match kind {
            Some(kind) => self.decl_fields(kind, decl),
            None => {
                for field in decl.fields() {
                    self.infer_unwanted(field.value());
                }
                Vec::new()
            }
        };
        DeclStmt {
            index,
            name: text,
            kind,
            key,
            assigns,
            doc: decl.docs().map(Arc::from),
            span: decl.node().range().into(),
            name_span: name
                .map_or(decl.node().range(), |n| n.node().range())
                .into(),
        }
    }

    pub(super) fn decl_kind(&mut self, decl: ast::Decl<'_>) -> Option<ItemId> {
        let path = decl.kind()?;
        let names = path_names(Some(path));
        let text = names.join(".");
        let spot = self.spot(path.node());
        let Some(kind) = self.names.kind(&names) else {
            let seen: Vec<&str> = self
                .names
                .like(Space::Kind, &text)
                .into_iter()
                .filter(|k| {
                    let found = self.names.kind_named(k);
                    found.is_some_and(|k| !kind_head(self.db, k).abstract_)
                })
                .collect();
            let diag = Diag::error("E0201", spot, format!("there is no kind `{text}`"))
                .misses(Space::Kind, &text)
                .suggest(&text, spot, &seen);
            self.diags.push(diag);
            return None;
        };
        self.note_kind(path, kind);
        let head = kind_head(self.db, kind);
        if head.abstract_ || super::is_target(self.db, kind) {
            let message = if head.abstract_ {
                format!("`{text}` is abstract: it only stands for other kinds")
            } else {
                format!("`{text}` is a target: it stands in an `env`, not by itself")
            };
            self.diags.push(
                Diag::error("E0324", spot, message)
                    .related(name_spot(self.db, kind), "declared here"),
            );
            return None;
        }
        Some(kind)
    }

    /// A field in the body of a declaration of a kind, or in an `each` of it.
    pub(super) fn field_of_decl(
        &mut self,
        kind: ItemId,
        path: ast::Path<'db>,
        value: Option<ast::Expr<'db>>,
        field: Node<'db>,
    ) -> Option<Assign> {
        let segments: Vec<Segment<'db>> = path.segments().collect();
        let Some((steps, depth, ty)) = self.reach(&Ty::Instance(kind), &segments, path.node())
        else {
            self.infer_unwanted(value);
            return None;
        };
        let in_map = self.in_map;
        let purpose = format!("the field `{}`", path.node().text());
        let value = self.for_purpose(purpose, |c| c.check(value, &ty));
        Some(Assign {
            path: steps,
            in_map,
            value,
            span: field.range().into(),
            path_span: path.node().range().into(),
            depth,
        })
    }

    pub(super) fn decl_fields(&mut self, kind: ItemId, decl: ast::Decl<'db>) -> Vec<Assign> {
        let mut assigns = Vec::new();
        let mut given: Vec<Arc<str>> = Vec::new();
        for field in decl.fields() {
            let Some(path) = field.path() else { continue };
            if let Some(Segment::Name(first)) = path.segments().next() {
                given.push(Arc::from(first.text()));
            }
            assigns.extend(self.field_of_decl(kind, path, field.value(), field.node()));
        }
        self.no_overlap(&assigns);
        self.missing_fields(kind, decl, &given);
        assigns
    }

    pub(super) fn missing_fields(&mut self, kind: ItemId, decl: ast::Decl<'_>, given: &[Arc<str>]) {
        let head = kind_head(self.db, kind);
        let missing: Vec<String> = head
            .fields
            .iter()
            .filter(|f| f.at.is_some() && f.default.is_none())
            .filter(|f| !self.is_optional(&f.ty) && !given.contains(&f.name))
            // One that was given under a name nearly right has been spoken of.
            .filter(|f| {
                let mut wrong = given.iter().filter(|name| head.field(name).is_none());
                !wrong.any(|name| crate::suggest::is_near(name, &f.name))
            })
            .map(|f| format!("`{}`", f.name))
            .collect();
        if missing.is_empty() {
            return;
        }
        let node = decl.name().map_or(decl.node(), |n| n.node());
        let name = decl.name().map_or("", ast::Name::text);
        let spot = self.spot(node);
        let what = count(missing.len(), "field");
        let message = format!(
            "`{} {name}` lacks its {}",
            kind.name(self.db),
            missing.join(", ")
        );
        self.diags.push(Diag::error("E0305", spot, message).related(
            name_spot(self.db, kind),
            format!("{what} of this kind without a default"),
        ));
    }

    /// Follows a path from a declaration to one of its fields and below, through the contents of
    /// kinds made of other kinds. Gives the steps, how many of them lead to a declaration, and
    /// the type at the end.
    pub(super) fn reach(
        &mut self,
        start: &Ty,
        segments: &[Segment<'db>],
        whole: Node<'db>,
    ) -> Option<(Vec<Step>, usize, Ty)> {
        let mut steps = Vec::new();
        let mut depth = 0;
        let mut at = start.clone();
        let mut in_value = false;
        let mut closed: Option<Diag> = None;
        for segment in segments {
            self.note_step(*segment, &at);
            if in_value {
                let (step, next) = self.step_below(&at, *segment)?;
                steps.push(step);
                at = next;
                continue;
            }
            match at.without_none(self.db) {
                Ty::Unknown => return None,
                Ty::Family(member) => {
                    if !matches!(segment, Segment::Index(_)) {
                        let message = "this is a family: pick one by its key, `[\"KEY\"]`";
                        self.error("E0208", segment.node(), message);
                        return None;
                    }
                    steps.push(self.step(*segment));
                    depth += 1;
                    at = (*member).clone();
                }
                Ty::Instance(kind) => {
                    let Segment::Name(name) = segment else {
                        self.error(
                            "E0207",
                            segment.node(),
                            "a declaration has fields, not keys",
                        );
                        return None;
                    };
                    let step = Step::Name(Arc::from(name.text()));
                    if let Some(field) = kind_head(self.db, kind).field(name.text()) {
                        if let Some(diag) = closed.take().filter(|_| !field.open) {
                            self.diags.push(diag);
                            return None;
                        }
                        steps.push(step);
                        self.note(name.node(), |c| c.field_symbol(kind, name.text()));
                        at = field.ty.clone();
                        in_value = true;
                        self.in_map = false;
                    } else {
                        let (inner, foreign) = self.content(kind, *name)?;
                        // The first one that is another package's is what is told.
                        closed = closed.or(foreign);
                        at = inner;
                        steps.push(step);
                        depth += 1;
                    }
                }
                other => {
                    let message = format!("`{}` has no fields to set", other.show(self.db));
                    self.error("E0207", segment.node(), message);
                    return None;
                }
            }
        }
        if !in_value {
            let message = "this path names a declaration: which of its fields is meant?";
            self.error("E0207", whole, message);
            return None;
        }
        Some((steps, depth, at))
    }

    /// A declaration in the contents of a kind, and what is to be said if that kind is another
    /// package's and the path ends at a field that is not marked `open`.
    pub(super) fn content(
        &mut self,
        kind: ItemId,
        name: ast::Name<'_>,
    ) -> Option<(Ty, Option<Diag>)> {
        let text = name.text();
        let spot = self.spot(name.node());
        let inner = decls(self.db, kind);
        let found = (0u32..).zip(inner).find(|(_, d)| d.name.as_ref() == text);
        match found {
            Some((index, _)) => {
                let foreign =
                    kind.file(self.db).package(self.db) != self.item.file(self.db).package(self.db);
                let closed = foreign.then(|| {
                    let message = format!(
                        "`{text}` is inside of `{}`, which is another package's: only its inputs can be set, and what is marked `open`",
                        kind.name(self.db)
                    );
                    Diag::error("E0604", spot, message)
                });
                let decl = DeclRef { item: kind, index };
                self.note(name.node(), |_| Some(super::notes::Symbol::Decl(decl)));
                // Whether it is there is seen when the environment is evaluated.
                let ty = super::decl_type(self.db, decl, &[]).without_none(self.db);
                Some((ty, closed))
            }
            None => {
                let head = kind_head(self.db, kind);
                let mut names = field_names(&head.fields);
                names.extend(inner.iter().map(|d| d.name.as_ref()));
                let shown = kind.name(self.db);
                let mut diag =
                    Diag::error("E0207", spot, format!("`{shown}` has no field `{text}`"))
                        .because(Cause::Member(kind, Arc::from(text)))
                        .suggest(text, spot, &names);
                if crate::suggest::nearest(text, names.iter().copied()).is_none() {
                    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
                    diag = diag.note(format!("it has {}", list.join(", ")));
                }
                self.diags.push(diag);
                None
            }
        }
    }
}
