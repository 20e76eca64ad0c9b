//! What Helm or `kubectl apply` made, and how it becomes ours.
//!
//! Taking over is what client-go's `csaupgrade` does for those who go from client-side to server-side
//! apply: the fields that the former managers have are written down as ours, so that our own apply
//! takes away what we do not say of them, and changes nothing else. Fields of whoever else has some
//! stay theirs. What is dropped is thereby known before, from the record of managers alone.

mod defaults;
#[cfg(test)]
mod tests;

use plat_engine::{Changed, Object, Observed, Others, Present};
use serde_json::{Map, Value as Json, json};

use super::{Kubernetes, present, remembered, text};
use crate::cluster::{ApiError, ID, Kind, annotation, held, said};
use crate::names;

/// What `kubectl apply` notes of the manifest that it was given.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What Helm goes by: without these an object is of no release.
const HELM: [&str; 2] = [
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
];

/// What controllers write on what they keep as it is, before the `/` of a label or an annotation: Argo
/// CD, Flux, Rancher's Fleet and k3s, the addon manager.
const KEPT_BY: [&str; 5] = [
    "addonmanager.kubernetes.io",
    "argocd.argoproj.io",
    "helm.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
    "objectset.rio.cattle.io",
];
/// The managers of Flux.
const FLUX: [&str; 2] = ["helm-controller", "kustomize-controller"];

/// Who made an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    Helm,
    Kubectl,
}

impl Former {
    /// Who made it; `None` for what somebody else made or keeps: another environment, a controller
    /// that owns it.
    fn of(live: &Json) -> Option<Self> {
        let labels = live.pointer("/metadata/labels");
        let label = |name: &str| labels.and_then(|labels| labels.get(name)?.as_str());
        if label(names::APP).is_some() || live.pointer("/metadata/ownerReferences").is_some() {
            return None;
        }
        let helm = HELM.iter().any(|name| annotation(live, name).is_some());
        if helm || label("app.kubernetes.io/managed-by") == Some("Helm") {
            return Some(Self::Helm);
        }
        // Of what `kubectl apply --server-side` made, an attempt of ours that got no further than to
        // write its fields down as ours left no other sign.
        let applied = entries(live).iter().any(|entry| {
            let by_kubectl = text(entry, "/manager") == "kubectl";
            let applied = by_kubectl && text(entry, "/operation") == "Apply";
            applied || (is_ours(entry) && annotation(live, ID).is_none())
        });
        (applied || annotation(live, LAST_APPLIED).is_some()).then_some(Self::Kubectl)
    }

    /// Whether a manager's place is taken: the maker's, and that of those who changed by hand what he
    /// made. What is set through a subresource, as by who scales, is minded field by field.
    fn is(self, entry: &Json) -> bool {
        let manager = text(entry, "/manager").to_lowercase();
        let by_hand = manager.starts_with("kubectl-") && text(entry, "/operation") == "Update";
        let made = match self {
            Self::Helm => manager.contains("helm"),
            Self::Kubectl => manager.starts_with("kubectl"),
        };
        // What an earlier attempt made ours already.
        (made || by_hand || is_ours(entry)) && entry.get("subresource").is_none()
    }

    /// For people.
    fn name(self, live: &Json) -> String {
        match (self, annotation(live, HELM[0])) {
            (Self::Helm, Some(release)) => format!("Helm (release `{release}`)"),
            (Self::Helm, None) => "Helm".to_owned(),
            (Self::Kubectl, _) => "`kubectl apply`".to_owned(),
        }
    }
}

