//! The example shop on a cluster, by the same source as on this machine: used, scaled, broken,
//! mended, and taken away.

use std::time::Duration;

use plat_tests::{
    Cluster, Home, Ran, Registry, SOON, Services, cluster, edit, eventually, install, meanwhile,
};
use plat_tests::{Reply, services};
use serde_json::{Value, json};

use crate::fleet::KINDS;

const SOURCE: &str = "shop/shop.plat";
const NAMESPACE: &str = "shop";
/// An image by its first bytes.
const RECEIPT: &[u8] = b"\x89PNG\r\n\x1a\n, and the rest of it";

struct Shop {
    cluster: &'static Cluster,
    home: Home,
}

impl Shop {
    fn platc(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["-C", "shop"];
        all.extend(arguments);
        self.home.platc(&all)
    }

    fn apply(&self) {
        let ran = self.platc(&["apply", "prod", "--yes"]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    }

    fn nothing_to_do(&self) {
        let plan = self.platc(&["plan", "prod", "--detailed-exitcode"]);
        assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", NAMESPACE];
        all.extend(arguments);
        self.cluster.kubectl(&all)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["-n", NAMESPACE];
        all.extend(arguments);
        self.cluster.json(&all)
    }

    /// The address under which pods ask a service.
    fn address(&self, service: &str) -> String {
        let at = "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}";
        self.kubectl(&["get", "service", service, "-o", at])
    }

    fn api(&self) -> Api {
        Api {
            at: self.address("api"),
            cookie: None,
        }
    }

    fn ready(&self, deployment: &str) -> u64 {
        let live = self.json(&["get", "deployment", deployment]);
        live["status"]["readyReplicas"].as_u64().unwrap_or(0)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // The pods' memory is needed by the next test. It may be gone, which is as well.
        let delete = ["delete", "namespace", NAMESPACE, "--wait=false"];
        let _ = self.cluster.try_kubectl(&delete);
    }
}

/// A customer.
struct Api {
    at: String,
    cookie: Option<String>,
}

impl Api {
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Reply, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let url = format!("http://{}{path}", self.at);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("content-type", kind)
            .header("cookie", self.cookie.as_deref().unwrap_or_default());
        let request = request.body(body.to_vec()).map_err(|e| e.to_string())?;
        let said = |e: ureq::Error| format!("{method} {url}: {e}");
        let mut reply = agent.run(request).map_err(said)?;
        let headers = reply.headers().iter();
        let headers = headers.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        });
        let headers = headers.collect();
        let status = reply.status().as_u16();
        let body = reply.body_mut().read_to_vec().map_err(said)?;
        Ok(Reply {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    fn get(&self, path: &str) -> Result<Reply, String> {
        self.ask("GET", path, "application/json", &[])
    }

    /// What there is at a path; waits while the shop can't answer.
    fn find(&self, path: &str) -> Value {
        eventually(path, SOON, || {
            let reply = self.get(path)?;
            if reply.status == 200 {
                Ok(reply.json())
            } else {
                Err(format!("{} {}", reply.status, reply.body))
            }
        })
    }

    /// Places an order as the page does, and waits until the worker has mailed it.
    fn order(&mut self) -> i64 {
        let products = self.find("/api/products");
        let sku = products["products"][0]["sku"].clone();
        let body = json!({
            "email": "buyer@example.com", "lines": [{ "sku": sku, "quantity": 2 }],
        });
        let body = body.to_string();
        let placed = eventually("an order to be taken", SOON, || {
            let reply = self.ask("POST", "/api/orders", "application/json", body.as_bytes())?;
            if reply.status == 201 {
                Ok(reply)
            } else {
                Err(format!("{} {}", reply.status, reply.body))
            }
        });
        if let Some(cookie) = placed.headers.get("set-cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        let id = placed.json()["order"]["id"].as_i64().expect("its number");
        eventually("the mail to be sent", SOON, || {
            let reply = self.get(&format!("/api/orders/{id}"))?;
            if reply.status == 200 && reply.json()["order"]["mail"]["state"] == "sent" {
                Ok(())
            } else {
                Err(reply.body)
            }
        });
        id
    }
}

/// The shop's own source, with this cluster and its images instead of those that the world has.
fn shop(registry: &Registry, index: &str, services: &Services) -> Shop {
    let cluster = cluster();
    services.load(cluster);
    let python = format!("{}/python:1", registry.place());
    let nginx = format!("{}/nginx:1", registry.place());
    cluster.push(Services::PYTHON, &python, &[]);
    cluster.push(Services::NGINX, &nginx, &[]);
    let mut home = Home::new();
    home.set("KUBECONFIG", cluster.kubeconfig());
    home.set("PIP_INDEX_URL", index.into());
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop");
    install(&home, example.as_ref());
    edit(&home, SOURCE, "docker.io/library/python:3.13-slim", &python);
    edit(
        &home,
        SOURCE,
        "kubernetes { context = \"prod\", registry = \"registry.example.com/shop\" }",
        &format!(
            "kubernetes {{ context = \"test\", registry = \"{}/team\", images = {{ {}, nginx = \"{nginx}\" }} }}, set = {{ db.version = 15 }}",
            registry.place(),
            Services::IMAGES,
        ),
    );
    Shop { cluster, home }
}

#[test]
fn the_shop_runs_on_a_cluster_by_the_same_source() {
    let services = services();
    cluster();
    let registry = Registry::open(5001);
    let index = services.index(5002);
    let shop = shop(&registry, index.url(), &services);
    shop.apply();
    shop.nothing_to_do();
    // One image for the scripts, one for the page, one for the shim.
    assert_eq!(registry.tags("team/shop").len(), 3);

    // The page, an order with its mail, a receipt in the bucket, the report of the cron.
    let front = Api {
        at: shop.address("front"),
        cookie: None,
    };
    let page = front.get("/").expect("the page");
    assert!(page.body.contains("<html"), "{}", page.body);
    assert_eq!(front.get("/no/such/page").map(|r| r.status), Ok(404));
    let mut api = shop.api();
    let first = api.order();
    let receipt = format!("/api/orders/{first}/receipt");
    let put = api.ask("POST", &receipt, "image/png", RECEIPT);
    assert_eq!(put.map(|r| r.status), Ok(201));
    let got = |api: &Api| {
        let kept = String::from_utf8_lossy(RECEIPT).into_owned();
        // A copy that is on its way out may be asked once more, with the key that it had.
        eventually("the receipt", SOON, || match api.get(&receipt)? {
            reply if (reply.status, &reply.body) == (200, &kept) => Ok(()),
            reply => Err(format!("{} {}", reply.status, reply.body)),
        });
    };
    got(&api);
    shop.kubectl(&["create", "job", "now", "--from=cronjob/report"]);
    shop.kubectl(&[
        "wait",
        "job/now",
        "--for=condition=complete",
        "--timeout=60s",
    ]);
    let report = api.find("/api/reports/latest");
    assert_eq!(report["report"]["orders"], 1, "{report}");
    shop.kubectl(&["delete", "job", "now"]);

    // Whatever dies comes back, with all that it held.
    let labels = "plat/app=shop";
    shop.kubectl(&[
        "delete",
        "pods",
        "-l",
        labels,
        "--force",
        "--grace-period=0",
    ]);
    let second = api.order();
    assert!(second > first);
    eventually("the receipt", SOON, || match api.get(&receipt)? {
        reply if reply.status == 200 => Ok(()),
        reply => Err(reply.body),
    });

    // More copies, of another version: no request is dropped.
    let scaled = "    scale = 2\n";
    edit(&shop.home, SOURCE, scaled, "    scale = 3\n");
    let level = "EMAILS        = emails.send\n        SESSION_KEY   = session_key\n        LOG_LEVEL     = \"info\"";
    let debug = level.replace("info", "debug");
    edit(&shop.home, SOURCE, level, &debug);
    eventually("two copies", SOON, || match shop.ready("api") {
        2 => Ok(()),
        other => Err(other.to_string()),
    });
    let orders = || match api.get("/api/orders")? {
        reply if reply.status == 200 => Ok(()),
        reply => Err(format!("{} {}", reply.status, reply.body)),
    };
    let (asked, dropped) = meanwhile(orders, || shop.apply());
    assert_eq!(dropped, Vec::<String>::new(), "of {asked:?}");
    assert_eq!(shop.ready("api"), 3);
    // A copy that is on its way out may be asked once more.
    eventually("the other level", SOON, || {
        let level = &api.find("/api/about")["log_level"];
        (level == "debug").then_some(()).ok_or(level.to_string())
    });

    // A bad version goes back by itself and says why; nobody notices.
    let script = shop.home.path().join("shop/app/api.py");
    let good = std::fs::read_to_string(&script).expect("the script");
    let bad = good.replace(
        "def main() -> int:\n",
        "def main() -> int:\n    sys.exit(\"no such column\")\n",
    );
    assert_ne!(bad, good);
    std::fs::write(&script, bad).expect("a script");
    let ran = shop.platc(&["apply", "prod", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    for part in ["no such column", "back"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert_eq!(api.get("/api/about").map(|r| r.status), Ok(200));
    std::fs::write(&script, good).expect("a script");
    shop.apply();
    shop.nothing_to_do();

    // Other credentials: all who have them get them.
    for secret in ["db.owner", "uploads.secret_key", "emails.receive"] {
        let rotated = shop.platc(&["secret", "rotate", secret, "--env", "prod"]);
        assert_eq!(rotated.code, 0, "{secret}: {}", rotated.stderr);
    }
    shop.apply();
    let third = api.order();
    assert!(third > second);
    got(&api);
    shop.nothing_to_do();

    // Taken away: all but what holds data.
    let destroy = shop.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroy.code, 0, "{}", destroy.stderr);
    let names = "jsonpath={.items[*].metadata.name}";
    let claims = shop.kubectl(&["get", "persistentvolumeclaims", "-o", names]);
    assert_eq!(claims, "db-data queues-data uploads-data");
    let others = KINDS.replace("persistentvolumeclaims,", "");
    let left = shop.json(&["get", &others, "-l", "plat/app=shop"]);
    assert_eq!(left["items"], json!([]));

    // What comes up again has it.
    shop.apply();
    let api = Api {
        at: shop.address("api"),
        ..api
    };
    assert_eq!(
        api.find("/api/orders")["orders"].as_array().map(Vec::len),
        Some(3)
    );
    let found = shop.kubectl(&[
        "exec",
        "uploads-0",
        "--",
        "find",
        "/data/objects",
        "-type",
        "f",
    ]);
    assert!(found.contains("receipt"), "{found}");
}
