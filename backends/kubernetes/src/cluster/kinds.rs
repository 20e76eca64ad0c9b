//! The kinds of objects, as the API server has them: those that are lowered are known, others are
//! asked for.

use std::borrow::Cow;

use kube::api::ApiResource;

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `Deployment`.
    pub name: Cow<'static, str>,
    /// `apps/v1`.
    pub version: Cow<'static, str>,
    /// `deployments`.
    pub plural: Cow<'static, str>,
    /// Whether its objects are in a namespace, and not the whole cluster's.
    pub namespaced: bool,
}

/// Those that declarations become.
pub static KINDS: [Kind; 19] = [
    Kind {
        name: Cow::Borrowed("Namespace"),
        version: Cow::Borrowed("v1"),
        plural: Cow::Borrowed("namespaces"),
        namespaced: false,
    },
    of("ServiceAccount", "v1", "serviceaccounts"),
    of("ConfigMap", "v1", "configmaps"),
    of("Secret", "v1", "secrets"),
    of("Service", "v1", "services"),
    of("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
    of("Deployment", "apps/v1", "deployments"),
    of("StatefulSet", "apps/v1", "statefulsets"),
    of("DaemonSet", "apps/v1", "daemonsets"),
    of("Job", "batch/v1", "jobs"),
    of("CronJob", "batch/v1", "cronjobs"),
    of(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        "horizontalpodautoscalers",
    ),
    of("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    of("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    of("Ingress", "networking.k8s.io/v1", "ingresses"),
    of(ROUTE, "gateway.networking.k8s.io/v1", "httproutes"),
    of(SCALED, "keda.sh/v1alpha1", "scaledobjects"),
    of(CLUSTER, "postgresql.cnpg.io/v1", "clusters"),
    of(DATABASE, "postgresql.cnpg.io/v1", "databases"),
];

/// Those of [`KINDS`] that not every cluster has: the Gateway API's, KEDA's, and CloudNativePG's.
const ROUTE: &str = "HTTPRoute";
const SCALED: &str = "ScaledObject";
pub(crate) const CLUSTER: &str = "Cluster";
pub(crate) const DATABASE: &str = "Database";

pub(in crate::cluster) const fn of(
    name: &'static str,
    version: &'static str,
    plural: &'static str,
) -> Kind {
    Kind {
        name: Cow::Borrowed(name),
        version: Cow::Borrowed(version),
        plural: Cow::Borrowed(plural),
        namespaced: true,
    }
}

impl Kind {
    /// The API group; none for the core.
    pub fn group(&self) -> &str {
        group(&self.version)
    }

    /// Whether every cluster has it.
    pub fn is_everywhere(&self) -> bool {
        ![ROUTE, SCALED, CLUSTER, DATABASE].contains(&self.name.as_ref()) && self.is(&self.name)
    }

    /// Whether it is the kind of that name of [`KINDS`], and not one of another group.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name && kind(name).is_some_and(|known| known.group() == self.group())
    }

    /// The same in a version of its group, `apps/v1`.
    #[must_use]
    pub fn at(&self, version: &str) -> Self {
        Self {
            version: Cow::Owned(version.to_owned()),
            ..self.clone()
        }
    }

    pub(super) fn resource(&self) -> ApiResource {
        let (group, version) = self.version.split_once('/').unwrap_or(("", &self.version));
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: self.version.clone().into_owned(),
            kind: self.name.clone().into_owned(),
            plural: self.plural.clone().into_owned(),
        }
    }
}

/// The API group of a version, `apps` of `apps/v1`; none for the core.
fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// The kind of that name among those that declarations become.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// How an id names a kind of that name and API version. Those that declarations become have the
/// name alone; of others the group tells two of one name apart: `PodMonitor.monitoring.coreos.com`.
pub fn written(name: &str, version: &str) -> String {
    let group = group(version);
    let known = kind(name).is_some_and(|known| known.group() == group);
    if known || group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

/// The name and the group of a kind as an id names it.
pub(crate) fn read(written: &str) -> (&str, &str) {
    match (kind(written), written.split_once('.')) {
        (Some(known), _) => (written, known.group()),
        (None, Some((name, group))) => (name, group),
        (None, None) => (written, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for (name, version) in [
            ("Deployment", "apps/v1"),
            ("Service", "v1"),
            ("Service", "serving.knative.dev/v1"),
            ("ResourceQuota", "v1"),
            ("PodMonitor", "monitoring.coreos.com/v1"),
            ("Cluster", "postgresql.cnpg.io/v1"),
            ("Cluster", "cluster.x-k8s.io/v1beta1"),
        ] {
            assert_eq!(read(&written(name, version)), (name, group(version)));
        }
        let cluster = kind(CLUSTER).unwrap();
        assert!(cluster.is(CLUSTER) && !cluster.is(DATABASE));
        assert!(!cluster.at("cluster.x-k8s.io/v1beta1").is(CLUSTER));
        assert_eq!(written("Deployment", "apps/v1"), "Deployment");
        assert_eq!(
            written("PodMonitor", "monitoring.coreos.com/v1"),
            "PodMonitor.monitoring.coreos.com"
        );
    }
}
