//! The agent's socket: who asks, and what is answered.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::process::geteuid;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, timeout};

use super::protocol::{Failure, Hello, LONGEST, Meanwhile, PROTOCOL, Reply, Request};
use super::{Agent, Progress};

/// Listens at `path`, for this user alone. One that an earlier agent left is replaced: the
/// caller holds the lock that says it is gone.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Counts somebody who is busy here, for as long as it lives.
struct Busy(Arc<Agent>);

impl Busy {
    fn new(agent: &Arc<Agent>) -> Self {
        agent.busy.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(agent))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
        self.0.calmer.notify_one();
    }
}

impl Agent {
    /// Answers until it is time to leave: a newer agent asked for it, or there is nothing to
    /// keep and nobody asks.
    pub(super) async fn answer(self: &Arc<Self>, listener: UnixListener) {
        let mut retiring = false;
        loop {
            let idle = self.busy.load(Ordering::SeqCst) == 0;
            if retiring && idle {
                return;
            }
            let nothing = idle && self.store.is_empty() && self.supervisor.all().is_empty();
            tokio::select! {
                accepted = listener.accept(), if !retiring => match accepted {
                    Ok((stream, _)) => {
                        let busy = Busy::new(self);
                        let agent = Arc::clone(self);
                        tokio::spawn(async move {
                            agent.converse(stream).await;
                            drop(busy);
                        });
                    }
                    Err(e) => {
                        self.log.warn(format!("cannot take a connection: {e}"));
                        // Most likely there are too many files open: let some be closed.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = self.leave.notified() => retiring = true,
                () = self.calmer.notified() => {}
                () = tokio::time::sleep(self.config.idle), if nothing => {
                    self.log.info("nothing to keep and nobody asks");
                    return;
                }
            }
        }
    }

    async fn converse(self: &Arc<Self>, stream: UnixStream) {
        let ours = stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == geteuid().as_raw() || peer.uid() == 0);
        if !ours {
            self.log.warn("another user asked; not answered");
            return;
        }
        let (reader, mut writer) = stream.into_split();
        let hello = Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: self.config.program.clone(),
            pid: std::process::id(),
        };
        if send(&mut writer, &hello).await.is_err() {
            return;
        }
        let mut line = Vec::new();
        let mut reader = BufReader::new(reader.take(LONGEST as u64));
        let read = timeout(Duration::from_secs(30), reader.read_until(b'\n', &mut line)).await;
        if !matches!(read, Ok(Ok(n)) if n > 0) {
            return;
        }
        let request = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => request,
            Err(e) => {
                let failure = Failure::new("the agent does not understand this request", e)
                    .next("update platc and try again: the newer one takes over the agent");
                // Whoever asked nonsense may be gone by now.
                let _ = send(&mut writer, &Reply::Failed(failure)).await;
                return;
            }
        };
        let (sender, mut replies) = mpsc::unbounded_channel();
        let (stop, stops) = watch::channel(false);
        // On its own: what was begun is finished even when the client goes away.
        let agent = Arc::clone(self);
        let busy = Busy::new(self);
        tokio::spawn(async move {
            let progress = Progress::to(sender.clone(), stops);
            let reply = agent.handle(request, &progress).await;
            let _ = sender.send(reply);
            drop(busy);
        });
        let mut stopping = std::pin::pin!(hears_stop(reader));
        loop {
            let reply = tokio::select! {
                reply = replies.recv() => reply,
                () = &mut stopping, if !*stop.borrow() => {
                    stop.send_replace(true);
                    continue;
                }
            };
            let Some(reply) = reply else {
                return;
            };
            let last = !matches!(reply, Reply::Progress { .. });
            if send(&mut writer, &reply).await.is_err() || last {
                return;
            }
        }
    }

    async fn handle(self: &Arc<Self>, request: Request, progress: &Progress) -> Reply {
        match request {
            Request::Apply(apply) => match self.apply(*apply, progress).await {
                Ok((uid, version)) => Reply::Done { uid, version },
                Err(failure) => {
                    self.log.warn(failure.to_string());
                    Reply::Failed(failure)
                }
            },
            Request::Delete(delete) => match self.delete(*delete, progress).await {
                Ok(kept) => Reply::Gone { kept },
                Err(failure) => {
                    self.log.warn(failure.to_string());
                    Reply::Failed(failure)
                }
            },
            Request::Observe { scope } => Reply::Observed {
                objects: self.observe(&scope),
            },
            Request::Copies { scope, node } => match self.copies(&scope, &node) {
                Ok(copies) => Reply::Copies { copies },
                Err(failure) => Reply::Failed(failure),
            },
            Request::ByHand {
                scope,
                node,
                arguments,
            } => match self.by_hand(&scope, &node, arguments, progress).await {
                Ok(launch) => Reply::ByHand(launch),
                Err(failure) => Reply::Failed(failure),
            },
            Request::Routes => Reply::Routes {
                routes: self.routed(),
            },
            Request::Retire => {
                self.log.info("a newer agent takes over");
                self.leave.notify_one();
                Reply::Retiring
            }
        }
    }
}

/// Waits until the client says that it is to stop; for ever where it says nothing, or goes away.
async fn hears_stop(mut reader: BufReader<impl tokio::io::AsyncRead + Unpin>) {
    let mut line = Vec::new();
    let heard = reader.read_until(b'\n', &mut line).await;
    let said = heard.is_ok().then(|| serde_json::from_slice(&line));
    if !matches!(said, Some(Ok(Meanwhile::Stop))) {
        std::future::pending().await
    }
}

async fn send(
    writer: &mut (impl tokio::io::AsyncWrite + Unpin),
    message: &impl Serialize,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
