//! Writing deliveries: in their order, and into this process's hands where it may hold them.

use bytes::Bytes;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId, ExecutionId, NodeId};
use shared::invocation::TriggerKind;

use super::delivery::Delivery;
use super::recover::hold_lease;
use super::waiting::backlog;
use crate::conn::Conn;
use crate::dialect::lock_name;
use crate::error::StoreError;
use crate::handover::{Hold, Notice};

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
    lock_name(conn, &name)?;
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
