//! What happens, written down for those who want to know.

mod change;
pub(super) mod event;
mod message;
mod outside;

use std::collections::BTreeMap;

use shared::clock::Timestamp;
use shared::id::{AppId, EventId};

use super::insert::{New, OutboxError, admit, insert};
use super::once::known;
use crate::conn::Conn;
use crate::dead_letters;
use crate::error::StoreError;
use crate::triggers::{self, PARKED, Target};

pub(crate) use change::{Key, change, listeners};
pub use event::{Emitted, Event, Once, To};
pub use message::{Sent, message};
pub use outside::{ByHand, Release, Request};
pub(crate) use outside::{Tick, death};

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

/// Writes an event an app causes, if it may cause one more, and has not caused this one already.
pub fn emit(conn: &mut dyn Conn, event: &Event<'_>) -> Result<Emitted, OutboxError> {
    emit_among(conn, event, &mut Consumers::default())
}

/// Writes an event for one trigger by hand; `None`: there is no such trigger.
pub fn fire(
    conn: &mut dyn Conn,
    by_hand: ByHand<'_>,
    now: Timestamp,
) -> Result<Option<EventId>, OutboxError> {
    let Some(target) = triggers::get(conn, by_hand.app, by_hand.trigger)? else {
        return Ok(None);
    };
    Ok(Some(emit(conn, &by_hand.event(&target, now))?.id()))
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
        if let Some(earlier) = known(conn, event, once, &scope)? {
            // What was given up is tried again by sending it again: a sender's "redeliver" works.
            for dead in dead_letters::ids_of_event(conn, event.app, earlier)? {
                dead_letters::replay(conn, event.app, dead, Some(&event.fields), event.at)?;
            }
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
        order_key: event.order_key.as_deref(),
        payload: &event.fields,
        cause: event.cause,
        history: "[]",
        max_attempts: event.attempts,
        created_at: event.at,
        due_at: event.due_at,
    }
}
