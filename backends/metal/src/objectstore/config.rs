//! What the caller wants, and the file the server reads.

use crate::services::{Secret, ServiceError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// One S3 server as it should be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose it is, for messages, such as `shop dev`.
    pub name: String,
    /// A directory of its own; made if it is missing.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The command that calls [`super::serve`]; the configuration's path is added to it.
    pub program: Vec<String>,
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name on the wire, as S3 allows: 3 to 63 lower-case letters, digits, `-` and `.`.
    pub name: String,
    /// Who may use it.
    pub keys: Vec<Key>,
}

/// An access key of one bucket.
#[derive(Debug, Clone)]
pub struct Key {
    /// The public part; unique among the bucket's keys.
    pub access_key: String,
    /// The part that signs.
    pub secret_key: Secret,
    /// What it may do.
    pub right: KeyRight,
}

/// What a key may do with its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRight {
    /// Get and list.
    Read,
    /// Also put and delete.
    Write,
}

impl Settings {
    /// Where the server listens.
    pub(super) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The storage root of one bucket: its objects, and beside them what S3 knows about them.
    pub(super) fn root_of(&self, bucket: &str) -> PathBuf {
        self.dir.join("buckets").join(bucket)
    }

    /// The directory that holds a bucket's objects as files, for who serves them to browsers.
    #[must_use]
    pub fn objects_of(&self, bucket: &str) -> PathBuf {
        self.root_of(bucket).join(bucket)
    }

    pub(super) fn error(
        &self,
        doing: impl Into<String>,
        why: impl std::fmt::Display,
    ) -> ServiceError {
        ServiceError::new(format!("buckets of {}", self.name), doing, why)
    }

    pub(super) fn checked_config(&self) -> Result<Config, ServiceError> {
        let mut seen = BTreeSet::new();
        for bucket in &self.buckets {
            if !s3s::path::check_bucket_name(&bucket.name) {
                return Err(self
                    .error(
                        format!("make the bucket `{}`", bucket.name),
                        "S3 allows 3 to 63 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends",
                    )
                    .next("give it another name"));
            }
            if !seen.insert(&bucket.name) {
                return Err(self.error(
                    format!("make the bucket `{}`", bucket.name),
                    "there are two of that name",
                ));
            }
        }
        Ok(Config {
            listen: self.addr(),
            buckets: self
                .buckets
                .iter()
                .map(|bucket| BucketConfig {
                    name: bucket.name.clone(),
                    root: self.root_of(&bucket.name),
                    keys: bucket
                        .keys
                        .iter()
                        .map(|key| KeyConfig {
                            access_key: key.access_key.clone(),
                            secret_key: key.secret_key.expose().to_owned(),
                            right: key.right,
                        })
                        .collect(),
                })
                .collect(),
        })
    }
}

/// The server's own file. It holds secrets: it must never be shown.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) listen: SocketAddr,
    pub(super) buckets: Vec<BucketConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BucketConfig {
    pub(super) name: String,
    pub(super) root: PathBuf,
    pub(super) keys: Vec<KeyConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyConfig {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) right: KeyRight,
}
