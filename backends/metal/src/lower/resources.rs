//! What holds data.

use std::collections::BTreeSet;

use plat_engine::OnChange;
use plat_model::{Data, NodePath, Value};

use super::texts::entries;
use super::{Lowering, NATS, S3};
use crate::spec::{
    Bucket, Generate, Nats, ObjectStore, Postgres, Queue, Redis, Role, SecretValue, Spec, Volume,
};
use plat_engine::fields::{self, Fields};

impl<'a> Lowering<'a> {
    pub(super) fn postgres(&mut self, fields: &mut Fields<'a>) {
        if fields.number::<u32>("replicas").is_some_and(|n| n > 1) {
            fields.weaken("replicas", "there is one server on one machine");
        }
        if fields.get("backup").is_some() {
            fields.weaken(
                "backup",
                "nothing is kept back of a database on this machine",
            );
        }
        if fields.word("resources") == Some("fixed") {
            fields.weaken(
                "resources",
                "processor and memory are not limited on this machine",
            );
        }
        if fields.get("storage").is_some() {
            fields.weaken(
                "storage",
                "the room of a database is not limited on this machine",
            );
        }
        if fields.get("replica_of").is_some() {
            fields.not_built("replica_of", "a copy of another database");
        }
        let roles = entries(fields.get("roles"))
            .map(|(name, role)| {
                let list = |part: &str| role.get(part).map(fields::texts).unwrap_or_default();
                let role = Role {
                    owns: list("owns"),
                    reads: list("reads"),
                };
                (name.to_string(), role)
            })
            .collect();
        let version = fields.number("version");
        let spec = Spec::Postgres(Postgres {
            version,
            database: fields.node.name.replace('-', "_"),
            extensions: fields.texts("extensions"),
            roles,
            passwords: self.version_of(fields.path),
        });
        let label = match version {
            Some(version) => format!("PostgreSQL {version} for {}", fields.path),
            None => format!("PostgreSQL for {}", fields.path),
        };
        self.add(
            fields,
            &spec,
            label,
            &BTreeSet::new(),
            &[
                ("version", OnChange::Replace),
                ("database", OnChange::Replace),
            ],
        );
    }

    pub(super) fn redis(&mut self, fields: &mut Fields<'a>) {
        let keep = fields.yes("keep");
        let evict = fields.word("evict").unwrap_or("never").to_owned();
        if evict == "random" {
            fields.not_built("evict", "dropping any key");
        }
        let spec = Spec::Redis(Redis {
            memory: fields.amount("memory").unwrap_or(256 * 1024 * 1024),
            keep,
            evict,
            passwords: self.version_of(fields.path),
        });
        let label = format!("Redis for {}", fields.path);
        let restart = OnChange::Restart {
            how: "it stops, then starts".into(),
        };
        self.add(
            fields,
            &spec,
            label,
            &BTreeSet::new(),
            &[("keep", restart.clone()), ("passwords", restart)],
        );
    }

    pub(super) fn queue(&mut self, fields: &mut Fields<'a>) {
        if let Some(protocol) = fields.word("protocol").filter(|p| *p != "nats") {
            let what = format!("a queue that speaks {protocol}");
            fields.not_built("protocol", &what);
        }
        self.share(NATS, &Spec::Nats(Nats {}), "NATS for the queues");
        let spec = Spec::Queue(Queue {
            stream: fields.node.name.clone(),
            retries: fields.number("retries").unwrap_or(5),
            visible_after: fields.millis("timeout").unwrap_or(60_000),
            passwords: self.version_of(fields.path),
        });
        let label = format!("queue {}", fields.path);
        self.add(fields, &spec, label, &[NATS.to_owned()].into(), &[]);
    }

    pub(super) fn bucket(&mut self, fields: &mut Fields<'a>) {
        if fields.yes("versions") {
            fields.not_built("versions", "keeping older versions of an object");
        }
        self.share(
            S3,
            &Spec::ObjectStore(ObjectStore {}),
            "S3 server for the buckets",
        );
        let spec = Spec::Bucket(Bucket {
            name: fields.node.name.clone(),
            public: fields.yes("public"),
            passwords: self.version_of(fields.path),
        });
        let label = format!("bucket {}", fields.path);
        self.add(
            fields,
            &spec,
            label,
            &[S3.to_owned()].into(),
            &[("name", OnChange::Replace)],
        );
    }

    pub(super) fn volume(&mut self, fields: &mut Fields<'a>) {
        fields.weaken(
            "size",
            "the room of a volume is not limited on this machine",
        );
        let label = format!("directory of {}", fields.path);
        self.add(
            fields,
            &Spec::Volume(Volume {}),
            label,
            &BTreeSet::new(),
            &[],
        );
    }

    pub(super) fn secret(&mut self, fields: &mut Fields<'a>) {
        let mut after = BTreeSet::new();
        let generate = match fields.word("generate") {
            None => None,
            Some("random") => {
                let length = fields.number("generate.length").unwrap_or(32);
                Some(Generate::Random(length))
            }
            Some("key") => match fields.word("generate.algorithm") {
                Some("ed25519") => Some(Generate::Ed25519),
                other => {
                    let what = format!("making a key for {}", other.unwrap_or("this"));
                    fields.not_built("generate", &what);
                    return;
                }
            },
            Some("jwt") => {
                let Some(generate) = self.jwt(fields, &mut after) else {
                    return;
                };
                Some(generate)
            }
            Some(other) => {
                let what = format!("a secret made by `{other}(…)`");
                fields.not_built("generate", &what);
                return;
            }
        };
        let spec = Spec::Secret(SecretValue {
            generate,
            optional: fields.yes("optional"),
        });
        let label = format!("secret {}", fields.path);
        self.add(fields, &spec, label, &after, &[]);
    }

    fn jwt(&self, fields: &mut Fields<'a>, after: &mut BTreeSet<String>) -> Option<Generate> {
        let holes = fields
            .get("generate.key")
            .map(Value::holes)
            .unwrap_or_default();
        let key = match holes.as_slice() {
            [hole] if hole.encoders.is_empty() => hole.producer.clone(),
            _ => {
                fields.not_built(
                    "generate",
                    "a token that is signed by anything but a secret",
                );
                return None;
            }
        };
        let mut claims = serde_json::Map::new();
        if let Some(Data::Map(entries)) = fields.get("generate.claims").map(|v| &v.data) {
            for (name, value) in entries {
                claims.insert(name.to_string(), value.as_str().unwrap_or_default().into());
            }
        }
        after.insert(format!("secret/{key}"));
        Some(Generate::Jwt {
            key,
            claims: serde_json::Value::Object(claims).to_string(),
        })
    }

    /// Which passwords a data service has.
    fn version_of(&self, path: &NodePath) -> String {
        self.versions(&[path.clone()].into())
            .into_values()
            .next()
            .unwrap_or_default()
    }
}
