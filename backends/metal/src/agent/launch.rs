//! From a process as it should be to what its shim is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use plat_engine::Scope;
use plat_model::NodePath;
use plat_shim::signal::Signal;
use plat_shim::spec as shim;

use super::Agent;
use super::instance::{Instance, Role};
use super::protocol::Failure;
use super::store::Record;
use crate::dirs;
use crate::names;
use crate::services::{Launch, Ready};
use crate::spec::{Check, Mount, Probe, Process};

/// The size at which a log is turned over, and how many old ones are kept.
const LOG_BYTES: u64 = 10 * 1024 * 1024;
const LOGS_KEPT: u32 = 3;

/// Variables that a process has from the user's session; everything else it is given.
const INHERITED: [&str; 9] = [
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TMPDIR", "TZ", "USER",
];

impl Agent {
    /// The instance that copy `copy` of `record` in `generation` is.
    pub(super) fn instance(
        &self,
        record: &Record,
        role: Role,
        copy: u32,
        generation: u64,
    ) -> Instance {
        let Scope { app, environment } = &record.scope;
        let name = record
            .node
            .as_ref()
            .map_or(record.id.as_str(), NodePath::as_str);
        let which = match role {
            Role::Copy => copy.to_string(),
            Role::Prepare => "prepare".into(),
            Role::Run => "run".into(),
            Role::Proxy => "proxy".into(),
        };
        // Two generations may run beside each other, never three: two files take turns.
        let side = if role == Role::Copy && generation % 2 == 1 {
            "b"
        } else {
            "a"
        };
        let log = format!("{}@{which}.{side}.log", names::file_name(name));
        Instance {
            id: Instance::id_of(app, environment, &record.id, &role, copy, generation),
            app: app.clone(),
            environment: environment.clone(),
            object: record.id.clone(),
            role,
            copy,
            generation,
            ports: BTreeMap::new(),
            digest: String::new(),
            begun: 0,
            log: self.dirs.logs(app, environment).join(log),
            process: None,
        }
    }

    /// What the shim of `instance` is told to run `process`.
    ///
    /// # Errors
    /// When a value that it is given is not to be had.
    pub(super) fn process_spec(
        &self,
        record: &Record,
        process: &Process,
        instance: &Instance,
    ) -> Result<shim::Spec, Failure> {
        let scope = &record.scope;
        let whom = record
            .node
            .as_ref()
            .map_or(record.id.as_str(), NodePath::as_str);
        let mut spec = self.bare_spec(instance, process.command.clone(), process.dir.clone());
        let (paths, files) = self.lay_down(scope, process, instance, whom)?;
        spec.env = self.base_env(&record.path);
        for (name, text) in &process.env {
            if self.left_out(scope, text)? {
                continue;
            }
            let value = self.filled(scope, text, whom)?;
            // A path that the source names lies elsewhere on this machine.
            let value = match paths.get(value.expose()) {
                Some(real) => real.to_string_lossy().into_owned(),
                None => value.expose().to_owned(),
            };
            spec.env.insert(name.clone(), value);
        }
        for (name, port) in &instance.ports {
            if name == "main" || instance.ports.len() == 1 {
                spec.env.insert("PORT".into(), port.to_string());
            }
            if name != "main" {
                let name = format!("PORT_{}", name.to_uppercase().replace(['-', '.'], "_"));
                spec.env.insert(name, port.to_string());
            }
        }
        if !instance.ports.is_empty() {
            // The proxy is on this machine too: nobody else may ask.
            let host = Ipv4Addr::LOCALHOST.to_string();
            spec.env.entry("HOST".into()).or_insert(host);
        }
        if !files.is_empty() {
            spec.secrets = Some(shim::Secrets {
                dir: instance.dir(&self.dirs).join("files"),
                files,
            });
        }
        spec.umask = 0o022;
        spec.stop.signal = Signal::from_name(&process.signal).unwrap_or(Signal::TERM);
        spec.stop.grace = Duration::from_millis(process.grace);
        let address = |name: &str| {
            instance
                .ports
                .get(name)
                .or_else(|| instance.ports.values().next())
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
        };
        spec.ready = process.ready.as_ref().and_then(|p| probe(p, &address));
        spec.alive = process.alive.as_ref().and_then(|p| probe(p, &address));
        spec.listens = address("main");
        Ok(spec)
    }

