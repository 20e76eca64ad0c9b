//! The proxy's process: listeners, signals, and who answers what.

use super::body::Body;
use super::config::{Config, Target};
use super::control::{self, Reload};
use super::forward::forward;
use super::pages::Page;
use super::state::Shared;
use super::table::{NoRule, Rule};
use super::{files, headers, port};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's head.
const HEAD: Duration = Duration::from_secs(30);
/// The most bytes a request's head may have.
const HEAD_SIZE: usize = 64 * 1024;

/// The proxy could not start; says what, where, why, and what to change.
#[derive(Debug)]
pub struct ServeError(String);

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

/// Serves what the file says until SIGTERM or SIGINT; then takes no new connection and finishes
/// what is under way. Reads the file again on SIGHUP and on `POST /reload` of its control socket;
/// one that can't be used then leaves the old one in force.
///
/// # Errors
/// The file can't be used, or a port or the control socket can't be listened on.
pub async fn serve(config_path: &Path) -> Result<(), ServeError> {
    let config = read(config_path).map_err(ServeError)?;
    let finish = config.finish_ms;
    let mut doors = Doors::default();
    let opened = doors.prepare(&config.listen).map_err(ServeError)?;
    let control = control::listen(&config.control).map_err(|e| {
        ServeError(format!(
            "cannot open the control socket {}: {e}",
            config.control.display()
        ))
    })?;
    let control_path = config.control.clone();
    let shared = Arc::new(
        Shared::new(config)
            .map_err(|why| unusable(config_path, &why))
            .map_err(ServeError)?,
    );
    doors.open(opened, &shared);
    let signals =
        |kind| signal(kind).map_err(|e| ServeError(format!("cannot wait for signals: {e}")));
    let mut hup = signals(SignalKind::hangup())?;
    let mut term = signals(SignalKind::terminate())?;
    let mut int = signals(SignalKind::interrupt())?;
    let (reload_sender, mut reloads) = mpsc::channel::<Reload>(16);
    loop {
        tokio::select! {
            accepted = control.accept() => if let Ok((stream, _)) = accepted {
                let (shared, reloads) = (Arc::clone(&shared), reload_sender.clone());
                let service = service_fn(move |request| {
                    let (shared, reloads) = (Arc::clone(&shared), reloads.clone());
                    async move { Ok::<_, Infallible>(control::answer(shared, reloads, request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            },
            Some(reply) = reloads.recv() => {
                // Who asked may be gone: the reload counts all the same.
                let _ = reply.send(doors.reload(config_path, &shared));
            }
            _ = hup.recv() => if let Err(why) = doors.reload(config_path, &shared) {
                let _ = writeln!(std::io::stderr(), "the old configuration stays in force: {why}");
            },
            _ = term.recv() => break,
            _ = int.recv() => break,
        }
    }
    doors.close();
    shared.tasks.close();
    // Past the time, what is still open is cut off by our end.
    let _ = tokio::time::timeout(Duration::from_millis(finish), shared.tasks.wait()).await;
    let _ = std::fs::remove_file(control_path);
    Ok(())
}

fn read(path: &Path) -> Result<Config, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| unusable(path, &e.to_string()))
}

fn unusable(path: &Path, why: &str) -> String {
    format!("cannot use {}: {why}", path.display())
}

/// The addresses we listen on. Dropping one stops it from taking connections and lets those it has
/// finish.
#[derive(Default)]
struct Doors {
    open: BTreeMap<SocketAddr, CancellationToken>,
}

type Opened = Vec<(SocketAddr, TcpListener)>;

impl Doors {
    /// Listens on those of `wanted` that are not listened on yet; takes no connection yet.
    fn prepare(&self, wanted: &[SocketAddr]) -> Result<Opened, String> {
        wanted
            .iter()
            .filter(|address| !self.open.contains_key(address))
            .map(|&address| match bind(address) {
                Ok(listener) => Ok((address, listener)),
                Err(e) => Err(port::bind_error(address, &e)),
            })
            .collect()
    }

    fn open(&mut self, opened: Opened, shared: &Arc<Shared>) {
        for (address, listener) in opened {
            let stop = CancellationToken::new();
            self.open.insert(address, stop.clone());
            tokio::spawn(accept(listener, Arc::clone(shared), stop));
        }
    }

    /// Takes over the file, all of it or nothing.
    fn reload(&mut self, path: &Path, shared: &Arc<Shared>) -> Result<u64, String> {
        let config = read(path)?;
        let opened = self.prepare(&config.listen)?;
        let wanted = config.listen.clone();
        let generation = shared.apply(config).map_err(|why| unusable(path, &why))?;
        self.open(opened, shared);
        self.open.retain(|address, stop| {
            let stays = wanted.contains(address);
            if !stays {
                stop.cancel();
            }
            stays
        });
        Ok(generation)
    }

    fn close(&mut self) {
        for stop in self.open.values() {
            stop.cancel();
        }
        self.open.clear();
    }
}

/// IPv6 addresses don't take over IPv4's, so that both can be listed.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        let socket = tokio::net::TcpSocket::new_v6()?;
        rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
        socket
    } else {
        tokio::net::TcpSocket::new_v4()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let _ = stream.set_nodelay(true);
                    let io = TokioIo::new(stream);
                    shared.tasks.spawn(connection(io, client, Arc::clone(&shared), stop.clone()));
                }
                // Out of file descriptors, mostly: the ones that end make room.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            () = stop.cancelled() => return,
        }
    }
}

