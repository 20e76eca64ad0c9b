//! What the proxies are told: which hosts and paths lead to which copies.
//!
//! There is one proxy for each port of this machine that routes listen on, and one for each
//! port of a service that other parts of its app were told: the address stays while copies come
//! and go.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plat_engine::Scope;
use plat_model::NodePath;
use tokio::time::Instant;

use super::Agent;
use super::apply::Task;
use super::instance::{Instance, Role};
use super::protocol::{ANOTHER_HOST, Failure, Routed};
use super::store::Record;
use super::supervise::Seen;
use super::tail::tail;
use crate::names;
use crate::proxy::{self, Endpoint, PathRule, Service, Target};
use crate::spec::{Route, Spec, To};

/// How long a proxy may take to listen.
const UP: Duration = Duration::from_secs(15);
/// How long one service may take to answer another, in milliseconds: that is theirs to limit.
const PATIENCE: u64 = 3_600_000;

impl Agent {
    /// Leads requests to what a route names.
    pub(super) async fn make_route(
        self: &Arc<Self>,
        route: &Route,
        task: Task<'_>,
    ) -> Result<Record, Failure> {
        let Task {
            record,
            old,
            progress,
            ..
        } = task;
        let what = format!("cannot route to `{}`", record.id);
        self.hosts_are_free(&record, route)?;
        self.keep(record.clone())?;
        progress.say("tells the proxy");
        if let Err(e) = self.route_now().await {
            // Back to what was routed before.
            match old {
                Some(old) => self.keep(old)?,
                None => self
                    .store
                    .remove(&record.scope, &record.id)
                    .map_err(|e| Failure::new(&what, e))?,
            }
            self.routes_changed.notify_one();
            return Err(Failure::new(what, e));
        }
        Ok(record)
    }

    /// Whether no other app has a host of this route at the same port and path.
    fn hosts_are_free(&self, record: &Record, route: &Route) -> Result<(), Failure> {
        for other in self.routed() {
            if other.scope == record.scope && other.id == record.id {
                continue;
            }
            if let Some(clash) = other.clash(route) {
                let what = format!("cannot route to `{}`", record.id);
                return Err(Failure::new(what, clash).next(ANOTHER_HOST));
            }
        }
        Ok(())
    }

    fn routes(&self) -> Vec<(Record, Route)> {
        let mut routes: Vec<_> = self
            .store
            .all()
            .into_iter()
            .filter_map(|record| match record.spec() {
                Ok(Spec::Route(route)) => Some((record, route)),
                _ => None,
            })
            .collect();
        // Who came first has the short names.
        routes.sort_by(|a, b| {
            (a.0.since, &a.0.scope, &a.0.id).cmp(&(b.0.since, &b.0.scope, &b.0.id))
        });
        routes
    }

    /// The hosts at which a route is reached: its own, and those short names that are free.
    pub(super) fn hosts_of(&self, record: &Record, route: &Route) -> Vec<String> {
        let mut hosts = route.hosts.clone();
        let before: Vec<_> = self.routes();
        for alias in &route.aliases {
            let taken = before
                .iter()
                .take_while(|(r, _)| r.scope != record.scope || r.id != record.id)
                .any(|(_, spec)| spec.port == route.port && spec.aliases.contains(alias))
                || before.iter().any(|(_, spec)| spec.hosts.contains(alias));
            if !taken && !hosts.contains(alias) {
                hosts.push(alias.clone());
            }
        }
        hosts
    }

    /// Where a route is reached, best first.
    pub(super) fn urls_of(&self, record: &Record, route: &Route) -> Vec<String> {
        let mut hosts = self.hosts_of(record, route);
        // Names that every browser takes to this machine.
        hosts.sort_by_key(|h| !(h == "localhost" || h.ends_with(".localhost")));
        hosts
            .iter()
            .map(|host| match route.port {
                80 => format!("http://{host}"),
                port => format!("http://{host}:{port}"),
            })
            .collect()
    }

    /// The routes of every app, in the order in which they came.
    pub(super) fn routed(&self) -> Vec<Routed> {
        self.routes()
            .into_iter()
            .map(|(record, route)| Routed {
                scope: record.scope,
                id: record.id,
                route,
            })
            .collect()
    }

    /// Whether the proxy of a port answers.
    pub(super) fn proxy_is_up(&self, port: u16) -> bool {
        let id = self.proxy_instance(&port_name(port)).id;
        self.supervisor.get(&id).is_some_and(|s| s.ready())
    }

    /// Keeps the proxies at what is to be, for ever.
    pub(super) async fn keep_routes(self: Arc<Self>) {
        loop {
            self.routes_changed.notified().await;
            if let Err(e) = self.route_now().await {
                self.log.warn(format!("cannot route: {e}"));
                tokio::time::sleep(Duration::from_secs(5)).await;
                self.routes_changed.notify_one();
            }
        }
    }

