//! `pins/ENV.toml`: what the images of an environment were when somebody looked.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use plat_model::ImagePin;
use serde::{Deserialize, Serialize};

use crate::error::{Error, io};

/// The version of the format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// The pins of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins {
    /// By the image's name as the source has it.
    pub images: BTreeMap<String, ImagePin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPins {
    format: u32,
    #[serde(default, rename = "image", skip_serializing_if = "BTreeMap::is_empty")]
    images: BTreeMap<String, ImagePin>,
}

impl Pins {
    /// The file of an environment, relative to the package: `pins/prod.toml`. A family's members
    /// share one.
    pub fn file(environment: &str) -> String {
        let name = environment.split('[').next().unwrap_or(environment);
        format!("pins/{name}.toml")
    }

    /// Reads the pins of an environment; none where nobody has pinned.
    ///
    /// # Errors
    /// They can't be read, or say what no pins say.
    pub fn read(root: &Path, environment: &str) -> Result<Self, Error> {
        let path = root.join(Self::file(environment));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(io("reading", &path, &error)),
        };
        let wrong = |why: String| {
            Error::new(format!("reading the pins in {}: {why}", path.display()))
                .next("take the file back from version control, or remove it and say `platc pin`")
        };
        let raw: RawPins =
            toml::from_str(&text).map_err(|p| wrong(p.to_string().trim_end().to_owned()))?;
        if raw.format > FORMAT {
            return Err(wrong(format!(
                "it has format {}, and this platc knows formats up to {FORMAT}",
                raw.format
            )));
        }
        for (image, pin) in &raw.images {
            let digits = pin.digest.strip_prefix("sha256:").unwrap_or("");
            if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong(format!("`{}` of {image} is no digest", pin.digest)));
            }
        }
        Ok(Self { images: raw.images })
    }

    /// Writes the pins of an environment: all of them or none.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&self, root: &Path, environment: &str) -> Result<(), Error> {
        let raw = RawPins {
            format: FORMAT,
            images: self.images.clone(),
        };
        let body = toml::to_string(&raw).map_err(|p| Error::new(format!("writing pins: {p}")))?;
        let path = root.join(Self::file(environment));
        let failed = |error: std::io::Error| io("writing", &path, &error);
        let above = path.parent().unwrap_or(root);
        std::fs::create_dir_all(above).map_err(failed)?;
        let mut file = tempfile::Builder::new()
            .prefix(".pins-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(above)
            .map_err(failed)?;
        let text = format!("# Written by `platc pin`. Keep it in version control.\n{body}");
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
