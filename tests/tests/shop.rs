//! The example shop, whole: brought up, used, broken, mended, and taken down.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::time::Duration;

use plat_tests::{
    Home, Reply, SOON, answers, edit, environment_of, eventually, get, install, kill, pids, request,
};
use serde_json::{Value, json};

const HOST: &str = "shop.localhost";

fn shop() -> Home {
    let home = Home::new();
    install(
        &home,
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop").as_ref(),
    );
    let target = format!("local {{ port = {} }}", home.port());
    edit(&home, "shop/shop.plat", "local {}", &target);
    home
}

fn post(home: &Home, path: &str, body: &Value) -> Reply {
    let reply = request("POST", home.port(), HOST, path, Some(body)).expect("an answer");
    assert!(
        reply.status < 300,
        "{path}: {} {}",
        reply.status,
        reply.body
    );
    reply
}

fn database(home: &Home) -> postgres::Client {
    let api = *pids(home, "api.py").first().expect("a running api");
    let url = environment_of(api)["DATABASE_URL"].clone();
    postgres::Client::connect(&url, postgres::NoTls).expect("the database")
}

fn rows(home: &Home, query: &str) -> i64 {
    database(home).query_one(query, &[]).expect("a row").get(0)
}

/// Places an order as the page does, and waits until the worker has mailed it.
fn order(home: &Home) -> i64 {
    let products = get(home.port(), HOST, "/api/products")
        .expect("products")
        .json();
    let sku = products["products"][0]["sku"].clone();
    let body = json!({
        "email": "buyer@example.com", "lines": [{ "sku": sku, "quantity": 2 }],
    });
    let placed = post(home, "/api/orders", &body).json();
    let id = placed["order"]["id"].as_i64().expect("its number");
    eventually("the mail to be sent", SOON, || {
        let reply = get(home.port(), HOST, &format!("/api/orders/{id}"))?;
        if reply.json()["order"]["mail"]["state"] == "sent" {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    id
}

#[test]
fn the_shop_takes_orders_and_survives_what_happens_to_it() {
    let home = shop();
    home.ok(&["-C", "shop", "up", "--yes"]);

    // The page and its parts.
    let page = answers(&home, HOST, "/");
    assert!(
        page.headers["content-type"].starts_with("text/html"),
        "{:?}",
        page.headers
    );
    assert!(page.body.contains("<html"));

    // An order: a row, a mail, a cached list.
    let first = order(&home);
    assert_eq!(rows(&home, "select count(*) from orders"), 1);

    // Nothing to do.
    let again = home.ok(&["-C", "shop", "up"]);
    assert!((again.stdout + &again.stderr).contains("nothing to do"));

    // Credentials are needed, and are not shown.
    let url = environment_of(pids(&home, "api.py")[0])["DATABASE_URL"].clone();
    let password = url
        .split(['@', '/', ':'])
        .nth(4)
        .expect("a password")
        .to_owned();
    assert!(password.len() >= 16, "a real password");
    let wrong = url.replace(&password, "guess");
    assert!(postgres::Client::connect(&wrong, postgres::NoTls).is_err());
    for shown in [
        home.ok(&["-C", "shop", "plan"]).stdout,
        home.ok(&["-C", "shop", "plan", "--json"]).stdout,
        home.ok(&["-C", "shop", "graph", "--json"]).stdout,
        home.ok(&["-C", "shop", "status", "--json"]).stdout,
        home.ok(&["-C", "shop", "logs"]).stdout,
    ] {
        assert!(!shown.contains(&password));
    }

    // The database is killed; the shop goes on taking orders.
    let mut session = database(&home);
    let server = session.query_one("select pg_backend_pid()", &[]);
    // It lives as long as the session.
    let postmaster = parent(server.expect("a row").get(0));
    drop(session);
    kill(postmaster, "KILL");
    eventually("orders after the database's death", SOON, || {
        let reply = get(home.port(), HOST, "/api/orders")?;
        let rows = std::panic::catch_unwind(|| rows(&home, "select count(*) from orders"));
        if reply.status == 200 && rows.is_ok_and(|n| n == 1) {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    let second = order(&home);
    assert!(second > first);

    // The worker is killed between two orders.
    kill(pids(&home, "mailer.py")[0], "KILL");
    order(&home);
    assert_eq!(rows(&home, "select count(*) from orders"), 3);

    // What links allow is all there is: the mailer may not send.
    let mailer = eventually("the mailer", Duration::from_secs(10), || {
        pids(&home, "mailer.py")
            .first()
            .copied()
            .ok_or_else(|| "none".to_owned())
    });
    let receive = environment_of(mailer)["EMAILS"].clone();
    let send = environment_of(pids(&home, "api.py")[0])["EMAILS"].clone();
    assert_ne!(receive, send);

    // `--yes` alone keeps the data; what comes up again has it.
    let destroyed = home.ok(&["-C", "shop", "destroy", "--yes"]);
    assert!(
        (destroyed.stdout + &destroyed.stderr).contains("db"),
        "what is kept is named"
    );
    assert_eq!(pids(&home, "api.py"), Vec::<i32>::new());
    home.ok(&["-C", "shop", "up", "--yes"]);
    answers(&home, HOST, "/api/orders");
    assert_eq!(rows(&home, "select count(*) from orders"), 3);

    // Said aloud, it goes.
    home.ok(&["-C", "shop", "destroy", "--yes", "--data"]);
    home.ok(&["-C", "shop", "up", "--yes"]);
    answers(&home, HOST, "/api/orders");
    assert_eq!(rows(&home, "select count(*) from orders"), 0);
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let rest = stat.rsplit_once(')').expect("a name").1;
    rest.split_whitespace()
        .nth(1)
        .and_then(|pid| pid.parse().ok())
        .expect("a parent")
}
