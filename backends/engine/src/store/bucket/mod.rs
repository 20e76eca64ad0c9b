//! A store in a bucket: of S3, and of what speaks its API.
//!
//! Every condition of [`Store`] is one conditional request: `If-None-Match: *` makes a file,
//! `If-Match` writes over the one that was read. Nothing else fences two writers.
//!
//! What comes of a request that is not answered is found out by reading: the file is what was to
//! be written, and it was; or it is what was expected, and it is asked for again under the same
//! condition, which two of the same can't both meet; or it is another's, and the writer is out.
//! No file of the engine has the same content twice, so that one's own is told by its bytes.
//!
//! An object has no end that can be added to: how the journal is kept is in [`log`].

mod log;
mod s3;

pub use s3::S3;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};
use plat_model::Digest;
use tokio::time::{Instant, sleep, timeout};

use self::log::Log;
use super::{Blob, Expect, LOG, Store, StoreError};

/// How long one request may take.
const ANSWER: Duration = Duration::from_secs(10);
/// For how long a request that fails for a reason that may pass is made again.
const PATIENCE: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// A state file larger than this is not ours.
const LARGEST: u64 = 1 << 30;
/// Nobody keeps state in it: it shows that the store holds to conditions.
const PROBE: &str = "conditions";

/// A store in a bucket.
pub struct BucketStore {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The bucket and the prefix, for people.
    place: String,
    /// The version of what was last read or written, by name.
    known: Mutex<BTreeMap<String, (Digest, UpdateVersion)>>,
    /// The end of the journal, as it was last read or written.
    log: Mutex<Option<log::Known>>,
    /// Whether the store was seen to hold to conditions.
    holds: tokio::sync::OnceCell<()>,
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BucketStore").field(&self.place).finish()
    }
}

/// An object as it was read.
struct Got {
    bytes: Vec<u8>,
    version: UpdateVersion,
}

/// How a request failed.
enum Trouble {
    /// What is there is not what was expected.
    Moved,
    /// It can't be done.
    Failed { why: String, next: Option<String> },
}

/// What an error of the object store means for what comes next.
enum Means {
    NotThere,
    Moved,
    /// It may pass, and nobody knows whether it was done.
    Unknown(String),
    Refused(Trouble),
}

fn failed(why: impl Into<String>, next: impl Into<Option<String>>) -> Trouble {
    Trouble::Failed {
        why: why.into(),
        next: next.into(),
    }
}

