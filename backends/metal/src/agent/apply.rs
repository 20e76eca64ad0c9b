//! Making an object true, and taking it away.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use plat_engine::{Object, Precondition, Scope};
use plat_model::TargetId;
use serde::Deserialize as _;

use super::protocol::{Apply, Call, Delete, Failure};
use super::store::Record;
use super::{Agent, Progress};
use crate::generate;
use crate::names;
use crate::spec::{SecretValue, Site, Spec};
use crate::time;

/// What a spec's own part of an apply is given.
pub(super) struct Task<'a> {
    /// The record as it will be kept when all is done.
    pub(super) record: Record,
    /// What is kept now.
    pub(super) old: Option<Record>,
    /// Whether it is gone over again though its spec is the same.
    pub(super) again: bool,
    /// How long it may take.
    pub(super) within: Duration,
    /// Who is told.
    pub(super) progress: &'a Progress,
}

impl Agent {
    /// Makes an object true. Returns which thing it is and its version.
    ///
    /// # Errors
    /// Why it could not be done; what ran before then still runs wherever that is possible.
    pub(super) async fn apply(
        self: &Arc<Self>,
        apply: Apply,
        progress: &Progress,
    ) -> Result<(String, String), Failure> {
        let Apply {
            call,
            node,
            spec: mut json,
            after,
            leave,
            replace,
            again,
            path,
        } = apply;
        let what = format!("cannot apply `{}`", call.id);
        let understood = |json: &serde_json::Value| {
            Spec::deserialize(json).map_err(|e| {
                Failure::new(&what, format!("its spec is not understood: {e}"))
                    .next("update platc: the agent follows it")
            })
        };
        let mut spec = understood(&json)?;
        self.fence(&call)?;
        let _guard = self.lock_object(&call.scope, &call.id).await;
        let mut old = self.store.get(&call.scope, &call.id);
        let mut progress = progress.clone();
        if let Some(old) = &old
            && old.token == call.token
            && old.done
        {
            return Ok((old.uid.clone(), old.version()));
        }
        if let Some(delete) = replace
            && old.as_ref().is_some_and(|r| r.token != call.token)
        {
            check(&delete.call, old.as_ref())?;
            progress = progress.to_the_end();
            self.delete_locked(&delete, &progress).await?;
            old = None;
        } else {
            check(&call, old.as_ref())?;
        }
        if let Some(old) = old.as_ref().filter(|_| !leave.is_empty()) {
            let mut object = Object::new(call.id.clone(), TargetId::main(), json);
            object.leave.clone_from(&leave);
            json = object.spec_over(&old.spec);
            spec = understood(&json)?;
        }
        let mut record = Record::new(
            call.scope.clone(),
            call.id.clone(),
            call.token.clone(),
            json,
        );
        record.node = node;
        record.after = after;
        record.leave = leave;
        record.path = path;
        if let Some(old) = &old {
            record.uid.clone_from(&old.uid);
            record.revision = old.revision + 1;
            record.generation = old.generation;
            record.last_run.clone_from(&old.last_run);
        }
        let task = Task {
            record,
            old,
            again,
            within: Duration::from_millis(call.within),
            progress: &progress,
        };
        let mut record = match self.make(&spec, task).await {
            Ok(record) => record,
            Err(mut failure) => {
                let there = self.store.get(&call.scope, &call.id);
                failure.made = there
                    .filter(|r| r.token == call.token)
                    .map(|r| (r.uid.clone(), r.version()));
                return Err(failure);
            }
        };
        record.done = true;
        record.failure = None;
        record.since = time::now();
        let result = (record.uid.clone(), record.version());
        self.log
            .info(format!("{}: {} is as asked for", record.scope, record.id));
        self.keep(record)?;
        self.routes_changed.notify_one();
        self.crons_changed.notify_one();
        Ok(result)
    }

    async fn make(self: &Arc<Self>, spec: &Spec, task: Task<'_>) -> Result<Record, Failure> {
        match spec {
            Spec::Workload(workload) => self.roll_out(workload, task).await,
            Spec::Job(job) => self.run_job(job, task).await,
            // The clock starts it.
            Spec::Cron(_) => Ok(task.record),
            Spec::Site(site) => site_is_there(site).map(|()| task.record),
            Spec::Postgres(_)
            | Spec::Redis(_)
            | Spec::Nats(_)
            | Spec::Queue(_)
            | Spec::ObjectStore(_)
            | Spec::Bucket(_) => self.serve_data(spec, task).await,
            Spec::Volume(_) => self.make_volume(task),
            Spec::Secret(secret) => self.make_secret(secret, task),
            Spec::Route(route) => self.make_route(route, task).await,
        }
    }

    /// Takes an object away. Returns where its data was kept, if it was.
    ///
    /// # Errors
    /// Why it could not be taken away.
    pub(super) async fn delete(
        self: &Arc<Self>,
        delete: Delete,
        progress: &Progress,
    ) -> Result<Option<String>, Failure> {
        let call = &delete.call;
        self.fence(call)?;
        let _guard = self.lock_object(&call.scope, &call.id).await;
        let old = self.store.get(&call.scope, &call.id);
        if let Some(old) = &old {
            check(call, Some(old))?;
        }
        let kept = self.delete_locked(&delete, progress).await?;
        self.sweep(&call.scope);
        Ok(kept)
    }

