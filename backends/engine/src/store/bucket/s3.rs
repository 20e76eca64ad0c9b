//! Where the bucket is: S3, and what speaks its API (MinIO, Ceph, R2 and others).

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ClientOptions, RetryConfig};

use super::{ANSWER, BucketStore};
use crate::object::Scope;
use crate::store::StoreError;

/// A bucket that is reached by the S3 API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Its name.
    pub bucket: String,
    /// Below what in it the states are; empty for the bucket itself.
    pub prefix: String,
    /// The region it is in; `None` takes `AWS_REGION`, else `us-east-1`.
    pub region: Option<String>,
    /// Where its API answers; `None` takes `AWS_ENDPOINT_URL`, else that of AWS.
    pub endpoint: Option<String>,
}

impl S3 {
    /// The store of a scope in it. Who asks is told by the process's environment, as for every
    /// tool of AWS (`AWS_ACCESS_KEY_ID`, web identity, the machine's role): no key stands in the
    /// source. Nothing is asked yet.
    ///
    /// # Errors
    /// What is said of the bucket contradicts itself.
    pub fn store(&self, scope: &Scope) -> Result<BucketStore, StoreError> {
        // There may be one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Self { bucket, prefix, .. } = self;
        let prefix: Path = prefix
            .split('/')
            .filter(|part| !part.is_empty())
            .chain([scope.app.as_str(), scope.environment.as_str()])
            .collect();
        let place = format!("s3://{bucket}/{prefix}");
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_disable_tagging(true)
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            });
        let mut options = ClientOptions::new()
            .with_timeout(ANSWER)
            .with_connect_timeout(Duration::from_secs(5));
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
            // Only where the source says so.
            options = options.with_allow_http(endpoint.starts_with("http://"));
        }
        let objects = builder
            .with_client_options(options)
            .build()
            .map_err(|error| StoreError::Failed {
                what: "reaching",
                place: place.clone(),
                why: super::told(&error),
                next: None,
            })?;
        Ok(BucketStore::new(Arc::new(objects), prefix, place))
    }
}
