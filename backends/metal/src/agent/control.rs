//! Talking to a shim (or to the proxy) over its Unix socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use plat_shim::status::Status;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long a shim may take to answer: it has nothing to wait for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends `method path` to the HTTP server at `socket` and returns its answer's status and body.
///
/// # Errors
/// When nobody listens there, or there is no whole answer within some seconds.
pub(crate) async fn ask(socket: &Path, method: &str, path: &str) -> io::Result<(u16, Bytes)> {
    let asked = async {
        let stream = UnixStream::connect(socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let answer = sender.send_request(request).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(e) => {
                driver.abort();
                return Err(io::Error::other(e));
            }
        };
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        driver.abort();
        Ok((status, body))
    };
    timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What the shim at `socket` says of its workload.
///
/// # Errors
/// When no shim answers there.
pub(crate) async fn status(socket: &Path) -> io::Result<Status> {
    let (code, body) = ask(socket, "GET", "/status").await?;
    if code != 200 {
        return Err(io::Error::other(format!("its answer has status {code}")));
    }
    serde_json::from_slice(&body).map_err(io::Error::other)
}
