//! Images as their registries have them: what a pin keeps.

use std::time::Duration;

use oci_client::Reference;
use plat_model::ImagePin;
use serde::Deserialize;

use crate::error::Error;
use crate::logins::login;
use crate::oci::{client, refused, runtime};

/// How long a registry may take to tell a digest, before nothing is known of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The part of an image's configuration that says how it runs
/// (github.com/opencontainers/image-spec, config.md).
#[derive(Deserialize, Default)]
struct Config {
    config: Option<Run>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Run {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    user: Option<String>,
    working_dir: Option<String>,
}

/// Asks an image's registry what the image is now. Of an image for several architectures, the
/// digest is that of the whole, and the rest that of the one for Linux on this machine's
/// architecture.
///
/// # Errors
/// There is no such registry or image, it is not for us, or its configuration can't be read.
pub fn look_up(image: &str) -> Result<ImagePin, Error> {
    let reference = reference(image)?;
    let auth = login(reference.resolve_registry())?;
    let client = client(reference.resolve_registry());
    let (_, digest, config, list) = runtime(image)?
        .block_on(client.pull_manifest_and_config_and_list_digest(&reference, &auth))
        .map_err(|error| refused(image, &error))?;
    let config: Config = serde_json::from_str(&config)
        .map_err(|why| Error::new(format!("reading the configuration of {image}: {why}")))?;
    let run = config.config.unwrap_or_default();
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(ImagePin {
        digest: list.unwrap_or(digest),
        entrypoint: run.entrypoint.unwrap_or_default(),
        command: run.cmd.unwrap_or_default(),
        user: said(run.user),
        directory: said(run.working_dir),
    })
}

/// Asks the registries which digests these images have now, all at once: in the order of `images`,
/// what each came to.
///
/// # Errors
/// For each: there is no such registry or image, it is not for us, or it took too long.
pub fn digests(images: &[&str]) -> Vec<Result<String, Error>> {
    if images.is_empty() {
        return Vec::new();
    }
    let runtime = match runtime("digests") {
        Ok(runtime) => runtime,
        Err(error) => {
            let failed = |_| Err(Error::new(error.message.clone()));
            return images.iter().map(failed).collect();
        }
    };
    runtime.block_on(async {
        let asked: Vec<_> = images
            .iter()
            .map(|image| digest((*image).to_owned()))
            .collect();
        let asked: Vec<_> = asked.into_iter().map(tokio::spawn).collect();
        let mut told = Vec::with_capacity(asked.len());
        for answer in asked {
            let failed = |why| Err(Error::new(format!("asking registries: {why}")));
            told.push(answer.await.unwrap_or_else(failed));
        }
        told
    })
}

async fn digest(image: String) -> Result<String, Error> {
    let reference = reference(&image)?;
    let auth = login(reference.resolve_registry())?;
    let client = client(reference.resolve_registry());
    let asked = client.fetch_manifest_digest(&reference, &auth);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(told) => told.map_err(|error| refused(&image, &error)),
        Err(_) => Err(Error::new(format!(
            "fetching {image}: its registry gave no answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

fn reference(image: &str) -> Result<Reference, Error> {
    image.parse().map_err(|problem| {
        Error::new(format!("`{image}` names no image: {problem}"))
            .next("it is written `registry.example.com/team/app:1.0.0`")
    })
}
