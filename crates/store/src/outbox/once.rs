//! What is sent twice under one idempotency key is one event.

use shared::clock::Timestamp;
use shared::event::Destination;
use shared::event::limits::IDEMPOTENCY;
use shared::id::{AppId, EventId};

use crate::conn::Conn;
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

/// Notes an idempotency key; the earlier event when it was known.
pub(super) fn known(
    conn: &mut dyn Conn,
    app: AppId,
    scope: &str,
    key: &str,
    event: EventId,
    now: Timestamp,
) -> Result<Option<EventId>, StoreError> {
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
        Some(row) => EventId::from_bytes(row.array("event_id")?),
        None => event,
    };
    Ok((kept != event).then_some(kept))
}

/// The event that was sent to a destination under an idempotency key within the last day.
pub fn sent_before(
    conn: &mut dyn Conn,
    app: AppId,
    to: &Destination,
    key: &str,
    now: Timestamp,
) -> Result<Option<EventId>, StoreError> {
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
    row.map(|row| row.array("event_id").map(EventId::from_bytes))
        .transpose()
}
