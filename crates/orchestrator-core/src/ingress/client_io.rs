//! A client's connection with a pace: how long it may stay silent, and in which phase.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::StatusCode;
use shared::clock::SharedClock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::bare;
use super::round::{Line, Round};
use crate::metrics::Metrics;

/// The first bytes of HTTP/2; no method of HTTP/1 starts with them.
const PREFACE: &[u8; 3] = b"PRI";

/// Most bytes passed over after a refusal.
const LINGER_BYTES: usize = 1 << 20;
/// How long a refused client may take to notice.
const LINGER: Duration = Duration::from_secs(1);

/// What a client must do next.
pub(super) enum Awaited {
    /// It waits for us.
    Nothing,
    /// Send the rest of a request's head, until then.
    Head(Instant),
    /// Send a request, at some time.
    Request,
}

/// What a connection is doing. Kept without timers; one timer per connection looks at it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Requests being answered.
    requests: Cell<u32>,
    /// Those of them that have a body, which may still be on its way.
    bodies: Cell<u32>,
    /// Whether the head of a request has begun to arrive.
    head: Cell<bool>,
    /// Since when the head is awaited; the clock is only read when it still is after all that can
    /// be done now is done.
    since: Cell<Option<Instant>>,
    /// Whether nothing came since the idle time was begun.
    quiet: Cell<bool>,
    /// HTTP/2: bytes do not say whether a request has begun.
    multiplexed: Cell<bool>,
    /// The client may still be sending what we will not read.
    refused: Cell<bool>,
    /// Writes may wait until the other connections that have something to do had their turn.
    may_wait: Cell<bool>,
    /// The connection's task, while the client sends nothing more and is owed an answer.
    ended: RefCell<Option<Waker>>,
    metrics: Arc<Metrics>,
    clock: SharedClock,
}

impl Pace {
    /// A new connection owes a first request.
    pub(super) fn new(metrics: Arc<Metrics>, clock: SharedClock) -> Rc<Self> {
        Rc::new(Self {
            requests: Cell::new(0),
            bodies: Cell::new(0),
            head: Cell::new(true),
            since: Cell::new(None),
            quiet: Cell::new(false),
            multiplexed: Cell::new(false),
            refused: Cell::new(false),
            may_wait: Cell::new(false),
            ended: RefCell::default(),
            metrics,
            clock,
        })
    }

    /// Counts an answer that no script made.
    pub(super) fn own_answer(&self, status: StatusCode) {
        self.metrics.own_answer(status);
    }

    /// Whether the client has sent all it has to and waits for something. A body that breaks off is
    /// given up at once: it holds memory.
    fn owes_answers(&self) -> bool {
        self.requests.get() > 0 && self.bodies.get() == 0 && !self.multiplexed.get()
    }

    /// What the client must do next, and until when.
    pub(super) fn awaited(&self, patience: Duration) -> Awaited {
        if self.requests.get() > 0 {
            return Awaited::Nothing;
        }
        if !self.head.get() {
            return Awaited::Request;
        }
        let since = self.since.get().unwrap_or_else(Instant::now);
        self.since.set(Some(since));
        Awaited::Head(since + patience)
    }

    /// Begins the idle time; says whether something came since it was last begun.
    pub(super) fn begin_idle(&self) -> bool {
        !self.quiet.replace(true)
    }

    /// A request has begun; it ends when the guard is dropped.
    pub(super) fn begin(self: &Rc<Self>, has_body: bool) -> Busy {
        self.requests.set(self.requests.get() + 1);
        self.bodies.set(self.bodies.get() + u32::from(has_body));
        self.head.set(false);
        self.quiet.set(false);
        Busy {
            pace: Rc::clone(self),
            has_body,
        }
    }

    /// The answer went out before the request was read to its end.
    pub(super) fn refused(&self) {
        self.refused.set(true);
    }

    /// The answer comes in pieces, of which each goes out when it is there: a body that breaks off
    /// takes with it what was not written.
    pub(super) fn write_at_once(&self) {
        self.may_wait.set(false);
    }

    fn is_refused(&self) -> bool {
        self.refused.get() || (self.head.get() && !self.multiplexed.get())
    }

    fn bytes_came(&self) {
        self.may_wait.set(true);
        if self.requests.get() == 0 && !self.head.get() && !self.multiplexed.get() {
            self.head.set(true);
            self.since.set(None);
        }
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct Busy {
    pace: Rc<Pace>,
    has_body: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let pace = &self.pace;
        let left = pace.requests.get() - 1;
        pace.requests.set(left);
        pace.bodies
            .set(pace.bodies.get() - u32::from(self.has_body));
        if left == 0
            && let Some(task) = pace.ended.take()
        {
            task.wake();
        }
    }
}

/// A stream that tells its pace what comes, and gives up on a client that does not read.
pub(super) struct ClientIo {
    line: Rc<Line>,
    round: Rc<Round>,
    pace: Rc<Pace>,
    /// Bytes read to tell the protocol, to be read again.
    start: [u8; PREFACE.len()],
    start_from: usize,
    start_to: usize,
    /// Bytes passed over after the last answer.
    lingered: usize,
    /// Exists only while the client sends after the last answer.
    lingers: Option<Pin<Box<Sleep>>>,
    /// Exists only while the client sends nothing more and is owed an answer.
    ended: Option<Pin<Box<Sleep>>>,
}

impl ClientIo {
    pub(super) fn new(line: Rc<Line>, round: Rc<Round>, pace: Rc<Pace>) -> Self {
        Self {
            line,
            round,
            pace,
            start: [0; PREFACE.len()],
            start_from: 0,
            start_to: 0,
            lingered: 0,
            lingers: None,
            ended: None,
        }
    }

    /// The client will send nothing more. It may wait for its answers (RFC 9112, 9.6) or have left,
    /// which looks the same: it is given some time, and its runs go on for so long.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let patience = self.line.patience();
        let timer = self
            .ended
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if timer.as_mut().poll(cx).is_pending() {
            *self.pace.ended.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads just enough to tell HTTP/2 from HTTP/1; `None` when the client left.
    pub(super) async fn is_http2(&mut self) -> Option<bool> {
        while self.start_to < PREFACE.len() {
            let mut buffer = ReadBuf::new(&mut self.start[self.start_to..]);
            let read = poll_fn(|cx| self.line.poll_read(cx, &mut buffer)).await;
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

    /// Passes over what the client still sends. Closing on unread bytes would reset the connection,
    /// and the client would never see why it was refused.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match self.line.poll_read(cx, &mut buffer) {
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
            .lingers
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        timer.as_mut().poll(cx).map(Ok)
    }
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
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        ready!(this.line.poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.pace.bytes_came();
        } else if room > 0 && this.pace.owes_answers() {
            return this.poll_ended(cx);
        }
        Poll::Ready(Ok(()))
    }
}

/// Without `poll_write_vectored`: hyper then joins head and body of an answer itself, with fewer
/// steps than it takes to tell the system about two pieces.
impl AsyncWrite for ClientIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let may_wait = self.pace.may_wait.get();
        if let Some(status) = bare::bare_answer(bytes) {
            let told = bare::full_answer(status, self.pace.clock.now());
            let sent = ready!(self.round.poll_write(&self.line, true, cx, &told))?;
            debug_assert_eq!(sent, told.len(), "short pieces are taken whole");
            self.pace.own_answer(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.round.poll_write(&self.line, may_wait, cx, bytes)
    }

    /// What waits for the end of the round needs no push.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.round.poll_sent(&self.line, cx))?;
        ready!(self.line.poll_shutdown(cx))?;
        self.poll_linger(cx)
    }
}