async fn connection(
    io: TokioIo<tokio::net::TcpStream>,
    client: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request, client).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Response<Body> {
    let started = Instant::now();
    let asked = request.headers().clone();
    let rule = find_rule(shared, &request);
    let (route, target) = match &rule {
        Ok(rule) => (rule.route.clone(), target_name(&rule.rule.to)),
        Err(_) => (String::new(), String::new()),
    };
    let result = match rule {
        Ok(rule) => respond(shared, &rule, request, client).await,
        Err(page) => Err(page),
    };
    let response = result.unwrap_or_else(|page| {
        if page.status.is_server_error() {
            let _ = writeln!(
                std::io::stderr(),
                "{} {route}: {}",
                page.status.as_u16(),
                page.lines.join(" ")
            );
        }
        let mut response = page.response(&asked);
        if page.status == StatusCode::TOO_MANY_REQUESTS
            || page.status == StatusCode::SERVICE_UNAVAILABLE
        {
            response
                .headers_mut()
                .entry(RETRY_AFTER)
                .or_insert(HeaderValue::from_static("1"));
        }
        response
    });
    shared.metrics.answered(
        &route,
        &target,
        response.status().as_u16(),
        started.elapsed(),
    );
    response
}

fn find_rule(shared: &Shared, request: &Request<Incoming>) -> Result<Arc<Rule>, Page> {
    let bad = |why: &str| Page::new(StatusCode::BAD_REQUEST, why);
    let host = headers::host(request).ok_or_else(|| bad("The request names no host."))?;
    let path = request.uri().path();
    let decoded = files::percent_decoded(path);
    if decoded
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "." | ".."))
    {
        return Err(bad(
            "The path goes up or around: `.` and `..` are not passed on.",
        ));
    }
    let current = shared.current();
    current.table.find(host, path).map_err(|why| match why {
        NoRule::Host => Page::new(
            StatusCode::NOT_FOUND,
            format!("No route has the host `{host}`."),
        )
        .line(format!("Known: {}", current.table.hosts().join(", "))),
        NoRule::Path => Page::new(
            StatusCode::NOT_FOUND,
            format!("No route on `{host}` leads to {path}."),
        ),
    })
}

fn target_name(target: &Target) -> String {
    match target {
        Target::Service(name) => name.clone(),
        Target::Files { .. } => "files".to_owned(),
        Target::Redirect { .. } => "redirect".to_owned(),
    }
}

async fn respond(
    shared: &Arc<Shared>,
    rule: &Rule,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<Body>, Page> {
    if let Some(limiter) = shared.current().limiter(rule)
        && let Err(wait) = limiter.take(client.ip(), Instant::now())
    {
        let limit = limiter.limit;
        return Err(Page::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "The route {} takes {} requests in {:?} from one address; the next in {wait:.1?}.",
                rule.route,
                limit.requests,
                Duration::from_millis(limit.per_ms)
            ),
        ));
    }
    match &rule.rule.to {
        Target::Service(service) => forward(shared, rule, service, request, client).await,
        Target::Files { dir, fallback } => {
            files::site(rule, dir, fallback.as_deref(), &request).await
        }
        Target::Redirect { to, status } => redirect(rule, to, *status, request.uri()),
    }
}

fn redirect(rule: &Rule, to: &str, status: u16, uri: &Uri) -> Result<Response<Body>, Page> {
    let rest = super::table::below(uri.path(), &rule.rule.path).unwrap_or_default();
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    // Only what stands before the rest may end in a slash; `//` would name a host.
    let base = if rest.is_empty() {
        to
    } else {
        to.trim_end_matches('/')
    };
    let place = format!("{base}{}{query}", if rest == "/" { "" } else { rest });
    let fault = |_| {
        Page::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The route {} redirects to nowhere.", rule.route),
        )
    };
    let mut response = Response::new(super::body::full(""));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_str(&place).map_err(fault)?);
    Ok(response)
}
