//! Events: what happened, and where it came from.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{EventId, ExecutionId, RootId};

pub mod edited;
pub mod request;

/// Where a run or an event stands in the chain it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What began the chain.
    pub root: RootId,
    /// The event that was delivered; `None` for a run that has none.
    pub event: Option<EventId>,
    /// The run that made the event.
    pub parent: Option<ExecutionId>,
    /// Events between the root and here.
    pub depth: u32,
}

impl Cause {
    /// The cause of a run that begins a chain: a request, a direct call.
    pub const fn first(execution: ExecutionId) -> Self {
        Self {
            root: RootId::from_bytes(*execution.as_bytes()),
            event: None,
            parent: None,
            depth: 0,
        }
    }

    /// The cause of an event that begins a chain: a schedule, a webhook, a release.
    pub const fn outside(event: EventId) -> Self {
        Self {
            root: RootId::from_bytes(*event.as_bytes()),
            event: Some(event),
            parent: None,
            depth: 0,
        }
    }

    /// The cause of an event a run makes.
    pub const fn follows(self, execution: ExecutionId, event: EventId) -> Self {
        Self {
            root: self.root,
            event: Some(event),
            parent: Some(execution),
            depth: self.depth + 1,
        }
    }
}

/// An attempt at an event that failed, as the event's history keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedAttempt {
    /// Which it was, from 1.
    pub attempt: u32,
    /// The run.
    pub execution: ExecutionId,
    /// When it failed.
    pub at: String,
    /// What kind of error it was.
    pub kind: String,
    /// The error's text, at most 500 characters of it.
    pub message: String,
}

/// An event as its handler gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventInput {
    /// The same in every attempt: what to deduplicate by.
    pub id: EventId,
    /// When it happened.
    pub time: Timestamp,
    /// The kind's own fields: the text of a JSON object.
    pub fields: Bytes,
}

/// A message for a queue, a topic or a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The event it becomes.
    pub id: EventId,
    /// The message: a JSON text.
    #[serde(with = "crate::service::base64")]
    pub body: Bytes,
    /// Messages with the same key are handled one after the other, in order (queues only).
    pub key: Option<String>,
    /// Milliseconds until it may be handled.
    pub delay_ms: u64,
    /// A message with the same key within a day, or `unique_for_ms`, is the same message.
    pub idempotency_key: Option<String>,
    /// For how many milliseconds the idempotency key is remembered; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_for_ms: Option<u64>,
    /// How often it is tried at most, whatever the trigger says (queues only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// What a run does to the outside of itself, apart from reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// A write of the key-value service.
    Kv(crate::kv::KvCall),
    /// A message for a queue.
    Send(crate::name::QueueName, Message),
    /// A message for a topic.
    Publish(crate::name::TopicName, Message),
    /// A run of another script of the app, later.
    Invoke(crate::name::ScriptName, Message),
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Destination {
    /// A queue.
    Queue(crate::name::QueueName),
    /// The subscribers of a topic.
    Topic(crate::name::TopicName),
    /// A script of the app.
    Script(crate::name::ScriptName),
}

impl Destination {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(queue) => queue.as_str(),
            Self::Topic(topic) => topic.as_str(),
            Self::Script(script) => script.as_str(),
        }
    }
}

impl Effect {
    /// The message it sends, and where to; `None` when it sends none.
    pub fn message(&self) -> Option<(Destination, &Message)> {
        match self {
            Self::Kv(_) => None,
            Self::Send(queue, message) => Some((Destination::Queue(queue.clone()), message)),
            Self::Publish(topic, message) => Some((Destination::Topic(topic.clone()), message)),
            Self::Invoke(script, message) => Some((Destination::Script(script.clone()), message)),
        }
    }
}

impl Effect {
    /// The same, where the message it sends is another attempt at this event.
    #[must_use]
    pub fn for_event(mut self, event: EventId) -> Self {
        match &mut self {
            Self::Kv(_) => {}
            Self::Send(_, message) | Self::Publish(_, message) | Self::Invoke(_, message) => {
                message.id = event;
            }
        }
        self
    }
}

/// A key a transaction has read, and the version it saw; `None`: it was not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadKey {
    /// The collection.
    pub collection: crate::name::CollectionName,
    /// The key.
    pub key: String,
    /// Its version.
    pub version: Option<i64>,
}

/// Bounds of events.
pub mod limits {
    use std::time::Duration;

    /// Bytes of one message.
    pub const MESSAGE_BYTES: usize = 256 << 10;
    /// What is said of one that has more; `what` it is.
    pub fn message_too_long(what: &str, bytes: usize) -> String {
        let most = MESSAGE_BYTES >> 10;
        format!("{what} has at most {most} KiB as JSON; this one has {bytes} bytes")
    }
    /// Bytes of an ordering or idempotency key.
    pub const KEY_BYTES: usize = 256;
    /// Effects in one transaction, and messages in one `send_many`.
    pub const EFFECTS: usize = 1_000;
    /// Bytes of all values and messages in one transaction or one `send_many`.
    pub const EFFECT_BYTES: usize = 8 << 20;
    /// Events between a request, a schedule or a webhook and what follows from it.
    pub const DEPTH: u32 = 8;
    /// Longest delay.
    pub const DELAY: Duration = Duration::from_hours(24 * 365);
    /// How long an idempotency key is remembered, where nothing else is said.
    pub const IDEMPOTENCY: Duration = Duration::from_hours(24);
    /// The longest time an idempotency key can be remembered.
    pub const UNIQUE_FOR: Duration = Duration::from_hours(24 * 30);
    /// How often a handler may ask for another time for one event.
    pub const SNOOZES: u32 = 1_000;
    /// Attempts whose errors are kept with an event.
    pub const HISTORY: usize = 20;
    /// Crashes of the executor during a run after which the event is not tried again.
    pub const CRASHES: i64 = 3;
}
