//! Reading a request's body: bounded in size and in the client's patience with us.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::error::{Error, Kind};
use shared::limits::fixed::BODY_BYTES;
use tokio::time::{Instant, Sleep};

/// A client that sends more slowly than this over the whole body is cut off.
const SLOWEST_BYTES_PER_SECOND: u64 = 1_024;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request's body is larger than {0} MiB")]
    TooLarge(usize),
    #[error("the request's body came too slowly")]
    TooSlow,
    #[error("the request's body ended in the middle or is malformed")]
    Broken,
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        let (kind, code) = match error {
            BodyError::TooLarge(_) => (Kind::TooLarge, "body_too_large"),
            BodyError::TooSlow => (Kind::InvalidInput, "body_too_slow"),
            BodyError::Broken => (Kind::InvalidInput, "body_broken"),
        };
        Self::new(kind, code, error.to_string())
    }
}

/// A body that ends with an error when it grows too large or comes too slowly.
pub(super) struct Paced {
    inner: Incoming,
    got: usize,
    most: usize,
    patience: Duration,
    /// Exists only once the client has made us wait.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    pub(super) fn new(inner: Incoming, most: usize, patience: Duration) -> Self {
        Self {
            inner,
            got: 0,
            most,
            patience,
            waiting: None,
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let earned = Duration::from_secs(self.got as u64 / SLOWEST_BYTES_PER_SECOND);
        let patience = self.patience;
        let (since, timer) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + patience)))
        });
        while timer.as_mut().poll(cx).is_ready() {
            let deadline = *since + patience + earned;
            if deadline <= Instant::now() {
                return Poll::Ready(BodyError::TooSlow);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            let error = ready!(this.poll_patience(cx));
            return Poll::Ready(Some(Err(error)));
        };
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let Ok(frame) = frame else {
            return Poll::Ready(Some(Err(BodyError::Broken)));
        };
        this.got += frame.data_ref().map_or(0, Bytes::len);
        if this.got > this.most {
            return Poll::Ready(Some(Err(BodyError::TooLarge(this.most >> 20))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The whole body. A bodyless request costs nothing.
pub(super) async fn collect(body: Incoming, patience: Duration) -> Result<Bytes, Error> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > BODY_BYTES as u64 {
        return Err(BodyError::TooLarge(BODY_BYTES >> 20).into());
    }
    let mut body = Paced::new(body, BODY_BYTES, patience);
    // Most bodies come in one piece, which need not be copied.
    let Some(first) = data(&mut body).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = data(&mut body).await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(more) = data(&mut body).await? {
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// The next bytes; trailers are passed over.
async fn data(body: &mut Paced) -> Result<Option<Bytes>, Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
