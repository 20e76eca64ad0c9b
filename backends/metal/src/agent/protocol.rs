//! What is said over the agent's socket: one JSON object a line.
//!
//! A connection carries one request. The agent speaks first, with [`Hello`]; the client sends a
//! [`Request`]; the agent answers with any number of [`Reply::Progress`] and one last reply. Until
//! that comes the client may say [`Meanwhile::Stop`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use plat_engine::{Health, OpErrorKind, Precondition, RunState, Scope};
use plat_model::NodePath;
use serde::{Deserialize, Serialize};

use crate::spec::Route;

/// The version of what is said here. An agent and a client of different versions do not guess:
/// the newer one takes the older one's place, or says that it is too old.
pub const PROTOCOL: u32 = 4;

/// The longest line either side takes.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// The agent's greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The version of plat.
    pub version: String,
    /// Which program exactly: see [`crate::client::program_id`].
    pub program: String,
    /// Its process.
    pub pid: u32,
}

/// What a client asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Make an object true. The same token again is the same call again.
    Apply(Box<Apply>),
    /// Remove an object.
    Delete(Box<Delete>),
    /// What there is.
    Observe {
        /// Whose.
        scope: Scope,
    },
    /// The copies of a declaration that run.
    Copies {
        /// Whose.
        scope: Scope,
        /// The declaration.
        node: NodePath,
    },
    /// What somebody starts who runs a job by hand.
    ByHand {
        /// Whose.
        scope: Scope,
        /// The job.
        node: NodePath,
        /// What it is given behind its own arguments.
        arguments: Vec<String>,
    },
    /// The routes that this agent's proxies serve, of every app.
    Routes,
    /// Leave: a newer agent takes over. Everything that runs goes on.
    Retire,
}

/// What a client may say while it waits for its answer. That it goes away says nothing: what was
/// begun is done to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Meanwhile {
    /// Let it be, where nothing was changed yet. The answer comes all the same.
    Stop,
}

/// Whose operation it is, and what must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whose.
    pub scope: Scope,
    /// The object.
    pub id: String,
    /// The operation.
    pub token: String,
    /// The number of the lease under which it is done: one that is lower than any seen before
    /// is refused.
    pub fence: u64,
    /// What must hold just before.
    pub precondition: Precondition,
    /// Milliseconds it may take.
    pub within: u64,
}

/// An object to make true.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Apply {
    /// Whose, and when.
    pub call: Call,
    /// The declaration, if it is one's.
    pub node: Option<NodePath>,
    /// What it is: a [`crate::spec::Spec`] as the engine carries it.
    pub spec: serde_json::Value,
    /// What it needs to be there first.
    pub after: Vec<String>,
    /// The parts of its spec that stay as they are: see [`plat_engine::Object::leave`].
    pub leave: Vec<String>,
    /// Whether the one that is there goes first, with its data or not.
    pub replace: Option<Delete>,
    /// Whether it is gone over again though its spec is the same: what it stands on is another.
    #[serde(default)]
    pub again: bool,
    /// Where commands are looked for: the client's own `PATH`.
    pub path: String,
}

/// An object to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Whose, and when.
    pub call: Call,
    /// Whether its data goes too.
    pub data: bool,
}

/// What the agent answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Reply {
    /// It goes on.
    Progress {
        /// What is being done.
        text: String,
        /// How many bytes of it are done, and of how many.
        amount: Option<(u64, u64)>,
    },
    /// It is done.
    Done {
        /// Which thing it is.
        uid: String,
        /// Its version.
        version: String,
    },
    /// It is gone.
    Gone {
        /// Where data was kept, if it was.
        kept: Option<String>,
    },
    /// What there is.
    Observed {
        /// By object.
        objects: Vec<Seen>,
    },
    /// The copies that run.
    Copies {
        /// By number.
        copies: Vec<Copy>,
    },
    /// What is to be started.
    ByHand(Launch),
    /// The routes of every app.
    Routes {
        /// In the order in which they came.
        routes: Vec<Routed>,
    },
    /// It was asked to leave, and does.
    Retiring,
    /// It can't be done.
    Failed(Failure),
}

