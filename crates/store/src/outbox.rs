//! The outbox: what has happened and still has to be handled.
//!
//! A delivery is written in the transaction of what it tells about. It is held by one process at a
//! time, or waits. Every later write to it is conditioned on its epoch, which grows whenever it
//! changes hands: an answer that comes too late changes nothing.

mod claim;
mod clock;
mod emit;
mod once;
mod recover;
mod settle;

use bytes::Bytes;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId, ExecutionId, NodeId, RootId};
use shared::invocation::TriggerKind;

use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::handover::{Backlog, Hold, Notice};
use crate::row::Row;

pub use claim::{Due, Span, claim, due, overdue, waiting_apps};
pub use clock::pull_back;
pub(crate) use emit::{Consumers, Key, change, death, emit_among, listeners, tell, tick};
pub use emit::{Emitted, Event, Once, Release, Request, Sent, To, emit, message};
pub use once::sent_before;
pub use recover::{
    Node, held_by, hold_lease, look_up, nodes, notify, release_node, release_own, remove_node,
    renew_lease, take_over,
};
pub use settle::{Failed, mark_started, settle};

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The app's outbox is full.
    #[error(
        "the app has as many undelivered events as it may have; try again when its handlers have caught up"
    )]
    Full,
    /// Too many events follow from each other.
    #[error(
        "{0} events follow from each other here, which looks like a loop; the limit is {max}",
        max = shared::event::limits::DEPTH
    )]
    TooDeep(u32),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One event on its way to one handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number: later ones are larger.
    pub seq: i64,
    /// Grows whenever it changes hands.
    pub epoch: i64,
    /// The app.
    pub app: AppId,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub kind: TriggerKind,
    /// The trigger; empty when the event names its script, or a queue has no consumer yet.
    pub trigger: String,
    /// The script, unless the trigger tells.
    pub script: Option<String>,
    /// Its function.
    pub handler: Option<String>,
    /// The queue, topic, collection, path …
    pub subject: String,
    /// Deliveries of a trigger with the same key are handled one after the other.
    pub order_key: Option<String>,
    /// The kind's own fields: a JSON text.
    pub payload: Bytes,
    /// Where it comes from.
    pub cause: Cause,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it may be handled.
    pub due_at: Timestamp,
    /// Attempts made.
    pub attempt: u32,
    /// Crashes during attempts.
    pub crashes: i64,
    /// Whether a process ended while it held this.
    pub suspect: bool,
    /// The last attempts, as a JSON array.
    pub history: String,
}

const COLUMNS: &str = "seq, epoch, app_id, event_id, kind, trigger_key, script, handler, subject, \
                       order_key, payload, root, parent, depth, created_at, due_at, attempt, \
                       crashes, suspect, history";

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let event = EventId::from_bytes(row.array("event_id")?);
    Ok(Delivery {
        seq: row.int("seq")?,
        epoch: row.int("epoch")?,
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
        due_at: Timestamp(row.int("due_at")?),
        attempt: u32::try_from(row.int("attempt")?).unwrap_or(u32::MAX),
        crashes: row.int("crashes")?,
        suspect: row.flag("suspect")?,
        history: row.text("history")?.to_owned(),
    })
}

pub(crate) fn kind(name: &str) -> Result<TriggerKind, StoreError> {
    TriggerKind::from_name(name).ok_or_else(|| StoreError::Corrupt {
        what: "kind of event",
        reason: name.to_owned(),
    })
}

/// Root, parent and depth of what an event belongs to.
pub(crate) fn cause(row: &Row, event: EventId) -> Result<Cause, StoreError> {
    Ok(Cause {
        root: RootId::from_bytes(row.array("root")?),
        event: Some(event),
        parent: row.opt_array("parent")?.map(ExecutionId::from_bytes),
        depth: u32::try_from(row.int("depth")?).unwrap_or(u32::MAX),
    })
}

/// A delivery to write.
#[derive(Clone, Copy)]
pub(crate) struct New<'a> {
    pub(crate) app: AppId,
    pub(crate) event: EventId,
    pub(crate) kind: TriggerKind,
    pub(crate) trigger: &'a str,
    pub(crate) script: Option<&'a str>,
    pub(crate) handler: Option<&'a str>,
    pub(crate) subject: &'a str,
    pub(crate) order_key: Option<&'a str>,
    pub(crate) payload: &'a [u8],
    pub(crate) cause: Cause,
    pub(crate) history: &'a str,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
}

