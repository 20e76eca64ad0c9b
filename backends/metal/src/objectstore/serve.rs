//! The server process.

use super::HEALTH;
use super::access::Keys;
use super::config::{BucketConfig, Config};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long requests under way may take when the server stops.
const FINISH: Duration = Duration::from_secs(10);

/// The server could not start; says what, where and why.
#[derive(Debug)]
pub struct ServeError(String);

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

/// Serves what the file says until SIGTERM or SIGINT; reads it again on SIGHUP. A file that can't
/// be used then is reported on standard error, and the old one stays in force.
///
/// # Errors
/// The file can't be used, or its port is taken.
pub async fn serve(config_path: &Path) -> Result<(), ServeError> {
    let config = read(config_path)?;
    let buckets = Buckets::default();
    buckets.load(&config)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| ServeError(format!("cannot listen on {}: {e}", config.listen)))?;
    let signals =
        |kind| signal(kind).map_err(|e| ServeError(format!("cannot wait for signals: {e}")));
    let mut hup = signals(SignalKind::hangup())?;
    let mut term = signals(SignalKind::terminate())?;
    let mut int = signals(SignalKind::interrupt())?;
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let buckets = buckets.clone();
                    let service = service_fn(move |request| answer(buckets.clone(), request));
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service);
                    tokio::spawn(graceful.watch(connection));
                }
                // Out of file descriptors, mostly: the ones that end make room.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            _ = hup.recv() => {
                if let Err(e) = read(config_path).and_then(|config| buckets.load(&config)) {
                    let _ = writeln!(std::io::stderr(), "the old configuration stays in force: {e}");
                }
            }
            _ = term.recv() => break,
            _ = int.recv() => break,
        }
    }
    drop(listener);
    // Past the time, what is still open is cut off by our end.
    let _ = tokio::time::timeout(FINISH, graceful.shutdown()).await;
    Ok(())
}

fn read(path: &Path) -> Result<Config, ServeError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| ServeError(format!("cannot read {}: {e}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|e| ServeError(format!("cannot use {}: {e}", path.display())))
}

/// The buckets by name.
#[derive(Clone, Default)]
struct Buckets(Arc<RwLock<BTreeMap<String, Bucket>>>);

#[derive(Clone)]
struct Bucket {
    root: PathBuf,
    keys: Keys,
    service: S3Service,
    turns: Turns,
}

/// Whose turn it is. The library looks at a condition (`If-Match`, `If-None-Match`) and then
/// writes; in between another could write too, and both would be told that they won. So a
/// conditional write has its object to itself, and all other requests share it. An object shares
/// its turns with those that fall together with it, which only costs them time.
#[derive(Clone)]
struct Turns(Arc<Vec<tokio::sync::RwLock<()>>>);

/// A turn that ends when it is dropped.
#[expect(
    dead_code,
    reason = "the guards are kept for what their end does, and never read"
)]
enum Turn<'a> {
    Alone(tokio::sync::RwLockWriteGuard<'a, ()>),
    Shared(tokio::sync::RwLockReadGuard<'a, ()>),
}

impl Turns {
    fn new() -> Self {
        Self(Arc::new((0..64).map(|_| Default::default()).collect()))
    }

    async fn take<B>(&self, request: &Request<B>) -> Option<Turn<'_>> {
        let mut hasher = DefaultHasher::new();
        request.uri().path().hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % 64).unwrap_or_default();
        let lock = self.0.get(place)?;
        let headers = request.headers();
        let conditional = headers.contains_key(http::header::IF_MATCH)
            || headers.contains_key(http::header::IF_NONE_MATCH);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        Some(if conditional && !reads {
            Turn::Alone(lock.write().await)
        } else {
            Turn::Shared(lock.read().await)
        })
    }
}

impl Buckets {
    /// Takes over a configuration. A bucket that stays keeps its storage, so that writes under way
    /// are not disturbed.
    fn load(&self, config: &Config) -> Result<(), ServeError> {
        let old = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut fresh = BTreeMap::new();
        for wanted in &config.buckets {
            let bucket = match old.get(&wanted.name) {
                Some(bucket) if bucket.root == wanted.root => bucket.clone(),
                _ => Bucket::open(wanted)?,
            };
            fresh.insert(wanted.name.clone(), bucket);
        }
        // Nothing can fail any more.
        for wanted in &config.buckets {
            if let Some(bucket) = fresh.get(&wanted.name) {
                bucket.keys.replace(&wanted.keys);
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn find(&self, path: &str) -> Option<Bucket> {
        let name = path.trim_start_matches('/').split('/').next()?;
        let buckets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned()
    }
}

impl Bucket {
    fn open(wanted: &BucketConfig) -> Result<Self, ServeError> {
        // The library's error says no more than that of the directory itself.
        let objects = wanted.root.join(&wanted.name);
        let opened = std::fs::read_dir(&objects).and_then(|_| {
            FileSystem::new(&wanted.root).map_err(|e| Error::other(format!("{e:?}")))
        });
        let storage = opened.map_err(|e| {
            ServeError(format!(
                "cannot open the bucket `{}` in {}: {e}",
                wanted.name,
                wanted.root.display()
            ))
        })?;
        let keys = Keys::new(&wanted.name, objects, &wanted.keys);
        let mut builder = S3ServiceBuilder::new(storage);
        builder.set_auth(keys.clone());
        builder.set_access(keys.clone());
        Ok(Self {
            root: wanted.root.clone(),
            keys,
            service: builder.build(),
            turns: Turns::new(),
        })
    }
}

async fn answer(
    buckets: Buckets,
    request: Request<Incoming>,
) -> Result<Response<s3s::Body>, Infallible> {
    let path = request.uri().path();
    if path == HEALTH && request.method() == Method::GET {
        return Ok(Response::new(s3s::Body::from(Bytes::from_static(b"ok\n"))));
    }
    let Some(bucket) = buckets.find(path) else {
        let (status, code, message) = if path == "/" {
            (
                StatusCode::FORBIDDEN,
                "AccessDenied",
                "Keys here are for one bucket; it can't be listed which there are",
            )
        } else {
            (
                StatusCode::NOT_FOUND,
                "NoSuchBucket",
                "The specified bucket does not exist",
            )
        };
        return Ok(error(status, code, message));
    };
    let _turn = bucket.turns.take(&request).await;
    Ok(bucket
        .service
        .call(request.map(s3s::Body::from))
        .await
        .unwrap_or_else(|_| {
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "The request could not be worked on",
            )
        }))
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<s3s::Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(s3s::Body::from(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/xml"),
    );
    response
}
