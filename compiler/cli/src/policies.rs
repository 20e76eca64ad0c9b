//! What came of a program's policies, as plans tell it.

use plat_engine::{PolicyResult, PolicyWarning};

use crate::program::Program;

/// What came of the policies that hold in an environment.
pub fn results(program: &Program, env: &str) -> Vec<PolicyResult> {
    let outcomes = program.policies(env).into_iter();
    let results = outcomes.map(|policy| PolicyResult {
        name: policy.name,
        place: policy.place,
        asked: policy.asked,
        waived: policy.waived,
        broken: policy.broken,
        warnings: policy
            .failures
            .into_iter()
            .map(|failure| PolicyWarning {
                place: program.place(&failure.primary),
                message: failure.message,
            })
            .collect(),
    });
    results.collect()
}
