//! Files as Secrets: an index, and pieces that are never written over.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use futures::stream::{self, StreamExt as _};
use plat_model::Digest;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::super::secrets::ensure_namespace;
use super::super::{ApiError, Kind, annotation, kind, text};
use super::{AT_ONCE, FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, SecretStore, Trouble, damaged};
use crate::names;

/// The annotation with a file's name: its index has it.
const FILE: &str = "plat/file";
/// The label of all state of a scope.
const STATE: &str = "plat/state";
/// The label of a piece: whose it is.
const PIECE_OF: &str = "plat/piece-of";
/// How large a piece may be, compressed: a Secret holds 1 MiB with all that is around it.
const LARGEST: usize = 900 << 10;
/// How much of a file is tried to be one piece at first: texts of ours compress to a tenth.
const CHUNK: usize = 8 << 20;
/// After how many seconds a piece that no index names is one that a crash left.
const LEFT: i64 = 60 * 60;

/// What a file's Secret tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// The version of the Secret, that a write compares; `None` where there is none yet.
    #[serde(skip)]
    pub version: Option<String>,
    /// The digest of the whole file, where it is known: adding to it makes it unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who wrote it, told apart from all other writes.
    pub mark: String,
    /// Its bytes, uncompressed.
    pub length: u64,
    /// What stands before its end, in order.
    pub pieces: Vec<Piece>,
    /// Its end, compressed: what was added at once by itself.
    #[serde(skip)]
    pub end: Vec<u8>,
    /// What was added last, where it was added here.
    #[serde(skip)]
    pub last: Vec<u8>,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Its Secret.
    name: String,
    /// The digest of its bytes, uncompressed.
    digest: String,
}

impl Piece {
    /// Whether these are its bytes.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        Digest::of(bytes).as_str() == self.digest
    }
}

impl Index {
    pub(super) fn empty() -> Self {
        Self {
            end: packed(b""),
            ..Self::default()
        }
    }
}

/// A mark that no other write has.
pub(super) fn mark() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    let _ = out.write_all(bytes);
    out.finish().unwrap_or_default()
}

/// What was packed, or several such one after the other; `None` for what `packed` did not make.
pub(super) fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut left = packed;
    loop {
        let mut one = ZlibDecoder::new(left);
        one.read_to_end(&mut out).ok()?;
        left = one.into_inner();
        if left.is_empty() {
            return Some(out);
        }
    }
}

/// Cuts a file into parts of which each fits into a Secret, compressed.
pub(super) fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut left: Vec<&[u8]> = bytes.chunks(CHUNK).rev().collect();
    while let Some(part) = left.pop() {
        let half = part.split_at_checked(part.len() / 2);
        match half {
            Some((one, two)) if packed(part).len() > LARGEST && !one.is_empty() => {
                left.push(two);
                left.push(one);
            }
            _ => parts.push(part.to_vec()),
        }
    }
    parts
}

pub(super) fn known(name: &str) -> Result<&'static Kind, ApiError> {
    kind(name).ok_or_else(|| ApiError::other(format!("there is no kind `{name}`")))
}

fn data(live: &Json, key: &str) -> Option<Vec<u8>> {
    let text = live.pointer("/data")?.get(key)?.as_str()?;
    STANDARD.decode(text).ok()
}

impl SecretStore {
    /// What a file's Secret tells; `None` when there is none.
    pub(super) async fn index(&self, file: &str) -> Result<Option<Index>, Trouble> {
        let live = self
            .cluster
            .get(known("Secret")?, &self.object(file))
            .await?;
        let Some(live) = live else {
            return Ok(None);
        };
        let index = data(&live, "index").and_then(|json| serde_json::from_slice(&json).ok());
        let (Some(index), Some(end)) = (index, data(&live, "end")) else {
            return Err(damaged("its Secret is not one that plat wrote"));
        };
        Ok(Some(Index {
            version: text(&live, "/metadata/resourceVersion").map(str::to_owned),
            end,
            ..index
        }))
    }

