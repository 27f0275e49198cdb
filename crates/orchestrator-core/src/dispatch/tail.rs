//! The live tail of attempts at events: told as an attempt ends, and kept nowhere.

use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use shared::clock::Timestamp;
use shared::id::{AppId, ExecutionId};
use shared::record::{AttemptEnd, AttemptRecord};
use shared::script_error::ScriptError;
use store::outbox::{Delivery, Failed};
use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// Attempts a slow reader may lag behind.
const TAIL: usize = 1_024;

/// What a live tail shows next.
#[derive(Clone, Debug)]
pub enum AttemptItem {
    /// An attempt has ended.
    Ended(Arc<AttemptRecord>),
    /// The reader was too slow: so many attempts of the instance went by unseen.
    Gap(u64),
}

/// Where attempts are told.
#[derive(Clone, Debug)]
pub struct AttemptTail(broadcast::Sender<Arc<AttemptRecord>>);

impl Default for AttemptTail {
    fn default() -> Self {
        Self(broadcast::channel(TAIL).0)
    }
}

impl AttemptTail {
    /// An app's attempts from now on.
    pub fn subscribe(&self, app: AppId) -> impl Stream<Item = AttemptItem> + use<> {
        BroadcastStream::new(self.0.subscribe()).filter_map(move |item| match item {
            Ok(attempt) if attempt.app == app => Some(AttemptItem::Ended(attempt)),
            Ok(_other) => None,
            Err(BroadcastStreamRecvError::Lagged(missed)) => Some(AttemptItem::Gap(missed)),
        })
    }

    /// Tells an attempt, which is put together only when somebody listens.
    pub(super) fn tell(&self, attempt: impl FnOnce() -> AttemptRecord) {
        if self.0.receiver_count() > 0 {
            // Failing means that nobody listens any more.
            drop(self.0.send(Arc::new(attempt())));
        }
    }
}

/// Shows a failed attempt to live tails.
pub(super) fn tell_failed(
    tail: &AttemptTail,
    failed: &Failed,
    error: &ScriptError,
    ran: Option<(ExecutionId, Duration)>,
    now: Timestamp,
) {
    let why = || error.message.lines().next().unwrap_or_default().to_owned();
    match failed {
        Failed::Retry {
            delivery, due_at, ..
        } => tail.tell(|| {
            let (error, at) = (why(), *due_at);
            let end = AttemptEnd::Retried { error, at };
            told(delivery, delivery.attempt, end, ran, now)
        }),
        Failed::Dead(_, delivery) => tail.tell(|| {
            let end = AttemptEnd::Dead { error: why() };
            told(delivery, delivery.attempt, end, ran, now)
        }),
        // It did not end.
        Failed::Back { .. } => {}
    }
}

/// A delivery as an attempt that has ended.
pub(super) fn told(
    delivery: &Delivery,
    attempt: u32,
    end: AttemptEnd,
    run: Option<(ExecutionId, Duration)>,
    at: Timestamp,
) -> AttemptRecord {
    AttemptRecord {
        app: delivery.app,
        event: delivery.event,
        kind: delivery.kind,
        subject: delivery.subject.clone(),
        script: delivery.script.clone(),
        handler: delivery.handler.clone(),
        attempt,
        end,
        run,
        at,
    }
}
