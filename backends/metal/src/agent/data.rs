//! Data services: their programs, their servers, and what is inside them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plat_engine::Scope;
use tokio::time::Instant;

use super::apply::Task;
use super::instance::Role;
use super::protocol::Failure;
use super::resolve::{access_key, owner, queue_user, reader};
use super::store::Record;
use super::{Agent, Progress};
use crate::names;
use crate::objectstore;
use crate::secrets::ADMINISTRATOR;
use crate::services::{Launch, OnChange, ServiceError, nats, postgres, redis};
use crate::spec::{self, Spec};
use crate::tools::{Found, Tool};

/// How long a server may take from its start until it answers.
const UP: Duration = Duration::from_secs(90);
/// How long a server may take to stop before its shim is killed.
const DOWN: Duration = Duration::from_secs(90);
/// Marks of queues that are gone and whose messages stay.
const KEPT: &str = "kept";

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let mut failure = Self::new(
            format!("{}: cannot {}", error.service, error.doing),
            &error.why,
        );
        failure.next = error.next;
        failure
    }
}

impl Agent {
    /// Brings a data service, or a thing inside one, to what is asked for.
    pub(super) async fn serve_data(
        self: &Arc<Self>,
        spec: &Spec,
        task: Task<'_>,
    ) -> Result<Record, Failure> {
        let Task {
            record, progress, ..
        } = task;
        // From here on it is what is to be, finished or not: what died in the middle goes on.
        self.keep(record.clone())?;
        match spec {
            Spec::Postgres(one) => {
                let settings = self.postgres_settings(&record, one)?;
                self.serve(&record, spec, progress).await?;
                progress.say("sets up roles and database");
                postgres::converge(&settings, UP).await?;
            }
            Spec::Redis(one) => {
                let settings = self.redis_settings(&record, one)?;
                self.serve(&record, spec, progress).await?;
                redis::converge(&settings, UP).await?;
            }
            Spec::Nats(_) | Spec::ObjectStore(_) => self.serve(&record, spec, progress).await?,
            Spec::Queue(queue) => {
                let server = self.server(&record.scope, "nats")?;
                let _guard = self.lock_object(&record.scope, &server.id).await;
                // It may have been kept from an earlier life.
                let _ = fs::remove_file(self.kept_mark(&record.scope, &queue.stream));
                let settings = self.nats_settings(&server)?;
                self.serve(&server, &server_spec(&server)?, progress)
                    .await?;
                nats::converge(&settings, UP).await?;
            }
            Spec::Bucket(_) => {
                let server = self.server(&record.scope, "s3")?;
                let _guard = self.lock_object(&record.scope, &server.id).await;
                let settings = self.s3_settings(&server)?;
                self.serve(&server, &server_spec(&server)?, progress)
                    .await?;
                objectstore::converge(&settings, UP).await?;
            }
            _ => {}
        }
        Ok(record)
    }

    /// The server that several nodes share.
    fn server(&self, scope: &Scope, id: &str) -> Result<Record, Failure> {
        self.store.get(scope, id).ok_or_else(|| {
            Failure::new(format!("cannot use the server `{id}`"), "it is not there")
                .next("plan again")
        })
    }

