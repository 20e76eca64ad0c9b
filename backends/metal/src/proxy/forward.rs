//! Passing a request on to a copy of a service, again where that is safe, and its answer back.

use super::balance::Taken;
use super::body::{Attempt, Body, Counted, Replay};
use super::headers;
use super::pages::Page;
use super::state::Shared;
use super::table::Rule;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// A copy is on this machine or near: what takes longer is not there.
const CONNECT: Duration = Duration::from_secs(2);
/// Shorter than what servers wait before they close an idle connection.
const IDLE: Duration = Duration::from_secs(2);
/// How often one request is sent again after a copy took it and died.
const RESENDS: u32 = 3;
/// How long until a service that refused connections is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// The connections to the copies.
pub(super) struct Clients {
    /// Keeps connections for the next request.
    pooled: Client<HttpConnector, Attempt>,
    /// One connection for each request.
    fresh: Client<HttpConnector, Attempt>,
}

impl Clients {
    pub(super) fn new() -> Self {
        let build = |idle_connections| {
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(CONNECT));
            connector.set_nodelay(true);
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(idle_connections)
                .build(connector)
        };
        Self {
            pooled: build(64),
            fresh: build(0),
        }
    }

    /// A kept connection may be closed by the other side just when a request is written to it. What
    /// can be sent again may take that risk; what can't (it might have been worked on) gets a
    /// connection of its own.
    fn for_request(&self, again: bool) -> &Client<HttpConnector, Attempt> {
        if again { &self.pooled } else { &self.fresh }
    }
}

/// What is the same in every attempt.
struct Head {
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
}

impl Head {
    fn request(&self, to: SocketAddr, body: Attempt) -> Result<Request<Attempt>, http::Error> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(to.to_string())
            .path_and_query(self.path_and_query.as_str())
            .build()?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// Passes `request` on to a copy of `service`.
pub(super) async fn forward(
    shared: &Arc<Shared>,
    rule: &Rule,
    service: &str,
    mut request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<Body>, Page> {
    let upgrade = headers::upgrade(request.headers()).map(|_| hyper::upgrade::on(&mut request));
    let head = Head {
        method: request.method().clone(),
        path_and_query: path_and_query(rule, request.uri()),
        headers: headers::to_service(&request, rule, client),
    };
    let again = head.method.is_idempotent() && upgrade.is_none();
    let body = Replay::new(request.into_body());
    let (taken, response) = attempts(shared, rule, service, &head, &body, again).await?;
    Ok(pass_back(shared, response, taken, upgrade))
}

/// Asks one copy after another until one answers or there is nothing more to try.
async fn attempts(
    shared: &Shared,
    rule: &Rule,
    service: &str,
    head: &Head,
    body: &Replay,
    again: bool,
) -> Result<(Taken, Response<Incoming>), Page> {
    let mut changes = shared.changes();
    let started = Instant::now();
    let answer_within = Duration::from_millis(rule.rule.timeout_ms);
    let mut tried = Vec::new();
    let mut resends = 0;
    loop {
        let current = shared.current();
        let Some(taken) = current.services.take(service, &tried) else {
            tried.clear();
            let give_up = started + Duration::from_millis(current.config.hold_ms);
            let why = || unavailable(service, &current.services.why_none(service));
            let _waiting = shared.wait_in_line().ok_or_else(why)?;
            if Instant::now() >= give_up {
                return Err(why());
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep_until(give_up.min(Instant::now() + TRY_AGAIN)) => {}
            }
            continue;
        };
        let request = head.request(taken.0.address, body.attempt()).map_err(|e| {
            Page::new(
                StatusCode::BAD_REQUEST,
                format!("The request can't be passed on: {e}."),
            )
        })?;
        let sent = shared.clients.for_request(again).request(request);
        let error = match timeout(answer_within, sent).await {
            Ok(Ok(response)) => {
                taken.0.worked();
                return Ok((taken, response));
            }
            Ok(Err(error)) => error,
            Err(_) => {
                return Err(Page::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    format!(
                        "The service {service} ({}) did not begin to answer within {answer_within:?}.",
                        taken.0.name
                    ),
                ));
            }
        };
        tried.push(taken.0.address);
        if not_sent(&error) {
            taken.0.failed();
            shared.metrics.retried(service);
            // Nothing was read then; only an attempt before this one can have used the body up.
            if body.is_whole() {
                continue;
            }
        } else if again && body.is_whole() && resends < RESENDS {
            resends += 1;
            shared.metrics.retried(service);
            continue;
        }
        return Err(Page::new(
            StatusCode::BAD_GATEWAY,
            format!(
                "The service {service} ({}) ended the connection before it answered: {}.",
                taken.0.name,
                innermost(&error)
            ),
        ));
    }
}

/// Whether the copy can't have seen anything of the request.
fn not_sent(error: &Error) -> bool {
    let canceled = || {
        std::error::Error::source(error)
            .and_then(|e| e.downcast_ref::<hyper::Error>())
            .is_some_and(hyper::Error::is_canceled)
    };
    error.is_connect() || canceled()
}

fn unavailable(service: &str, why: &str) -> Page {
    Page::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("The service {service} can't take requests now: {why}."),
    )
    .line("See `platc status` and `platc logs`.")
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The answer, and behind it the connection where both sides want another protocol.
fn pass_back(
    shared: &Arc<Shared>,
    mut response: Response<Incoming>,
    taken: Taken,
    upgrade: Option<OnUpgrade>,
) -> Response<Body> {
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(client)) = (response.status(), upgrade) {
        let service = hyper::upgrade::on(&mut response);
        shared.tasks.spawn(tunnel(client, service, taken));
        let kept = headers::upgrade(response.headers());
        let (mut parts, _) = response.into_parts();
        headers::remove_hop_by_hop(&mut parts.headers);
        if let Some(protocol) = kept {
            headers::set_upgrade(&mut parts.headers, protocol);
        }
        return Response::from_parts(parts, super::body::full(""));
    }
    headers::remove_hop_by_hop(response.headers_mut());
    response.map(|body| Counted::new(body, taken).boxed_unsync())
}

/// Copies both ways until both sides have ended.
async fn tunnel(client: OnUpgrade, service: OnUpgrade, taken: Taken) {
    if let Ok((client, service)) = tokio::try_join!(client, service) {
        let (mut client, mut service) = (TokioIo::new(client), TokioIo::new(service));
        // A side that breaks off ends the other: there is nobody to tell.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
    }
    drop(taken);
}

fn path_and_query(rule: &Rule, uri: &Uri) -> String {
    let mut path = uri.path();
    if rule.rule.strip {
        path = super::table::below(path, &rule.rule.path).unwrap_or(path);
    }
    let slash = if path.starts_with('/') || path == "*" {
        ""
    } else {
        "/"
    };
    match uri.query() {
        Some(query) => format!("{slash}{path}?{query}"),
        None => format!("{slash}{path}"),
    }
}
