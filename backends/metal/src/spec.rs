//! What the agent is asked to keep: the specs of this target's objects.
//!
//! Lowering makes them of the graph, the engine carries them as JSON without knowing what they
//! say, the agent keeps each on disk and makes it true. They hold no secret value: a text with
//! a hole says who produces what is missing, and only the agent fills it, on its way to a shim.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plat_model::NodePath;
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// One thing on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Spec {
    /// Copies of a process that run until they are stopped: a service or a worker.
    Workload(Workload),
    /// A process that runs to its end.
    Job(Job),
    /// A process that is started by the clock and runs to its end.
    Cron(Cron),
    /// Static files.
    Site(Site),
    /// A PostgreSQL server with one database.
    Postgres(Postgres),
    /// A Redis server.
    Redis(Redis),
    /// The NATS server of an app and environment.
    Nats(Nats),
    /// A queue on it.
    Queue(Queue),
    /// The S3 server of an app and environment.
    ObjectStore(ObjectStore),
    /// A bucket on it.
    Bucket(Bucket),
    /// A directory that workloads write to.
    Volume(Volume),
    /// A secret's value, made or required.
    Secret(SecretValue),
    /// Hosts and paths, and what answers there.
    Route(Route),
}

/// A process: what to run and all that it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Command and arguments; the command is looked for in `PATH` where it has no `/`.
    pub command: Vec<String>,
    /// The working directory; absolute.
    pub dir: PathBuf,
    /// The digest of the files in `dir`: another digest is another program.
    pub source: String,
    /// What to run in `dir` before the first start with this `source`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Text>,
    /// Files and directories, by the path under which the source knows them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Mount>,
    /// Ports by name; `main` is told as `PORT`, another as `PORT_NAME`. The numbers are those
    /// of the source: on this target each copy has its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, u16>,
    /// When it can take work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Probe>,
    /// Whether it is still alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<Probe>,
    /// Milliseconds it may take to end once asked.
    pub grace: u64,
    /// The signal that asks it to end.
    pub signal: String,
    /// The keyed digests of the secrets it is given: a new value is another process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

/// What lies under a path that a process is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mount {
    /// A file with this text, on a tmpfs, readable by the process alone.
    Text(Text),
    /// A directory of this machine; absolute.
    Dir(PathBuf),
    /// A volume.
    Volume(NodePath),
    /// An empty directory of its own, made anew for each copy.
    Scratch,
}

/// A question that a process is asked again and again. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// From one start to the next.
    pub every: u64,
    /// How long an answer may take.
    pub timeout: u64,
    /// How many failures in a row count.
    pub failures: u32,
    /// How long it may take until the first success.
    pub start: u64,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// `GET path` on the named port.
    Http {
        /// The port's name.
        port: String,
        /// Path and query.
        path: String,
        /// The `Host` header, if another than the address.
        host: Option<String>,
    },
    /// The named port accepts a connection.
    Tcp {
        /// The port's name.
        port: String,
    },
    /// A command exits with 0.
    Exec {
        /// Command and arguments.
        command: Vec<String>,
    },
}

/// A service or a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What a copy runs.
    pub process: Process,
    /// How many.
    pub copies: u32,
    /// Whether the old copies end before the new ones start.
    pub stop_first: bool,
    /// Ports by name under which all copies together are reached, if anybody asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Milliseconds a copy has to become ready when it is rolled out.
    pub within: u64,
}

/// When a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// When what it is made of changed.
    OnChange,
    /// Once in the life of the environment.
    Once,
    /// At each apply that touches anything.
    Always,
    /// When somebody asks.
    OnDemand,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What it runs.
    pub process: Process,
    /// When.
    pub runs: Runs,
    /// Milliseconds it may take, if that is limited.
    pub timeout: Option<u64>,
    /// How often it is tried again when it fails.
    pub retries: u32,
}

/// A process that the clock starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// What it runs.
    pub process: Process,
    /// When: five fields, in UTC.
    pub schedule: String,
    /// Milliseconds a run may take, if that is limited.
    pub timeout: Option<u64>,
}

/// Static files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Their directory; absolute. It is served as it is: an edit shows at once.
    pub dir: PathBuf,
    /// The file that answers where there is none, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// A PostgreSQL server with one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postgres {
    /// The major version; any that is to be had where unset.
    pub version: Option<u32>,
    /// The database.
    pub database: String,
    /// Extensions to create.
    pub extensions: Vec<String>,
    /// Further roles by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// Which passwords it has: another text, other passwords.
    pub passwords: String,
}

/// A role that logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Schemas that it owns.
    pub owns: Vec<String>,
    /// Schemas that it reads.
    pub reads: Vec<String>,
}

/// A Redis server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redis {
    /// Bytes it may hold.
    pub memory: u64,
    /// Whether it keeps its data through a restart.
    pub keep: bool,
    /// What goes when it is full: `never`, `lru`, `lfu`, ….
    pub evict: String,
    /// Which password it has: another text, another password.
    pub passwords: String,
}

/// The NATS server of an app and environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nats {}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name on the server.
    pub stream: String,
    /// How often a message is delivered again when nobody acknowledged it.
    pub retries: u32,
    /// Milliseconds until a message that nobody acknowledged is delivered again.
    pub visible_after: u64,
    /// Which passwords it has: another text, other passwords.
    pub passwords: String,
}

/// The S3 server of an app and environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectStore {}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name on the server.
    pub name: String,
    /// Whether anybody may read it through a route.
    pub public: bool,
    /// Which key it has: another text, another key.
    pub passwords: String,
}

/// A directory that workloads write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretValue {
    /// How it is made; where unset somebody sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// How a secret is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generate {
    /// Letters and digits.
    Random(usize),
    /// A private key, in PEM.
    Ed25519,
    /// A JSON web token, signed with HMAC-SHA256 by another secret.
    Jwt {
        /// The secret whose value signs it.
        key: NodePath,
        /// Its claims, as JSON.
        claims: String,
    },
}

/// Hosts and paths, and what answers there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The port of this machine that it listens on.
    pub port: u16,
    /// The hosts that the source names.
    pub hosts: Vec<String>,
    /// Further names, as far as no other route has them: `NAME.localhost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What answers, by path.
    pub paths: BTreeMap<String, Answer>,
}

/// What answers at a path. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    pub to: To,
    /// Whether the path is taken off before the request is passed on.
    pub strip: bool,
    /// How long the answer may take to begin.
    pub timeout: Option<u64>,
    /// Requests a client may make, and in which time.
    pub limit: Option<Limit>,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// The copies of a service, at the named port.
    Service(NodePath, String),
    /// Static files.
    Site(NodePath),
    /// The objects of a bucket.
    Bucket(NodePath),
    /// The browser is sent elsewhere.
    Redirect {
        /// Where.
        to: String,
        /// With which status.
        status: u16,
    },
}

/// So many requests in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Requests.
    pub requests: u32,
    /// Milliseconds.
    pub per: u64,
}

impl Spec {
    /// The name of this spec's form, as it stands in object ids.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Workload(_) => "process",
            Self::Job(_) => "job",
            Self::Cron(_) => "cron",
            Self::Site(_) => "site",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
            Self::Queue(_) => "queue",
            Self::ObjectStore(_) => "s3",
            Self::Bucket(_) => "bucket",
            Self::Volume(_) => "volume",
            Self::Secret(_) => "secret",
            Self::Route(_) => "route",
        }
    }
}
