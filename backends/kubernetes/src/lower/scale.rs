//! How many copies run, and how they change.

use crate::json::{Json, json};
use plat_engine::OnChange;
use plat_model::{Data, Value};

use super::{Lowering, Put, object_id};
use plat_engine::fields::Fields;

/// How many copies run.
pub(super) struct Copies {
    pub(super) least: u32,
    pub(super) most: u32,
    /// How busy the processors may be, in percent.
    cpu: u32,
    /// Whether how many there are is somebody else's once there are some. Then nothing of ours moves
    /// them, and nothing else follows from what the source says of them.
    pub(super) left: bool,
}

impl Copies {
    pub(super) fn of(fields: &mut Fields<'_>) -> Self {
        let said = Self::said(fields);
        if fields.leaves("scale") {
            return Self {
                left: true,
                ..Self::fixed(said.least)
            };
        }
        said
    }

    fn said(fields: &mut Fields<'_>) -> Self {
        let number = |value: &Value| value.as_int().and_then(|n| u32::try_from(n).ok());
        let Some(scale) = fields.get("scale") else {
            return Self::fixed(1);
        };
        let range = scale.get("range").unwrap_or(scale);
        let Data::Range(least, most) = &range.data else {
            let count = scale.get("count").map_or_else(|| number(scale), number);
            return Self::fixed(count.unwrap_or(1));
        };
        if scale.get("backlog").is_some_and(|b| !b.is_none()) {
            fields.weaken(
                "scale",
                "copies follow how busy the processors are, not how much waits in the queue",
            );
        }
        let (least, most) = (number(least).unwrap_or(1), number(most).unwrap_or(1));
        if least == 0 {
            fields.weaken("scale", "one copy runs where nothing is to be done");
        }
        // A percentage is a share: 80% is 4/5.
        let percent = scale.get("cpu").and_then(|v| match &v.data {
            Data::Quantity(q) => Some(q.amount),
            Data::Decimal(n) => Some(*n),
            _ => None,
        });
        let cpu = percent
            .and_then(|n| n.checked_mul(plat_model::Decimal::int(100)))
            .and_then(|n| u32::try_from(n.floor()).ok())
            .unwrap_or(80);
        Self {
            least: least.max(1),
            most: most.max(1),
            cpu: cpu.max(1),
            left: false,
        }
    }

    const fn fixed(count: u32) -> Self {
        Self {
            least: count,
            most: count,
            cpu: 80,
            left: false,
        }
    }

    /// Whether there may be more than one at a time.
    pub(super) const fn may_be_several(&self) -> bool {
        self.least >= 2 || self.left
    }

    pub(super) const fn moves(&self) -> bool {
        self.least != self.most
    }
}

impl<'a> Lowering<'a> {
    /// What keeps a Deployment at as many copies as it should have.
    pub(super) fn scaled(&mut self, fields: &Fields<'a>, name: &str, copies: &Copies) {
        if copies.moves() {
            let body = json!({ "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
                "minReplicas": copies.least,
                "maxReplicas": copies.most,
                "metrics": [{
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": { "type": "Utilization", "averageUtilization": copies.cpu },
                    },
                }],
            }});
            self.put(
                Put::new("HorizontalPodAutoscaler", "autoscaling/v2", name, body)
                    .of(fields)
                    .label(format!("scale of {}", fields.path))
                    .after([object_id("Deployment", name)]),
            );
        }
        // With a single copy nobody could ever empty its node.
        if copies.may_be_several() {
            let body = json!({ "spec": {
                "maxUnavailable": 1,
                "selector": { "matchLabels": self.selector(Some(fields.path), super::pods::MAIN) },
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }});
            self.put(
                Put::new("PodDisruptionBudget", "policy/v1", name, body)
                    .of(fields)
                    .after([object_id("Deployment", name)]),
            );
        }
    }

    /// Spreads copies over nodes, then over zones, as far as there are any.
    pub(super) fn spread(&self, fields: &Fields<'a>) -> Json {
        let over = |what: &str| {
            json!({
                "maxSkew": 1,
                "topologyKey": what,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {
                    "matchLabels": self.selector(Some(fields.path), super::pods::MAIN),
                },
                // Old copies say nothing about where new ones should be.
                "matchLabelKeys": ["pod-template-hash"],
            })
        };
        json!([
            over("kubernetes.io/hostname"),
            over("topology.kubernetes.io/zone")
        ])
    }

    /// How a Deployment changes, and what that does, for people.
    pub(super) fn strategy(&self, fields: &mut Fields<'a>, writes_alone: bool) -> (Json, OnChange) {
        let rollout = fields.word("rollout").unwrap_or("auto");
        if rollout == "canary" || rollout == "blue_green" {
            fields.weaken("rollout", "copies change one after the other");
        }
        let stop_first = rollout == "stop_first" || (rollout == "auto" && writes_alone);
        if stop_first {
            let how = "the old copies stop first".to_owned();
            return (json!({ "type": "Recreate" }), OnChange::Restart { how });
        }
        let surge: u32 = fields.number("rollout.surge").unwrap_or(1);
        let how = if fields.node.kind.name == "service" {
            "rolling, no downtime"
        } else {
            "rolling"
        };
        let strategy = json!({
            "type": "RollingUpdate",
            "rollingUpdate": { "maxSurge": surge, "maxUnavailable": 0 },
        });
        (
            strategy,
            OnChange::Restart {
                how: how.to_owned(),
            },
        )
    }
}
