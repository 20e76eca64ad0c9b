//! Signatures of plan files: who approved a plan can show that it is the one that is applied.
//!
//! Ed25519 (RFC 8032), with keys as `openssl genpkey -algorithm ed25519` writes them: PKCS#8 and
//! `SubjectPublicKeyInfo` in PEM (RFC 8410). What is signed is the seal of the file: what it is,
//! its format and the digest of its content.

use std::fmt;

use plat_model::Digest;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};

/// What stands before the 32 bytes of a public Ed25519 key in its DER form (RFC 8410, section 4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A key that can't be used. Never holds a part of a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it holds no {wanted} for Ed25519 in PEM")]
pub struct KeyError {
    wanted: &'static str,
}

impl KeyError {
    /// How such a key is made.
    pub fn next(&self) -> String {
        "make a pair: `openssl genpkey -algorithm ed25519 -out plan.key` and \
         `openssl pkey -in plan.key -pubout -out plan.pub`; sign with the first, verify with the \
         second"
            .to_owned()
    }
}

/// A private key that signs plan files. It shows itself to nobody.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of a PEM file (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    /// There is none in it, or it is for something else than Ed25519.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let error = KeyError {
            wanted: "private key",
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| error.clone())?;
        // OpenSSL leaves the public half out, which is what the check would compare.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
            .map(Self)
            .map_err(|_| error)
    }

    /// A new key as a PKCS#8 document, for tests and for who has no OpenSSL.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let error = KeyError {
            wanted: "random numbers to make a key",
        };
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| error.clone())?;
        Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map(Self)
            .map_err(|_| error)
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().as_ref().to_vec())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature {
            key: hex(self.0.public_key().as_ref()),
            value: hex(self.0.sign(message).as_ref()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// The public half of a key that signed, or should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// The key of a PEM file (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// There is none in it, or it is for something else than Ed25519.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let error = KeyError {
            wanted: "public key",
        };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| error.clone())?;
        match der.as_ref().strip_prefix(&SPKI) {
            Some(key) if key.len() == 32 => Ok(Self(key.to_vec())),
            _ => Err(error),
        }
    }
}

impl fmt::Display for VerifyingKey {
    /// The first digits of its digest, by which people tell keys apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = Digest::of(&self.0);
        f.write_str(digest.as_str().get(..16).unwrap_or_default())
    }
}

/// A signature, with the key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    /// The public key, in hexadecimal.
    key: String,
    /// The signature, in hexadecimal.
    value: String,
}

impl Signature {
    /// Whose it is; `None` where it is no signature of this message.
    pub(crate) fn verified(&self, message: &[u8]) -> Option<VerifyingKey> {
        let key = unhex(&self.key)?;
        let value = unhex(&self.value)?;
        UnparsedPublicKey::new(&ED25519, &key)
            .verify(message, &value)
            .ok()?;
        Some(VerifyingKey(key))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{SigningKey, VerifyingKey};

    /// As `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them. The private
    /// key is that of RFC 8410, section 10.3.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_those_of_openssl() {
        let key = SigningKey::from_pem(PRIVATE.as_bytes()).unwrap();
        let public = VerifyingKey::from_pem(PUBLIC.as_bytes()).unwrap();
        assert_eq!(key.verifying_key(), public);
        let signature = key.sign(b"a plan");
        assert_eq!(signature.verified(b"a plan"), Some(public));
        assert_eq!(signature.verified(b"another"), None);
    }

    #[test]
    fn what_is_no_key_is_told_and_not_shown() {
        for wrong in ["", "hunter2", PUBLIC] {
            let error = SigningKey::from_pem(wrong.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "it holds no private key for Ed25519 in PEM"
            );
        }
        assert!(VerifyingKey::from_pem(PRIVATE.as_bytes()).is_err());
        let key = SigningKey::from_pem(PRIVATE.as_bytes()).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }
}
