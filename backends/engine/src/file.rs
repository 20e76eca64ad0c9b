//! The plan as a file: what `plan -o` writes and `apply FILE` runs.

use crate::plan::Plan;
use crate::sealed::{self, SealError};

/// The bytes of a plan file.
///
/// # Errors
/// It has no JSON form: a fault of whoever made it.
pub fn plan_to_bytes(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    sealed::seal("plan", Plan::FORMAT, plan)
}

/// The plan of a file.
///
/// # Errors
/// It is no plan, of a newer platc, or was cut short or edited.
pub fn plan_from_bytes(bytes: &[u8]) -> Result<Plan, SealError> {
    let plan: Plan = sealed::open("plan", Plan::FORMAT, bytes)?;
    let says = plan.digest.clone();
    let plan = plan.sealed();
    if plan.digest == says {
        Ok(plan)
    } else {
        Err(SealError::Damaged {
            why: "the plan's digest does not fit it".to_owned(),
        })
    }
}
