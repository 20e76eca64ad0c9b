//! The hash of a package: of its files' names and contents, and of nothing else.
//!
//! For every file below the package's directory, in the order of the bytes of its path, one line: the SHA-256 of its
//! content in small hexadecimal digits, two blanks, its path from that directory with `/`, a newline. The hash is the
//! SHA-256 of these lines. So it can be had without us:
//!
//! ```sh
//! find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
//! ```
//!
//! Empty directories, modes and times are no part of it. Links, and names that are not UTF-8 or have a line break or a
//! backslash in them, are refused. (Go's `h1:` hashes are made the same way: golang.org/x/mod/sumdb/dirhash.)

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, io};

/// The hash of a package, written `sha256:` and 64 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(String);

impl Hash {
    /// Its digits.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = text.strip_prefix("sha256:").unwrap_or("");
        let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if hex.len() == 64 && hex.chars().all(digits) {
            Ok(Self(hex.to_owned()))
        } else {
            Err(Error::new(format!(
                "`{text}` is no hash: `sha256:` and 64 digits"
            )))
        }
    }
}

/// The hash of what is below a directory.
///
/// # Errors
/// Something can't be read, or is not what a package may hold.
pub fn hash_tree(root: &Path) -> Result<Hash, Error> {
    let mut files = Vec::new();
    let mut to_read = vec![(root.to_path_buf(), String::new())];
    while let Some((dir, prefix)) = to_read.pop() {
        let failed = |error: std::io::Error| io("reading the directory", &dir, &error);
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_str().filter(|n| !n.contains(['\n', '\r', '\\']));
            let Some(name) = name else {
                let at = entry.path();
                return Err(Error::new(format!(
                    "a package can't have a file of the name {at:?}"
                )));
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                to_read.push((entry.path(), format!("{path}/")));
            } else if kind.is_file() {
                files.push((path, entry.path()));
            } else {
                return Err(Error::new(format!(
                    "a package is files and directories, and {} is neither",
                    entry.path().display()
                )));
            }
        }
    }
    files.sort();
    let mut lines = Sha256::new();
    for (path, at) in files {
        let digest = hash_file(&at)?;
        lines.update(format!("{digest}  {path}\n"));
    }
    Ok(Hash(hex(&lines.finalize())))
}

fn hash_file(path: &Path) -> Result<String, Error> {
    let failed = |error: std::io::Error| io("reading", path, &error);
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(buffer.get(..count).unwrap_or_default());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
