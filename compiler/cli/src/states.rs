//! Where an environment says that its state is kept.

use plat_engine::{S3, StoreError};
use plat_model::{Data, Graph};

use crate::failure::Failure;

/// The bucket that the environment of a graph names; `None` where its state is with its target.
pub fn of(graph: &Graph) -> Option<S3> {
    let Data::Variant { case, fields } = &graph.environment.fields.get("state")?.data else {
        return None;
    };
    let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
    (case == "s3").then(|| S3 {
        bucket: text("bucket").unwrap_or_default(),
        prefix: text("prefix").unwrap_or_default(),
        region: text("region"),
        endpoint: text("endpoint"),
    })
}

/// A store that can't be used, for people.
pub fn failure(error: &StoreError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        StoreError::Failed {
            next: Some(next), ..
        } => failure.next(next.clone()),
        _ => failure,
    }
}
