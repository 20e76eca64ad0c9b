//! What a workload runs and all that it is given.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Data, NodePath, Value};

use super::Lowering;
use super::texts::entries;
use crate::spec::{Check, Mount, Probe, Process};
use plat_engine::fields::{self, Fields};

impl<'a> Lowering<'a> {
    /// The process of a workload and those who produce what it is given; `None` where it can't
    /// be one, which was told.
    pub(super) fn process(&self, fields: &mut Fields<'a>) -> Option<(Process, BTreeSet<NodePath>)> {
        let mut producers = BTreeSet::new();
        self.weakened(fields);
        let run = fields.get("run");
        let case = run.and_then(fields::word).unwrap_or("nothing");
        if case != "process" {
            fields.refuse(
                "run",
                format!("`{case}(…)` is not built yet on this machine"),
                vec![format!(
                    "a command in a directory runs here: set = {{ {}.run = process([\"…\"], dir: \"…\") }}",
                    fields.path
                )],
            );
            return None;
        }
        let part = |name: &str| run.and_then(|r| r.get(name)).filter(|v| !v.is_none());
        let command = part("command").map(fields::texts).unwrap_or_default();
        if command.first().is_none_or(String::is_empty) {
            fields.refuse("run.command", "the command is empty".into(), Vec::new());
        }
        let dir = self
            .facts
            .path(part("dir").and_then(Value::as_str).unwrap_or("."));
        let env = self.env(fields, &mut producers);
        let files = self.files(fields, &mut producers);
        let process = Process {
            command,
            source: self.facts.sources.get(&dir).cloned().unwrap_or_default(),
            prepare: part("prepare").map(fields::texts).unwrap_or_default(),
            dir,
            env,
            files,
            ports: self.ports(fields),
            ready: probe(fields, "ready"),
            alive: probe(fields, "alive"),
            grace: fields.millis("stop").unwrap_or(30_000),
            signal: "TERM".into(),
            secrets: self.versions(&producers),
        };
        Some((process, producers))
    }

    fn weakened(&self, fields: &mut Fields<'a>) {
        if matches!(fields.get("needs").map(|v| &v.data), Some(Data::List(l)) if !l.is_empty()) {
            fields.weaken("needs", "this machine is taken as it is");
        }
        if fields.word("user").is_some_and(|w| w != "auto") {
            fields.weaken("user", "it runs as the user who runs platc");
        }
        if fields.word("confine") == Some("required") {
            fields.weaken("confine", "it is not held to its links yet");
        }
        if fields.word("resources") == Some("fixed") {
            fields.weaken(
                "resources",
                "processor and memory are not limited on this machine",
            );
        }
    }

    fn env(
        &self,
        fields: &mut Fields<'a>,
        producers: &mut BTreeSet<NodePath>,
    ) -> BTreeMap<String, crate::text::Text> {
        let mut env = BTreeMap::new();
        for (name, value) in entries(fields.get("env")) {
            // An entry that is none is left out.
            if value.is_none() {
                continue;
            }
            if let Some(text) = self.text(fields, &format!("env.{name}"), value, producers) {
                env.insert(name.to_string(), text);
            }
        }
        env
    }

    fn files(
        &self,
        fields: &mut Fields<'a>,
        producers: &mut BTreeSet<NodePath>,
    ) -> BTreeMap<String, Mount> {
        let mut files = BTreeMap::new();
        for field in ["files", "writable"] {
            for (path, value) in entries(fields.get(field)) {
                let at = format!("{field}.{path}");
                let part = |name: &str| value.get(name).filter(|v| !v.is_none());
                let mount = match fields::word(value) {
                    Some("text") => part("content")
                        .and_then(|c| self.text(fields, &at, c, producers))
                        .map(Mount::Text),
                    Some("directory") => part("source")
                        .and_then(Value::as_str)
                        .map(|dir| Mount::Dir(self.facts.path(dir))),
                    Some("mount") => part("volume").and_then(fields::node_of).map(|node| {
                        producers.insert(node.clone());
                        Mount::Volume(node)
                    }),
                    Some("scratch") => Some(Mount::Scratch),
                    _ => self.text(fields, &at, value, producers).map(Mount::Text),
                };
                if let Some(mount) = mount {
                    files.insert(path.to_string(), mount);
                }
            }
        }
        if !files.is_empty() {
            fields.weaken(
                if fields.get("files").is_some() { "files" } else { "writable" },
                "files lie in a directory of their own; a variable whose value is their path is given the real one",
            );
        }
        files
    }

    fn ports(&self, fields: &mut Fields<'a>) -> BTreeMap<String, u16> {
        let mut ports = BTreeMap::new();
        for (name, value) in entries(fields.get("ports")) {
            let number = value.get("port").unwrap_or(value).as_int();
            if fields::word(value) == Some("udp") {
                fields.not_built(&format!("ports.{name}"), "a UDP port");
            } else if let Some(number) = number.and_then(|n| u16::try_from(n).ok()) {
                ports.insert(name.to_string(), number);
            }
        }
        if ports.is_empty()
            && let Some(number) = fields.number("port")
        {
            ports.insert("main".into(), number);
        }
        ports
    }
}

fn probe(fields: &mut Fields<'_>, field: &str) -> Option<Probe> {
    let value = fields.get(field)?;
    let part = |name: &str| value.get(name).filter(|v| !v.is_none());
    let port = || {
        part("port")
            .and_then(Value::as_str)
            .unwrap_or("main")
            .to_owned()
    };
    let check = match fields::word(value) {
        Some("http") => Check::Http {
            port: port(),
            path: part("path")
                .and_then(Value::as_str)
                .unwrap_or("/")
                .to_owned(),
            host: None,
        },
        Some("tcp") => Check::Tcp { port: port() },
        Some("exec") => Check::Exec {
            command: part("command").map(fields::texts).unwrap_or_default(),
        },
        other => {
            let what = format!("the probe `{}`", other.unwrap_or("?"));
            fields.not_built(field, &what);
            return None;
        }
    };
    let millis = |name: &str, default: u64| part(name).and_then(fields::millis).unwrap_or(default);
    Some(Probe {
        check,
        every: millis("every", 10_000).max(1),
        timeout: millis("timeout", 2_000).max(1),
        failures: part("failures")
            .and_then(Value::as_int)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(3)
            .max(1),
        start: millis("start", 30_000),
    })
}
