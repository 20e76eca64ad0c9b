//! The pod of a program: what everything that runs has in common.
//!
//! Each pod keeps to the restricted Pod Security Standard: no root, no capabilities, no privilege
//! escalation, the runtime's seccomp profile; and beyond it: a root file system that can't be
//! written, no token of the API server, no environment of other services.

use std::collections::BTreeSet;

use crate::image::push::ARCHITECTURE;
use crate::json::{Json, Map, json};
use plat_model::{Data, Value};

use super::probes::probes;
use super::shim::runs_when_made;
use super::{Lowering, Put, object_id};
use crate::names;
use plat_engine::fields::{self, Fields};

/// The part of a declaration's own pods.
pub(crate) const MAIN: &str = "main";
/// Where the directory of a process is in its image.
pub const APP_DIR: &str = "/app";
/// The user of programs that we make an image for, as distroless images have it: `nonroot`.
pub(super) const NONROOT: i64 = 65_532;
/// How long a copy goes on to answer when it is told to end, in seconds: as long as it takes until all
/// who send to it have heard of it. On nodes that are busy `kube-proxy` was seen to take more than five.
const DRAIN: u64 = 10;
/// What a program is given where its resources are left to the platform.
const AUTO: (&str, &str, &str) = ("100m", "128Mi", "1Gi");

/// A pod, and what it needs.
pub(super) struct Pod {
    /// `spec` of the pod.
    pub(super) spec: Map,
    /// Annotations of the pod.
    pub(super) annotations: Map,
    /// The ids of objects that must be there before.
    pub(super) after: BTreeSet<String>,
    /// Whether it writes a volume that nobody else may write at the same time.
    pub(super) writes_alone: bool,
}

/// What a container runs, as the source says it.
pub(super) struct Runs {
    pub(super) image: String,
    /// What takes the place of the image's entrypoint; none is that.
    pub(super) command: Vec<String>,
    /// What takes the place of the image's arguments; none is those, unless a command is said.
    pub(super) args: Vec<String>,
}

impl<'a> Lowering<'a> {
    /// The pod of a program; `None` where it can't be one, which was told.
    pub(super) fn pod(&mut self, fields: &mut Fields<'a>, restart: &str) -> Option<Pod> {
        let name = self.name(fields.node);
        self.check_labels(fields);
        let runs = self.run(fields)?;
        let is_process = fields.word("run") == Some("process");
        let mut env = self.env(fields);
        let ports = super::outs::ports(fields.node);
        if is_process && !ports.is_empty() {
            // A process listens where it is told to.
            env.usual("HOST", "0.0.0.0");
            for (port, (number, _)) in &ports {
                let variable = if port == "main" {
                    "PORT".to_owned()
                } else {
                    format!("PORT_{}", port.to_ascii_uppercase().replace('-', "_"))
                };
                env.plain(&variable, &number.to_string());
            }
        }
        let mut producers = std::mem::take(&mut env.producers);
        let mounts = self.mounts(fields, &name, &mut producers);
        let probes = probes(fields);
        let answers = fields.node.kind.name == "service";
        let drain = if answers { DRAIN } else { 0 };
        let grace = fields.millis("stop").unwrap_or(30_000);
        let asked = restart == "Always";
        let shim = self.shim(fields, &runs, (drain * 1000, grace), asked);
        let (command, args) = match &shim {
            Some(shim) => (shim.command.as_slice(), [].as_slice()),
            None => (runs.command.as_slice(), runs.args.as_slice()),
        };
        let ports: Vec<Json> = ports
            .iter()
            .map(|(port, (number, protocol))| {
                json!({ "name": port_name(port), "containerPort": number, "protocol": protocol })
            })
            .collect();
        let list = |items: Vec<Json>| {
            if items.is_empty() {
                Json::Null
            } else {
                items.into()
            }
        };
        let container = json!({
            "name": name,
            "image": runs.image,
            "command": list(words(command)),
            "args": list(words(args)),
            "workingDir": is_process.then_some(APP_DIR),
            "ports": list(ports),
            "env": list(env.list()),
            "startupProbe": probes.startup,
            "readinessProbe": probes.readiness,
            "livenessProbe": probes.liveness,
            "lifecycle": (answers && shim.is_none()).then(|| json!({
                "preStop": { "sleep": { "seconds": DRAIN } },
            })),
            "resources": self.amounts(fields),
            "securityContext": locked(),
            "volumeMounts": list(mounts.mounts),
        });
        let mut annotations = Map::new();
        if !mounts.files.is_empty() {
            // Files are read at the start: other files are another start.
            let all = serde_json::to_string(&mounts.files).unwrap_or_default();
            annotations.insert("plat/files".into(), names::hash(&all).into());
        }
        let mut spec = json!({
            "serviceAccountName": name,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": restart,
            // The shim ends what does not end, and says so: it has a second more for that.
            "terminationGracePeriodSeconds":
                grace.div_ceil(1000) + drain + u64::from(shim.is_some()),
            // As its account says it, and here too: pods that wait already get it with the next roll-out.
            "imagePullSecrets": self.pull_secrets().filter(|_| !runs_when_made(fields)),
            "securityContext": self.user(fields, is_process, mounts.writes),
            "containers": [container],
            "volumes": list(mounts.volumes),
        });
        if is_process {
            spec.set("nodeSelector", on(ARCHITECTURE));
        }
        if let Some(shim) = &shim {
            self.with_shim(fields, &mut spec, &mut annotations, shim);
        }
        self.needs(fields, &mut spec);
        let mut after: BTreeSet<String> = producers
            .iter()
            .flat_map(|p| self.waited_for(p, true))
            .collect();
        for path in fields.nodes("after") {
            after.extend(self.waited_for(&path, false));
        }
        after.insert(object_id("ServiceAccount", &name));
        after.insert(object_id("NetworkPolicy", &name));
        if !mounts.files.is_empty() {
            after.insert(object_id("ConfigMap", &name));
        }
        self.account(fields, &name);
        let Json::Object(mut spec) = spec else {
            return None;
        };
        spec.retain(|_, value| !value.is_null());
        Some(Pod {
            spec,
            annotations,
            after,
            writes_alone: mounts.writes_alone,
        })
    }

