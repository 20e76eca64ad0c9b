//! What is heard of objects that are waited for: one watch for each kind serves all who wait.
//!
//! A watch only tells sooner. Whoever waits looks for himself from time to time too, so that one that
//! is refused (a role of before has no right to watch), that ends or that lags costs time and nothing
//! else. Of objects that nobody waits for nothing is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::TryStreamExt as _;
use kube::api::{Api, DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{ApiError, Cluster, Kind, json};

/// For how many seconds the API server is asked to go on with a watch; it takes less than 295.
const LONG: u32 = 280;
/// How long after a watch that failed another is tried.
const PAUSE: Duration = Duration::from_secs(5);
/// A watch that was over sooner is as good as failed, however it ended: a proxy that ends each one at
/// once would be asked without a pause.
const SHORT: Duration = Duration::from_secs(1);

/// The watches of a cluster, by kind and labels.
#[derive(Default)]
pub(super) struct Watches(Mutex<BTreeMap<(String, String), Watch>>);

struct Watch {
    ears: Ears,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who waits, by the name of what he waits for.
type Ears = Arc<Mutex<BTreeMap<String, watch::Sender<Option<Json>>>>>;

/// Hears of one object, for as long as it is kept.
pub(super) struct Ear {
    ears: Ears,
    name: String,
    heard: watch::Receiver<Option<Json>>,
}

impl Watches {
    /// For how many objects somebody waits, of all kinds.
    pub(super) fn waited_for(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_each = all.values().map(|watch| {
            let ears = watch.ears.lock().unwrap_or_else(PoisonError::into_inner);
            ears.len()
        });
        of_each.sum()
    }
}

impl Ear {
    /// Waits until the object is another, and gives it as it is then; `None` where it is gone, and
    /// without end where nothing is heard of it. Safe to drop.
    pub(super) async fn hears(&mut self) -> Option<Json> {
        if self.heard.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.heard.borrow_and_update().clone()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may wait for the same.
        if ears
            .get(&self.name)
            .is_some_and(|to| to.receiver_count() <= 1)
        {
            ears.remove(&self.name);
        }
    }
}

impl Cluster {
    /// Hears from now on of an object that has these labels.
    ///
    /// # Errors
    /// The cluster can't be asked.
    pub(super) async fn hear(
        &self,
        kind: &Kind,
        labels: &str,
        name: &str,
    ) -> Result<Ear, ApiError> {
        let api = self.api(kind).await?;
        let key = (format!("{} {}", kind.name, kind.version), labels.to_owned());
        let mut all = self
            .watches
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let over = all.get(&key).is_none_or(|watch| watch.task.is_finished());
        if over {
            let ears = Ears::default();
            let task = tokio::spawn(follow(api, labels.to_owned(), Arc::clone(&ears)));
            all.insert(key.clone(), Watch { ears, task });
        }
        let ears = all.get(&key).map(|watch| Arc::clone(&watch.ears));
        let ears = ears.unwrap_or_default();
        drop(all);
        let mut by_name = ears.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = by_name
            .entry(name.to_owned())
            .or_insert_with(|| watch::channel(None).0)
            .subscribe();
        drop(by_name);
        Ok(Ear {
            ears,
            name: name.to_owned(),
            heard,
        })
    }
}

/// Watches a kind until the cluster is dropped.
async fn follow(api: Api<DynamicObject>, labels: String, ears: Ears) {
    let mut version = None;
    loop {
        let begun = Instant::now();
        // That it ended is no failure: it goes on where it was.
        let failed = once(&api, &labels, &ears, &mut version).await.is_err();
        if failed {
            version = None;
        }
        if failed || begun.elapsed() < SHORT {
            sleep(PAUSE).await;
        }
    }
}

async fn once(
    api: &Api<DynamicObject>,
    labels: &str,
    ears: &Ears,
    version: &mut Option<String>,
) -> Result<(), kube::Error> {
    let from = match version.take() {
        Some(version) => version,
        None => {
            let now = ListParams::default().labels(labels).limit(1);
            let now = api.list_metadata(&now).await?;
            now.metadata.resource_version.unwrap_or_default()
        }
    };
    let params = WatchParams::default().labels(labels).timeout(LONG);
    let mut events = std::pin::pin!(api.watch(&params, &from).await?);
    *version = Some(from);
    while let Some(event) = events.try_next().await? {
        let (object, gone) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark(mark) => {
                *version = Some(mark.metadata.resource_version);
                continue;
            }
            WatchEvent::Error(error) => return Err(kube::Error::Api(error)),
        };
        version.clone_from(&object.metadata.resource_version);
        let all = ears.lock().unwrap_or_else(PoisonError::into_inner);
        let name = object.metadata.name.as_deref().unwrap_or_default();
        if let Some(to) = all.get(name) {
            let seen = (!gone).then(|| json(&object).ok()).flatten();
            to.send_replace(seen);
        }
    }
    Ok(())
}
