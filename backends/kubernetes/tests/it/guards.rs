//! What is kept from harm: whose a pod is, what belongs to the whole cluster, a namespace that somebody
//! else made, a volume that one node has.

use plat_engine::Lowered;
use plat_kubernetes::facts::{Facts, Namespace};
use plat_kubernetes::lower::lower;
use plat_model::TargetId;

use crate::program::{facts, graph, lowered};

const PROD: &str = "app shop\nenv prod { target = kubernetes { context = \"c\" } }\n";

/// What is refused of a program.
fn refused(text: &str) -> Vec<String> {
    let refusals = lowered(&format!("{PROD}{text}")).unwrap_err();
    refusals.iter().map(ToString::to_string).collect()
}

fn made(text: &str) -> Lowered {
    lowered(&format!("{PROD}{text}")).unwrap()
}

fn notes(lowered: &Lowered) -> Vec<&str> {
    lowered.notes.iter().map(|n| n.message.as_str()).collect()
}

fn spec<'a>(lowered: &'a Lowered, id: &str, pointer: &str) -> &'a serde_json::Value {
    let object = lowered.objects.iter().find(|o| o.id.as_str() == id);
    object.unwrap().spec.pointer(pointer).unwrap()
}

/// By these labels policies let a pod in: who could choose them could be anybody.
#[test]
fn a_pod_can_t_be_made_another_s_by_its_labels() {
    for label in [
        "plat/path",
        "plat/part",
        "plat/app",
        "plat/env",
        "app.kubernetes.io/name",
        "pod-template-hash",
        "batch.kubernetes.io/job-name",
    ] {
        let text = format!(
            "cron sneaky {{ run = image(\"x:1\"), schedule = \"0 4 * * *\", labels = {{ \"{label}\" = \"db\" }} }}\n\
             postgres db {{}}\n"
        );
        let refused = refused(&text);
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("says whose a pod is"), "{refused:?}");
    }
    let patched = refused(
        "service api { run = image(\"x:1\"), raw = [kubernetes.patch(\"Deployment\", { spec = { template = \
         { metadata = { labels = { \"plat/path\" = \"db\" } } } } })] }\n",
    );
    assert_eq!(patched.len(), 1, "{patched:?}");
    assert!(patched[0].contains("is not patched"), "{patched:?}");
}

#[test]
fn labels_that_the_cluster_would_not_take_are_refused() {
    insta::assert_snapshot!(refused(
        "service api { run = image(\"x:1\"), labels = { \"bad label!\" = \"über\", \"Team.Example/x\" = \"a\", ok = \"\" } }\n"
    ).join("\n"));
    let good = made(
        "service api { run = image(\"x:1\"), labels = { \"example.com/team\" = \"Pay_1\" } }\n",
    );
    let labels = spec(&good, "Deployment/api", "/spec/template/metadata/labels");
    assert_eq!(labels["example.com/team"], "Pay_1");
    assert_eq!(labels["plat/path"], "api");
}

#[test]
fn what_is_the_whole_cluster_s_is_no_app_s() {
    let refused = refused(
        "raw_object types { object = kubernetes.object(\"apiextensions.k8s.io/v1/CustomResourceDefinition\", \
         { metadata = { name = \"as.example.com\" } }) }\n",
    );
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("the whole cluster's"), "{refused:?}");
}

fn in_namespace(text: &str, is_ours: bool, enforced: Option<&str>) -> Lowered {
    let graph = graph(&format!("{PROD}{text}"));
    let facts = Facts {
        namespace: Some(Namespace {
            is_ours,
            enforced: enforced.map(str::to_owned),
        }),
        ..facts(&graph)
    };
    lower(&TargetId::main(), &graph, &facts).unwrap()
}

const API: &str = "service api { run = image(\"x:1\") }\n";
const ROOT: &str = "service api { run = image(\"x:1\"), user = root }\n";

