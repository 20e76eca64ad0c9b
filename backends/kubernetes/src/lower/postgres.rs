//! PostgreSQL as a StatefulSet of one: no failover, which the plan says. Where the target names an
//! operator it is that one's (`cnpg.rs`).

use crate::json::{Json, json};
use plat_engine::OnChange;

use super::outs::{OWNER, POSTGRES, READER, database, owner, reader};
use super::pods::{bytes, locked};
use super::resources::{SETUP, Server, small};
use super::{Lowering, Put, object_id};
use plat_engine::fields::{self, Fields};

/// The key of the administrator's password.
pub const ADMINISTRATOR: &str = "administrator";
/// The user of PostgreSQL in its images.
const USER: i64 = 999;
/// The part of what keeps copies of a database back.
const BACKUP: &str = "backup";

/// What a server runs as it starts: the administrator has the password that the Secret says, also
/// where the data is older than that, as after a destroy that kept it. Who is in the pod needs none
/// to come in. No log of the server has the statement, which says the password: neither as one that
/// ran, nor as one that took long or failed.
const ADMITS: &str = "\
tries=1800
until psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host=/var/run/postgresql --username=postgres --dbname=postgres 2>/dev/null <<'SQL'
\\set password `printf %s \"$POSTGRES_PASSWORD\"`
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
ALTER ROLE postgres PASSWORD :'password';
SQL
do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || exit 1
  sleep 0.5
done
";

/// How a helper comes into a database.
pub(super) struct Asks {
    /// The image with the tools.
    pub(super) image: String,
    pub(super) host: String,
    pub(super) user: String,
    /// The Secret with the password, and its key.
    pub(super) secret: String,
    pub(super) key: &'static str,
    /// The name of the policy of who is reached.
    pub(super) server: String,
    /// The object that is to be there before.
    pub(super) after: String,
}

impl<'a> Lowering<'a> {
    pub(super) fn postgres(&mut self, fields: &mut Fields<'a>) {
        let operated = self.is_operated();
        if !operated && fields.number::<u32>("replicas").is_some_and(|n| n > 1) {
            fields.weaken(
                "replicas",
                "there is one server, without failover; with CloudNativePG and `cnpg_namespace` there are as many",
            );
        }
        if !operated && fields.number::<u32>("replicas").is_none_or(|n| n == 1) {
            fields.inform("", "there is one server, without failover".to_owned());
        }
        if fields.get("backup").is_none() {
            fields.inform(
                "",
                "no copies of it are kept: `backup` says when".to_owned(),
            );
        }
        if fields.get("replica_of").is_some() {
            fields.not_built("replica_of", "a copy of another database");
        }
        if fields::entries(fields.get("roles")).next().is_some() {
            fields.not_built("roles", "a role of a database beside its owner");
        }
        let version: u32 = fields.number("version").unwrap_or(17);
        if operated {
            self.operated(fields, version);
            return;
        }
        let image = self.settings.postgres(version);
        let name = self.name(fields.node);
        let path = fields.path.clone();
        self.put(
            self.credentials(&name, [ADMINISTRATOR, OWNER, READER])
                .of(fields)
                .label(format!("credentials of {path}")),
        );
        self.account(fields, &name);
        let data = self.helper(fields.node, "data");
        let size = fields.amount("storage").unwrap_or(10 << 30);
        let what = format!("the database {path} and all its rows");
        let claim = self
            .claim(&data, size, false, what)
            // Another major version can't read the files of this one.
            .annotate("plat/postgres-version", version.to_string())
            .on_change("metadata.annotations", OnChange::Replace);
        self.put(claim.of(fields).label(format!("data of {path}")));
        let container = self.postgres_container(fields, &name, &image);
        self.server(
            Some(fields),
            Server {
                name: &name,
                path: Some(fields.path),
                label: format!("PostgreSQL {version} for {path}"),
                port: POSTGRES,
                monitor: None,
                user: USER,
                container,
                volumes: vec![
                    json!({ "name": "data", "persistentVolumeClaim": { "claimName": data } }),
                    json!({ "name": "run", "emptyDir": { "sizeLimit": "16Mi" } }),
                    json!({ "name": "tmp", "emptyDir": { "sizeLimit": "1Gi" } }),
                    json!({ "name": "shm", "emptyDir": { "medium": "Memory", "sizeLimit": "256Mi" } }),
                ],
                annotations: Json::Null,
                after: vec![
                    object_id("Secret", &name),
                    object_id("ServiceAccount", &name),
                    object_id("NetworkPolicy", &name),
                    object_id("PersistentVolumeClaim", &data),
                ],
                // A checkpoint before the end takes its time.
                grace: 120,
            },
        );
        self.postgres_setup(fields, &name, &image, version);
        let asks = Asks {
            image,
            host: name.clone(),
            user: "postgres".to_owned(),
            secret: name.clone(),
            key: ADMINISTRATOR,
            after: object_id("StatefulSet", &name),
            server: name,
        };
        self.backup(fields, &asks, size);
    }

