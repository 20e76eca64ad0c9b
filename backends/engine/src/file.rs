//! The plan as a file: what `plan -o` writes, `show` prints again and `apply FILE` runs.

use crate::plan::Plan;
use crate::sealed::{self, SealError};
use crate::sign::{SigningKey, VerifyingKey};

/// A plan that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// Who signed it; the signature fits.
    pub signed_by: Option<VerifyingKey>,
}

/// A plan file that is not signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed it.
    #[error("nobody signed it, and it must be signed with the key {wanted}")]
    Missing {
        /// The key it must be signed with.
        wanted: VerifyingKey,
    },
    /// Somebody else signed it.
    #[error("it is signed with the key {found}, and must be with {wanted}")]
    OtherKey {
        /// The key it is signed with.
        found: VerifyingKey,
        /// The key it must be signed with.
        wanted: VerifyingKey,
    },
}

impl PlanFile {
    /// Holds it to a signature.
    ///
    /// # Errors
    /// It is not signed, or with another key.
    pub fn must_be_signed_with(&self, wanted: &VerifyingKey) -> Result<(), SignatureError> {
        match &self.signed_by {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(SignatureError::OtherKey {
                found: found.clone(),
                wanted: wanted.clone(),
            }),
            None => Err(SignatureError::Missing {
                wanted: wanted.clone(),
            }),
        }
    }
}

/// The bytes of a plan file.
///
/// # Errors
/// It has no JSON form: a fault of whoever made it.
pub fn plan_to_bytes(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    sealed::seal("plan", Plan::FORMAT, plan)
}

/// The bytes of a plan file, signed.
///
/// # Errors
/// It has no JSON form: a fault of whoever made it.
pub fn plan_to_signed_bytes(plan: &Plan, key: &SigningKey) -> Result<Vec<u8>, serde_json::Error> {
    sealed::seal_signed("plan", Plan::FORMAT, plan, Some(key))
}

/// The plan of a file, and who signed it.
///
/// # Errors
/// It is no plan, of a newer or an older platc, or was cut short or edited.
pub fn plan_from_bytes(bytes: &[u8]) -> Result<PlanFile, SealError> {
    // What a plan of another format was made from can't be compared with what is there.
    let formats = Plan::FORMAT..=Plan::FORMAT;
    let (plan, signed_by) = sealed::open_signed::<Plan>("plan", formats, bytes)?;
    let says = plan.digest.clone();
    let plan = plan.sealed();
    // The digest covers that of the graph.
    let graph = plan.graph.as_ref().map(|graph| graph.digest());
    if plan.digest == says && plan.made_from.graph == graph {
        Ok(PlanFile { plan, signed_by })
    } else {
        Err(SealError::Damaged {
            why: "the plan's digest does not fit it".to_owned(),
        })
    }
}
