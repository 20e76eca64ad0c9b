//! Where everything is: the namespace, which several apps may share and which somebody else may have made.

use plat_engine::{Note, NoteKind};

use super::{Lowering, Put, object_id};
use crate::facts;
use crate::json::{Map, json};
use crate::names;

/// The label of a namespace with the Pod Security Standard that its pods are held to.
pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The Pod Security Standards, from the one that allows least.
/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Restricted,
    Baseline,
    Privileged,
}

impl Level {
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("restricted") => Self::Restricted,
            Some("baseline") => Self::Baseline,
            // What says nothing allows all.
            _ => Self::Privileged,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

impl Lowering<'_> {
    /// The namespace, which keeps pods out that could take over their node. One that somebody else
    /// made is left as it is: others' pods may be in it, and they would be held to what we say of it.
    pub(super) fn namespace(&mut self) {
        let needed = if self.root {
            Level::Baseline
        } else {
            Level::Restricted
        };
        let level = match &self.facts.namespace {
            None => needed,
            Some(there) if !there.is_ours => {
                let message = self.somebody_elses(there, needed);
                self.told.notes.extend(message.map(|message| Note {
                    kind: NoteKind::Info,
                    node: None,
                    field: None,
                    place: None,
                    message,
                }));
                return;
            }
            // Another app of ours may need what it allows now: two would take it from each other for ever.
            Some(there) => match there.enforced.as_deref() {
                None => needed,
                enforced => needed.max(Level::of(enforced)),
            },
        };
        let name = self.settings.namespace.clone();
        let mut put = Put::new("Namespace", "v1", &name, json!({}));
        put.label = format!("namespace {name}");
        self.put(put);
        let id = object_id("Namespace", &name);
        if let Some(object) = self.objects.get_mut(&id)
            && let Some(labels) = object.spec.pointer_mut("/metadata/labels")
        {
            // Several apps may share it: it is nobody's own.
            let said = [(names::MANAGED_BY, names::MANAGER), (ENFORCE, level.name())];
            *labels = Map::of(
                said.map(|(label, value)| (label.into(), value.into()))
                    .into(),
            )
            .into();
        }
    }

    /// What is to be known of a namespace that is left as it is.
    fn somebody_elses(&self, there: &facts::Namespace, needed: Level) -> Option<String> {
        let name = &self.settings.namespace;
        let level = Level::of(there.enforced.as_deref());
        match level {
            _ if level < needed => Some(format!(
                "the namespace `{name}` is somebody else's and holds its pods to `{}`: what runs as root here won't start in it",
                level.name()
            )),
            Level::Privileged => Some(format!(
                "the namespace `{name}` is somebody else's and holds its pods to nothing; who keeps it could: kubectl label namespace {name} {ENFORCE}={}",
                needed.name()
            )),
            _ => None,
        }
    }
}
