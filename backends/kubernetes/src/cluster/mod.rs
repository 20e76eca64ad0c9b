//! The cluster's API: reading, server-side apply, and what people are told of its errors.

mod heard;
mod held;
mod kinds;
mod live;
mod operated;
mod patient;
#[cfg(test)]
mod pretended;
mod ready;
mod schema;
mod secrets;
mod state;
pub(crate) mod used;

pub(crate) use held::{held, path_of};
pub(crate) use kinds::read as read_kind;
pub(crate) use kinds::{CLUSTER, DATABASE};
pub use kinds::{KINDS, Kind, kind, written};
pub(crate) use live::changed;
pub(crate) use live::{FENCE, ID, LEAVE, TOKEN, said};
pub use live::{applied, health, summary};
pub(crate) use operated::{HIBERNATION, rests};
pub(crate) use ready::{Waited, pod_restarts, pod_says, pod_trouble, wait};
pub use schema::{Mistake, Schemas};
pub use secrets::Secrets;
pub(crate) use secrets::fill;
pub use state::SecretStore as StateStore;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ListMeta, Request};
use kube::discovery::Scope;
use kube::error::DiscoveryError;
use kube::{Client, Config};
use plat_engine::{BackendError, OpErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tokio::sync::OnceCell;

use crate::names;

/// How many objects one page of a list has.
const PAGE: u32 = 500;

/// A part of a list, as the API server writes it.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(deserialize_with = "none_or_some")]
    items: Vec<Map<String, Json>>,
}

/// Some API servers write an empty list as `null`. One that is not there at all is no list.
fn none_or_some<'de, D>(from: D) -> Result<Vec<Map<String, Json>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A cluster and a namespace in it. Nothing is asked before it is needed.
pub struct Cluster {
    context: String,
    /// Where everything is.
    pub namespace: String,
    client: OnceCell<Client>,
    /// The kinds that were asked for, by name and group; none where the cluster has none.
    found: Mutex<BTreeMap<(String, String), Option<Kind>>>,
    watches: heard::Watches,
}

/// What the API server said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ApiError {
    /// The HTTP status; 0 where there was no answer.
    pub code: u16,
    /// Why, for people.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
    /// For how long it asked to be left alone, in seconds; 0 where it did not.
    pub after: u32,
    /// The fields that other managers have, as the API server writes them, where that is why:
    /// `.spec.template.spec.containers[name="web"].image`.
    pub held: Vec<String>,
}

impl ApiError {
    /// A failure that was no answer of the API server: trying again does not help.
    pub(crate) fn other(why: impl Into<String>) -> Self {
        Self {
            code: 400,
            why: why.into(),
            next: None,
            after: 0,
            held: Vec::new(),
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Whether trying again may help.
    pub fn kind(&self) -> OpErrorKind {
        match self.code {
            409 => OpErrorKind::Conflict,
            429 => OpErrorKind::Throttled {
                after: (self.after > 0).then(|| self.after.saturating_mul(1000)),
            },
            0 | 500..=599 => OpErrorKind::Transient,
            _ => OpErrorKind::Fatal,
        }
    }

    pub(crate) fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self {
                code: status.code,
                why: status.message.clone(),
                after: status.details.as_ref().map_or(0, |d| d.retry_after_seconds),
                held: status
                    .details
                    .iter()
                    .flat_map(|d| &d.causes)
                    .filter(|cause| cause.reason == "FieldManagerConflict")
                    .map(|cause| cause.field.clone())
                    .collect(),
                next: match status.code {
                    401 => {
                        Some("sign in again: the cluster does not know these credentials".into())
                    }
                    403 => Some("ask for that right, or use a context that has it".into()),
                    _ => None,
                },
            },
            other => Self {
                code: 0,
                why: deepest(other),
                after: 0,
                held: Vec::new(),
                next: Some("`kubectl cluster-info` shows whether the cluster answers".into()),
            },
        }
    }
}

