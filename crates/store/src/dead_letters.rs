//! Events whose handlers failed for good, kept until somebody replays or removes them.

use bytes::Bytes;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId};
use shared::invocation::TriggerKind;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::outbox::delivery::{Delivery, cause, kind};
use crate::outbox::insert::{self, New};
use crate::room::Room;
use crate::row::Row;
use crate::text::storable;

/// Dead letters kept per app; the oldest go first.
pub const KEEP_PER_APP: i64 = 100_000;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// Its app.
    pub app: AppId,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub kind: TriggerKind,
    /// The trigger; empty when the event named its script.
    pub trigger: String,
    /// The script that failed.
    pub script: Option<String>,
    /// Its function.
    pub handler: Option<String>,
    /// The queue, topic, collection, path …
    pub subject: String,
    /// What it was ordered by.
    pub order_key: Option<String>,
    /// The kind's own fields: a JSON text.
    pub payload: Bytes,
    /// Where it comes from.
    pub cause: Cause,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// The last error, as JSON.
    pub error: String,
    /// The last attempts, as a JSON array.
    pub history: String,
}

impl DeadLetter {
    /// What a delivery becomes.
    pub fn of(delivery: &Delivery, error: String, now: Timestamp) -> Self {
        Self {
            id: DeadLetterId::new(now),
            app: delivery.app,
            event: delivery.event,
            kind: delivery.kind,
            trigger: delivery.trigger.clone(),
            script: delivery.script.clone(),
            handler: delivery.handler.clone(),
            subject: delivery.subject.clone(),
            order_key: delivery.order_key.clone(),
            payload: delivery.payload.clone(),
            cause: delivery.cause,
            created_at: delivery.created_at,
            died_at: now,
            attempts: delivery.attempt,
            error,
            history: delivery.history.clone(),
        }
    }
}

const COLUMNS: &str = "id, app_id, event_id, kind, trigger_key, script, handler, subject, \
                       order_key, payload, root, parent, depth, created_at, died_at, attempts, \
                       error, history";

fn of_row(row: &Row) -> Result<DeadLetter, StoreError> {
    let event = EventId::from_bytes(row.array("event_id")?);
    Ok(DeadLetter {
        id: DeadLetterId::from_bytes(row.array("id")?),
        app: AppId::from_bytes(row.array("app_id")?),
        event,
        kind: kind(row.text("kind")?)?,
        trigger: row.text("trigger_key")?.to_owned(),
        script: row.opt_text("script")?.map(str::to_owned),
        handler: row.opt_text("handler")?.map(str::to_owned),
        subject: row.text("subject")?.to_owned(),
        order_key: row.opt_text("order_key")?.map(str::to_owned),
        payload: row.opt_blob("payload")?.unwrap_or_default().to_vec().into(),
        cause: cause(row, event)?,
        created_at: Timestamp(row.int("created_at")?),
        died_at: Timestamp(row.int("died_at")?),
        attempts: u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX),
        error: row.text("error")?.to_owned(),
        history: row.text("history")?.to_owned(),
    })
}

/// Stores one, unless its app is gone.
pub(crate) fn insert(conn: &mut dyn Conn, dead: &DeadLetter) -> Result<(), StoreError> {
    if !crate::apps::stays(conn, dead.app)? {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO dead_letters ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    );
    conn.execute(
        &sql,
        &[
            dead.id.as_bytes().into(),
            dead.app.as_bytes().into(),
            dead.event.as_bytes().into(),
            dead.kind.as_str().into(),
            dead.trigger.as_str().into(),
            dead.script.as_deref().into(),
            dead.handler.as_deref().into(),
            dead.subject.as_str().into(),
            dead.order_key.as_deref().into(),
            (&dead.payload[..]).into(),
            dead.cause.root.as_bytes().into(),
            dead.cause.parent.as_ref().map(ExecutionId::as_bytes).into(),
            i64::from(dead.cause.depth).into(),
            dead.created_at.as_micros().into(),
            dead.died_at.as_micros().into(),
            i64::from(dead.attempts).into(),
            storable(&dead.error).as_str().into(),
            storable(&dead.history).as_str().into(),
        ],
    )?;
    trim(conn, dead.app)
}

/// Removes an app's oldest beyond [`KEEP_PER_APP`], two at a time: they go faster than they come.
fn trim(conn: &mut dyn Conn, app: AppId) -> Result<(), StoreError> {
    conn.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE app_id = ?1 \
         ORDER BY id LIMIT 2) AND EXISTS (SELECT 1 FROM dead_letters WHERE app_id = ?1 \
         ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        &[app.as_bytes().into(), KEEP_PER_APP.into()],
    )?;
    Ok(())
}

