//! `place`, `omit` and `leave`: paths that lead to declarations and their fields, where those are
//! put, and what of them is left.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast::{self, Segment};

use super::{Checker, out_type};
use crate::db::ItemId;
use crate::diag::{Cause, Diag};
use crate::ir::{EnvBody, Expr, Leave, Omit, Place, PlaceEntry, Step};
use crate::names::{DeclRef, ValueDef, prelude};
use crate::types::{Ty, kind_head, name_spot};

/// What a path of `place`, `omit`, `waive` or `moved` leads to.
pub(super) struct Reached {
    /// The declaration of the app that it begins at.
    pub root: DeclRef,
    /// The keys and contents that follow.
    pub path: Vec<Step>,
    /// The kind of what is there; `None` where that is wrong and reported.
    pub kind: Option<ItemId>,
    /// Does it mean all of a family?
    pub family: bool,
}

impl<'db> Checker<'db> {
    /// Follows a path to a declaration, or to all of a family.
    pub(super) fn decl_path(
        &mut self,
        segments: &[Segment<'db>],
        whole: Node<'db>,
    ) -> Option<Reached> {
        let (first, rest) = segments.split_first()?;
        let Segment::Name(name) = first else {
            let message = "a path begins with a name of the app";
            self.error("E0207", first.node(), message);
            return None;
        };
        let ValueDef::Decl(root) = self.app_value(*name)? else {
            let message = format!("`{}` is no declaration", name.text());
            self.error("E0215", name.node(), message);
            return None;
        };
        let mut path = Vec::new();
        let mut at = super::decl_type(self.db, root, &[]);
        for segment in rest {
            at = match (at.without_none(self.db), segment) {
                (Ty::Family(member), Segment::Index(_)) => {
                    path.push(self.step(*segment));
                    (*member).clone()
                }
                (Ty::Family(_), _) => {
                    let message = "this is a family: pick one by its key, `[\"KEY\"]`";
                    self.error("E0208", segment.node(), message);
                    return None;
                }
                (Ty::Instance(kind), Segment::Name(name)) => {
                    if kind_head(self.db, kind).field(name.text()).is_some() {
                        let message =
                            format!("`{}` is a field: a declaration is meant here", whole.text());
                        self.error("E0215", whole, message);
                        return None;
                    }
                    let (next, closed) = self.content(kind, *name)?;
                    if let Some(diag) = closed {
                        self.diags.push(diag);
                        return None;
                    }
                    path.push(Step::Name(Arc::from(name.text())));
                    next
                }
                (Ty::Instance(_), _) => {
                    let message = "this is one declaration, not a family: it takes no key";
                    self.error("E0208", segment.node(), message);
                    return None;
                }
                _ => return None,
            };
        }
        let at = at.without_none(self.db);
        let family = matches!(at, Ty::Family(_));
        let kind = match at {
            Ty::Family(member) => member.without_none(self.db),
            other => other,
        };
        let kind = match kind {
            Ty::Instance(kind) => Some(kind),
            _ => None,
        };
        Some(Reached {
            root,
            path,
            kind,
            family,
        })
    }

    pub(super) fn place(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let record = match field.value() {
            Some(ast::Expr::Record(record)) => record,
            Some(other) => {
                let message =
                    "`place` takes declarations and places in braces: `place = { db = … }`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for entry in record.entries() {
            let Some(path) = entry.path() else { continue };
            let segments: Vec<Segment<'db>> = path.segments().collect();
            let reached = self.decl_path(&segments, path.node());
            let place = self.place_value(entry.value(), reached.as_ref());
            let (Some(reached), Some(place)) = (reached, place) else {
                continue;
            };
            let new = PlaceEntry {
                root: reached.root,
                path: reached.path,
                place,
                span: path.node().range().into(),
                value_span: entry
                    .value()
                    .map_or(entry.node().range(), |v| v.node().range())
                    .into(),
            };
            let same = |old: &PlaceEntry| old.root == new.root && same_path(&old.path, &new.path);
            if let Some(old) = body.place.iter().find(|old| same(old)) {
                let message = format!("`{}` is placed twice", path.node().text());
                let diag = Diag::error("E0209", self.spot_of(new.span), message)
                    .related(self.spot_of(old.span), "first here");
                self.diags.push(diag);
                continue;
            }
            body.place.push(new);
        }
    }

    fn place_value(
        &mut self,
        value: Option<ast::Expr<'db>>,
        reached: Option<&Reached>,
    ) -> Option<Place> {
        let value = value?;
        if let ast::Expr::Call(call) = value
            && let Some(ast::Expr::NameRef(name)) = call.callee()
        {
            let args: Vec<ast::Arg<'db>> = call.args().collect();
            match name.text() {
                "on" => return self.on_host(call, &args),
                "existing" => return self.existing(call, &args, reached),
                "in" => return self.owned(call, &args, reached),
                text if self.names.value(text).is_none() => {
                    self.no_such_place(name, &args);
                    return None;
                }
                _ => {}
            }
        }
        let target = prelude(self.db).kinds.get("target").map(|def| def.what);
        let wanted = target.map_or(Ty::Unknown, Ty::Instance);
        let purpose = "a place".to_owned();
        let place = self.for_purpose(purpose, |c| c.check(Some(value), &wanted));
        Some(Place::Target(place))
    }

    fn no_such_place(&mut self, name: ast::NameRef<'_>, args: &[ast::Arg<'db>]) {
        let (text, spot) = (name.text(), self.spot(name.node()));
        let diag = Diag::error("E0212", spot, format!("there is no place `{text}(…)`"))
            .suggest(text, spot, &["on", "existing", "in"])
            .note("a place is a target, `on(\"HOST\")` or `existing(…)`");
        self.diags.push(diag);
        for arg in args {
            self.infer_unwanted(arg.value());
        }
    }

    fn on_host(&mut self, call: ast::Call<'db>, args: &[ast::Arg<'db>]) -> Option<Place> {
        let [host] = args else {
            let message = "`on` takes the name of one of the target's hosts: `on(\"rack2\")`";
            self.error("E0307", call.node(), message);
            return None;
        };
        let purpose = "the host".to_owned();
        let host = self.for_purpose(purpose, |c| c.check(host.value(), &Ty::String));
        Some(Place::On(host))
    }

