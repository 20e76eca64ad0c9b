//! What is inside the server: database, roles, rights, extensions.
//!
//! Every call sets the whole: rights are taken away and given again in one transaction, so that a
//! right that is no longer asked for is gone and nobody is without one in between.

use super::sql::{name, text};
use super::{ADMINISTRATOR, Rights, Settings};
use crate::services::ServiceError;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

/// What is given on a schema, its tables and its sequences, to read and to do everything.
const READ: [&str; 3] = ["USAGE", "SELECT", "SELECT"];
const WRITE: [&str; 3] = ["USAGE, CREATE", "ALL", "ALL"];

/// Marks the roles that are ours, so that others' are left alone.
const OURS: &str = "made by plat";

/// Brings what is inside the server to `settings`, once it accepts connections.
///
/// # Errors
/// It does not accept connections before `within` is over, refuses the administrator's password,
/// has no such extension, or refuses a statement.
pub async fn converge(settings: &Settings, within: Duration) -> Result<(), ServiceError> {
    for role in &settings.roles {
        if role.name == ADMINISTRATOR || role.name.starts_with("pg_") {
            return Err(settings
                .error(
                    format!("make the role `{}`", role.name),
                    "that name is reserved",
                )
                .next("give the role another name"));
        }
    }
    let deadline = Instant::now() + within;
    let server = connect(settings, "postgres", deadline).await?;
    let sql = Sql {
        settings,
        client: server,
    };
    sql.roles().await?;
    sql.database().await?;
    drop(sql);
    let database = connect(settings, &settings.database, deadline).await?;
    let sql = Sql {
        settings,
        client: database,
    };
    sql.extensions().await?;
    sql.rights().await
}

