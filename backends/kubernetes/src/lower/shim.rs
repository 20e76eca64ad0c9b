//! The shim as the entrypoint of containers (`runtime-shim/`).
//!
//! An init container lays it down in a directory of the pod, since the program's image has it nowhere
//! (volumes of images would do without, and too few clusters have them yet). The program then runs
//! below it: whoever is orphaned is taken in, signals reach the whole tree, it ends well, and its
//! metrics can be collected. The kubelet's probes go on to ask the program itself: what stands
//! between would answer for it, and the pod's events would no longer say what the program said.
//!
//! What is run has to be known, since a manifest that names a command takes the place of the image's
//! own. Data services and what serves static files run as their images come, whose makers have seen to
//! what the shim is for.

use plat_engine::fields::{self, Fields};
use plat_model::{Data, Value};

use super::Lowering;
use super::pods::{NONROOT, Runs, locked};
use super::resources::small;
use crate::image::push::ARCHITECTURE;
use crate::image::shim;
use crate::json::{Json, Map, json};

/// Where the shim is in a container: nobody there may change what is run at the next start.
const PROGRAM: &str = "/run/plat-shim";
/// The volume of that directory.
const VOLUME: &str = "shim";
/// Where its socket is.
const DIR: &str = "/run/plat";
/// The volume of that directory.
const SOCKET: &str = "shim-socket";
/// The name of the port at which it tells metrics.
const METRICS: &str = "plat-metrics";
/// That port; the next one that the program leaves free. Exporters begin at 9100, and Prometheus'
/// list of those that are given out has others here and there up to 9999.
const PORT: u16 = 9465;

/// A program below the shim.
pub(super) struct Shimmed {
    /// What its container runs.
    pub(super) command: Vec<String>,
    /// Where metrics are told.
    port: Option<u16>,
}

/// How many programs run without the shim, by why.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    /// The target has none.
    none: usize,
    /// Nobody knows what their image runs.
    unknown: usize,
    /// Nobody says for which architecture their image is, and the shim is for one.
    anywhere: usize,
    /// How many run below that of this platc.
    ours: usize,
}

impl Count {
    pub(super) fn add(&mut self, other: Self) {
        self.none += other.none;
        self.unknown += other.unknown;
        self.anywhere += other.anywhere;
        self.ours += other.ours;
    }
}

impl<'a> Lowering<'a> {
    /// A program below the shim: none where the target has none for it, or where nobody knows what
    /// its image runs. `times` are those of its end, in milliseconds: how long it goes on to answer,
    /// and how long it then has. `asked` says whether it lives long enough to be asked for metrics.
    ///
    /// A Job that runs when it is made has none: its name comes from what it runs, and another platc,
    /// with another shim, would run it once more.
    pub(super) fn shim(
        &mut self,
        fields: &mut Fields<'a>,
        runs: &Runs,
        times: (u64, u64),
        asked: bool,
    ) -> Option<Shimmed> {
        if runs_when_made(fields) {
            return None;
        }
        let Some(shim) = &self.ground.facts.shim else {
            self.shims.none += 1;
            return None;
        };
        if let Some(made_for) = &shim.architecture {
            // Images of directories are made for one; of others the source has to say it.
            let is_process = fields.word("run") == Some("process");
            let wanted = architecture(fields).or(is_process.then_some(ARCHITECTURE));
            let Some(wanted) = wanted else {
                self.shims.anywhere += 1;
                return None;
            };
            if made_for != wanted {
                let message = format!("runs without the shim, which is for {made_for} here");
                fields.inform("needs", message);
                return None;
            }
        }
        let Some(argv) = self.argv(fields, runs) else {
            self.shims.unknown += 1;
            return None;
        };
        let taken = super::outs::ports(fields.node);
        let free = |port: &u16| !taken.values().any(|(number, _)| number == port);
        let port = (PORT..).find(free).filter(|_| asked);
        let (drain, grace) = times;
        if shim.architecture.is_some() {
            self.shims.ours += 1;
        }
        let mut command = vec![format!("{PROGRAM}/shim"), "exec".to_owned()];
        let mut say = |option: &str, value: String| command.extend([option.to_owned(), value]);
        say("--name", format!("{}/{}", self.graph.app, fields.path));
        say("--dir", DIR.to_owned());
        if let Some(port) = port {
            say("--listen", port.to_string());
        }
        if drain > 0 {
            say("--drain", drain.to_string());
        }
        say("--grace", grace.to_string());
        command.push("--".to_owned());
        command.extend(argv);
        Some(Shimmed { command, port })
    }

