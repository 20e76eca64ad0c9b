//! Packages from OCI registries: artifacts whose layers are tar archives, as `oras push` makes them.

use std::path::Path;
use std::sync::Once;

use flate2::read::GzDecoder;
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;

use crate::error::Error;
use crate::logins::login;
use crate::unpack::unpack;

/// What a layer may be: a tar archive, packed by gzip or not.
const PACKED: [&str; 2] = [
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.plat.package.v1.tar+gzip",
];
const PLAIN: [&str; 2] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.plat.package.v1.tar",
];

/// Fetches an artifact into the empty directory `into`, and gives the digest of its manifest. Where `digest` is given,
/// it is that one, whatever the tag says now.
///
/// # Errors
/// There is no such registry or artifact, it is not for us, or it is no package.
pub(crate) fn fetch(reference: &str, digest: Option<&str>, into: &Path) -> Result<String, Error> {
    let named: Reference = reference.parse().map_err(|problem| {
        Error::new(format!("`{reference}` names no artifact: {problem}"))
            .next("it is written `registry.example.com/platform/acme:2.3.0`")
    })?;
    let wanted = match digest {
        Some(digest) => named.clone_with_digest(digest.to_owned()),
        None => named,
    };
    let auth = login(wanted.resolve_registry())?;
    runtime(reference)?
        .block_on(pull(&wanted, &auth, into))
        .map_err(|error| match error {
            Failed::Registry(error) => refused(reference, &error),
            Failed::Content(error) => error,
        })
}

/// Where the registry's answers are waited for.
pub(crate) fn runtime(what: &str) -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("starting to fetch {what}: {error}")))
}

enum Failed {
    Registry(OciDistributionError),
    Content(Error),
}

async fn pull(reference: &Reference, auth: &RegistryAuth, into: &Path) -> Result<String, Failed> {
    let client = client(reference.resolve_registry());
    let (manifest, digest) = client
        .pull_image_manifest(reference, auth)
        .await
        .map_err(Failed::Registry)?;
    for layer in &manifest.layers {
        let media = layer.media_type.as_str();
        let packed = PACKED.contains(&media);
        if !packed && !PLAIN.contains(&media) {
            return Err(Failed::Content(Error::new(format!(
                "{reference} is no package: it has a layer of the type {media}, which is no tar archive"
            ))));
        }
        let bytes = blob(&client, reference, layer).await?;
        let unpacked = if packed {
            unpack(GzDecoder::new(bytes.as_slice()), into)
        } else {
            unpack(bytes.as_slice(), into)
        };
        unpacked.map_err(Failed::Content)?;
    }
    Ok(digest)
}

/// A layer, its digest checked.
async fn blob(
    client: &Client,
    reference: &Reference,
    layer: &OciDescriptor,
) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    client
        .pull_blob(reference, layer, &mut bytes)
        .await
        .map_err(Failed::Registry)?;
    Ok(bytes)
}

/// A registry on this machine speaks plain HTTP, as those for trying do; any other is asked by HTTPS.
pub(crate) fn client(registry: &str) -> Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // It fails where the program has chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    Client::new(ClientConfig {
        protocol: if here {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        user_agent: concat!("platc/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

pub(crate) fn refused(reference: &str, error: &OciDistributionError) -> Error {
    let failed = Error::new(format!("fetching {reference}: {error}"));
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => {
            failed.next("correct its name or its tag")
        }
        OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::UnauthorizedError { .. } => {
            failed.next("it is not public: log in to its registry: docker login")
        }
        _ => failed,
    }
}
