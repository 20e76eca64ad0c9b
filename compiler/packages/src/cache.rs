//! The cache: each package in a directory that is called by its hash.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, io};
use crate::hash::{Hash, hash_tree};

/// A directory of packages, shared by all programs of a user. Whatever is in it can be fetched again.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache in this directory, which is made when something is put into it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a package is, if it is there.
    pub fn path(&self, hash: &Hash) -> PathBuf {
        self.root.join("sha256").join(hash.hex())
    }

    /// Is it there?
    pub fn has(&self, hash: &Hash) -> bool {
        self.path(hash).is_dir()
    }

    /// What a package in the cache really hashes to: another hash than its own where somebody changed it.
    ///
    /// # Errors
    /// It can't be read.
    pub fn check(&self, hash: &Hash) -> Result<Hash, Error> {
        hash_tree(&self.path(hash))
    }

    /// An empty directory on the cache's disk, to fetch into.
    pub(crate) fn room(&self) -> Result<tempfile::TempDir, Error> {
        fs::create_dir_all(&self.root)
            .map_err(|error| io("making the directory", &self.root, &error))?;
        tempfile::Builder::new()
            .prefix(".fetch-")
            .tempdir_in(&self.root)
            .map_err(|error| io("making a directory in", &self.root, &error))
    }

    /// Takes a directory's content in, and says what it hashes to. What is there already stays, unless it has been
    /// changed: then this takes its place.
    pub(crate) fn put(&self, from: &Path) -> Result<Hash, Error> {
        let hash = hash_tree(from)?;
        let to = self.path(&hash);
        if self.has(&hash) {
            if self.check(&hash).is_ok_and(|found| found == hash) {
                return Ok(hash);
            }
            fs::remove_dir_all(&to).map_err(|error| io("removing", &to, &error))?;
        }
        let above = self.root.join("sha256");
        fs::create_dir_all(&above).map_err(|error| io("making the directory", &above, &error))?;
        match fs::rename(from, &to) {
            Ok(()) => Ok(hash),
            // Somebody else was faster with the same content.
            Err(_) if self.has(&hash) => Ok(hash),
            Err(error) => Err(io("putting a package at", &to, &error)),
        }
    }
}
