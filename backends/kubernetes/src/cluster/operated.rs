//! How the objects of operators are, which `kstatus` knows nothing of: each tells it in its own words.

use plat_engine::Health;
use serde_json::Value as Json;

use super::text;

/// The annotation by which a `Cluster` of CloudNativePG rests: its pods go, its volumes stay.
/// <https://cloudnative-pg.io/documentation/current/declarative_hibernation/>
pub(crate) const HIBERNATION: &str = "cnpg.io/hibernation";
/// The API group of CloudNativePG.
pub(super) const CNPG: &str = "postgresql.cnpg.io";
/// What a `Cluster` says of itself when all is well: `PhaseHealthy`.
const HEALTHY: &str = "Cluster in healthy state";
/// The phase that does not end by itself: `PhaseUnrecoverable`. Others that sound like it are tried again
/// by the operator: they end, or the deadline tells of them.
const UNRECOVERABLE: &str = "Cluster is unrecoverable and needs manual intervention";

/// Whether a `Cluster` rests as it was asked to: none of its pods is there any more. The operator lets
/// only one rest that is well.
pub(crate) fn rests(live: &Json) -> bool {
    let conditions = live.pointer("/status/conditions").and_then(Json::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|c| c["type"] == HIBERNATION && c["status"] == "True")
}

fn ailing(why: String) -> Health {
    Health::Ailing { why }
}

fn number(live: &Json, pointer: &str) -> Option<i64> {
    live.pointer(pointer).and_then(Json::as_i64)
}

/// How a `Cluster` of CloudNativePG is. It tells not which generation it has seen, so what it was asked
/// for is held to what it tells.
pub(super) fn cluster(live: &Json) -> Health {
    let Some(phase) = text(live, "/status/phase") else {
        return ailing("the operator has not taken it up yet".to_owned());
    };
    let wanted = number(live, "/spec/instances").unwrap_or(1);
    let there = number(live, "/status/instances").unwrap_or(0);
    let ready = number(live, "/status/readyInstances").unwrap_or(0);
    let full = || match text(live, "/status/phaseReason") {
        Some(why) if !why.is_empty() => format!("{phase}: {why}"),
        _ => phase.to_owned(),
    };
    if phase == UNRECOVERABLE {
        return Health::Stopped { why: full() };
    }
    if phase != HEALTHY {
        return ailing(full());
    }
    if ready < wanted {
        return ailing(format!("{ready} of {wanted} instances are ready"));
    }
    if there > wanted {
        return ailing(format!("{} instances are still to go", there - wanted));
    }
    let (asked, runs) = (text(live, "/spec/imageName"), text(live, "/status/image"));
    if asked.is_some() && runs.is_some() && asked != runs {
        return ailing("the instances still run the former image".to_owned());
    }
    roles(live).map_or(Health::Well, ailing)
}

/// Why a role that is asked for is not as it is asked for yet.
fn roles(live: &Json) -> Option<String> {
    let asked = live.pointer("/spec/managed/roles")?.as_array()?;
    let done = live.pointer("/status/managedRolesStatus/byStatus/reconciled");
    let done: Vec<&Json> = done
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .collect();
    let fails = live.pointer("/status/managedRolesStatus/cannotReconcile");
    asked
        .iter()
        .filter_map(|role| role.get("name"))
        .find_map(|name| {
            let why = fails.and_then(|all| all.get(name.as_str()?)?.get(0)?.as_str());
            match why {
                Some(why) => Some(format!("the role {name} can't be made: {why}")),
                None if done.contains(&name) => None,
                None => Some(format!("the role {name} is not made yet")),
            }
        })
}

/// How a `Database` of CloudNativePG is: whether what it says was done.
pub(super) fn database(live: &Json) -> Health {
    let seen = number(live, "/status/observedGeneration");
    if seen.is_none() || seen < number(live, "/metadata/generation") {
        return ailing("the operator has not taken it up yet".to_owned());
    }
    match live.pointer("/status/applied").and_then(Json::as_bool) {
        Some(true) => Health::Well,
        _ => {
            let why = text(live, "/status/message").unwrap_or("it is not done yet");
            ailing(why.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(status: &Json) -> Health {
        cluster(&json!({
            "spec": {
                "instances": 2, "imageName": "pg:17",
                "managed": { "roles": [{ "name": "db_reader" }] },
            },
            "status": status,
        }))
    }

    #[test]
    fn a_cluster_is_well_when_all_that_was_asked_for_is_there() {
        let well = json!({
            "phase": HEALTHY, "instances": 2, "readyInstances": 2, "image": "pg:17",
            "managedRolesStatus": { "byStatus": { "reconciled": ["db_reader"] } },
        });
        assert_eq!(with(&well), Health::Well);
        for (at, value, why) in [
            ("phase", json!("Setting up primary"), "Setting up primary"),
            ("readyInstances", json!(1), "1 of 2 instances are ready"),
            ("instances", json!(3), "1 instances are still to go"),
            (
                "image",
                json!("pg:16"),
                "the instances still run the former image",
            ),
            (
                "managedRolesStatus",
                json!({ "byStatus": { "pending-reconciliation": ["db_reader"] } }),
                "the role \"db_reader\" is not made yet",
            ),
            (
                "managedRolesStatus",
                json!({ "cannotReconcile": { "db_reader": ["no such role"] } }),
                "the role \"db_reader\" can't be made: no such role",
            ),
        ] {
            let mut status = well.clone();
            status[at] = value;
            assert_eq!(with(&status), ailing(why.to_owned()));
        }
        assert!(matches!(with(&json!({})), Health::Ailing { .. }));
        let lost = json!({ "phase": UNRECOVERABLE, "phaseReason": "no copy is left" });
        let why = format!("{UNRECOVERABLE}: no copy is left");
        assert_eq!(with(&lost), Health::Stopped { why });
        // It is tried again.
        let tries = json!({ "phase": "Unable to create required cluster objects" });
        assert!(matches!(with(&tries), Health::Ailing { .. }));
    }

    #[test]
    fn a_cluster_rests_when_the_operator_says_so() {
        let with = |status: &str| {
            rests(&json!({ "status": { "conditions": [
                { "type": "Ready", "status": "True" },
                { "type": HIBERNATION, "status": status },
            ]}}))
        };
        assert!(with("True"));
        assert!(!with("False"));
        assert!(!rests(&json!({})));
    }

    #[test]
    fn a_database_is_well_when_its_newest_was_done() {
        let with =
            |status: Json| database(&json!({ "metadata": { "generation": 2 }, "status": status }));
        assert_eq!(
            with(json!({ "observedGeneration": 2, "applied": true })),
            Health::Well
        );
        assert!(with(json!({ "observedGeneration": 1, "applied": true })) != Health::Well);
        assert_eq!(
            with(
                json!({ "observedGeneration": 2, "applied": false, "message": "no control file" })
            ),
            ailing("no control file".to_owned())
        );
        assert!(with(json!({})) != Health::Well);
    }
}
