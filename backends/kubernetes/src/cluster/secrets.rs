//! Secrets, in `Secret`s of the environment's namespace.
//!
//! What is declared says where each key comes from ([`KEYS`]). Generated ones are made here, once;
//! a value that is there is never made anew but by `rotate`.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plat_engine::{BackendError, Scope, SecretInfo, SecretStore, SecretValue};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ApiError, Cluster, annotation, backend_error, kind};
use crate::lower::{ADMINISTRATOR, KEYS};
use crate::names;

/// The key of a declared secret.
const VALUE: &str = "value";

/// The secrets of a cluster's namespace.
pub struct Secrets {
    cluster: Arc<Cluster>,
    prefix: String,
}

impl Secrets {
    /// Those of that namespace, whose objects' names begin with `prefix`.
    pub fn new(cluster: Arc<Cluster>, prefix: impl Into<String>) -> Self {
        Self {
            cluster,
            prefix: prefix.into(),
        }
    }

    fn name(&self, declared: &str) -> String {
        let external = plat_model::NodePath::from(declared).external_name();
        names::name(&format!("{}{external}", self.prefix))
    }
}

/// Letters and digits from the system's randomness; a letter first, since configuration files take
/// what begins with a digit for a number.
fn random(length: usize) -> String {
    let mut rng = rand::rng();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let c = char::from(rng.sample(Alphanumeric));
        if !text.is_empty() || c.is_ascii_alphabetic() {
            text.push(c);
        }
    }
    text
}

/// The length of a value that is made here.
fn random_length(how: &str) -> Option<usize> {
    let length = how.strip_prefix("random(")?.strip_suffix(')')?;
    length.parse().ok()
}

/// A key of a Secret, as the source declares it.
struct DeclaredKey<'a> {
    live: &'a Json,
    /// What people call it: the declaration's path, with the key of a generated credential.
    name: String,
    key: String,
    /// Where its value comes from.
    how: String,
}

/// A value that is no secret and stands beside one: `is(NAME)`, as the user's name whose password
/// an operator takes from the same Secret.
fn said(how: &str) -> Option<&str> {
    how.strip_prefix("is(")?.strip_suffix(')')
}

fn keys_of(live: &Json) -> Vec<DeclaredKey<'_>> {
    let keys: BTreeMap<String, String> = annotation(live, KEYS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let path = annotation(live, names::PATH)
        .or_else(|| super::text(live, "/metadata/labels/plat~1path"))
        .unwrap_or_default();
    let role = annotation(live, names::ROLE);
    keys.into_iter()
        .filter(|(_, how)| said(how).is_none())
        .map(|(key, how)| DeclaredKey {
            live,
            name: match role {
                Some(role) => format!("{path}.{role}"),
                None if key == VALUE => path.to_owned(),
                None => format!("{path}.{key}"),
            },
            key,
            how,
        })
        .collect()
}

impl DeclaredKey<'_> {
    /// What may be known of it; `None` while it has no value.
    fn info(&self) -> Option<SecretInfo> {
        let value = self.live.get("data")?.get(&self.key)?.as_str()?;
        // The uid is known to this cluster alone: what is hashed with it tells nothing else.
        let salt = super::text(self.live, "/metadata/uid").unwrap_or_default();
        let mut digest = String::new();
        for byte in Sha256::digest(format!("{salt}\n{value}")).iter().take(8) {
            digest.push_str(&format!("{byte:02x}"));
        }
        Some(SecretInfo {
            name: self.name.clone(),
            generated: random_length(&self.how).is_some(),
            digest,
            since: self.since().unwrap_or(0),
        })
    }

    /// When its value was last written, as the API server's record has it.
    fn since(&self) -> Option<u64> {
        let managers = self.live.pointer("/metadata/managedFields")?.as_array()?;
        let field = format!("f:{}", self.key);
        let times = managers.iter().filter_map(|manager| {
            manager.get("fieldsV1")?.get("f:data")?.get(&field)?;
            let time = manager.get("time")?.as_str()?;
            let time = chrono::DateTime::parse_from_rfc3339(time).ok()?;
            u64::try_from(time.timestamp()).ok()
        });
        times.max()
    }
}

