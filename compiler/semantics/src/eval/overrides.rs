//! What an environment, and those that it extends, say of declarations and inputs: `set`, `omit` and
//! `leave`, by the paths that they reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::value::Kind;
use super::{Cx, EnvKey, Eval, Locals};
use crate::check::lower;
use crate::db::{Db, ItemId};
use crate::diag::Span;
use crate::ir::{Assign, EnvBody, ExprKind, Leave, Place, SetRoot, Step, Subject};
use crate::library::Builtin;
use crate::names::decls;

/// An entry of the `set` of an environment of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Override {
    /// The environment.
    pub env: ItemId,
    /// Which of the chain that is.
    pub link: u32,
    /// Which entry of its `set`.
    pub entry: u32,
}

/// An entry of `omit`, by the path that it leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Omitted {
    /// The environment.
    pub env: ItemId,
    /// Where it stands there.
    pub span: Span,
}

/// An entry of `leave`, by the path of the declaration.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Left {
    /// The environment.
    pub env: ItemId,
    /// Where it stands there.
    pub span: Span,
    /// The field, and what is below it.
    pub field: String,
}

/// What environments override, each list with the nearest environment first.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Overrides {
    /// `set`, by the path of the declaration.
    pub sets: FxHashMap<String, Vec<Override>>,
    /// `set` of the app's inputs.
    pub inputs: BTreeMap<Arc<str>, Vec<Override>>,
    /// Paths left out; of several entries the nearest, which is the one that is spoken of.
    pub omitted: BTreeMap<String, Omitted>,
    /// Fields that are left to somebody else, by the path of the declaration.
    pub left: BTreeMap<String, Vec<Left>>,
    /// The paths that the environment itself puts elsewhere.
    pub placed: BTreeSet<String>,
}

impl Overrides {
    /// What leaves a declaration out, and the path that it says: the declaration's own, or that of
    /// its whole family.
    pub fn omitted_by(&self, path: &str) -> Option<(&String, &Omitted)> {
        let family = path.strip_suffix(']').and_then(|p| p.rsplit_once('['));
        let own = self.omitted.get_key_value(path);
        own.or_else(|| self.omitted.get_key_value(family?.0))
    }
}

/// The overrides of an environment, found once for all its pieces.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Opened {
    /// Them.
    pub overrides: Arc<Overrides>,
    /// How many steps it took to find them.
    pub steps: u64,
    /// How much was made for it.
    pub made: u64,
    /// Does it, or what it extends, put anything elsewhere?
    pub puts_elsewhere: bool,
}

/// Opens an environment for all its pieces. `None` where it is to be looked at as a whole: where
/// opening it goes wrong or reads declarations, where these are said to be another environment's, and
/// where its policies ask for links.
#[salsa::tracked]
pub fn opened(db: &dyn Db, key: EnvKey) -> Option<Opened> {
    let mut eval = Eval::new(db);
    let world = eval.open(key.item(db), key.keys(db))?;
    let w = eval.world(world)?;
    let mut places = w.bodies.iter().flatten().flat_map(|body| &body.place);
    let puts_elsewhere = places.clone().next().is_some();
    let owned = places.any(|entry| matches!(entry.place, Place::Owned(..)));
    if owned || asks_for_links(&eval, world) {
        return None;
    }
    let overrides = eval.placed(world)?;
    let found = eval.world(world)?.instances.is_empty();
    if !eval.diags.is_empty() || eval.worlds.len() > 1 || !found {
        return None;
    }
    let (steps, made) = eval.taken();
    Some(Opened {
        overrides,
        steps,
        made,
        puts_elsewhere,
    })
}

fn asks_for_links(eval: &Eval<'_>, world: usize) -> bool {
    let policies = eval.policies(world).into_iter();
    let mut bodies = policies.filter_map(|policy| lower(eval.db, policy).policy.as_deref());
    bodies.any(|body| {
        let of_links = body.params.iter().any(|(_, s)| matches!(s, Subject::Link));
        let exprs = [&body.when, &body.require, &body.message];
        let mut asks = of_links;
        for expr in exprs.into_iter().flatten() {
            expr.walk(&mut |inner| {
                let ExprKind::Builtin(builtin, _) = &inner.kind else {
                    return;
                };
                asks |= matches!(builtin, Builtin::Links | Builtin::Holders | Builtin::Grants);
            });
        }
        asks
    })
}

