//! What is said to Kubernetes in its own words: patches, laid over the objects of a declaration, and
//! objects beside them.
//!
//! A patch is merged as `kubectl patch` merges one: objects field by field, lists by the key that
//! their elements have (`containers` by `name`), other lists and all else replaced. It takes nothing
//! away, and it neither renames an object nor takes its labels of ownership.

use plat_engine::fields::Fields;
use plat_model::{Data, Piece, Str, Value};

use super::{Lowering, Made, Put, object_id};
use crate::json::{Json, Map, Text, json};
use crate::names;

/// The target that this is, in `kubernetes.patch(…)`.
const TARGET: &str = "kubernetes";

/// By which field the elements of a list are told apart: `patchMergeKey` in the OpenAPI description
/// of Kubernetes. Ports are told apart by the first of two that they have.
const KEYS: [(&str, &[&str]); 15] = [
    ("containers", &["name"]),
    ("devices", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("secrets", &["name"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Where labels stand by which an object, or the pods that it makes, are told apart.
const LABELS: [&str; 3] = [
    "/metadata/labels",
    "/spec/template/metadata/labels",
    "/spec/jobTemplate/spec/template/metadata/labels",
];

/// Kinds of Kubernetes itself that are the whole cluster's. Of others the cluster knows: a plan asks it.
const OF_THE_CLUSTER: [&str; 15] = [
    "APIService",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
];

/// What is said of one object.
struct Said<'a> {
    /// `patch` or `object`.
    case: &'a str,
    /// Its API and version, where they are said.
    version: Option<&'a str>,
    /// `Deployment`.
    kind: &'a str,
    body: Result<Json, String>,
}

impl<'a> Said<'a> {
    /// What a value says; none where it is said to another target.
    fn of(value: &'a Value) -> Option<Said<'a>> {
        let Data::Variant { case, fields } = &value.data else {
            return None;
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if text("target")? != TARGET {
            return None;
        }
        let object = text("object")?;
        let body = fields.get("body")?;
        // An object that is known says itself of which API it is.
        let (version, kind) = match object.rsplit_once('/') {
            Some((version, kind)) => (Some(version), kind),
            None => (body.get("apiVersion").and_then(Value::as_str), object),
        };
        Some(Self {
            case,
            version,
            kind,
            body: value_of(body),
        })
    }
}

impl<'a> Lowering<'a> {
    /// Lays what declarations say to Kubernetes over their objects, once all of those are there.
    pub(super) fn patches(&mut self) {
        let graph = self.graph;
        let target = self.target;
        for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
            let Some(Data::List(said)) = node.fields.get("raw").map(|raw| &raw.data) else {
                continue;
            };
            let mut fields = Fields::new(graph, path, node, "on Kubernetes");
            for said in said.iter().filter_map(Said::of) {
                self.patch(&mut fields, said);
            }
            self.told.add(fields.told);
        }
    }

    fn patch(&mut self, fields: &mut Fields<'a>, said: Said<'_>) {
        if said.case != "patch" {
            fields.refuse(
                "raw",
                format!("a whole `{}` is no patch", said.kind),
                vec!["declare it beside this: raw_object NAME { object = … }".into()],
            );
            return;
        }
        let body = match said.body {
            Ok(body) => body,
            Err(message) => return fields.refuse("raw", message, Vec::new()),
        };
        if let Some(message) = not_to_be_patched(&body) {
            return fields.refuse("raw", message, Vec::new());
        }
        let path = fields.path;
        let own = |object: &Made| object.node.as_ref() == Some(path);
        let has = |spec: &Json, field: &str, value: &str| {
            spec.get(field).and_then(Json::as_str) == Some(value)
        };
        let is_meant = |spec: &Json| {
            has(spec, "kind", said.kind)
                && said
                    .version
                    .is_none_or(|version| has(spec, "apiVersion", version))
        };
        let mut found = false;
        for object in self.objects.values_mut().filter(|o| own(o)) {
            if !is_meant(&object.spec) {
                continue;
            }
            found = true;
            merge(&mut object.spec, &body);
            // A Job's template can't change: another one is another Job.
            let name = object.id.rsplit('/').next().unwrap_or_default();
            let hashed = object
                .spec
                .pointer("/metadata/name")
                .is_some_and(|n| n != name);
            if said.kind == "Job" && hashed {
                let hash = names::hash(&object.spec.get("spec").unwrap_or(&Json::Null).to_string());
                let name = format!("{name}-{hash}");
                if let Some(at) = object.spec.pointer_mut("/metadata/name") {
                    *at = name.into();
                }
            }
        }
        if found {
            return;
        }
        let mut kinds: Vec<&str> = self
            .objects
            .values()
            .filter(|o| own(o))
            .filter_map(|o| o.spec.get("kind")?.as_str())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        let offers = match kinds.as_slice() {
            [] => "nothing is made of it".to_owned(),
            kinds => format!("it becomes: {}", kinds.join(", ")),
        };
        fields.refuse(
            "raw",
            format!("`{path}` becomes no `{}` that could be patched", said.kind),
            vec![offers],
        );
    }

    /// An object of its own, as it is said.
    pub(super) fn raw_object(&mut self, fields: &mut Fields<'a>) {
        // Said to another target.
        let Some(said) = fields.get("object").and_then(Said::of) else {
            return;
        };
        let path = fields.path;
        if said.case != "object" {
            let message = format!("`{path}` is an object of its own: there is none to patch");
            let offer = format!("{TARGET}.object(\"{}\", {{ … }})", said.kind);
            return fields.refuse("object", message, vec![offer]);
        }
        if said.kind == "Secret" {
            let message = "the values of a Secret are in no file and in no plan".to_owned();
            let offers = vec!["declare it as a secret of the app: secret NAME".into()];
            return fields.refuse("object", message, offers);
        }
        if OF_THE_CLUSTER.contains(&said.kind) {
            let message = crate::backend::of_the_cluster(said.kind);
            let offers =
                vec!["who keeps the cluster applies it, before this app: kubectl apply".into()];
            return fields.refuse("object", message, offers);
        }
        let body = match said.body {
            Ok(Json::Object(body)) => body,
            Ok(_) => return fields.refuse("object", "it is no object".into(), Vec::new()),
            Err(message) => return fields.refuse("object", message, Vec::new()),
        };
        let text = |pointer: &[&str]| {
            let (first, rest) = pointer.split_first()?;
            let value = rest.iter().try_fold(body.get(first)?, |v, k| v.get(k))?;
            value.as_str().map(str::to_owned)
        };
        let Some(version) = said.version else {
            let message = format!("the API of `{}` is not known here", said.kind);
            let offer = format!("write it before the name: \"example.com/v1/{}\"", said.kind);
            return fields.refuse("object", message, vec![offer]);
        };
        let name = text(&["metadata", "name"]).unwrap_or_else(|| self.name(fields.node));
        let written = crate::cluster::written(said.kind, version);
        let id = object_id(&written, &name);
        let other = self.objects.get(&id).map(|other| &other.label);
        if let Some(other) = other.or_else(|| self.others.get(&id)) {
            let message = format!("there is another {id} here: {other}");
            let offers = vec!["give it another name: metadata = { name = \"…\" }".into()];
            return fields.refuse("object", message, offers);
        }
        let metadata = body.get("metadata").cloned();
        let namespace = metadata.as_ref().and_then(|m| m.get("namespace"));
        if namespace.is_some_and(|n| *n != *self.settings.namespace) {
            let message = "an app's objects are in the namespace of its environment".to_owned();
            return fields.refuse("object", message, Vec::new());
        }
        let rest: Map = body
            .into_iter()
            .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
            .collect();
        let mut put = Put::new(said.kind, version, &name, Json::Object(rest)).of(fields);
        put.kind_in_id = Some(written);
        put.label = format!("raw_object {path}");
        self.put(put);
        if let (Some(Json::Object(mut metadata)), Some(object)) =
            (metadata, self.objects.get_mut(&id))
        {
            metadata.retain(|key, _| !matches!(key, "name" | "namespace"));
            let said = json!({ "metadata": metadata });
            if let Some(message) = not_to_be_patched(&said) {
                return fields.refuse("object", message, Vec::new());
            }
            merge(&mut object.spec, &said);
        }
    }
}

/// Why a patch is not laid over an object: by these fields it is found again.
fn not_to_be_patched(body: &Json) -> Option<String> {
    for field in ["name", "namespace"] {
        if body.pointer(&format!("/metadata/{field}")).is_some() {
            return Some(format!("`metadata.{field}` of an object is not patched"));
        }
    }
    let ours = [names::APP, names::ENV, names::PATH, names::PART];
    let of = |labels: &Map| ours.into_iter().find(|label| labels.contains_key(label));
    let taken = LABELS
        .iter()
        .find_map(|labels| of(body.pointer(labels)?.as_object()?))?;
    Some(format!(
        "the label `{taken}` says whose the object and its pods are, and is not patched"
    ))
}

/// Lays a patch over a value.
fn merge(base: &mut Json, patch: &Json) {
    merge_field("", base, patch);
}

fn merge_field(field: &str, base: &mut Json, patch: &Json) {
    match (base, patch) {
        (Json::Object(base), Json::Object(patch)) => {
            for (key, value) in patch.iter() {
                match base.get_mut(key) {
                    Some(there) => merge_field(key, there, value),
                    None => {
                        base.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Json::Array(base), Json::Array(patch)) if keys(field).is_some() => {
            let keys = keys(field).unwrap_or_default();
            for value in patch.iter() {
                let key = keys.iter().find(|key| value.get(key).is_some());
                let same =
                    |other: &&mut Json| key.is_some_and(|key| other.get(key) == value.get(key));
                match base.iter_mut().find(same) {
                    Some(there) => merge_field("", there, value),
                    None => base.push(value.clone()),
                }
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

fn keys(field: &str) -> Option<&'static [&'static str]> {
    let found = KEYS.iter().find(|(list, _)| *list == field)?;
    Some(found.1)
}

/// A value as a document has it.
fn value_of(value: &Value) -> Result<Json, String> {
    let known_later = || "an object takes no value that is known only later".to_owned();
    Ok(match &value.data {
        Data::None => Json::Null,
        Data::Bool(b) => (*b).into(),
        Data::Int(n) => i64::try_from(*n)
            .map_err(|_| format!("{n} has more than 64 bits"))?
            .into(),
        Data::Decimal(n) => n.to_f64().into(),
        Data::Quantity(quantity) => {
            return Err(format!(
                "`{}` has a unit of its own here: write it as Kubernetes does, as a text",
                quantity.text
            ));
        }
        Data::String(text) => text.as_str().into(),
        Data::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => text += literal,
                    Piece::Hole(_) => return Err(known_later()),
                }
            }
            text.into()
        }
        Data::List(items) => items
            .iter()
            .map(value_of)
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        Data::Map(entries) => {
            let entry = |(name, value): (&Str, &Value)| {
                Ok::<_, String>((Text::from(name.to_string()), value_of(value)?))
            };
            Json::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
        // A number or a text: `IntOrString`.
        Data::Variant { fields, .. } => match fields.get("value") {
            Some(value) => value_of(value)?,
            None => return Err("an object holds no case of a variant".to_owned()),
        },
        Data::Range(..) => return Err("an object holds no range".to_owned()),
        Data::Node(_) | Data::Out { .. } => return Err(known_later()),
    })
}
