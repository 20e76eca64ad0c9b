//! Who may write, as Kubernetes' own object for it: `kubectl get leases` shows the holder.
//!
//! What the engine wrote stands in an annotation, byte for byte; the fields say the same to others.

use plat_engine::{Blob, Expect};
use serde_json::{Map, Value as Json, json};

use super::super::kinds::of;
use super::super::{ApiError, Kind, annotation, text};
use super::{SecretStore, Trouble};
use crate::names;

/// What the engine wrote.
const WRITTEN: &str = "plat/lease";

/// Not a kind that is lowered.
static KIND: Kind = of("Lease", "coordination.k8s.io/v1", "leases");

/// What the engine wrote, as a Lease says it.
fn spec(written: &Json) -> Json {
    let lease = find(written, "renewed").unwrap_or(&Json::Null);
    let number = |at: &str| lease.pointer(at).and_then(Json::as_u64);
    let time = |millis: u64| {
        let time = chrono::DateTime::from_timestamp_millis(i64::try_from(millis).ok()?)?;
        Some(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    };
    let mut spec = Map::new();
    let mut say = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            spec.insert(name.to_owned(), value);
        }
    };
    let holder = lease.get("holder").filter(|h| !h.is_null());
    say(
        "holderIdentity",
        holder.map(|h| {
            let part = |at: &str| h.get(at).and_then(Json::as_str).unwrap_or_default();
            let pid = h.get("pid").and_then(Json::as_u64).unwrap_or_default();
            format!("{} ({}, process {pid})", part("host"), part("command")).into()
        }),
    );
    let seconds = number("/ttl").map(|ttl| ttl.div_ceil(1000).max(1));
    say("leaseDurationSeconds", seconds.map(Into::into));
    say("leaseTransitions", number("/fence").map(Into::into));
    say(
        "acquireTime",
        number("/holder/since").and_then(time).map(Into::into),
    );
    say(
        "renewTime",
        number("/renewed").and_then(time).map(Into::into),
    );
    spec.into()
}

/// The part of a file of the engine's that has this field.
fn find<'a>(json: &'a Json, field: &str) -> Option<&'a Json> {
    let map = json.as_object()?;
    if map.contains_key(field) {
        return Some(json);
    }
    map.values().find_map(|value| find(value, field))
}

impl SecretStore {
    fn lease_name(&self) -> String {
        names::name(&format!(
            "plat-{}-{}",
            self.scope.app, self.scope.environment
        ))
    }

    /// The lease as it is there: its version and what the engine wrote.
    async fn lease(&self) -> Result<Option<(Option<String>, Vec<u8>)>, Trouble> {
        let live = self.cluster.get(&KIND, &self.lease_name()).await?;
        let Some(live) = live else {
            return Ok(None);
        };
        let Some(written) = annotation(&live, WRITTEN) else {
            let why = format!("the Lease {} is not one that plat wrote", self.lease_name());
            let next = "remove it, or give the app another namespace";
            return Err(Trouble::Failed(ApiError::other(why).next(next)));
        };
        let version = text(&live, "/metadata/resourceVersion").map(str::to_owned);
        Ok(Some((version, written.as_bytes().to_vec())))
    }

    pub(super) async fn read_lease(&self) -> Result<Option<Blob>, Trouble> {
        let there = self.lease().await?;
        Ok(there.map(|(_, bytes)| Blob { bytes }))
    }

    pub(super) async fn write_lease(&self, bytes: &[u8], expect: &Expect) -> Result<(), Trouble> {
        let there = self.lease().await?;
        let version = match (expect, there) {
            (Expect::Absent | Expect::Anything, None) => None,
            (Expect::Anything, Some((version, _))) => version,
            (Expect::Tag(tag), Some((version, bytes)))
                if plat_model::Digest::of(&bytes) == *tag =>
            {
                version
            }
            _ => return Err(Trouble::Moved),
        };
        let written = String::from_utf8_lossy(bytes);
        let read: Json = serde_json::from_str(&written).unwrap_or_default();
        let name = self.lease_name();
        let manifest = json!({
            "apiVersion": KIND.version,
            "kind": KIND.name,
            "metadata": {
                "name": name,
                "namespace": self.cluster.namespace,
                "resourceVersion": version,
                "labels": { (names::MANAGED_BY): names::MANAGER },
                "annotations": { WRITTEN: written },
            },
            "spec": spec(&read),
        });
        let put = match version {
            Some(_) => self.cluster.replace(&KIND, &name, &manifest).await,
            None => self.made(&KIND, &manifest).await,
        };
        match put {
            Ok(_) => Ok(()),
            // Not answered, or refused for what this call itself wrote: no two leases that the
            // engine writes are the same.
            Err(error) if matches!(error.code, 0 | 409 | 429 | 500..=599) => {
                match self.lease().await? {
                    Some((_, there)) if there == bytes => Ok(()),
                    _ if error.code == 409 => Err(Trouble::Moved),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn remove_lease(&self) -> Result<(), Trouble> {
        Ok(self.cluster.delete(&KIND, &self.lease_name(), None).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::spec;
    use serde_json::json;

    #[test]
    fn a_lease_says_who_holds_it() {
        let written = json!({ "format": 1, "lease": {
            "fence": 7,
            "holder": {
                "host": "laptop", "boot": "b", "pid": 12, "started": 3,
                "command": "platc apply prod", "since": 1_700_000_000_000_u64,
            },
            "renewed": 1_700_000_000_500_u64,
            "ttl": 15_000,
        }});
        assert_eq!(
            spec(&written),
            json!({
                "holderIdentity": "laptop (platc apply prod, process 12)",
                "leaseDurationSeconds": 15,
                "leaseTransitions": 7,
                "acquireTime": "2023-11-14T22:13:20.000000Z",
                "renewTime": "2023-11-14T22:13:20.500000Z",
            })
        );
        let free = json!({ "fence": 7, "holder": null, "renewed": 0, "ttl": 1 });
        assert_eq!(spec(&free).get("holderIdentity"), None);
    }
}