/// Whether an app may cause one more event. What the platform itself has to tell is not asked
/// here: a deploy that mends a full outbox must go through, and a dead letter must have its place.
pub(crate) fn admit(conn: &dyn Conn, app: AppId, cause: Cause) -> Result<(), OutboxError> {
    if cause.depth > shared::event::limits::DEPTH {
        return Err(OutboxError::TooDeep(cause.depth));
    }
    if conn.handover().is_some_and(|h| h.is_full(app)) {
        return Err(OutboxError::Full);
    }
    Ok(())
}

/// Writes a delivery; hands it over to this process's dispatcher when it may start at once.
pub(crate) fn insert(conn: &mut dyn Conn, new: &New<'_>) -> Result<(), StoreError> {
    let mut new = *new;
    let blocked = queue_behind(conn, &mut new)?;
    let now = new.due_at <= new.created_at && !blocked;
    let node = if now {
        hold(conn, new.app, new.order_key.is_some())?
    } else {
        None
    };
    let inserted = insert_row(conn, &new, node);
    if inserted.is_err()
        && node.is_some()
        && let Some(handover) = conn.handover()
    {
        handover.release(new.app);
    }
    let seq = inserted?;
    conn.note(match node {
        Some(_) => Notice::Held(Box::new(of_new(&new, seq))),
        None => Notice::Waiting {
            app: new.app,
            due_at: new.due_at,
            bytes: new.payload.len() as u64,
        },
    });
    Ok(())
}

/// Takes a place in this process's memory, if there is one.
fn hold(conn: &mut dyn Conn, app: AppId, ordered: bool) -> Result<Option<NodeId>, StoreError> {
    let hold = conn.handover().map_or(Hold::No, |h| h.hold(app, ordered));
    match hold {
        Hold::No => Ok(None),
        Hold::By(node) => Ok(Some(node)),
        Hold::Renewing(node) => {
            let at = std::time::Instant::now();
            let renewed = hold_lease(conn, node);
            let Some(handover) = conn.handover() else {
                return Ok(None);
            };
            if let Ok(true) = renewed {
                handover.renewed(at);
                return Ok(Some(node));
            }
            handover.release(app);
            // Without a lease the delivery waits in the database for one that has it.
            renewed.map(|_no_lease| None)
        }
    }
}

/// Orders a delivery with a key behind those before it. Whether one of them is not in this
/// process's hands, so that this one has to wait in the database.
fn queue_behind(conn: &mut dyn Conn, new: &mut New<'_>) -> Result<bool, StoreError> {
    let Some(key) = new.order_key else {
        return Ok(false);
    };
    let name = format!("order/{}/{}/{key}", new.app, new.trigger);
    crate::dialect::lock_name(conn, &name)?;
    // Held at its birth or claimed, a delivery is behind others of the same holder only. So the last
    // one tells about all of them.
    let last = conn.query_one(
        "SELECT due_at, node FROM deliveries WHERE app_id = ?1 AND trigger_key = ?2 \
         AND order_key = ?3 ORDER BY seq DESC LIMIT 1",
        &[new.app.as_bytes().into(), new.trigger.into(), key.into()],
    )?;
    let Some(last) = last else { return Ok(false) };
    new.due_at = new.due_at.max(Timestamp(last.int("due_at")?));
    let own = conn.handover().map(|h| *h.node().as_bytes());
    Ok(last.opt_blob("node")? != own.as_ref().map(|id| &id[..]) || own.is_none())
}

fn insert_row(conn: &mut dyn Conn, new: &New<'_>, node: Option<NodeId>) -> Result<i64, StoreError> {
    let row = conn.query_one(
        "INSERT INTO deliveries (app_id, event_id, kind, trigger_key, script, handler, subject, \
         order_key, payload, root, parent, depth, created_at, due_at, attempt, epoch, node, \
         started, crashes, suspect, history) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13, ?14, 0, 1, ?15, 0, 0, 0, ?16) RETURNING seq",
        &[
            new.app.as_bytes().into(),
            new.event.as_bytes().into(),
            new.kind.as_str().into(),
            new.trigger.into(),
            new.script.into(),
            new.handler.into(),
            new.subject.into(),
            new.order_key.into(),
            new.payload.into(),
            new.cause.root.as_bytes().into(),
            new.cause.parent.as_ref().map(ExecutionId::as_bytes).into(),
            i64::from(new.cause.depth).into(),
            new.created_at.as_micros().into(),
            new.due_at.as_micros().into(),
            node.as_ref().map(NodeId::as_bytes).into(),
            new.history.into(),
        ],
    )?;
    let missing = || StoreError::Engine("the new delivery has no number".to_owned());
    row.ok_or_else(missing)?.int("seq")
}

