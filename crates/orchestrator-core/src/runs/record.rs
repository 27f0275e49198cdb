//! What is remembered about a run while it goes on, and recorded however it ends.

use std::sync::Arc;

use http::{Method, Uri};
use shared::clock::{SharedClock, Timestamp};
use shared::event::Cause;
use shared::id::{ExecutionId, RequestId};
use shared::invocation::{Completion, Outcome, TriggerKind};
use shared::memory::Memory;
use shared::record::ExecutionRecord;

use crate::catalog::{LiveApp, LiveScript};
use crate::recorder::Recorder;

/// Where runs are recorded, and by which clock.
pub(super) struct Books {
    pub(super) recorder: Arc<Recorder>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: SharedClock,
}

/// The facts of a run.
pub(super) struct Facts {
    pub(super) books: Arc<Books>,
    pub(super) app: Arc<LiveApp>,
    pub(super) script: Arc<LiveScript>,
    pub(super) execution: ExecutionId,
    pub(super) request: RequestId,
    pub(super) trigger: TriggerKind,
    pub(super) cause: Cause,
    pub(super) attempt: u32,
    pub(super) target: Option<(Method, Uri)>,
    pub(super) started_at: Timestamp,
}

impl Facts {
    fn answered(&self, status: u16) {
        // Whether a client of a route waits for it.
        if self.trigger == TriggerKind::Http && self.target.is_some() {
            let elapsed = self.books.clock.now().since(self.started_at);
            self.script.metrics.observe(status, elapsed);
        }
    }

    fn ended(self, status: u16, completion: Completion) {
        let recorder = &self.books.recorder;
        let outcome = completion.outcome();
        self.script.metrics.ran(self.trigger, outcome);
        let quiet = completion.error.is_none() && completion.logs.is_empty();
        let kept = recorder.admits(&self.app.state.quota, quiet);
        if quiet && !kept {
            return;
        }
        let target = self.target;
        let record = ExecutionRecord {
            id: self.execution,
            request: self.request,
            app: Arc::clone(&self.app.context),
            script: Arc::clone(&self.script.image),
            release: self.app.release,
            trigger: self.trigger,
            target: target.map(|(method, uri)| (method, uri.path().to_owned())),
            status,
            started_at: self.started_at,
            completion,
            cause: self.cause,
            attempt: self.attempt,
        };
        // Live tails see also what is not stored.
        recorder.publish(&record);
        if kept {
            recorder.keep(record);
        }
    }
}

/// A run to be recorded once. Dropped before its end, it records that nobody waited for it.
pub(super) struct Pending {
    facts: Option<Facts>,
    /// Answered with, once there is an answer; 0 before.
    status: u16,
}

impl Pending {
    pub(super) fn new(facts: Facts) -> Self {
        Self {
            facts: Some(facts),
            status: 0,
        }
    }

    /// The record, for a new owner; nothing is left here.
    pub(super) fn take(&mut self) -> Self {
        Self {
            facts: self.facts.take(),
            status: self.status,
        }
    }

    /// The facts, until the run has ended.
    pub(super) fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// The head of the answer is known.
    pub(super) fn answered(&mut self, status: u16) {
        self.status = status;
        if let Some(facts) = &self.facts {
            facts.answered(status);
        }
    }

    /// The run has ended.
    pub(super) fn ended(&mut self, completion: Completion) {
        if let Some(facts) = self.facts.take() {
            facts.ended(self.status, completion);
        }
    }

    /// The run has ended, and nobody waited for that.
    pub(super) fn abandoned(&mut self, completion: Completion) {
        if self.status == 0 {
            self.answered(0);
        }
        self.ended(completion);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.facts.is_some() {
            self.abandoned(Outcome::cancelled().completion);
        }
    }
}
