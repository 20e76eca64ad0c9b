//! Who may do what with one bucket.

use super::KeyRight;
use super::config::KeyConfig;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{CopyObjectInput, CopySource, DeleteObjectsInput, UploadPartCopyInput};
use s3s::{S3Request, S3Result, s3_error};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

const READS: [&str; 6] = [
    "GetBucketLocation",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListObjects",
    "ListObjectsV2",
];

const WRITES: [&str; 10] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "ListParts",
    "PutObject",
    "UploadPart",
    "UploadPartCopy",
];

/// What makes an object.
const CREATES: [&str; 3] = ["CopyObject", "CreateMultipartUpload", "PutObject"];

/// The keys of one bucket; they can be replaced while requests are served.
#[derive(Clone)]
pub(super) struct Keys {
    bucket: Arc<str>,
    /// Where the objects are.
    objects: Arc<Path>,
    known: Arc<RwLock<BTreeMap<String, (SecretKey, KeyRight)>>>,
}

impl Keys {
    pub(super) fn new(bucket: &str, objects: PathBuf, keys: &[KeyConfig]) -> Self {
        let made = Self {
            bucket: bucket.into(),
            objects: objects.into(),
            known: Arc::default(),
        };
        made.replace(keys);
        made
    }

    pub(super) fn replace(&self, keys: &[KeyConfig]) {
        let fresh = keys
            .iter()
            .map(|key| {
                let secret = SecretKey::from(key.secret_key.clone());
                (key.access_key.clone(), (secret, key.right))
            })
            .collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    fn find(&self, access_key: &str) -> S3Result<(SecretKey, KeyRight)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .get(access_key)
            .cloned()
            .ok_or_else(|| s3_error!(InvalidAccessKeyId, "This bucket has no such access key"))
    }

    fn check_place(&self, bucket: &str, key: &str) -> S3Result<()> {
        if bucket != &*self.bucket {
            return Err(s3_error!(AccessDenied, "This key is for another bucket"));
        }
        check_key(key)
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(self.find(access_key)?.0)
    }
}

#[async_trait::async_trait]
impl S3Access for Keys {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "The request is not signed"));
        };
        let (_, right) = self.find(&credentials.access_key)?;
        let path = cx.s3_path();
        self.check_place(
            path.get_bucket_name().unwrap_or_default(),
            path.get_object_key().unwrap_or("-"),
        )?;
        let operation = cx.s3_op().name();
        if CREATES.contains(&operation)
            && let Some(key) = path.get_object_key()
        {
            self.check_folders(key)?;
        }
        if READS.contains(&operation) || (WRITES.contains(&operation) && right == KeyRight::Write) {
            return Ok(());
        }
        if WRITES.contains(&operation) {
            return Err(s3_error!(AccessDenied, "This key may only read"));
        }
        match operation {
            // What an app that makes its bucket at start wants to hear.
            "CreateBucket" => Err(s3_error!(BucketAlreadyOwnedByYou)),
            "DeleteBucket" => Err(s3_error!(AccessDenied, "The bucket itself is kept by plat")),
            _ => Err(s3_error!(NotImplemented)),
        }
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        self.check_source(&req.input.copy_source)
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        self.check_source(&req.input.copy_source)
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        req.input
            .delete
            .objects
            .iter()
            .try_for_each(|object| check_key(&object.key))
    }
}

impl Keys {
    /// Objects are files: one can't be the folder of another.
    fn check_folders(&self, key: &str) -> S3Result<()> {
        let path = self.objects.join(key);
        let above = path
            .ancestors()
            .skip(1)
            .take_while(|dir| dir.starts_with(&self.objects));
        let is_folder = path.is_dir() && !key.ends_with('/');
        if is_folder || above.into_iter().any(Path::is_file) {
            return Err(s3_error!(
                InvalidRequest,
                "Here a key can't be both an object and the folder of another"
            ));
        }
        Ok(())
    }

    fn check_source(&self, source: &CopySource) -> S3Result<()> {
        match source {
            CopySource::Bucket { bucket, key, .. } => self.check_place(bucket, key),
            _ => Err(s3_error!(NotImplemented)),
        }
    }
}

/// A key becomes a path below the bucket's directory: what a path would read differently is
/// refused. One slash at the end is a folder's marker.
fn check_key(key: &str) -> S3Result<()> {
    let body = key.strip_suffix('/').unwrap_or(key);
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.len() <= 255 && !segment.contains('\0')
    };
    if body.split('/').all(plain) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidArgument,
        "Here a key's parts between slashes can't be empty, `.`, `..` or longer than 255 bytes"
    ))
}

#[cfg(test)]
mod tests {
    use super::check_key;

    #[test]
    fn keys_that_a_path_would_read_differently_are_refused() {
        for good in ["a", "a/b.txt", "folder/", "..a/b..", ".hidden", "ü/ö"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "a//b",
            "./a",
            "a\0b",
            "a//",
        ] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }
}
