//! Where state is kept: a few named files with conditional writes.
//!
//! Everything above it (lease, journal, state, releases, plans) is the same for a directory, an
//! object store and a test. Fencing needs nothing but the conditions: whoever takes over first
//! moves the state and the journal, so that a slower writer's next write finds another tag and
//! is refused.

mod bucket;
mod dir;

pub use bucket::{BucketStore, S3};
pub use dir::DirStore;

use async_trait::async_trait;
use plat_model::Digest;

/// The one file that is added to: the journal.
pub(crate) const LOG: &str = "journal";

/// A place that keeps the state of one scope.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read: never taken for "there is none".
    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError>;

    /// Writes a whole file, if it is still as expected. When this returns, it is there for good
    /// (synced); when it fails or is cut off, the file is the old one or the new one, never a
    /// part of it.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when it is not as expected, else that it can't be written.
    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError>;

    /// Adds to the end of a file that is exactly `at` bytes long and ends with `last`; one that is
    /// not there is 0 bytes long. The length alone says too little: what others wrote anew
    /// meanwhile can be as long. When this returns, it is there for good; when it is cut off, a
    /// part of it may be.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the file has another end, else that it can't be written.
    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError>;

    /// Removes a file; no error if there is none.
    ///
    /// # Errors
    /// It can't be removed.
    async fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// The names of the files in a folder, sorted.
    ///
    /// # Errors
    /// It can't be read.
    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError>;
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// What a conditional write compares.
    pub fn tag(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// What a conditional write expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// No file of that name.
    Absent,
    /// The file with this tag.
    Tag(Digest),
    /// Whatever is there: only for files whose content follows from their name.
    Anything,
}

/// A store that could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file is not what was expected: somebody else wrote it.
    #[error("{place}: somebody else changed it meanwhile")]
    Moved {
        /// Which file.
        place: String,
    },
    /// It can't be read or written.
    #[error("{what} {place}: {why}")]
    Failed {
        /// What was being done: `reading`.
        what: &'static str,
        /// Which file.
        place: String,
        /// Why it failed.
        why: String,
        /// What to do next.
        next: Option<String>,
    },
}
