//! Volumes, secrets, Redis and queues.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::json::{Json, json};
use plat_engine::{HeldData, OnChange};
use plat_model::NodePath;

use super::outs::{NATS, PASSWORD, REDIS, VALUE};
use super::pods::{bytes, locked};
use super::{Lowering, Put, object_id};
use crate::names;
use plat_engine::fields::Fields;

/// The part of a data service's own pods.
pub(crate) const SERVER: &str = "server";
/// The part of what brings a data service to what was asked for.
pub(super) const SETUP: &str = "setup";
/// The account of the queues' server that has their streams.
pub(super) const STREAMS: &str = "plat";
/// The port on which that server tells of itself, without asking who asks.
pub(super) const MONITOR: u16 = 8222;
/// The name of the server that all queues of an environment share.
pub(super) const QUEUES: &str = "queues";
/// The annotation of a Secret that says where each of its keys comes from: `random(32)` is made
/// once, by whoever applies; `set` is set by hand; `optional` may be.
pub const KEYS: &str = "plat/keys";
/// How long the credentials are that we make: 32 letters and digits are 190 bits.
const CREDENTIAL: &str = "random(32)";

/// A server that holds data: one pod and its volume.
pub(super) struct Server<'s> {
    pub(super) name: &'s str,
    /// Its declaration; none where several share it.
    pub(super) path: Option<&'s NodePath>,
    pub(super) label: String,
    pub(super) port: u16,
    /// The port on which who scales by it may ask how much waits; none where nobody does.
    pub(super) monitor: Option<u16>,
    pub(super) user: i64,
    pub(super) container: Json,
    pub(super) volumes: Vec<Json>,
    pub(super) annotations: Json,
    pub(super) after: Vec<String>,
    pub(super) grace: u32,
}

impl<'a> Lowering<'a> {
    pub(super) fn volume(&mut self, fields: &mut Fields<'a>) {
        let size = fields.amount("size").unwrap_or(1 << 30);
        let shared = fields.yes("shared");
        let name = self.name(fields.node);
        let what = format!("the volume {} and all its files", fields.path);
        let put = self.claim(&name, size, shared, what).of(fields);
        self.put(put.label(format!("volume {}", fields.path)));
    }

