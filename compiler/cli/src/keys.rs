//! Keys that sign and verify plans, as the command line and its environment give them.

use plat_engine::{KeyError, SigningKey, VerifyingKey};

use crate::failure::{self, Failure};

/// What a private or public key in PEM begins with: it stands for itself, not for a file.
const PEM: &str = "-----BEGIN";

/// The private key that signs plans. `said` is a file, or the key itself as CI systems hand it
/// over in a variable.
///
/// # Errors
/// It can't be read, or is no such key. What it holds is never shown.
pub fn signing(said: &str) -> Result<SigningKey, Failure> {
    SigningKey::from_pem(&bytes(said)?).map_err(|error| told(said, &error))
}

/// The public key that plans must be signed with, likewise.
///
/// # Errors
/// It can't be read, or is no such key.
pub fn verifying(said: &str) -> Result<VerifyingKey, Failure> {
    VerifyingKey::from_pem(&bytes(said)?).map_err(|error| told(said, &error))
}

fn bytes(said: &str) -> Result<Vec<u8>, Failure> {
    if said.trim_start().starts_with(PEM) {
        return Ok(said.as_bytes().to_vec());
    }
    std::fs::read(said).map_err(|error| failure::io(format!("reading the key {said}"), &error))
}

fn told(said: &str, error: &KeyError) -> Failure {
    let which = if said.trim_start().starts_with(PEM) {
        "the key that was given".to_owned()
    } else {
        said.to_owned()
    };
    Failure::new(format!("{which}: {error}")).next(error.next())
}