    /// An identity of its own that may do nothing.
    pub(super) fn account(&mut self, fields: &Fields<'a>, name: &str) {
        let body = self.nobody();
        self.put(Put::new("ServiceAccount", "v1", name, body).of(fields));
    }

    /// What is said of such an identity.
    pub(super) fn nobody(&self) -> Json {
        json!({
            "automountServiceAccountToken": false,
            "imagePullSecrets": self.pull_secrets(),
        })
    }

    pub(super) fn pull_secrets(&self) -> Option<Json> {
        let name = self.settings.pull_secret.as_deref()?;
        Some(json!([{ "name": name }]))
    }

    /// A pod's template.
    pub(super) fn template(&self, fields: &Fields<'a>, part: &str, pod: &Pod) -> Json {
        let annotations = match pod.annotations.is_empty() {
            true => Json::Null,
            false => Json::Object(pod.annotations.clone()),
        };
        json!({
            "metadata": { "labels": self.pod_labels(fields, part), "annotations": annotations },
            "spec": pod.spec,
        })
    }

    /// The image, what is run in it and with which arguments.
    fn run(&self, fields: &mut Fields<'a>) -> Option<Runs> {
        let run = fields.get("run");
        let part = |name: &str| run.and_then(|r| r.get(name)).filter(|v| !v.is_none());
        let words = |name: &str| part(name).map(fields::texts).unwrap_or_default();
        match run.and_then(fields::word) {
            Some("image") => {
                let image = part("name").and_then(Value::as_str).unwrap_or_default();
                let (command, args) = (words("command"), words("args"));
                let said = !(command.is_empty() && args.is_empty());
                Some(Runs {
                    image: self.pinned(fields, image, said),
                    command,
                    args,
                })
            }
            Some("process") => {
                let Some(image) = self.facts.images.get(fields.path.as_str()) else {
                    self.refuse_image(fields, part("base").is_none());
                    return None;
                };
                self.tell_of_image(fields, "run", image);
                Some(Runs {
                    image: image.clone(),
                    command: words("command"),
                    args: Vec::new(),
                })
            }
            other => {
                let what = format!("`{}(…)`", other.unwrap_or("nothing"));
                fields.not_built("run", &what);
                None
            }
        }
    }

    /// Says what making an image takes, and what runs for it on the machine that applies.
    pub(super) fn tell_of_image(&self, fields: &mut Fields<'a>, field: &str, image: &str) {
        let Some(made) = self.facts.made.get(image) else {
            return;
        };
        let mut text = format!(
            "where its registry lacks it: makes {image} on {}",
            made.base
        );
        if !made.prepare.is_empty() {
            text.push_str(&format!(
                ", after running `{}` in a copy of {} on the machine that applies",
                made.prepare.join(" "),
                made.dir
            ));
        }
        fields.inform(field, text);
    }

    /// Says what is missing to make an image of a directory.
    pub(super) fn refuse_image(&self, fields: &mut Fields<'a>, base: bool) {
        if base {
            fields.refuse(
                "run",
                "a process becomes an image in a cluster, and this one says no image to stand on"
                    .into(),
                vec![
                    "say it: process([…], dir: …, base: \"docker.io/library/python:3.13-slim\")"
                        .into(),
                ],
            );
        }
        if super::setting(self.target, self.graph, "registry").is_none() {
            fields.refuse(
                "run",
                "a process becomes an image in a cluster, and the target names no registry to keep it in".into(),
                vec!["say it: target = kubernetes { registry = \"registry.example.com/shop\" }".into()],
            );
        }
    }