fn of_new(new: &New<'_>, seq: i64) -> Delivery {
    Delivery {
        seq,
        epoch: 1,
        app: new.app,
        event: new.event,
        kind: new.kind,
        trigger: new.trigger.to_owned(),
        script: new.script.map(str::to_owned),
        handler: new.handler.map(str::to_owned),
        subject: new.subject.to_owned(),
        order_key: new.order_key.map(str::to_owned),
        payload: Bytes::copy_from_slice(new.payload),
        cause: new.cause,
        created_at: new.created_at,
        due_at: new.due_at,
        attempt: 0,
        crashes: 0,
        suspect: false,
        history: new.history.to_owned(),
    }
}

/// Messages of a queue that are not handled yet.
pub fn depth(conn: &mut dyn Conn, app: AppId, queue: &str) -> Result<u64, StoreError> {
    let row = conn.query_one(
        "SELECT COUNT(*) AS depth FROM deliveries WHERE app_id = ?1 \
         AND kind = 'queue' AND subject = ?2",
        &[app.as_bytes().into(), queue.into()],
    )?;
    row.map_or(Ok(0), |row| row.int("depth")).map(|n| n as u64)
}

/// What waits in every outbox.
pub fn backlogs(
    conn: &mut dyn Conn,
) -> Result<std::collections::HashMap<AppId, Backlog>, StoreError> {
    conn.query(
        "SELECT app_id, COUNT(*) AS number, CAST(SUM(LENGTH(payload)) AS BIGINT) AS bytes \
         FROM deliveries GROUP BY app_id",
        &[],
    )?
    .iter()
    .map(|row| {
        let backlog = Backlog {
            rows: row.int("number")? as u64,
            bytes: row.opt_int("bytes")?.unwrap_or(0) as u64,
        };
        Ok((AppId::from_bytes(row.array("app_id")?), backlog))
    })
    .collect()
}

/// Which deliveries a list wants.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// After this one.
    pub after: i64,
    /// At most so many.
    pub limit: i64,
}

/// The columns of lists, in which nobody needs the payloads.
fn without_payload() -> String {
    COLUMNS.replace("payload", "NULL AS payload")
}

/// An app's deliveries, oldest first, without their payloads.
pub fn list(conn: &mut dyn Conn, app: AppId, wanted: Pending) -> Result<Vec<Delivery>, StoreError> {
    let columns = without_payload();
    let sql = format!(
        "SELECT {columns} FROM deliveries WHERE app_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    );
    let params: [Param<'_>; 3] = [
        app.as_bytes().into(),
        wanted.after.into(),
        wanted.limit.into(),
    ];
    conn.query(&sql, &params)?.iter().map(delivery).collect()
}

/// The deliveries of one event, oldest first, without their payloads.
pub fn of_event(
    conn: &mut dyn Conn,
    app: AppId,
    event: EventId,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let columns = without_payload();
    let sql = format!(
        "SELECT {columns} FROM deliveries WHERE app_id = ?1 AND event_id = ?2 ORDER BY seq LIMIT ?3"
    );
    let params = [app.as_bytes().into(), event.as_bytes().into(), limit.into()];
    conn.query(&sql, &params)?.iter().map(delivery).collect()
}

/// A queue in which something waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Its name.
    pub name: String,
    /// Messages that are not handled yet.
    pub depth: u64,
    /// When the oldest of them was sent.
    pub oldest: Timestamp,
}

/// An app's queues in which something waits, by name, after `after`.
pub fn queues(
    conn: &mut dyn Conn,
    app: AppId,
    after: &str,
    limit: i64,
) -> Result<Vec<QueueRow>, StoreError> {
    conn.query(
        "SELECT subject, COUNT(*) AS depth, MIN(created_at) AS oldest FROM deliveries \
         WHERE app_id = ?1 AND kind = 'queue' AND subject > ?2 \
         GROUP BY subject ORDER BY subject LIMIT ?3",
        &[app.as_bytes().into(), after.into(), limit.into()],
    )?
    .iter()
    .map(|row| {
        Ok(QueueRow {
            name: row.text("subject")?.to_owned(),
            depth: row.int("depth")? as u64,
            oldest: Timestamp(row.int("oldest")?),
        })
    })
    .collect()
}

/// Removes everything that waits for an app that goes.
pub(crate) fn forget(conn: &mut dyn Conn, app: AppId) -> Result<(), StoreError> {
    // In the order in which ends are written, so that neither waits for the other.
    let locked = crate::dialect::locking(conn);
    let sql = format!(
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE app_id = ?1 \
         ORDER BY seq {locked})"
    );
    conn.execute(&sql, &[app.as_bytes().into()])?;
    conn.note(Notice::Removed(app));
    Ok(())
}
