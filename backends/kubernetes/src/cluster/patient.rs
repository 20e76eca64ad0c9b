//! How long an API server is waited for: whoever asks hears within a known time that there is no answer.
//!
//! What only reads is asked again for some seconds while the API server says that it can't answer just
//! now. What writes is not: the engine tries again at the pace that the API server bears, and its journal
//! knows of it. No answer at all is told after a while. Only the beginning of an answer is waited for that
//! long: a watch or a command in a pod may then take as long as it likes.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, sleep, timeout};
use tower::BoxError;

/// How long what reads is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a refusal it is first asked again; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long an answer to what reads may take to begin. API servers themselves give up after a minute.
const READ: Duration = Duration::from_secs(30);
/// How long an answer to what writes may take to begin: webhooks are asked before.
const WRITE: Duration = Duration::from_secs(70);

/// That client, with patience that ends.
pub(super) fn patient(inner: Client, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let inner = inner.clone();
        async move { answered(&inner, request).await }
    });
    Client::new(service, namespace)
}

/// Whether an answer may be long in coming without anything being wrong: a log begins with what is
/// written next.
fn may_be_quiet(request: &Request<Body>) -> bool {
    request.uri().path().ends_with("/log")
}

async fn answered(client: &Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    if may_be_quiet(&request) {
        return Ok(client.send(request).await?);
    }
    if request.method() != Method::GET {
        return within(WRITE, client, request).await;
    }
    let (parts, _) = request.into_parts();
    let end = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        let response = within(READ, client, request).await?;
        let refused = matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        let wait = asked_for(&response).map_or(pause, |asked| asked.max(pause));
        if !refused || Instant::now() + wait >= end {
            return Ok(response);
        }
        sleep(wait).await;
        pause = pause.saturating_mul(2);
    }
}

/// For how long the API server asks to be left alone.
fn asked_for(response: &Response<Body>) -> Option<Duration> {
    let after = response.headers().get(http::header::RETRY_AFTER)?;
    let seconds = after.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn within(
    most: Duration,
    client: &Client,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    match timeout(most, client.send(request)).await {
        Ok(response) => Ok(response?),
        Err(_) => Err(format!("no answer within {} s", most.as_secs()).into()),
    }
}
