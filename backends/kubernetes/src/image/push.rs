//! Images of directories, in the registry that the target names.
//!
//! An image is that of its base with one layer more, which we write ourselves: no program that
//! builds images is needed. The same files on the same base give the same bytes everywhere, and the
//! tag says which those are, so that an image that is there already is right.

use std::path::Path;
use std::sync::{Arc, Once};

use futures::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE, IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE,
    IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageManifest, OciManifest,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use plat_engine::ProgressSink;
use serde_json::{Value as Json, json};

use crate::facts::Made;
use crate::image::{self, prepare};

/// The architecture that images are made for, where the base has several.
const ARCHITECTURE: &str = "amd64";

/// Says who we are at a registry, by its name. Whoever asks keeps the answer to himself.
pub type Logins = Arc<dyn Fn(&str) -> Result<RegistryAuth, NoLogin> + Send + Sync>;

/// Why nobody can say who we are at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLogin {
    /// Why, without anything of what is kept.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
}

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// What it is made of, as it was planned.
    pub made: &'a Made,
    /// The directory.
    pub dir: &'a Path,
}

/// Why an image could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub(crate) struct PushError {
    /// What was being done, to what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
}

fn failed(what: impl Into<String>, error: &OciDistributionError) -> PushError {
    let denied = matches!(
        error,
        OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::UnauthorizedError { .. }
    );
    PushError {
        what: what.into(),
        why: error.to_string(),
        next: denied.then(|| "log in to its registry, as one who may: docker login".to_owned()),
    }
}

/// Where an image is, with a client for its registry. A registry of this machine is asked without
/// TLS, as all tools do.
struct Place {
    image: Reference,
    client: Client,
    auth: RegistryAuth,
}

impl Place {
    fn of(name: &str, logins: &Logins) -> Result<Self, PushError> {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| {
            // It fails where the program has chosen one already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let image: Reference = name.parse().map_err(|e| PushError {
            what: format!("reading the name of the image {name}"),
            why: format!("{e}"),
            next: None,
        })?;
        let registry = image.resolve_registry();
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        let config = ClientConfig {
            protocol: if local {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            platform_resolver: Some(Box::new(of_our_architecture)),
            ..ClientConfig::default()
        };
        let auth = logins(registry).map_err(|no| PushError {
            what: format!("asking the registry of {name}"),
            why: no.why,
            next: no.next,
        })?;
        Ok(Self {
            auth,
            client: Client::new(config),
            image,
        })
    }
}

fn of_our_architecture(entries: &[ImageIndexEntry]) -> Option<String> {
    let found = entries.iter().find(|entry| {
        entry.platform.as_ref().is_some_and(|platform| {
            platform.os.to_string() == "linux" && platform.architecture.to_string() == ARCHITECTURE
        })
    });
    found.map(|entry| entry.digest.clone())
}

/// Sees to it that an image is in its registry, and makes it where it is not.
///
/// # Errors
/// A registry refuses or gives no answer, or the directory is not what it was when it was planned.
pub(crate) async fn ensure(
    name: &str,
    source: Source<'_>,
    logins: &Logins,
    tell: &ProgressSink,
) -> Result<(), PushError> {
    let Source { made, dir } = source;
    let what = || format!("making the image {name}");
    let other = |why: String, next: Option<&str>| PushError {
        what: what(),
        why,
        next: next.map(str::to_owned),
    };
    let place = Place::of(name, logins)?;
    match place
        .client
        .fetch_manifest_digest(&place.image, &place.auth)
        .await
    {
        Ok(_) => return Ok(()),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(failed(what(), &error)),
    }
    if !dir.is_dir() {
        return Err(other(
            format!(
                "it is not in its registry, and {} is not here",
                dir.display()
            ),
            Some("apply it where its source is: platc apply ENV"),
        ));
    }
    tell.say(format!("makes {name} on {}", made.base));
    let layer = layer_of(source, tell).await.map_err(|e| PushError {
        what: what(),
        why: e.to_string(),
        next: e.next,
    })?;
    let digest = image::digest(&layer);

    let base = Place::of(&made.base, logins)?;
    let of_base = || format!("reading the image {}", made.base);
    let (below, _) = base
        .client
        .pull_image_manifest(&base.image, &base.auth)
        .await
        .map_err(|e| failed(of_base(), &e))?;
    let mut config = Vec::new();
    base.client
        .pull_blob(&base.image, &below.config, &mut config)
        .await
        .map_err(|e| failed(of_base(), &e))?;
    let config: Json = serde_json::from_slice(&config)
        .map_err(|e| other(format!("the configuration of {}: {e}", made.base), None))?;

    place
        .client
        .auth(&place.image, &place.auth, RegistryOperation::Push)
        .await
        .map_err(|e| failed(what(), &e))?;
    for one in &below.layers {
        bring(&base, &place, one)
            .await
            .map_err(|e| failed(what(), &e))?;
    }
    let size = layer.len();
    tell.say(format!("pushes {size} bytes of {}", dir.display()));
    put(&place, layer, &digest)
        .await
        .map_err(|e| failed(what(), &e))?;
    let config = config_with(config, &digest).to_string().into_bytes();
    let config_digest = image::digest(&config);
    let config_size = config.len();
    put(&place, config, &config_digest)
        .await
        .map_err(|e| failed(what(), &e))?;
    let manifest = manifest_with(below, (&digest, size), (&config_digest, config_size));
    place
        .client
        .push_manifest(&place.image, &OciManifest::Image(manifest))
        .await
        .map_err(|e| failed(what(), &e))?;
    Ok(())
}