impl<'db> Eval<'db> {
    /// The `set`, `omit` and `leave` of one environment of the chain.
    pub(super) fn overrides(
        &mut self,
        world: usize,
        (link, env): (u32, ItemId),
        body: &'db EnvBody,
    ) {
        let cx = Cx {
            world,
            item: env,
            inst: None,
            kind: Kind::Set,
        };
        let locals = self.world(world).and_then(|w| w.keys_of(env));
        for (number, entry) in (0u32..).zip(&body.set) {
            let item = Override {
                env,
                link,
                entry: number,
            };
            match &entry.root {
                SetRoot::AppInput(name) => {
                    if let Some(found) = self.found(world) {
                        found.inputs.entry(name.clone()).or_default().push(item);
                    }
                }
                SetRoot::Decl(decl) => {
                    let steps = entry.assign.path.get(..entry.assign.depth).unwrap_or(&[]);
                    if let Some(path) = self.decl_path(*decl, steps, &cx, &locals)
                        && let Some(found) = self.found(world)
                    {
                        found.sets.entry(path).or_default().push(item);
                    }
                }
            }
        }
        for omit in &body.omit {
            if let Some(path) = self.decl_path(omit.root, &omit.path, &cx, &locals)
                && let Some(found) = self.found(world)
            {
                let span = omit.span;
                found.omitted.entry(path).or_insert(Omitted { env, span });
            }
        }
        for leave in &body.leave {
            // What is wrong with its path has been reported.
            let _ = self.left(leave, &cx, &locals);
        }
    }

    /// What is overridden in a world, with what its environment puts elsewhere.
    fn placed(&mut self, world: usize) -> Option<Arc<Overrides>> {
        let w = self.world(world)?;
        let (env, body) = (w.env, (*w.bodies.first()?)?);
        let cx = Cx {
            world,
            item: env,
            inst: None,
            kind: Kind::Set,
        };
        let locals = w.keys_of(env);
        for entry in &body.place {
            let path = self.decl_path(entry.root, &entry.path, &cx, &locals)?;
            self.found(world)?.placed.insert(path);
        }
        Some(self.world(world)?.overrides.clone())
    }

    fn found(&mut self, world: usize) -> Option<&mut Overrides> {
        let world = self.worlds.get_mut(world)?;
        Some(Arc::make_mut(&mut world.overrides))
    }

    /// A field that one environment of the chain leaves to somebody else.
    fn left(&mut self, leave: &'db Leave, cx: &Cx, locals: &Locals<'db>) -> Option<()> {
        let (outer, inner) = leave.path.split_at_checked(leave.depth)?;
        let path = self.decl_path(leave.root, outer, cx, locals)?;
        let names: Option<Vec<Arc<str>>> = inner
            .iter()
            .map(|step| self.step_name(step, cx, locals))
            .collect();
        let left = Left {
            env: cx.item,
            span: leave.span,
            field: names?.join("."),
        };
        let found = self.found(cx.world)?;
        found.left.entry(path).or_default().push(left);
        Some(())
    }

    /// The path of a declaration from the steps that lead to it.
    pub(crate) fn decl_path(
        &mut self,
        decl: crate::names::DeclRef,
        steps: &'db [Step],
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Option<String> {
        let head = decls(self.db, decl.item).get(decl.index as usize)?;
        let mut path = head.name.to_string();
        let mut family = head.family;
        let names = crate::names::Names {
            db: self.db,
            file: decl.item.file(self.db),
        };
        let mut kind = names.kind(&head.kind);
        for step in steps {
            let name = self.step_name(step, cx, locals)?;
            if family {
                path.push_str(&format!("[{name}]"));
                family = false;
            } else {
                path.push_str(&format!(".{name}"));
                let inner = kind.and_then(|k| {
                    let head = decls(self.db, k).iter().find(|d| d.name == name)?;
                    let names = crate::names::Names {
                        db: self.db,
                        file: k.file(self.db),
                    };
                    Some((head.family, names.kind(&head.kind)))
                });
                family = inner.is_some_and(|(f, _)| f);
                kind = inner.and_then(|(_, k)| k);
            }
        }
        Some(path)
    }
}

/// The entry of a `set` that an override is.
pub(super) fn assign_of<'db>(
    bodies: &[Option<&'db EnvBody>],
    entry: &Override,
) -> Option<&'db Assign> {
    let body = (*bodies.get(entry.link as usize)?)?;
    Some(&body.set.get(entry.entry as usize)?.assign)
}
