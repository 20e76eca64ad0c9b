//! The example that runs OpenFGA: asked, killed, scaled, changed for the better and the worse, given
//! another key, and taken away. What happens to it is the same wherever it runs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Home, Ran, Reply, SOON, edit, eventually, install, meanwhile};

const SOURCE: &str = "permissions/permissions.plat";

/// What differs from place to place.
pub trait Place: Sync {
    /// The environment.
    fn environment(&self) -> &'static str;
    /// Where the server is asked, and by which name.
    fn address(&self) -> (String, &'static str);
    /// The key that its copies have now.
    ///
    /// # Errors
    /// There is none yet.
    fn key(&self) -> Result<String, String>;
    /// How many copies take work.
    fn copies(&self) -> usize;
    /// Kills all of them.
    fn kill(&self);
}

/// The example in a home.
///
/// # Panics
/// Where Go is missing, or the program does not build.
pub fn permissions() -> Home {
    built();
    let home = Home::new();
    install(&home, &example());
    home
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/permissions")
}

/// Builds the program where Go keeps what it has built, so that `prepare` finds all of it there. To
/// be asked before the thread is in a cluster's network, which has no way out.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
fn built() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let status = Command::new("go")
            .args(["build", "-trimpath", "-ldflags", "-s -w", "-o"])
            .arg(dir.path().join("openfga"))
            .arg(".")
            .env("CGO_ENABLED", "0")
            // `prepare` has none of these: both keep things where Go does by itself.
            .env_remove("GOCACHE")
            .env_remove("GOMODCACHE")
            .env_remove("GOPATH")
            .env_remove("GOFLAGS")
            .env_remove("XDG_CACHE_HOME")
            .current_dir(example().join("server"))
            .stdin(Stdio::null())
            .status();
        assert!(status.expect("go starts").success(), "it builds");
    });
}

/// Who asks and writes.
struct Client {
    at: String,
    host: &'static str,
    key: String,
    store: String,
}

impl Client {
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn new(place: &dyn Place) -> Self {
        let (at, host) = place.address();
        let mut client = Self {
            at,
            host,
            key: eventually("a key", SOON, || place.key()),
            store: String::new(),
        };
        let store = eventually("a store", SOON, || {
            let reply = client.ask("POST", "/stores", &json!({ "name": "documents" }))?;
            wanted(&reply, 201)
        });
        let store = store.get("id").and_then(Value::as_str);
        client.store = store.expect("its id").to_owned();
        let model = json!({
            "schema_version": "1.1",
            "type_definitions": [
                { "type": "user" },
                {
                    "type": "document",
                    "relations": { "reader": { "this": {} } },
                    "metadata": { "relations": { "reader": {
                        "directly_related_user_types": [{ "type": "user" }],
                    }}},
                },
            ],
        });
        let path = client.path("authorization-models");
        let model = client.ask("POST", &path, &model);
        model
            .and_then(|reply| wanted(&reply, 201))
            .expect("a model");
        client
    }

