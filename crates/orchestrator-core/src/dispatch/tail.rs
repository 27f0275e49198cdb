//! The live tail of attempts at events: told as an attempt ends, and kept nowhere.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::ExecutionId;
use shared::record::{AttemptEnd, AttemptRecord};
use shared::script_error::ScriptError;
use store::outbox::{Delivery, Failed};

use crate::tails::Tails;

/// Where attempts are told.
pub(crate) type AttemptTails = Tails<AttemptRecord>;

/// Bytes an attempt takes up in memory, about.
pub(crate) fn weight(attempt: &AttemptRecord) -> usize {
    let error = match &attempt.end {
        AttemptEnd::Handled => 0,
        AttemptEnd::Retried { error, .. } | AttemptEnd::Dead { error } => error.len(),
    };
    size_of::<AttemptRecord>() + attempt.subject.len() + error
}

/// Shows a failed attempt to live tails.
pub(super) fn tell_failed(
    tail: &AttemptTails,
    failed: &Failed,
    error: &ScriptError,
    ran: Option<(ExecutionId, Duration)>,
    now: Timestamp,
) {
    let why = || error.message.lines().next().unwrap_or_default().to_owned();
    match failed {
        Failed::Retry {
            delivery, due_at, ..
        } => tail.tell(delivery.app, || {
            let (error, at) = (why(), *due_at);
            let end = AttemptEnd::Retried { error, at };
            told(delivery, delivery.attempt, end, ran, now)
        }),
        Failed::Dead(_, delivery) => tail.tell(delivery.app, || {
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
