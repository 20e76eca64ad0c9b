//! The image of the shim: one static program and nothing else, in the registry of the target.
//!
//! Its tag is a hash of it, so that another shim is another image, and the same is made by nobody
//! twice.

use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciImageManifest;
use plat_engine::ProgressSink;
use serde_json::json;
use tar::EntryType;

use super::push::{Logins, Place, PushError, UPLOAD, failed};
use super::{digest, header};

/// The program in the image.
const NAME: &str = "plat-shim";
/// The architecture of the shim that this program carries, as registries call it.
pub(crate) const ARCHITECTURE: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"aarch64" => "arm64",
    _ => std::env::consts::ARCH,
};

/// What an image is of: its layer, and what says how it is run.
struct Parts {
    layer: Vec<u8>,
    digest: String,
    config: Vec<u8>,
}

fn parts(program: &[u8]) -> Parts {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = header(EntryType::Regular, 0o755, program.len() as u64);
    // Writing to memory does not fail.
    let added = archive.append_data(&mut header, NAME, program);
    let layer = added
        .and_then(|()| archive.into_inner())
        .unwrap_or_default();
    let digest = digest(&layer);
    let config = json!({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "config": { "Entrypoint": [format!("/{NAME}")], "User": "65532:65532" },
        "rootfs": { "type": "layers", "diff_ids": [digest] },
    });
    Parts {
        layer,
        digest,
        config: config.to_string().into_bytes(),
    }
}

/// The tag of the image that holds this shim: `shim-` and 16 hexadecimal digits.
pub(crate) fn tag(program: &[u8]) -> String {
    let digest = digest(&parts(program).config);
    let digits = digest.trim_start_matches("sha256:").chars().take(16);
    format!("shim-{}", digits.collect::<String>())
}

/// Sees to it that the image of the shim is in its registry.
///
/// # Errors
/// The registry refuses or gives no answer, or it lacks a shim that is not this one.
pub(crate) async fn ensure(
    name: &str,
    program: &[u8],
    logins: &Logins,
    tell: &ProgressSink,
) -> Result<(), PushError> {
    let what = || format!("making the image {name}");
    let failed = |error: OciDistributionError| failed(what(), &error);
    let place = Place::of(name, UPLOAD, logins)?;
    if place.has_it().await.map_err(failed)? {
        return Ok(());
    }
    if !name.ends_with(&format!(":{}", tag(program))) {
        return Err(PushError {
            what: what(),
            why: "it is not in its registry, and this platc has another shim than the one that planned"
                .to_owned(),
            next: Some(
                "plan again; or use the platc that made this plan, or that release".to_owned(),
            ),
        });
    }
    tell.say(format!("pushes {name}"));
    let parts = parts(program);
    place.open().await.map_err(failed)?;
    let below = OciImageManifest::default();
    let written = place.write(below, parts.config, parts.layer, &parts.digest);
    written.await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_shim_is_the_same_image() {
        assert_eq!(tag(b"one"), tag(b"one"));
        assert_ne!(tag(b"one"), tag(b"two"));
        let layer = parts(b"one").layer;
        let mut archive = tar::Archive::new(layer.as_slice());
        let mut entries = archive.entries().unwrap();
        let one = entries.next().unwrap().unwrap();
        assert_eq!(one.path().unwrap().to_str(), Some("plat-shim"));
        assert_eq!(one.header().mode().unwrap(), 0o755);
        assert!(entries.next().is_none());
    }
}
