//! What happens, written down for those who want to know.

mod change;
mod message;
mod outside;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId};
use shared::invocation::TriggerKind;

use super::once::known;
use super::{New, OutboxError, admit, insert};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::triggers::{self, PARKED, Target};

pub(crate) use change::{Key, change, listeners};
pub(super) use message::place;
pub use message::{Sent, message};
pub use outside::{Release, Request};
pub(crate) use outside::{death, tick};

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
    pub order_key: Option<&'a str>,
    /// Who handles it.
    pub to: To<'a>,
    /// What was sent before under this key is the same event.
    pub once: Option<Once<'a>>,
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

/// A key under which an event happens once within a day.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// The kind of place it is sent to: keys of other places are others.
    pub place: &'static str,
    /// The key.
    pub key: &'a str,
}

impl Event<'_> {
    /// A trigger's key, and the place idempotency keys belong to.
    fn scope(&self, place: &str) -> String {
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

/// Whether the queues of one transaction have consumers, asked once for each.
#[derive(Debug, Default)]
pub(crate) struct Consumers(BTreeMap<String, bool>);

impl Consumers {
    fn has(&mut self, conn: &mut dyn Conn, app: AppId, key: &str) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(key) {
            return Ok(*known);
        }
        let has = triggers::has_consumer(conn, app, key)?;
        self.0.insert(key.to_owned(), has);
        Ok(has)
    }
}

/// A JSON text as part of another.
fn raw(text: &[u8]) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::Corrupt {
        what: "message",
        reason: error.to_string(),
    })
}

/// Writes an event an app causes, if it may cause one more, and has not caused this one already.
pub fn emit(conn: &mut dyn Conn, event: &Event<'_>) -> Result<Emitted, OutboxError> {
    emit_among(conn, event, &mut Consumers::default())
}

/// Writes an event an app causes beside others in one transaction.
pub(crate) fn emit_among(
    conn: &mut dyn Conn,
    event: &Event<'_>,
    consumers: &mut Consumers,
) -> Result<Emitted, OutboxError> {
    admit(conn, event.app, event.cause)?;
    if let Some(once) = event.once {
        let scope = event.scope(once.place);
        if let Some(earlier) = known(conn, event.app, &scope, once.key, event.id, event.at)? {
            return Ok(Emitted::Known(earlier));
        }
    }
    write(conn, event, consumers)?;
    Ok(Emitted::New(event.id))
}

/// Writes what the platform itself has to tell, whatever waits: a deploy that mends a full outbox
/// must go through, a dead letter must have its place, and a tick comes once.
pub(crate) fn tell(conn: &mut dyn Conn, event: &Event<'_>) -> Result<(), StoreError> {
    write(conn, event, &mut Consumers::default())
}

/// One delivery for each who handles it.
fn write(
    conn: &mut dyn Conn,
    event: &Event<'_>,
    consumers: &mut Consumers,
) -> Result<(), StoreError> {
    match event.to {
        To::Triggers => {
            let targets =
                triggers::wanting(conn, event.app, event.kind, event.subject, event.filter)?;
            to_all(conn, event, &targets)
        }
        To::Those(targets) => to_all(conn, event, targets),
        To::Script {
            trigger,
            script,
            handler,
        } => insert(conn, &of(event, trigger, Some((script, handler)))),
        To::Queue => {
            // The queue itself is the trigger.
            let queue = event.scope("queue");
            let mut new = of(event, &queue, None);
            // A delayed message is looked at when its time has come.
            if event.due_at <= event.at && !consumers.has(conn, event.app, &queue)? {
                new.due_at = PARKED;
            }
            insert(conn, &new)
        }
    }
}

fn to_all(conn: &mut dyn Conn, event: &Event<'_>, targets: &[Target]) -> Result<(), StoreError> {
    targets.iter().try_for_each(|target| {
        let handler = Some((target.script.as_str(), target.handler.as_deref()));
        insert(conn, &of(event, &target.key, handler))
    })
}

fn of<'a>(
    event: &'a Event<'_>,
    trigger: &'a str,
    handler: Option<(&'a str, Option<&'a str>)>,
) -> New<'a> {
    New {
        app: event.app,
        event: event.id,
        kind: event.kind,
        trigger,
        script: handler.map(|(script, _)| script),
        handler: handler.and_then(|(_, function)| function),
        subject: event.subject,
        order_key: event.order_key,
        payload: &event.fields,
        cause: event.cause,
        history: "[]",
        created_at: event.at,
        due_at: event.due_at,
    }
}
