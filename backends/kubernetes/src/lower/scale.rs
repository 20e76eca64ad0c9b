//! How many copies run, and how they change.

use crate::json::{Json, json};
use plat_engine::OnChange;
use plat_model::{Data, NodePath, Value};

use super::resources::{MONITOR, QUEUES, STREAMS};
use super::{Lowering, Put, object_id};
use plat_engine::fields::{self, Fields};

/// How many copies run.
pub(super) struct Copies {
    pub(super) least: u32,
    pub(super) most: u32,
    /// How busy the processors may be, in percent.
    cpu: u32,
    /// The queue whose waiting messages count, and for how many of them one copy is good.
    waits: Option<(NodePath, u32)>,
    /// Whether how many there are is somebody else's once there are some. Then nothing of ours moves
    /// them, and nothing else follows from what the source says of them.
    pub(super) left: bool,
}

impl Copies {
    /// `keda` says whether there is what scales by the messages that wait.
    pub(super) fn of(fields: &mut Fields<'_>, keda: bool) -> Self {
        let left = fields.leaves("scale");
        let said = Self::said(fields, keda || left);
        if left {
            return Self {
                left: true,
                ..Self::fixed(said.at_first())
            };
        }
        said
    }

    fn said(fields: &mut Fields<'_>, keda: bool) -> Self {
        let number = |value: &Value| value.as_int().and_then(|n| u32::try_from(n).ok());
        let Some(scale) = fields.get("scale") else {
            return Self::fixed(1);
        };
        let range = scale.get("range").unwrap_or(scale);
        let Data::Range(least, most) = &range.data else {
            let count = scale.get("count").map_or_else(|| number(scale), number);
            return Self::fixed(count.unwrap_or(1));
        };
        let (least, most) = (number(least).unwrap_or(1), number(most).unwrap_or(1));
        let queue = scale.get("backlog").and_then(fields::node_of);
        let waits = queue.map(|queue| (queue, scale.get("per").and_then(number).unwrap_or(100)));
        if let Some((queue, _)) = waits.as_ref().filter(|_| !keda && least != most) {
            let message = format!(
                "KEDA starts copies by what waits in `{queue}`, and nothing says that it is there"
            );
            let offers = vec![
                "say its namespace on the target: keda_namespace = \"keda\"".to_owned(),
                "leave `backlog` out: copies then follow how busy the processors are".to_owned(),
            ];
            fields.refuse("scale", message, offers);
        }
        if least == 0 && waits.is_none() {
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
            // Nobody measures how busy the processors of no copy are.
            least: least.max(u32::from(waits.is_none())),
            most: most.max(1),
            cpu: cpu.max(1),
            waits,
            left: false,
        }
    }

    const fn fixed(count: u32) -> Self {
        Self {
            least: count,
            most: count,
            cpu: 80,
            waits: None,
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

    /// What moves the copies of a Deployment of that name.
    pub(super) fn scaler(&self, name: &str) -> Option<String> {
        let kind = match self.waits {
            Some(_) => "ScaledObject",
            None => "HorizontalPodAutoscaler",
        };
        self.moves().then(|| object_id(kind, name))
    }

    /// How many there are before anybody has scaled. With none of what moves nobody would see whether
    /// a version works at all.
    pub(super) const fn at_first(&self) -> u32 {
        match (self.least, self.moves()) {
            (0, true) => 1,
            (least, _) => least,
        }
    }
}

impl<'a> Lowering<'a> {
    /// What keeps a Deployment at as many copies as it should have.
    pub(super) fn scaled(&mut self, fields: &Fields<'a>, name: &str, copies: &Copies) {
        if let Some((queue, per)) = copies.waits.as_ref().filter(|_| copies.moves()) {
            self.scaled_by_queue(fields, name, copies, (queue, *per));
        } else if copies.moves() {
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

    /// KEDA asks the queues' server how much waits, and has an autoscaler of its own for it.
    fn scaled_by_queue(
        &mut self,
        fields: &Fields<'a>,
        name: &str,
        copies: &Copies,
        (queue, per): (&NodePath, u32),
    ) {
        let Some(queue) = self.graph.nodes.get(queue) else {
            return;
        };
        let server = format!(
            "{}.{}.svc:{MONITOR}",
            self.own(QUEUES),
            self.settings.namespace
        );
        let body = json!({ "spec": {
            "scaleTargetRef": { "name": name },
            "minReplicaCount": copies.least,
            "maxReplicaCount": copies.most,
            "triggers": [
                {
                    "type": "nats-jetstream",
                    "metadata": {
                        "natsServerMonitoringEndpoint": server,
                        "account": STREAMS,
                        "stream": queue.name,
                        "consumer": queue.name,
                        "lagThreshold": per.to_string(),
                    },
                },
                {
                    "type": "cpu",
                    "metricType": "Utilization",
                    "metadata": { "value": copies.cpu.to_string() },
                },
            ],
        }});
        self.put(
            Put::new("ScaledObject", "keda.sh/v1alpha1", name, body)
                .of(fields)
                .label(format!("scale of {}", fields.path))
                .after([object_id("Deployment", name)]),
        );
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
