//! What is sent twice under one idempotency key is one event.

use shared::clock::Timestamp;
use shared::event::limits::IDEMPOTENCY;
use shared::event::{Cause, Message};
use shared::id::{AppId, EventId};

use super::{OutboxError, Sent, admit};
use crate::conn::Conn;
use crate::error::StoreError;

/// Idempotency keys that are over, removed along with each new one. More than one, so that they go
/// at least as fast as they come.
const PURGE: i64 = 4;

/// Notes an idempotency key; the earlier event when it was known.
pub(super) fn known(
    conn: &mut dyn Conn,
    app: AppId,
    scope: &str,
    key: Option<&str>,
    event: EventId,
    now: Timestamp,
) -> Result<Option<EventId>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    conn.execute(
        "DELETE FROM event_keys WHERE (app_id, scope, key) IN (SELECT app_id, scope, key \
         FROM event_keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        &[now.as_micros().into(), PURGE.into()],
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
            app.as_bytes().into(),
            scope.into(),
            key.into(),
            event.as_bytes().into(),
            now.plus(IDEMPOTENCY).as_micros().into(),
            now.as_micros().into(),
        ],
    )?;
    let kept = match row {
        Some(row) => EventId::from_bytes(row.array(0)?),
        None => event,
    };
    Ok((kept != event).then_some(kept))
}

/// A message that may become an event.
pub(super) enum Begun {
    /// With this cause.
    New(Cause),
    /// It was sent before, as this event.
    Known(EventId),
}

/// Admits a message, and looks whether it was sent before to the same place.
pub(super) fn begin(
    conn: &mut dyn Conn,
    sent: Sent,
    scope: &str,
    message: &Message,
) -> Result<Begun, OutboxError> {
    let cause = sent.cause.follows(sent.execution, message.id);
    admit(conn, sent.app, cause)?;
    let key = message.idempotency_key.as_deref();
    let earlier = known(conn, sent.app, scope, key, message.id, sent.now)?;
    Ok(earlier.map_or(Begun::New(cause), Begun::Known))
}