    fn path(&self, what: &str) -> String {
        format!("/stores/{}/{what}", self.store)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Reply, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.at))
            .header("host", self.host)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        let said = |e: &dyn std::fmt::Display| format!("{method} {path}: {e}");
        let request = request.body(body.to_string()).map_err(|e| said(&e))?;
        let mut reply = agent.run(request).map_err(|e| said(&e))?;
        let status = reply.status().as_u16();
        let body = reply.body_mut().read_to_string().map_err(|e| said(&e))?;
        Ok(Reply {
            status,
            headers: std::collections::BTreeMap::new(),
            body,
        })
    }

    fn tuple(user: &str) -> Value {
        json!({ "user": format!("user:{user}"), "relation": "reader", "object": "document:plan" })
    }

    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn allow(&self, user: &str) {
        let writes = json!({ "writes": { "tuple_keys": [Self::tuple(user)] } });
        let reply = self.ask("POST", &self.path("write"), &writes);
        reply.and_then(|r| wanted(&r, 200)).expect("a tuple");
    }

    fn may(&self, user: &str) -> Result<bool, String> {
        let check = json!({ "tuple_key": Self::tuple(user) });
        let reply = self.ask("POST", &self.path("check"), &check)?;
        let told = wanted(&reply, 200)?;
        let allowed = told.get("allowed").and_then(Value::as_bool);
        allowed.ok_or_else(|| told.to_string())
    }

    /// Anna may, and Ben may not.
    fn knows(&self) {
        eventually("who may read", SOON, || {
            match (self.may("anna")?, self.may("ben")?) {
                (true, false) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
}

fn wanted(reply: &Reply, status: u16) -> Result<Value, String> {
    if reply.status == status {
        Ok(reply.json())
    } else {
        Err(format!("{} {}", reply.status, reply.body))
    }
}

fn platc(home: &Home, arguments: &[&str]) -> Ran {
    let mut all = vec!["-C", "permissions"];
    all.extend(arguments);
    home.platc(&all)
}

fn apply(home: &Home, environment: &str) {
    let ran = platc(home, &["apply", environment, "--yes"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

fn nothing_to_do(home: &Home, environment: &str) {
    let plan = platc(home, &["plan", environment, "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
}

/// All that happens to it, until it is taken away with its data kept.
///
/// # Panics
/// Where something is not as it should be.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn lives(home: &Home, place: &dyn Place) {
    let environment = place.environment();
    apply(home, environment);
    nothing_to_do(home, environment);
    let client = Client::new(place);
    client.allow("anna");
    client.knows();
    let none = Client {
        key: "guess".to_owned(),
        at: client.at.clone(),
        store: client.store.clone(),
        ..client
    };
    let refused = none.may("anna").expect_err("without the key");
    assert!(refused.starts_with("401 "), "{refused}");

    // Whatever dies comes back, and knows what it knew.
    place.kill();
    client.knows();
    eventually("both copies", SOON, || match place.copies() {
        2 => Ok(()),
        other => Err(other.to_string()),
    });

    // More copies, of another version: no request is dropped.
    edit(home, SOURCE, "scale = 2", "scale = 3");
    edit(home, SOURCE, "\"info\"", "\"warn\"");
    let may = || match client.may("anna")? {
        true => Ok(()),
        false => Err("no".to_owned()),
    };
    let (asked, dropped) = meanwhile(may, || apply(home, environment));
    assert_eq!(dropped, Vec::<String>::new(), "of {asked:?}");
    assert_eq!(place.copies(), 3);

    // A bad version goes back by itself and says why; nobody notices.
    let (good, bad) = ("openfga(\"run\")", "openfga(\"walk\")");
    edit(home, SOURCE, good, bad);
    let ran = platc(home, &["apply", environment, "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    for part in ["unknown command \"walk\"", "back"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    client.knows();
    edit(home, SOURCE, bad, good);
    apply(home, environment);
    nothing_to_do(home, environment);

    // Another key: all copies have it, and the former one is worth nothing.
    let rotated = platc(home, &["secret", "rotate", "key", "--env", environment]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    apply(home, environment);
    let renewed = Client {
        key: eventually("another key", SOON, || match place.key()? {
            key if key == client.key => Err("the former one".to_owned()),
            key => Ok(key),
        }),
        at: client.at.clone(),
        store: client.store.clone(),
        ..client
    };
    renewed.knows();
    let refused = client.may("anna").expect_err("with the former key");
    assert!(refused.starts_with("401 "), "{refused}");
    nothing_to_do(home, environment);

    // Taken away but for the data, and there again with it.
    let destroyed = platc(home, &["destroy", environment, "--yes"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.stderr);
    assert_eq!(place.copies(), 0);
    apply(home, environment);
    let (at, host) = place.address();
    let again = Client {
        at,
        host,
        key: eventually("a key", SOON, || place.key()),
        store: client.store.clone(),
    };
    again.knows();
    let destroyed = platc(home, &["destroy", environment, "--yes"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.stderr);
}
