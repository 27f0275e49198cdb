//! What is remembered about a run while it goes on, and recorded however it ends.

use std::sync::Arc;

use http::{Method, Uri};
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{ExecutionId, RequestId};
use shared::invocation::{Completion, Outcome, TriggerKind};
use shared::record::ExecutionRecord;

use super::Ingress;
use crate::catalog::{LiveApp, LiveScript};

/// The facts of a run.
pub(super) struct Run {
    pub(super) ingress: Arc<Ingress>,
    pub(super) app: Arc<LiveApp>,
    pub(super) script: Arc<LiveScript>,
    pub(super) execution: ExecutionId,
    pub(super) request: RequestId,
    pub(super) target: (Method, Uri),
    pub(super) started_at: Timestamp,
}

impl Run {
    fn answered(&self, status: u16) {
        let elapsed = self.ingress.clock.now().since(self.started_at);
        self.script.metrics.observe(status, elapsed);
    }

    fn ended(self, status: u16, completion: Completion) {
        let recorder = &self.ingress.recorder;
        let outcome = completion.error.as_ref();
        self.script
            .metrics
            .http_run(outcome.map_or("ok", |error| error.kind.as_str()));
        let quiet = completion.error.is_none() && completion.logs.is_empty();
        let kept = recorder.admits(&self.app.state.quota, quiet);
        if quiet && !kept {
            return;
        }
        let (method, uri) = self.target;
        let record = ExecutionRecord {
            id: self.execution,
            request: self.request,
            app: Arc::clone(&self.app.context),
            script: Arc::clone(&self.script.image),
            release: self.app.release,
            trigger: TriggerKind::Http,
            target: Some((method, uri.path().to_owned())),
            status,
            started_at: self.started_at,
            completion,
            cause: Cause::first(self.execution),
            attempt: 1,
        };
        // Live tails see also what is not stored.
        recorder.publish(&record);
        if kept {
            recorder.keep(record);
        }
    }
}

/// A run to be recorded once. Dropped before its end, it records that nobody waited for it.
pub(super) struct PendingRecord {
    run: Option<Run>,
    /// Answered with, once there is an answer; 0 before.
    status: u16,
}

impl PendingRecord {
    pub(super) fn new(run: Run) -> Self {
        Self {
            run: Some(run),
            status: 0,
        }
    }

    /// The record, for a new owner; nothing is left here.
    pub(super) fn take(&mut self) -> Self {
        Self {
            run: self.run.take(),
            status: self.status,
        }
    }

    pub(super) fn request(&self) -> Option<RequestId> {
        self.run.as_ref().map(|run| run.request)
    }

    /// The head of the answer is known.
    pub(super) fn answered(&mut self, status: u16) {
        self.status = status;
        if let Some(run) = &self.run {
            run.answered(status);
        }
    }

    /// The run has ended.
    pub(super) fn ended(&mut self, completion: Completion) {
        if let Some(run) = self.run.take() {
            run.ended(self.status, completion);
        }
    }

    /// Whether the run's end is still to come.
    pub(super) fn is_open(&self) -> bool {
        self.run.is_some()
    }
}

impl Drop for PendingRecord {
    fn drop(&mut self) {
        if !self.is_open() {
            return;
        }
        if self.status == 0 {
            self.answered(0);
        }
        self.ended(Outcome::cancelled().completion);
    }
}
