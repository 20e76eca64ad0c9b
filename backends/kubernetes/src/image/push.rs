//! Images of directories, in the registry that the target names.
//!
//! An image is that of its base with one layer more, which we write ourselves: no program that
//! builds images is needed. The same files on the same base give the same bytes everywhere, and the
//! tag says which those are, so that an image that is there already is right.

use std::io;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

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

/// The architecture that images are made for.
pub(crate) const ARCHITECTURE: &str = "amd64";
/// How long to wait until a registry is reached.
const CONNECT: Duration = Duration::from_secs(15);
/// How long to wait for the answer to what moves no file, and for the next piece of what does.
const ANSWER: Duration = Duration::from_secs(60);
/// How long to wait for the answer to a whole file: the sending counts.
pub(super) const UPLOAD: Duration = Duration::from_secs(15 * 60);

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

pub(super) fn failed(what: impl Into<String>, error: &OciDistributionError) -> PushError {
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

/// The answer of a registry that moves no file, if it comes.
async fn soon<T>(
    answer: impl Future<Output = Result<T, OciDistributionError>>,
) -> Result<T, OciDistributionError> {
    let answer = tokio::time::timeout(ANSWER, answer).await;
    answer.unwrap_or_else(|_| {
        let why = format!("the registry gave no answer for {} s", ANSWER.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
    })
}

/// Where an image is, with a client for its registry. A registry of this machine is asked without
/// TLS, as all tools do.
pub(super) struct Place {
    image: Reference,
    client: Client,
    auth: RegistryAuth,
}

impl Place {
    /// `silence` is how long its registry may say nothing.
    pub(super) fn of(name: &str, silence: Duration, logins: &Logins) -> Result<Self, PushError> {
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
            // Not every registry takes pieces, and what is sent is known to its last byte.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(silence),
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

    /// Whether the image is there.
    pub(super) async fn has_it(&self) -> Result<bool, OciDistributionError> {
        match soon(self.client.fetch_manifest_digest(&self.image, &self.auth)).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks to be let in to write.
    pub(super) async fn open(&self) -> Result<(), OciDistributionError> {
        let write = RegistryOperation::Push;
        let asked = soon(self.client.auth(&self.image, &self.auth, write));
        asked.await.map(|_| ())
    }

    /// Writes the image: its own layer over what is `below`, its configuration, and what names them.
    pub(super) async fn write(
        &self,
        below: OciImageManifest,
        config: Vec<u8>,
        layer: Vec<u8>,
        digest: &str,
    ) -> Result<(), OciDistributionError> {
        let size = layer.len();
        put(self, layer, digest).await?;
        let (config_digest, config_size) = (image::digest(&config), config.len());
        put(self, config, &config_digest).await?;
        let manifest = manifest_with(below, (digest, size), (&config_digest, config_size));
        let manifest = OciManifest::Image(manifest);
        soon(self.client.push_manifest(&self.image, &manifest)).await?;
        Ok(())
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
    let place = Place::of(name, UPLOAD, logins)?;
    if place.has_it().await.map_err(|e| failed(what(), &e))? {
        return Ok(());
    }
    if !dir.is_dir() {
        return Err(other(
            format!(
                "it is not in its registry, and {} is not here",
                dir.display()
            ),
            Some("apply it where its source is: in its directory, or with platc -C DIR apply …"),
        ));
    }
    tell.say(format!("makes {name} on {}", made.base));
    let layer = layer_of(source, tell).await.map_err(|e| PushError {
        what: what(),
        why: e.to_string(),
        next: e.next,
    })?;
    let Layer {
        bytes: layer,
        digest,
    } = layer;

    let base = Place::of(&made.base, ANSWER, logins)?;
    let of_base = || format!("reading the image {}", made.base);
    let (below, _) = soon(base.client.pull_image_manifest(&base.image, &base.auth))
        .await
        .map_err(|e| failed(of_base(), &e))?;
    let mut config = Vec::new();
    let pulled = base
        .client
        .pull_blob(&base.image, &below.config, &mut config);
    soon(pulled).await.map_err(|e| failed(of_base(), &e))?;
    let config: Json = serde_json::from_slice(&config)
        .map_err(|e| other(format!("the configuration of {}: {e}", made.base), None))?;
    let config =
        config_with(config, &digest).map_err(|why| other(format!("{} {why}", made.base), None))?;

    place.open().await.map_err(|e| failed(what(), &e))?;
    for one in &below.layers {
        bring(&base, &place, one)
            .await
            .map_err(|e| failed(what(), &e))?;
    }
    tell.say(format!("pushes {} bytes of {}", layer.len(), dir.display()));
    let config = config.to_string().into_bytes();
    let written = place.write(below, config, layer, &digest);
    written.await.map_err(|e| failed(what(), &e))
}

/// A layer, and its digest.
struct Layer {
    bytes: Vec<u8>,
    digest: String,
}

/// The layer of a directory, prepared where that is asked for.
async fn layer_of(source: Source<'_>, tell: &ProgressSink) -> Result<Layer, PushError> {
    let Source { made, dir } = source;
    let failed = |why: String, next: Option<&str>| PushError {
        what: format!("reading {}", dir.display()),
        why,
        next: next.map(str::to_owned),
    };
    let (from, at) = (dir.to_path_buf(), made.at.clone());
    let written = image::blocking(move |wanted| {
        let mut bytes = Vec::new();
        let out = wanted.only(&mut bytes);
        image::write_layer(&from, &at, image::Which::Source, out)?;
        let digest = image::digest(&bytes);
        Ok(Layer { bytes, digest })
    });
    let layer = written.await.map_err(|e| failed(e.to_string(), None))?;
    if layer.digest != made.source {
        let why = "it is not what it was when this was planned".to_owned();
        let next =
            "plan again; to go back to a release whose image is gone, check out its revision";
        return Err(failed(why, Some(next)));
    }
    if made.prepare.is_empty() {
        return Ok(layer);
    }
    tell.say(format!("prepares {}", dir.display()));
    let bytes = prepare::layer(layer.bytes, made).await?;
    let hashed = image::blocking(move |_| {
        let digest = image::digest(&bytes);
        Ok(Layer { bytes, digest })
    });
    hashed.await.map_err(|e| failed(e.to_string(), None))
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
    if !soon(place.client.blob_exists(&place.image, digest)).await? {
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
    if soon(place.client.blob_exists(to, &layer.digest)).await? {
        return Ok(());
    }
    if from.resolve_registry() == to.resolve_registry()
        // One that can't be mounted is moved.
        && soon(place.client.mount_blob(to, from, &layer.digest)).await.is_ok()
    {
        return Ok(());
    }
    let bytes = soon(base.client.pull_blob_stream(from, layer)).await?;
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
///
/// # Errors
/// No image for our architecture can be made of it; why, as the sentence of it goes on.
fn config_with(mut config: Json, layer: &str) -> Result<Json, String> {
    let made_for = config.get("architecture").and_then(Json::as_str);
    if let Some(other) = made_for.filter(|made_for| *made_for != ARCHITECTURE) {
        return Err(format!(
            "is for {other}, and images made of directories are for {ARCHITECTURE}"
        ));
    }
    let layers = config.pointer_mut("/rootfs/diff_ids");
    match layers.and_then(Json::as_array_mut) {
        Some(ids) => ids.push(layer.into()),
        None => return Err("does not say of what layers it is (rootfs.diff_ids)".to_owned()),
    }
    let created = config.get("created").cloned();
    if let Some(history) = config.get_mut("history").and_then(Json::as_array_mut) {
        history.push(json!({ "created": created, "created_by": "plat" }));
    }
    Ok(config)
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
            config_with(config, "sha256:2").unwrap(),
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

    #[test]
    fn a_base_that_nothing_can_stand_on_is_refused() {
        let other = json!({ "architecture": "arm64", "rootfs": { "diff_ids": [] } });
        let why = config_with(other, "sha256:2").unwrap_err();
        assert_eq!(
            why,
            "is for arm64, and images made of directories are for amd64"
        );
        let none = json!({ "architecture": "amd64" });
        let why = config_with(none, "sha256:2").unwrap_err();
        assert!(why.contains("rootfs.diff_ids"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_says_nothing_is_not_waited_for() {
        let error = soon(std::future::pending::<Result<(), _>>()).await;
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "the registry gave no answer for 60 s");
    }
}