/// A copy that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Which, from 0.
    pub number: u32,
    /// Its process.
    pub pid: u32,
    /// When that started, in clock ticks since boot: the two name one process for ever.
    pub started: Option<u64>,
    /// Whether it can take work.
    pub ready: bool,
    /// Its working directory; none of a data service.
    pub dir: Option<PathBuf>,
    /// Its ports by name.
    pub ports: BTreeMap<String, u16>,
}

/// What somebody is to start himself. It holds values of secrets, and shows none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The working directory.
    pub dir: PathBuf,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Files to lay down before and to take away afterwards.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("command", &self.command)
            .field("dir", &self.dir)
            .field("env", &self.env.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// A route that is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// Whose.
    pub scope: Scope,
    /// The object.
    pub id: String,
    /// What it serves.
    pub route: Route,
}

/// What to do about a clash of two routes.
pub const ANOTHER_HOST: &str = "give one of them another host, or its target another port";

impl Routed {
    /// What keeps `route`, another one, from being served beside this one: a sentence, if
    /// anything does.
    pub fn clash(&self, route: &Route) -> Option<String> {
        if self.route.port != route.port {
            return None;
        }
        let hosts = &self.route.hosts;
        let host = route.hosts.iter().find(|host| hosts.contains(host))?;
        let paths = &self.route.paths;
        let path = route.paths.keys().find(|path| paths.contains_key(*path))?;
        let Self { scope, id, .. } = self;
        let port = route.port;
        Some(format!(
            "{host}{path} at port {port} is routed already, by {id} of {scope}"
        ))
    }
}

/// An object as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The object.
    pub id: String,
    /// The declaration.
    pub node: Option<NodePath>,
    /// Its form: `process`, `postgres`.
    pub form: String,
    /// The operation that made it.
    pub uid: String,
    /// The operation that last changed it.
    pub token: String,
    /// Its version.
    pub version: String,
    /// Its spec; none while an operation on it is not finished.
    pub spec: Option<serde_json::Value>,
    /// The objects that it was made after.
    #[serde(default)]
    pub after: Vec<String>,
    /// The parts of its spec that were left to others.
    pub leave: Vec<String>,
    /// How it is, for plans.
    pub health: Health,
    /// How it is, for people.
    pub state: RunState,
    /// In a few words.
    pub summary: String,
    /// Copies that can take work.
    pub ready: u32,
    /// Copies that should be there.
    pub wanted: u32,
    /// How often its processes were started again.
    pub restarts: u64,
    /// Since when it is as it is, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Where it is reached, if by URLs without a secret.
    pub urls: Vec<String>,
    /// What last went wrong.
    pub failure: Option<String>,
}

/// Why something could not be done. Holds no secret. Small to pass on: what it says is on the
/// heap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failure(Box<Reason>);

/// What a [`Failure`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What kind of failure it is.
    pub kind: OpErrorKind,
    /// What was being done, to what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// What is there all the same: which thing it is, and its version.
    pub made: Option<(String, String)>,
    /// The thing is what it was before: the old copies run on, or again.
    #[serde(default)]
    pub back: bool,
}

impl Failure {
    /// A failure that waiting does not mend.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an error is given up to what tells of it"
    )]
    pub fn new(what: impl Into<String>, why: impl ToString) -> Self {
        Self(Box::new(Reason {
            kind: OpErrorKind::Fatal,
            what: what.into(),
            why: why.to_string(),
            next: None,
            log: Vec::new(),
            made: None,
            back: false,
        }))
    }

    /// What it says.
    pub fn into_reason(self) -> Reason {
        *self.0
    }

    /// With what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The world has moved.
    #[must_use]
    pub fn conflict(mut self) -> Self {
        self.kind = OpErrorKind::Conflict;
        self
    }

    /// With the end of a log.
    #[must_use]
    pub fn log(mut self, lines: Vec<String>) -> Self {
        self.log = lines;
        self
    }

    /// Somebody asked to stop before anything was changed.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        self.kind = OpErrorKind::Interrupted;
        self
    }

    /// The thing was made and does not work.
    #[must_use]
    pub fn not_ready(mut self) -> Self {
        self.kind = OpErrorKind::NotReady;
        self
    }
}

impl std::ops::Deref for Failure {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Reason {
        &mut self.0
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)?;
        if let Some(next) = &self.next {
            write!(f, "; {next}")?;
        }
        for line in &self.log {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}
