//! One operation: making an object what is asked, waiting until it works, taking it away.

use std::collections::BTreeMap;
use std::time::Duration;

use plat_engine::{
    Action, DataFate, Done, Health, Made, Object, OpContext, OpError, OpErrorKind, Operation,
    Precondition,
};
use serde_json::{Map, Value as Json};
use tokio::time::{Instant, sleep};

use super::{KEPT, Kubernetes, is_kept, is_owned, others, owned, present, text, whose};
use crate::cluster::{
    self, ApiError, CLUSTER, FENCE, HIBERNATION, ID, Kind, LEAVE, TOKEN, Waited, annotation,
    applied, health, used,
};
use crate::lower::ONCE;
use crate::names;

/// How many former runs of a job are kept to be looked at.
const RUNS: usize = 3;
/// How often a write is tried again that met a change of something else of the object.
const TRIES: usize = 5;
/// How long after an object is deleted it is looked whether it is gone; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// After how long it is said what that waits for.
const SOON: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Kubernetes {
    /// Makes an object what is asked, in the place of what the operation expects to find.
    pub(super) async fn bring(
        &self,
        kind: &Kind,
        desired: &Object,
        operation: &Operation,
        context: &OpContext,
        what: &str,
    ) -> Result<Json, OpError> {
        let failed = |e: ApiError| OpError {
            next: e.next.clone(),
            ..OpError::new(e.kind(), what, e.why)
        };
        let conflict = |why: String| OpError::new(OpErrorKind::Conflict, what, why);
        let name = text(&desired.spec, "/metadata/name");
        for _ in 0..TRIES {
            let mut live = self.cluster.get(kind, name).await.map_err(failed)?;
            // What its maker has of it is ours before it is decided what we say of it.
            let mut inherited = false;
            if let Some(theirs) = live
                .as_ref()
                .filter(|l| is_taken_whole(operation, l, context))
            {
                if operation.action == Action::Replace {
                    return Err(conflict("somebody made it anew meanwhile".into()));
                }
                self.expect(kind, theirs, operation, context, what)?;
                live = match self.inherit(kind, name, theirs).await {
                    // Looked at again: it may have been changed in between.
                    Err(e) if e.code == 409 => continue,
                    as_ours => Some(as_ours.map_err(failed)?),
                };
                inherited = true;
            }
            let mut manifest = match &live {
                Some(live) => over(desired, operation.previous.as_deref(), live),
                None => desired.spec.clone(),
            };
            let used = self.used(&manifest).await.map_err(failed)?;
            if let Some(used) = &used {
                used::mark(&mut manifest, used);
            }
            let mut marks = Map::new();
            if !desired.leave.is_empty() {
                let leave = serde_json::to_string(&desired.leave).unwrap_or_default();
                marks.insert(LEAVE.into(), leave.into());
            }
            marks.insert(ID.into(), operation.object.as_str().into());
            marks.insert(TOKEN.into(), operation.token.0.clone().into());
            marks.insert(FENCE.into(), context.fence.to_string().into());
            if let Some(live) = &live {
                if let Some(seen) = annotation(live, FENCE).and_then(|f| f.parse::<u64>().ok())
                    && seen > context.fence
                    && is_owned(live, &context.scope)
                {
                    return Err(conflict("a later apply has been at it".into()));
                }
                let done = annotation(live, TOKEN) == Some(operation.token.0.as_str());
                if done && kind.name != "Job" {
                    let live = self.freed(kind, name, live.clone(), operation).await;
                    return live.map_err(failed);
                }
                if let Some(done) = self
                    .rerun(kind, live, done, used.as_deref(), operation, context)
                    .await?
                {
                    if done {
                        let live = self.freed(kind, name, live.clone(), operation).await;
                        return live.map_err(failed);
                    }
                    continue;
                }
                if !inherited {
                    self.expect(kind, live, operation, context, what)?;
                }
                set(&mut manifest, "uid", text(live, "/metadata/uid").into());
                let version = text(live, "/metadata/resourceVersion");
                set(&mut manifest, "resourceVersion", version.into());
            }
            if let Some(meta) = manifest
                .pointer_mut("/metadata")
                .and_then(Json::as_object_mut)
            {
                let all = meta
                    .entry("annotations")
                    .or_insert_with(|| Json::Object(Map::new()));
                if let Json::Object(all) = all {
                    all.extend(marks);
                }
            }
            // What an earlier destroy kept for us has no manager that could mind.
            let kept = live
                .as_ref()
                .is_some_and(|live| is_kept(live, &context.scope));
            match self.cluster.apply(kind, name, &manifest, kept).await {
                Ok(mut made) => {
                    if kept {
                        let patch = serde_json::json!({ "metadata": { "labels": { KEPT: null } } });
                        let merged = self.cluster.merge(kind, name, &patch).await;
                        made = merged.map_err(failed)?;
                    }
                    let made = self.freed(kind, name, made, operation).await;
                    return made.map_err(failed);
                }
                // A status that moved on in between is no reason to stop; another manager is.
                Err(e) if e.code == 409 && e.why.contains("object has been modified") => {}
                // All that is in the way was said to be taken over.
                Err(e) if is_taken(&e, &manifest, operation) => {
                    match self.cluster.apply(kind, name, &manifest, true).await {
                        Err(e) if e.code == 409 && e.why.contains("object has been modified") => {}
                        made => {
                            let made = made.map_err(failed)?;
                            let made = self.freed(kind, name, made, operation).await;
                            return made.map_err(failed);
                        }
                    }
                }
                Err(e) if e.code == 409 => {
                    let mut error = conflict(e.why);
                    error.next = Some("plan again: the plan shows who has which field, and with which word it is taken over".into());
                    return Err(error);
                }
                Err(e) => return Err(failed(e)),
            }
        }
        Err(OpError::new(
            OpErrorKind::Transient,
            what,
            "it changes all the time",
        ))
    }

    /// An object that is ours now, without what a former maker goes by. It is asked for again after
    /// an attempt that was cut off before.
    async fn freed(
        &self,
        kind: &Kind,
        name: &str,
        made: Json,
        operation: &Operation,
    ) -> Result<Json, ApiError> {
        match operation.takes_whole() {
            true => self.disown(kind, name, made).await,
            false => Ok(made),
        }
    }

    /// The digest of the values of secrets that a manifest is given, as they are now.
    async fn used(&self, manifest: &Json) -> Result<Option<String>, ApiError> {
        let Some(secret) = cluster::kind("Secret") else {
            return Ok(None);
        };
        let mut live = BTreeMap::new();
        for name in used::secrets(manifest) {
            if let Some(found) = self.cluster.get(secret, &name).await? {
                live.insert(name, found);
            }
        }
        Ok(used::digest(manifest, &live))
    }

    /// Whether what is there is what the operation expects.
    fn expect(
        &self,
        kind: &Kind,
        live: &Json,
        operation: &Operation,
        context: &OpContext,
        what: &str,
    ) -> Result<(), OpError> {
        let conflict = |why: String| Err(OpError::new(OpErrorKind::Conflict, what, why));
        let ours = applied(live).is_some();
        match &operation.precondition {
            Precondition::BeAbsent => {
                let scope = &context.scope;
                let free = !ours && (kind.name == "Namespace" || is_owned(live, scope));
                if free || is_kept(live, scope) {
                    return Ok(());
                }
                conflict(format!(
                    "it is there already, and belongs to {}",
                    whose(live)
                ))
            }
            // Another name: another run of the same job.
            Precondition::Be { .. } if kind.name == "Job" => Ok(()),
            Precondition::Be { uid, version } => {
                let is = present(live);
                let anew = operation.action == Action::Replace;
                let now = if is_taken_whole(operation, live, context) {
                    others::version(live)
                } else {
                    is.version
                };
                if anew || (is.uid == *uid && now == *version) {
                    return Ok(());
                }
                conflict("somebody changed it since the plan was made".into())
            }
        }
    }

    /// A job that is there under this name: one that is done or at work is left alone. One that
    /// failed, is on its way out, had other values of its secrets than those of `used`, or was followed
    /// by a run of something else, makes room for another. `None` where it is none.
    async fn rerun(
        &self,
        kind: &Kind,
        live: &Json,
        done: bool,
        used: Option<&str>,
        operation: &Operation,
        context: &OpContext,
    ) -> Result<Option<bool>, OpError> {
        if kind.name != "Job" || !is_owned(live, &context.scope) {
            return Ok(None);
        }
        let followed = match &operation.precondition {
            Precondition::Be { uid, .. } => uid != text(live, "/metadata/uid"),
            Precondition::BeAbsent => false,
        };
        let other = used::marked(live).is_some_and(|with| used.is_some_and(|now| now != with));
        match is_run_anew(live, done, other || followed) {
            true => {
                let what = format!("{} {}", operation.action.doing(), operation.label);
                self.delete_and_wait(kind, live, context, &what).await?;
                Ok(Some(false))
            }
            false => Ok(Some(true)),
        }
    }

    pub(super) async fn until_it_works(
        &self,
        kind: &Kind,
        made: &Json,
        context: &OpContext,
        what: &str,
    ) -> Result<Done, OpError> {
        let result = |live: &Json| Made {
            uid: text(live, "/metadata/uid").to_owned(),
            version: present(live).version,
            outs: BTreeMap::new(),
        };
        // Most kinds work as soon as they are there, and nobody has to look again.
        if health(made) == Health::Well && kind.name != "Job" {
            return Ok(Done::There(result(made)));
        }
        context.turn.give_on();
        let (within, labels) = (context.deadline, owned(&context.scope));
        let waited = cluster::wait(
            &self.cluster,
            kind,
            made,
            &labels,
            within,
            &context.progress,
        )
        .await;
        match waited {
            Ok(Waited::Works(live)) => {
                if kind.name == "Job" {
                    self.forget_runs(kind, &live).await;
                }
                Ok(Done::There(result(&live)))
            }
            Ok(Waited::Not { why, log }) => Err(OpError {
                log,
                made: Some(Box::new(result(made))),
                ..OpError::new(OpErrorKind::NotReady, what, why)
            }),
            Ok(Waited::Gone) => {
                let why = "somebody removed it meanwhile";
                Err(OpError::new(OpErrorKind::Conflict, what, why))
            }
            Err(e) => Err(OpError {
                made: Some(Box::new(result(made))),
                ..OpError::new(e.kind(), what, e.why)
            }),
        }
    }

    /// Removes the oldest runs of a job. It only tidies up: what can't be removed stays.
    async fn forget_runs(&self, kind: &Kind, live: &Json) {
        let Some(id) = annotation(live, ID) else {
            return;
        };
        let labels = live.pointer("/metadata/labels");
        let label = |name: &str| {
            labels
                .and_then(|l| l.get(name)?.as_str())
                .unwrap_or_default()
        };
        let of = [names::APP, names::ENV, names::PATH]
            .map(|name| format!("{name}={}", label(name)))
            .join(",");
        let Ok(mut runs) = self.cluster.list(kind, &of).await else {
            return;
        };
        runs.retain(|run| annotation(run, ID) == Some(id));
        runs.sort_by_key(|run| {
            std::cmp::Reverse(text(run, "/metadata/creationTimestamp").to_owned())
        });
        for run in runs.iter().skip(RUNS) {
            let name = text(run, "/metadata/name");
            let uid = text(run, "/metadata/uid");
            // Nothing waits for it.
            let _ = self.cluster.delete(kind, name, Some(uid)).await;
        }
    }

    pub(super) async fn remove(
        &self,
        kind: &Kind,
        name: &str,
        operation: &Operation,
        context: &OpContext,
        what: &str,
    ) -> Result<Done, OpError> {
        let failed = |e: ApiError| OpError {
            next: e.next.clone(),
            ..OpError::new(e.kind(), what, e.why)
        };
        let gone = |data_kept_at| Ok(Done::Gone { data_kept_at });
        // Others may be in it, and what was kept is: nobody asked for it to go.
        if kind.name == "Namespace" {
            let message = format!(
                "the namespace stays: kubectl delete namespace {name} takes it away, with all in it"
            );
            context.progress.say(message);
            return gone(None);
        }
        if kind.name == "Job" {
            let runs = self.cluster.list(kind, &owned(&context.scope)).await;
            let id = operation.object.as_str();
            for run in runs.map_err(failed)? {
                if annotation(&run, ID) == Some(id) {
                    self.delete_and_wait(kind, &run, context, what).await?;
                }
            }
            return gone(None);
        }
        let Some(live) = self.cluster.get(kind, name).await.map_err(failed)? else {
            return gone(None);
        };
        let whole = is_taken_whole(operation, &live, context);
        if !is_owned(&live, &context.scope) && !whole {
            let why = format!("it belongs to {}", whose(&live));
            return Err(OpError::new(OpErrorKind::Conflict, what, why));
        }
        if let Precondition::Be { uid, .. } = &operation.precondition
            && text(&live, "/metadata/uid") != uid.as_str()
        {
            let why = "it is another one since the plan was made";
            return Err(OpError::new(OpErrorKind::Conflict, what, why));
        }
        // One that is on its way out moves.
        let goes = live.pointer("/metadata/deletionTimestamp").is_some();
        if let Precondition::Be { version, .. } = &operation.precondition
            && whole
            && !goes
            && !others::is_still(kind, &live, version)
        {
            let why = "somebody changed it since the plan was made";
            return Err(OpError::new(OpErrorKind::Conflict, what, why));
        }
        if operation.data == DataFate::Kept
            && (kind.is("PersistentVolumeClaim") || kind.is(CLUSTER))
        {
            let kept = names::label(&format!(
                "{}.{}",
                context.scope.app, context.scope.environment
            ));
            // Without its record of managers nothing of it is ours any more.
            let mut patch = serde_json::json!({ "metadata": {
                "labels": { names::APP: null, names::ENV: null, KEPT: kept },
                "annotations": { ID: null, TOKEN: null, FENCE: null },
                "managedFields": [{}],
            }});
            // Its rows are kept, and nobody asks for them: nothing of it needs to run.
            if kind.is(CLUSTER)
                && let Some(annotations) = patch.pointer_mut("/metadata/annotations")
            {
                annotations[HIBERNATION] = "on".into();
            }
            self.cluster
                .merge(kind, name, &patch)
                .await
                .map_err(failed)?;
            if kind.is(CLUSTER) {
                self.until_it_rests(kind, name, context).await;
            }
            let at = format!("{} {}/{name}", kind.name, self.cluster.namespace);
            return gone(Some(at));
        }
        self.delete_and_wait(kind, &live, context, what).await?;
        gone(None)
    }

    /// Waits until nothing of a database that is kept runs any more. Where it does not come to rest that
    /// is said, and no more, and so where the cluster does not answer: its rows are kept, and it is
    /// nobody's by now.
    async fn until_it_rests(&self, kind: &Kind, name: &str, context: &OpContext) {
        context.turn.give_on();
        let begun = Instant::now();
        let end = begun + context.deadline;
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            let phase = match self.cluster.get(kind, name).await {
                Ok(None) => return,
                Ok(Some(live)) if cluster::rests(&live) => return,
                Ok(Some(live)) => text(&live, "/status/phase").to_owned(),
                Err(e) => e.why,
            };
            if Instant::now() >= end {
                context.progress.say(format!(
                    "its rows are kept, but it did not come to rest, and what runs of it goes on ({phase}): \
                     CloudNativePG lets only one rest that is well. See \
                     kubectl -n {} describe cluster.postgresql.cnpg.io {name}",
                    self.cluster.namespace
                ));
                return;
            }
            if !told && begun.elapsed() >= SOON {
                let message = "its rows are kept; it comes to rest".to_owned();
                context.progress.say(message);
                told = true;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn delete_and_wait(
        &self,
        kind: &Kind,
        live: &Json,
        context: &OpContext,
        what: &str,
    ) -> Result<(), OpError> {
        let failed = |e: ApiError| OpError {
            next: e.next.clone(),
            ..OpError::new(e.kind(), what, e.why)
        };
        let name = text(live, "/metadata/name");
        let uid = text(live, "/metadata/uid");
        self.cluster
            .delete(kind, name, Some(uid))
            .await
            .map_err(failed)?;
        let begun = Instant::now();
        let end = begun + context.deadline;
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let there = self.cluster.get(kind, name).await.map_err(failed)?;
            let Some(there) = there.filter(|there| text(there, "/metadata/uid") == uid) else {
                return Ok(());
            };
            let why = goes(&there);
            if Instant::now() >= end {
                let why = format!("it does not go: {why}");
                return Err(OpError::new(OpErrorKind::NotReady, what, why));
            }
            if begun.elapsed() >= SOON && why != told {
                context.progress.say(format!("it goes: {why}"));
                told = why;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether a job that is there is run anew: one that was made for this operation (`done`) only where it
/// is on its way out, since what it did can't be waited for any more. What is to run once does not run
/// again when it is done.
fn is_run_anew(live: &Json, done: bool, has_changed: bool) -> bool {
    let once = annotation(live, ONCE).is_some();
    let mut stays = live.clone();
    let meta = stays.pointer_mut("/metadata").and_then(Json::as_object_mut);
    let goes = meta.is_some_and(|meta| meta.remove("deletionTimestamp").is_some());
    match health(&stays) {
        Health::Well if once => false,
        _ if goes => true,
        Health::Stopped { .. } => !done,
        Health::Well => !done && has_changed,
        Health::Stale { .. } | Health::Ailing { .. } => false,
    }
}

/// What an object that is to go is waited for.
fn goes(there: &Json) -> String {
    let finalizers = there.pointer("/metadata/finalizers");
    let names = finalizers.and_then(Json::as_array).into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Json::as_str).collect();
    match names.as_slice() {
        [] => "the cluster has not removed it yet".to_owned(),
        [one] => format!("the finalizer {one} is still to be done"),
        many => format!("the finalizers {} are still to be done", many.join(", ")),
    }
}

/// Whether an operation takes an object over as a whole that is not ours yet.
fn is_taken_whole(operation: &Operation, live: &Json, context: &OpContext) -> bool {
    let scope = &context.scope;
    operation.takes_whole() && !is_owned(live, scope) && !is_kept(live, scope)
}

/// What is applied over what is there: what is left to others is as they have it. What somebody else
/// has of that by now is theirs alone.
///
/// An autoscaler starts nothing of which there is none (`ScalingDisabled`, as Kubernetes' own
/// HorizontalPodAutoscaler says): what it takes over at 0 is begun as if it were made.
fn over(desired: &Object, previous: Option<&Object>, live: &Json) -> Json {
    if desired.leave.is_empty() {
        return desired.spec.clone();
    }
    let mut manifest = desired.spec_over(live);
    let begun = desired.lent.iter().filter(|(path, by)| {
        by.as_str().starts_with("HorizontalPodAutoscaler/")
            && previous.is_none_or(|p| p.lent.get(*path) != Some(*by))
            && live.pointer(&pointer(path)).and_then(Json::as_i64) == Some(0)
    });
    let begun: Vec<&String> = begun.map(|(path, _)| path).collect();
    for path in &begun {
        let at_first = desired.spec.pointer(&pointer(path));
        if let Some((part, at_first)) = manifest.pointer_mut(&pointer(path)).zip(at_first) {
            *part = at_first.clone();
        }
    }
    for field in cluster::held(live) {
        let within = |left: &&String| {
            let rest = field.path.strip_prefix(left.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if desired.leave.iter().any(|left| within(&left))
            && !begun.contains(&&field.path)
            && let Some((above, name)) = field.path.rsplit_once('.')
            && let Some(Json::Object(above)) = manifest.pointer_mut(&pointer(above))
        {
            above.remove(name);
        }
    }
    manifest
}

/// `spec.replicas` as a pointer (RFC 6901).
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Whether an apply was refused because of fields that the operation says to take over, and of no
/// others.
fn is_taken(error: &ApiError, manifest: &Json, operation: &Operation) -> bool {
    let taken = |field: &String| {
        cluster::path_of(field, manifest).is_some_and(|path| operation.take.contains(&path))
    };
    error.code == 409 && !error.held.is_empty() && error.held.iter().all(taken)
}

fn set(manifest: &mut Json, name: &str, value: Json) {
    if let Some(Json::Object(meta)) = manifest.pointer_mut("/metadata") {
        meta.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(condition: Option<&str>, goes: bool, once: bool) -> Json {
        let mut job = json!({
            "kind": "Job", "metadata": { "name": "seed", "annotations": {} },
            "status": { "conditions": [] },
        });
        if let Some(condition) = condition {
            job["status"]["conditions"] = json!([{ "type": condition, "status": "True" }]);
        }
        if goes {
            job["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        if once {
            job["metadata"]["annotations"][ONCE] = "true".into();
        }
        job
    }

    #[test]
    fn a_job_that_is_on_its_way_out_makes_room_for_another() {
        for condition in [None, Some("Failed"), Some("Complete")] {
            for done in [false, true] {
                let goes = job(condition, true, false);
                assert!(is_run_anew(&goes, done, false), "{condition:?} {done}");
            }
        }
        // What is done once is done.
        assert!(!is_run_anew(
            &job(Some("Complete"), true, true),
            false,
            true
        ));
        assert!(is_run_anew(&job(Some("Failed"), true, true), false, false));
    }

    #[test]
    fn a_job_that_stays_is_run_anew_when_it_failed_or_something_changed() {
        assert!(is_run_anew(
            &job(Some("Failed"), false, false),
            false,
            false
        ));
        assert!(!is_run_anew(
            &job(Some("Failed"), false, false),
            true,
            false
        ));
        assert!(is_run_anew(
            &job(Some("Complete"), false, false),
            false,
            true
        ));
        assert!(!is_run_anew(
            &job(Some("Complete"), false, false),
            false,
            false
        ));
        assert!(!is_run_anew(&job(None, false, false), false, true));
    }
}
