//! The example that runs OpenFGA: asked, killed, scaled, changed for the better and the worse, given
//! another key, and taken away. What happens to it is the same wherever it runs.

use serde_json::{Value, json};

use crate::life::{Life, wanted};
use crate::{Example, Home, Place, Reply, SOON, eventually, meanwhile};

const SOURCE: &str = "permissions.plat";

/// OpenFGA in two copies, on PostgreSQL.
pub const PERMISSIONS: Example = Example {
    name: "permissions",
    environments: SOURCE,
    program: SOURCE,
    programs: &[("api", "./.bin/openfga run")],
    secrets: &[("key", "OPENFGA_AUTHN_PRESHARED_KEYS")],
    there: ", set = { db.version = 15 }",
};

/// Who asks and writes.
struct Client<'a> {
    life: &'a Life<'a>,
    key: String,
    store: String,
}

impl<'a> Client<'a> {
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    fn new(life: &'a Life<'a>) -> Self {
        let mut client = Self {
            life,
            key: eventually("a key", SOON, || life.place.secret("key")),
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

    /// The same store, asked with another key.
    fn with(&self, key: String) -> Self {
        Self {
            life: self.life,
            key,
            store: self.store.clone(),
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/stores/{}/{what}", self.store)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Reply, String> {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str())];
        self.life.ask("api", (method, path), &headers, body)
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

/// All that happens to it, until it is taken away with its data kept.
///
/// # Panics
/// Where something is not as it should be.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn permissions(home: &Home, place: &dyn Place) {
    let life = Life {
        home,
        example: &PERMISSIONS,
        place,
    };
    life.apply();
    life.nothing_to_do();
    let client = Client::new(&life);
    client.allow("anna");
    client.knows();
    let none = client.with("guess".to_owned());
    let refused = none.may("anna").expect_err("without the key");
    assert!(refused.starts_with("401 "), "{refused}");

    // Whatever dies comes back, and knows what it knew.
    place.kill("api");
    client.knows();
    life.has_copies("api", 2);

    // More copies, of another version: no request is dropped.
    life.edit(SOURCE, "scale = 2", "scale = 3");
    life.edit(SOURCE, "\"info\"", "\"warn\"");
    let may = || match client.may("anna")? {
        true => Ok(()),
        false => Err("no".to_owned()),
    };
    let (asked, dropped) = meanwhile(may, || life.apply());
    assert_eq!(dropped, Vec::<String>::new(), "of {asked:?}");
    assert_eq!(place.copies("api"), 3);

    // A bad version goes back by itself and says why; nobody notices.
    let (good, bad) = ("openfga(\"run\")", "openfga(\"walk\")");
    life.edit(SOURCE, good, bad);
    life.goes_back("unknown command \"walk\"");
    client.knows();
    life.edit(SOURCE, bad, good);
    life.apply();
    life.nothing_to_do();

    // Another key: all copies have it, and the former one is worth nothing.
    life.rotate("key");
    life.apply();
    let renewed = client.with(eventually("another key", SOON, || {
        match place.secret("key")? {
            key if key == client.key => Err("the former one".to_owned()),
            key => Ok(key),
        }
    }));
    renewed.knows();
    let refused = client.may("anna").expect_err("with the former key");
    assert!(refused.starts_with("401 "), "{refused}");
    life.nothing_to_do();

    // Taken away but for the data, and there again with it.
    life.destroy();
    assert_eq!(place.copies("api"), 0);
    life.apply();
    let again = client.with(eventually("a key", SOON, || place.secret("key")));
    again.knows();
    life.destroy();
}
