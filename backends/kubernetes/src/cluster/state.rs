//! The state of an environment, in its namespace: who may read the state may read the app's
//! secrets, and no others.
//!
//! - A file is one Secret: an index, and the file's end. What does not fit is in pieces before it,
//!   each a Secret of its own, compressed, that is never written over. Pieces are made first, then
//!   the index moves to them by the API server's own compare-and-swap (`resourceVersion`), then
//!   those it left are removed: whoever reads meanwhile finds the one file or the other.
//! - The journal is added to by its index alone, until its end is large enough for a piece.
//! - The lease is a Lease ([`lease`]), so that `kubectl get leases` shows who is at it.
//! - Recent plans are kept on this machine, so that to plan is to read.
//!
//! What comes of a write that is not answered is found out by reading: each carries a mark.

mod lease;
mod pieces;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use plat_engine::{Blob, DirStore, Expect, Scope, Store, StoreError};
use tokio::time::{Instant, sleep};

use self::pieces::{Index, Piece, cut, packed, unpacked};
use super::{ApiError, Cluster};
use crate::names;

/// The folder of recent plans.
const PLANS: &str = "plans";
/// The file that is kept as a Lease.
const LEASE: &str = "lease.json";
/// How large the end of a file may be, compressed: it is written with each record of the journal.
const END: usize = 64 << 10;
/// How many pieces are read or written at once.
const AT_ONCE: usize = 8;
/// How often a file that is written anew while it is read is read again.
const TRIES: usize = 5;
/// For how long a write that may succeed yet is tried again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long after a failure that is; then twice as long each time, up to a limit.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A store of files.
pub struct SecretStore {
    pub(in crate::cluster) cluster: Arc<Cluster>,
    scope: Scope,
    plans: DirStore,
    /// The indexes as they were last read or written: the journal is added to without reading.
    known: Mutex<BTreeMap<String, Index>>,
}

/// How an access failed.
#[derive(Debug)]
enum Trouble {
    /// What is there is not what was expected.
    Moved,
    Failed(ApiError),
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

fn damaged(why: &str) -> Trouble {
    Trouble::Failed(
        ApiError::other(why).next("`platc adopt` rebuilds a lost state from what is there"),
    )
}

impl SecretStore {
    /// The state of that scope, but for its recent plans, which are kept below `local`.
    pub fn new(cluster: Arc<Cluster>, scope: Scope, local: PathBuf) -> Self {
        Self {
            cluster,
            scope,
            plans: DirStore::new(local),
            known: Mutex::default(),
        }
    }

    /// The label of all of a scope's state.
    fn label(&self) -> String {
        names::label(&format!("{}.{}", self.scope.app, self.scope.environment))
    }

    /// The name of what keeps a file.
    fn object(&self, file: &str) -> String {
        let all = format!("{}\n{}\n{file}", self.scope.app, self.scope.environment);
        let (one, two) = (names::hash(&all), names::hash(&format!("2 {all}")));
        format!("plat-state-{one}{two}")
    }

    fn error(&self, what: &'static str, file: &str, trouble: Trouble) -> StoreError {
        let place = format!("{file} of {}", self.place());
        match trouble {
            Trouble::Moved => StoreError::Moved { place },
            Trouble::Failed(error) => StoreError::Failed {
                what,
                place,
                why: error.why,
                next: error.next,
            },
        }
    }

    fn know(&self, file: &str, index: Option<Index>) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match index {
            Some(index) => all.insert(file.to_owned(), index),
            None => all.remove(file),
        };
    }

