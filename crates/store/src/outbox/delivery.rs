//! A delivery, and how it is read.

use bytes::Bytes;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, EventId, ExecutionId, RootId};
use shared::invocation::TriggerKind;

use super::line::Line;
use crate::error::StoreError;
use crate::row::Row;

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
    /// When it might be handled first: deliveries with one key are in this order.
    pub order_at: Timestamp,
    /// Attempts made.
    pub attempt: u32,
    /// How often its handler has asked for another time.
    pub snoozes: u32,
    /// How often it is tried at most, where the message says so.
    pub max_attempts: Option<u32>,
    /// Crashes during attempts.
    pub crashes: i64,
    /// Whether a process ended while it held this.
    pub suspect: bool,
    /// The last attempts, as a JSON array.
    pub history: String,
    /// Whether a process holds it: it runs, or is about to.
    pub held: bool,
}

impl Delivery {
    /// The line it waits in.
    pub fn line(&self) -> Line {
        Line::new(self.app, self.trigger.as_str())
    }

    /// The name of its lane, under which one transaction at a time changes the lane's order.
    pub(crate) fn lane_name(&self) -> Option<String> {
        let key = self.order_key.as_deref()?;
        Some(lane_name(self.app, &self.trigger, key))
    }

    /// Whether an attempt was made: it holds up those with its key.
    pub fn has_begun(&self) -> bool {
        self.attempt > 0 || self.snoozes > 0
    }

    /// Its place among those with its key.
    pub fn place(&self) -> (Timestamp, i64) {
        (self.order_at, self.seq)
    }
}

/// The name of a trigger's deliveries with one key.
pub(crate) fn lane_name(app: AppId, trigger: &str, key: &str) -> String {
    format!("order/{app}/{trigger}/{key}")
}

/// Its columns.
pub(crate) const COLUMNS: &str = "seq, epoch, app_id, event_id, kind, trigger_key, script, handler, subject, \
                       order_key, payload, root, parent, depth, created_at, due_at, order_at, \
                       attempt, snoozes, max_attempts, crashes, suspect, history, \
                       CAST(CASE WHEN node IS NULL THEN 0 ELSE 1 END AS BIGINT) AS held";

/// A row with those columns.
pub(crate) fn delivery(row: &Row) -> Result<Delivery, StoreError> {
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
        order_at: Timestamp(row.int("order_at")?),
        attempt: u32::try_from(row.int("attempt")?).unwrap_or(u32::MAX),
        snoozes: u32::try_from(row.int("snoozes")?).unwrap_or(u32::MAX),
        max_attempts: row
            .opt_int("max_attempts")?
            .and_then(|n| u32::try_from(n).ok()),
        crashes: row.int("crashes")?,
        suspect: row.flag("suspect")?,
        history: row.text("history")?.to_owned(),
        held: row.flag("held")?,
    })
}

/// A kind of event by its name.
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