    /// Room for data, which outlives whoever uses it.
    pub(super) fn claim(&self, name: &str, size: u64, shared: bool, what: String) -> Put<'a> {
        let mode = if shared {
            "ReadWriteMany"
        } else {
            "ReadWriteOnce"
        };
        let body = json!({ "spec": {
            "accessModes": [mode],
            "resources": { "requests": { "storage": bytes(size) } },
            "storageClassName": self.settings.storage_class,
        }});
        let mut put = Put::new("PersistentVolumeClaim", "v1", name, body)
            .on_change("spec.accessModes", OnChange::Replace)
            .on_change("spec.storageClassName", OnChange::Replace);
        put.holds = Some(HeldData {
            what,
            kept_on_delete: true,
        });
        put
    }

    pub(super) fn secret(&mut self, fields: &mut Fields<'a>) {
        let how = match fields.word("generate") {
            None if fields.yes("optional") => "optional".to_owned(),
            None => "set".to_owned(),
            Some("random") => {
                let length: u32 = fields.number("generate.length").unwrap_or(32);
                format!("random({length})")
            }
            Some(other) => {
                let what = format!("a secret made by `{other}(…)`");
                fields.not_built("generate", &what);
                return;
            }
        };
        let name = self.name(fields.node);
        let put = self.keys(&name, &[(VALUE.to_owned(), how)].into());
        self.put(put.of(fields).label(format!("secret {}", fields.path)));
    }

    /// A Secret by its keys. Its values are in no object: who applies makes those that are
    /// missing, in the cluster.
    pub(super) fn keys(&self, name: &str, keys: &BTreeMap<String, String>) -> Put<'a> {
        let keys = serde_json::to_string(keys).unwrap_or_default();
        Put::new("Secret", "v1", name, json!({ "type": "Opaque" })).annotate(KEYS, keys)
    }

    /// A Secret with credentials that we make.
    pub(super) fn credentials<const N: usize>(&self, name: &str, keys: [&str; N]) -> Put<'a> {
        let keys = keys.map(|key| (key.to_owned(), CREDENTIAL.to_owned()));
        self.keys(name, &keys.into())
    }

    pub(super) fn redis(&mut self, fields: &mut Fields<'a>) {
        let name = self.name(fields.node);
        let keep = fields.yes("keep");
        let memory = fields.amount("memory").unwrap_or(256 << 20);
        let evict = match fields.word("evict") {
            Some("lru") => "allkeys-lru",
            Some("lfu") => "allkeys-lfu",
            Some("random") => "allkeys-random",
            _ => "noeviction",
        };
        let path = fields.path.clone();
        self.put(
            self.credentials(&name, [PASSWORD])
                .of(fields)
                .label(format!("credentials of {path}")),
        );
        self.account(fields, &name);
        let mut config = format!(
            "port {REDIS}\nprotected-mode no\ndir /data\nmaxmemory {memory}\nmaxmemory-policy {evict}\n"
        );
        config.push_str(if keep {
            "appendonly yes\nappendfsync everysec\n"
        } else {
            "save \"\"\nappendonly no\n"
        });
        let changed = names::hash(&config);
        self.put(
            Put::new(
                "ConfigMap",
                "v1",
                &name,
                json!({ "data": { "redis.conf": config } }),
            )
            .of(fields),
        );
        let data = self.helper(fields.node, "data");
        let mut after = vec![
            object_id("Secret", &name),
            object_id("ConfigMap", &name),
            object_id("ServiceAccount", &name),
            object_id("NetworkPolicy", &name),
        ];
        let store = if keep {
            let what = format!("what the redis {path} holds");
            // An append-only file is rewritten beside the old one.
            let claim = self.claim(&data, memory.saturating_mul(3), false, what);
            self.put(claim.of(fields).label(format!("data of {path}")));
            after.push(object_id("PersistentVolumeClaim", &data));
            json!({ "name": "data", "persistentVolumeClaim": { "claimName": data } })
        } else {
            json!({ "name": "data", "emptyDir": {} })
        };
        let ask = "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli ping | grep -q PONG";
        let probe = |period: u32| {
            json!({
                "exec": { "command": ["sh", "-c", ask] },
                "periodSeconds": period,
                "timeoutSeconds": 3,
                "failureThreshold": 3,
            })
        };
        let container = json!({
            "name": name,
            "image": self.settings.image("redis"),
            // The password reaches it through a pipe: a command line is for all to see.
            "command": ["sh", "-c"],
            "args": ["{ cat /etc/redis/redis.conf; printf 'requirepass %s\\n' \"$REDIS_PASSWORD\"; } > /run/redis/redis.conf && exec redis-server /run/redis/redis.conf"],
            "ports": [{ "name": "redis", "containerPort": REDIS, "protocol": "TCP" }],
            "env": [{
                "name": "REDIS_PASSWORD",
                "valueFrom": { "secretKeyRef": { "name": name, "key": PASSWORD } },
            }],
            "startupProbe": {
                "exec": { "command": ["sh", "-c", ask] },
                "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 60,
            },
            "readinessProbe": probe(5),
            "livenessProbe": probe(10),
            "resources": {
                "requests": { "cpu": "50m", "memory": bytes(memory) },
                // What a store of that size takes beside its values, and a copy while it saves.
                "limits": { "memory": bytes(memory + memory / 2 + (64 << 20)) },
            },
            "securityContext": locked(),
            "volumeMounts": [
                { "name": "data", "mountPath": "/data" },
                { "name": "config", "mountPath": "/etc/redis", "readOnly": true },
                { "name": "run", "mountPath": "/run/redis" },
            ],
        });
        self.server(
            Some(fields),
            Server {
                name: &name,
                path: Some(fields.path),
                label: format!("Redis for {path}"),
                port: REDIS,
                monitor: None,
                user: 999,
                container,
                volumes: vec![
                    store,
                    json!({ "name": "config", "configMap": { "name": name } }),
                    json!({ "name": "run", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } }),
                ],
                annotations: json!({ "plat/files": changed }),
                after,
                grace: 30,
            },
        );
    }

    /// A StatefulSet of one pod, and the Service under whose name it is found.
    pub(super) fn server(&mut self, fields: Option<&Fields<'a>>, server: Server<'_>) {
        let part = SERVER;
        let owner = fields.map(|f| (f.path, f.node));
        let mut labels = self.labels(owner, server.name);
        labels.insert(names::PART.into(), part.into());
        let selector = match server.path {
            Some(path) => self.selector(Some(path), part),
            None => {
                labels.insert(names::PART.into(), server.name.into());
                self.selector(None, server.name)
            }
        };
        let body = json!({ "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "serviceName": server.name,
            "selector": { "matchLabels": selector },
            "template": {
                "metadata": { "labels": labels, "annotations": server.annotations },
                "spec": {
                    "serviceAccountName": server.name,
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": server.grace,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": server.user,
                        "runAsGroup": server.user,
                        "fsGroup": server.user,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [server.container],
                    "volumes": server.volumes,
                },
            },
        }});
        let how = "it stops, then starts".to_owned();
        let mut put = Put::new("StatefulSet", "apps/v1", server.name, body)
            .label(server.label)
            .after(server.after)
            .on_change("spec.template", OnChange::Restart { how })
            .on_change("spec.selector", OnChange::Replace)
            .on_change("spec.serviceName", OnChange::Replace);
        put.node = owner;
        self.put(put);
        let port = |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": port, "protocol": "TCP" });
        let mut ports = vec![port("main", server.port)];
        ports.extend(server.monitor.map(|monitor| port("monitor", monitor)));
        let body = json!({ "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": ports,
        }});
        let mut put = Put::new("Service", "v1", server.name, body);
        put.node = owner;
        self.put(put);
    }

    pub(super) fn queue(&mut self, fields: &mut Fields<'a>) {
        if let Some(protocol) = fields.word("protocol").filter(|p| *p != "nats") {
            let what = format!("a queue that speaks {protocol}");
            fields.not_built("protocol", &what);
        }
        let name = self.name(fields.node);
        let put = self.credentials(&name, ["receive", "send"]);
        self.put(
            put.of(fields)
                .label(format!("credentials of {}", fields.path)),
        );
        self.queue_setup(fields, &name);
    }

    /// Makes the stream and its consumer, or changes them: `nats` leaves alone what is as asked.
    fn queue_setup(&mut self, fields: &Fields<'a>, name: &str) {
        let server = self.own(QUEUES);
        let setup = self.helper(fields.node, "setup");
        let stream = &fields.node.name;
        let retries: u32 = fields.number("retries").unwrap_or(5);
        let wait = fields.millis("timeout").unwrap_or(60_000);
        let keep = fields.millis("keep").unwrap_or(14 * 86_400_000);
        let tries = retries.saturating_add(1);
        let script = format!(
            "set -eu\n\
             export NATS_URL=\"nats://plat:$NATS_PASSWORD@{server}:{NATS}\"\n\
             limits='--max-age={keep}ms --discard=old --dupe-window=2m'\n\
             if nats stream info {stream} >/dev/null 2>&1; then\n  \
               nats stream edit {stream} --force --subjects={stream} $limits\n\
             else\n  \
               nats stream add {stream} --defaults --subjects={stream} --retention=work --storage=file $limits\n\
             fi\n\
             if nats consumer info {stream} {stream} >/dev/null 2>&1; then\n  \
               nats consumer edit {stream} {stream} --force --max-deliver={tries} --wait={wait}ms\n\
             else\n  \
               nats consumer add {stream} {stream} --defaults --pull --deliver=all --ack=explicit --max-deliver={tries} --wait={wait}ms\n\
             fi\n"
        );
        let container = json!({
            "name": "setup",
            "image": self.settings.image("nats-box"),
            "command": ["sh", "-c", script],
            "env": [
                // It looks for contexts of its user, who has neither a name nor a home there.
                { "name": "XDG_CONFIG_HOME", "value": "/tmp" },
                { "name": "USER", "value": "plat" },
                { "name": "HOME", "value": "/tmp" },
                {
                    "name": "NATS_PASSWORD",
                    "valueFrom": { "secretKeyRef": { "name": server, "key": PASSWORD } },
                },
            ],
            "resources": small(),
            "securityContext": locked(),
            "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
        });
        let volumes = vec![json!({ "name": "tmp", "emptyDir": { "sizeLimit": "16Mi" } })];
        self.setup(
            fields,
            &setup,
            1000,
            &container,
            &volumes,
            format!("queue {}", fields.path),
        );
        let after = [
            object_id("StatefulSet", &server),
            object_id("Secret", name),
            object_id("NetworkPolicy", &setup),
        ];
        self.wait(&object_id("Job", &setup), &after);
        self.helper_reaches(fields.path, SETUP, None, &server, NATS, &setup);
    }

    /// A Job that brings a data service to what was asked for, each time that changed.
    pub(super) fn setup(
        &mut self,
        fields: &Fields<'a>,
        name: &str,
        user: i64,
        container: &Json,
        volumes: &[Json],
        label: String,
    ) {
        let mut labels = self.labels(Some((fields.path, fields.node)), "");
        labels.insert(names::PART.into(), SETUP.into());
        let spec = json!({
            // The server may only just have been made.
            "backoffLimit": 3,
            "activeDeadlineSeconds": 600,
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "restartPolicy": "Never",
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": user,
                        "runAsGroup": user,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [container],
                    "volumes": volumes,
                },
            },
        });
        let mut put = self.run_now(name, spec, false).of(fields).label(label);
        let how = "it is brought to that while it runs".to_owned();
        put.on_change = vec![("", OnChange::Restart { how })];
        self.put(put);
    }

    /// Adds to what an object waits for.
    pub(super) fn wait(&mut self, id: &str, after: &[String]) {
        if let Some(object) = self.objects.get_mut(id) {
            object.after.extend_from_slice(after);
        }
    }

    /// The one server of all queues. It knows a user for each link: who sends may not receive.
    pub(super) fn queues(&mut self) {
        let graph = self.graph;
        let queues: Vec<(&NodePath, &plat_model::Node)> = graph
            .nodes
            .iter()
            .filter(|(_, n)| n.target == *self.target && n.kind.name == "queue")
            .filter(|(_, n)| n.existing.is_none())
            .collect();
        if queues.is_empty() {
            return;
        }
        let name = self.own(QUEUES);
        let put = self.credentials(&name, [PASSWORD]);
        self.put(put.label("credentials of the queues' server".into()));
        let body = self.nobody();
        self.put(Put::new("ServiceAccount", "v1", &name, body));
        let data = self.own("queues-data");
        let what = "the queues and the messages that wait in them".to_owned();
        let claim = self.claim(&data, ROOM, false, what);
        self.put(claim.label("messages of the queues".into()));
        let config = nats_config(&queues);
        let mut env = vec![json!({
            "name": "NATS_PASSWORD",
            "valueFrom": { "secretKeyRef": { "name": name, "key": PASSWORD } },
        })];
        let mut after = vec![
            object_id("Secret", &name),
            object_id("ConfigMap", &name),
            object_id("ServiceAccount", &name),
            object_id("NetworkPolicy", &name),
            object_id("PersistentVolumeClaim", &data),
        ];
        for (path, node) in &queues {
            let secret = self.name(node);
            for right in ["receive", "send"] {
                env.push(json!({
                    "name": variable(path, right),
                    "valueFrom": { "secretKeyRef": { "name": secret, "key": right } },
                }));
            }
            after.push(object_id("Secret", &secret));
        }
        let changed = names::hash(&config);
        self.put(Put::new(
            "ConfigMap",
            "v1",
            &name,
            json!({ "data": { "nats.conf": config } }),
        ));
        let health = |path: &str, period: u32, failures: u32| {
            json!({
                "httpGet": { "path": path, "port": MONITOR },
                "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
            })
        };
        let container = json!({
            "name": name,
            "image": self.settings.image("nats"),
            "args": ["--config", "/etc/nats/nats.conf"],
            "ports": [{ "name": "nats", "containerPort": NATS, "protocol": "TCP" }],
            "env": env,
            "startupProbe": health("/healthz", 1, 60),
            "readinessProbe": health("/healthz?js-server-only=true", 5, 3),
            "livenessProbe": health("/healthz?js-enabled-only=true", 10, 3),
            "resources": {
                "requests": { "cpu": "50m", "memory": "128Mi" },
                "limits": { "memory": "1Gi" },
            },
            "securityContext": locked(),
            "volumeMounts": [
                { "name": "data", "mountPath": "/data" },
                { "name": "config", "mountPath": "/etc/nats", "readOnly": true },
                { "name": "tmp", "mountPath": "/tmp" },
            ],
        });
        let monitor = self.settings.keda_namespace.as_ref().map(|_| MONITOR);
        if let Some(monitor) = monitor {
            self.scaler_asks(&name, monitor);
        }
        self.server(
            None,
            Server {
                name: &name,
                path: None,
                label: "NATS for the queues".into(),
                port: NATS,
                monitor,
                user: 1000,
                container,
                volumes: vec![
                    json!({ "name": "data", "persistentVolumeClaim": { "claimName": data } }),
                    json!({ "name": "config", "configMap": { "name": name } }),
                    json!({ "name": "tmp", "emptyDir": { "sizeLimit": "16Mi" } }),
                ],
                annotations: json!({ "plat/files": changed }),
                after,
                grace: 60,
            },
        );
    }
}