    fn known(&self, file: &str) -> Option<Index> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(file).cloned()
    }

    /// A file with its index; `None` when it is certainly not there.
    async fn whole(&self, file: &str) -> Result<Option<(Index, Vec<u8>)>, Trouble> {
        for _ in 0..TRIES {
            let Some(index) = self.index(file).await? else {
                return Ok(None);
            };
            let reads: Vec<_> = index.pieces.iter().map(|p| self.piece(p)).collect();
            let pieces: Vec<Option<Vec<u8>>> =
                stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
            // One that is gone: the file was written anew meanwhile.
            if let Some(pieces) = pieces.into_iter().collect::<Option<Vec<_>>>() {
                let mut bytes = pieces.concat();
                bytes.extend(unpacked(&index.end).ok_or_else(|| damaged("it is damaged"))?);
                if bytes.len() as u64 != index.length {
                    return Err(damaged("a part of it is missing"));
                }
                return Ok(Some((index, bytes)));
            }
        }
        Err(damaged("a piece of it is missing"))
    }

    async fn piece(&self, piece: &Piece) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(packed) = self.packed_piece(piece).await? else {
            return Ok(None);
        };
        let bytes = unpacked(&packed).filter(|bytes| piece.is(bytes));
        bytes
            .map(Some)
            .ok_or_else(|| damaged("a piece of it is damaged"))
    }

    async fn make_pieces(&self, file: &str, bytes: &[u8]) -> Result<Vec<Piece>, Trouble> {
        let cut = cut(bytes);
        let writes: Vec<_> = cut.iter().map(|part| self.make_piece(file, part)).collect();
        stream::iter(writes).buffered(AT_ONCE).try_collect().await
    }

    /// Writes an index in the place of the one that was read, and finds out what came of it.
    async fn swap(&self, file: &str, mut index: Index) -> Result<Index, Trouble> {
        let end = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.put_index(file, &index).await {
                Ok(version) => {
                    index.version = Some(version);
                    return Ok(index);
                }
                Err(error) => error,
            };
            let unheard = matches!(error.code, 0 | 429 | 500..=599);
            if !unheard && error.code != 409 {
                return Err(error.into());
            }
            // Its own first try may have got through.
            match self.index(file).await {
                Ok(there) => {
                    let (mark, version) = match there {
                        Some(there) => (Some(there.mark.clone()), there.version),
                        None => (None, None),
                    };
                    if mark.as_ref() == Some(&index.mark) {
                        index.version = version;
                        return Ok(index);
                    }
                    if version != index.version || error.code == 409 {
                        return Err(Trouble::Moved);
                    }
                }
                Err(Trouble::Failed(e)) if unheard && matches!(e.code, 0 | 429 | 500..=599) => {}
                Err(trouble) => return Err(trouble),
            }
            if Instant::now() + pause > end {
                return Err(error.into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn put(&self, file: &str, bytes: &[u8], expect: &Expect) -> Result<(), Trouble> {
        let there = match expect {
            // Its content may have to be looked at.
            Expect::Tag(tag) => match self.known(file) {
                Some(known) if known.tag.as_deref() == Some(tag.as_str()) => Some(known),
                _ => match self.whole(file).await? {
                    Some((index, bytes)) if plat_model::Digest::of(&bytes) == *tag => Some(index),
                    _ => return Err(Trouble::Moved),
                },
            },
            Expect::Absent => match self.index(file).await? {
                None => None,
                Some(_) => return Err(Trouble::Moved),
            },
            Expect::Anything => self.index(file).await?,
        };
        let left = there.as_ref().map_or(Vec::new(), |t| t.pieces.clone());
        let end = packed(bytes);
        let mut index = Index {
            version: there.and_then(|t| t.version),
            tag: Some(plat_model::Digest::of(bytes).as_str().to_owned()),
            mark: pieces::mark(),
            length: bytes.len() as u64,
            pieces: Vec::new(),
            end,
            last: Vec::new(),
        };
        if index.end.len() > END {
            index.pieces = self.make_pieces(file, bytes).await?;
            index.end = packed(b"");
        }
        self.swap_to(file, index, &left).await
    }

    async fn add(&self, file: &str, at: u64, last: &[u8], bytes: &[u8]) -> Result<(), Trouble> {
        let known = self.known(file).filter(|known| known.length == at);
        let there = match known {
            Some(known) => Some(known),
            None => self.index(file).await?,
        };
        if there.as_ref().map_or(0, |t| t.length) != at {
            return Err(Trouble::Moved);
        }
        let mut index = there.unwrap_or_else(Index::empty);
        if !self.ends_with(file, &index, last).await? {
            return Err(Trouble::Moved);
        }
        index.length = at + bytes.len() as u64;
        index.mark = pieces::mark();
        index.tag = None;
        // By itself: what stands there is not compressed anew with each record.
        index.end.extend(packed(bytes));
        index.last = bytes.to_vec();
        if index.end.len() > END {
            let end = unpacked(&index.end).ok_or_else(|| damaged("it is damaged"))?;
            let more = self.make_pieces(file, &end).await?;
            index.pieces.extend(more);
            index.end = packed(b"");
        }
        self.swap_to(file, index, &[]).await
    }

    /// Whether a file of this index ends with `last`.
    async fn ends_with(&self, file: &str, index: &Index, last: &[u8]) -> Result<bool, Trouble> {
        if index.last.ends_with(last) {
            return Ok(true);
        }
        let end = unpacked(&index.end).ok_or_else(|| damaged("it is damaged"))?;
        if last.len() <= end.len() {
            return Ok(end.ends_with(last));
        }
        // A piece was cut there.
        Ok(match self.whole(file).await? {
            Some((read, whole)) => read.version == index.version && whole.ends_with(last),
            None => last.is_empty(),
        })
    }

    /// Moves a file to an index whose pieces are there, away from the pieces it had.
    async fn swap_to(&self, file: &str, index: Index, left: &[Piece]) -> Result<(), Trouble> {
        // Until it is known what came of it, it is not known what is there.
        self.know(file, None);
        match self.swap(file, index.clone()).await {
            Ok(written) => {
                self.forget(file, left, &written).await;
                self.know(file, Some(written));
                Ok(())
            }
            Err(Trouble::Moved) => {
                // Nobody knows of them but this call.
                let kept = self.index(file).await.ok().flatten();
                let kept = kept.unwrap_or_else(Index::empty);
                self.forget(file, &index.pieces, &kept).await;
                Err(Trouble::Moved)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

#[async_trait]
impl Store for SecretStore {
    fn place(&self) -> String {
        let (context, namespace) = (self.cluster.context(), &self.cluster.namespace);
        format!("the state of {} in {context}/{namespace}", self.scope)
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError> {
        if is_plan(name) {
            return self.plans.read(name).await;
        }
        let read = if name == LEASE {
            self.read_lease().await
        } else {
            self.whole(name).await.map(|found| {
                let (mut index, bytes) = found?;
                let blob = Blob { bytes };
                index.tag = Some(blob.tag().as_str().to_owned());
                self.know(name, Some(index));
                Some(blob)
            })
        };
        read.map_err(|trouble| self.error("reading", name, trouble))
    }

    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError> {
        if is_plan(name) {
            return self.plans.write(name, bytes, expect).await;
        }
        let written = if name == LEASE {
            self.write_lease(bytes, expect).await
        } else {
            self.put(name, bytes, expect).await
        };
        written.map_err(|trouble| self.error("writing", name, trouble))
    }

    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        if is_plan(name) {
            return self.plans.append(name, at, last, bytes).await;
        }
        let added = self.add(name, at, last, bytes).await;
        added.map_err(|trouble| self.error("writing", name, trouble))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        if is_plan(name) {
            return self.plans.remove(name).await;
        }
        self.know(name, None);
        let removed = if name == LEASE {
            self.remove_lease().await
        } else {
            self.remove_file(name).await
        };
        removed.map_err(|trouble| self.error("removing", name, trouble))
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        if folder == PLANS {
            return self.plans.list(folder).await;
        }
        let names = self.files_of(folder).await;
        names.map_err(|trouble| self.error("listing", folder, trouble))
    }
}

fn is_plan(file: &str) -> bool {
    file.split('/').next() == Some(PLANS)
}
