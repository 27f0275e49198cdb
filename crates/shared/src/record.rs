//! What is kept about a run.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{AppId, ExecutionId, RequestId};
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
}

impl ExecutionRecord {
    /// The app, which owns the record.
    pub fn app_id(&self) -> AppId {
        self.app.id
    }

    /// The outcome's name in lists, filters and metrics.
    pub fn outcome(&self) -> &'static str {
        self.completion
            .error
            .as_ref()
            .map_or("ok", |error| error.kind.as_str())
    }
}
