//! What the things that the agent keeps tell of themselves: the values of holes.

use plat_engine::Scope;
use plat_model::{Hole, NodePath};

use super::Agent;
use super::protocol::Failure;
use super::store::Record;
use crate::secrets::{Secrets, SecretsError};
use crate::services::Secret;
use crate::spec::{Postgres, Queue, Spec};
use crate::text::{Text, UnknownEncoder};

/// The address of everything here.
pub(super) const HOST: &str = "127.0.0.1";
/// The region that every bucket of this target is in.
const REGION: &str = "local";

impl From<UnknownEncoder> for Failure {
    fn from(error: UnknownEncoder) -> Self {
        Self::new("cannot fill in a value", error)
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        Self::new("cannot use the secrets of this environment", error)
    }
}

impl Agent {
    /// The secrets of a scope.
    pub(super) fn secrets(&self, scope: &Scope) -> Secrets {
        Secrets::at(&self.dirs.scope(&scope.app, &scope.environment))
    }

    /// A text with its holes filled, for `whom`.
    ///
    /// # Errors
    /// When a value is not to be had; says whose.
    pub(super) fn filled(&self, scope: &Scope, text: &Text, whom: &str) -> Result<Secret, Failure> {
        text.fill(|hole| self.value(scope, hole, whom))
    }

    /// Whether a text is nothing but a secret that may be unset, and is.
    pub(super) fn left_out(&self, scope: &Scope, text: &Text) -> Result<bool, Failure> {
        let Text::Pieces(pieces) = text else {
            return Ok(false);
        };
        let [plat_model::Piece::Hole(hole)] = pieces.as_slice() else {
            return Ok(false);
        };
        let record = self.store.of_node(scope, &hole.producer);
        match record.as_ref().map(Record::spec) {
            Some(Ok(Spec::Secret(secret))) if secret.optional => {
                Ok(self.secrets(scope).get(hole.producer.as_str())?.is_none())
            }
            _ => Ok(false),
        }
    }

    fn value(&self, scope: &Scope, hole: &Hole, whom: &str) -> Result<Secret, Failure> {
        let what = || format!("cannot give `{whom}` the value of `{hole}`");
        let missing = || Failure::new(what(), "there is no such value on this target");
        let Some(record) = self.store.of_node(scope, &hole.producer) else {
            // Workloads may read each other's addresses before either runs: the port is kept for
            // whoever comes. What is known only after apply is there by now, or not at all.
            if !hole.secret && !hole.later {
                let id = format!("process/{}", hole.producer);
                let (port, out) = port_and_out(&hole.out);
                return address_out(out, self.keep_port(scope, &id, port)?).ok_or_else(missing);
            }
            return Err(Failure::new(
                what(),
                format!("`{}` is not there", hole.producer),
            ));
        };
        let spec = record
            .spec()
            .map_err(|e| Failure::new(what(), format!("its record can't be read: {e}")))?;
        let node = &hole.producer;
        let out = hole.out.as_str();
        let value = match &spec {
            Spec::Secret(_) => match self.secrets(scope).get(node.as_str())? {
                Some(value) => Some(value),
                None => {
                    return Err(Failure::new(what(), "it has no value").next(format!(
                        "platc secret set {node} --env {}",
                        scope.environment
                    )));
                }
            },
            Spec::Postgres(postgres) => self.postgres_out(&record, node, postgres, out)?,
            Spec::Redis(_) => {
                let password = self.secrets(scope).credential(node.as_str(), "password")?;
                let port = self.port_of(&record, "main")?;
                match out {
                    "url" => Some(Secret::new(format!(
                        "redis://:{}@{HOST}:{port}",
                        password.expose()
                    ))),
                    "password" => Some(password),
                    _ => address_out(out, port),
                }
            }
            Spec::Queue(queue) => self.queue_out(scope, node, queue, out)?,
            Spec::Bucket(bucket) => {
                let secrets = self.secrets(scope);
                match out {
                    "url" => Some(format!("s3://{}", bucket.name).into()),
                    "name" => Some(bucket.name.clone().into()),
                    "region" => Some(REGION.into()),
                    "endpoint" => {
                        let port = self.shared_port(scope, "s3")?;
                        Some(format!("http://{HOST}:{port}").into())
                    }
                    "access_key" => Some(access_key(node).into()),
                    "secret_key" => Some(secrets.credential(node.as_str(), "secret_key")?),
                    _ => None,
                }
            }
            Spec::Workload(_) => {
                let (port, out) = port_and_out(out);
                address_out(out, self.port_of(&record, port)?)
            }
            Spec::Volume(_) if out == "path" => Some(
                self.volume(scope, node)
                    .to_string_lossy()
                    .into_owned()
                    .into(),
            ),
            _ => None,
        };
        value.ok_or_else(missing)
    }

