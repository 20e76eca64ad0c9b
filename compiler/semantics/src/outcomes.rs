//! What came of the tests, the policies and the waivers of an app.

use chrono::NaiveDate;
use plat_model::Place;
use plat_syntax::Diagnostic;

use crate::api::{Database, STACK, resolve, sorted};
use crate::app::app;
use crate::check::lower;
use crate::db::{ItemId, main_package};
use crate::diag::{Diag, Spot};
use crate::eval::{evaluate, run_tests};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Its name; of another package, with that before it.
    pub name: String,
    /// Its documentation.
    pub doc: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// How many things it asserts.
    pub asserts: usize,
    /// What fails; nothing if it passes.
    pub failures: Vec<Diagnostic>,
}

/// What came of a policy in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// Its name; of another package, with that before it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Of how many things it was asked; those that its `when` leaves out do not count.
    pub asked: usize,
    /// How many of them have a waiver.
    pub waived: usize,
    /// How many break it.
    pub broken: usize,
    /// What is said of those; warnings where the policy only warns.
    pub failures: Vec<Diagnostic>,
}

impl Database {
    /// The waivers whose last day is past, as errors at that day. Evaluation knows no day: who asks
    /// brings today's date.
    pub fn expired_waivers(&self, today: NaiveDate) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let mut out = Vec::new();
            for item in &app(self).waived {
                let Some(waive) = &lower(self, *item).waive else {
                    continue;
                };
                let last = waive
                    .until
                    .and_then(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day));
                let Some(last) = last.filter(|last| *last < today) else {
                    continue;
                };
                let spot = Spot {
                    item: *item,
                    range: waive.until_span,
                };
                let policy = waive.policy.name(self);
                let message = format!(
                    "the waiver of `{policy}` for `{}` ended on {last}",
                    waive.target
                );
                let diag = Diag::error("E0706", spot, message)
                    .related(crate::types::name_spot(self, waive.policy), "the policy")
                    .help("meet the policy and take the waiver away, or give it another last day");
                out.push(diag.resolve(self));
            }
            sorted(out)
        })
    }

    /// Runs the tests of the app and of the packages in its source tree. Bare names in them are
    /// looked up in `env`, or where none is said in the first environment that is no family.
    ///
    /// What else is wrong with the program is not told here: ask [`Self::diagnostics`] first.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn tests(&self, env: Option<&str>) -> Result<Vec<TestOutcome>, Box<Diagnostic>> {
        stacker::grow(STACK, || {
            let key = match env {
                Some(env) => Some(self.env_key(env)?),
                None => self.tests_env(),
            };
            let runs = run_tests(self, key).iter();
            Ok(runs
                .map(|run| TestOutcome {
                    name: self.qualified(run.test),
                    doc: self.doc(run.test),
                    place: self.place_of(run.test),
                    asserts: run.asserts,
                    failures: sorted(resolve(self, &run.diags)),
                })
                .collect())
        })
    }

    /// What came of the policies in an environment.
    ///
    /// What else is wrong there is not told: ask [`Self::diagnostics`] first.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn policies(&self, env: &str) -> Result<Vec<PolicyOutcome>, Box<Diagnostic>> {
        stacker::grow(STACK, || {
            let evaluated = evaluate(self, self.env_key(env)?);
            let runs = evaluated.policies.iter();
            let outcomes = runs.map(|run| PolicyOutcome {
                name: self.qualified(run.policy),
                place: self.place_of(run.policy),
                asked: run.asked,
                waived: run.waived,
                broken: run.broken,
                failures: sorted(resolve(self, &run.diags)),
            });
            Ok(outcomes.collect())
        })
    }

    /// The name of a test or a policy; of another package, with that before it.
    fn qualified(&self, item: ItemId) -> String {
        let name = item.name(self);
        let package = item.file(self).package(self);
        if main_package(self).is_some_and(|main| main.name == *package) {
            name.to_string()
        } else {
            format!("{package}.{name}")
        }
    }
}
