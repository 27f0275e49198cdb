//! Drives one script from its start to its end: resumes it, waits on its behalf, streams for it.

use std::future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use shared::invocation::{
    Completion, Farewell, Invocation, Outcome, Pieces, ResponseBody, ScriptResponse, StreamItem,
};
use shared::script_error::{LimitKind, ScriptError};
use shared::seam::{Execution, LocalExecution, LocalFuture, Silent};
use tokio::sync::mpsc;

use super::evaluate::RunOutput;
use super::reply::{Answer, Reply, reply};
use super::running::{Running, Turned, internal};
use super::stopped::stopped_error;
use super::worker::Worker;
use crate::language::program::Program;
use crate::sandbox::context::Context;
use crate::sandbox::signal::{Resumed, ScriptHead, StopReason, Yielded};

/// Pieces of a streamed body on their way to the client.
const STREAM_BUFFER: usize = 4;

/// How long a script that was called may take to tell that its time is over, which is its caller's:
/// what it used by then is to be counted.
const CALLEE_GRACE: Duration = Duration::from_millis(100);

/// Runs a compiled script. Dropping the future ends the script.
pub(super) fn drive(
    worker: &Rc<Worker>,
    invocation: Box<Invocation>,
    program: Arc<Program>,
) -> LocalExecution {
    match Running::prepare(worker, invocation, program) {
        Ok(running) => Box::pin(Drive {
            new: Some(running),
            rest: None,
        }),
        Err(error) => Box::pin(Silent(future::ready(Outcome::failed(error)))),
    }
}

/// A script until its outcome. Most never wait, and should not carry room for it.
struct Drive {
    new: Option<Running>,
    rest: Option<Rest>,
}

/// A script that waits.
struct Rest {
    outcome: LocalFuture<Outcome>,
    context: Rc<Context>,
}

impl Future for Drive {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        if let Some(mut running) = self.new.take() {
            match running.resume(Resumed::Go) {
                Turned::Ended(output) => return Poll::Ready(finish(&running, output)),
                Turned::Waits(what) => {
                    let context = Rc::clone(&running.context);
                    let outcome = Box::pin(go_on(running, what));
                    self.rest = Some(Rest { outcome, context });
                }
            }
        }
        match &mut self.rest {
            Some(rest) => rest.outcome.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Execution for Drive {
    fn abandon(mut self: Pin<Box<Self>>, told: Farewell) {
        self.new = None;
        let Some(Rest { outcome, context }) = self.rest.take() else {
            return told(Outcome::cancelled().completion);
        };
        drop(outcome);
        told(ended_early(&context));
    }
}

/// The rest of a run that waits.
async fn go_on(mut running: Running, what: Yielded) -> Outcome {
    match until_head(&mut running, what).await {
        Reached::End(output) => finish(&running, output),
        Reached::Head(head) => {
            let (sender, pieces) = mpsc::channel(STREAM_BUFFER);
            let (reply, answer) = reply();
            tokio::task::spawn_local(stream(running, sender, reply));
            let body = ResponseBody::Stream(Box::pin(Body {
                pieces,
                answer: Some(answer),
            }));
            let response = ScriptResponse {
                status: head.status,
                headers: head.headers,
                body,
            };
            Outcome {
                response: Some(response),
                completion: Completion::default(),
            }
        }
    }
}

enum Reached {
    Head(ScriptHead),
    End(RunOutput),
}

async fn until_head(running: &mut Running, mut what: Yielded) -> Reached {
    loop {
        let with = match what {
            Yielded::Head(head) => return Reached::Head(head),
            // A chunk without a head cannot happen; dropping it is the safe answer.
            Yielded::Chunk(_) => Resumed::Go,
            what => wait(running, what).await,
        };
        match running.resume(with) {
            Turned::Ended(output) => return Reached::End(output),
            Turned::Waits(next) => what = next,
        }
    }
}

/// Waits for what a script waits for, but not beyond its deadline. A script that used its first
/// slice then also waits for its turn.
async fn wait(running: &Running, what: Yielded) -> Resumed {
    let resumed = match what {
        Yielded::Preempted => Resumed::Go,
        other => wait_outside(running, other).await,
    };
    if running.long && !matches!(resumed, Resumed::Stop(_)) {
        running.turn().await;
    }
    resumed
}

async fn wait_outside(running: &Running, what: Yielded) -> Resumed {
    let deadline = running.context.budget.deadline();
    match what {
        Yielded::Host(future) => {
            // A script that was called has the same deadline and ends by itself.
            let grace = running.context.calls().then_some(CALLEE_GRACE);
            let until = deadline + grace.unwrap_or_default();
            match tokio::time::timeout_at(until.into(), future).await {
                Ok(answer) => Resumed::Host(answer),
                Err(_elapsed) => Resumed::Stop(StopReason::Limit(LimitKind::Wall)),
            }
        }
        Yielded::Sleep(duration) => {
            let until = Instant::now().checked_add(duration).unwrap_or(deadline);
            tokio::time::sleep_until(until.min(deadline).into()).await;
            if until >= deadline {
                Resumed::Stop(StopReason::Limit(LimitKind::Wall))
            } else {
                Resumed::Go
            }
        }
        Yielded::Preempted | Yielded::Head(_) | Yielded::Chunk(_) => Resumed::Go,
    }
}

/// The rest of a run whose head is out: sends its pieces, then its end.
async fn stream(mut running: Running, to: mpsc::Sender<Bytes>, reply: Reply) {
    // Dropped after the script, however this ends.
    let mut end = StreamEnd {
        context: Rc::clone(&running.context),
        reply: Some(reply),
    };
    let gone = to.clone();
    let rest = async move {
        let mut with = Resumed::Go;
        loop {
            match running.resume(with) {
                // Its slot is free although the client may still be reading.
                Turned::Ended(output) => return finish(&running, output),
                Turned::Waits(Yielded::Chunk(bytes)) => {
                    let deadline = running.context.budget.deadline();
                    let sent = to.send(bytes);
                    with = match tokio::time::timeout_at(deadline.into(), sent).await {
                        // A client that is gone is noticed below.
                        Ok(_sent_or_gone) => Resumed::Go,
                        Err(_elapsed) => Resumed::Stop(StopReason::Limit(LimitKind::Wall)),
                    };
                }
                Turned::Waits(what) => with = wait(&running, what).await,
            }
        }
    };
    tokio::select! {
        // The client went away: dropping the run ends it.
        () = gone.closed() => {}
        outcome = rest => end.send(outcome),
    }
}

/// Tells the end of a streaming script, also when it does not come to it.
struct StreamEnd {
    context: Rc<Context>,
    reply: Option<Reply>,
}

impl StreamEnd {
    fn send(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            reply.send(outcome);
        }
    }
}

impl Drop for StreamEnd {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply.send(Outcome::without_answer(ended_early(&self.context)));
        }
    }
}

