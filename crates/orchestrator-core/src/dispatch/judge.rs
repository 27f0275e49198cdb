//! What becomes of an event whose attempt failed.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::event::FailedAttempt;
use shared::event::limits::{HISTORY, SNOOZES};
use shared::id::ExecutionId;
use shared::retry::{Decision, RetryPolicy};
use shared::script_error::{RetryWish, ScriptError, ScriptErrorKind};
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
    // Its handler's wish, which is no failed attempt. There is an end to wishes.
    if let Some(RetryWish::In(pause)) = error.retry
        && delivery.snoozes < SNOOZES
    {
        delivery.snoozes += 1;
        return again(delivery, Duration::from_millis(pause), now);
    }
    delivery.attempt += 1;
    delivery.history = noted(&delivery, error, execution, now);
    let decision = match error.retry {
        Some(RetryWish::Never | RetryWish::In(_)) => Decision::GiveUp,
        None => retry.decide(delivery.attempt, error.kind, fastrand::f64()),
    };
    match decision {
        Decision::After(pause) => again(delivery, pause, now),
        Decision::GiveUp => {
            let text = serde_json::to_string(&last(error)).unwrap_or_else(|_| "null".to_owned());
            let dead = DeadLetter::of(&delivery, text, now);
            Failed::Dead(Box::new(dead), delivery)
        }
    }
}

fn again(delivery: Delivery, pause: Duration, now: Timestamp) -> Failed {
    Failed::Retry {
        due_at: now.plus(pause),
        // Those behind it are in this process's hands too. For a moment they may stay there.
        keep: delivery.order_key.is_some() && pause <= KEEP,
        delivery,
    }
}

/// The last error as its dead letter keeps it: why it is one is said.
fn last(error: &ScriptError) -> ScriptError {
    let mut error = error.clone();
    if let Some(RetryWish::In(_)) = error.retry {
        let more = format!(" (its handler has asked for another time {SNOOZES} times)");
        error.message.push_str(&more);
    }
    error
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
