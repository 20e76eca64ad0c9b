//! The journal in a bucket, where no object can be added to.
//!
//! Its beginning is one object, `journal`, whose first line numbers its epoch. What is added is
//! one object each, `journal.d/EPOCH/OFFSET`, made with `If-None-Match: *`: only one piece can
//! stand at an offset. An empty piece closes its epoch: nothing can be added behind it. To write
//! the journal anew, an epoch is closed first, at the end that was read; then the beginning of the
//! next one is written over the one that was read. So a slower writer, whatever it still sends and
//! however late it comes, finds its place taken, and what it was told is written was read by who
//! closed the epoch.
//!
//! The pieces of epochs that are over are removed when they are a day old by the store's own
//! clock: no request is under way for so long, and until then the closing piece keeps a late one
//! from being told that it was in time.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, PutMode, UpdateVersion};

use super::{Blob, BucketStore, Expect, LOG, PoisonError, Trouble, failed};

const PIECES: &str = "journal.d";
const HEAD: &str = "plat journal ";
/// How many pieces are read at once.
const AT_ONCE: usize = 16;
/// How often a journal that is written anew while it is read is read again.
const TRIES: usize = 5;
/// When pieces of an epoch that is over are removed, in seconds.
const KEPT: i64 = 24 * 60 * 60;

/// The journal as it was read.
pub(super) struct Log {
    bytes: Vec<u8>,
    end: End,
    /// Whether nothing can be added to its epoch.
    closed: bool,
    /// The version of its beginning; `None` when there is none.
    version: Option<UpdateVersion>,
}

/// Where the journal ends.
#[derive(Clone, Copy)]
pub(super) struct End {
    epoch: u64,
    len: u64,
}

/// The end of the journal, and the bytes that it ends with: what was last added, or all of it.
pub(super) struct Known {
    end: End,
    bytes: Vec<u8>,
}

impl Log {
    pub(super) fn into_blob(self) -> Option<Blob> {
        let there = self.version.is_some() || !self.bytes.is_empty();
        there.then_some(Blob { bytes: self.bytes })
    }
}

impl BucketStore {
    fn epoch_path(&self, epoch: u64) -> Path {
        self.path(&format!("{PIECES}/{epoch:020}"))
    }

    fn piece(&self, at: End) -> Path {
        let End { epoch, len } = at;
        self.path(&format!("{PIECES}/{epoch:020}/{len:020}"))
    }

    fn log_ends(&self, known: Option<(End, &[u8])>) {
        let known = known.map(|(end, bytes)| Known {
            end,
            bytes: bytes.to_vec(),
        });
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Where the journal ends, if that is known and it ends so.
    fn known_end(&self, at: u64, last: &[u8]) -> Option<End> {
        let known = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        (known.end.len == at && known.bytes.ends_with(last)).then_some(known.end)
    }

    pub(super) async fn read_log(&self) -> Result<Log, Trouble> {
        for _ in 0..TRIES {
            if let Some(log) = self.try_read_log().await? {
                self.log_ends(Some((log.end, &log.bytes)));
                return Ok(log);
            }
        }
        Err(failed("a piece of it is missing", None))
    }

    /// `None` when a piece went while it was read: it was written anew.
    async fn try_read_log(&self) -> Result<Option<Log>, Trouble> {
        let (epoch, mut bytes, version) = match self.get(&self.path(LOG)).await? {
            None => (0, Vec::new(), None),
            Some(got) => {
                let (epoch, bytes) = beginning(&got.bytes).ok_or_else(|| {
                    let next = "move it away, or keep the state elsewhere".to_owned();
                    failed("it is not a journal of plat", next)
                })?;
                (epoch, bytes.to_vec(), Some(got.version))
            }
        };
        let pieces = self.below(&self.epoch_path(epoch)).await?;
        let reads: Vec<_> = pieces.iter().map(|p| self.get(&p.location)).collect();
        let mut read = futures::stream::iter(reads).buffered(AT_ONCE);
        let mut closed = false;
        for piece in &pieces {
            let Some(Some(got)) = read.next().await.transpose()? else {
                return Ok(None);
            };
            if closed || offset(piece) != Some(bytes.len() as u64) {
                return Ok(None);
            }
            closed = got.bytes.is_empty();
            bytes.extend(got.bytes);
        }
        let len = bytes.len() as u64;
        Ok(Some(Log {
            bytes,
            end: End { epoch, len },
            closed,
            version,
        }))
    }

    pub(super) async fn append_to_log(
        &self,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), Trouble> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = match self.known_end(at, last) {
            Some(end) => end,
            None => {
                let log = self.read_log().await?;
                if log.end.len != at || !log.bytes.ends_with(last) {
                    return Err(Trouble::Moved);
                }
                log.end
            }
        };
        // Until it is known what came of it, it is not known where the journal ends.
        self.log_ends(None);
        self.put(&self.piece(end), bytes, PutMode::Create).await?;
        let len = at + bytes.len() as u64;
        self.log_ends(Some((End { len, ..end }, bytes)));
        Ok(())
    }

    pub(super) async fn write_log(&self, bytes: &[u8], expect: &Expect) -> Result<(), Trouble> {
        let log = self.read_log().await?;
        let (end, closed, version) = (log.end, log.closed, log.version.clone());
        let found = log.into_blob();
        let as_expected = match expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Tag(tag) => found.is_some_and(|blob| blob.tag() == *tag),
        };
        if !as_expected {
            return Err(Trouble::Moved);
        }
        self.log_ends(None);
        if !closed {
            self.put(&self.piece(end), b"", PutMode::Create).await?;
        }
        let epoch = end.epoch + 1;
        let mut beginning = format!("{HEAD}{epoch}\n").into_bytes();
        beginning.extend(bytes);
        let mode = version.map_or(PutMode::Create, PutMode::Update);
        self.put(&self.path(LOG), &beginning, mode).await?;
        let len = bytes.len() as u64;
        self.log_ends(Some((End { epoch, len }, bytes)));
        self.tidy(epoch).await;
        Ok(())
    }

    /// Removes the pieces of epochs that are long over. What is left is removed another time.
    async fn tidy(&self, epoch: u64) {
        let Ok(all) = self.below(&self.path(PIECES)).await else {
            return;
        };
        let now = all
            .iter()
            .map(|piece| piece.last_modified.timestamp())
            .max();
        let old = |piece: &&ObjectMeta| {
            let age = now.map(|now| now - piece.last_modified.timestamp());
            age.is_some_and(|age| age > KEPT) && self.epoch_of(piece).is_some_and(|e| e < epoch)
        };
        let old: BTreeMap<_, _> = all.iter().filter(old).map(|p| (&p.location, ())).collect();
        for path in old.into_keys() {
            if self.delete(path).await.is_err() {
                return;
            }
        }
    }

    fn epoch_of(&self, piece: &ObjectMeta) -> Option<u64> {
        let pieces = self.path(PIECES);
        let epoch = piece.location.prefix_match(&pieces)?.next()?;
        epoch.as_ref().parse().ok()
    }
}

fn offset(piece: &ObjectMeta) -> Option<u64> {
    piece.location.filename()?.parse().ok()
}

/// The epoch of the journal's beginning, and its content.
fn beginning(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let rest = bytes.strip_prefix(HEAD.as_bytes())?;
    let line = rest.iter().position(|b| *b == b'\n')?;
    let (number, content) = rest.split_at_checked(line)?;
    let epoch = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((epoch, content.get(1..)?))
}
