//! Bodies on their way through.
//!
//! A request's body is read from the client only when a copy of the service takes it. [`Replay`]
//! keeps the client's end, so that a request whose first attempt failed can be sent again: always
//! while nothing was read, and as long as what was read is small enough to be kept.

use super::balance::Taken;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// Any error on the way.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// How much of a request's body is kept for sending it again.
const KEEP: usize = 64 * 1024;

/// A body that is there already.
pub(super) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// A client's request body, of which attempts can be made.
#[derive(Clone)]
pub(super) struct Replay(Arc<Mutex<State>>);

struct State {
    client: Incoming,
    /// What was read so far, as long as all of it is kept.
    kept: Option<Vec<Bytes>>,
    size: usize,
    /// Attempts are counted so that an old one that was not yet dropped reads nothing more.
    attempt: u64,
    ended: bool,
}

impl Replay {
    pub(super) fn new(client: Incoming) -> Self {
        let ended = client.is_end_stream();
        Self(Arc::new(Mutex::new(State {
            client,
            kept: Some(Vec::new()),
            size: 0,
            attempt: 0,
            ended,
        })))
    }

    /// Whether the body can be sent once more from its start.
    pub(super) fn is_whole(&self) -> bool {
        self.lock().kept.is_some()
    }

    /// The body from its start. Only to be asked for while [`Replay::is_whole`].
    pub(super) fn attempt(&self) -> Attempt {
        let mut state = self.lock();
        state.attempt += 1;
        Attempt {
            again: state.kept.iter().flatten().cloned().collect(),
            number: state.attempt,
            replay: self.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body as one attempt sends it.
pub(super) struct Attempt {
    again: VecDeque<Bytes>,
    number: u64,
    replay: Replay,
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(bytes) = self.again.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let mut state = self.replay.lock();
        if state.attempt != self.number {
            return Poll::Ready(Some(Err("this attempt was given up".into())));
        }
        let frame = ready!(Pin::new(&mut state.client).poll_frame(cx));
        match &frame {
            None => state.ended = true,
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    state.size += data.len();
                    if state.size > KEEP {
                        state.kept = None;
                    } else if let Some(kept) = &mut state.kept {
                        kept.push(data.clone());
                    }
                }
                None => state.kept = None,
            },
            Some(Err(_)) => state.kept = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.again.is_empty() && self.replay.lock().ended
    }

    fn size_hint(&self) -> SizeHint {
        let again: u64 = self.again.iter().map(|b| b.len() as u64).sum();
        let state = self.replay.lock();
        let rest = state.client.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + again);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + again);
        }
        hint
    }
}

/// An answer's body; the copy counts as working on it until the client has it all or is gone.
pub(super) struct Counted {
    inner: Incoming,
    _taken: Taken,
}

impl Counted {
    pub(super) fn new(inner: Incoming, taken: Taken) -> Self {
        Self {
            inner,
            _taken: taken,
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.inner)
            .poll_frame(cx)
            .map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
