//! What runs all the time: services, workers, daemons.

use crate::json::{Json, json};
use plat_engine::OnChange;

use super::pods::{MAIN, port_name};
use super::scale::Copies;
use super::{Lowering, Put};
use plat_engine::fields::Fields;

/// How many former revisions are kept to go back to.
const HISTORY: u32 = 3;

impl<'a> Lowering<'a> {
    pub(super) fn workload(&mut self, fields: &mut Fields<'a>) {
        let copies = Copies::of(fields, self.settings.keda_namespace.is_some());
        let Some(mut pod) = self.pod(fields, "Always") else {
            return;
        };
        let name = self.name(fields.node);
        let (strategy, change) = self.strategy(fields, pod.writes_alone);
        if pod.writes_alone && (copies.most > 1 || copies.left) {
            let affinity = self.together(fields);
            pod.spec.insert("affinity".into(), affinity);
        } else if copies.most > 1 || copies.left {
            let spread = self.spread(fields);
            pod.spec.insert("topologySpreadConstraints".into(), spread);
        }
        let body = json!({ "spec": {
            "replicas": copies.at_first(),
            "revisionHistoryLimit": HISTORY,
            "selector": { "matchLabels": self.selector(Some(fields.path), MAIN) },
            "strategy": strategy,
            "template": self.template(fields, MAIN, &pod),
        }});
        // What moves is the autoscaler's. To say a number each time would take it back; to say none
        // would have the API server put one copy there, where there were as many as a source said.
        let is_others = copies.left || copies.moves();
        let left: &[_] = if is_others { &["spec.replicas"] } else { &[] };
        let kind = &fields.node.kind.name;
        let put = Put::new("Deployment", "apps/v1", &name, body)
            .of(fields)
            .leave(left)
            .lend("spec.replicas", copies.scaler(&name))
            .label(format!("{kind} {}", fields.path))
            .after(pod.after)
            .on_change("spec.template", change)
            .on_change("spec.selector", OnChange::Replace);
        self.put(put);
        self.scaled(fields, &name, &copies);
        if kind == "service" {
            self.service(fields, &name);
        }
    }

    pub(super) fn daemon(&mut self, fields: &mut Fields<'a>) {
        let Some(mut pod) = self.pod(fields, "Always") else {
            return;
        };
        // On every host, whatever else it is for.
        pod.spec
            .insert("tolerations".into(), json!([{ "operator": "Exists" }]));
        let name = self.name(fields.node);
        let body = json!({ "spec": {
            "revisionHistoryLimit": HISTORY,
            "selector": { "matchLabels": self.selector(Some(fields.path), MAIN) },
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": 1 },
            },
            "template": self.template(fields, MAIN, &pod),
        }});
        let how = "host by host".to_owned();
        self.put(
            Put::new("DaemonSet", "apps/v1", &name, body)
                .of(fields)
                .label(format!("daemon {}", fields.path))
                .after(pod.after)
                .on_change("spec.template", OnChange::Restart { how })
                .on_change("spec.selector", OnChange::Replace),
        );
    }

    /// Keeps all copies on one node: a volume that is not shared is one node's at a time, and a copy on
    /// another would wait for it for ever.
    fn together(&self, fields: &mut Fields<'a>) -> Json {
        fields.weaken(
            "scale",
            "all copies write a volume that one node has at a time, so all run on one node; with `shared = true` on the volume they spread",
        );
        json!({ "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": { "matchLabels": self.selector(Some(fields.path), MAIN) },
            "topologyKey": "kubernetes.io/hostname",
        }]}})
    }

    /// The name and the address under which a service's copies are found.
    fn service(&mut self, fields: &Fields<'a>, name: &str) {
        let ports: Vec<Json> = super::outs::ports(fields.node)
            .iter()
            .map(|(port, (number, protocol))| {
                let port = port_name(port);
                json!({
                    "name": port, "port": number, "targetPort": port, "protocol": protocol,
                })
            })
            .collect();
        let body = json!({ "spec": {
            "type": "ClusterIP",
            "selector": self.selector(Some(fields.path), MAIN),
            "ports": ports,
        }});
        self.put(Put::new("Service", "v1", name, body).of(fields));
    }
}
