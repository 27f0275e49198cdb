//! Reading a request's body: bounded in size, in memory, and in how long its client may take.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::error::{Error, Kind};
use shared::limits::fixed::BODY_BYTES;
use shared::memory::{Held, NoRoom};
use tokio::time::{Instant, Sleep};

/// A client that sends more slowly than this while we are patient once is cut off, whatever it sent
/// before.
const SLOWEST_BYTES_PER_SECOND: f64 = 512.0;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request's body is larger than {0} MiB")]
    TooLarge(usize),
    #[error("the request's body came too slowly")]
    TooSlow,
    #[error("the request's body ended in the middle or is malformed")]
    Broken,
    #[error("the server has no memory left for the request's body; try again")]
    NoRoom,
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        let (kind, code) = match error {
            BodyError::TooLarge(_) => (Kind::TooLarge, "body_too_large"),
            BodyError::TooSlow => (Kind::InvalidInput, "body_too_slow"),
            BodyError::Broken => (Kind::InvalidInput, "body_broken"),
            BodyError::NoRoom => (Kind::Unavailable, "overloaded"),
        };
        Self::new(kind, code, error.to_string())
    }
}

/// A body that ends with an error when it grows too large, comes too slowly or finds no memory.
pub(super) struct Paced {
    inner: Incoming,
    got: usize,
    most: usize,
    held: Held,
    patience: Duration,
    /// What had come when we were patient last. Exists only once the client has made us wait.
    waiting: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Paced {
    pub(super) fn new(inner: Incoming, most: usize, held: Held, patience: Duration) -> Self {
        Self {
            inner,
            got: 0,
            most,
            held,
            patience,
            waiting: None,
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let (patience, got) = (self.patience, self.got);
        let (before, timer) = self.waiting.get_or_insert_with(|| {
            let timer = Box::pin(tokio::time::sleep(patience));
            (got, timer)
        });
        let least = patience.as_secs_f64() * SLOWEST_BYTES_PER_SECOND;
        while timer.as_mut().poll(cx).is_ready() {
            if ((got - *before) as f64) < least {
                return Poll::Ready(BodyError::TooSlow);
            }
            *before = got;
            timer.as_mut().reset(Instant::now() + patience);
        }
        Poll::Pending
    }

    fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.got += bytes;
        if self.got > self.most {
            return Err(BodyError::TooLarge(self.most >> 20));
        }
        self.held
            .grow(bytes as u64)
            .map_err(|NoRoom| BodyError::NoRoom)
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
        let taken = this.take(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(taken.map(|()| frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The whole body, and the memory it takes. A bodyless request costs nothing.
pub(super) async fn collect(
    body: Incoming,
    hold: impl FnOnce() -> Held,
    patience: Duration,
) -> Result<(Bytes, Option<Held>), Error> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    if body.size_hint().lower() > BODY_BYTES as u64 {
        return Err(BodyError::TooLarge(BODY_BYTES >> 20).into());
    }
    let mut body = Paced::new(body, BODY_BYTES, hold(), patience);
    let whole = whole(&mut body).await?;
    Ok((whole, Some(body.held)))
}

async fn whole(body: &mut Paced) -> Result<Bytes, Error> {
    // Most bodies come in one piece, which need not be copied.
    let Some(first) = data(body).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = data(body).await? else {
        return Ok(first);
    };
    // As it was announced: growing by doubling would take up to twice that.
    let come = first.len() + second.len();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut whole = BytesMut::with_capacity(come + announced.min(BODY_BYTES));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(more) = data(body).await? {
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