    fn postgres_out(
        &self,
        record: &Record,
        node: &NodePath,
        postgres: &Postgres,
        out: &str,
    ) -> Result<Option<Secret>, Failure> {
        let port = self.port_of(record, "main")?;
        let secrets = self.secrets(&record.scope);
        let database = &postgres.database;
        let password = |role: &str| secrets.credential(node.as_str(), role);
        let url = |user: &str| -> Result<Secret, SecretsError> {
            let password = password(user)?;
            Ok(Secret::new(format!(
                "postgres://{user}:{}@{HOST}:{port}/{database}",
                password.expose()
            )))
        };
        let owner = owner(postgres);
        let reader = reader(postgres);
        if let Some(rest) = out.strip_prefix("roles.") {
            let Some((role, what)) = rest.rsplit_once('.') else {
                return Ok(None);
            };
            return Ok(match what {
                _ if !postgres.roles.contains_key(role) => None,
                "url" => Some(url(role)?),
                "user" => Some(role.into()),
                "password" => Some(password(role)?),
                _ => None,
            });
        }
        Ok(match out {
            "url" => Some(url(&owner)?),
            "read_only_url" => Some(url(&reader)?),
            "user" => Some(owner.into()),
            "password" => Some(password(&owner)?),
            "database" => Some(database.clone().into()),
            _ => address_out(out, port),
        })
    }

    fn queue_out(
        &self,
        scope: &Scope,
        node: &NodePath,
        queue: &Queue,
        out: &str,
    ) -> Result<Option<Secret>, Failure> {
        if out != "send" && out != "receive" {
            return Ok(None);
        }
        let port = self.shared_port(scope, "nats")?;
        let password = self.secrets(scope).credential(node.as_str(), out)?;
        let user = queue_user(queue, out);
        Ok(Some(Secret::new(format!(
            "nats://{user}:{}@{HOST}:{port}/{}",
            password.expose(),
            queue.stream
        ))))
    }

    /// The port that is kept for a thing of its own.
    ///
    /// # Errors
    /// When none is free.
    pub(super) fn port_of(&self, record: &Record, name: &str) -> Result<u16, Failure> {
        self.keep_port(&record.scope, &record.id, name)
    }

    /// The port of a server that several nodes share.
    pub(super) fn shared_port(&self, scope: &Scope, id: &str) -> Result<u16, Failure> {
        self.keep_port(scope, id, "main")
    }

    fn keep_port(&self, scope: &Scope, id: &str, name: &str) -> Result<u16, Failure> {
        let owner = port_owner(scope, id, name);
        self.ports()
            .keep(&owner)
            .map_err(|e| Failure::new(format!("cannot give `{id}` a port"), e))
    }
}

/// How a kept port's owner is written.
pub(super) fn port_owner(scope: &Scope, id: &str, name: &str) -> String {
    format!("{}/{}/{id}#{name}", scope.app, scope.environment)
}

/// The role that owns a database.
pub(super) fn owner(postgres: &Postgres) -> String {
    format!("{}_owner", postgres.database)
}

/// The role that may read all of a database.
pub(super) fn reader(postgres: &Postgres) -> String {
    format!("{}_reader", postgres.database)
}

/// The user that may do one thing with a queue.
pub(super) fn queue_user(queue: &Queue, right: &str) -> String {
    format!("{}-{right}", queue.stream)
}

/// Who asks a bucket.
pub(super) fn access_key(node: &NodePath) -> String {
    node.external_name()
}

/// Which port an out of a workload is about, and what of it: `ports.admin.url`, `url`.
fn port_and_out(out: &str) -> (&str, &str) {
    match out.strip_prefix("ports.") {
        Some(rest) => rest.split_once('.').unwrap_or((rest, "address")),
        None => ("main", out),
    }
}

fn address_out(out: &str, port: u16) -> Option<Secret> {
    Some(match out {
        "host" => HOST.into(),
        "port" => port.to_string().into(),
        "address" => format!("{HOST}:{port}").into(),
        "url" => format!("http://{HOST}:{port}").into(),
        _ => return None,
    })
}
