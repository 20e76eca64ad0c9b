//! A cluster that is a function from requests to answers, for tests of what is asked of one and how
//! often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use plat_engine::{Expect, ProgressSink, Scope, Store as _};
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use super::patient::patient;
use super::{Cluster, Kind, StateStore, Waited, kind, wait};

/// More than so many requests get no answer: who asks without a pause is to come to an end too.
const MOST: usize = 50_000;

/// The cluster, and what it was asked for: path and query.
fn cluster(answer: impl Fn(&http::Uri) -> Json + Send + Sync + 'static) -> (Cluster, Asked) {
    refusing(move |uri, _| Some((200, answer(uri))))
}

/// The same, with the status of its answers, which may go by how many there were before; none is no
/// answer.
fn refusing(
    answer: impl Fn(&http::Uri, usize) -> Option<(u16, Json)> + Send + Sync + 'static,
) -> (Cluster, Asked) {
    let asked = Asked::default();
    let (tells, answer) = (Arc::clone(&asked), Arc::new(answer));
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (tells, answer) = (Arc::clone(&tells), Arc::clone(&answer));
        async move {
            let many = {
                let mut all = tells.lock().unwrap();
                all.push(request.uri().to_string());
                all.len()
            };
            if many > MOST {
                std::future::pending::<()>().await;
            }
            let Some((status, answer)) = answer(request.uri(), many - 1) else {
                return std::future::pending().await;
            };
            let body = match answer {
                Json::Null => Vec::new(),
                answer => serde_json::to_vec(&answer).unwrap(),
            };
            let mut response = http::Response::new(Body::from(body));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut cluster = Cluster::new("pretended", "shop");
    cluster.client = OnceCell::new_with(Some(patient(Client::new(service, "shop"), "shop")));
    (cluster, asked)
}

type Asked = Arc<Mutex<Vec<String>>>;

fn never_ready(uri: &http::Uri) -> Json {
    let path = uri.path();
    if uri.query().is_some_and(|query| query.contains("watch=")) {
        // A watch that ends at once.
        return Json::Null;
    }
    match path.rsplit_once('/') {
        Some((_, name)) if name.starts_with('x') => json!({
            "apiVersion": "apps/v1", "kind": "Any",
            "metadata": { "name": name, "uid": name, "generation": 2 },
            "spec": { "replicas": 1, "selector": { "matchLabels": { "app": name } } },
            "status": { "observedGeneration": 1 },
        }),
        _ => json!({ "metadata": { "resourceVersion": "1" }, "items": [] }),
    }
}

async fn waits(cluster: &Cluster, kind: &Kind, name: &str, within: Duration) {
    let made = json!({ "metadata": { "name": name, "uid": name, "generation": 2 } });
    let progress = ProgressSink::new(|_| {});
    let waited = wait(cluster, kind, &made, "app=shop", within, &progress);
    assert!(matches!(waited.await, Ok(Waited::Not { .. })));
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_ask_together_as_often_as_the_cluster_bears() {
    let (cluster, asked) = cluster(never_ready);
    let within = Duration::from_secs(120);
    let (deployments, sets) = (kind("Deployment").unwrap(), kind("StatefulSet").unwrap());
    let all = (0..100).flat_map(|i| {
        let of = |kind, name| waits(&cluster, kind, name, within);
        let name: &'static str = format!("x{i}").leak();
        [of(deployments, name), of(sets, name)]
    });
    let all = futures::future::join_all(all);
    tokio::time::timeout(within * 2, all).await.unwrap();
    let asked = asked.lock().unwrap();
    let of = |what: &str| asked.iter().filter(|uri| uri.contains(what)).count() as u64;
    // 50 looks a second, one of five of them a closer one; and the first and the last.
    let own = asked.len() as u64 - of("watch=") - of("/pods");
    assert!(own < 50 * within.as_secs() + 500, "{own}");
    assert!(of("/pods") < 10 * within.as_secs() + 500, "{}", of("/pods"));
    assert!(of("/pods") > 400, "{}", of("/pods"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_not_asked_for_without_a_pause() {
    let (cluster, asked) = cluster(never_ready);
    let within = Duration::from_secs(60);
    let waiting = waits(&cluster, kind("Deployment").unwrap(), "x", within);
    let ended = tokio::time::timeout(within * 2, waiting).await;
    let asked = asked.lock().unwrap();
    let watches = asked.iter().filter(|uri| uri.contains("watch="));
    assert!((2..20).contains(&watches.count()), "{}", asked.len());
    assert!(ended.is_ok());
}

#[tokio::test]
async fn an_empty_list_may_be_written_as_null_and_no_list_is_none() {
    let services = kind("Service").unwrap();
    let (empty, _) = cluster(|_| json!({ "metadata": {}, "items": null }));
    assert_eq!(
        empty.list(services, "app=shop").await.unwrap(),
        [Json::Null; 0]
    );
    let (other, _) = cluster(|_| json!({ "metadata": {} }));
    assert!(other.list(services, "app=shop").await.is_err());
}

fn refusal(code: u16) -> Json {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "message": "too busy", "reason": "ServiceUnavailable",
    })
}

#[tokio::test(start_paused = true)]
async fn what_reads_is_asked_again_while_the_cluster_is_busy_and_not_for_ever() {
    let services = kind("Service").unwrap();
    let empty = || json!({ "metadata": {}, "items": [] });
    for code in [429, 503, 504] {
        let (busy, asked) = refusing(move |_, before| {
            Some(match before {
                0..3 => (code, refusal(code)),
                _ => (200, empty()),
            })
        });
        assert_eq!(busy.list(services, "").await.unwrap(), [Json::Null; 0]);
        assert_eq!(asked.lock().unwrap().len(), 4);

        let (always, asked) = refusing(move |_, _| Some((code, refusal(code))));
        let began = tokio::time::Instant::now();
        let refused = always.list(services, "").await.unwrap_err();
        assert_eq!((refused.code, refused.why.as_str()), (code, "too busy"));
        assert!(began.elapsed() <= Duration::from_secs(10));
        assert!(asked.lock().unwrap().len() > 3);
    }
    // Another mistake of the API server does not go away by asking.
    let (broken, asked) = refusing(|_, _| Some((500, refusal(500))));
    assert_eq!(broken.list(services, "").await.unwrap_err().code, 500);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_writes_is_asked_once_since_the_engine_knows_when_to_try_again() {
    let (busy, asked) = refusing(|_, _| Some((429, refusal(429))));
    let services = kind("Service").unwrap();
    let manifest = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "x" } });
    let refused = busy.create(services, &manifest).await.unwrap_err();
    assert!(matches!(
        refused.kind(),
        plat_engine::OpErrorKind::Throttled { .. }
    ));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_told_after_a_while() {
    let (silent, _) = refusing(|_, _| None);
    let services = kind("Service").unwrap();
    let read = silent.list(services, "").await.unwrap_err();
    assert_eq!((read.code, read.why.as_str()), (0, "no answer within 30 s"));
    let manifest = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "x" } });
    let write = silent.create(services, &manifest).await.unwrap_err();
    assert_eq!(write.why, "no answer within 70 s");
    assert!(matches!(write.kind(), plat_engine::OpErrorKind::Transient));
}

