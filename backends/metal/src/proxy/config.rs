//! The proxy's configuration: a JSON file, written whole by the agent.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything the proxy is told. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens for browsers.
    pub listen: Vec<SocketAddr>,
    /// The Unix socket it is controlled by; only its own user may use it.
    pub control: PathBuf,
    /// The routes. Several may be for one host; their paths are put together.
    pub routes: Vec<Route>,
    /// What routes lead to, by name.
    pub services: BTreeMap<String, Service>,
    /// How long a request may wait for a service of which no copy can take it, in milliseconds.
    /// Covers the moment in which a service that died is started again.
    #[serde(default = "default_hold_ms")]
    pub hold_ms: u64,
    /// How long requests under way may take when the proxy stops, in milliseconds.
    #[serde(default = "default_finish_ms")]
    pub finish_ms: u64,
}

/// One `route` declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, for pages and metrics.
    pub name: String,
    /// Host names without a port, or `*.example.com` for every name with one label more.
    pub hosts: Vec<String>,
    /// What is where.
    pub paths: Vec<PathRule>,
}

/// Where the requests under one path go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    /// The path, whole segments: `/api` is for `/api` and `/api/x`, not for `/apix`.
    pub path: String,
    /// Where to.
    pub to: Target,
    /// Take the path off before passing the request on.
    #[serde(default)]
    pub strip: bool,
    /// How long a service may take to begin its answer, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// How much one client may ask.
    #[serde(default)]
    pub limit: Option<Limit>,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// A service of [`Config::services`].
    Service(String),
    /// Files of a directory, as a site.
    Files {
        /// The directory.
        dir: PathBuf,
        /// A file below it that is given, with status 200, for paths that are not there (for apps
        /// that route in the browser). Without it they are 404, with `404.html` if there is one.
        #[serde(default)]
        fallback: Option<PathBuf>,
    },
    /// Another address. A path gets the rest of the request's path and its query added.
    Redirect {
        /// A path or an absolute URL.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
}

/// Requests that one client (by address) may make: at most `requests` in `per_ms`, with as many at
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub requests: u32,
    /// In how many milliseconds.
    pub per_ms: u64,
}

/// A service: its copies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The copies. One that is taken out gets no new request and finishes what it has.
    pub endpoints: Vec<Endpoint>,
}

/// One copy of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its name, such as `api[0]`.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it may be given requests.
    pub ready: bool,
}

fn default_hold_ms() -> u64 {
    5_000
}

fn default_finish_ms() -> u64 {
    10_000
}

fn default_timeout_ms() -> u64 {
    60_000
}