/// Makes the values that a Secret lacks.
///
/// # Errors
/// One has to be set by hand and is not, or the cluster refuses.
pub(crate) async fn fill(cluster: &Cluster, live: &Json) -> Result<(), ApiError> {
    let Some(secret) = kind("Secret") else {
        return Ok(());
    };
    let keys: BTreeMap<String, String> = annotation(live, KEYS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut made = Map::new();
    for (key, how) in &keys {
        let there = live
            .pointer("/data")
            .and_then(|data| data.get(key))
            .is_some();
        match random_length(how) {
            _ if there => {}
            None if let Some(said) = said(how) => {
                made.insert(key.clone(), STANDARD.encode(said).into());
            }
            Some(length) => {
                made.insert(key.clone(), STANDARD.encode(random(length)).into());
            }
            None if how == "optional" => {}
            None => {
                let path = super::text(live, "/metadata/labels/plat~1path").unwrap_or(key);
                let env = super::text(live, "/metadata/labels/plat~1env").unwrap_or_default();
                let next = format!("platc secret set {path} --env {env}");
                return Err(ApiError::other("it has no value").next(next));
            }
        }
    }
    if !made.is_empty() {
        let name = super::text(live, "/metadata/name").unwrap_or_default();
        let version = live.pointer("/metadata/resourceVersion").cloned();
        // Two who make a value at once would each give it to somebody.
        let patch = json!({ "metadata": { "resourceVersion": version }, "data": made });
        cluster.merge(secret, name, &patch).await?;
    }
    Ok(())
}

#[async_trait]
impl SecretStore for Secrets {
    async fn list(&self, scope: &Scope) -> Result<Vec<SecretInfo>, BackendError> {
        let failed = |e| backend_error("reading the secrets", e);
        let Some(secret) = kind("Secret") else {
            return Ok(Vec::new());
        };
        let labels = crate::backend::owned(scope);
        let all = self.cluster.list(secret, &labels).await.map_err(failed)?;
        let mut infos: Vec<SecretInfo> = all
            .iter()
            .flat_map(keys_of)
            .filter_map(|key| key.info())
            .collect();
        infos.sort();
        Ok(infos)
    }

    async fn set(&self, scope: &Scope, name: &str, value: SecretValue) -> Result<(), BackendError> {
        let failed = |e| backend_error(format!("setting the secret {name}"), e);
        let (Some(secret), Some(namespace)) = (kind("Secret"), kind("Namespace")) else {
            return Ok(());
        };
        let object = self.name(name);
        let data = json!({ VALUE: STANDARD.encode(value.reveal()) });
        let there = self.cluster.get(secret, &object).await.map_err(failed)?;
        if there.is_some() {
            let patch = json!({ "data": data });
            self.cluster
                .merge(secret, &object, &patch)
                .await
                .map_err(failed)?;
            return Ok(());
        }
        ensure_namespace(&self.cluster, namespace)
            .await
            .map_err(failed)?;
        let keys = json!({ VALUE: "set" }).to_string();
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": object,
                "namespace": self.cluster.namespace,
                "labels": {
                    (names::MANAGED_BY): names::MANAGER,
                    names::APP: names::label(&scope.app),
                    names::ENV: names::label(&scope.environment),
                    names::PATH: names::label(name),
                },
                "annotations": { KEYS: keys },
            },
            "type": "Opaque",
            "data": data,
        });
        self.cluster
            .create(secret, &manifest)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn remove(&self, _scope: &Scope, name: &str) -> Result<bool, BackendError> {
        let failed = |e| backend_error(format!("removing the secret {name}"), e);
        let Some(secret) = kind("Secret") else {
            return Ok(false);
        };
        let object = self.name(name);
        let there = self.cluster.get(secret, &object).await.map_err(failed)?;
        let has = there.is_some_and(|live| live.pointer("/data/value").is_some());
        if has {
            let patch = json!({ "data": { VALUE: null } });
            self.cluster
                .merge(secret, &object, &patch)
                .await
                .map_err(failed)?;
        }
        Ok(has)
    }

    async fn rotate(&self, scope: &Scope, name: &str) -> Result<(), BackendError> {
        let what = format!("rotating the secret {name}");
        let failed = |e| backend_error(what.clone(), e);
        let Some(secret) = kind("Secret") else {
            return Ok(());
        };
        let labels = crate::backend::owned(scope);
        let all = self.cluster.list(secret, &labels).await.map_err(failed)?;
        let known = all.iter().flat_map(keys_of);
        let Some(found) = known.into_iter().find(|key| key.name == name) else {
            return Err(BackendError::new(what, "there is no such secret here")
                .next("platc secret list shows what there is"));
        };
        let Some(length) = random_length(&found.how) else {
            return Err(BackendError::new(what, "its value was set, not generated")
                .next(format!("give it another: platc secret set {name}")));
        };
        if found.key == ADMINISTRATOR {
            return Err(BackendError::new(
                what,
                "only the setup of the database knows it, which could not get in any more",
            )
            .next("rotate the credentials of those who use it: owner, reader"));
        }
        let version = found.live.pointer("/metadata/resourceVersion").cloned();
        let patch = json!({
            "metadata": { "resourceVersion": version },
            "data": { found.key: STANDARD.encode(random(length)) },
        });
        let object = super::text(found.live, "/metadata/name").unwrap_or_default();
        let merged = self.cluster.merge(secret, object, &patch).await;
        merged.map(|_| ()).map_err(failed)
    }
}

/// Makes the namespace where there is none.
pub(super) async fn ensure_namespace(
    cluster: &Cluster,
    kind: &super::Kind,
) -> Result<(), ApiError> {
    let name = &cluster.namespace;
    if cluster.get(kind, name).await?.is_some() {
        return Ok(());
    }
    // Marked as ours: what an apply says of it comes later, and may be cut off before that.
    let manifest = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { (names::MANAGED_BY): names::MANAGER } },
    });
    match cluster.create(kind, &manifest).await {
        Ok(_) => Ok(()),
        // Somebody was faster.
        Err(e) if e.code == 409 => Ok(()),
        Err(e) => Err(e),
    }
}