    /// What another environment owns: of the same kind as what is placed.
    fn owned(
        &mut self,
        call: ast::Call<'db>,
        args: &[ast::Arg<'db>],
        reached: Option<&Reached>,
    ) -> Option<Place> {
        let [env, there] = args else {
            let message = "`in` takes an environment and a declaration: `in(prod_eu, db)`";
            self.error("E0307", call.node(), message);
            return None;
        };
        let env = self.in_env(*env);
        let value = there.value()?;
        let Some(segments) = path_of(value) else {
            self.error("E0215", value.node(), "this names no declaration");
            return None;
        };
        let there = self.decl_path(&segments, value.node())?;
        let reached = reached?;
        if reached.family || there.family {
            let message = "this is a family: say of each member whose it is";
            self.error("E0616", call.node(), message);
            return None;
        }
        if let (Some(wanted), Some(found)) = (reached.kind, there.kind)
            && wanted != found
        {
            let (wanted, found) = (wanted.name(self.db), found.name(self.db));
            let message = format!("a `{wanted}` is placed here, and this is a `{found}`");
            self.error("E0301", value.node(), message);
            return None;
        }
        Some(Place::Owned(env, there.root, there.path))
    }

    fn existing(
        &mut self,
        call: ast::Call<'db>,
        args: &[ast::Arg<'db>],
        reached: Option<&Reached>,
    ) -> Option<Place> {
        let kind = reached.and_then(|r| r.kind);
        let whole = reached.is_some_and(|r| r.family);
        if let Some(kind) = kind
            && (whole || !kind_head(self.db, kind).external)
        {
            let message = if whole {
                "this is a family: only a single declaration can exist already".to_owned()
            } else {
                format!(
                    "a `{}` is made of other declarations: say of each which exists already",
                    kind.name(self.db)
                )
            };
            let diag = Diag::error("E0616", self.spot(call.node()), message)
                .related(name_spot(self.db, kind), "this kind");
            self.diags.push(diag);
            return None;
        }
        let mut fields: Vec<(Arc<str>, Expr)> = Vec::new();
        for arg in args {
            let Some(name) = arg.name() else {
                let message = "what exists is told by name: `existing(host: \"…\")`";
                self.error("E0307", arg.node(), message);
                // One too many is told once, like any surplus.
                break;
            };
            let text = name.text();
            if fields.iter().any(|(given, _)| given.as_ref() == text) {
                self.error("E0209", arg.node(), format!("`{text}` is given twice"));
                continue;
            }
            let wanted = kind.map_or(Some(Ty::Unknown), |k| out_type(self.db, k, text));
            let Some(wanted) = wanted else {
                self.no_such_out(kind, name);
                self.infer_unwanted(arg.value());
                continue;
            };
            if let Some(kind) = kind {
                self.note(name.node(), |c| c.read_symbol(kind, text));
            }
            let purpose = format!("`{text}` of what exists already");
            let value = self.for_purpose(purpose, |c| c.check(arg.value(), &wanted));
            fields.push((Arc::from(text), value));
        }
        Some(Place::Existing(fields))
    }

    /// What exists already is told by what others read of it.
    fn no_such_out(&mut self, kind: Option<ItemId>, name: ast::Name<'_>) {
        let Some(kind) = kind else { return };
        let text = name.text();
        let head = kind_head(self.db, kind);
        let names: Vec<&str> = head.outs.iter().map(|o| o.name.as_ref()).collect();
        let spot = self.spot(name.node());
        let message = format!("a `{}` gives no `{text}`", kind.name(self.db));
        let mut diag = Diag::error("E0207", spot, message)
            .because(Cause::Member(kind, Arc::from(text)))
            .suggest(text, spot, &names);
        if head.field(text).is_some() {
            diag =
                diag.help("what it is like is its owner's to say: only how to reach it is given");
        } else if crate::suggest::nearest(text, names.iter().copied()).is_none() {
            let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
            diag = diag.note(if list.is_empty() {
                "it gives nothing".to_owned()
            } else {
                format!("it gives {}", list.join(", "))
            });
        }
        self.diags.push(diag);
    }

    pub(super) fn leave(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let list = match field.value() {
            Some(ast::Expr::List(list)) => list,
            Some(other) => {
                let message = "`leave` takes a list of fields: `leave = [x.scale]`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for element in list.elements() {
            let segments = path_of(element);
            let Some((Segment::Name(name), rest)) =
                segments.as_deref().and_then(<[_]>::split_first)
            else {
                self.error("E0207", element.node(), "this names no field");
                continue;
            };
            let root = match self.app_value(*name) {
                Some(ValueDef::Decl(root)) => root,
                Some(_) => {
                    let message = format!("`{}` is no declaration", name.text());
                    self.error("E0215", name.node(), message);
                    continue;
                }
                None => continue,
            };
            let start = super::decl_type(self.db, root, &[]);
            let Some((path, depth, _)) = self.reach(&start, rest, element.node()) else {
                continue;
            };
            body.leave.push(Leave {
                root,
                path,
                depth,
                span: element.node().range().into(),
            });
        }
    }

    pub(super) fn omit(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let list = match field.value() {
            Some(ast::Expr::List(list)) => list,
            Some(other) => {
                let message = "`omit` takes a list of declarations: `omit = [x]`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for element in list.elements() {
            let Some(segments) = path_of(element) else {
                self.error("E0215", element.node(), "this names no declaration");
                continue;
            };
            let Some(reached) = self.decl_path(&segments, element.node()) else {
                continue;
            };
            body.omit.push(Omit {
                root: reached.root,
                path: reached.path,
                span: element.node().range().into(),
            });
        }
    }
}

/// The same names and keys? Keys that must be computed are taken to differ.
fn same_path(a: &[Step], b: &[Step]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Step::Name(a), Step::Name(b)) => a == b,
            _ => false,
        })
}

/// `a["k"].b` as a path.
fn path_of(expr: ast::Expr<'_>) -> Option<Vec<Segment<'_>>> {
    let mut parts = Vec::new();
    let mut at = expr;
    loop {
        match at {
            ast::Expr::NameRef(_) => {
                parts.push(Segment::Name(at.as_name()?));
                parts.reverse();
                return Some(parts);
            }
            ast::Expr::FieldAccess(access) => {
                parts.push(Segment::Name(access.name()?));
                at = access.base()?;
            }
            ast::Expr::IndexExpr(index) => {
                parts.push(Segment::Index(index.index()?));
                at = index.base()?;
            }
            _ => return None,
        }
    }
}
