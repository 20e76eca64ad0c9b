//! Every object is one that the API server takes: each is read through the types of Kubernetes, and
//! a field that those don't have, or have another type for, would be lost or refused.

use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, core::v1 as core,
    networking::v1 as networking, policy::v1 as policy,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::program::{PROGRAMS, lowered};

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let typed: T = serde_json::from_value(object.clone())
        .unwrap_or_else(|e| panic!("{e}\n{}", serde_json::to_string_pretty(object).unwrap()));
    serde_json::to_value(typed).unwrap()
}

#[test]
fn every_object_keeps_to_its_schema() {
    let mut kinds = std::collections::BTreeSet::new();
    for program in PROGRAMS {
        for object in lowered(program).unwrap().objects {
            let spec = &object.spec;
            let kind = spec["kind"].as_str().unwrap();
            kinds.insert(kind.to_owned());
            let read = match kind {
                "Namespace" => through::<core::Namespace>(spec),
                "ServiceAccount" => through::<core::ServiceAccount>(spec),
                "ConfigMap" => through::<core::ConfigMap>(spec),
                "Secret" => through::<core::Secret>(spec),
                "Service" => through::<core::Service>(spec),
                "PersistentVolumeClaim" => through::<core::PersistentVolumeClaim>(spec),
                "Deployment" => through::<apps::Deployment>(spec),
                "StatefulSet" => through::<apps::StatefulSet>(spec),
                "DaemonSet" => through::<apps::DaemonSet>(spec),
                "Job" => through::<batch::Job>(spec),
                "CronJob" => through::<batch::CronJob>(spec),
                "HorizontalPodAutoscaler" => through::<autoscaling::HorizontalPodAutoscaler>(spec),
                "PodDisruptionBudget" => through::<policy::PodDisruptionBudget>(spec),
                "NetworkPolicy" => through::<networking::NetworkPolicy>(spec),
                "Ingress" => through::<networking::Ingress>(spec),
                "ResourceQuota" => through::<core::ResourceQuota>(spec),
                // Of the Gateway API, which is no part of Kubernetes.
                "HTTPRoute" => spec.clone(),
                // Of an API that is not known here.
                "PodMonitor" => spec.clone(),
                other => panic!("a `{other}` has no schema here"),
            };
            assert_eq!(*spec, read, "{}", object.id);
        }
    }
    assert_eq!(
        kinds.len(),
        18,
        "each kind that is lowered is tried: {kinds:?}"
    );
}

/// Every pod keeps to the restricted Pod Security Standard.
#[test]
fn every_pod_is_restricted() {
    let mut pods = 0;
    for program in PROGRAMS {
        for object in lowered(program).unwrap().objects {
            let at = match object.spec["kind"].as_str().unwrap() {
                "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template/spec",
                "CronJob" => "/spec/jobTemplate/spec/template/spec",
                _ => continue,
            };
            pods += 1;
            let pod = object.spec.pointer(at).unwrap();
            let id = &object.id;
            assert_eq!(pod["automountServiceAccountToken"], false, "{id}");
            assert_eq!(pod["enableServiceLinks"], false, "{id}");
            let security = &pod["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{id}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{id}");
            for container in pod["containers"].as_array().unwrap() {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{id}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{id}");
                assert_eq!(security["capabilities"]["drop"][0], "ALL", "{id}");
                assert!(
                    container["resources"]["limits"]["memory"].is_string(),
                    "{id}"
                );
                assert!(
                    container["resources"]["requests"]["cpu"].is_string(),
                    "{id}"
                );
            }
        }
    }
    assert!(pods > 15);
}
