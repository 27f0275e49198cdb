//! The one door for runs: whatever runs a script starts it here, and leaves a record here however
//! the run ends.

mod deletion;
mod record;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Uri};
use shared::allowance::Grant;
use shared::clock::{SharedClock, Timestamp};
use shared::event::Cause;
use shared::id::{AppId, ExecutionId, RequestId};
use shared::invocation::{
    BodyStream, Completion, Input, Invocation, Outcome, ResponseBody, StreamItem, TriggerKind,
    Usage,
};
use shared::memory::{Held, Memory, NoRoom, Order};
use shared::name::FunctionName;
use shared::script_error::{LimitKind, ScriptError, ScriptErrorKind};
use shared::seam::{Execution, Executor};

use crate::admission::Permit;
use crate::catalog::{LiveApp, LiveScript};
use crate::recorder::Recorder;
use deletion::Deletion;
use record::{Books, Facts, Pending};

/// What runs scripts and records that it did.
pub(crate) struct Runs {
    executor: Arc<dyn Executor>,
    books: Arc<Books>,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runs")
    }
}

/// A run to start.
pub(crate) struct Plan {
    /// The app, as it is served.
    pub(crate) app: Arc<LiveApp>,
    /// Its script: what is served, or a draft.
    pub(crate) script: Arc<LiveScript>,
    /// The function to call.
    pub(crate) handler: Option<FunctionName>,
    /// What the script gets.
    pub(crate) input: Input,
    /// Why it runs.
    pub(crate) trigger: TriggerKind,
    /// What it follows from; `None`: it is the first of its chain.
    pub(crate) cause: Option<Cause>,
    /// Which attempt at its event it is, from 1.
    pub(crate) attempt: u32,
    /// The request it belongs to; `None`: it has none, and its own id stands for one.
    pub(crate) request: Option<RequestId>,
    /// What its caller has left, if a script called it.
    pub(crate) grant: Option<Grant>,
    /// Method and URL to record.
    pub(crate) target: Option<(Method, Uri)>,
    /// When it begins.
    pub(crate) started_at: Timestamp,
    /// The places it takes up.
    pub(crate) places: Places,
}

/// The places one run takes up: of its script, and of what is around that. They are free when
/// this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Places {
    _held: [Option<Permit>; 3],
    /// The memory of the request's body.
    body: Option<Held>,
}

impl Places {
    /// Holds the memory of a request's body too.
    pub(crate) fn hold(&mut self, memory: Option<Held>) {
        self.body = memory;
    }
}

impl From<Permit> for Places {
    fn from(place: Permit) -> Self {
        [Some(place), None, None].into()
    }
}

impl From<[Option<Permit>; 3]> for Places {
    fn from(held: [Option<Permit>; 3]) -> Self {
        Self {
            _held: held,
            body: None,
        }
    }
}

impl Runs {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        recorder: Arc<Recorder>,
        memory: Arc<Memory>,
        clock: SharedClock,
    ) -> Arc<Self> {
        let books = Arc::new(Books {
            recorder,
            memory,
            clock,
        });
        Arc::new(Self { executor, books })
    }

    /// Whether a run of this app would find memory.
    pub(crate) fn has_room(&self, app: AppId, order: Order) -> bool {
        self.books.memory.has_room(Some(app), order)
    }

    /// Starts a run on the least loaded worker.
    pub(crate) fn start(self: &Arc<Self>, plan: Plan) -> Run {
        self.begin(plan, Executor::submit)
    }

    /// Starts a run on the calling worker.
    pub(crate) fn start_here(self: &Arc<Self>, plan: Plan) -> Run<dyn Execution> {
        self.begin(plan, Executor::execute)
    }

    fn begin<E: Execution + ?Sized>(
        self: &Arc<Self>,
        plan: Plan,
        start: fn(&dyn Executor, Box<Invocation>) -> Pin<Box<E>>,
    ) -> Run<E> {
        let execution = ExecutionId::new(plan.started_at);
        let unasked = || RequestId::from_bytes(*execution.as_bytes());
        let request = plan.request.unwrap_or_else(unasked);
        let cause = plan.cause.unwrap_or(Cause::first(execution));
        let invocation = Box::new(Invocation {
            execution,
            request,
            app: Arc::clone(&plan.app.context),
            script: Arc::clone(&plan.script.image),
            handler: plan.handler,
            limits: plan.script.limits,
            grant: plan.grant.clone().map(Box::new),
            trigger: plan.trigger,
            cause,
            attempt: plan.attempt,
            input: Some(plan.input),
        });
        Run {
            running: Some(start(&*self.executor, invocation)),
            deletion: Deletion::of(&plan.app.state),
            execution,
            grant: plan.grant.map(Box::new),
            record: Pending::new(Facts {
                books: Arc::clone(&self.books),
                app: plan.app,
                script: plan.script,
                execution,
                request,
                trigger: plan.trigger,
                cause,
                attempt: plan.attempt,
                target: plan.target,
                started_at: plan.started_at,
            }),
            places: plan.places,
        }
    }
}

/// A run under way, and what is needed when it has ended. Dropped before that, it ends the script
/// and is recorded as what it came to; its places are free when the script has ended.
pub(crate) struct Run<E: Execution + ?Sized = dyn Execution + Send> {
    /// Until the script has ended or begins to stream.
    running: Option<Pin<Box<E>>>,
    deletion: Deletion,
    execution: ExecutionId,
    grant: Option<Box<Grant>>,
    record: Pending,
    places: Places,
}

