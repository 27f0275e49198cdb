//! What is kept about a run.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::Cause;
use crate::id::{AppId, EventId, ExecutionId, RequestId};
use crate::invocation::{AppContext, Completion, ScriptImage, TriggerKind};

/// One finished run.
#[derive(Debug)]
pub struct ExecutionRecord {
    /// Its id.
    pub id: ExecutionId,
    /// The request it belonged to.
    pub request: RequestId,
    /// The app.
    pub app: Arc<AppContext>,
    /// The script.
    pub script: Arc<ScriptImage>,
    /// The release that was active.
    pub release: i64,
    /// Why it ran.
    pub trigger: TriggerKind,
    /// Method and path, for requests.
    pub target: Option<(http::Method, String)>,
    /// Status answered; 0 when there was no answer.
    pub status: u16,
    /// When it started.
    pub started_at: Timestamp,
    /// How it ended.
    pub completion: Completion,
    /// Where it comes from.
    pub cause: Cause,
    /// Which attempt at its event it was, from 1.
    pub attempt: u32,
}

/// One attempt at handling an event that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The app.
    pub app: AppId,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub kind: TriggerKind,
    /// The queue, topic, collection, schedule or path.
    pub subject: String,
    /// The script; none when there was none to run.
    pub script: Option<String>,
    /// Its function.
    pub handler: Option<String>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What comes of it.
    pub end: AttemptEnd,
    /// The run and how long it took; none when nothing ran.
    pub run: Option<(ExecutionId, Duration)>,
    /// When it ended.
    pub at: Timestamp,
}

/// What comes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The event is handled.
    Handled,
    /// It failed and is tried again.
    Retried {
        /// Why.
        error: String,
        /// When.
        at: Timestamp,
    },
    /// It failed for good.
    Dead {
        /// Why.
        error: String,
    },
}

impl ExecutionRecord {
    /// The app, which owns the record.
    pub fn app_id(&self) -> AppId {
        self.app.id
    }

    /// The outcome's name in lists, filters and metrics.
    pub fn outcome(&self) -> &'static str {
        self.completion.outcome()
    }
}
