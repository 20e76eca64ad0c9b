//! PostgreSQL: rows, and who may not touch them.

use crate::support::{PATIENCE, Running, dir, fetched, free_port, mode, tool};
use plat_metal::services::Secret;
use plat_metal::services::postgres::{Rights, Role, Settings, converge, data_major, prepare};
use plat_metal::tools::Tool;
use std::path::Path;
use tokio_postgres::{Client, Config, NoTls};

fn role(name: &str, rights: Rights) -> Role {
    Role {
        name: name.to_owned(),
        password: Secret::new(format!("{name}'s \\ \"word\"")),
        rights,
    }
}

fn schemas(owns: &[&str], reads: &[&str]) -> Rights {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rights::Schemas {
        owns: list(owns),
        reads: list(reads),
    }
}

fn settings(dir: &Path) -> Settings {
    Settings {
        name: "db".to_owned(),
        dir: dir.join("db"),
        port: free_port(),
        administrator_password: Secret::new("admin's"),
        database: "shop-1".to_owned(),
        roles: vec![
            role("shop", Rights::OwnsAll),
            role("shop_reader", Rights::ReadsAll),
            role("app", schemas(&["billing"], &["stock"])),
            role("report", schemas(&[], &["billing"])),
        ],
        extensions: Vec::new(),
    }
}