/// The outcome of a run that has ended.
fn finish(running: &Running, output: RunOutput) -> Outcome {
    let context: &Context = &running.context;
    let stopped = context.budget.stopped();
    let stopped = stopped.map(|reason| stopped_error(context, reason));
    let (response, error) = match output {
        RunOutput::Response(response) => (Some(response), None),
        RunOutput::Streamed => (None, None),
        RunOutput::Failed(error) => (None, Some(with_reason(error, stopped))),
    };
    let (logs, told) = context.take_logs();
    let completion = Completion {
        error,
        usage: context.budget.usage(),
        logs,
        told,
    };
    Outcome {
        response,
        completion,
    }
}

/// A script that was made to end fails for that reason, at the place the language reports.
fn with_reason(found: ScriptError, stopped: Option<ScriptError>) -> ScriptError {
    match stopped {
        Some(reason) => ScriptError {
            kind: reason.kind,
            message: reason.message,
            limit_of: reason.limit_of,
            ..found
        },
        None => found,
    }
}

/// The end of a run whose script was ended because nobody waits.
fn ended_early(context: &Context) -> Completion {
    let reason = context.budget.stopped().unwrap_or(StopReason::Cancelled);
    let stopped = stopped_error(context, reason);
    let error = match context.last_words() {
        // What the platform was doing for it panicked: nobody cancelled it.
        _ if std::thread::panicking() => internal(),
        Some(found) => with_reason(found, Some(stopped)),
        None => stopped,
    };
    let (logs, told) = context.take_logs();
    Completion {
        error: Some(error),
        usage: context.budget.usage(),
        logs,
        told,
    }
}

/// A streamed body.
struct Body {
    pieces: mpsc::Receiver<Bytes>,
    /// Until its end has come.
    answer: Option<Answer>,
}

impl Stream for Body {
    type Item = StreamItem;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<StreamItem>> {
        if let Some(bytes) = ready!(self.pieces.poll_recv(context)) {
            return Poll::Ready(Some(StreamItem::Chunk(bytes)));
        }
        let Some(answer) = &mut self.answer else {
            return Poll::Ready(None);
        };
        let outcome = ready!(answer.poll(context));
        self.answer = None;
        Poll::Ready(Some(StreamItem::End(Box::new(outcome.completion))))
    }
}

impl Pieces for Body {
    fn abandon(mut self: Pin<Box<Self>>, told: Farewell) {
        if let Some(answer) = self.answer.take() {
            answer.abandon(told);
        }
    }
}
