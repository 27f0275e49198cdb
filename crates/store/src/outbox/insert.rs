//! Writing deliveries: in their order, and into this process's hands where it may hold them.

use bytes::Bytes;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId, ExecutionId, NodeId};
use shared::invocation::TriggerKind;

use super::delivery::{Delivery, lane_name};
use super::line::Line;
use super::recover::hold_lease;
use super::waiting::backlog;
use crate::conn::Conn;
use crate::dialect::lock_name;
use crate::error::StoreError;
use crate::handover::{Hold, Notice};
use crate::steady::Steady;
use crate::triggers::PARKED;

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
    /// A script is to run later that the active release does not have.
    #[error("the app has no script `{0}`; deploy it first, or call it by another name")]
    NoScript(String),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    pub(crate) max_attempts: Option<u32>,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
}

/// Whether an app may cause one more event. What the platform itself has to tell is not asked
/// here: a deploy that mends a full outbox must go through, and a dead letter must have its place.
pub(crate) fn admit(conn: &mut dyn Conn, app: AppId, cause: Cause) -> Result<(), OutboxError> {
    if cause.depth > shared::event::limits::DEPTH {
        return Err(OutboxError::TooDeep(cause.depth));
    }
    let full = |conn: &dyn Conn| conn.handover().is_some_and(|h| h.is_full(app));
    if full(conn) && conn.handover().is_some_and(|h| h.may_recount(app)) {
        let counted = backlog(conn, app)?;
        if let Some(handover) = conn.handover() {
            handover.recounted(app, counted);
        }
    }
    if full(conn) {
        return Err(OutboxError::Full);
    }
    Ok(())
}

/// Writes a delivery; hands it over to this process's dispatcher when it may start at once.
pub(crate) fn insert(conn: &mut dyn Conn, new: &New<'_>) -> Result<(), StoreError> {
    let mut new = *new;
    let lane = queue_behind(conn, &new)?;
    new.due_at = lane.due_at;
    let line = Line::new(new.app, new.trigger);
    let now = new.due_at <= new.created_at;
    let node = if now && !lane.blocked {
        hold(conn, &line, new.order_key.is_some())?
    } else {
        None
    };
    let inserted = insert_row(conn, &new, lane.order_at, node);
    if inserted.is_err()
        && node.is_some()
        && let Some(handover) = conn.handover()
    {
        handover.release(&line);
    }
    let seq = inserted?;
    conn.note(match node {
        Some(_) => Notice::Held(Box::new(of_new(&new, lane.order_at, seq))),
        None => Notice::Waiting {
            line,
            due_at: new.due_at,
            now,
            bytes: new.payload.len() as u64,
        },
    });
    Ok(())
}

/// Takes a place in this process's memory, if there is one.
fn hold(conn: &mut dyn Conn, line: &Line, ordered: bool) -> Result<Option<NodeId>, StoreError> {
    let hold = conn.handover().map_or(Hold::No, |h| h.hold(line, ordered));
    match hold {
        Hold::No => Ok(None),
        Hold::By(node) => Ok(Some(node)),
        Hold::Renewing(node) => {
            let at = Steady::now();
            let renewed = hold_lease(conn, node);
            let Some(handover) = conn.handover() else {
                return Ok(None);
            };
            if let Ok(true) = renewed {
                handover.renewed(at);
                return Ok(Some(node));
            }
            handover.release(line);
            // Without a lease the delivery waits in the database for one that has it.
            renewed.map(|_no_lease| None)
        }
    }
}

/// Where a new delivery stands among those with its key.
struct Place {
    /// Its order.
    order_at: Timestamp,
    /// Not before.
    due_at: Timestamp,
    /// Whether one before it is not in this process's hands, so that it has to wait in the database.
    blocked: bool,
}

/// Orders a delivery with a key behind those that are due before it: one that is not due holds up
/// nobody. It also comes after all that may have begun, and all that were sent before to be handled
/// at once, whatever clock wrote their times.
fn queue_behind(conn: &mut dyn Conn, new: &New<'_>) -> Result<Place, StoreError> {
    let due_at = new.due_at;
    let mut place = Place {
        order_at: if due_at == PARKED {
            new.created_at
        } else {
            due_at
        },
        due_at,
        blocked: false,
    };
    let Some(key) = new.order_key else {
        return Ok(place);
    };
    lock_name(conn, &lane_name(new.app, new.trigger, key))?;
    // Held at its birth or claimed, a delivery is behind others of the same holder only. So the last
    // one tells about all of them.
    let last = conn.query_one(
        "SELECT order_at, due_at, node, attempt + snoozes AS begun FROM deliveries WHERE app_id = ?1 AND trigger_key = ?2 \
         AND order_key = ?3 AND (order_at <= ?4 OR order_at <= created_at OR node IS NOT NULL \
         OR attempt + snoozes > 0) ORDER BY order_at DESC, seq DESC LIMIT 1",
        &[
            new.app.as_bytes().into(),
            new.trigger.into(),
            key.into(),
            place.order_at.as_micros().into(),
        ],
    )?;
    let Some(last) = last else { return Ok(place) };
    place.order_at = place.order_at.max(Timestamp(last.int("order_at")?));
    let node = last.opt_blob("node")?;
    // It is not looked for before what waits in front of it is due.
    if node.is_none() || last.int("begun")? > 0 {
        place.due_at = place.due_at.max(Timestamp(last.int("due_at")?));
    }
    if place.due_at > due_at && due_at != PARKED {
        keep_growing(conn, new, key, &place)?;
    }
    let own = conn.handover().map(|h| *h.node().as_bytes());
    place.blocked = node.is_none() || node != own.as_ref().map(|id| &id[..]);
    Ok(place)
}

/// Those behind a new delivery that has to wait are not looked for before it: behind the first of a
/// lane the times only grow.
fn keep_growing(
    conn: &mut dyn Conn,
    new: &New<'_>,
    key: &str,
    place: &Place,
) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE deliveries SET due_at = ?5 WHERE app_id = ?1 AND trigger_key = ?2 \
         AND order_key = ?3 AND order_at > ?4 AND due_at < ?5 AND node IS NULL",
        &[
            new.app.as_bytes().into(),
            new.trigger.into(),
            key.into(),
            place.order_at.as_micros().into(),
            place.due_at.as_micros().into(),
        ],
    )?;
    Ok(())
}

fn insert_row(
    conn: &mut dyn Conn,
    new: &New<'_>,
    order_at: Timestamp,
    node: Option<NodeId>,
) -> Result<i64, StoreError> {
    let row = conn.query_one(
        "INSERT INTO deliveries (app_id, event_id, kind, trigger_key, script, handler, subject, \
         order_key, payload, root, parent, depth, created_at, due_at, attempt, epoch, node, \
         started, crashes, suspect, history, order_at, max_attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13, ?14, 0, 1, ?15, 0, 0, 0, ?16, ?17, ?18) RETURNING seq",
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
            order_at.as_micros().into(),
            new.max_attempts.map(i64::from).into(),
        ],
    )?;
    let missing = || StoreError::Engine("the new delivery has no number".to_owned());
    row.ok_or_else(missing)?.int("seq")
}

fn of_new(new: &New<'_>, order_at: Timestamp, seq: i64) -> Delivery {
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
        order_at,
        attempt: 0,
        snoozes: 0,
        max_attempts: new.max_attempts,
        crashes: 0,
        suspect: false,
        history: new.history.to_owned(),
        held: true,
    }
}