async fn connect(
    settings: &Settings,
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, String> {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(settings.port)
        .user(user)
        .password(password)
        .dbname(database);
    let (client, connection) = config.connect(NoTls).await.map_err(|e| reason(&e))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn client(settings: &Settings, user: &str) -> Client {
    let role = settings
        .roles
        .iter()
        .find(|role| role.name == user)
        .unwrap();
    connect(settings, user, role.password.expose(), &settings.database)
        .await
        .unwrap()
}

fn reason(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |e| e.message().to_owned())
}

async fn refused(client: &Client, sql: &str) -> String {
    reason(&client.batch_execute(sql).await.expect_err(sql))
}

async fn count(client: &Client, table: &str) -> i64 {
    client
        .query_one(&format!("SELECT count(*) FROM {table}"), &[])
        .await
        .unwrap()
        .get(0)
}

async fn rights(settings: &Settings) {
    let (shop, reader) = (
        client(settings, "shop").await,
        client(settings, "shop_reader").await,
    );
    let (app, report) = (
        client(settings, "app").await,
        client(settings, "report").await,
    );
    shop.batch_execute(
        "CREATE TABLE orders (id serial PRIMARY KEY, item text); INSERT INTO orders (item) VALUES ('tea');
         CREATE SCHEMA later; CREATE TABLE later.things (id int);
         CREATE TABLE billing.by_shop (id int); INSERT INTO billing.by_shop VALUES (1)",
    )
    .await
    .unwrap();
    app.batch_execute(
        "CREATE TABLE billing.invoices (id int); INSERT INTO billing.invoices VALUES (1), (2)",
    )
    .await
    .unwrap();

    // The reader reads everything, also what was made just now, and writes nothing, whatever it sets.
    assert_eq!(count(&reader, "orders").await, 1);
    assert_eq!(count(&reader, "later.things").await, 0);
    assert_eq!(count(&reader, "billing.invoices").await, 2);
    assert_eq!(
        refused(&reader, "INSERT INTO orders (item) VALUES ('x')").await,
        "cannot execute INSERT in a read-only transaction"
    );
    reader
        .batch_execute("SET default_transaction_read_only = off")
        .await
        .unwrap();
    assert_eq!(
        refused(&reader, "INSERT INTO orders (item) VALUES ('x')").await,
        "permission denied for table orders"
    );
    assert_eq!(
        refused(&reader, "DELETE FROM billing.invoices").await,
        "permission denied for table invoices"
    );
    assert_eq!(
        refused(&reader, "CREATE TABLE mine (id int)").await,
        "permission denied for schema public"
    );

    // A role for one schema: all of it there, reading in another, nothing elsewhere.
    shop.batch_execute("CREATE TABLE stock.items (id int)")
        .await
        .unwrap();
    assert_eq!(count(&app, "stock.items").await, 0);
    assert_eq!(
        refused(&app, "INSERT INTO stock.items VALUES (1)").await,
        "permission denied for table items"
    );
    assert_eq!(
        refused(&app, "SELECT * FROM public.orders").await,
        "permission denied for schema public"
    );
    assert_eq!(
        refused(&app, "CREATE TABLE public.mine (id int)").await,
        "permission denied for schema public"
    );
    app.batch_execute("INSERT INTO billing.by_shop VALUES (2)")
        .await
        .unwrap();
    assert_eq!(count(&report, "billing.invoices").await, 2);
    assert_eq!(count(&report, "billing.by_shop").await, 2);
    report
        .batch_execute("SET default_transaction_read_only = off")
        .await
        .unwrap();
    assert_eq!(
        refused(&report, "UPDATE billing.invoices SET id = 3").await,
        "permission denied for table invoices"
    );
    assert_eq!(
        refused(&report, "SELECT * FROM public.orders").await,
        "permission denied for schema public"
    );

    // The owner works with what the others made, and is no superuser.
    shop.batch_execute("DELETE FROM billing.invoices WHERE id = 2")
        .await
        .unwrap();
    assert!(
        refused(&shop, "CREATE ROLE other")
            .await
            .starts_with("permission denied")
    );
    assert!(shop.batch_execute("COPY orders TO '/tmp/x'").await.is_err());
}

async fn works(tool: plat_metal::tools::Found) {
    let dir = dir();
    let mut settings = settings(dir.path());
    // Left by an initdb that was killed half-way.
    std::fs::create_dir_all(settings.dir.join("data.new/base")).unwrap();
    std::fs::write(settings.dir.join("data.new/PG_VERSION"), "17").unwrap();
    std::fs::write(settings.dir.join("password.new"), "left").unwrap();
    let launch = prepare(&settings, &tool).await.unwrap();
    assert_eq!(data_major(&settings.dir), Some(tool.major()));
    assert_eq!(mode(&settings.dir), 0o700);
    assert!(!settings.dir.join("password.new").exists() && !settings.dir.join("data.new").exists());
    assert_eq!(
        prepare(&settings, &tool).await.unwrap(),
        launch,
        "the same again changes nothing"
    );
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    converge(&settings, PATIENCE).await.unwrap();
    rights(&settings).await;

    let nobody = |user: &'static str, password: &'static str| {
        connect(&settings, user, password, &settings.database)
    };
    assert!(
        nobody("shop", "wrong")
            .await
            .err()
            .unwrap()
            .contains("password authentication failed")
    );
    assert!(nobody("plat", "").await.is_err());
    let own = settings.roles[0].password.expose();
    let elsewhere = connect(&settings, "shop", own, "postgres").await;
    assert!(
        elsewhere
            .err()
            .unwrap()
            .contains("permission denied for database")
    );

    // A new password, narrower rights, a role that is gone: the next converge sees to it.
    let old = settings.roles[0].password.clone();
    settings.roles[0].password = Secret::new("new");
    settings.roles[2].rights = schemas(&[], &["billing"]);
    let report = settings.roles.pop().unwrap();
    converge(&settings, PATIENCE).await.unwrap();
    assert!(
        connect(&settings, "shop", old.expose(), &settings.database)
            .await
            .is_err()
    );
    assert_eq!(count(&client(&settings, "shop").await, "orders").await, 1);
    let app = client(&settings, "app").await;
    app.batch_execute("SET default_transaction_read_only = off")
        .await
        .unwrap();
    assert_eq!(count(&app, "billing.by_shop").await, 2);
    assert_eq!(
        refused(&app, "INSERT INTO billing.by_shop VALUES (3)").await,
        "permission denied for table by_shop"
    );
    let gone = connect(
        &settings,
        "report",
        report.password.expose(),
        &settings.database,
    )
    .await
    .err()
    .unwrap();
    assert!(
        gone.contains("not permitted to log in") || gone.contains("password authentication failed"),
        "{gone}"
    );

    // What is in it survives a stop, and being killed.
    assert!(running.stop(), "it stops in good order");
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    assert_eq!(count(&client(&settings, "shop").await, "orders").await, 1);
    let running = running.kill_and_restart(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    assert_eq!(count(&client(&settings, "shop").await, "orders").await, 1);
    let log = running.log();
    for secret in ["admin's", "shop's", "'new'"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}

#[tokio::test]
async fn the_machines_own_holds_each_role_to_its_rights() {
    works(tool(Tool::Postgres { major: None }).await).await;
}

#[tokio::test]
async fn the_fetched_one_of_the_version_asked_for_does_so_too() {
    let tool = fetched(Tool::Postgres { major: Some(17) }).await;
    assert_eq!(tool.major(), 17);
    works(tool).await;
}

#[tokio::test]
async fn extensions_that_are_there_and_one_that_is_not() {
    let dir = dir();
    let mut settings = settings(dir.path());
    settings.extensions = vec!["pgcrypto".to_owned()];
    let launch = prepare(
        &settings,
        &fetched(Tool::Postgres { major: Some(17) }).await,
    )
    .await
    .unwrap();
    let _running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    let shop = client(&settings, "shop").await;
    shop.batch_execute("SELECT digest('x', 'sha256')")
        .await
        .unwrap();
    settings.extensions = vec!["pgcrypto".to_owned(), "vectors_of_dreams".to_owned()];
    let error = converge(&settings, PATIENCE).await.unwrap_err().to_string();
    assert!(error.starts_with("postgres db: cannot add the extension `vectors_of_dreams`: this PostgreSQL does not have it; it has: "), "{error}");
    assert!(error.contains("pgcrypto"), "{error}");
}

#[tokio::test]
async fn what_can_not_be_started_is_said_before_it_is_touched() {
    let dir = dir();
    let mut settings = settings(dir.path());
    let tool = fetched(Tool::Postgres { major: Some(17) }).await;
    let data = settings.dir.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let error = prepare(&settings, &tool).await.unwrap_err().to_string();
    assert!(
        error.contains("holds no PG_VERSION") && error.contains("restore it from a backup"),
        "{error}"
    );

    std::fs::write(data.join("PG_VERSION"), "15\n").unwrap();
    let error = prepare(&settings, &tool).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "postgres db: cannot start PostgreSQL 17.11: the data in {} is of PostgreSQL 15; go back to `version = 15`, \
             or move the data: dump it with 15 (pg_dump), remove this database, bring it up with 17, and restore the dump",
            data.display()
        )
    );
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);

    settings.roles.push(role("plat", Rights::OwnsAll));
    let error = converge(&settings, PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("that name is reserved"), "{error}");

    if rustix::process::geteuid().is_root() {
        let hidden = dir_for_root_alone();
        settings.dir = hidden.path().join("db");
        let error = prepare(&settings, &tool).await.unwrap_err().to_string();
        assert!(
            error.contains("may not pass through")
                && error.contains(hidden.path().to_str().unwrap()),
            "{error}"
        );
    }
}

fn dir_for_root_alone() -> tempfile::TempDir {
    let dir = dir();
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    dir
}