fn entries(live: &Json) -> &[Json] {
    let all = live.pointer("/metadata/managedFields");
    all.and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn is_ours(entry: &Json) -> bool {
    text(entry, "/manager") == names::MANAGER && text(entry, "/operation") == "Apply"
}

/// An object as it is once what its maker has of it is ours.
struct Taken {
    /// All fields that become ours.
    fields: Map<String, Json>,
    /// It, with that in its record of managers. Its values are as they were.
    live: Json,
}

impl Taken {
    /// How an object becomes ours, or why it can't.
    fn of(former: Former, kind: &Kind, live: &Json) -> Result<Self, String> {
        if let Some(sign) = kept_by(live) {
            return Err(format!(
                "a controller keeps it as it is ({sign}), and would write it again"
            ));
        }
        let (theirs, mut rest) = parted(former, live);
        let fields = united(&theirs);
        if fields.keys().all(|key| key == ".") {
            return Err(format!(
                "by its record of managers nothing of it is of {}",
                former.name(live)
            ));
        }
        // In the words of another version it is another set of fields.
        let version = |entry: &&Json| text(entry, "/apiVersion") != kind.version;
        if let Some(entry) = theirs.iter().find(version) {
            return Err(format!(
                "its record of managers is in the words of `{}`, not of `{}`",
                text(entry, "/apiVersion"),
                kind.version
            ));
        }
        // Where such an item will stand in what we ask for is not known from here, so that what is
        // held of it could not be told of in the plan.
        let reports = |entry: &Json| text(entry, "/subresource") == "status";
        for entry in rest.iter().filter(|entry| !reports(entry)) {
            let fields = entry.get("fieldsV1").and_then(Json::as_object);
            if let Some(list) = fields.and_then(|fields| list_in(fields, "")) {
                return Err(format!(
                    "`{}` has part of `{list}` too",
                    text(entry, "/manager")
                ));
            }
        }
        rest.push(json!({
            "manager": names::MANAGER,
            "operation": "Apply",
            "apiVersion": kind.version,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }));
        let mut live = live.clone();
        if let Some(Json::Object(meta)) = live.pointer_mut("/metadata") {
            meta.insert("managedFields".to_owned(), rest.into());
        }
        Ok(Self { fields, live })
    }
}

/// By what it is seen that a controller keeps an object as it is.
fn kept_by(live: &Json) -> Option<String> {
    let by = entries(live).iter().map(|entry| text(entry, "/manager"));
    let mut by = by.filter(|name| name.contains("argocd") || FLUX.contains(name));
    if let Some(manager) = by.next() {
        return Some(format!("`{manager}`"));
    }
    let marks = ["labels", "annotations"].into_iter().filter_map(|of| {
        let all = live.pointer("/metadata")?.get(of)?.as_object()?;
        let is = |name: &&String| name.split('/').next().is_some_and(|d| KEPT_BY.contains(&d));
        all.keys().find(is)
    });
    marks.map(|mark| format!("`{mark}`")).next()
}

/// A list of which some fields are within an item that has a key.
fn list_in(fields: &Map<String, Json>, path: &str) -> Option<String> {
    fields.iter().find_map(|(key, below)| {
        let Some(name) = key.strip_prefix("f:") else {
            return key.starts_with("k:").then(|| path.to_owned());
        };
        let path = match path {
            "" if name == "status" => return None,
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        list_in(below.as_object()?, &path)
    })
}

/// What is there under the name of what is to be, and is not ours: what may be taken over, or `why` it
/// is not ours.
pub(super) fn others(kind: &Kind, live: &Json, why: String) -> Observed {
    let Some(former) = Former::of(live) else {
        return Observed::Unknown { why };
    };
    let by = former.name(live);
    let taken = match Taken::of(former, kind, live) {
        Ok(taken) => taken,
        Err(not) => {
            let why = format!("{why}. {by} made it, and it can't be taken over: {not}");
            return Observed::Unknown { why };
        }
    };
    let mut was = said(live, &taken.fields).unwrap_or_default();
    defaults::undefaulted(&mut was, "");
    if let Some(Json::Object(meta)) = was.pointer_mut("/metadata")
        && let Some(Json::Object(all)) = meta.get_mut("annotations")
    {
        // It says all of it again.
        all.remove(LAST_APPLIED);
        if all.is_empty() {
            meta.remove("annotations");
        }
    }
    let present = present(live);
    // What others have of it then: each needs its own word.
    let changed = Changed {
        held: held(&taken.live),
        ..present.changed.map_or_else(Changed::default, |all| *all)
    };
    let object = Object {
        ..remembered(live, was)
    };
    Observed::Others(Box::new(Others {
        by,
        why,
        present: Present {
            token: None,
            version: version(live),
            changed: (changed != Changed::default()).then(|| changed.into()),
            object: Some(object.into()),
            ..present
        },
    }))
}

/// Whether what is there is still the very thing of this version that may be taken over.
pub(super) fn is_still(kind: &Kind, live: &Json, at: &str) -> bool {
    let former = Former::of(live);
    version(live) == at && former.is_some_and(|former| Taken::of(former, kind, live).is_ok())
}

/// Changes whenever somebody changes what is asked for of an object.
pub(super) fn version(live: &Json) -> String {
    // A digest of values of secrets that is in a plan would tell who guesses them that he did.
    if text(live, "/kind") == "Secret" {
        return text(live, "/metadata/resourceVersion").to_owned();
    }
    let mut asked = live.clone();
    if let Json::Object(all) = &mut asked {
        all.remove("status");
    }
    if let Some(Json::Object(meta)) = asked.pointer_mut("/metadata") {
        for moves in ["generation", "managedFields", "resourceVersion"] {
            meta.remove(moves);
        }
    }
    plat_engine::spec_digest(&asked).as_str().to_owned()
}

/// The records of the managers whose place we take, and those of the others. Values of secrets are
/// nobody's to drop: whoever has them keeps them.
fn parted(former: Former, live: &Json) -> (Vec<Json>, Vec<Json>) {
    let all = entries(live).iter().cloned();
    let (mut theirs, mut rest): (Vec<Json>, Vec<Json>) = all.partition(|e| former.is(e));
    if text(live, "/kind") == "Secret" {
        for entry in &mut theirs {
            let mut kept = entry.clone();
            let fields = entry.pointer_mut("/fieldsV1").and_then(Json::as_object_mut);
            let data = fields.and_then(|fields| fields.remove("f:data"));
            if let (Some(data), Some(all)) = (data, kept.pointer_mut("/fieldsV1")) {
                *all = json!({ "f:data": data });
                rest.push(kept);
            }
        }
    }
    (theirs, rest)
}

/// All fields that some of these records have.
fn united(entries: &[Json]) -> Map<String, Json> {
    let mut all = Map::new();
    for fields in entries
        .iter()
        .filter_map(|e| e.get("fieldsV1")?.as_object())
    {
        unite(&mut all, fields);
    }
    all
}

fn unite(all: &mut Map<String, Json>, more: &Map<String, Json>) {
    for (key, below) in more {
        let there = all.entry(key).or_insert_with(|| Json::Object(Map::new()));
        if let (Json::Object(there), Some(below)) = (there, below.as_object()) {
            unite(there, below);
        }
    }
}

impl Kubernetes {
    /// Writes down as ours what the former managers of an object have; gives it as it is then. Its
    /// values stay as they are.
    pub(super) async fn inherit(
        &self,
        kind: &Kind,
        name: &str,
        live: &Json,
    ) -> Result<Json, ApiError> {
        let former = Former::of(live).ok_or_else(|| "somebody else has it by now".to_owned());
        let taken = former.and_then(|former| Taken::of(former, kind, live));
        let taken = taken.map_err(|why| ApiError::other(why).next("plan again"))?;
        let version = text(live, "/metadata/resourceVersion");
        let managers = entries(&taken.live);
        let patch =
            json!({ "metadata": { "resourceVersion": version, "managedFields": managers } });
        self.cluster.merge(kind, name, &patch).await
    }

    /// Takes away what the former managers go by, where somebody else wrote it: ours do no more.
    pub(super) async fn disown(
        &self,
        kind: &Kind,
        name: &str,
        made: Json,
    ) -> Result<Json, ApiError> {
        let mut marks = Map::new();
        for mark in HELM.into_iter().chain([LAST_APPLIED]) {
            if annotation(&made, mark).is_some() {
                marks.insert(mark.to_owned(), Json::Null);
            }
        }
        if marks.is_empty() {
            return Ok(made);
        }
        let patch = json!({ "metadata": { "annotations": marks } });
        self.cluster.merge(kind, name, &patch).await
    }
}
