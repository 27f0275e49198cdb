//! The answers of a round: what the connections of a worker write while others still have something
//! to do, sent when all of them had their turn (`docs/adr/0016-answers-of-a-round-go-out-together.md`).

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Longest piece that is kept for the end of the round. Copying it costs less than waking a client
/// that sleeps.
const PIECE_BYTES: usize = 4 << 10;
/// Most that is kept; then it goes out at once.
const ROUND_BYTES: usize = 256 << 10;
/// Room kept for the next round.
const KEPT_BYTES: usize = 32 << 10;

/// A client's socket, shared by the connection that uses it and the round that sends its answers.
pub(super) struct Line {
    stream: RefCell<TcpStream>,
    /// How long the client may leave its window full.
    patience: Duration,
    /// Whether the round has something of it.
    queued: Cell<bool>,
    /// What the round could not send because the client's window was full.
    left: RefCell<Vec<u8>>,
    failed: Cell<Option<io::ErrorKind>>,
    /// The connection's task.
    waker: RefCell<Option<Waker>>,
    /// Exists only while the client's window is full.
    stalled: RefCell<Option<Pin<Box<Sleep>>>>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Rc<Self> {
        Rc::new(Self {
            stream: RefCell::new(stream),
            patience,
            queued: Cell::new(false),
            left: RefCell::default(),
            failed: Cell::new(None),
            waker: RefCell::default(),
            stalled: RefCell::default(),
        })
    }

    /// How long the client may leave its window full, or an answer unread.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whom to wake when the round could not send everything.
    pub(super) fn belongs_to(&self, task: &Waker) {
        *self.waker.borrow_mut() = Some(task.clone());
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, buffer)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, bytes);
        if wrote.is_pending() {
            self.check_stall(cx)?;
        } else {
            self.stalled.take();
        }
        wrote
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx)
    }

    fn check_stall(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut stalled = self.stalled.borrow_mut();
        let timer = stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        if timer.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Sends what the round could not; ready when nothing is left.
    pub(super) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.failed.get() {
            return Poll::Ready(Err(kind.into()));
        }
        let mut left = self.left.borrow_mut();
        while !left.is_empty() {
            let count = ready!(self.poll_write(cx, &left))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            left.drain(..count);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a piece of the round. What cannot be sent now, the connection's task sends.
    fn send(&self, bytes: &[u8]) {
        self.queued.set(false);
        let mut left = self.left.borrow_mut();
        if self.failed.get().is_some() {
            return;
        }
        // Behind what is left already: order is kept.
        let sent = if left.is_empty() {
            self.stream.borrow().try_write(bytes)
        } else {
            Ok(0)
        };
        match sent {
            Ok(count) if count == bytes.len() => return,
            Ok(count) => left.extend_from_slice(&bytes[count..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                left.extend_from_slice(bytes);
            }
            Err(error) => self.failed.set(Some(error.kind())),
        }
        if let Some(task) = &*self.waker.borrow() {
            task.wake_by_ref();
        }
    }
}

/// The answers of one worker's round.
#[derive(Default)]
pub(super) struct Round {
    answers: RefCell<Answers>,
    /// The task that ends the round.
    sender: RefCell<Option<Waker>>,
}

#[derive(Default)]
struct Answers {
    bytes: Vec<u8>,
    /// Whose bytes, and up to where.
    of: Vec<(Rc<Line>, usize)>,
}

impl Round {
    /// Writes to a line: at the end of the round when that is allowed and the piece is short. A
    /// piece that waits counts as written; if it cannot be sent, the line's next use fails.
    pub(super) fn poll_write(
        &self,
        line: &Rc<Line>,
        may_wait: bool,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if may_wait && bytes.len() <= PIECE_BYTES {
            ready!(line.poll_left(cx))?;
            self.add(line, bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_sent(line, cx))?;
        line.poll_write(cx, bytes)
    }

    /// Ready when all that was written to a line has been sent.
    pub(super) fn poll_sent(&self, line: &Line, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if line.queued.get() {
            self.send();
        }
        line.poll_left(cx)
    }

    fn add(&self, line: &Rc<Line>, bytes: &[u8]) {
        let mut answers = self.answers.borrow_mut();
        answers.bytes.extend_from_slice(bytes);
        let end = answers.bytes.len();
        line.queued.set(true);
        match answers.of.last_mut() {
            Some((last, until)) if Rc::ptr_eq(last, line) => *until = end,
            _ => answers.of.push((Rc::clone(line), end)),
        }
        let first = answers.of.len() == 1;
        drop(answers);
        if end >= ROUND_BYTES {
            self.send();
        } else if first && let Some(sender) = &*self.sender.borrow() {
            // Behind the connections that have something to do now.
            sender.wake_by_ref();
        }
    }

    /// Ends the round.
    pub(super) fn send(&self) {
        let mut answers = self.answers.borrow_mut();
        let Answers { bytes, of } = &mut *answers;
        let mut from = 0;
        for (line, until) in of.drain(..) {
            line.send(&bytes[from..until]);
            from = until;
        }
        bytes.clear();
        bytes.shrink_to(KEPT_BYTES);
    }

    /// Ends every round, for ever.
    pub(super) fn poll_rounds(&self, cx: &mut Context<'_>) -> Poll<std::convert::Infallible> {
        let mut sender = self.sender.borrow_mut();
        if sender.is_none() {
            // The task, and so its waker, stays the same.
            *sender = Some(cx.waker().clone());
        }
        drop(sender);
        self.send();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A line whose client has read nothing for so long that not a byte fits in any more, and how
    /// many there are before.
    fn full_line() -> (Rc<Line>, std::net::TcpStream, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _peer) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        let (mut taken, piece) = (0, [b'.'; 4 << 10]);
        for length in [piece.len(), 1] {
            while let Ok(count) = (&accepted).write(&piece[..length]) {
                taken += count;
            }
        }
        let stream = TcpStream::from_std(accepted).unwrap();
        (Line::new(stream, Duration::from_mins(1)), client, taken)
    }

    #[tokio::test]
    async fn what_does_not_fit_wakes_the_task_and_stays_in_front_of_what_follows() {
        let (line, mut client, before) = full_line();
        let task = Arc::new(Woken::default());
        line.belongs_to(&task.clone().into());
        line.send(b"one");
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        client.read_exact(&mut vec![0; before]).unwrap();
        poll_fn(|cx| line.stream.borrow().poll_write_ready(cx))
            .await
            .unwrap();
        line.send(b"two");
        poll_fn(|cx| line.poll_left(cx)).await.unwrap();
        let mut rest = [0; 6];
        client.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"onetwo");
    }

    #[tokio::test]
    async fn nothing_is_written_before_the_end_of_the_round_unless_it_must_be() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        let line = Line::new(listener.accept().await.unwrap().0, Duration::from_mins(1));
        let round = Round::default();
        let mut seen = [0; 16];
        let wrote = poll_fn(|cx| round.poll_write(&line, true, cx, b"a")).await;
        assert_eq!(wrote.unwrap(), 1);
        assert!(client.read(&mut seen).is_err(), "it waits");
        round.send();
        client.set_nonblocking(false).unwrap();
        assert_eq!(client.read(&mut seen).unwrap(), 1);
        // What may not wait goes out behind what does.
        poll_fn(|cx| round.poll_write(&line, true, cx, b"b"))
            .await
            .unwrap();
        poll_fn(|cx| round.poll_write(&line, false, cx, b"c"))
            .await
            .unwrap();
        client.read_exact(&mut seen[..2]).unwrap();
        assert_eq!(&seen[..2], b"bc");
    }
}
