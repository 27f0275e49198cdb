//! What waits, and what people send.

use serde::{Deserialize, Serialize};

use crate::event::FailedAttempt;
use crate::id::{EventId, ExecutionId, RootId};
use crate::name::ScriptName;

wire! {
    /// An event on its way to a handler.
    struct Delivery {
        /// Its number; later ones are larger.
        seq: i64,
        /// The event.
        event: EventId,
        /// What happened: `kv`, `queue`, `cron` …
        kind: String,
        /// The queue, topic, collection, schedule or path.
        subject: String,
        /// The trigger; null when the event names its script.
        trigger: Option<String>,
        /// The script; null while nobody consumes the queue.
        script: Option<String>,
        /// Its function; null: the top level.
        handler: Option<String>,
        /// What it waits for: `in_flight` (nothing: a server has it, and runs it or is about to), `due`
        /// (a place), `delayed` (its time), `retrying` (its next attempt) or `unconsumed` (somebody who
        /// handles it).
        state: String,
        /// Whether its trigger is paused: then it is not started, whatever else it waits for.
        paused: bool,
        /// Attempts made.
        attempt: u32,
        /// How often its handler has asked for another time.
        snoozes: u32,
        /// When it may be handled; null while nobody consumes the queue.
        due_at: Option<String>,
        /// When it happened.
        created_at: String,
        /// Deliveries with the same key are handled one after the other.
        order_key: Option<String>,
        /// What began the chain it belongs to.
        root: RootId,
        /// The run that made the event; null: it came from outside.
        parent: Option<ExecutionId>,
    }

    /// A delivery with everything known about it.
    struct DeliveryDetail {
        /// The delivery.
        delivery: Delivery,
        /// The fields of the event; a text with them when they are nested too deeply for an answer.
        /// A request, of an async route or a webhook, is `{method, path, headers, body}`, with
        /// `[redacted]` for what its caller signs in with.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        payload: serde_json::Value,
        /// The last failed attempts, oldest first.
        history: Vec<FailedAttempt>,
    }

    /// `POST /apps/{app}/deliveries/{delivery}/delay`: how long a delivery waits.
    #[serde(deny_unknown_fields)]
    struct DelayRequest {
        /// From now, like `10m`; at most 365 days.
        delay: String,
    }

    /// What became of deliveries that were cancelled.
    struct Cancelled {
        /// How many are gone.
        cancelled: u64,
        /// How many of them were in a server's hands: a run that had begun goes on, and its end
        /// changes nothing.
        in_flight: u64,
    }

    /// A queue.
    struct Queue {
        /// Its name.
        name: String,
        /// Messages that are not handled yet.
        depth: u64,
        /// When the oldest of them was sent.
        oldest_at: Option<String>,
        /// How many milliseconds ago that was.
        oldest_age_ms: Option<i64>,
        /// The script that consumes it; null: messages wait until one does.
        consumer: Option<ScriptName>,
        /// Since when it is paused: messages wait, and none is started. Null: it is not.
        paused_at: Option<String>,
    }

    /// A queue with what its messages wait for.
    struct QueueDetail {
        /// The queue.
        queue: Queue,
        /// Its messages by what they wait for.
        states: QueueStates,
    }

    /// Messages of a queue by what they wait for.
    struct QueueStates {
        /// For nothing: a server has them, and runs them or is about to.
        in_flight: u64,
        /// For a place, or for the queue to go on.
        due: u64,
        /// For their time.
        delayed: u64,
        /// For their next attempt.
        retrying: u64,
        /// For somebody who consumes the queue.
        unconsumed: u64,
    }

    /// `POST /apps/{app}/queues/{queue}/messages`: a message by hand.
    #[serde(deny_unknown_fields)]
    struct SendRequest {
        /// The message, at most 256 KiB.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        message: serde_json::Value,
        /// Messages with the same key are handled one after the other.
        #[serde(default)]
        key: Option<String>,
        /// When it may be handled, from now, like `10m`.
        #[serde(default)]
        delay: Option<String>,
        /// A message with the same key within a day is the same message.
        #[serde(default)]
        idempotency_key: Option<String>,
        /// How often it is tried at most, 1 to 100.
        #[serde(default)]
        attempts: Option<u32>,
    }

    /// What was sent.
    struct SentEvent {
        /// The event; an earlier one where the idempotency key was known.
        event: EventId,
        /// Whether it was sent before, under the same idempotency key.
        known: bool,
        /// Whether its trigger is paused: then it waits for that to go on.
        paused: bool,
    }
}
