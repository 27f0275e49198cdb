//! Streams of HTTP/2: a client that opens a window and then never reads would keep an answer, its
//! memory and its places without an end. Each stream is a task of its own here, which is ended
//! when nothing of its answer has left for too long; hyper then resets the stream.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How far the answer of a stream is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// There is a piece of an answer that the connection has not taken.
    waits: Cell<bool>,
    /// Pieces that it took.
    pieces: Cell<u64>,
}

impl Progress {
    /// There is an answer.
    pub(super) fn answered(&self) {
        self.waits.set(true);
    }

    /// The connection asked for a piece; `there` is whether there was one.
    pub(crate) fn asked(&self, there: bool) {
        self.waits.set(there);
        self.pieces.set(self.pieces.get() + 1);
    }

    /// Where the answer is, if it waits for the connection and not the other way round.
    fn at(&self) -> Option<u64> {
        self.waits.get().then(|| self.pieces.get())
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Progress>>> = const { RefCell::new(None) };
}

/// The progress of the stream whose task runs; `None` on a connection of HTTP/1.
pub(super) fn current() -> Option<Rc<Progress>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether the task of a stream runs.
pub(super) fn is_one() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Runs the tasks of the streams, on the worker that accepted their connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    /// How long an answer may wait for its reader.
    pub(super) patience: Duration,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(Stream {
            future: Box::pin(future),
            progress: Rc::default(),
            patience: self.patience,
            waiting: None,
        });
    }
}

/// The task of one stream.
struct Stream<F> {
    future: Pin<Box<F>>,
    progress: Rc<Progress>,
    patience: Duration,
    /// Where the answer was when we were patient last. Exists only once the client made us wait.
    waiting: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<F: Future> Stream<F> {
    /// Ready when nothing of the answer has left for as long as we are patient.
    fn poll_stalled(&mut self, at: u64, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let (before, timer) = self
            .waiting
            .get_or_insert_with(|| (at, Box::pin(tokio::time::sleep(patience))));
        while timer.as_mut().poll(cx).is_ready() {
            if *before == at {
                return Poll::Ready(());
            }
            *before = at;
            timer.as_mut().reset(Instant::now() + patience);
        }
        Poll::Pending
    }
}

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let around = CURRENT.replace(Some(Rc::clone(&this.progress)));
        let polled = this.future.as_mut().poll(cx);
        CURRENT.set(around);
        match (polled, this.progress.at()) {
            (Poll::Ready(_done), _) => Poll::Ready(()),
            (Poll::Pending, Some(at)) => this.poll_stalled(at, cx),
            (Poll::Pending, None) => Poll::Pending,
        }
    }
}