    /// What the shim of `instance` is told to run a data service.
    pub(super) fn service_spec(&self, instance: &Instance, launch: &Launch) -> shim::Spec {
        let mut spec = self.bare_spec(instance, launch.command.clone(), launch.dir.clone());
        spec.env = self.base_env(&std::env::var("PATH").unwrap_or_default());
        spec.env.extend(launch.env.clone());
        spec.user = launch.run_as.as_ref().map(|user| shim::User {
            uid: user.uid,
            gid: user.gid,
        });
        spec.stop.signal = Signal::from_name(launch.stop_signal.name()).unwrap_or(Signal::TERM);
        spec.stop.grace = launch.grace;
        let check = match &launch.ready {
            Ready::Tcp(address) => shim::Check::Tcp { address: *address },
            Ready::Http { addr, path } => shim::Check::Http {
                address: *addr,
                path: path.clone(),
                host: None,
            },
            Ready::Exec(argv) => shim::Check::Exec { argv: argv.clone() },
        };
        let mut ready = shim::Probe::new(check);
        ready.start = Duration::from_secs(60);
        spec.ready = Some(ready);
        spec
    }

    /// A spec with what all have.
    pub(super) fn bare_spec(
        &self,
        instance: &Instance,
        argv: Vec<String>,
        dir: PathBuf,
    ) -> shim::Spec {
        let mut spec = shim::Spec::new(
            instance.label(),
            argv,
            dir,
            instance.control(&self.dirs),
            instance.state(&self.dirs),
        );
        spec.log = Some(shim::Log {
            path: instance.log.clone(),
            max_bytes: LOG_BYTES,
            keep: LOGS_KEPT,
        });
        if matches!(instance.role, Role::Prepare | Role::Run) {
            spec.restart.policy = shim::Policy::Never;
        }
        spec
    }

    fn base_env(&self, path: &str) -> BTreeMap<String, String> {
        let mut env: BTreeMap<String, String> = INHERITED
            .iter()
            .filter_map(|name| {
                let value: OsString = std::env::var_os(name)?;
                Some(((*name).to_owned(), value.into_string().ok()?))
            })
            .collect();
        env.insert("PATH".into(), path.to_owned());
        env
    }

    /// Where what lies under each path of the source really lies, and the files to lay down.
    #[expect(
        clippy::type_complexity,
        reason = "two maps that are taken apart at once"
    )]
    fn lay_down(
        &self,
        scope: &Scope,
        process: &Process,
        instance: &Instance,
        whom: &str,
    ) -> Result<(BTreeMap<String, PathBuf>, BTreeMap<String, Vec<u8>>), Failure> {
        let mut paths = BTreeMap::new();
        let mut files = BTreeMap::new();
        for (path, mount) in &process.files {
            if let Mount::Text(text) = mount
                && self.left_out(scope, text)?
            {
                continue;
            }
            let failed =
                |e: dirs::DirsError| Failure::new(format!("cannot give `{whom}` its {path}"), e);
            let real = match mount {
                Mount::Text(text) => {
                    let name = names::file_name(path.trim_start_matches('/'));
                    let value = self.filled(scope, text, whom)?;
                    files.insert(name.clone(), value.expose().as_bytes().to_vec());
                    instance.dir(&self.dirs).join("files").join(name)
                }
                Mount::Dir(dir) => dir.clone(),
                Mount::Volume(node) => {
                    let dir = self.volume(scope, node);
                    dirs::own_dir(&dir, 0o700).map_err(failed)?;
                    dir
                }
                Mount::Scratch => {
                    let dir = self
                        .dirs
                        .scope(&scope.app, &scope.environment)
                        .join("scratch")
                        .join(&instance.id)
                        .join(names::file_name(path.trim_start_matches('/')));
                    // Empty at each start; a first start finds none.
                    let _ = std::fs::remove_dir_all(&dir);
                    dirs::own_dir(&dir, 0o700).map_err(failed)?;
                    dir
                }
            };
            paths.insert(path.clone(), real);
        }
        Ok((paths, files))
    }

    /// Where a volume's files are.
    pub(super) fn volume(&self, scope: &Scope, node: &NodePath) -> PathBuf {
        self.dirs
            .data_of(&scope.app, &scope.environment)
            .join(names::file_name(node.as_str()))
    }
}

fn probe(probe: &Probe, address: &impl Fn(&str) -> Option<SocketAddr>) -> Option<shim::Probe> {
    let check = match &probe.check {
        Check::Http { port, path, host } => shim::Check::Http {
            address: address(port)?,
            path: path.clone(),
            host: host.clone(),
        },
        Check::Tcp { port } => shim::Check::Tcp {
            address: address(port)?,
        },
        Check::Exec { command } => shim::Check::Exec {
            argv: command.clone(),
        },
    };
    Some(shim::Probe {
        check,
        every: Duration::from_millis(probe.every),
        timeout: Duration::from_millis(probe.timeout),
        failures: probe.failures,
        start: Duration::from_millis(probe.start),
    })
}