/// Connects as the administrator, again and again until the server accepts it.
async fn connect(
    settings: &Settings,
    database: &str,
    deadline: Instant,
) -> Result<Client, ServiceError> {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(settings.port)
        .user(ADMINISTRATOR)
        .password(settings.administrator_password.expose())
        .dbname(database)
        .application_name("plat");
    let doing = || format!("connect to it at {}", settings.addr());
    loop {
        let why = match timeout_at(deadline, config.connect(NoTls)).await {
            Ok(Ok((client, connection))) => {
                // Ends by itself when the client is dropped.
                tokio::spawn(connection);
                return Ok(client);
            }
            Ok(Err(e)) if e.code() == Some(&SqlState::INVALID_PASSWORD) => {
                return Err(settings.error(doing(), "it refuses the administrator's password").next(
                    "the data is of another installation than the kept secrets: restore the one that belongs to the other",
                ));
            }
            Ok(Err(e)) => reason(&e),
            Err(_) => "it does not answer in time".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(settings.error(doing(), why).next("see its log"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

struct Sql<'a> {
    settings: &'a Settings,
    client: Client,
}

impl Sql<'_> {
    async fn run(&self, doing: &str, statements: &str) -> Result<(), ServiceError> {
        self.client
            .batch_execute(statements)
            .await
            .map_err(|e| self.settings.error(doing, reason(&e)))
    }

    async fn names(&self, doing: &str, query: &str) -> Result<BTreeSet<String>, ServiceError> {
        let rows = self
            .client
            .query(query, &[])
            .await
            .map_err(|e| self.settings.error(doing, reason(&e)))?;
        rows.iter()
            .map(|row| {
                row.try_get(0)
                    .map_err(|e| self.settings.error(doing, reason(&e)))
            })
            .collect()
    }

    /// Makes each role, sets its password, and shuts out those of ours that are no longer named.
    async fn roles(&self) -> Result<(), ServiceError> {
        let there = self
            .names("read its roles", "SELECT rolname::text FROM pg_roles")
            .await?;
        let ours = self
            .names(
                "read its roles",
                &format!(
                    "SELECT rolname::text FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = {}",
                    text(OURS)
                ),
            )
            .await?;
        for role in &self.settings.roles {
            let quoted = name(&role.name);
            let verb = if there.contains(&role.name) {
                "ALTER"
            } else {
                "CREATE"
            };
            let read_only = if !role.rights.writes() {
                format!("ALTER ROLE {quoted} SET default_transaction_read_only = on;")
            } else {
                format!("ALTER ROLE {quoted} RESET default_transaction_read_only;")
            };
            // One transaction: a batch is one. The statement is not logged by the server unless it
            // fails, and `log_min_error_statement` would then write the password: so not then.
            self.run(
                &format!("set the role `{}`", role.name),
                &format!(
                    "SET log_min_error_statement = 'panic'; {verb} ROLE {quoted} WITH LOGIN \
                     NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}; \
                     COMMENT ON ROLE {quoted} IS {}; {read_only}",
                    text(role.password.expose()),
                    text(OURS),
                ),
            )
            .await?;
        }
        for gone in ours
            .iter()
            .filter(|r| !self.settings.roles.iter().any(|role| role.name == **r))
        {
            self.run(
                &format!("shut out the role `{gone}`"),
                &format!("ALTER ROLE {} WITH NOLOGIN PASSWORD NULL", name(gone)),
            )
            .await?;
        }
        Ok(())
    }

    /// Makes the database and lets only the named roles connect to it.
    async fn database(&self) -> Result<(), ServiceError> {
        let wanted = &self.settings.database;
        let quoted = name(wanted);
        let doing = format!("make the database `{wanted}`");
        let there = self
            .names(&doing, "SELECT datname::text FROM pg_database")
            .await?;
        if !there.contains(wanted) {
            self.run(
                &doing,
                &format!("CREATE DATABASE {quoted} TEMPLATE template0"),
            )
            .await?;
        }
        let owner = self.owner().unwrap_or(ADMINISTRATOR);
        let mut statements = format!(
            "ALTER DATABASE {quoted} OWNER TO {}; \
             REVOKE ALL ON DATABASE {quoted}, postgres, template1 FROM PUBLIC;",
            name(owner)
        );
        for role in &self.settings.roles {
            let rights = if role.rights.writes() {
                "CONNECT, TEMPORARY"
            } else {
                "CONNECT"
            };
            let role = name(&role.name);
            statements.push_str(&format!(
                "REVOKE ALL ON DATABASE {quoted} FROM {role}; GRANT {rights} ON DATABASE {quoted} TO {role};"
            ));
        }
        if let Some(owner) = self.owner() {
            statements.push_str(&format!(
                "GRANT ALL ON DATABASE {quoted} TO {};",
                name(owner)
            ));
        }
        self.run(
            &format!("set who may use the database `{wanted}`"),
            &statements,
        )
        .await
    }

    async fn extensions(&self) -> Result<(), ServiceError> {
        if self.settings.extensions.is_empty() {
            return Ok(());
        }
        let available = self
            .names(
                "read the extensions it has",
                "SELECT name::text FROM pg_available_extensions",
            )
            .await?;
        for extension in &self.settings.extensions {
            let doing = format!("add the extension `{extension}`");
            if !available.contains(extension) {
                let known: Vec<&str> = available.iter().map(String::as_str).collect();
                return Err(self
                    .settings
                    .error(doing, "this PostgreSQL does not have it")
                    .next(format!("it has: {}", known.join(", "))));
            }
            self.run(
                &doing,
                &format!("CREATE EXTENSION IF NOT EXISTS {}", name(extension)),
            )
            .await?;
        }
        Ok(())
    }

    /// Sets the rights of every role on every schema.
    async fn rights(&self) -> Result<(), ServiceError> {
        let doing = "set the rights of its roles";
        let mut schemas = self
            .names(
                doing,
                "SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' \
                 AND nspname <> 'information_schema'",
            )
            .await?;
        let all_readers = self
            .names(
                doing,
                "SELECT rolname::text FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member \
                 WHERE roleid = 'pg_read_all_data'::regrole",
            )
            .await?;
        let mut statements = String::from("BEGIN;");
        for schema in self
            .settings
            .roles
            .iter()
            .flat_map(|role| role.rights.schemas())
        {
            if schemas.insert(schema.clone()) {
                statements.push_str(&format!("CREATE SCHEMA {};", name(schema)));
            }
        }
        statements.push_str("REVOKE ALL ON SCHEMA public FROM PUBLIC;");
        if let Some(owner) = self.owner() {
            statements.push_str(&format!("ALTER SCHEMA public OWNER TO {};", name(owner)));
        }
        for role in &self.settings.roles {
            for schema in &schemas {
                statements.push_str(&self.revoke(&role.name, schema));
            }
            if role.rights == Rights::ReadsAll {
                statements.push_str(&format!("GRANT pg_read_all_data TO {};", name(&role.name)));
            } else if all_readers.contains(&role.name) {
                statements.push_str(&format!(
                    "REVOKE pg_read_all_data FROM {};",
                    name(&role.name)
                ));
            }
        }
        for role in &self.settings.roles {
            let (owns, reads) = match &role.rights {
                Rights::OwnsAll => (schemas.iter().collect(), Vec::new()),
                Rights::ReadsAll => (Vec::new(), Vec::new()),
                Rights::Schemas { owns, reads } => (owns.iter().collect(), reads.iter().collect()),
            };
            let reads = reads
                .into_iter()
                .filter(|schema: &&String| !owns.contains(schema));
            for schema in reads {
                statements.push_str(&self.grant(&role.name, schema, READ));
            }
            for schema in &owns {
                statements.push_str(&self.grant(&role.name, schema, WRITE));
            }
        }
        statements.push_str("COMMIT;");
        self.run(doing, &statements).await
    }

    /// Takes every right on `schema` away from `role`, now and on what others make there later.
    fn revoke(&self, role: &str, schema: &str) -> String {
        let (role, schema) = (name(role), name(schema));
        let mut statements = format!(
            "REVOKE ALL ON SCHEMA {schema} FROM {role};\
             REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};\
             REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};"
        );
        for maker in self.makers() {
            let maker = name(maker);
            if maker == role {
                continue;
            }
            statements.push_str(&format!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {maker} IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {role};\
                 ALTER DEFAULT PRIVILEGES FOR ROLE {maker} IN SCHEMA {schema} REVOKE ALL ON SEQUENCES FROM {role};"
            ));
        }
        statements
    }

    fn grant(&self, role: &str, schema: &str, rights: [&str; 3]) -> String {
        let (role, schema) = (name(role), name(schema));
        let [on_schema, on_tables, on_sequences] = rights;
        let mut statements = format!(
            "GRANT {on_schema} ON SCHEMA {schema} TO {role};\
             GRANT {on_tables} ON ALL TABLES IN SCHEMA {schema} TO {role};\
             GRANT {on_sequences} ON ALL SEQUENCES IN SCHEMA {schema} TO {role};"
        );
        for maker in self.makers() {
            let maker = name(maker);
            if maker == role {
                continue;
            }
            statements.push_str(&format!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {maker} IN SCHEMA {schema} GRANT {on_tables} ON TABLES TO {role};\
                 ALTER DEFAULT PRIVILEGES FOR ROLE {maker} IN SCHEMA {schema} GRANT {on_sequences} ON SEQUENCES TO {role};"
            ));
        }
        statements
    }

    /// The roles that may make tables.
    fn makers(&self) -> impl Iterator<Item = &str> {
        self.settings
            .roles
            .iter()
            .filter(|role| role.rights.writes())
            .map(|role| role.name.as_str())
    }

    fn owner(&self) -> Option<&str> {
        self.settings
            .roles
            .iter()
            .find(|role| role.rights == Rights::OwnsAll)
            .map(|role| role.name.as_str())
    }
}

impl Rights {
    fn schemas(&self) -> impl Iterator<Item = &String> {
        let (owns, reads) = match self {
            Self::Schemas { owns, reads } => (owns.as_slice(), reads.as_slice()),
            Self::OwnsAll | Self::ReadsAll => (&[][..], &[][..]),
        };
        owns.iter().chain(reads)
    }

    fn writes(&self) -> bool {
        match self {
            Self::OwnsAll => true,
            Self::ReadsAll => false,
            Self::Schemas { owns, .. } => !owns.is_empty(),
        }
    }
}

/// What the server said, which `Error` alone hides behind "db error".
fn reason(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
