//! An event, before it is written.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId};
use shared::invocation::TriggerKind;

use crate::error::StoreError;
use crate::triggers::Target;

/// Something that happened in an app.
#[derive(Debug)]
pub struct Event<'a> {
    /// The app.
    pub app: AppId,
    /// Its id, if it is new.
    pub id: EventId,
    /// What happened.
    pub kind: TriggerKind,
    /// What it is about: the queue, topic, collection, path …
    pub subject: &'a str,
    /// What triggers of its kind look at besides: of a change, the key.
    pub filter: Option<&'a str>,
    /// The kind's own fields: a JSON text.
    pub fields: Cow<'a, [u8]>,
    /// Where it comes from.
    pub cause: Cause,
    /// Those with the same key are handled one after the other.
    pub order_key: Option<Cow<'a, str>>,
    /// Who handles it.
    pub to: To<'a>,
    /// What was sent before under this key is the same event.
    pub once: Option<Once<'a>>,
    /// How often it is tried at most, where that is not its handler's to say.
    pub attempts: Option<u32>,
    /// When it happened.
    pub at: Timestamp,
    /// When it may be handled.
    pub due_at: Timestamp,
}

/// Who handles an event.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// The triggers of its kind that want it.
    Triggers,
    /// These triggers; somebody has looked them up.
    Those(&'a [Target]),
    /// Its queue, which keeps it while nobody consumes it.
    Queue,
    /// A script, whatever triggers there are.
    Script {
        /// What its deliveries belong to; empty for none.
        trigger: &'a str,
        /// The script.
        script: &'a str,
        /// Its function.
        handler: Option<&'a str>,
    },
}

/// A key under which an event happens once within a time.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// The kind of place it is sent to: keys of other places are others.
    pub place: &'static str,
    /// The key.
    pub key: &'a str,
    /// How long it counts.
    pub within: Duration,
}

impl Event<'_> {
    /// A trigger's key, and the place idempotency keys belong to.
    pub(super) fn scope(&self, place: &str) -> String {
        format!("{place}/{}", self.subject)
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// It is new.
    New(EventId),
    /// It was sent before, under the same idempotency key, as this event.
    Known(EventId),
}

impl Emitted {
    /// The event.
    pub fn id(self) -> EventId {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// A JSON text as part of another.
pub(super) fn raw(text: &[u8]) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::Corrupt {
        what: "message",
        reason: error.to_string(),
    })
}
