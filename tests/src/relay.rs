//! The example that relays webhooks: asked, killed, scaled, changed for the better and the worse, given
//! another key, and taken away. What happens to it is the same wherever it runs.

use serde_json::{Value, json};

use crate::life::{Life, wanted};
use crate::{Example, Home, Place, SOON, eventually, meanwhile};

/// A gate, a courier for each topic, and a subscriber.
pub const RELAY: Example = Example {
    name: "relay",
    environments: "environments.plat",
    program: "topic.plat",
    programs: &[
        ("gate", "./.bin/relay gate"),
        ("inbox", "./.bin/relay inbox"),
    ],
    secrets: &[("signing_key", "SIGNING_KEY")],
    there: "",
};

/// Sends a webhook, and gives the id that it got.
fn send(life: &Life<'_>, topic: &str, said: &str) -> Result<String, String> {
    let path = format!("/hooks/{topic}");
    let reply = life.ask("gate", ("POST", &path), &[], &json!({ "said": said }))?;
    let taken = wanted(&reply, 202)?;
    let id = taken.get("id").and_then(Value::as_str);
    id.map(str::to_owned).ok_or_else(|| taken.to_string())
}

/// The gate takes it at last.
fn taken(life: &Life<'_>, topic: &str, said: &str) -> String {
    eventually("a webhook to be taken", SOON, || send(life, topic, said))
}

/// It has come to the subscriber, once, as it was sent.
fn comes(life: &Life<'_>, topic: &str, id: &str, said: &str) {
    let wanted_body = json!({ "said": said }).to_string();
    eventually(&format!("{topic}/{id} to come"), SOON, || {
        let reply = life.ask("inbox", ("GET", "/inbox"), &[], &Value::Null)?;
        let all = wanted(&reply, 200)?;
        let name = format!("{topic}/{id}");
        let all = all.get("webhooks").and_then(Value::as_array);
        let ours = all.into_iter().flatten();
        let ours: Vec<_> = ours
            .filter(|webhook| webhook.get("id") == Some(&json!(name)))
            .map(|webhook| webhook.get("body").cloned())
            .collect();
        match ours.as_slice() {
            [Some(Value::String(body))] if *body == wanted_body => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// The gate says that it was delivered.
fn is_told(life: &Life<'_>, topic: &str, id: &str) {
    let path = format!("/hooks/{topic}/{id}");
    eventually("what became of it", SOON, || {
        let reply = life.ask("gate", ("GET", &path), &[], &Value::Null)?;
        wanted(&reply, 200).map(drop)
    });
}

fn goes_through(life: &Life<'_>, topic: &str, said: &str) -> String {
    let id = taken(life, topic, said);
    comes(life, topic, &id, said);
    is_told(life, topic, &id);
    id
}

/// All that happens to it, until it is taken away with its data kept.
///
/// # Panics
/// Where something is not as it should be.
pub fn relay(home: &Home, place: &dyn Place) {
    let life = Life {
        home,
        example: &RELAY,
        place,
    };
    life.apply();
    life.nothing_to_do();
    let first = goes_through(&life, "orders", "the first");
    goes_through(&life, "payments", "paid");
    let unknown = life.ask("gate", ("POST", "/hooks/none"), &[], &Value::Null);
    assert_eq!(unknown.map(|reply| reply.status), Ok(404));

    // A subscriber that dies holds up nobody who sends, and gets what was sent meanwhile.
    place.kill("inbox");
    let meantime = taken(&life, "orders", "while it was away");
    comes(&life, "orders", &meantime, "while it was away");
    place.kill("gate");
    goes_through(&life, "orders", "after the gate was away");
    life.has_copies("gate", 2);

    // More copies: no request is dropped, nothing taken is lost.
    let scale = ["scale = 2\n", "gate.scale = 2..6"];
    life.edit("relay.plat", scale[0], "scale = 3\n");
    life.edit("environments.plat", scale[1], "gate.scale = 3..6");
    let sent = std::sync::Mutex::new(Vec::new());
    let more = || {
        let id = send(&life, "payments", "on and on")?;
        sent.lock().map_err(|e| e.to_string())?.push(id);
        Ok(())
    };
    let (asked, dropped) = meanwhile(more, || life.apply());
    assert_eq!(dropped, Vec::<String>::new(), "of {asked:?}");
    life.has_copies("gate", 3);
    for id in sent.into_inner().into_iter().flatten() {
        is_told(&life, "payments", &id);
    }

    // A bad version goes back by itself and says why; nobody notices.
    let (good, bad) = ("relay(\"gate\")", "relay(\"gait\")");
    life.edit("relay.plat", good, bad);
    life.goes_back("it is one of gate, courier and inbox");
    goes_through(&life, "orders", "in spite of it");
    life.edit("relay.plat", bad, good);
    life.apply();
    life.nothing_to_do();

    // Another key: who signs and who checks have it.
    let former = place.secret("signing_key");
    life.rotate("signing_key");
    life.apply();
    eventually("another key", SOON, || match place.secret("signing_key") {
        key if key == former => Err("the former one".to_owned()),
        other => other.map(drop),
    });
    goes_through(&life, "orders", "signed anew");
    life.nothing_to_do();

    // Taken away but for the data, and there again with it: the list of what came was never promised.
    life.destroy();
    assert_eq!(place.copies("gate"), 0);
    life.apply();
    is_told(&life, "orders", &first);
    goes_through(&life, "orders", "once more");
    life.destroy();
}