    fn postgres_container(&self, fields: &Fields<'a>, name: &str, image: &str) -> Json {
        let probe = |period: u32, failures: u32| {
            json!({
                "exec": { "command": ["pg_isready", "--quiet", "--host=127.0.0.1"] },
                "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures,
            })
        };
        json!({
            "name": name,
            "image": image,
            "ports": [{ "name": "postgres", "containerPort": POSTGRES, "protocol": "TCP" }],
            "env": [
                // A volume's own directory may hold `lost+found`.
                { "name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata" },
                {
                    "name": "POSTGRES_PASSWORD",
                    "valueFrom": { "secretKeyRef": { "name": name, "key": ADMINISTRATOR } },
                },
            ],
            "lifecycle": { "postStart": { "exec": { "command": ["sh", "-c", ADMITS] } } },
            // Recovery after a crash may take long; it is not to be killed for it.
            "startupProbe": probe(2, 900),
            "readinessProbe": probe(5, 3),
            "livenessProbe": probe(20, 6),
            "resources": needs(fields),
            "securityContext": locked(),
            "volumeMounts": [
                { "name": "data", "mountPath": "/var/lib/postgresql/data" },
                { "name": "run", "mountPath": "/var/run/postgresql" },
                { "name": "tmp", "mountPath": "/tmp" },
                { "name": "shm", "mountPath": "/dev/shm" },
            ],
        })
    }

    /// Roles, the database and its extensions: each time what was asked for changed.
    fn postgres_setup(&mut self, fields: &Fields<'a>, name: &str, image: &str, version: u32) {
        let setup = self.helper(fields.node, "setup");
        let script = script(fields, version);
        let password = |variable: &str, key: &str| {
            json!({
                "name": variable,
                "valueFrom": { "secretKeyRef": { "name": name, "key": key } },
            })
        };
        let container = json!({
            "name": "setup",
            "image": image,
            "command": ["sh", "-c", script],
            "env": [
                { "name": "PGHOST", "value": name },
                { "name": "PGUSER", "value": "postgres" },
                { "name": "PGCONNECT_TIMEOUT", "value": "5" },
                password("PGPASSWORD", ADMINISTRATOR),
                password("OWNER_PASSWORD", OWNER),
                password("READER_PASSWORD", READER),
            ],
            "resources": small(),
            "securityContext": locked(),
        });
        let label = format!("roles and extensions of {}", fields.path);
        self.setup(fields, &setup, USER, &container, &[], label);
        let after = [
            object_id("StatefulSet", name),
            object_id("Service", name),
            object_id("NetworkPolicy", &setup),
        ];
        self.wait(&object_id("Job", &setup), &after);
        let path = fields.path;
        self.helper_reaches(path, SETUP, Some(path), name, POSTGRES, &setup);
    }

