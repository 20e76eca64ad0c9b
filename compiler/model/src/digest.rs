//! Digests of what is to be.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Data, Node, Piece, Value};

/// A SHA-256 digest in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of plain bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// The digest of what a writer is given, which need not be in memory as a whole.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn of_written<E>(
        write: impl FnOnce(&mut DigestWriter) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut writer = DigestWriter(Hash::new());
        write(&mut writer)?;
        Ok(writer.0.finish())
    }

    /// All 64 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first six characters, as plans show them.
    pub fn short(&self) -> &str {
        self.0.get(..6).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hash of what comes in small pieces: they are gathered first, since each piece that is hashed
/// by itself costs more than its bytes.
struct Hash {
    hash: Sha256,
    pieces: Vec<u8>,
}

/// From how many bytes on the pieces are hashed.
const GATHERED: usize = 1 << 14;

impl Hash {
    fn new() -> Self {
        Self {
            hash: Sha256::new(),
            pieces: Vec::with_capacity(256),
        }
    }

    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        self.pieces.extend_from_slice(bytes);
        if self.pieces.len() >= GATHERED {
            self.hash.update(&self.pieces);
            self.pieces.clear();
        }
    }

    fn finish(mut self) -> Digest {
        self.hash.update(&self.pieces);
        Digest(hex(&self.hash.finalize()))
    }
}

/// Takes bytes for [`Digest::of_written`]; it takes all, and never fails.
pub struct DigestWriter(Hash);

impl DigestWriter {
    /// Takes bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.0.add(bytes);
    }
}

impl std::io::Write for DigestWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.add(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.add(bytes);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(n.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

/// Builds a [`Digest`] from parts, each marked with its length so that no two different lists of
/// parts give the same digest.
pub struct Digester(Hash);

impl Digester {
    /// Starts a digest of the named thing; digests of different things never agree.
    pub fn new(what: &str) -> Self {
        let mut d = Self(Hash::new());
        d.text(what);
        d
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.add(&(text.len() as u64).to_le_bytes());
        self.0.add(text.as_bytes());
        self
    }

    /// Adds a number.
    pub fn number(&mut self, n: u64) -> &mut Self {
        self.0.add(&n.to_le_bytes());
        self
    }

    /// Adds a value without its origins.
    pub fn value(&mut self, value: &Value) -> &mut Self {
        match &value.data {
            Data::None => self.text("none"),
            Data::Bool(b) => self.text(if *b { "true" } else { "false" }),
            Data::Int(n) => self.text("int").text(&n.to_string()),
            Data::Decimal(n) => self.text("decimal").text(&n.to_string()),
            Data::Quantity(q) => self
                .text("quantity")
                .text(&q.dimension)
                .text(&q.amount.to_string()),
            Data::String(s) => self.text("string").text(s),
            Data::Text(pieces) => {
                self.text("text").text(&pieces.len().to_string());
                for piece in pieces {
                    match piece {
                        Piece::Literal(s) => self.text("literal").text(s),
                        Piece::Hole(h) => {
                            self.text("hole").text(h.producer.as_str()).text(&h.out);
                            self.text(&h.encoders.join(","))
                        }
                    };
                }
                self
            }
            Data::Range(lo, hi) => self.text("range").value(lo).value(hi),
            Data::List(items) => {
                self.text("list").text(&items.len().to_string());
                for item in items {
                    self.value(item);
                }
                self
            }
            Data::Map(entries) => {
                self.text("map").text(&entries.len().to_string());
                for (k, v) in entries {
                    self.text(k).value(v);
                }
                self
            }
            Data::Variant { case, fields } => {
                self.text("variant")
                    .text(case)
                    .text(&fields.len().to_string());
                for (k, v) in fields {
                    self.text(k).value(v);
                }
                self
            }
            Data::Node(path) => self.text("node").text(path.as_str()),
            Data::Out { node, out } => self.text("out").text(node.as_str()).text(out),
        }
    }

    /// Adds a declaration without its origins and documentation.
    pub fn node(&mut self, node: &Node) -> &mut Self {
        self.text(&node.kind.package)
            .text(&node.kind.name)
            .text(&node.name)
            .text(&node.target.0);
        self.text(&node.fields.len().to_string());
        for (name, value) in &node.fields {
            self.text(name).value(value);
        }
        if let Some(existing) = &node.existing {
            self.text("existing");
            for (name, value) in &existing.fields {
                self.text(name).value(value);
            }
            if let Some(owner) = &existing.owner {
                self.text("owner")
                    .text(&owner.environment)
                    .text(owner.node.as_str());
            }
        }
        for field in node.leave.keys() {
            self.text("left").text(field.as_str());
        }
        self
    }

    /// The digest.
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