/// The innermost reason: what is around it says `ServiceError` and the like.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Cluster {
    /// The cluster of that context of the kubeconfig.
    pub fn new(context: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            namespace: namespace.into(),
            client: OnceCell::new(),
            found: Mutex::default(),
            watches: heard::Watches::default(),
        }
    }

    /// The context of the kubeconfig.
    pub fn context(&self) -> &str {
        &self.context
    }

    async fn client(&self) -> Result<&Client, ApiError> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Client, ApiError> {
        let failed = |why: String, next: &str| ApiError::other(why).next(next);
        let file = Kubeconfig::read().map_err(|e| {
            failed(
                format!("the kubeconfig can't be read: {}", deepest(&e)),
                "set KUBECONFIG, or write ~/.kube/config",
            )
        })?;
        if !file.contexts.iter().any(|c| c.name == self.context) {
            let mut names: Vec<&str> = file.contexts.iter().map(|c| c.name.as_str()).collect();
            names.sort_unstable();
            return Err(failed(
                format!("the kubeconfig has no context `{}`", self.context),
                &format!("it has: {}", names.join(", ")),
            ));
        }
        let options = KubeConfigOptions {
            context: Some(self.context.clone()),
            ..KubeConfigOptions::default()
        };
        let mut config = Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|e| {
                failed(
                    format!(
                        "the context `{}` can't be used: {}",
                        self.context,
                        deepest(&e)
                    ),
                    "`kubectl --context` with it shows more",
                )
            })?;
        // It would try everything again by itself, for many minutes and without a word.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|e| ApiError::of(&e))?;
        Ok(patient::patient(client, &self.namespace))
    }

    async fn api(&self, kind: &Kind) -> Result<Api<DynamicObject>, ApiError> {
        let client = self.client().await?.clone();
        let resource = kind.resource();
        Ok(if kind.namespaced {
            Api::namespaced_with(client, &self.namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        })
    }

    /// The API of a typed kind of the core, in this namespace.
    pub(crate) async fn typed<K>(&self) -> Result<Api<K>, ApiError>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Ok(Api::namespaced(
            self.client().await?.clone(),
            &self.namespace,
        ))
    }

    /// The kind of that name in that API group (none for the core), in the version that the cluster
    /// prefers; `None` where the cluster has none. It is asked once.
    ///
    /// # Errors
    /// The cluster gives no answer.
    pub async fn find(&self, name: &str, group: &str) -> Result<Option<Kind>, ApiError> {
        if let Some(known) = kind(name).filter(|k| k.group() == group && k.is_everywhere()) {
            return Ok(Some(known.clone()));
        }
        let key = (name.to_owned(), group.to_owned());
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let found = match kube::discovery::group(self.client().await?, group).await {
            Ok(group) => group.recommended_kind(name).map(|(resource, able)| Kind {
                name: resource.kind.into(),
                version: resource.api_version.into(),
                plural: resource.plural.into(),
                namespaced: able.scope == Scope::Namespaced,
            }),
            Err(kube::Error::Discovery(
                DiscoveryError::MissingApiGroup(_) | DiscoveryError::EmptyApiGroup(_),
            )) => None,
            Err(e) => return Err(ApiError::of(&e)),
        };
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, found.clone());
        Ok(found)
    }

    /// What is known of a kind by now.
    fn known(&self, key: &(String, String)) -> Option<Option<Kind>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(key).cloned()
    }

    /// A live object in the version that we applied it in: the record of what is ours is in the
    /// words of that version.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn as_applied(&self, kind: &Kind, live: Json) -> Result<Json, ApiError> {
        let (Some(ours), Some(name)) = (
            live::applied_version(&live).filter(|v| *v != kind.version),
            text(&live, "/metadata/name"),
        ) else {
            return Ok(live);
        };
        // A version that is served no more has no other words for it.
        let there = self.get(&kind.at(ours), name).await?;
        Ok(there.unwrap_or(live))
    }

    /// A document of the API server itself, which is of no kind.
    ///
    /// # Errors
    /// It can't be read.
    async fn document(&self, path: &str) -> Result<Json, ApiError> {
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|e| ApiError::other(format!("asking for {path}: {e}")))?;
        let client = self.client().await?;
        client.request(request).await.map_err(|e| ApiError::of(&e))
    }

    /// An object, if it is there.
    ///
    /// # Errors
    /// It can't be read: never taken for "there is none".
    pub async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Json>, ApiError> {
        let api = self.api(kind).await?;
        match api.get(name).await {
            Ok(object) => json(&object).map(Some),
            // Of a kind that the cluster does not have, the answer is not even a `Status`.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(e) => Err(ApiError::of(&e)),
        }
    }

    /// All objects with these labels, page by page. A kind that the cluster does not have has none.
    ///
    /// # Errors
    /// They can't be read.
    pub async fn list(&self, kind: &Kind, labels: &str) -> Result<Vec<Json>, ApiError> {
        // As JSON at once: there are many, and each would be taken apart and put together again.
        let client = self.client().await?;
        let at = Request::new(self.api(kind).await?.resource_url());
        let mut params = ListParams::default().labels(labels).limit(PAGE);
        let mut all = Vec::new();
        loop {
            let request = at.list(&params);
            let request =
                request.map_err(|e| ApiError::other(format!("asking for {}: {e}", kind.plural)))?;
            let page: Page = match client.request(request).await {
                Ok(page) => page,
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(all),
                Err(e) => return Err(ApiError::of(&e)),
            };
            for mut object in page.items {
                // A list does not repeat what each of its items is.
                object.insert("apiVersion".to_owned(), kind.version.as_ref().into());
                object.insert("kind".to_owned(), kind.name.as_ref().into());
                all.push(Json::Object(object));
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// All objects of a kind with these labels; none where it is a kind that not every cluster has and
    /// we may not read it: rights that were given before it was known to us do not speak of it.
    ///
    /// # Errors
    /// The API server's.
    pub(crate) async fn list_if_any(
        &self,
        kind: &Kind,
        labels: &str,
    ) -> Result<Vec<Json>, ApiError> {
        match self.list(kind, labels).await {
            Err(e) if e.code == 403 && !kind.is_everywhere() => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// The names of all objects with these labels, and when each was made, in seconds since 1970.
    ///
    /// # Errors
    /// They can't be read.
    pub async fn names(&self, kind: &Kind, labels: &str) -> Result<Vec<(String, i64)>, ApiError> {
        let api = self.api(kind).await?;
        let mut params = ListParams::default().labels(labels).limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = api.list_metadata(&params).await;
            let page = page.map_err(|e| ApiError::of(&e))?;
            all.extend(page.items.into_iter().filter_map(|object| {
                let made = object.metadata.creation_timestamp?.0.as_second();
                Some((object.metadata.name?, made))
            }));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// Server-side apply: our fields become these, others' stay. A field that another manager has
    /// and that would be changed is a conflict, which names the manager; `take` takes it over: only
    /// for what nobody else can have.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub async fn apply(
        &self,
        kind: &Kind,
        name: &str,
        manifest: &Json,
        take: bool,
    ) -> Result<Json, ApiError> {
        let api = self.api(kind).await?;
        let mut params = PatchParams::apply(names::MANAGER);
        params.force = take;
        let made = api.patch(name, &params, &Patch::Apply(manifest)).await;
        json(&made.map_err(|e| ApiError::of(&e))?)
    }

    /// Changes some fields, whoever has them.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub async fn merge(&self, kind: &Kind, name: &str, patch: &Json) -> Result<Json, ApiError> {
        let api = self.api(kind).await?;
        let params = PatchParams {
            field_manager: Some(names::MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let made = api.patch(name, &params, &Patch::Merge(patch)).await;
        json(&made.map_err(|e| ApiError::of(&e))?)
    }

    /// Makes an object; it must not be there.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub async fn create(&self, kind: &Kind, manifest: &Json) -> Result<Json, ApiError> {
        let api = self.api(kind).await?;
        let (object, params) = posted(manifest)?;
        let made = api.create(&params, &object).await;
        json(&made.map_err(|e| ApiError::of(&e))?)
    }

    /// Writes an object as a whole; its `resourceVersion` says which one it takes the place of.
    ///
    /// # Errors
    /// It is another by now, it is refused, or there is no answer.
    pub async fn replace(
        &self,
        kind: &Kind,
        name: &str,
        manifest: &Json,
    ) -> Result<Json, ApiError> {
        let api = self.api(kind).await?;
        let (object, params) = posted(manifest)?;
        let made = api.replace(name, &params, &object).await;
        json(&made.map_err(|e| ApiError::of(&e))?)
    }

    /// Removes exactly this object, and what it owns first. No error where it is gone.
    ///
    /// # Errors
    /// Another of that name is there, it is refused, or there is no answer.
    pub async fn delete(&self, kind: &Kind, name: &str, uid: Option<&str>) -> Result<(), ApiError> {
        let api = self.api(kind).await?;
        let mut params = DeleteParams::foreground();
        params.preconditions = uid.map(|uid| Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match api.delete(name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(e) => Err(ApiError::of(&e)),
        }
    }
}

fn json(object: &DynamicObject) -> Result<Json, ApiError> {
    serde_json::to_value(object).map_err(|e| not_json(&e))
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::other(format!("an object can't be read: {error}"))
}

/// A failure outside an operation.
pub(crate) fn backend_error(what: impl Into<String>, error: ApiError) -> BackendError {
    let failed = BackendError::new(what, error.why);
    match error.next {
        Some(next) => failed.next(next),
        None => failed,
    }
}

/// A text of an object by its JSON pointer.
pub(crate) fn text<'a>(object: &'a Json, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}

/// An annotation.
pub(crate) fn annotation<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// An object as it is written as a whole, in our name.
fn posted(manifest: &Json) -> Result<(DynamicObject, PostParams), ApiError> {
    let object = serde_json::from_value(manifest.clone()).map_err(|e| not_json(&e))?;
    let params = PostParams {
        field_manager: Some(names::MANAGER.to_owned()),
        ..PostParams::default()
    };
    Ok((object, params))
}