    /// Copies of the database, kept on a volume of their own.
    pub(super) fn backup(&mut self, fields: &mut Fields<'a>, asks: &Asks, size: u64) {
        let Some(kept) = fields.get("backup") else {
            return;
        };
        let (schedule, days) = match fields::word(kept) {
            Some("hourly") => ("0 * * * *".to_owned(), 2),
            _ => {
                let at = kept.get("at").and_then(|v| v.as_str()).unwrap_or("03:00");
                let (hour, minute) = at.split_once(':').unwrap_or(("3", "0"));
                let number = |text: &str| text.parse::<u8>().unwrap_or(0);
                (format!("{} {} * * *", number(minute), number(hour)), 14)
            }
        };
        let minutes = kept
            .get("keep")
            .and_then(fields::millis)
            .map_or(days * 1440, |millis| millis / 60_000);
        let backup = self.helper(fields.node, BACKUP);
        let what = format!("the backups of the database {}", fields.path);
        let claim = self.claim(&backup, size.saturating_mul(2), false, what);
        self.put(
            claim
                .of(fields)
                .label(format!("backups of {}", fields.path)),
        );
        let script = format!(
            "set -eu\n\
             file=/backup/$(date -u +%Y-%m-%dT%H%M%SZ).dump\n\
             pg_dump --format=custom --file=\"$file.part\"\n\
             mv \"$file.part\" \"$file\"\n\
             find /backup -name '*.dump' -mmin +{minutes} -delete\n"
        );
        let mut labels = self.labels(Some((fields.path, fields.node)), "");
        labels.insert(crate::names::PART.into(), BACKUP.into());
        let body = json!({ "spec": {
            "schedule": schedule,
            "timeZone": "UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": { "spec": {
                "backoffLimit": 2,
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "automountServiceAccountToken": false,
                        "enableServiceLinks": false,
                        "restartPolicy": "Never",
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": USER,
                            "runAsGroup": USER,
                            "fsGroup": USER,
                            "fsGroupChangePolicy": "OnRootMismatch",
                            "seccompProfile": { "type": "RuntimeDefault" },
                        },
                        "containers": [{
                            "name": BACKUP,
                            "image": asks.image,
                            "command": ["sh", "-c", script],
                            "env": [
                                { "name": "PGHOST", "value": asks.host },
                                { "name": "PGUSER", "value": asks.user },
                                { "name": "PGDATABASE", "value": database(fields.node) },
                                {
                                    "name": "PGPASSWORD",
                                    "valueFrom": {
                                        "secretKeyRef": { "name": asks.secret, "key": asks.key },
                                    },
                                },
                            ],
                            "resources": small(),
                            "securityContext": locked(),
                            "volumeMounts": [{ "name": "backup", "mountPath": "/backup" }],
                        }],
                        "volumes": [{
                            "name": "backup",
                            "persistentVolumeClaim": { "claimName": backup },
                        }],
                    },
                },
            }},
        }});
        self.put(
            Put::new("CronJob", "batch/v1", &backup, body)
                .of(fields)
                .label(format!("backup of {}", fields.path))
                .after([
                    object_id("PersistentVolumeClaim", &backup),
                    object_id("NetworkPolicy", &backup),
                    asks.after.clone(),
                ]),
        );
        let path = fields.path;
        self.helper_reaches(path, BACKUP, Some(path), &asks.server, POSTGRES, &backup);
    }
}

/// What a server needs and may have.
pub(super) fn needs(fields: &Fields<'_>) -> Json {
    let amount = fields.get("resources.amount");
    let part = |part: &str| amount.and_then(|a| a.get(part)?.as_amount());
    let cpu = part("cpu").map_or_else(|| "100m".to_owned(), super::pods::cores);
    let memory = part("memory").and_then(|n| u64::try_from(n.floor()).ok());
    let (least, most) = memory.map_or((256 << 20, 1 << 30), |m| (m, m));
    json!({
        "requests": { "cpu": cpu, "memory": bytes(least) },
        "limits": { "memory": bytes(most) },
    })
}

/// What brings a database to what was asked for. It may run again at any time. Passwords come
/// from the environment: a command line is for all to see.
fn script(fields: &Fields<'_>, version: u32) -> String {
    let database = database(fields.node);
    let (owner, reader) = (owner(fields.node), reader(fields.node));
    let mut inside = String::new();
    for extension in fields.texts("extensions") {
        inside.push_str(&format!(
            "CREATE EXTENSION IF NOT EXISTS {} CASCADE;\n",
            quoted(&extension)
        ));
    }
    // From 14 on there is a role for just that.
    let read = if version >= 14 {
        format!("GRANT pg_read_all_data TO \"{reader}\";\n")
    } else {
        format!(
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{reader}\";\n\
             ALTER DEFAULT PRIVILEGES FOR ROLE \"{owner}\" IN SCHEMA public GRANT SELECT ON TABLES TO \"{reader}\";\n"
        )
    };
    inside.push_str(&read);
    format!(
        "set -eu\n\
         psql --no-psqlrc --set=ON_ERROR_STOP=1 --quiet --dbname=postgres <<'SQL'\n\
         \\set owner_password `printf %s \"$OWNER_PASSWORD\"`\n\
         \\set reader_password `printf %s \"$READER_PASSWORD\"`\n\
         SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['{owner}', '{reader}']) AS name\n\
         WHERE name NOT IN (SELECT rolname FROM pg_roles) \\gexec\n\
         ALTER ROLE \"{owner}\" PASSWORD :'owner_password';\n\
         ALTER ROLE \"{reader}\" PASSWORD :'reader_password';\n\
         ALTER ROLE \"{reader}\" SET default_transaction_read_only = on;\n\
         SELECT 'CREATE DATABASE \"{database}\" OWNER \"{owner}\"'\n\
         WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n\
         REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC;\n\
         GRANT CONNECT ON DATABASE \"{database}\" TO \"{reader}\";\n\
         \\connect \"{database}\"\n\
         ALTER SCHEMA public OWNER TO \"{owner}\";\n\
         {inside}SQL\n"
    )
}

/// An identifier of SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