    async fn delete_locked(
        self: &Arc<Self>,
        delete: &Delete,
        progress: &Progress,
    ) -> Result<Option<String>, Failure> {
        let Call { scope, id, .. } = &delete.call;
        let failed = |e: io::Error| Failure::new(format!("cannot remove `{id}`"), e);
        let Some(record) = self.store.get(scope, id) else {
            return Ok(None);
        };
        let spec = record.spec().ok();
        // What is marked unfinished is seen as such if we die in here.
        self.store
            .change(scope, id, |r| r.done = false)
            .map_err(failed)?;
        if let Some(Spec::Workload(workload)) = &spec
            && !workload.process.ports.is_empty()
        {
            progress.say("lets requests end");
        }
        if let Some(spec) = &spec {
            self.forget_inside(&record, spec, delete.data).await?;
        }
        self.stop_all(&record).await;
        let kept = match &spec {
            Some(spec) => self
                .part_with_data(&record, spec, delete.data)
                .map_err(failed)?,
            None => None,
        };
        // Also where data stays: until it comes up again, somebody else may take the port.
        self.ports()
            .release(&super::resolve::port_owner(scope, id, ""))
            .map_err(|e| Failure::new(format!("cannot remove `{id}`"), e))?;
        self.store.remove(scope, id).map_err(failed)?;
        self.log.info(format!("{scope}: {id} is gone"));
        self.routes_changed.notify_one();
        self.crons_changed.notify_one();
        self.calmer.notify_one();
        Ok(kept)
    }

    /// Removes what is left of a scope in which nothing is kept any more.
    fn sweep(&self, scope: &Scope) {
        if !self.store.of(scope).is_empty() {
            return;
        }
        let dir = self.dirs.scope(&scope.app, &scope.environment);
        for name in ["objects", "prepared", "logs", "scratch"] {
            // What can't be removed is only litter.
            let _ = fs::remove_dir_all(dir.join(name));
        }
        let data = self.dirs.data_of(&scope.app, &scope.environment);
        // Only where they are empty.
        let _ = fs::remove_dir(&data);
        let _ = data.parent().map(fs::remove_dir);
        let secrets = self.secrets(scope);
        if !data.exists()
            && let Err(e) = secrets.forget_generated()
        {
            // With no data left there is nothing that generated values would open.
            self.log.warn(format!("cannot forget secrets: {e}"));
        }
        if secrets.is_empty().unwrap_or(false) {
            let _ = fs::remove_file(dir.join("secrets.json"));
            let _ = fs::remove_file(dir.join("secrets.lock"));
        }
    }

    fn fence(&self, call: &Call) -> Result<(), Failure> {
        let what = || format!("cannot change `{}`", call.id);
        match self.store.fence(&call.scope, call.fence) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(highest)) => Err(Failure::new(
                what(),
                format!(
                    "another apply has taken over (lease {highest}, this is {})",
                    call.fence
                ),
            )
            .next("plan again")
            .conflict()),
            Err(e) => Err(Failure::new(what(), e)),
        }
    }

    /// Keeps a record.
    pub(super) fn keep(&self, record: Record) -> Result<(), Failure> {
        let what = format!("cannot keep `{}` in mind", record.id);
        self.store.put(record).map_err(|e| {
            Failure::new(what, e).next(format!(
                "make room or make {} writable",
                self.dirs.state.display()
            ))
        })
    }

    fn make_volume(&self, task: Task<'_>) -> Result<Record, Failure> {
        let record = task.record;
        if let Some(node) = &record.node {
            crate::dirs::own_dir(&self.volume(&record.scope, node), 0o700)
                .map_err(|e| Failure::new(format!("cannot make the volume `{node}`"), e))?;
        }
        Ok(record)
    }

    fn make_secret(&self, secret: &SecretValue, task: Task<'_>) -> Result<Record, Failure> {
        let record = task.record;
        let Some(node) = &record.node else {
            return Ok(record);
        };
        let secrets = self.secrets(&record.scope);
        match &secret.generate {
            Some(how) => {
                secrets.generate(node.as_str(), || generate::generated(&secrets, how))?;
            }
            None if secret.optional => {}
            None if secrets.get(node.as_str())?.is_some() => {}
            None => {
                return Err(Failure::new(
                    format!("cannot use the secret `{node}`"),
                    "nobody set it",
                )
                .next(format!(
                    "platc secret set {node} --env {}",
                    record.scope.environment
                )));
            }
        }
        Ok(record)
    }
}

fn site_is_there(site: &Site) -> Result<(), Failure> {
    match fs::read_dir(&site.dir) {
        Ok(_) => Ok(()),
        Err(e) => Err(Failure::new(
            format!("cannot serve the files in {}", site.dir.display()),
            e,
        )),
    }
}

/// Whether what the engine saw is still so.
fn check(call: &Call, record: Option<&Record>) -> Result<(), Failure> {
    // This very operation was begun before: what it changed is no change by somebody else.
    if record.is_some_and(|r| r.token == call.token) {
        return Ok(());
    }
    let why = match (&call.precondition, record) {
        (Precondition::BeAbsent, None) => return Ok(()),
        (Precondition::BeAbsent, Some(record)) => {
            format!("it is there already, made by operation {}", record.uid)
        }
        (Precondition::Be { .. }, None) => "it is gone".to_owned(),
        (Precondition::Be { uid, version }, Some(record)) => {
            if record.uid == *uid && record.version() == *version {
                return Ok(());
            }
            format!(
                "it was changed: version {version} was planned for, {} is there",
                record.version()
            )
        }
    };
    Err(Failure::new(format!("cannot change `{}`", call.id), why)
        .next("plan again")
        .conflict())
}

/// The digest of anything that is written as JSON, for comparing.
pub(super) fn digest_of(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    names::digest(&[&text])
}