    /// What the container would run by itself.
    fn argv(&self, fields: &Fields<'a>, runs: &Runs) -> Option<Vec<String>> {
        let mut argv = runs.command.clone();
        if argv.is_empty() {
            let name = fields.get("run")?.get("name").and_then(Value::as_str)?;
            let pin = self.graph.pins.get(name)?;
            argv = pin.entrypoint.clone();
            if runs.args.is_empty() {
                argv.extend(pin.command.iter().cloned());
            }
        }
        argv.extend(runs.args.iter().cloned());
        Some(argv).filter(|argv| !argv.is_empty())
    }

    /// Adds to a pod what its shim needs.
    pub(super) fn with_shim(
        &mut self,
        fields: &Fields<'a>,
        spec: &mut Json,
        annotations: &mut Map,
        shimmed: &Shimmed,
    ) {
        let Some(shim) = &self.ground.facts.shim else {
            return;
        };
        let mut security = locked();
        // The pod's user may be that of the program's image, which this one does not have.
        security.set("runAsNonRoot", true.into());
        security.set("runAsUser", NONROOT.into());
        security.set("runAsGroup", NONROOT.into());
        let mount = |name: &str, at: &str, read_only: bool| json!({ "name": name, "mountPath": at, "readOnly": read_only.then_some(true) });
        let init = json!({
            "name": "plat-shim",
            "image": shim.image,
            "args": ["install", format!("{PROGRAM}/shim")],
            "resources": small(),
            "securityContext": security,
            "volumeMounts": [mount(VOLUME, PROGRAM, false)],
        });
        spec.set("initContainers", json!([init]));
        for (name, at, read_only) in [(VOLUME, PROGRAM, true), (SOCKET, DIR, false)] {
            add(
                spec,
                "/containers/0/volumeMounts",
                mount(name, at, read_only),
            );
            let volume = json!({ "name": name, "emptyDir": { "sizeLimit": "8Mi" } });
            add(spec, "/volumes", volume);
        }
        let Some(port) = shimmed.port else {
            return;
        };
        add(
            spec,
            "/containers/0/ports",
            json!({ "name": METRICS, "containerPort": port, "protocol": "TCP" }),
        );
        if self.settings.metrics_namespace.is_none() {
            return;
        }
        self.is_collected(fields, port);
        let port = port.to_string();
        for (name, value) in [
            ("prometheus.io/path", "/metrics"),
            ("prometheus.io/port", port.as_str()),
            ("prometheus.io/scrape", "true"),
        ] {
            annotations.insert(name.into(), value.into());
        }
    }

    /// Says which programs have no shim.
    pub(super) fn unshimmed(&mut self) {
        let Count {
            none,
            unknown,
            anywhere,
            ours,
        } = self.shims;
        let programs = |n: usize| match n {
            1 => "1 program runs".to_owned(),
            n => format!("{n} programs run"),
        };
        if none > 0 && !self.settings.shim_is_off {
            self.good_to_know(format!(
                "{} without the shim, and so without its metrics: name a `registry` on the target to keep it in, or say `shim = off`",
                programs(none)
            ));
        }
        if let Some(shim) = self.ground.facts.shim.as_ref().filter(|_| ours > 0) {
            let image = &shim.image;
            self.good_to_know(format!(
                "where its registry lacks it: brings the shim there, as {image}"
            ));
        }
        if anywhere > 0 {
            self.good_to_know(format!(
                "{} without the shim, since nobody says for which architecture: `needs = [architecture(name: \"{}\")]`",
                programs(anywhere),
                shim::ARCHITECTURE
            ));
        }
        if unknown > 0 {
            self.good_to_know(format!(
                "{} as the image comes, without the shim: `platc pin {}` finds out what that is",
                programs(unknown),
                self.graph.environment.name
            ));
        }
    }
}

/// Is it a Job that runs when it is made? Its name comes from what its pod is: whatever stands there
/// for other reasons than the program would have it run again.
pub(super) fn runs_when_made(fields: &Fields<'_>) -> bool {
    fields.node.kind.name == "job" && fields.word("runs") != Some("on_demand")
}

/// The architecture that a program asks for.
fn architecture<'f>(program: &Fields<'f>) -> Option<&'f str> {
    let Data::List(needs) = &program.get("needs")?.data else {
        return None;
    };
    let mut needs = needs.iter();
    let need = needs.find(|need| fields::word(need) == Some("architecture"))?;
    need.get("name").and_then(fields::word)
}

/// Adds to a list that may not be there.
fn add(spec: &mut Json, at: &str, value: Json) {
    match spec.pointer_mut(at) {
        Some(Json::Array(items)) => items.push(value),
        Some(none) => *none = json!([value]),
        None => {}
    }
}