/// The room for messages that wait.
const ROOM: u64 = 10 << 30;

/// What a helper of ours needs.
pub(super) fn small() -> Json {
    json!({
        "requests": { "cpu": "10m", "memory": "32Mi" },
        "limits": { "memory": "256Mi" },
    })
}

fn variable(path: &NodePath, right: &str) -> String {
    let name: String = path
        .as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "{name}_{}_{}",
        names::hash(path.as_str()),
        right.to_uppercase()
    )
}

/// The configuration of the queues' server: the streams are in an account of ours, and each right
/// to a queue is a user in an account of its own that imports the few subjects it needs, so that
/// nobody sees another's inbox. Passwords are variables of the environment.
fn nats_config(queues: &[(&NodePath, &plat_model::Node)]) -> String {
    let mut text = format!(
        "listen: 0.0.0.0:{NATS}\n\
         http: 0.0.0.0:{MONITOR}\n\
         server_name: plat\n\
         pid_file: /tmp/nats.pid\n\
         jetstream {{ store_dir: /data }}\n\
         accounts {{\n  {STREAMS} {{\n    jetstream: enabled\n    users: [{{ user: plat, password: $NATS_PASSWORD }}]\n    exports: [\n"
    );
    for (_, node) in queues {
        let queue = &node.name;
        let _ = writeln!(text, "      {{ service: \"{queue}\" }}");
        let _ = writeln!(text, "      {{ service: \"$JS.ACK.{queue}.{queue}.>\" }}");
    }
    text.push_str("      { service: \"$JS.API.>\", response_type: stream }\n    ]\n  }\n");
    for (path, node) in queues {
        let queue = &node.name;
        let receive = [
            format!("$JS.ACK.{queue}.{queue}.>"),
            format!("$JS.API.STREAM.INFO.{queue}"),
            format!("$JS.API.CONSUMER.INFO.{queue}.{queue}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{queue}.{queue}"),
        ];
        let send = [queue.clone(), format!("$JS.API.STREAM.INFO.{queue}")];
        for (right, publish) in [("receive", receive.as_slice()), ("send", send.as_slice())] {
            let own = publish.first().map(String::as_str).unwrap_or_default();
            let publish: Vec<String> = publish.iter().map(|s| format!("\"{s}\"")).collect();
            let _ = writeln!(
                text,
                "  link-{queue}-{right} {{\n    users: [{{ user: {queue}-{right}, password: ${}, permissions: {{ publish: [{}], subscribe: [\"_INBOX.>\"] }} }}]\n    imports: [{{ service: {{ account: {STREAMS}, subject: \"{own}\" }} }}, {{ service: {{ account: {STREAMS}, subject: \"$JS.API.>\" }} }}]\n  }}",
                variable(path, right),
                publish.join(", "),
            );
        }
    }
    text.push_str("}\n");
    text
}