    /// Brings all proxies to what is to be now.
    ///
    /// # Errors
    /// When a proxy can't be started or does not take its configuration.
    pub(super) async fn route_now(self: &Arc<Self>) -> io::Result<()> {
        let mut applied = self.routing.lock().await;
        let wanted = self.wanted();
        let mut first = Ok(());
        for (name, config) in &wanted {
            let instance = self.proxy_instance(name);
            let runs = self.supervisor.get(&instance.id).is_some_and(|s| !s.gone);
            if runs && applied.get(name) == Some(config) {
                continue;
            }
            let result = if runs {
                self.reload(name, config).await
            } else {
                self.start_proxy(name, config, instance).await
            };
            match result {
                Ok(()) => {
                    applied.insert(name.clone(), config.clone());
                }
                Err(e) => {
                    applied.remove(name);
                    // The others are told all the same.
                    first = first.and(Err(e));
                }
            }
        }
        for seen in self.supervisor.all() {
            let Some(name) = seen.instance.object.strip_prefix("proxy/") else {
                continue;
            };
            if seen.instance.role == Role::Proxy && !wanted.contains_key(name) {
                self.supervisor
                    .stop(&seen.instance.id, Duration::from_secs(30))
                    .await;
                applied.remove(name);
                // What can't be removed is only litter.
                let _ = std::fs::remove_dir_all(self.proxy_dir(name));
                self.calmer.notify_one();
            }
        }
        first
    }

    async fn reload(&self, name: &str, config: &proxy::Config) -> io::Result<()> {
        proxy::write_config(&self.proxy_dir(name), config).map_err(io::Error::other)?;
        proxy::control::reload(&config.control).await
    }

    async fn start_proxy(
        self: &Arc<Self>,
        name: &str,
        config: &proxy::Config,
        mut instance: Instance,
    ) -> io::Result<()> {
        let program = self.internal("proxy")?;
        let launch =
            proxy::prepare(&self.proxy_dir(name), &program, config).map_err(io::Error::other)?;
        for address in &config.listen {
            if !crate::ports::is_free(address.port())
                && let Some(holder) = proxy::holder(*address)
            {
                return Err(io::Error::other(format!(
                    "{} (process {}) listens on port {} already; stop it, or choose another port: `target = local {{ port = … }}`",
                    holder.name,
                    holder.pid,
                    address.port()
                )));
            }
        }
        instance.digest.clone_from(&launch.config_digest);
        let id = instance.id.clone();
        let log = instance.log.clone();
        let begun = crate::time::now();
        let spec = self.service_spec(&instance, &launch);
        self.supervisor
            .start(instance, spec)
            .await
            .map_err(io::Error::other)?;
        let seen = self
            .supervisor
            .wait(&id, Some(Instant::now() + UP), |seen| {
                seen.ready() || seen.status.as_ref().is_some_and(|s| s.restarts > 0)
            })
            .await;
        if seen.is_some_and(|s| s.ready()) {
            return Ok(());
        }
        self.supervisor.stop(&id, Duration::from_secs(5)).await;
        let why = tail(&log, begun, 1)
            .pop()
            .unwrap_or_else(|| "it says nothing".into());
        Err(io::Error::other(format!("the proxy does not start: {why}")))
    }

    /// Waits until those copies, which are taken out already, answer no request any more.
    pub(super) async fn drained(&self, copies: &[Seen], within: Duration) {
        let wanted = self.wanted();
        let waits = wanted.iter().flat_map(|(name, config)| {
            let runs = self
                .supervisor
                .get(&self.proxy_instance(name).id)
                .is_some_and(|s| s.ready());
            config
                .services
                .keys()
                .filter(move |_| runs)
                .flat_map(move |service| copies.iter().map(move |c| (config, service, c)))
                .map(|(config, service, copy)| async move {
                    let name = endpoint_name(&copy.instance);
                    // A proxy that does not answer has nothing to be waited for.
                    proxy::control::drained(&config.control, service, &name, within).await
                })
        });
        for late in futures::future::join_all(waits).await {
            if matches!(late, Ok(false)) {
                self.log
                    .warn("a copy still answers requests after its time; it is stopped");
            }
        }
    }

