//! Making values that nobody can guess.

use ring::rand::SecureRandom as _;

use crate::secrets::{Secrets, SecretsError};
use crate::services::Secret;
use crate::spec::Generate;

/// A new value for a secret.
///
/// # Errors
/// When it can't be made.
pub(crate) fn generated(secrets: &Secrets, generate: &Generate) -> Result<Secret, SecretsError> {
    match generate {
        Generate::Random(length) => random_text(*length),
        Generate::Ed25519 => ed25519_key(),
        Generate::Jwt { key, claims } => {
            use base64::Engine as _;
            let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let key = secrets
                .get(key.as_str())?
                .ok_or_else(|| SecretsError::Value {
                    name: key.to_string(),
                    why: "it has no value yet, and a token is to be signed with it".into(),
                })?;
            let signed = format!(
                "{}.{}",
                engine.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
                engine.encode(claims)
            );
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.expose().as_bytes());
            let signature = ring::hmac::sign(&key, signed.as_bytes());
            Ok(Secret::new(format!(
                "{signed}.{}",
                engine.encode(signature)
            )))
        }
    }
}

/// `length` characters of `A-Za-z0-9`, each equally likely: they need no encoding anywhere.
///
/// # Errors
/// When the machine gives no random numbers.
pub fn random_text(length: usize) -> Result<Secret, SecretsError> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Bytes past the last whole multiple of 62 would make some letters likelier.
        let letters = random_bytes::<64>()?
            .into_iter()
            .filter(|b| *b < 248)
            .filter_map(|b| LETTERS.get(usize::from(b) % LETTERS.len()))
            .map(|b| char::from(*b));
        text.extend(letters.take(length - text.len()));
    }
    Ok(Secret::new(text))
}

/// A new Ed25519 key as PKCS#8 in PEM.
///
/// # Errors
/// When the machine gives no random numbers.
pub fn ed25519_key() -> Result<Secret, SecretsError> {
    use base64::Engine as _;
    let rng = ring::rand::SystemRandom::new();
    let key = ring::signature::Ed25519KeyPair::generate_pkcs8(&rng)
        .map_err(|_| SecretsError::NoRandom)?;
    let body = base64::engine::general_purpose::STANDARD.encode(key.as_ref());
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in body.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(Secret::new(pem))
}

/// Bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SecretsError::NoRandom)?;
    Ok(bytes)
}
