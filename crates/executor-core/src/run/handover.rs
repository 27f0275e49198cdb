//! Runs that one thread waits for and another one runs.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use shared::invocation::{Farewell, Invocation, Outcome};
use shared::seam::{BoxFuture, Execution, LocalExecution, SentExecution};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::reply::{Answer, Reply, reply};

/// A run on its way to another worker.
pub(crate) struct Handover {
    invocation: Box<Invocation>,
    reply: Reply,
}

/// A run on another worker, as whoever waits for it sees it.
struct Sent {
    /// Until there is room in that worker's queue.
    queued: Option<BoxFuture<()>>,
    answer: Answer,
}

/// Gives a run to the worker with this queue.
pub(crate) fn send(queue: &mpsc::Sender<Handover>, invocation: Box<Invocation>) -> SentExecution {
    let (reply, answer) = reply();
    let queued = match queue.try_send(Handover { invocation, reply }) {
        // A worker that has ended drops the run, which tells so by itself.
        Ok(()) | Err(TrySendError::Closed(_)) => None,
        Err(TrySendError::Full(handover)) => {
            let queue = queue.clone();
            let queued: BoxFuture<()> = Box::pin(async move { drop(queue.send(handover).await) });
            Some(queued)
        }
    };
    Box::pin(Sent { queued, answer })
}

impl Future for Sent {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Some(queued) = &mut self.queued
            && queued.as_mut().poll(cx).is_ready()
        {
            self.queued = None;
        }
        self.answer.poll(cx)
    }
}

impl Execution for Sent {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        let Self { queued, answer } = *Pin::into_inner(self);
        answer.abandon(told);
        // One that is not in the queue yet is dropped, and tells so by itself.
        drop(queued);
    }
}

/// A run on another worker, as that worker sees it.
pub(crate) struct TakenOver<S> {
    new: Option<(Box<Invocation>, S)>,
    run: Option<LocalExecution>,
    reply: Option<Reply>,
}

impl<S: FnOnce(Box<Invocation>) -> LocalExecution> TakenOver<S> {
    /// Starts the run when it is first polled.
    pub(crate) fn new(handover: Handover, start: S) -> Self {
        Self {
            new: Some((handover.invocation, start)),
            run: None,
            reply: Some(handover.reply),
        }
    }
}

impl<S: FnOnce(Box<Invocation>) -> LocalExecution + Unpin> Future for TakenOver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { new, run, reply } = &mut *self;
        let abandoned = reply.as_mut().map(|reply| reply.poll_abandoned(cx));
        if abandoned.is_none_or(|abandoned| abandoned.is_ready()) {
            return Poll::Ready(());
        }
        if let Some((invocation, start)) = new.take() {
            *run = Some(start(invocation));
        }
        let Some(running) = run else {
            return Poll::Ready(());
        };
        let outcome = ready!(running.as_mut().poll(cx));
        *run = None;
        if let Some(reply) = reply.take() {
            reply.send(outcome);
        }
        Poll::Ready(())
    }
}

impl<S> Drop for TakenOver<S> {
    /// Nobody waits any more, or this thread ends.
    fn drop(&mut self) {
        if let (Some(run), Some(reply)) = (self.run.take(), self.reply.take()) {
            run.abandon(Box::new(move |completion| {
                reply.send(Outcome::without_answer(completion));
            }));
        }
    }
}
