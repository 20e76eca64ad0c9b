//! OpenFGA on a cluster: the same source and the same life as on this machine.

use plat_tests::{Cluster, Place, Registry, Services, cluster, edit, lives, permissions, services};
use serde_json::json;

use crate::fleet::KINDS;

const SOURCE: &str = "permissions/permissions.plat";
const NAMESPACE: &str = "permissions";

struct There(&'static Cluster);

impl There {
    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", NAMESPACE];
        all.extend(arguments);
        self.0.kubectl(&all)
    }
}

impl Place for There {
    fn environment(&self) -> &'static str {
        "prod"
    }

    fn address(&self) -> (String, &'static str) {
        let at = "jsonpath={.spec.clusterIP}:{.spec.ports[?(@.name==\"main\")].port}";
        let at = self.kubectl(&["get", "service", "api", "-o", at]);
        (at, "permissions.localhost")
    }

    fn key(&self) -> Result<String, String> {
        let value = "go-template={{.data.value | base64decode}}";
        let asked = ["-n", NAMESPACE, "get", "secret", "key", "-o", value];
        self.0.try_kubectl(&asked)
    }

    fn copies(&self) -> usize {
        let ready = "jsonpath={.status.readyReplicas}";
        let asked = ["-n", NAMESPACE, "get", "deployment", "api", "-o", ready];
        let told = self.0.try_kubectl(&asked).unwrap_or_default();
        told.parse().unwrap_or(0)
    }

    fn kill(&self) {
        let now = ["--force", "--grace-period=0"];
        self.kubectl(&["delete", "pods", "-l", "plat/path=api", now[0], now[1]]);
    }
}

impl Drop for There {
    fn drop(&mut self) {
        // The pods' memory is needed by the next test. It may be gone, which is as well.
        let delete = ["delete", "namespace", NAMESPACE, "--wait=false"];
        let _ = self.0.try_kubectl(&delete);
    }
}

#[test]
fn openfga_lives_on_a_cluster() {
    let services = services();
    let mut home = permissions();
    let there = There(cluster());
    services.load(there.0);
    let registry = Registry::open(5003);
    let base = format!("{}/base:1", registry.place());
    there.0.push(Services::PYTHON, &base, &[]);
    home.set("KUBECONFIG", there.0.kubeconfig());
    edit(
        &home,
        SOURCE,
        "gcr.io/distroless/static-debian12:nonroot",
        &base,
    );
    edit(
        &home,
        SOURCE,
        "kubernetes { context = \"prod\", registry = \"registry.example.com/permissions\" }",
        &format!(
            "kubernetes {{ context = \"test\", registry = \"{}/team\", images = {{ {} }} }}, set = {{ db.version = 15 }}",
            registry.place(),
            Services::IMAGES,
        ),
    );
    lives(&home, &there);
    let claims = there.kubectl(&[
        "get",
        "persistentvolumeclaims",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ]);
    assert_eq!(claims, "db-data");
    let others = KINDS.replace("persistentvolumeclaims,", "");
    let labels = "plat/app=permissions";
    let left = there
        .0
        .json(&["-n", NAMESPACE, "get", &others, "-l", labels]);
    assert_eq!(left["items"], json!([]));
}
