//! What becomes of an event whose attempt failed.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::event::FailedAttempt;
use shared::event::limits::HISTORY;
use shared::id::ExecutionId;
use shared::retry::{Decision, RetryPolicy};
use shared::script_error::{ScriptError, ScriptErrorKind};
use store::dead_letters::DeadLetter;
use store::outbox::{Delivery, Failed};

/// Longest pause for which a failed delivery with a key, and those behind it, stay in memory.
const KEEP: Duration = Duration::from_secs(2);

/// Characters of an error that the history keeps.
const MESSAGE: usize = 500;

/// Counts a failed attempt, and decides whether there is another.
pub(super) fn judge(
    mut delivery: Delivery,
    error: &ScriptError,
    execution: ExecutionId,
    retry: &RetryPolicy,
    now: Timestamp,
) -> Failed {
    if error.kind == ScriptErrorKind::Cancelled {
        // The server is stopping: the attempt did not fail, it did not end.
        return Failed::Back {
            delivery,
            due_at: now,
        };
    }
    delivery.attempt += 1;
    delivery.history = noted(&delivery, error, execution, now);
    match retry.decide(delivery.attempt, error.kind, fastrand::f64()) {
        Decision::After(pause) => Failed::Retry {
            due_at: now.plus(pause),
            // Those behind it are in this process's hands too. For a moment they may stay there.
            keep: delivery.order_key.is_some() && pause <= KEEP,
            delivery,
        },
        Decision::GiveUp => {
            let text = serde_json::to_string(error).unwrap_or_else(|_| "null".to_owned());
            let dead = DeadLetter::of(&delivery, text, now);
            Failed::Dead(Box::new(dead), delivery)
        }
    }
}

/// The history of a delivery with one more attempt.
fn noted(
    delivery: &Delivery,
    error: &ScriptError,
    execution: ExecutionId,
    now: Timestamp,
) -> String {
    let mut history: Vec<FailedAttempt> =
        serde_json::from_str(&delivery.history).unwrap_or_default();
    history.push(FailedAttempt {
        attempt: delivery.attempt,
        execution,
        at: now.to_rfc3339(),
        kind: error.kind.as_str().to_owned(),
        message: error.message.chars().take(MESSAGE).collect(),
    });
    let surplus = history.len().saturating_sub(HISTORY);
    history.drain(..surplus);
    serde_json::to_string(&history).expect("texts and numbers serialize")
}
