//! Runs end with their app: what it had is gone, so nothing they do can count any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use shared::script_error::{ScriptError, ScriptErrorKind};

use crate::admission::AppState;

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Waits for the deletion of an app. Nothing is set up before there is something to wait for: most
/// runs end at their first turn.
#[derive(Default)]
pub(super) struct Deletion {
    app: Option<Arc<AppState>>,
    waiting: Option<Waiting>,
}

impl Deletion {
    /// The deletion of this app.
    pub(super) fn of(app: &Arc<AppState>) -> Self {
        Self {
            app: Some(Arc::clone(app)),
            waiting: None,
        }
    }

    /// The same, for whoever goes on waiting.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Whether the app is deleted by now.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(app) = self.app.take() {
            self.waiting = Some(Box::pin(app.until_deleted()));
        }
        let waiting = self.waiting.as_mut();
        waiting.map_or(Poll::Pending, |waiting| waiting.as_mut().poll(cx))
    }
}

/// What a run ends with whose app is deleted.
pub(super) fn error() -> ScriptError {
    let text = "the app was deleted while the script was running";
    ScriptError::new(ScriptErrorKind::Cancelled, text)
}
