//! Static files: an image with them in it, served by nginx.

use crate::image::push::ARCHITECTURE;
use crate::json::json;
use plat_engine::OnChange;

use super::pods::{MAIN, locked, on};
use super::{Lowering, Put, object_id};
use plat_engine::fields::Fields;

/// The port that nginx listens on without being root.
pub(super) const PORT: u16 = 8080;
/// Where the files are in their image.
pub const FILES: &str = "/usr/share/nginx/html";

impl<'a> Lowering<'a> {
    pub(super) fn site(&mut self, fields: &mut Fields<'a>) {
        let Some(image) = self.facts.images.get(fields.path.as_str()).cloned() else {
            self.refuse_image(fields, false);
            return;
        };
        self.tell_of_image(fields, "files", &image);
        let name = self.name(fields.node);
        let not_found = fields.text("not_found").unwrap_or("404.html");
        let (fallback, error_page) = if fields.yes("single_page") {
            ("/index.html", String::new())
        } else {
            (
                "=404",
                format!("    error_page 404 /{};\n", escaped(not_found)),
            )
        };
        let config = format!(
            "server {{\n    listen {PORT};\n    listen [::]:{PORT};\n    root {FILES};\n    server_tokens off;\n{error_page}    location / {{\n        try_files $uri $uri/ {fallback};\n    }}\n}}\n"
        );
        let change = crate::names::hash(&config);
        self.put(
            Put::new(
                "ConfigMap",
                "v1",
                &name,
                json!({ "data": { "default.conf": config } }),
            )
            .of(fields),
        );
        self.account(fields, &name);
        let probe = json!({ "httpGet": { "path": "/", "port": "main" }, "periodSeconds": 5 });
        // A page that is not there is an answer too.
        let probe = if fields.yes("single_page") {
            probe
        } else {
            json!({ "tcpSocket": { "port": "main" }, "periodSeconds": 5 })
        };
        let mut labels = self.labels(Some((fields.path, fields.node)), "");
        labels.insert(crate::names::PART.into(), MAIN.into());
        let body = json!({ "spec": {
            "replicas": 2,
            "revisionHistoryLimit": 3,
            "selector": { "matchLabels": self.selector(Some(fields.path), MAIN) },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 },
            },
            "template": {
                "metadata": { "labels": labels, "annotations": { "plat/files": change } },
                "spec": {
                    "serviceAccountName": name,
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 101,
                        "runAsGroup": 101,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "nodeSelector": on(ARCHITECTURE),
                    "topologySpreadConstraints": self.spread(fields),
                    "containers": [{
                        "name": name,
                        "image": image,
                        "ports": [{ "name": "main", "containerPort": PORT, "protocol": "TCP" }],
                        "readinessProbe": probe,
                        "lifecycle": { "preStop": { "sleep": { "seconds": 5 } } },
                        "resources": {
                            "requests": { "cpu": "10m", "memory": "32Mi" },
                            "limits": { "memory": "128Mi" },
                        },
                        "securityContext": locked(),
                        "volumeMounts": [
                            {
                                "name": "files",
                                "mountPath": "/etc/nginx/conf.d/default.conf",
                                "subPath": "default.conf",
                                "readOnly": true,
                            },
                            { "name": "tmp", "mountPath": "/tmp" },
                        ],
                    }],
                    "volumes": [
                        { "name": "files", "configMap": { "name": name } },
                        { "name": "tmp", "emptyDir": { "sizeLimit": "256Mi" } },
                    ],
                },
            },
        }});
        let how = "rolling, no downtime".to_owned();
        self.put(
            Put::new("Deployment", "apps/v1", &name, body)
                .of(fields)
                .label(format!("files of {}", fields.path))
                .after([
                    object_id("ConfigMap", &name),
                    object_id("ServiceAccount", &name),
                    object_id("NetworkPolicy", &name),
                ])
                .on_change("spec.template", OnChange::Restart { how })
                .on_change("spec.selector", OnChange::Replace),
        );
        let body = json!({ "spec": {
            "maxUnavailable": 1,
            "selector": { "matchLabels": self.selector(Some(fields.path), MAIN) },
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }});
        self.put(Put::new("PodDisruptionBudget", "policy/v1", &name, body).of(fields));
        let body = json!({ "spec": {
            "type": "ClusterIP",
            "selector": self.selector(Some(fields.path), MAIN),
            "ports": [{ "name": "main", "port": PORT, "targetPort": "main", "protocol": "TCP" }],
        }});
        self.put(Put::new("Service", "v1", &name, body).of(fields));
    }
}

/// A file's name in a configuration of nginx.
fn escaped(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        .collect()
}