#[tokio::test(start_paused = true)]
async fn a_large_state_is_written_to_a_cluster_that_is_busy_now_and_then() {
    let posts = AtomicUsize::new(0);
    let (busy, _) = refusing(move |uri, _| {
        Some(match uri.path().ends_with("/secrets") {
            // Every other one is refused.
            true if posts.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => (429, refusal(429)),
            true => (
                200,
                json!({ "metadata": { "name": "x", "resourceVersion": "1" }, "items": [] }),
            ),
            false => (404, refusal(404)),
        })
    });
    let scope = Scope {
        app: "shop".into(),
        environment: "prod".into(),
    };
    let local = tempfile::tempdir().unwrap();
    let store = StateStore::new(Arc::new(busy), scope, local.path().to_owned());
    // Text that compresses badly, so that pieces are made.
    let text: String = (0..5_000_u32)
        .map(|n| plat_model::Digest::of(&n.to_le_bytes()).to_string())
        .collect();
    let written = store.write("state.json", text.as_bytes(), &Expect::Anything);
    written.await.unwrap();
}

#[tokio::test]
async fn a_kind_that_not_every_cluster_has_and_that_may_not_be_read_is_none() {
    let (closed, _) = refusing(|_, _| Some((403, refusal(403))));
    let clusters = kind("Cluster").unwrap();
    assert_eq!(
        closed.list_if_any(clusters, "").await.unwrap(),
        [] as [Json; 0]
    );
    let deployments = kind("Deployment").unwrap();
    let refused = closed.list_if_any(deployments, "").await.unwrap_err();
    assert_eq!(refused.code, 403);
}