    /// What each proxy is to do.
    fn wanted(&self) -> BTreeMap<String, proxy::Config> {
        let mut wanted: BTreeMap<String, proxy::Config> = BTreeMap::new();
        for (record, route) in self.routes() {
            let name = port_name(route.port);
            let config = wanted
                .entry(name.clone())
                .or_insert_with(|| self.empty_config(&name, route.port));
            let mut paths = Vec::new();
            for (path, answer) in &route.paths {
                let to = match &answer.to {
                    To::Service(node, port) => {
                        let service = format!(
                            "{}/{}/{node}:{port}",
                            record.scope.app, record.scope.environment
                        );
                        config
                            .services
                            .insert(service.clone(), self.endpoints(&record.scope, node, port));
                        Target::Service(service)
                    }
                    To::Site(node) => match self.spec_of(&record.scope, node) {
                        Some(Spec::Site(site)) => Target::Files {
                            dir: site.dir,
                            fallback: site.fallback.map(PathBuf::from),
                        },
                        _ => continue,
                    },
                    To::Bucket(node) => match self.bucket_dir(&record.scope, node) {
                        Some(dir) => Target::Files {
                            dir,
                            fallback: None,
                        },
                        None => continue,
                    },
                    To::Redirect { to, status } => Target::Redirect {
                        to: to.clone(),
                        status: *status,
                    },
                };
                paths.push(PathRule {
                    path: path.clone(),
                    to,
                    strip: answer.strip,
                    timeout_ms: answer.timeout.unwrap_or(60_000),
                    limit: answer.limit.map(|l| proxy::Limit {
                        requests: l.requests,
                        per_ms: l.per,
                    }),
                });
            }
            let label = record
                .node
                .as_ref()
                .map_or(record.id.as_str(), NodePath::as_str);
            config.routes.push(proxy::Route {
                name: format!("{}/{}/{label}", record.scope.app, record.scope.environment),
                hosts: self.hosts_of(&record, &route),
                paths,
            });
        }
        for record in self.store.all() {
            let (Ok(Spec::Workload(workload)), Some(node)) = (record.spec(), record.node.clone())
            else {
                continue;
            };
            for port_of in &workload.addresses {
                let Ok(port) = self.port_of(&record, port_of) else {
                    continue;
                };
                let name = format!(
                    "service-{}",
                    names::short_id(&[
                        &record.scope.app,
                        &record.scope.environment,
                        &record.id,
                        port_of
                    ])
                );
                let mut config = self.empty_config(&name, port);
                let service = node.to_string();
                config.services.insert(
                    service.clone(),
                    self.endpoints(&record.scope, &node, port_of),
                );
                config.routes.push(proxy::Route {
                    name: service.clone(),
                    hosts: vec!["127.0.0.1".into(), "localhost".into()],
                    paths: vec![PathRule {
                        path: "/".into(),
                        to: Target::Service(service),
                        strip: false,
                        timeout_ms: PATIENCE,
                        limit: None,
                    }],
                });
                wanted.insert(name, config);
            }
        }
        wanted
    }

    fn empty_config(&self, name: &str, port: u16) -> proxy::Config {
        proxy::Config {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            control: self.proxy_instance(name).dir(&self.dirs).join("proxy"),
            routes: Vec::new(),
            services: BTreeMap::new(),
            hold_ms: 5_000,
            finish_ms: 10_000,
        }
    }

    fn endpoints(&self, scope: &Scope, node: &NodePath, port: &str) -> Service {
        let Some(record) = self.store.of_node(scope, node) else {
            return Service::default();
        };
        let leaving = self.leaving().clone();
        let endpoints = self
            .instances(&record)
            .into_iter()
            .filter(|s| !s.gone && !leaving.contains(&s.instance.id))
            .filter_map(|s| {
                let ports = &s.instance.ports;
                // A service with one port has it under whichever name.
                let port = ports
                    .get(port)
                    .or_else(|| ports.values().next().filter(|_| port == "main"))?;
                Some(Endpoint {
                    name: endpoint_name(&s.instance),
                    address: SocketAddr::from((Ipv4Addr::LOCALHOST, *port)),
                    ready: s.ready(),
                })
            })
            .collect();
        Service { endpoints }
    }

    fn spec_of(&self, scope: &Scope, node: &NodePath) -> Option<Spec> {
        self.store.of_node(scope, node)?.spec().ok()
    }

    fn bucket_dir(&self, scope: &Scope, node: &NodePath) -> Option<PathBuf> {
        let Some(Spec::Bucket(bucket)) = self.spec_of(scope, node) else {
            return None;
        };
        let server = self.store.get(scope, "s3")?;
        Some(self.s3_settings(&server).ok()?.objects_of(&bucket.name))
    }

    fn proxy_instance(&self, name: &str) -> Instance {
        let object = format!("proxy/{name}");
        Instance {
            id: Instance::id_of("", "", &object, &Role::Proxy, 0, 0),
            app: String::new(),
            environment: String::new(),
            object,
            role: Role::Proxy,
            copy: 0,
            generation: 0,
            ports: BTreeMap::new(),
            digest: String::new(),
            log: self.proxy_dir(name).join("proxy.log"),
            begun: 0,
            process: None,
        }
    }

    fn proxy_dir(&self, name: &str) -> PathBuf {
        self.dirs.state.join("proxies").join(name)
    }
}

fn port_name(port: u16) -> String {
    format!("port-{port}")
}

fn endpoint_name(instance: &Instance) -> String {
    let name = instance
        .object
        .split_once('/')
        .map_or(&*instance.object, |(_, n)| n);
    format!("{name}[{}].{}", instance.copy, instance.generation)
}
