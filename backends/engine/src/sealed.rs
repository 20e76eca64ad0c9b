//! The form of every file the engine writes: a line that says what it is, then the content.
//!
//! `{"plat":"state","format":1,"digest":"…"}` and a line of JSON. The digest shows a file that
//! was cut short or edited; the first line is readable whatever the format of the second.

use plat_model::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Head {
    plat: String,
    format: u32,
    digest: Digest,
}

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was not written by plat, or is something else of plat.
    #[error("it is not a {expected} of plat")]
    Foreign {
        /// What was looked for: `state`, `plan`.
        expected: &'static str,
    },
    /// It was written by a newer platc.
    #[error("it has format {found}, and this platc reads up to {known}")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest this platc reads.
        known: u32,
    },
    /// It was written by this or an older platc and is not what was written.
    #[error("it was cut short or edited: {why}")]
    Damaged {
        /// What shows it.
        why: String,
    },
}

fn digest(what: &str, format: u32, content: &str) -> Digest {
    Digest::of(format!("{what} {format}\n{content}").as_bytes())
}

/// The bytes of a file.
pub(crate) fn seal<T: Serialize>(
    what: &str,
    format: u32,
    content: &T,
) -> Result<Vec<u8>, serde_json::Error> {
    let content = serde_json::to_string(content)?;
    let head = Head {
        plat: what.to_owned(),
        format,
        digest: digest(what, format, &content),
    };
    let head = serde_json::to_string(&head)?;
    Ok(format!("{head}\n{content}\n").into_bytes())
}

/// The content of a file's bytes.
pub(crate) fn open<T: DeserializeOwned>(
    what: &'static str,
    format: u32,
    bytes: &[u8],
) -> Result<T, SealError> {
    let foreign = SealError::Foreign { expected: what };
    if bytes.is_empty() {
        return Err(SealError::Damaged {
            why: "it is empty".to_owned(),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| foreign.clone())?;
    let (head, content) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(head) = serde_json::from_str::<Head>(head) else {
        return Err(if head.starts_with("{\"plat\"") {
            SealError::Damaged {
                why: "it ends in its first line".to_owned(),
            }
        } else {
            foreign
        });
    };
    if head.plat != what {
        return Err(foreign);
    }
    if head.format > format {
        return Err(SealError::Newer {
            found: head.format,
            known: format,
        });
    }
    let content = content.strip_suffix('\n').unwrap_or(content);
    if digest(what, head.format, content) != head.digest {
        return Err(SealError::Damaged {
            why: "its digest does not fit its content".to_owned(),
        });
    }
    serde_json::from_str(content).map_err(|error| SealError::Damaged {
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{SealError, open, seal};

    #[test]
    fn every_cut_and_every_edit_is_seen() {
        let bytes = seal("state", 1, &vec!["a", "b"]).unwrap();
        let read = |bytes: &[u8]| open::<Vec<String>>("state", 1, bytes);
        assert_eq!(read(&bytes).unwrap(), ["a", "b"]);
        // Only the last line end may be missing.
        for len in 0..bytes.len() - 1 {
            assert!(read(&bytes[..len]).is_err(), "cut at {len}");
        }
        for at in 0..bytes.len() - 1 {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            assert!(read(&edited).is_err(), "edited at {at}");
        }
    }

    #[test]
    fn newer_and_foreign_files_are_told_apart() {
        let newer = seal("state", 2, &1).unwrap();
        assert_eq!(
            open::<u32>("state", 1, &newer),
            Err(SealError::Newer { found: 2, known: 1 })
        );
        let plan = seal("plan", 1, &1).unwrap();
        let foreign = Err(SealError::Foreign { expected: "state" });
        assert_eq!(open::<u32>("state", 1, &plan), foreign);
        assert_eq!(open::<u32>("state", 1, b"{\"version\": 4}"), foreign);
        assert_eq!(open::<u32>("state", 1, &[0xff, 0xfe]), foreign);
    }
}
