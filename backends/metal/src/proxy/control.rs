//! The control socket: `GET /status`, `GET /metrics`, `POST /reload`, over HTTP on a Unix socket
//! that only its own user may use. Both ends of it.

use super::balance::EndpointStatus;
use super::body::{Body, full};
use super::state::Shared;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// How long the proxy may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What the proxy says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Counts up with each configuration taken over.
    pub generation: u64,
    /// Each service's copies, also those that were taken out and still work on something.
    pub services: BTreeMap<String, Vec<EndpointStatus>>,
}

impl Status {
    /// Whether the copy `endpoint` of `service` works on nothing and gets nothing new.
    #[must_use]
    pub fn has_drained(&self, service: &str, endpoint: &str) -> bool {
        let copies = self.services.get(service);
        !copies
            .into_iter()
            .flatten()
            .any(|copy| copy.name == endpoint && (copy.ready || copy.in_flight > 0))
    }
}

/// Asks for [`Status`].
///
/// # Errors
/// The proxy does not answer on `socket`.
pub async fn status(socket: &Path) -> io::Result<Status> {
    let answer = ask(socket, Method::GET, "/status").await?;
    serde_json::from_slice(&answer).map_err(io::Error::other)
}

/// Asks for the metrics, as OpenMetrics text.
///
/// # Errors
/// The proxy does not answer on `socket`.
pub async fn metrics(socket: &Path) -> io::Result<String> {
    let answer = ask(socket, Method::GET, "/metrics").await?;
    String::from_utf8(answer.to_vec()).map_err(io::Error::other)
}

/// Makes the proxy read its configuration. When this returns, no request begun after it is treated
/// as the old one said.
///
/// # Errors
/// The proxy does not answer, or can't use the file: then the error says why, and the old
/// configuration stays in force.
pub async fn reload(socket: &Path) -> io::Result<()> {
    ask(socket, Method::POST, "/reload").await.map(|_| ())
}

/// Waits until a copy that was taken out, or marked as not ready, has finished what it works on.
/// `false` when `within` is over first.
///
/// # Errors
/// The proxy does not answer on `socket`.
pub async fn drained(
    socket: &Path,
    service: &str,
    endpoint: &str,
    within: Duration,
) -> io::Result<bool> {
    let deadline = Instant::now() + within;
    loop {
        if status(socket).await?.has_drained(service, endpoint) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(socket: &Path, method: Method, path: &str) -> io::Result<Bytes> {
    let exchange = async {
        let stream = UnixStream::connect(socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(io::Error::other)?;
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("proxy"));
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(io::Error::other(
                String::from_utf8_lossy(&body).trim().to_owned(),
            ))
        }
    };
    let answer = timeout(ANSWER, exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    answer.map_err(|e| io::Error::new(e.kind(), format!("the proxy at {}: {e}", socket.display())))
}

/// A wish to reload; the answer goes back the same way.
pub(super) type Reload = oneshot::Sender<Result<u64, String>>;

/// Opens the socket, in the place of one that was left behind.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Answers one request on the control socket.
pub(super) async fn answer(
    shared: Arc<Shared>,
    reloads: mpsc::Sender<Reload>,
    request: Request<Incoming>,
) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => {
            let current = shared.current();
            let status = Status {
                generation: current.generation,
                services: current.services.status(),
            };
            match serde_json::to_string(&status) {
                Ok(text) => said(StatusCode::OK, text, "application/json"),
                Err(e) => said(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    e.to_string(),
                    "text/plain",
                ),
            }
        }
        (&Method::GET, "/metrics") => {
            let text = shared.metrics.text(&shared.current().services.status());
            said(
                StatusCode::OK,
                text,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )
        }
        (&Method::POST, "/reload") => {
            let (sender, done) = oneshot::channel();
            let stopping = || Err("the proxy is stopping".to_owned());
            let result = match reloads.send(sender).await {
                Ok(()) => done.await.unwrap_or_else(|_| stopping()),
                Err(_) => stopping(),
            };
            match result {
                Ok(generation) => said(StatusCode::OK, format!("{generation}\n"), "text/plain"),
                Err(why) => said(StatusCode::BAD_REQUEST, why, "text/plain"),
            }
        }
        _ => said(
            StatusCode::NOT_FOUND,
            "GET /status, GET /metrics, POST /reload\n".to_owned(),
            "text/plain",
        ),
    }
}

fn said(status: StatusCode, text: String, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
