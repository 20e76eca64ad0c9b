//! Where definitions come from: files, and clusters.

use serde_json::Value as Json;

use crate::cluster::{ApiError, Cluster, Kind};
use crate::place::Place;

/// The documents of a text: YAML, of which JSON is a part.
///
/// # Errors
/// It is neither: with its line.
pub fn documents(text: &str) -> Result<Vec<Json>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| {
        // Below it stands an excerpt of the text, which may be anything.
        let told = error.to_string();
        let first = told.lines().next().unwrap_or_default();
        first.strip_prefix("error: ").unwrap_or(first).to_owned()
    })
}

/// The definitions of the cluster at that place.
///
/// # Errors
/// The cluster gives no answer, or not to us.
pub async fn of_cluster(place: &Place) -> Result<Vec<Json>, ApiError> {
    let cluster = Cluster::new(&place.context, &place.namespace);
    let definitions = Kind {
        name: "CustomResourceDefinition".into(),
        version: "apiextensions.k8s.io/v1".into(),
        plural: "customresourcedefinitions".into(),
        namespaced: false,
    };
    cluster.list(&definitions, "").await
}
