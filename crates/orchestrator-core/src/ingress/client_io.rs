//! A client's connection with a pace: how long it may stay silent, and in which phase.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// The first bytes of HTTP/2; no method of HTTP/1 starts with them.
const PREFACE: &[u8; 3] = b"PRI";

/// Pieces that are shorter together are sent as one: copying them costs less than telling the
/// system about several.
const SMALL_BYTES: usize = 512;

/// Most bytes passed over after a refusal.
const LINGER_BYTES: usize = 1 << 20;
/// How long a refused client may take to notice.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection is doing. Kept without timers; one timer per connection looks at it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Requests being answered.
    requests: Cell<u32>,
    /// Whether the head of a request has begun to arrive.
    head: Cell<bool>,
    /// Since when the above holds; the clock is only read when it still holds after all that can
    /// be done now is done.
    since: Cell<Option<Instant>>,
    /// HTTP/2: bytes do not say whether a request has begun.
    multiplexed: Cell<bool>,
    /// The client may still be sending what we will not read.
    refused: Cell<bool>,
    /// The next write waits until the other connections that have something to do had their turn.
    last_in_line: Cell<bool>,
}

impl Pace {
    /// A new connection owes a first request.
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            requests: Cell::new(0),
            head: Cell::new(true),
            since: Cell::new(None),
            multiplexed: Cell::new(false),
            refused: Cell::new(false),
            last_in_line: Cell::new(false),
        })
    }

    /// Until when the client must have done something; `None` while it waits for us.
    pub(super) fn deadline(&self, head: Duration, idle: Duration) -> Option<Instant> {
        if self.requests.get() > 0 {
            return None;
        }
        let since = self.since.get().unwrap_or_else(Instant::now);
        self.since.set(Some(since));
        Some(since + if self.head.get() { head } else { idle })
    }

    /// A request has begun; it ends when the guard is dropped.
    pub(super) fn begin(self: &Rc<Self>) -> Busy {
        self.requests.set(self.requests.get() + 1);
        self.head.set(false);
        Busy(Rc::clone(self))
    }

    /// The answer went out before the request was read to its end.
    pub(super) fn refused(&self) {
        self.refused.set(true);
    }

    /// The answer comes in pieces, of which each goes out when it is there: a body that breaks off
    /// takes with it what was not written.
    pub(super) fn write_at_once(&self) {
        self.last_in_line.set(false);
    }

    fn is_refused(&self) -> bool {
        self.refused.get() || (self.head.get() && !self.multiplexed.get())
    }

    fn bytes_came(&self) {
        if self.requests.get() == 0 && !self.head.get() && !self.multiplexed.get() {
            self.head.set(true);
            self.since.set(None);
        }
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct Busy(Rc<Pace>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get() - 1);
        self.0.since.set(None);
    }
}

/// A stream that tells its pace what comes, and gives up on a client that does not read.
pub(super) struct ClientIo {
    stream: TcpStream,
    pace: Rc<Pace>,
    /// Bytes read to tell the protocol, to be read again.
    start: [u8; PREFACE.len()],
    start_from: usize,
    start_to: usize,
    patience: Duration,
    /// Bytes passed over after the last answer.
    lingered: usize,
    /// Exists only while the client's window is full, or while it sends after the last answer.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, pace: Rc<Pace>, patience: Duration) -> Self {
        Self {
            stream,
            pace,
            start: [0; PREFACE.len()],
            start_from: 0,
            start_to: 0,
            patience,
            lingered: 0,
            stalled: None,
        }
    }

    /// Reads just enough to tell HTTP/2 from HTTP/1; `None` when the client left.
    pub(super) async fn is_http2(&mut self) -> Option<bool> {
        while self.start_to < PREFACE.len() {
            let mut buffer = ReadBuf::new(&mut self.start[self.start_to..]);
            let read = poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).await;
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                return None;
            }
            self.start_to += count;
            if self.start[..self.start_to] != PREFACE[..self.start_to] {
                return Some(false);
            }
        }
        self.pace.multiplexed.set(true);
        Some(true)
    }

    fn check_stall(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if stalled.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Passes over what the client still sends. Closing on unread bytes would reset the connection,
    /// and the client would never see why it was refused.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.lingered += buffer.filled().len();
                    if self.lingered > LINGER_BYTES {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_end) => return Poll::Ready(Ok(())),
                Poll::Pending if self.lingered == 0 && !self.pace.is_refused() => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => break,
            }
        }
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        timer.as_mut().poll(cx).map(Ok)
    }

    /// Whether to write later: behind the other connections that have something to do now, once for
    /// what was read. Answers that go out one after the other wake a client that sleeps once, not
    /// each time, and waking costs more than writing. Nobody waits for it on an idle worker: the
    /// task is polled again at once.
    fn gives_way(&self, cx: &Context<'_>) -> bool {
        let gives_way = self.pace.last_in_line.take();
        if gives_way {
            cx.waker().wake_by_ref();
        }
        gives_way
    }

    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_pending() {
            self.check_stall(cx)?;
        } else if self.stalled.is_some() {
            self.stalled = None;
        }
        wrote
    }
}

/// All pieces in one, if they fit.
fn joined<'s>(pieces: &[io::IoSlice<'_>], small: &'s mut [u8; SMALL_BYTES]) -> Option<&'s [u8]> {
    let mut length = 0;
    for piece in pieces {
        let end = length + piece.len();
        small.get_mut(length..end)?.copy_from_slice(piece);
        length = end;
    }
    Some(&small[..length])
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.start_from < this.start_to {
            let kept = &this.start[this.start_from..this.start_to];
            let count = kept.len().min(buffer.remaining());
            buffer.put_slice(&kept[..count]);
            this.start_from += count;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.pace.bytes_came();
            this.pace.last_in_line.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gives_way(cx) {
            return Poll::Pending;
        }
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gives_way(cx) {
            return Poll::Pending;
        }
        let mut small = [0; SMALL_BYTES];
        let wrote = match joined(bytes, &mut small) {
            Some(one) => Pin::new(&mut self.stream).poll_write(cx, one),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bytes),
        };
        self.written(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.poll_linger(cx)
    }
}
