//! Triggers, what waits for them, and what failed for good.

use serde::{Deserialize, Serialize};

use super::observe::Execution;
use super::waiting::Delivery;
use crate::event::FailedAttempt;
use crate::id::{DeadLetterId, EventId, ExecutionId, RootId};
use crate::trigger::TriggerSpec;

wire! {
    /// A trigger of the active release.
    struct Trigger {
        /// What it is known by.
        key: String,
        /// What the release says about it.
        spec: TriggerSpec,
        /// `cron`: when it fires next; null: never again.
        next_run: Option<String>,
        /// `cron`: the next five times its schedule has.
        next_runs: Vec<String>,
        /// `cron`: how many times were skipped because the last run went on; null for other kinds.
        skipped: Option<u64>,
        /// Since when it is paused: what happens waits, and nothing of it is started. Null: it is not.
        paused_at: Option<String>,
    }

    /// `POST /apps/{app}/triggers/pause` and `…/resume`: which trigger.
    #[serde(deny_unknown_fields)]
    struct TriggerRequest {
        /// Its key, as the list of triggers tells it; `queue/NAME` for any queue.
        trigger: String,
    }

    /// Whether a trigger is paused.
    struct TriggerState {
        /// Its key.
        trigger: String,
        /// Whether it is paused.
        paused: bool,
        /// Whether the request has changed that.
        changed: bool,
    }

    /// `POST /apps/{app}/triggers/run`: an event by hand.
    #[serde(deny_unknown_fields)]
    struct RunTriggerRequest {
        /// The trigger's key, as the list of triggers tells it.
        trigger: String,
        /// Fields of the event, at most 256 KiB; those that follow from the trigger may be absent. Of
        /// a queue `message` and perhaps `key`, of a key `key`, `value`, `old` and `op`, of a webhook
        /// `body`, `headers`, `path` and `method`.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        event: Option<serde_json::Map<String, serde_json::Value>>,
    }

    /// `POST /apps/{app}/triggers/preview`: when a schedule would run.
    #[serde(deny_unknown_fields)]
    struct SchedulePreviewRequest {
        /// Five or six fields, or a nickname like `@daily`.
        schedule: String,
        /// The zone it is in; UTC when absent.
        #[serde(default)]
        timezone: Option<String>,
    }

    /// When a schedule runs.
    struct SchedulePreview {
        /// The next five times.
        next_runs: Vec<String>,
    }

    /// An attempt at handling an event, in the live tail.
    #[expect(clippy::struct_field_names, reason = "the wire's name for its number")]
    struct Attempt {
        /// The event.
        event: EventId,
        /// What happened: `kv`, `queue`, `cron` …
        kind: String,
        /// The queue, topic, collection, schedule or path.
        subject: String,
        /// The script; null when there was none to run.
        script: Option<String>,
        /// Its function.
        handler: Option<String>,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// `handled`, `retried` or `dead`.
        outcome: String,
        /// First line of the error.
        error: Option<String>,
        /// `retried`: when it is tried again.
        retry_at: Option<String>,
        /// The run; null when nothing ran.
        execution: Option<ExecutionId>,
        /// How long it took.
        duration_ms: Option<f64>,
        /// When it ended.
        at: String,
    }

    /// `GET /apps/{app}/events/{event}`: what became of an event.
    #[expect(clippy::struct_field_names, reason = "the wire's name for an event's id")]
    struct Event {
        /// The event.
        event: EventId,
        /// What began the chain it belongs to.
        root: Option<RootId>,
        /// Its attempts, oldest first; the latest 200.
        executions: Vec<Execution>,
        /// All runs of its chain, oldest first; the latest 200.
        chain: Vec<Execution>,
        /// Handlers that have not handled it yet; at most 200.
        deliveries: Vec<Delivery>,
        /// Handlers that failed for good; at most 200.
        dead_letters: Vec<DeadLetter>,
    }

    /// An event whose handler failed for good.
    struct DeadLetter {
        /// Its id.
        id: DeadLetterId,
        /// The event.
        event: EventId,
        /// What had happened: `kv`, `queue`, `cron` …
        kind: String,
        /// The queue, topic, collection, schedule or path.
        subject: String,
        /// The trigger; null when the event named its script.
        trigger: Option<String>,
        /// The script that failed.
        script: Option<String>,
        /// Its function.
        handler: Option<String>,
        /// What it was ordered by.
        order_key: Option<String>,
        /// First line of the last error.
        error: Option<String>,
        /// Attempts made.
        attempts: u32,
        /// What began the chain it belongs to.
        root: RootId,
        /// The run that made the event.
        parent: Option<ExecutionId>,
        /// When it happened.
        created_at: String,
        /// When it was given up.
        died_at: String,
    }

    /// A dead letter with everything known about it.
    struct DeadLetterDetail {
        /// The dead letter.
        dead_letter: DeadLetter,
        /// The fields of the event; a text with them when they are nested too deeply for an answer.
        /// A request, of an async route or a webhook, is `{method, path, headers, body}`, with
        /// `[redacted]` for what its caller signs in with.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        payload: serde_json::Value,
        /// The whole last error.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        error: serde_json::Value,
        /// The last attempts, oldest first.
        history: Vec<FailedAttempt>,
        /// The runs of these attempts, oldest first, while they are kept.
        executions: Vec<Execution>,
    }

    /// `POST /apps/{app}/dead-letters/{dead_letter}/replay`; the body may be absent.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    struct ReplayRequest {
        /// Other values for fields of the event; a field that is absent stays, one that the event
        /// does not have is refused. At most 256 KiB. For a request: other `headers` and another
        /// `body`; a header given as `[redacted]` stays.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        payload: Option<serde_json::Map<String, serde_json::Value>>,
    }

    /// What is delivered again.
    struct Replayed {
        /// The event; it keeps its id.
        event: EventId,
    }

    /// `POST /apps/{app}/dead-letters/replay`: either `ids` or `all`.
    #[serde(deny_unknown_fields)]
    struct ReplayManyRequest {
        /// These, at most 1000; those that are not there any more are left out.
        #[serde(default)]
        ids: Option<Vec<DeadLetterId>>,
        /// All there are when the request arrives, oldest first.
        #[serde(default)]
        all: bool,
    }

    /// How many are delivered again.
    struct ReplayedMany {
        /// So many.
        replayed: u64,
        /// Whether some of those that were asked for are left: ask again.
        more: bool,
    }

    /// How many dead letters were removed.
    struct Purged {
        /// So many.
        removed: u64,
    }
}
