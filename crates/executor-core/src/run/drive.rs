//! Drives one script from its start to its end: resumes it, waits on its behalf, streams for it.

use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use futures_core::Stream;
use shared::invocation::{
    Completion, Invocation, Outcome, ResponseBody, ScriptResponse, StreamItem,
};
use shared::script_error::{LimitKind, ScriptError, ScriptErrorKind};
use shared::seam::LocalFuture;
use tokio::sync::mpsc;

use super::evaluate::RunOutput;
use super::running::{Running, Turned};
use super::stopped::stopped_error;
use super::worker::Worker;
use crate::language::program::Program;
use crate::sandbox::context::Context;
use crate::sandbox::signal::{Resumed, ScriptHead, StopReason, Yielded};

/// Pieces of a streamed body on their way to the client.
const STREAM_BUFFER: usize = 4;

/// Runs a compiled script. Dropping the future ends the script.
pub(super) fn drive(
    worker: &Rc<Worker>,
    invocation: Box<Invocation>,
    program: Arc<Program>,
) -> LocalFuture<Outcome> {
    match Running::prepare(worker, invocation, program) {
        Ok(running) => Box::pin(Drive {
            new: Some(running),
            rest: None,
        }),
        Err(error) => Box::pin(ready(Outcome::failed(error))),
    }
}

/// A script until its outcome. Most never wait, and should not carry room for it.
struct Drive {
    new: Option<Running>,
    rest: Option<LocalFuture<Outcome>>,
}

impl Future for Drive {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        if let Some(mut running) = self.new.take() {
            match running.resume(Resumed::Go) {
                Turned::Ended(output) => return Poll::Ready(finish(&running, output)),
                Turned::Waits(what) => self.rest = Some(Box::pin(go_on(running, what))),
            }
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// The rest of a run that waits.
async fn go_on(mut running: Running, what: Yielded) -> Outcome {
    match until_head(&mut running, what).await {
        Reached::End(output) => finish(&running, output),
        Reached::Head(head) => {
            let (sender, receiver) = mpsc::channel(STREAM_BUFFER);
            tokio::task::spawn_local(stream(running, sender));
            let body = ResponseBody::Stream(Box::pin(Body(receiver)));
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
        Yielded::Host(future) => match tokio::time::timeout_at(deadline.into(), future).await {
            Ok(answer) => Resumed::Host(answer),
            Err(_elapsed) => Resumed::Stop(StopReason::Limit(LimitKind::Wall)),
        },
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
async fn stream(mut running: Running, to: mpsc::Sender<StreamItem>) {
    let gone = to.clone();
    let rest = async move {
        let mut with = Resumed::Go;
        loop {
            match running.resume(with) {
                Turned::Ended(output) => {
                    let completion = finish(&running, output).completion;
                    // Its slot is free although the client may still be reading.
                    drop(running);
                    drop(to.send(StreamItem::End(Box::new(completion))).await);
                    return;
                }
                Turned::Waits(Yielded::Chunk(bytes)) => {
                    let deadline = running.context.budget.deadline();
                    let sent = to.send(StreamItem::Chunk(bytes));
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
        () = rest => {}
    }
}

/// The outcome of a run that has ended.
fn finish(running: &Running, output: RunOutput) -> Outcome {
    let context: &Context = &running.context;
    let stopped = context.budget.stopped();
    let stopped = stopped.map(|reason| stopped_error(&context.budget.limits, reason));
    let (response, error) = match output {
        RunOutput::Response(response) => (Some(response), None),
        RunOutput::Streamed => (None, None),
        RunOutput::Failed(error) => (None, Some(with_reason(error, stopped))),
    };
    let completion = Completion {
        error,
        usage: context.budget.usage(),
        logs: context.take_logs(),
    };
    Outcome {
        response,
        completion,
    }
}

/// A script that was made to end fails for that reason, at the place the language reports.
fn with_reason(found: ScriptError, stopped: Option<ScriptError>) -> ScriptError {
    match stopped {
        Some(reason) if found.kind != ScriptErrorKind::Internal => ScriptError {
            kind: reason.kind,
            message: reason.message,
            ..found
        },
        _ => found,
    }
}

struct Body(mpsc::Receiver<StreamItem>);

impl Stream for Body {
    type Item = StreamItem;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<StreamItem>> {
        self.0.poll_recv(context)
    }
}