impl<E: Execution + ?Sized> Run<E> {
    /// Its id.
    pub(crate) fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// Its outcome, once. A streaming script goes on: see [`Self::streams`]. For any other,
    /// [`Self::ended`] is to be called. It ends when its app is deleted.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        if let Poll::Ready(outcome) = running.as_mut().poll(cx) {
            self.running = None;
            return Poll::Ready(outcome);
        }
        ready!(self.deletion.poll(cx));
        let (running, places) = (self.running.take(), self.places());
        if let Some(running) = running {
            running.abandon(Box::new(move |_completion| drop(places)));
        }
        Poll::Ready(Outcome::failed(deletion::error()))
    }

    /// The request it belongs to; `None` after its end.
    pub(crate) fn request(&self) -> Option<RequestId> {
        self.record.facts().map(|facts| facts.request)
    }

    /// The head of the answer is known.
    pub(crate) fn answered(&mut self, status: u16) {
        self.record.answered(status);
    }

    /// Records the end of a run that had its outcome.
    pub(crate) fn ended(&mut self, completion: Completion) {
        self.record.ended(completion);
    }

    /// Its answer, which holds its memory until the last byte of it has gone out.
    pub(crate) fn hold_answer(&self, answer: Bytes) -> Result<Bytes, NoRoom> {
        let Some(facts) = self.record.facts() else {
            return Ok(answer);
        };
        let app = facts.app.context.id;
        let mut held = facts.books.memory.hold(Some(app), Order::Request);
        held.grow(answer.len() as u64)?;
        Ok(held.around(answer))
    }

    /// Its places, for whoever holds them until the answer has gone out.
    pub(crate) fn places(&mut self) -> Places {
        std::mem::take(&mut self.places)
    }

    /// Goes on while the script streams its answer.
    pub(crate) fn streams(&mut self, pieces: BodyStream) -> Streaming {
        Streaming {
            pieces: Some(pieces),
            deletion: self.deletion.take(),
            record: self.record.take(),
            places: self.places(),
        }
    }
}

/// How a run ended whose answer nobody reads.
pub(crate) struct Ended {
    pub(crate) execution: ExecutionId,
    pub(crate) error: Option<ScriptError>,
    pub(crate) usage: Usage,
}

impl Run {
    /// Waits for its outcome, as [`Self::poll`] does.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Waits for its end; the answer goes nowhere.
    pub(crate) async fn end(mut self) -> Ended {
        let execution = self.execution;
        let outcome = self.outcome().await;
        let status = outcome.response.as_ref().map(|r| r.status.as_u16());
        self.answered(status.unwrap_or(0));
        let ended = |completion: &Completion| Ended {
            execution,
            error: completion.error.clone(),
            usage: completion.usage,
        };
        let Some(ResponseBody::Stream(pieces)) = outcome.response.map(|r| r.body) else {
            let end = ended(&outcome.completion);
            self.ended(outcome.completion);
            return end;
        };
        let mut streaming = self.streams(pieces);
        loop {
            if let Some(StreamItem::End(completion)) = poll_fn(|cx| streaming.poll(cx)).await {
                let end = ended(&completion);
                streaming.ended(*completion);
                return end;
            }
        }
    }
}

impl<E: Execution + ?Sized> Drop for Run<E> {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let (mut record, places) = (self.record.take(), self.places());
        let reason = reason(self.grant.as_deref());
        running.abandon(Box::new(move |mut completion| {
            if let Some(reason) = reason {
                because(&mut completion, reason);
            }
            record.abandoned(completion);
            drop(places);
        }));
    }
}

/// Why a run is given up now, if not because nobody waits for it.
fn reason(grant: Option<&Grant>) -> Option<ScriptError> {
    if std::thread::panicking() {
        let text = "the platform failed while running the script; the server's log has the details";
        return Some(ScriptError::new(ScriptErrorKind::Internal, text));
    }
    let late = grant.filter(|grant| grant.until <= Instant::now());
    late.and_then(|grant| grant.allowance.used_up(LimitKind::Wall))
}

/// Gives a cancelled run its reason.
fn because(completion: &mut Completion, reason: ScriptError) {
    let error = completion.error.as_mut();
    if let Some(error) = error.filter(|error| error.kind == ScriptErrorKind::Cancelled) {
        error.kind = reason.kind;
        error.message = reason.message;
        error.limit_of = reason.limit_of;
    }
}

/// A run that streams its answer, recorded when that has ended, however it does.
pub(crate) struct Streaming {
    pieces: Option<BodyStream>,
    deletion: Deletion,
    record: Pending,
    places: Places,
}

impl Streaming {
    /// The next piece, then the end, which is to be given to [`Self::ended`], then nothing.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        let Some(pieces) = &mut self.pieces else {
            return Poll::Ready(None);
        };
        let Poll::Ready(item) = pieces.as_mut().poll_next(cx) else {
            ready!(self.deletion.poll(cx));
            let end = Outcome::failed(deletion::error()).completion;
            if let Some(pieces) = self.pieces.take() {
                let places = std::mem::take(&mut self.places);
                pieces.abandon(Box::new(move |_completion| drop(places)));
            }
            return Poll::Ready(Some(StreamItem::End(Box::new(end))));
        };
        if !matches!(item, Some(StreamItem::Chunk(_))) {
            self.pieces = None;
        }
        let end = || {
            let text = "the executor went away in the middle of an answer";
            let error = ScriptError::new(ScriptErrorKind::Internal, text);
            StreamItem::End(Box::new(Outcome::failed(error).completion))
        };
        Poll::Ready(Some(item.unwrap_or_else(end)))
    }

    /// Records the end.
    pub(crate) fn ended(&mut self, completion: Completion) {
        self.record.ended(completion);
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            let mut record = self.record.take();
            let places = std::mem::take(&mut self.places);
            pieces.abandon(Box::new(move |completion| {
                record.abandoned(completion);
                drop(places);
            }));
        }
    }
}
