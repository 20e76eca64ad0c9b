//! What the target itself says.

use std::collections::BTreeMap;

use plat_model::{Graph, TargetId, Value};

use crate::names;
use plat_engine::fields::word;

/// The fields of `kubernetes { … }`.
pub(super) struct Settings {
    /// Where everything is.
    pub namespace: String,
    /// What stands before every name.
    pub prefix: String,
    /// The class of Ingresses; none is the cluster's default.
    pub ingress_class: Option<String>,
    /// The namespace of what answers for routes.
    pub ingress_namespace: Option<String>,
    /// The Gateway that routes attach to: `NAMESPACE/NAME`.
    pub gateway: Option<String>,
    /// The ClusterIssuer of cert-manager that signs certificates.
    pub issuer: Option<String>,
    /// The class of volumes; none is the cluster's default.
    pub storage_class: Option<String>,
    /// The Secret with which nodes pull images.
    pub pull_secret: Option<String>,
    /// The namespace of what collects metrics.
    pub metrics_namespace: Option<String>,
    /// The namespace of KEDA.
    pub keda_namespace: Option<String>,
    /// The namespace of CloudNativePG's operator.
    pub cnpg_namespace: Option<String>,
    /// Whether the source says that programs run without the shim.
    pub shim_is_off: bool,
    /// Images of the data services by name, instead of the usual ones.
    images: BTreeMap<String, String>,
}

/// The image of each data service, and of what serves static files, unless the target names
/// another. A `postgres` has its own for each major version.
const IMAGES: [(&str, &str); 5] = [
    ("redis", "docker.io/library/redis:7.4-bookworm"),
    ("nats", "docker.io/library/nats:2.12"),
    ("nats-box", "docker.io/natsio/nats-box:0.19.2"),
    ("s3", "docker.io/versity/versitygw:v1.8.0"),
    ("nginx", "docker.io/nginxinc/nginx-unprivileged:1.29"),
];

impl Settings {
    pub(super) fn of(target: &TargetId, graph: &Graph) -> Self {
        let fields = graph.targets.get(target).map(|t| &t.fields);
        let get = |name: &str| {
            fields
                .and_then(|f| f.get(name))
                .filter(|value| !value.is_none())
        };
        let text = |name: &str| get(name).and_then(word).map(str::to_owned);
        let images = match get("images").map(|v| &v.data) {
            Some(plat_model::Data::Map(entries)) => entries
                .iter()
                .filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned())))
                .collect(),
            _ => BTreeMap::new(),
        };
        Self {
            namespace: text("namespace").unwrap_or_else(|| names::name(&graph.app)),
            prefix: text("prefix").unwrap_or_default(),
            ingress_class: text("ingress_class"),
            ingress_namespace: text("ingress_namespace"),
            gateway: text("gateway"),
            issuer: text("issuer"),
            storage_class: text("storage_class"),
            pull_secret: text("pull_secret"),
            metrics_namespace: text("metrics_namespace"),
            keda_namespace: text("keda_namespace"),
            cnpg_namespace: text("cnpg_namespace"),
            shim_is_off: text("shim").as_deref() == Some("off"),
            images,
        }
    }

    /// The image of a data service.
    pub(super) fn image(&self, service: &str) -> String {
        let usual = || {
            let known = IMAGES.iter().find(|(name, _)| *name == service);
            known.map_or_else(String::new, |(_, image)| (*image).to_owned())
        };
        self.images.get(service).cloned().unwrap_or_else(usual)
    }

    /// The image of a PostgreSQL of that major version: `postgres:17` or, for all, `postgres`.
    pub(super) fn postgres(&self, version: u32) -> String {
        self.images
            .get(&format!("postgres:{version}"))
            .or_else(|| self.images.get("postgres"))
            .cloned()
            .unwrap_or_else(|| format!("docker.io/library/postgres:{version}-bookworm"))
    }

    /// The image of a PostgreSQL of that major version as CloudNativePG runs it, which reads the version
    /// from the tag: `cnpg:17` or, for all, `cnpg`.
    pub(super) fn cnpg_image(&self, version: u32) -> String {
        self.images
            .get(&format!("cnpg:{version}"))
            .or_else(|| self.images.get("cnpg"))
            .cloned()
            .unwrap_or_else(|| {
                format!("ghcr.io/cloudnative-pg/postgresql:{version}-standard-bookworm")
            })
    }
}

/// The namespace that the objects of this target are in.
pub fn namespace(target: &TargetId, graph: &Graph) -> String {
    Settings::of(target, graph).namespace
}

/// The text of a field of the target.
pub fn setting<'a>(target: &TargetId, graph: &'a Graph, name: &str) -> Option<&'a str> {
    let value: &Value = graph.targets.get(target)?.fields.get(name)?;
    value.as_str()
}

/// The image that the target names for the shim.
pub fn shim_image<'a>(target: &TargetId, graph: &'a Graph) -> Option<&'a str> {
    let shim = graph.targets.get(target)?.fields.get("shim")?;
    shim.get("name")?.as_str()
}

/// Whether the target says that programs run without the shim.
pub fn shim_is_off(target: &TargetId, graph: &Graph) -> bool {
    Settings::of(target, graph).shim_is_off
}

/// The image that static files are put into.
pub fn site_base(target: &TargetId, graph: &Graph) -> String {
    Settings::of(target, graph).image("nginx")
}
