//! What is sent twice under one idempotency key is one event.

use shared::clock::Timestamp;
use shared::event::Destination;
use shared::id::{AppId, EventId};

use super::emit::event::{Event, Once};
use crate::conn::Conn;
use crate::dead_letters;
use crate::error::StoreError;

/// Idempotency keys that are over, removed along with each new one. More than one, so that they go
/// at least as fast as they come.
const PURGE: i64 = 4;

/// What idempotency keys of messages to a destination belong to.
pub(super) const fn place(to: &Destination) -> &'static str {
    match to {
        Destination::Queue(_) => "queue",
        Destination::Topic(_) => "topic",
        Destination::Script(_) => "script",
    }
}

/// Notes the idempotency key of an event; the event it belongs to when it was known.
pub(super) fn known(
    conn: &mut dyn Conn,
    event: &Event<'_>,
    once: Once<'_>,
    scope: &str,
) -> Result<Option<EventId>, StoreError> {
    let now = event.at.as_micros();
    conn.execute(
        "DELETE FROM event_keys WHERE (app_id, scope, key) IN (SELECT app_id, scope, key \
         FROM event_keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        &[now.into(), PURGE.into()],
    )?;
    let before = conn.query_one(
        "SELECT 1 FROM event_keys WHERE app_id = ?1 AND scope = ?2 AND key = ?3 AND expires_at > ?4",
        &[
            event.app.as_bytes().into(),
            scope.into(),
            once.key.into(),
            now.into(),
        ],
    )?;
    // An update that changes nothing locks the row, so that two senders of one key take turns.
    let row = conn.query_one(
        "INSERT INTO event_keys (app_id, scope, key, event_id, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (app_id, scope, key) DO UPDATE SET \
         event_id = CASE WHEN event_keys.expires_at <= ?6 THEN excluded.event_id \
         ELSE event_keys.event_id END, \
         expires_at = CASE WHEN event_keys.expires_at <= ?6 THEN excluded.expires_at \
         ELSE event_keys.expires_at END RETURNING event_id",
        &[
            event.app.as_bytes().into(),
            scope.into(),
            once.key.into(),
            event.id.as_bytes().into(),
            event.at.plus(once.within).as_micros().into(),
            now.into(),
        ],
    )?;
    let Some(row) = row else { return Ok(None) };
    let kept = EventId::from_bytes(row.array("event_id")?);
    // One that is sent again as the same event finds its own id, noted earlier.
    Ok((before.is_some() || kept != event.id).then_some(kept))
}

/// An event that was sent before under an idempotency key that still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The event.
    pub event: EventId,
    /// Whether a handler of it was given up: what is sent again is tried again.
    pub died: bool,
}

/// The event that was sent to a destination under an idempotency key, if that still counts.
pub fn sent_before(
    conn: &mut dyn Conn,
    app: AppId,
    to: &Destination,
    key: &str,
    now: Timestamp,
) -> Result<Option<Before>, StoreError> {
    let scope = format!("{}/{}", place(to), to.name());
    let row = conn.query_one(
        "SELECT event_id FROM event_keys WHERE app_id = ?1 AND scope = ?2 AND key = ?3 \
         AND expires_at > ?4",
        &[
            app.as_bytes().into(),
            scope.as_str().into(),
            key.into(),
            now.as_micros().into(),
        ],
    )?;
    let Some(row) = row else { return Ok(None) };
    let event = EventId::from_bytes(row.array("event_id")?);
    let died = !dead_letters::ids_of_event(conn, app, event)?.is_empty();
    Ok(Some(Before { event, died }))
}
