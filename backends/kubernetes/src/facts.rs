//! What lowering must know of the package: read before, so that lowering itself is pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use plat_engine::{Refusal, fields};
use plat_model::{Digester, FieldPath, Graph, Node, NodePath, TargetId};
use serde::{Deserialize, Serialize};

use crate::image::{self, shim};
use crate::lower::{APP_DIR, SITE_FILES, setting, shim_image, shim_is_off, site_base};
use crate::names;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The image that is made for each declaration that runs a directory of the package. Its tag
    /// is a hash of what it is made of.
    pub images: BTreeMap<String, String>,
    /// The shim that programs run below; none where they run without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shim: Option<Shim>,
    /// What each of these images is made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made: BTreeMap<String, Made>,
    /// The namespace as it is in the cluster; none where it is not there, or nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
}

/// A namespace that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Whether it was made for apps of ours, or by somebody else.
    pub is_ours: bool,
    /// The Pod Security Standard that its pods are held to, as its label says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<String>,
}

/// The image that holds the shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shim {
    /// Its name.
    pub image: String,
    /// The architecture that it is for, where it is the one that we make. One that the target names
    /// is for all that its index has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The image that it stands on, by its digest where it is pinned.
    pub base: String,
    /// The directory of the package, as the source says it.
    pub dir: String,
    /// Where that is in the image.
    pub at: String,
    /// The digest of its source files, as a layer.
    pub source: String,
    /// What runs in a copy of the directory before it becomes a layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
}

/// A path of the source, which is relative to the package's root, in the file system.
pub(crate) fn resolved(root: &Path, path: &str) -> PathBuf {
    let mut full = root.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                full.pop();
            }
            part => full.push(part),
        }
    }
    full
}

/// Reads the directories that images are made of. `program` is the shim that the target's registry
/// is to hold; none where there is none that runs in any image. Where the source does not say all that an image
/// needs there is none: lowering says what is missing.
///
/// # Errors
/// Each directory that is not there or can't be read, at the field that names it.
pub fn gather(
    root: &Path,
    target: &TargetId,
    graph: &Graph,
    program: Option<&[u8]>,
) -> Result<Facts, Vec<Refusal>> {
    let mut facts = Facts::default();
    let mut refusals = Vec::new();
    if let Some(image) = shim_image(target, graph) {
        facts.shim = Some(Shim {
            image: pinned(graph, image),
            architecture: None,
        });
    }
    let Some(registry) = setting(target, graph, "registry") else {
        return Ok(facts);
    };
    let repository = format!(
        "{}/{}",
        registry.trim_end_matches('/'),
        names::name(&graph.app)
    );
    if let Some(program) = program
        && facts.shim.is_none()
        && !shim_is_off(target, graph)
    {
        facts.shim = Some(Shim {
            image: format!("{repository}:{}", shim::tag(program)),
            architecture: Some(shim::ARCHITECTURE.to_owned()),
        });
    }
    let site_base = site_base(target, graph);
    let mut digests: BTreeMap<(PathBuf, &str), String> = BTreeMap::new();
    for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
        let Some(made) = made_of(node, &site_base) else {
            continue;
        };
        let full = resolved(root, made.dir);
        let digest = match digests.get(&(full.clone(), made.at)) {
            Some(digest) => digest.clone(),
            None => match image::source_digest(&full, made.at) {
                Ok(digest) => {
                    digests.insert((full, made.at), digest.clone());
                    digest
                }
                Err(error) => {
                    refusals.push(refusal(graph, path, node, &made, &full, &error));
                    continue;
                }
            },
        };
        // What a preparation makes of the same files counts as the same: nothing is run to plan.
        let base = pinned(graph, made.base);
        let mut of = Digester::new("plat.kubernetes.image");
        of.text(&base).text(&digest).text(made.at);
        for word in &made.prepare {
            of.text(word);
        }
        let of = of.finish();
        let tag = format!("{}{}", names::hash(of.as_str()), names::hash(&digest));
        let image = format!("{repository}:{tag}");
        let of = Made {
            base,
            dir: made.dir.to_owned(),
            at: made.at.to_owned(),
            source: digest,
            prepare: made.prepare,
        };
        facts.made.insert(image.clone(), of);
        facts.images.insert(path.to_string(), image);
    }
    if refusals.is_empty() {
        Ok(facts)
    } else {
        Err(refusals)
    }
}

/// The images that ours are made on, and that the target names for the shim, where they have no
/// digest in their name: like those that declarations run, they can be pinned.
pub fn bases(target: &TargetId, graph: &Graph) -> BTreeSet<String> {
    let site_base = site_base(target, graph);
    let nodes = graph.nodes.values().filter(|n| n.target == *target);
    let made = nodes.filter_map(|node| Some(made_of(node, &site_base)?.base));
    let all = made.chain(shim_image(target, graph));
    let open = all.filter(|name| !name.contains('@'));
    open.map(str::to_owned).collect()
}

/// An image, by its digest where it is pinned.
fn pinned(graph: &Graph, image: &str) -> String {
    match graph.pins.get(image) {
        Some(pin) => format!("{image}@{}", pin.digest),
        None => image.to_owned(),
    }
}

/// What an image is made of.
struct MadeOf<'a> {
    field: &'static str,
    /// The image that it stands on.
    base: &'a str,
    /// The directory, as the source says it.
    dir: &'a str,
    /// Where the directory is in the image.
    at: &'static str,
    /// What is run in it before.
    prepare: Vec<String>,
}

fn made_of<'a>(node: &'a Node, site_base: &'a str) -> Option<MadeOf<'a>> {
    if node.kind.name == "site" {
        return Some(MadeOf {
            field: "files",
            base: site_base,
            dir: node.fields.get("files")?.as_str()?,
            at: SITE_FILES,
            prepare: Vec::new(),
        });
    }
    let run = node.fields.get("run")?;
    match &run.data {
        plat_model::Data::Variant { case, .. } if case == "process" => Some(MadeOf {
            field: "run",
            base: run.get("base")?.as_str()?,
            dir: run.get("dir")?.as_str()?,
            at: APP_DIR,
            prepare: run.get("prepare").map(fields::texts).unwrap_or_default(),
        }),
        _ => None,
    }
}

fn refusal(
    graph: &Graph,
    path: &NodePath,
    node: &Node,
    made: &MadeOf<'_>,
    full: &Path,
    error: &std::io::Error,
) -> Refusal {
    let place = node
        .fields
        .get(made.field)
        .and_then(|v| graph.origins.place(v.origin));
    Refusal {
        node: Some(path.clone()),
        field: Some(FieldPath::new(made.field)),
        place: place.cloned(),
        message: format!(
            "no image can be made of \"{}\" ({}): {error}",
            made.dir,
            full.display()
        ),
        offers: Vec::new(),
    }
}