/// The layer of a directory, prepared where that is asked for.
async fn layer_of(source: Source<'_>, tell: &ProgressSink) -> Result<Vec<u8>, PushError> {
    let Source { made, dir } = source;
    let failed = |why: String, next: Option<&str>| PushError {
        what: format!("reading {}", dir.display()),
        why,
        next: next.map(str::to_owned),
    };
    let mut layer = Vec::new();
    image::write_layer(dir, &made.at, image::Which::Source, &mut layer)
        .map_err(|e| failed(e.to_string(), None))?;
    if image::digest(&layer) != made.source {
        let why = "it changed since the plan was made".to_owned();
        return Err(failed(why, Some("plan again")));
    }
    if made.prepare.is_empty() {
        return Ok(layer);
    }
    tell.say(format!("prepares {}", dir.display()));
    prepare::layer(&layer, made).await
}

/// Whether a registry says that there is no such image.
fn is_missing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|e| {
            matches!(
                e.code,
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
            )
        }),
        _ => false,
    }
}

async fn put(place: &Place, bytes: Vec<u8>, digest: &str) -> Result<(), OciDistributionError> {
    if !place.client.blob_exists(&place.image, digest).await? {
        place.client.push_blob(&place.image, bytes, digest).await?;
    }
    Ok(())
}

/// Brings a layer of the base to where the image is: within one registry it need not be moved.
async fn bring(
    base: &Place,
    place: &Place,
    layer: &OciDescriptor,
) -> Result<(), OciDistributionError> {
    let (from, to) = (&base.image, &place.image);
    if place.client.blob_exists(to, &layer.digest).await? {
        return Ok(());
    }
    if from.resolve_registry() == to.resolve_registry()
        // One that can't be mounted is moved.
        && place.client.mount_blob(to, from, &layer.digest).await.is_ok()
    {
        return Ok(());
    }
    let bytes = base.client.pull_blob_stream(from, layer).await?;
    let bytes = bytes
        .stream
        .map_err(|e| OciDistributionError::GenericError(Some(e.to_string())));
    let size = u64::try_from(layer.size).ok();
    place
        .client
        .push_blob_stream(to, bytes, &layer.digest, size)
        .await?;
    Ok(())
}

/// The configuration of an image with one layer more. Nothing else changes: not even the time at
/// which it was made, so that the same gives the same.
fn config_with(mut config: Json, layer: &str) -> Json {
    if let Some(ids) = config
        .pointer_mut("/rootfs/diff_ids")
        .and_then(Json::as_array_mut)
    {
        ids.push(layer.into());
    }
    let created = config.get("created").cloned();
    if let Some(history) = config.get_mut("history").and_then(Json::as_array_mut) {
        history.push(json!({ "created": created, "created_by": "plat" }));
    }
    config
}

/// The manifest of an image with one layer more, in the words of OCI whatever the base has.
fn manifest_with(
    below: OciImageManifest,
    layer: (&str, usize),
    config: (&str, usize),
) -> OciImageManifest {
    let part = |media: &str, (digest, size): (&str, usize)| OciDescriptor {
        media_type: media.to_owned(),
        digest: digest.to_owned(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    };
    let mut layers = below.layers;
    for one in &mut layers {
        one.media_type = match one.media_type.as_str() {
            IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE => IMAGE_LAYER_GZIP_MEDIA_TYPE.to_owned(),
            IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE => IMAGE_LAYER_MEDIA_TYPE.to_owned(),
            other => other.to_owned(),
        };
    }
    layers.push(part(IMAGE_LAYER_MEDIA_TYPE, layer));
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: part(IMAGE_CONFIG_MEDIA_TYPE, config),
        layers,
        annotations: None,
        ..below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_more_changes_nothing_else() {
        let config = json!({
            "architecture": "amd64", "created": "2026-01-31T12:00:00Z",
            "config": { "Env": ["A=1"] },
            "rootfs": { "type": "layers", "diff_ids": ["sha256:1"] },
            "history": [{ "created_by": "them" }],
        });
        assert_eq!(
            config_with(config, "sha256:2"),
            json!({
                "architecture": "amd64", "created": "2026-01-31T12:00:00Z",
                "config": { "Env": ["A=1"] },
                "rootfs": { "type": "layers", "diff_ids": ["sha256:1", "sha256:2"] },
                "history": [
                    { "created_by": "them" },
                    { "created": "2026-01-31T12:00:00Z", "created_by": "plat" },
                ],
            })
        );
        let part = |media: &str| OciDescriptor {
            media_type: media.to_owned(),
            ..OciDescriptor::default()
        };
        let below = OciImageManifest {
            layers: vec![part(IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE)],
            ..OciImageManifest::default()
        };
        let above = manifest_with(below, ("sha256:2", 10), ("sha256:3", 20));
        let media: Vec<&str> = above.layers.iter().map(|l| &*l.media_type).collect();
        assert_eq!(media, [IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE]);
        assert_eq!(above.config.digest, "sha256:3");
        assert_eq!(above.media_type.as_deref(), Some(OCI_IMAGE_MEDIA_TYPE));
    }
}
