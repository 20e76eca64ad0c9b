//! `test NAME { assert = … }`.

use std::sync::Arc;

use super::value::Kind;
use super::{Cx, Data, EnvKey, Eval, Locals, World};
use crate::app::app;
use crate::check::lower;
use crate::db::{Db, ItemId};
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, Failing};

/// What came of a test.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct TestRun {
    /// The test.
    pub test: ItemId,
    /// How many things it asserts.
    pub asserts: usize,
    /// What is wrong; nothing if it passes.
    pub diags: Vec<Diag>,
}

/// The environment in which the bare names of tests are looked up, where none is asked for: the
/// first that is no family.
pub fn first_env(db: &dyn Db) -> Option<ItemId> {
    let plain = |env: &&ItemId| {
        let body = lower(db, **env).env.as_ref();
        body.is_some_and(|e| e.params.is_empty())
    };
    app(db).envs.iter().find(plain).copied()
}

/// Runs the tests of the app, bare names looked up in that environment or member of a family. A package without an
/// environment has nothing that could run somewhere: its tests speak of its types and functions.
pub fn run_tests(db: &dyn Db, env: Option<EnvKey>) -> &[TestRun] {
    match env {
        Some(env) => run_tests_in(db, env),
        None => run_tests_alone(db),
    }
}

#[salsa::tracked]
fn run_tests_in(db: &dyn Db, env: EnvKey) -> Vec<TestRun> {
    run(db, Some(env))
}

#[salsa::tracked]
fn run_tests_alone(db: &dyn Db) -> Vec<TestRun> {
    run(db, None)
}

fn run(db: &dyn Db, env: Option<EnvKey>) -> Vec<TestRun> {
    let tests = &app(db).tests;
    let mut runs = Vec::new();
    let Some(first) = tests.first() else {
        return runs;
    };
    let mut eval = Eval::new(db);
    let world = match env {
        Some(env) => eval.open(env.item(db), env.keys(db)),
        None => {
            eval.worlds.push(World::new(0, *first, String::new()));
            Some(0)
        }
    };
    for test in tests {
        let before = eval.diags.len();
        let asserts = &lower(db, *test).asserts;
        for assert in asserts {
            match world {
                Some(world) => eval.assert(world, *test, assert),
                None => break,
            }
        }
        // What is wrong with an environment is said when that environment is checked.
        let found = eval.diags.get(before..).unwrap_or(&[]).iter();
        runs.push(TestRun {
            test: *test,
            asserts: asserts.len(),
            diags: found.filter(|d| d.spot().item == *test).cloned().collect(),
        });
    }
    runs
}

impl<'db> Eval<'db> {
    fn assert(&mut self, world: usize, test: ItemId, assert: &'db Expr) {
        let cx = Cx {
            world,
            item: test,
            inst: None,
            kind: Kind::Declared,
        };
        let before = self.diags.len();
        let held = self.condition(assert, &cx, &None);
        let spot = self.spot(&cx, assert.span);
        match held {
            Some((true, _)) => {}
            Some((false, _)) => {
                let message = format!("the test `{}` fails", test.name(self.db));
                let diag = Diag::error("E0703", spot, message);
                let diag = self.why_not(diag, assert, &cx);
                self.error(&cx, diag);
            }
            // Where nothing was reported, it was before, at a value that this one reads.
            None if self.diags.len() == before => {
                let message = format!(
                    "the test `{}` cannot be told: a value in it is wrong",
                    test.name(self.db)
                );
                self.error(&cx, Diag::error("E0703", spot, message));
            }
            None => {}
        }
    }

    /// The values that make an assertion fail.
    fn why_not(&mut self, diag: Diag, assert: &'db Expr, cx: &Cx) -> Diag {
        match &assert.kind {
            ExprKind::Binary(_, left, right) => {
                let left = self.eval(left, cx, &None);
                let right = self.eval(right, cx, &None);
                diag.note(format!("left is {}", self.show_long(&left)))
                    .note(format!("right is {}", self.show_long(&right)))
            }
            ExprKind::Fails(inner, failing) => {
                let (codes, shown) = self.failure(inner, &failing.found, cx, &None);
                if codes.is_empty() {
                    diag.note(format!("it does not fail: it is {shown}"))
                } else {
                    let list: Vec<String> = codes.iter().map(|c| format!("`{c}`")).collect();
                    diag.note(format!(
                        "it fails with {}, not with `{}`",
                        list.join(", "),
                        failing.code
                    ))
                }
            }
            _ => diag,
        }
    }

    /// `fails(e, "E0511")`: does evaluating the expression report that?
    pub(super) fn fails(
        &mut self,
        inner: &'db Expr,
        failing: &Failing,
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Data<'db> {
        let (codes, _) = self.failure(inner, &failing.found, cx, locals);
        Data::Bool(codes.contains(&failing.code))
    }

    /// The codes that an expression fails with, and its value as it would be written.
    fn failure(
        &mut self,
        inner: &'db Expr,
        found: &[Arc<str>],
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> (Vec<Arc<str>>, String) {
        if !found.is_empty() || self.give_up() {
            return (found.to_vec(), String::new());
        }
        // Apart from the rest: what fails here is no error there, and what failed there before
        // fails here again.
        let mut apart = Eval::new(self.db);
        let (shown, diags) = match (locals, self.reopen(&mut apart, cx.world)) {
            (None, Some(world)) => {
                let cx = Cx { world, ..*cx };
                let value = apart.eval(inner, &cx, &None);
                (apart.show(&value), apart.diags)
            }
            // Inside of a comprehension: its variables speak of this evaluation's declarations.
            _ => {
                let before = self.diags.len();
                let value = self.eval(inner, cx, locals);
                let diags = self.diags.split_off(before.min(self.diags.len()));
                (self.show(&value), diags)
            }
        };
        let codes = diags.iter().filter(|d| d.is_error());
        (codes.map(|d| Arc::from(d.code())).collect(), shown)
    }

    /// The same environment in another evaluation; not for members of families.
    fn reopen(&self, apart: &mut Eval<'db>, world: usize) -> Option<usize> {
        let w = self.world(world)?;
        let plain = w.members.first().is_none_or(|(_, keys)| keys.is_none());
        plain.then(|| apart.open(w.env, &[]))?
    }
}