    /// Makes a server run with its present configuration, and waits until it answers.
    pub(super) async fn serve(
        self: &Arc<Self>,
        record: &Record,
        spec: &Spec,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let launch = match spec {
            Spec::Postgres(one) => {
                let settings = self.postgres_settings(record, one)?;
                let major = one.version.or_else(|| postgres::data_major(&settings.dir));
                let tool = self.tool(Tool::Postgres { major }, progress).await?;
                match postgres::prepare(&settings, &tool).await {
                    Err(_) if postgres::data_major(&settings.dir).is_none() => {
                        // The initdb of an agent that was killed may still be at work there, and
                        // ends as soon as it finds its directory taken away.
                        tokio::time::sleep(Duration::from_secs(2)).await;
                        postgres::prepare(&settings, &tool).await?
                    }
                    launch => launch?,
                }
            }
            Spec::Redis(one) => {
                let tool = self.tool(Tool::Redis, progress).await?;
                redis::prepare(&self.redis_settings(record, one)?, &tool)?
            }
            Spec::Nats(_) => {
                let tool = self.tool(Tool::Nats, progress).await?;
                nats::prepare(&self.nats_settings(record)?, &tool)?
            }
            Spec::ObjectStore(_) => objectstore::prepare(&self.s3_settings(record)?)?,
            _ => return Ok(()),
        };
        let mut instance = self.instance(record, Role::Copy, 0, 0);
        let id = instance.id.clone();
        let running = self.supervisor.get(&id).filter(|s| !s.gone);
        match running {
            Some(seen) if seen.instance.digest == launch.config_digest => {}
            Some(_) if matches!(launch.on_change, OnChange::Signal(_)) => {
                if let OnChange::Signal(signal) = launch.on_change {
                    progress.say("takes over the new configuration");
                    let name = signal.name().trim_start_matches("SIG");
                    self.supervisor
                        .signal(&id, name, &launch.config_digest)
                        .await
                        .map_err(|e| {
                            Failure::new(
                                format!("cannot tell `{}` of its configuration", record.id),
                                e,
                            )
                        })?;
                }
            }
            running => {
                if running.is_some() {
                    progress.say("stops it, to start it as it should be");
                    self.supervisor.stop(&id, DOWN).await;
                }
                progress.say("starts it");
                self.port_is_ours(record)?;
                instance.digest.clone_from(&launch.config_digest);
                let spec = self.service_spec(&instance, &launch);
                self.supervisor
                    .start(instance, spec)
                    .await
                    .map_err(|e| Failure::new(format!("cannot start `{}`", record.id), e))?;
            }
        }
        self.await_ready(record, &id, Instant::now() + UP).await
    }

    /// Whether nobody else took the port that others were told is this server's.
    fn port_is_ours(&self, record: &Record) -> Result<(), Failure> {
        let port = self.port_of(record, "main")?;
        if crate::ports::is_free(port) {
            return Ok(());
        }
        let address = (std::net::Ipv4Addr::LOCALHOST, port).into();
        let who = crate::proxy::holder(address).map_or_else(
            || "another process listens there".to_owned(),
            |h| format!("{} (process {}) listens there", h.name, h.pid),
        );
        Err(
            Failure::new(format!("cannot start `{}` at port {port}", record.id), who)
                .next("stop it: this port was given to the app's other parts"),
        )
    }