    fn amounts(&self, fields: &Fields<'a>) -> Json {
        let amount = fields.get("resources.amount");
        let part = |name: &str| {
            let value = amount?.get(name)?;
            value.as_amount()
        };
        let cpu = part("cpu").map(cores);
        let memory = part("memory")
            .and_then(|n| u64::try_from(n.floor()).ok())
            .map(bytes);
        json!({
            "requests": {
                "cpu": cpu.as_deref().unwrap_or(AUTO.0),
                "memory": memory.as_deref().unwrap_or(AUTO.1),
            },
            // A processor can be shared, so it has no limit; memory can't.
            "limits": { "memory": memory.as_deref().unwrap_or(AUTO.2) },
        })
    }

    fn user(&mut self, fields: &Fields<'a>, is_process: bool, writes: bool) -> Json {
        let number = |value: &Value| value.as_int().and_then(|n| i64::try_from(n).ok());
        let user = fields.get("user");
        let id = match fields.word("user") {
            Some("root") => {
                self.root = true;
                Some(0)
            }
            Some("id") => user.and_then(|v| v.get("number")).and_then(number),
            _ => is_process.then_some(NONROOT),
        };
        let root = id == Some(0);
        json!({
            "runAsNonRoot": if root { Json::Null } else { true.into() },
            "runAsUser": id,
            "runAsGroup": id,
            // Volumes are the group's, whoever made them.
            "fsGroup": writes.then(|| id.filter(|_| !root).unwrap_or(NONROOT)),
            "fsGroupChangePolicy": writes.then_some("OnRootMismatch"),
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    }

    /// What it needs of the machine under it.
    fn needs(&self, fields: &mut Fields<'a>, spec: &mut Json) {
        let Some(Data::List(needs)) = fields.get("needs").map(|v| &v.data) else {
            return;
        };
        for need in needs {
            match fields::word(need) {
                Some("architecture") => {
                    let name = need.get("name").and_then(fields::word);
                    let name = name.unwrap_or(ARCHITECTURE);
                    if name != ARCHITECTURE && fields.word("run") == Some("process") {
                        fields.refuse(
                            "needs",
                            format!(
                                "images made of directories are for {ARCHITECTURE}, and this asks for {name}"
                            ),
                            vec![format!(
                                "build the image elsewhere and name it: run = image(\"…\"), for {name}"
                            )],
                        );
                    }
                    spec.set("nodeSelector", on(name));
                }
                Some("gpu") if need.get("model").is_none_or(Value::is_none) => {
                    let count = need.get("count").and_then(Value::as_int).unwrap_or(1);
                    let count = count.to_string();
                    if let Some(limits) = spec.pointer_mut("/containers/0/resources/limits") {
                        limits.set("nvidia.com/gpu", count.into());
                    }
                }
                other => {
                    let what = format!("asking a node for `{}`", other.unwrap_or("?"));
                    fields.not_built("needs", &what);
                }
            }
        }
    }
}

/// Words of a command, as they reach the program.
pub(super) fn words(words: &[String]) -> Vec<Json> {
    words.iter().map(|word| plain(word).into()).collect()
}

/// A word that reaches the program as it is: the kubelet puts variables in for `$(NAME)`, and takes
/// `$$` for `$`.
pub(crate) fn plain(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        plain.push(letter);
        if letter == '$' && matches!(letters.peek(), Some('$' | '(')) {
            plain.push('$');
        }
    }
    plain
}

/// Nodes of that architecture.
pub(super) fn on(architecture: &str) -> Json {
    json!({ "kubernetes.io/arch": architecture })
}

/// A container that can change nothing but its own files.
pub(super) fn locked() -> Json {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

/// The name of a port: at most 15 lower-case letters, digits and dashes.
pub(super) fn port_name(name: &str) -> String {
    let clean: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let letter = clean.chars().any(|c| c.is_ascii_lowercase());
    let plain = !clean.starts_with('-') && !clean.ends_with('-') && !clean.contains("--");
    if clean.len() <= 15 && letter && plain {
        return clean;
    }
    format!("port-{}", names::hash(name))
}

/// Cores as people write them: `2`, `250m`.
pub(super) fn cores(amount: plat_model::Decimal) -> String {
    let milli = amount
        .checked_mul(plat_model::Decimal::int(1000))
        .map_or(i128::MAX, |n| -(n.checked_neg().unwrap_or(n).floor()));
    if milli % 1000 == 0 {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}

/// Bytes in the largest unit that they are whole in: `512Mi`.
pub(super) fn bytes(bytes: u64) -> String {
    for (unit, size) in [
        ("Ti", 1u64 << 40),
        ("Gi", 1 << 30),
        ("Mi", 1 << 20),
        ("Ki", 1 << 10),
    ] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    bytes.to_string()
}
