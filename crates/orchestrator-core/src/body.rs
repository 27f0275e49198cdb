//! The body of every answer, without boxing the common ones.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::ingress::client_io::Busy;
use crate::ingress::streams::Progress;
use crate::runs::Places;

/// Anything that can go wrong while a body is sent or received.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body of a type only its maker knows.
pub type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// Most bytes of a body that go to the connection at a time: it copies them behind the head, and
/// keeps the room until it ends.
const PIECE_BYTES: usize = 32 << 10;

/// The body of an answer, and what is held until it has gone out.
#[derive(Default)]
pub(crate) struct Body {
    bytes: Content,
    /// The connection is not idle while this is here.
    pub(crate) busy: Option<Busy>,
    /// The places its request takes up.
    pub(crate) places: Places,
    /// It does not wait for the answers of other connections.
    pub(crate) at_once: bool,
    /// How far it is, where somebody has to know.
    pub(crate) progress: Option<Rc<Progress>>,
    /// A script's answer, counted as such.
    pub(crate) of_script: bool,
}

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Full(Bytes),
    Boxed(BoxBody),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let bytes = if bytes.is_empty() {
            Content::Empty
        } else {
            Content::Full(bytes)
        };
        Self {
            bytes,
            ..Self::default()
        }
    }
}

impl From<BoxBody> for Body {
    fn from(body: BoxBody) -> Self {
        Self {
            bytes: Content::Boxed(body),
            at_once: true,
            ..Self::default()
        }
    }
}

impl Body {
    /// Takes these bytes, keeps what is held.
    pub(crate) fn fill(&mut self, bytes: Bytes) {
        self.bytes = Content::Full(bytes);
    }

    /// Forgets the bytes, keeps what is held; how many there were, if that was known.
    pub(crate) fn empty(&mut self) -> Option<u64> {
        let length = http_body::Body::size_hint(self).exact();
        self.bytes = Content::Empty;
        length
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = match &mut self.bytes {
            Content::Empty => Poll::Ready(None),
            Content::Full(bytes) if bytes.len() > PIECE_BYTES => {
                let piece = bytes.split_to(PIECE_BYTES);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.bytes = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Boxed(body) => Pin::new(body).poll_frame(context),
        };
        if let Some(progress) = &self.progress {
            progress.asked(polled.is_ready());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.bytes {
            Content::Empty => true,
            Content::Full(_) => false,
            Content::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Boxed(body) => body.size_hint(),
        }
    }
}