    /// A server's program, fetched if need be.
    async fn tool(&self, tool: Tool, progress: &Progress) -> Result<Found, Failure> {
        let told = |p: crate::tools::Progress<'_>| {
            progress.amount(format!("fetches {}", p.what), p.done, p.total);
        };
        self.tools
            .ensure(tool, &told)
            .await
            .map_err(|e| Failure::new(format!("cannot have {tool}"), e))
    }

    fn postgres_settings(
        &self,
        record: &Record,
        one: &spec::Postgres,
    ) -> Result<postgres::Settings, Failure> {
        let name = name_of(record);
        let secrets = self.secrets(&record.scope);
        let role = |role: String, rights: postgres::Rights| -> Result<_, Failure> {
            Ok(postgres::Role {
                password: secrets.credential(&name, &role)?,
                name: role,
                rights,
            })
        };
        let mut roles = vec![
            role(owner(one), postgres::Rights::OwnsAll)?,
            role(reader(one), postgres::Rights::ReadsAll)?,
        ];
        for (login, rights) in &one.roles {
            let rights = postgres::Rights::Schemas {
                owns: rights.owns.clone(),
                reads: rights.reads.clone(),
            };
            roles.push(role(login.clone(), rights)?);
        }
        Ok(postgres::Settings {
            administrator_password: secrets.credential(&name, ADMINISTRATOR)?,
            dir: self.data_dir(&record.scope, &name),
            port: self.port_of(record, "main")?,
            database: one.database.clone(),
            roles,
            extensions: one.extensions.clone(),
            name,
        })
    }

    fn redis_settings(
        &self,
        record: &Record,
        one: &spec::Redis,
    ) -> Result<redis::Settings, Failure> {
        let name = name_of(record);
        Ok(redis::Settings {
            password: self.secrets(&record.scope).credential(&name, "password")?,
            dir: self.data_dir(&record.scope, &name),
            port: self.port_of(record, "main")?,
            memory: one.memory,
            evict: match one.evict.as_str() {
                "lru" => redis::Evict::Lru,
                "lfu" => redis::Evict::Lfu,
                "ttl" => redis::Evict::Ttl,
                _ => redis::Evict::Never,
            },
            keep: one.keep,
            name,
        })
    }

    fn nats_settings(&self, record: &Record) -> Result<nats::Settings, Failure> {
        let scope = &record.scope;
        let secrets = self.secrets(scope);
        let (mut queues, mut users) = (Vec::new(), Vec::new());
        for (name, queue) in self.queues(scope) {
            for (right, word) in [
                (nats::QueueRight::Send, "send"),
                (nats::QueueRight::Receive, "receive"),
            ] {
                users.push(nats::QueueUser {
                    name: queue_user(&queue, word),
                    password: secrets.credential(&name, word)?,
                    queue: queue.stream.clone(),
                    right,
                });
            }
            queues.push(nats::Queue {
                name: queue.stream,
                retries: queue.retries,
                ack_wait: Duration::from_millis(queue.visible_after),
            });
        }
        Ok(nats::Settings {
            name: format!("{} {}", scope.app, scope.environment),
            dir: self.data_dir(scope, "_nats"),
            port: self.port_of(record, "main")?,
            administrator_password: secrets.credential("_nats", ADMINISTRATOR)?,
            queues,
            users,
        })
    }

    fn queues(&self, scope: &Scope) -> BTreeMap<String, spec::Queue> {
        self.store
            .of(scope)
            .into_iter()
            .filter_map(|r| match r.spec() {
                Ok(Spec::Queue(queue)) => Some((name_of(&r), queue)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn s3_settings(&self, record: &Record) -> Result<objectstore::Settings, Failure> {
        let scope = &record.scope;
        let secrets = self.secrets(scope);
        let mut buckets = Vec::new();
        for record in self.store.of(scope) {
            let (Ok(Spec::Bucket(bucket)), Some(node)) = (record.spec(), &record.node) else {
                continue;
            };
            buckets.push(objectstore::Bucket {
                name: bucket.name,
                keys: vec![objectstore::Key {
                    access_key: access_key(node),
                    secret_key: secrets.credential(node.as_str(), "secret_key")?,
                    right: objectstore::KeyRight::Write,
                }],
            });
        }
        let program = self
            .internal("s3")
            .map_err(|e| Failure::new("cannot keep the S3 server's program", e))?;
        Ok(objectstore::Settings {
            name: format!("{} {}", scope.app, scope.environment),
            dir: self.data_dir(scope, "_s3"),
            port: self.port_of(record, "main")?,
            program,
            buckets,
        })
    }

    /// Takes out of a shared server what is about to go; with its data if that is to go too.
    pub(super) async fn forget_inside(
        self: &Arc<Self>,
        record: &Record,
        spec: &Spec,
        data: bool,
    ) -> Result<(), Failure> {
        let scope = &record.scope;
        match spec {
            Spec::Queue(queue) => {
                let Some(server) = self.store.get(scope, "nats") else {
                    return Ok(());
                };
                let _guard = self.lock_object(scope, &server.id).await;
                let mut settings = self.nats_settings(&server)?;
                if data {
                    nats::remove_queue(&settings, &queue.stream, Duration::from_secs(20)).await?;
                } else {
                    let mark = self.kept_mark(scope, &queue.stream);
                    let failed = |e: &dyn std::fmt::Display| {
                        Failure::new(format!("cannot keep the messages of `{}`", record.id), e)
                    };
                    if let Some(dir) = mark.parent() {
                        crate::dirs::own_dir(dir, 0o700).map_err(|e| failed(&e))?;
                    }
                    fs::write(&mark, "").map_err(|e| failed(&e))?;
                }
                // Its users are let in no more from the next configuration on.
                settings.queues.retain(|q| q.name != queue.stream);
                settings.users.retain(|u| u.queue != queue.stream);
                let tool = self.tool(Tool::Nats, &Progress::none()).await?;
                self.tell(&server, &nats::prepare(&settings, &tool)?).await
            }
            Spec::Bucket(bucket) => {
                let Some(server) = self.store.get(scope, "s3") else {
                    return Ok(());
                };
                let _guard = self.lock_object(scope, &server.id).await;
                let mut settings = self.s3_settings(&server)?;
                settings.buckets.retain(|b| b.name != bucket.name);
                self.tell(&server, &objectstore::prepare(&settings)?).await
            }
            _ => Ok(()),
        }
    }

    /// Makes a running server take over a configuration that was just written.
    async fn tell(&self, server: &Record, launch: &Launch) -> Result<(), Failure> {
        let id = self.instance(server, Role::Copy, 0, 0).id;
        let OnChange::Signal(signal) = launch.on_change else {
            return Ok(());
        };
        if self.supervisor.get(&id).is_none_or(|s| s.gone) {
            return Ok(());
        }
        let name = signal.name().trim_start_matches("SIG");
        self.supervisor
            .signal(&id, name, &launch.config_digest)
            .await
            .map_err(|e| {
                Failure::new(
                    format!("cannot tell `{}` of its configuration", server.id),
                    e,
                )
            })
    }

    /// Removes the data of an object that is gone, or says where it stays.
    pub(super) fn part_with_data(
        &self,
        record: &Record,
        spec: &Spec,
        data: bool,
    ) -> io::Result<Option<String>> {
        let scope = &record.scope;
        let name = name_of(record);
        let dir = match spec {
            Spec::Postgres(_) | Spec::Volume(_) => self.data_dir(scope, &name),
            Spec::Redis(redis) => {
                let dir = self.data_dir(scope, &name);
                if !redis.keep {
                    remove_dir(&dir)?;
                }
                dir
            }
            Spec::Bucket(bucket) => self
                .data_dir(scope, "_s3")
                .join("buckets")
                .join(&bucket.name),
            Spec::Queue(queue) => {
                if data {
                    return self.forget(scope, &name).map(|()| None);
                }
                let dir = self.data_dir(scope, "_nats");
                return Ok(self
                    .kept_mark(scope, &queue.stream)
                    .exists()
                    .then(|| dir.display().to_string()));
            }
            Spec::Nats(_) => {
                let dir = self.data_dir(scope, "_nats");
                let nothing_kept =
                    fs::read_dir(dir.join(KEPT)).map_or(true, |mut d| d.next().is_none());
                if nothing_kept {
                    remove_dir(&dir)?;
                    self.forget(scope, "_nats")?;
                }
                return Ok(None);
            }
            Spec::ObjectStore(_) => {
                let dir = self.data_dir(scope, "_s3");
                let nothing_kept =
                    fs::read_dir(dir.join("buckets")).map_or(true, |mut d| d.next().is_none());
                if nothing_kept {
                    remove_dir(&dir)?;
                }
                return Ok(None);
            }
            Spec::Secret(secret) => {
                if data && secret.generate.is_some() {
                    self.secrets(scope)
                        .remove(&name)
                        .map_err(io::Error::other)?;
                }
                return Ok(None);
            }
            Spec::Workload(_) | Spec::Job(_) | Spec::Cron(_) | Spec::Site(_) | Spec::Route(_) => {
                return Ok(None);
            }
        };
        if data {
            remove_dir(&dir)?;
        }
        if dir.exists() {
            return Ok(Some(dir.display().to_string()));
        }
        self.forget(scope, &name)?;
        Ok(None)
    }

    fn forget(&self, scope: &Scope, name: &str) -> io::Result<()> {
        self.secrets(scope)
            .forget_credentials(name)
            .map_err(io::Error::other)
    }

    fn kept_mark(&self, scope: &Scope, stream: &str) -> PathBuf {
        self.data_dir(scope, "_nats")
            .join(KEPT)
            .join(names::file_name(stream))
    }

    fn data_dir(&self, scope: &Scope, name: &str) -> PathBuf {
        self.dirs
            .data_of(&scope.app, &scope.environment)
            .join(names::file_name(name))
    }
}

fn remove_dir(dir: &std::path::Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn name_of(record: &Record) -> String {
    record
        .node
        .as_ref()
        .map_or_else(|| record.id.clone(), ToString::to_string)
}

fn server_spec(record: &Record) -> Result<Spec, Failure> {
    record
        .spec()
        .map_err(|e| Failure::new(format!("cannot use the server `{}`", record.id), e))
}
