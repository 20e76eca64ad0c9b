//! The form of every file the engine writes: a line that says what it is, then the content.
//!
//! `{"plat":"state","format":1,"digest":"…"}` and a line of JSON. The digest shows a file that
//! was cut short or edited; the first line is readable whatever the format of the second. A plan's
//! first line may carry a signature too.

use std::ops::RangeInclusive;

use plat_model::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sign::{Signature, SigningKey, VerifyingKey};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    plat: String,
    format: u32,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
}

/// What the first line says whatever the format.
#[derive(Deserialize)]
struct Kind {
    plat: String,
    format: u32,
}

impl Head {
    /// What a signature is of.
    fn signed(&self) -> Vec<u8> {
        format!("plat {} {} {}", self.plat, self.format, self.digest).into_bytes()
    }
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
    /// It was written by an older platc, and means something else by now.
    #[error("it has format {found} of an older platc, and this one reads from {known}")]
    Older {
        /// Its format.
        found: u32,
        /// The oldest this platc reads.
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
    let written = Digest::of_written(|to| {
        to.put(format!("{what} {format}\n").as_bytes());
        to.put(content.as_bytes());
        Ok(())
    });
    written.unwrap_or_else(|never: std::convert::Infallible| match never {})
}

/// The bytes of a file.
pub(crate) fn seal<T: Serialize>(
    what: &str,
    format: u32,
    content: &T,
) -> Result<Vec<u8>, serde_json::Error> {
    seal_signed(what, format, content, None)
}

/// The bytes of a file, signed where a key is given.
pub(crate) fn seal_signed<T: Serialize>(
    what: &str,
    format: u32,
    content: &T,
    key: Option<&SigningKey>,
) -> Result<Vec<u8>, serde_json::Error> {
    let content = serde_json::to_string(content)?;
    let mut head = Head {
        plat: what.to_owned(),
        format,
        digest: digest(what, format, &content),
        signature: None,
    };
    head.signature = key.map(|key| key.sign(&head.signed()));
    let head = serde_json::to_string(&head)?;
    Ok(format!("{head}\n{content}\n").into_bytes())
}

/// The content of a file's bytes.
pub(crate) fn open<T: DeserializeOwned>(
    what: &'static str,
    format: u32,
    bytes: &[u8],
) -> Result<T, SealError> {
    open_signed(what, 1..=format, bytes).map(|(content, _)| content)
}

/// The content of a file's bytes, where it has one of these formats, and who signed it. A signature that does not fit is damage,
/// whether one was asked for or not.
pub(crate) fn open_signed<T: DeserializeOwned>(
    what: &'static str,
    formats: RangeInclusive<u32>,
    bytes: &[u8],
) -> Result<(T, Option<VerifyingKey>), SealError> {
    let foreign = SealError::Foreign { expected: what };
    if bytes.is_empty() {
        return Err(SealError::Damaged {
            why: "it is empty".to_owned(),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| foreign.clone())?;
    let (head, content) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(kind) = serde_json::from_str::<Kind>(head) else {
        return Err(if head.starts_with("{\"plat\"") {
            SealError::Damaged {
                why: "it ends in its first line".to_owned(),
            }
        } else {
            foreign
        });
    };
    if kind.plat != what {
        return Err(foreign);
    }
    if kind.format > *formats.end() {
        return Err(SealError::Newer {
            found: kind.format,
            known: *formats.end(),
        });
    }
    if kind.format < *formats.start() {
        return Err(SealError::Older {
            found: kind.format,
            known: *formats.start(),
        });
    }
    let head: Head = serde_json::from_str(head).map_err(|error| SealError::Damaged {
        why: format!("its first line: {error}"),
    })?;
    let content = content.strip_suffix('\n').unwrap_or(content);
    if digest(what, head.format, content) != head.digest {
        return Err(SealError::Damaged {
            why: "its digest does not fit its content".to_owned(),
        });
    }
    let signed_by = match &head.signature {
        None => None,
        Some(signature) => {
            let key = signature.verified(&head.signed());
            Some(key.ok_or_else(|| SealError::Damaged {
                why: "its signature does not fit it".to_owned(),
            })?)
        }
    };
    let content = serde_json::from_str(content).map_err(|error| SealError::Damaged {
        why: error.to_string(),
    })?;
    Ok((content, signed_by))
}

#[cfg(test)]
mod tests {
    use super::{SealError, open, open_signed, seal, seal_signed};
    use crate::sign::SigningKey;

    #[test]
    fn every_edit_of_a_signed_file_is_seen_and_a_removed_signature_is_missing() {
        let key = SigningKey::generate().unwrap();
        let bytes = seal_signed("plan", 1, &vec!["a"], Some(&key)).unwrap();
        let read = |bytes: &[u8]| open_signed::<Vec<String>>("plan", 1..=1, bytes);
        let (content, signed_by) = read(&bytes).unwrap();
        assert_eq!(content, ["a"]);
        assert_eq!(signed_by, Some(key.verifying_key()));
        for at in 0..bytes.len() - 1 {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            assert!(read(&edited).is_err(), "edited at {at}");
        }
        // Another content under the same signature.
        let text = String::from_utf8(bytes).unwrap();
        let other = String::from_utf8(seal("plan", 1, &vec!["b"]).unwrap()).unwrap();
        let signature = text.find(",\"signature\"").unwrap();
        let end = text.find('\n').unwrap();
        let grafted = other.replacen("}\n", &format!("{}\n", &text[signature..end]), 1);
        assert!(read(grafted.as_bytes()).is_err());
        let stripped = format!("{}}}{}", &text[..signature], &text[end..]);
        assert_eq!(read(stripped.as_bytes()).unwrap().1, None);
    }

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
    fn newer_older_and_foreign_files_are_told_apart() {
        let newer = seal("state", 2, &1).unwrap();
        assert_eq!(
            open::<u32>("state", 1, &newer),
            Err(SealError::Newer { found: 2, known: 1 })
        );
        let plan = seal("plan", 1, &1).unwrap();
        assert_eq!(
            open_signed::<u32>("plan", 2..=2, &plan),
            Err(SealError::Older { found: 1, known: 2 })
        );
        let foreign = Err(SealError::Foreign { expected: "state" });
        assert_eq!(open::<u32>("state", 1, &plan), foreign);
        assert_eq!(open::<u32>("state", 1, b"{\"version\": 4}"), foreign);
        assert_eq!(open::<u32>("state", 1, &[0xff, 0xfe]), foreign);
    }
}
