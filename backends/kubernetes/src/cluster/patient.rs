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
/// How long an answer to what writes, or runs a command, may take to begin: webhooks are asked before.
const WRITE: Duration = Duration::from_secs(70);

/// That client, with patience that ends.
pub(super) fn patient(inner: Client, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let inner = inner.clone();
        async move { answered(&inner, request).await }
    });
    Client::new(service, namespace)
}

/// Whether an answer may be long in coming without anything being wrong: the log of a pod begins with
/// what is written next.
fn may_be_quiet(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let mut next = || parts.next().unwrap_or_default();
    next() == "log" && !next().is_empty() && next() == "pods" && {
        next();
        next() == "namespaces"
    }
}

/// Whether to ask again does nothing twice: it only reads. A command in a pod is a GET too, which then
/// goes on in another protocol; it may have begun though the answer says that it has not.
fn may_be_repeated(request: &Request<Body>) -> bool {
    request.method() == Method::GET && !request.headers().contains_key(http::header::UPGRADE)
}

async fn answered(client: &Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    if may_be_quiet(request.uri().path()) {
        return Ok(client.send(request).await?);
    }
    if !may_be_repeated(&request) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_log_of_a_pod_may_be_quiet() {
        assert!(may_be_quiet("/api/v1/namespaces/shop/pods/api-1/log"));
        assert!(may_be_quiet("/proxy/api/v1/namespaces/pods/pods/log/log"));
        for path in [
            "/apis/apps/v1/namespaces/shop/deployments/log",
            "/api/v1/namespaces/shop/secrets/log",
            "/api/v1/namespaces/shop/pods/log",
            "/api/v1/namespaces/pods/pods/log",
            "/log",
        ] {
            assert!(!may_be_quiet(path), "{path}");
        }
    }

    #[test]
    fn a_command_in_a_pod_is_not_repeated() {
        let request = |method: Method, upgrade: bool| {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = method;
            if upgrade {
                let to = http::HeaderValue::from_static("websocket");
                request.headers_mut().insert(http::header::UPGRADE, to);
            }
            request
        };
        assert!(may_be_repeated(&request(Method::GET, false)));
        assert!(!may_be_repeated(&request(Method::GET, true)));
        assert!(!may_be_repeated(&request(Method::PATCH, false)));
    }
}