/// An error with what caused it, once: most libraries repeat the one in the other.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn means(error: &Error) -> Means {
    let told = told(error);
    match error {
        Error::NotFound { .. } if told.contains("NoSuchBucket") => Means::Refused(failed(
            "there is no such bucket",
            "make it, private and with versions kept, or name another in the environment's \
             `state`"
                .to_owned(),
        )),
        Error::NotFound { .. } => Means::NotThere,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            Means::Moved
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Means::Refused(failed(
            format!("it is refused: {told}"),
            "give a key that may read, write, list and delete there, in AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        )),
        Error::NotSupported { .. } | Error::NotImplemented { .. } | Error::InvalidPath { .. } => {
            Means::Refused(failed(told, None))
        }
        _ => Means::Unknown(told),
    }
}

/// When a request is made again.
struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self {
            until: Instant::now() + PATIENCE,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a moment; fails with the last reason when it has been long enough.
    async fn rest(&mut self, why: String) -> Result<(), Trouble> {
        if Instant::now() + self.pause > self.until {
            let next = "run the command again when it can be reached: it goes on where it stopped";
            return Err(failed(why, next.to_owned()));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

async fn answered<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, Means> {
    match timeout(ANSWER, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(means(&error)),
        Err(_) => Err(Means::Unknown(format!(
            "there was no answer for {} s",
            ANSWER.as_secs()
        ))),
    }
}

impl BucketStore {
    /// A store below `prefix` in an object store that keeps to conditions. Its own retries should
    /// be off: a request whose answer was lost must not be taken for one that failed. `place` is
    /// what people call it: `s3://state/shop/prod`.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: Path, place: impl Into<String>) -> Self {
        Self {
            objects,
            prefix,
            place: place.into(),
            known: Mutex::default(),
            log: Mutex::default(),
            holds: tokio::sync::OnceCell::new(),
        }
    }

    fn path(&self, name: &str) -> Path {
        let parts = self.prefix.parts().chain(name.split('/').map(Into::into));
        parts.collect()
    }

    fn error(&self, what: &'static str, name: &str, trouble: Trouble) -> StoreError {
        let place = format!("{}/{name}", self.place);
        match trouble {
            Trouble::Moved => StoreError::Moved { place },
            Trouble::Failed { why, next } => StoreError::Failed {
                what,
                place,
                why,
                next,
            },
        }
    }

    fn know(&self, name: &str, bytes: &[u8], version: &UpdateVersion) {
        let known = (Digest::of(bytes), version.clone());
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), known);
    }

    fn known(&self, name: &str, tag: &Digest) -> Option<UpdateVersion> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, version) = all.get(name)?;
        (known == tag).then(|| version.clone())
    }

    /// Reads an object; `None` when it is certainly not there.
    async fn get(&self, path: &Path) -> Result<Option<Got>, Trouble> {
        let mut patience = Patience::new();
        loop {
            let request = async {
                let got = self.objects.get(path).await?;
                let size = got.meta.size;
                let version = UpdateVersion {
                    e_tag: got.meta.e_tag.clone(),
                    version: got.meta.version.clone(),
                };
                let bytes = if size > LARGEST {
                    None
                } else {
                    Some(got.bytes().await?.to_vec())
                };
                Ok((bytes, version))
            };
            match answered(request).await {
                Ok((Some(bytes), version)) => return Ok(Some(Got { bytes, version })),
                Ok((None, _)) => {
                    let next = "move it away".to_owned();
                    return Err(failed("it is not a file that plat wrote", next));
                }
                Err(Means::NotThere) => return Ok(None),
                Err(Means::Moved) => return Err(Trouble::Moved),
                Err(Means::Refused(trouble)) => return Err(trouble),
                Err(Means::Unknown(why)) => patience.rest(why).await?,
            }
        }
    }

    /// Writes an object under a condition, and finds out what came of it.
    async fn put(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: PutMode,
    ) -> Result<UpdateVersion, Trouble> {
        let mut patience = Patience::new();
        loop {
            let payload = bytes.to_vec().into();
            let request = self.objects.put_opts(path, payload, mode.clone().into());
            let why = match answered(request).await {
                Ok(put) => {
                    return Ok(UpdateVersion {
                        e_tag: put.e_tag,
                        version: put.version,
                    });
                }
                Err(Means::Refused(trouble)) => return Err(trouble),
                // Of a write, only the place itself can be missing: reading says so.
                Err(Means::NotThere | Means::Moved) => "it is being written".to_owned(),
                Err(Means::Unknown(why)) => why,
            };
            match self.get(path).await? {
                Some(got) if got.bytes == bytes => return Ok(got.version),
                found => {
                    let as_expected = match &mode {
                        PutMode::Overwrite => true,
                        PutMode::Create => found.is_none(),
                        PutMode::Update(version) => {
                            found.is_some_and(|got| got.version.e_tag == version.e_tag)
                        }
                    };
                    if !as_expected {
                        return Err(Trouble::Moved);
                    }
                }
            }
            patience.rest(why).await?;
        }
    }

    /// All objects below a folder, sorted by name.
    async fn below(&self, folder: &Path) -> Result<Vec<ObjectMeta>, Trouble> {
        let mut patience = Patience::new();
        loop {
            let request = self.objects.list(Some(folder)).try_collect::<Vec<_>>();
            match answered(request).await {
                Ok(mut all) => {
                    all.sort_by(|a, b| a.location.cmp(&b.location));
                    return Ok(all);
                }
                Err(Means::NotThere) => return Ok(Vec::new()),
                Err(Means::Moved) => return Err(Trouble::Moved),
                Err(Means::Refused(trouble)) => return Err(trouble),
                Err(Means::Unknown(why)) => patience.rest(why).await?,
            }
        }
    }

    async fn delete(&self, path: &Path) -> Result<(), Trouble> {
        let mut patience = Patience::new();
        loop {
            match answered(self.objects.delete(path)).await {
                Ok(()) | Err(Means::NotThere) => return Ok(()),
                Err(Means::Moved) => return Err(Trouble::Moved),
                Err(Means::Refused(trouble)) => return Err(trouble),
                Err(Means::Unknown(why)) => patience.rest(why).await?,
            }
        }
    }

    /// Before the first write: a store that takes a conditional request and drops its condition
    /// would let two writers both win.
    async fn holds_to_conditions(&self) -> Result<(), Trouble> {
        let probe = || async {
            let path = self.path(PROBE);
            let bytes = b"plat writes here what must be refused\n".to_vec();
            self.put(&path, &bytes, PutMode::Overwrite).await?;
            let wrong = UpdateVersion {
                e_tag: Some("\"00000000000000000000000000000000\"".to_owned()),
                version: None,
            };
            for mode in [PutMode::Create, PutMode::Update(wrong)] {
                let mut patience = Patience::new();
                loop {
                    let payload = bytes.clone().into();
                    let request = self.objects.put_opts(&path, payload, mode.clone().into());
                    match answered(request).await {
                        Err(Means::Moved | Means::NotThere) => break,
                        Err(Means::Refused(trouble)) => return Err(trouble),
                        Err(Means::Unknown(why)) => patience.rest(why).await?,
                        Ok(_) => {
                            return Err(failed(
                                "this object store takes no notice of If-Match and \
                                 If-None-Match: of two applies at once, each could write over \
                                 what the other did",
                                "use one that does, such as S3 or a recent MinIO, or leave the \
                                 environment's `state` out"
                                    .to_owned(),
                            ));
                        }
                    }
                }
            }
            Ok(())
        };
        self.holds.get_or_try_init(probe).await.copied()
    }

    async fn read_file(&self, name: &str) -> Result<Option<Blob>, Trouble> {
        Ok(self.get(&self.path(name)).await?.map(|got| {
            self.know(name, &got.bytes, &got.version);
            Blob { bytes: got.bytes }
        }))
    }

    async fn write_file(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), Trouble> {
        let path = self.path(name);
        let mode = match expect {
            Expect::Anything => PutMode::Overwrite,
            Expect::Absent => PutMode::Create,
            Expect::Tag(tag) => PutMode::Update(match self.known(name, tag) {
                Some(version) => version,
                None => match self.get(&path).await? {
                    Some(got) if Digest::of(&got.bytes) == *tag => got.version,
                    _ => return Err(Trouble::Moved),
                },
            }),
        };
        let version = self.put(&path, bytes, mode).await?;
        self.know(name, bytes, &version);
        Ok(())
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, Trouble> {
        let folder = self.path(folder);
        let all = self.below(&folder).await?;
        let name = |meta: &ObjectMeta| {
            let mut rest = meta.location.prefix_match(&folder)?;
            let name = rest.next()?.as_ref().to_owned();
            rest.next().is_none().then_some(name)
        };
        Ok(all.iter().filter_map(name).collect())
    }
}

#[async_trait]
impl Store for BucketStore {
    fn place(&self) -> String {
        self.place.clone()
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError> {
        let read = if name == LOG {
            self.read_log().await.map(Log::into_blob)
        } else {
            self.read_file(name).await
        };
        read.map_err(|trouble| self.error("reading", name, trouble))
    }

    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError> {
        let written = async {
            self.holds_to_conditions().await?;
            if name == LOG {
                self.write_log(bytes, expect).await
            } else {
                self.write_file(name, bytes, expect).await
            }
        };
        written
            .await
            .map_err(|trouble| self.error("writing", name, trouble))
    }

    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let written = async {
            self.holds_to_conditions().await?;
            if name != LOG {
                return Err(failed("only the journal is added to", None));
            }
            self.append_to_log(at, last, bytes).await
        };
        written
            .await
            .map_err(|trouble| self.error("writing", name, trouble))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.delete(&self.path(name))
            .await
            .map_err(|trouble| self.error("removing", name, trouble))
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.names(folder)
            .await
            .map_err(|trouble| self.error("reading", folder, trouble))
    }
}
