//! The record of a run through the API, kept however the run ends.

use std::sync::Arc;

use shared::clock::Timestamp;
use shared::error::Error;
use shared::event::Cause;
use shared::id::{ExecutionId, RequestId};
use shared::invocation::{AppContext, Completion, Invocation, Outcome, ScriptImage, TriggerKind};
use shared::record::ExecutionRecord;
use shared::script_error::ScriptError;
use shared::seam::ExecutionLog;
use tokio::sync::OwnedSemaphorePermit;

use crate::manager::Manager;

/// A run under way. Dropped before its end, it is recorded as cancelled.
pub(super) struct Run {
    log: Arc<dyn ExecutionLog>,
    execution: ExecutionId,
    request: RequestId,
    app: Arc<AppContext>,
    script: Arc<ScriptImage>,
    release: i64,
    target: Option<(http::Method, String)>,
    started_at: Timestamp,
    open: bool,
    _permit: OwnedSemaphorePermit,
}

impl Run {
    pub(super) fn new(
        manager: &Manager,
        invocation: &Invocation,
        release: i64,
        started_at: Timestamp,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let http = invocation.http();
        Self {
            log: Arc::clone(&manager.parts().log),
            execution: invocation.execution,
            request: invocation.request,
            app: Arc::clone(&invocation.app),
            script: Arc::clone(&invocation.script),
            release,
            target: http.map(|http| (http.method.clone(), http.uri.path().to_owned())),
            started_at,
            open: true,
            _permit: permit,
        }
    }

    /// Its id.
    pub(super) fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// The script's name.
    pub(super) fn script(&self) -> &Arc<ScriptImage> {
        &self.script
    }

    /// Records its end.
    pub(super) fn finish(mut self, status: u16, completion: Completion) {
        self.record(status, completion);
    }

    fn record(&mut self, status: u16, completion: Completion) {
        self.open = false;
        self.log.record(ExecutionRecord {
            id: self.execution,
            request: self.request,
            app: Arc::clone(&self.app),
            script: Arc::clone(&self.script),
            release: self.release,
            trigger: TriggerKind::Manual,
            target: self.target.take(),
            status,
            started_at: self.started_at,
            completion,
            cause: Cause::first(self.execution),
            attempt: 1,
        });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.open {
            self.record(0, Outcome::cancelled().completion);
        }
    }
}

/// The status a failed script answers with.
pub(super) fn failed_status(error: &ScriptError) -> u16 {
    let own = error.public.as_ref().map(|public| public.status);
    own.unwrap_or_else(|| Error::of_script(error).kind.status().as_u16())
}
