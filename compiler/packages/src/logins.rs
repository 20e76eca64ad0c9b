//! Who we are at a registry: what `docker login`, and the helpers that it names, keep.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError as Failed, DockerCredential};
use oci_client::secrets::RegistryAuth;

use crate::error::Error;

/// Under which name Docker keeps its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Who we are at a registry, by `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. Whoever
/// never logged in is nobody, which is enough for what is public.
///
/// # Errors
/// Something is kept for the registry, and can't be read or used. Nothing of it is in the error.
pub fn login(registry: &str) -> Result<RegistryAuth, Error> {
    let kept_as = match registry {
        "docker.io" | "index.docker.io" => DOCKER_HUB,
        other => other,
    };
    let failed = |why: &str| {
        Error::new(format!("asking who you are at {registry}: {why}"))
            .next(format!("log in again: docker login {registry}"))
    };
    let kept = match config().map(File::open) {
        Some(Ok(file)) => file,
        Some(Err(error)) if error.kind() != ErrorKind::NotFound => {
            return Err(failed(&format!("reading Docker's config.json: {error}")));
        }
        _ => return Ok(RegistryAuth::Anonymous),
    };
    let kept = BufReader::new(kept);
    match docker_credential::get_credential_from_reader(kept, kept_as) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(failed(
            "an identity token is kept for it, and only a name with a password or token is understood",
        )),
        Err(Failed::NoCredentialConfigured | Failed::ConfigNotFound) => Ok(RegistryAuth::Anonymous),
        // The protocol of the helpers has no other word for it
        // (github.com/docker/docker-credential-helpers, credentials/error.go).
        Err(Failed::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(Failed::HelperFailure { helper, .. }) => Err(failed(&format!(
            "the helper docker-credential-{helper} failed"
        ))),
        Err(Failed::HelperCommunicationError) => {
            Err(failed("the helper that config.json names can't be run"))
        }
        Err(error) => Err(failed(&format!("reading Docker's config.json: {error}"))),
    }
}

/// Where Docker keeps who we are.
fn config() -> Option<PathBuf> {
    let named = std::env::var_os("DOCKER_CONFIG").filter(|dir| !dir.is_empty());
    let dir = match named {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".docker"),
    };
    Some(dir.join("config.json"))
}
