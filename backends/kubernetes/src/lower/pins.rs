//! Images as they were pinned.
//!
//! A pinned image is used by its digest, and with it what it runs is fixed: its entrypoint stands in
//! no manifest, since it is the image's own. What the pin tells beside that is whether the image can
//! run here at all, which would else be found out when its first pod is refused.

use plat_engine::fields::Fields;
use plat_engine::{Note, NoteKind};

use super::Lowering;

impl<'a> Lowering<'a> {
    /// The image as it is asked for: by its digest where it is pinned, the tag before it for those
    /// who read. `runs` says whether the source tells what runs in it.
    pub(super) fn pinned(&self, fields: &mut Fields<'a>, image: &str, runs: bool) -> String {
        let Some(pin) = self.graph.pins.get(image) else {
            return image.to_owned();
        };
        if !runs && pin.entrypoint.is_empty() && pin.command.is_empty() {
            fields.refuse(
                "run",
                format!("{image} does not say what it runs"),
                vec![format!("say it: image(\"{image}\", command: [\"…\"])")],
            );
        }
        // Where the source names a number, or allows root, what the image says does not count.
        if fields.word("user").is_none_or(|user| user == "auto") {
            let said = pin.user.as_deref().unwrap_or("root");
            let user = said.split(':').next().unwrap_or(said);
            let why = match user.parse::<u32>() {
                Ok(0) => Some("as root"),
                Ok(_) => None,
                // The kubelet can't look a name up, and so can't tell whether it is root.
                Err(_) if user == "root" => Some("as root"),
                Err(_) => {
                    Some("as a user without a number, of whom the cluster can't tell who it is")
                }
            };
            if let Some(why) = why {
                // It is the image that asks for it: nobody wrote the field.
                fields.refuse(
                    "run",
                    format!("{image} runs {why}"),
                    vec![
                        "give its user a number: user = 10001".into(),
                        "if it has to be root: user = root".into(),
                    ],
                );
            }
        }
        format!("{image}@{}", pin.digest)
    }

    /// Tells of images that are used by their tags.
    pub(super) fn unpinned(&mut self) {
        let graph = self.graph;
        let bases = crate::facts::bases(self.target, graph);
        let mut images = graph.images();
        images.extend(bases.iter().map(String::as_str));
        let open = images
            .iter()
            .filter(|image| !graph.pins.contains_key(**image))
            .count();
        let environment = &graph.environment.name;
        let which = match open {
            0 => return,
            1 => "1 image is".to_owned(),
            n => format!("{n} images are"),
        };
        self.good_to_know(format!(
            "{which} used by tag, which may mean another one tomorrow: `platc pin {environment}` pins"
        ));
    }

    pub(super) fn good_to_know(&mut self, message: String) {
        self.told.notes.push(Note {
            kind: NoteKind::Info,
            node: None,
            field: None,
            place: None,
            message,
        });
    }
}