/// An app's newest dead letters, newest first; an error when they do not fit into `room`.
pub fn list(
    conn: &mut dyn Conn,
    app: AppId,
    limit: i64,
    room: &mut Room,
) -> Result<Vec<DeadLetter>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM dead_letters WHERE app_id = ?1 ORDER BY id DESC LIMIT ?2");
    let mut found = Vec::new();
    conn.query_each(&sql, &[app.as_bytes().into(), limit.into()], &mut |row| {
        room.take(row.bytes())?;
        found.push(of_row(&row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The columns of lists, in which nobody needs the payloads.
fn without_payload() -> String {
    COLUMNS.replace("payload", "NULL AS payload")
}

/// An app's dead letters older than `before`, newest first, without their payloads.
pub fn page(
    conn: &mut dyn Conn,
    app: AppId,
    before: Option<DeadLetterId>,
    limit: i64,
) -> Result<Vec<DeadLetter>, StoreError> {
    let before = before.map_or([0xFF; 16], |id| *id.as_bytes());
    let columns = without_payload();
    let sql = format!(
        "SELECT {columns} FROM dead_letters WHERE app_id = ?1 AND id < ?2 \
         ORDER BY id DESC LIMIT ?3"
    );
    let params = [app.as_bytes().into(), (&before).into(), limit.into()];
    conn.query(&sql, &params)?.iter().map(of_row).collect()
}

/// The dead letters of one event, oldest first, without their payloads.
pub fn of_event(
    conn: &mut dyn Conn,
    app: AppId,
    event: EventId,
    limit: i64,
) -> Result<Vec<DeadLetter>, StoreError> {
    let columns = without_payload();
    let sql = format!(
        "SELECT {columns} FROM dead_letters WHERE app_id = ?1 AND event_id = ?2 \
         ORDER BY id LIMIT ?3"
    );
    let params = [app.as_bytes().into(), event.as_bytes().into(), limit.into()];
    conn.query(&sql, &params)?.iter().map(of_row).collect()
}

/// The ids of the dead letters of one event, oldest first.
pub(crate) fn ids_of_event(
    conn: &mut dyn Conn,
    app: AppId,
    event: EventId,
) -> Result<Vec<DeadLetterId>, StoreError> {
    conn.query(
        "SELECT id FROM dead_letters WHERE app_id = ?1 AND event_id = ?2 ORDER BY id",
        &[app.as_bytes().into(), event.as_bytes().into()],
    )?
    .iter()
    .map(|row| Ok(DeadLetterId::from_bytes(row.array("id")?)))
    .collect()
}

/// The ids of an app's oldest dead letters up to and including one.
pub fn oldest(
    conn: &mut dyn Conn,
    app: AppId,
    up_to: DeadLetterId,
    most: i64,
) -> Result<Vec<DeadLetterId>, StoreError> {
    conn.query(
        "SELECT id FROM dead_letters WHERE app_id = ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        &[app.as_bytes().into(), up_to.as_bytes().into(), most.into()],
    )?
    .iter()
    .map(|row| Ok(DeadLetterId::from_bytes(row.array("id")?)))
    .collect()
}

/// One of an app's dead letters.
pub fn get(
    conn: &mut dyn Conn,
    app: AppId,
    id: DeadLetterId,
) -> Result<Option<DeadLetter>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE app_id = ?1 AND id = ?2");
    conn.query_one(&sql, &[app.as_bytes().into(), id.as_bytes().into()])?
        .as_ref()
        .map(of_row)
        .transpose()
}

/// Gives one up for good; whether it was there. What is sent again under its idempotency key is an
/// event of its own then.
pub fn discard(conn: &mut dyn Conn, app: AppId, id: DeadLetterId) -> Result<bool, StoreError> {
    let Some(dead) = get(conn, app, id)? else {
        return Ok(false);
    };
    conn.execute(
        "DELETE FROM event_keys WHERE app_id = ?1 AND event_id = ?2",
        &[app.as_bytes().into(), dead.event.as_bytes().into()],
    )?;
    remove(conn, app, id)
}

/// Removes one; whether it was there.
fn remove(conn: &mut dyn Conn, app: AppId, id: DeadLetterId) -> Result<bool, StoreError> {
    let gone = conn.execute(
        "DELETE FROM dead_letters WHERE app_id = ?1 AND id = ?2",
        &[app.as_bytes().into(), id.as_bytes().into()],
    )?;
    Ok(gone == 1)
}

/// Gives up an app's dead letters up to and including one, at most `most`; how many went.
pub fn purge(
    conn: &mut dyn Conn,
    app: AppId,
    up_to: Option<DeadLetterId>,
    most: i64,
) -> Result<u64, StoreError> {
    let last = up_to.map_or([0xFF; 16], |id| *id.as_bytes());
    conn.execute(
        "DELETE FROM event_keys WHERE event_id IN (SELECT event_id FROM dead_letters \
         WHERE app_id = ?1 AND id <= ?2 ORDER BY id LIMIT ?3) AND app_id = ?1",
        &[app.as_bytes().into(), (&last).into(), most.into()],
    )?;
    conn.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE app_id = ?1 \
         AND id <= ?2 ORDER BY id LIMIT ?3)",
        &[app.as_bytes().into(), (&last).into(), most.into()],
    )
}

/// Delivers a dead letter again, as the same event, with its history and as many attempts as a new
/// one; with another payload, if one is given. Whether it was there.
pub fn replay(
    conn: &mut dyn Conn,
    app: AppId,
    id: DeadLetterId,
    payload: Option<&[u8]>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(dead) = get(conn, app, id)? else {
        return Ok(false);
    };
    if !remove(conn, app, id)? {
        return Ok(false);
    }
    insert::insert(
        conn,
        &New {
            app,
            event: dead.event,
            kind: dead.kind,
            trigger: &dead.trigger,
            script: dead.script.as_deref(),
            handler: dead.handler.as_deref(),
            subject: &dead.subject,
            order_key: dead.order_key.as_deref(),
            payload: payload.unwrap_or(&dead.payload),
            cause: dead.cause,
            history: &dead.history,
            max_attempts: None,
            // When it happened stays true.
            created_at: dead.created_at,
            due_at: now,
        },
    )?;
    Ok(true)
}
