//! Buckets: each has an S3 server of its own, whose one key is that bucket's.
//!
//! The server is VersityGW (github.com/versity/versitygw): one small program over a file system, so
//! that an object is a file that any tool can read and save. One for each bucket, since its first
//! key may do everything: so who has the key of one bucket knows nothing of another.

use crate::json::{Json, json};
use plat_engine::fields::Fields;
use plat_engine::{Note, NoteKind};

use super::outs::{ACCESS_KEY, REGION, S3, SECRET_KEY};
use super::pods::locked;
use super::resources::Server;
use super::{Lowering, object_id};

/// The room of a bucket, which says no size itself.
const ROOM: u64 = 10 << 30;
/// The user of its server.
const USER: i64 = 1000;
/// Where it is asked for its health: no bucket can have that name.
const HEALTH: &str = "/-/health";

impl<'a> Lowering<'a> {
    pub(super) fn bucket(&mut self, fields: &mut Fields<'a>) {
        if fields.yes("versions") {
            fields.not_built("versions", "keeping older versions of an object");
        }
        if fields.yes("public") {
            fields.not_built("public", "a bucket that everybody may read");
        }
        let name = self.name(fields.node);
        let path = fields.path.clone();
        let put = self.credentials(&name, [ACCESS_KEY, SECRET_KEY]);
        self.put(put.of(fields).label(format!("credentials of {path}")));
        self.account(fields, &name);
        let data = self.helper(fields.node, "data");
        let what = format!("the bucket {path} and all its objects");
        let claim = self.claim(&data, ROOM, false, what);
        self.put(claim.of(fields).label(format!("data of {path}")));
        self.told.notes.push(Note {
            kind: NoteKind::Info,
            node: Some(path.clone()),
            field: None,
            place: self.graph.origins.place(fields.node.origin).cloned(),
            message: "has room for 10 GiB: `raw = [kubernetes.patch(\"PersistentVolumeClaim\", …)]` gives it more".into(),
        });
        let container = self.bucket_container(fields, &name);
        self.server(
            Some(fields),
            Server {
                name: &name,
                path: Some(fields.path),
                label: format!("S3 for {path}"),
                port: S3,
                monitor: None,
                user: USER,
                container,
                volumes: vec![
                    json!({ "name": "data", "persistentVolumeClaim": { "claimName": data } }),
                    json!({ "name": "tmp", "emptyDir": { "sizeLimit": "1Gi" } }),
                ],
                annotations: Json::Null,
                after: vec![
                    object_id("Secret", &name),
                    object_id("ServiceAccount", &name),
                    object_id("NetworkPolicy", &name),
                    object_id("PersistentVolumeClaim", &data),
                ],
                grace: 30,
            },
        );
    }

    fn bucket_container(&self, fields: &Fields<'a>, name: &str) -> Json {
        // What is beside an object's bytes stands in files too: not every volume keeps extended
        // attributes.
        let script = format!(
            "mkdir -p \"/data/objects/$BUCKET\" /data/attributes && exec versitygw --port :{S3} --region {REGION} --health {HEALTH} --disable-strict-bucket-names --quiet posix --sidecar /data/attributes /data/objects"
        );
        let key = |variable: &str, key: &str| {
            json!({
                "name": variable,
                "valueFrom": { "secretKeyRef": { "name": name, "key": key } },
            })
        };
        let health = |period: u32, failures: u32| {
            json!({
                "httpGet": { "path": HEALTH, "port": S3 },
                "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
            })
        };
        json!({
            "name": name,
            "image": self.settings.image("s3"),
            "command": ["sh", "-c", script],
            "ports": [{ "name": "s3", "containerPort": S3, "protocol": "TCP" }],
            "env": [
                { "name": "BUCKET", "value": fields.node.name },
                key("ROOT_ACCESS_KEY_ID", ACCESS_KEY),
                key("ROOT_SECRET_ACCESS_KEY", SECRET_KEY),
            ],
            "startupProbe": health(1, 60),
            "readinessProbe": health(5, 3),
            "livenessProbe": health(10, 3),
            "resources": {
                "requests": { "cpu": "50m", "memory": "64Mi" },
                "limits": { "memory": "512Mi" },
            },
            "securityContext": locked(),
            "volumeMounts": [
                { "name": "data", "mountPath": "/data" },
                { "name": "tmp", "mountPath": "/tmp" },
            ],
        })
    }
}