/// Others' pods may be in it, and would not start again.
#[test]
fn a_namespace_that_somebody_else_made_is_left_as_it_is() {
    for enforced in [
        None,
        Some("privileged"),
        Some("baseline"),
        Some("restricted"),
    ] {
        let lowered = in_namespace(API, false, enforced);
        let ids: Vec<&str> = lowered.objects.iter().map(|o| o.id.as_str()).collect();
        assert!(
            !ids.iter().any(|id| id.starts_with("Namespace/")),
            "{ids:?}"
        );
        let told = notes(&lowered)
            .iter()
            .filter(|n| n.contains("holds its pods to nothing"))
            .count();
        assert_eq!(
            told,
            usize::from(matches!(enforced, None | Some("privileged")))
        );
    }
    let lowered = in_namespace(ROOT, false, Some("restricted"));
    assert!(
        notes(&lowered)
            .iter()
            .any(|n| n.contains("won't start in it")),
        "{:?}",
        lowered.notes
    );
}

/// Two apps of one namespace, one of which needs more, would take it from each other for ever.
#[test]
fn a_namespace_of_ours_is_never_held_to_more_than_another_app_needs() {
    let level = |text, enforced| {
        let lowered = in_namespace(text, true, enforced);
        let at = "/metadata/labels/pod-security.kubernetes.io~1enforce";
        spec(&lowered, "Namespace/shop", at)
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(level(API, None), "restricted");
    assert_eq!(level(ROOT, None), "baseline");
    assert_eq!(level(API, Some("restricted")), "restricted");
    assert_eq!(level(ROOT, Some("restricted")), "baseline");
    assert_eq!(level(API, Some("baseline")), "baseline");
}

/// On a second node a copy would wait for the volume for ever.
#[test]
fn copies_that_write_one_volume_run_on_the_node_that_has_it() {
    let text = |shared| {
        format!(
            "volume uploads {{ size = 1GiB, shared = {shared} }}\n\
             service api {{ run = image(\"x:1\"), scale = 3, writable = {{ \"/data\" = uploads.write }} }}\n"
        )
    };
    let alone = made(&text(false));
    let pod = spec(&alone, "Deployment/api", "/spec/template/spec");
    assert!(pod["affinity"]["podAffinity"].is_object(), "{pod}");
    assert!(pod["topologySpreadConstraints"].is_null(), "{pod}");
    assert!(
        notes(&alone)
            .iter()
            .any(|n| n.contains("all run on one node"))
    );
    let shared = made(&text(true));
    let pod = spec(&shared, "Deployment/api", "/spec/template/spec");
    assert!(pod["affinity"].is_null(), "{pod}");
    assert!(pod["topologySpreadConstraints"].is_array(), "{pod}");
}

#[test]
fn a_command_of_a_probe_reaches_the_program_as_it_is_written() {
    let lowered = made(
        "service api { run = image(\"x:1\"), alive = exec([\"sh\", \"-c\", \"kill -0 $$ && echo $(HOME)\"]) }\n",
    );
    let at = "/spec/template/spec/containers/0/livenessProbe/exec/command/2";
    // The kubelet takes `$$` for `$`.
    assert_eq!(
        spec(&lowered, "Deployment/api", at),
        "kill -0 $$$ && echo $$(HOME)"
    );
}

#[test]
fn what_speaks_udp_is_let_out_over_udp() {
    let lowered = made(
        "external logs { url = \"udp://192.0.2.9:514\" }\n\
         service api { run = image(\"x:1\"), env = { LOGS = logs.url } }\n",
    );
    let ports = spec(&lowered, "NetworkPolicy/api", "/spec/egress/0/ports/0");
    assert_eq!(ports["protocol"], "UDP");
    assert_eq!(ports["port"], 514);
}

/// Its listeners decide.
#[test]
fn a_route_of_a_gateway_can_t_turn_tls_off() {
    let text = "app shop\n\
         env prod { target = kubernetes { context = \"c\", gateway = \"edge/main\" } }\n\
         service api { run = image(\"x:1\") }\n\
         route web { host = \"example.com\", paths = { \"/\" = api }, tls = off }\n";
    let lowered = lowered(text).unwrap();
    assert!(
        notes(&lowered)
            .iter()
            .any(|n| n.contains("listeners decide")),
        "{:?}",
        lowered.notes
    );
}