    /// Writes a file's Secret in the place of its version, and gives the new one.
    pub(super) async fn put_index(&self, file: &str, index: &Index) -> Result<String, ApiError> {
        let name = self.object(file);
        let told = serde_json::to_vec(index).unwrap_or_default();
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": self.cluster.namespace,
                "resourceVersion": index.version,
                "labels": {
                    (names::MANAGED_BY): names::MANAGER,
                    STATE: self.label(),
                },
                "annotations": { FILE: file },
            },
            "type": "plat/state",
            "data": { "index": STANDARD.encode(told), "end": STANDARD.encode(&index.end) },
        });
        let secret = known("Secret")?;
        let written = match index.version {
            Some(_) => self.cluster.replace(secret, &name, &manifest).await,
            None => self.made(secret, &manifest).await,
        };
        let version = |live: Json| text(&live, "/metadata/resourceVersion").map(str::to_owned);
        Ok(version(written?).unwrap_or_default())
    }

    /// Makes an object, and the namespace where it is not there.
    pub(super) async fn made(&self, kind: &Kind, manifest: &Json) -> Result<Json, ApiError> {
        match self.cluster.create(kind, manifest).await {
            Err(e) if e.code == 404 => {
                ensure_namespace(&self.cluster, known("Namespace")?).await?;
                self.cluster.create(kind, manifest).await
            }
            other => other,
        }
    }

    pub(super) async fn make_piece(&self, file: &str, bytes: &[u8]) -> Result<Piece, Trouble> {
        let name = format!("plat-state-{}", mark());
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": self.cluster.namespace,
                "labels": {
                    (names::MANAGED_BY): names::MANAGER,
                    STATE: self.label(),
                    PIECE_OF: self.object(file),
                },
            },
            "type": "plat/state",
            "immutable": true,
            "data": { "piece": STANDARD.encode(packed(bytes)) },
        });
        let (end, mut pause, mut again) = (Instant::now() + PATIENCE, FIRST_PAUSE, false);
        loop {
            match self.made(known("Secret")?, &manifest).await {
                Ok(_) => break,
                // Nobody else gives it that name: an earlier try got through.
                Err(e) if again && e.code == 409 => break,
                Err(e) if matches!(e.code, 0 | 429 | 500..=599) && Instant::now() + pause < end => {
                }
                Err(e) => return Err(e.into()),
            }
            again = true;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let digest = Digest::of(bytes).as_str().to_owned();
        Ok(Piece { name, digest })
    }

    pub(super) async fn packed_piece(&self, piece: &Piece) -> Result<Option<Vec<u8>>, Trouble> {
        let live = self.cluster.get(known("Secret")?, &piece.name).await?;
        Ok(live.and_then(|live| data(&live, "piece")))
    }

    /// Removes pieces that no index names: these, and what a crash left of the file. It only
    /// tidies up: what can't be removed is left for another time.
    pub(super) async fn forget(&self, file: &str, pieces: &[Piece], kept: &Index) {
        if pieces.is_empty() && kept.pieces.is_empty() {
            return;
        }
        let Ok(secret) = known("Secret") else {
            return;
        };
        let is_kept = |name: &str| kept.pieces.iter().any(|piece| piece.name == name);
        let mut gone: Vec<String> = pieces.iter().map(|p| p.name.clone()).collect();
        let label = format!("{PIECE_OF}={}", self.object(file));
        if !pieces.is_empty()
            && let Ok(all) = self.cluster.names(secret, &label).await
        {
            let newest = all.iter().map(|(_, made)| *made).max().unwrap_or(0);
            let old = all.into_iter().filter(|(_, made)| newest - made > LEFT);
            gone.extend(old.map(|(name, _)| name));
        }
        gone.retain(|name| !is_kept(name));
        let deletes: Vec<_> = gone
            .iter()
            .map(|name| self.cluster.delete(secret, name, None))
            .collect();
        let _: Vec<_> = stream::iter(deletes)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
    }

    pub(super) async fn remove_file(&self, file: &str) -> Result<(), Trouble> {
        let Some(index) = self.index(file).await? else {
            return Ok(());
        };
        let secret = known("Secret")?;
        self.cluster
            .delete(secret, &self.object(file), None)
            .await?;
        self.forget(file, &index.pieces, &Index::empty()).await;
        Ok(())
    }

    /// The names of the files in a folder, sorted.
    pub(super) async fn files_of(&self, folder: &str) -> Result<Vec<String>, Trouble> {
        let labels = format!("{STATE}={},!{PIECE_OF}", self.label());
        let all = self.cluster.list(known("Secret")?, &labels).await?;
        let prefix = format!("{folder}/");
        let mut names: Vec<String> = all
            .iter()
            .filter_map(|live| annotation(live, FILE)?.strip_prefix(&prefix))
            .filter(|rest| !rest.contains('/'))
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, cut, packed, unpacked};
    use rand::{RngCore as _, SeedableRng as _};

    #[test]
    fn a_file_is_cut_into_what_fits_and_is_whole_again() {
        let mut random = vec![0; 3_000_000];
        rand::rngs::StdRng::seed_from_u64(1).fill_bytes(&mut random);
        let mut file = b"{\"the same\": \"again and again\"}".repeat(500_000);
        file.extend(random);
        let parts = cut(&file);
        assert!(parts.len() > 3, "{}", parts.len());
        assert!(parts.iter().all(|part| packed(part).len() <= LARGEST));
        let back: Vec<u8> = parts
            .iter()
            .flat_map(|p| unpacked(&packed(p)).unwrap())
            .collect();
        assert!(back == file);
        assert!(cut(b"").is_empty());
        assert_eq!(unpacked(b"nonsense"), None);
        let several = [packed(b"one, "), packed(b""), packed(b"two")].concat();
        assert_eq!(unpacked(&several).unwrap(), b"one, two");
        assert_eq!(unpacked(several.get(..several.len() - 2).unwrap()), None);
        assert_eq!(unpacked(&[several, b"more".to_vec()].concat()), None);
    }
}
