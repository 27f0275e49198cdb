//! What waits in the outboxes: lists, numbers, and its end with its app.

use std::collections::HashMap;

use shared::clock::Timestamp;
use shared::id::{AppId, EventId};

use super::delivery::{COLUMNS, Delivery, delivery};
use crate::conn::{Conn, Param};
use crate::dialect::locking;
use crate::error::StoreError;
use crate::handover::{Backlog, Notice};
use crate::row::Row;
use crate::triggers::PARKED;

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
pub fn backlogs(conn: &mut dyn Conn) -> Result<HashMap<AppId, Backlog>, StoreError> {
    conn.query(
        "SELECT app_id, COUNT(*) AS number, CAST(SUM(LENGTH(payload)) AS BIGINT) AS bytes \
         FROM deliveries GROUP BY app_id",
        &[],
    )?
    .iter()
    .map(|row| Ok((AppId::from_bytes(row.array("app_id")?), counted(row)?)))
    .collect()
}

/// What waits in an app's outbox.
pub(crate) fn backlog(conn: &mut dyn Conn, app: AppId) -> Result<Backlog, StoreError> {
    let row = conn.query_one(
        "SELECT COUNT(*) AS number, CAST(SUM(LENGTH(payload)) AS BIGINT) AS bytes \
         FROM deliveries WHERE app_id = ?1",
        &[app.as_bytes().into()],
    )?;
    row.as_ref().map_or(Ok(Backlog::default()), counted)
}

fn counted(row: &Row) -> Result<Backlog, StoreError> {
    Ok(Backlog {
        rows: row.int("number")? as u64,
        bytes: row.opt_int("bytes")?.unwrap_or(0) as u64,
    })
}

/// What a delivery waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: a process holds it, and runs it or is about to.
    Held,
    /// A place: it is due.
    Due,
    /// Its time, before its first attempt.
    Delayed,
    /// Its next attempt: it has failed, or its handler has asked for another time.
    Retrying,
    /// Somebody who consumes its queue.
    Unconsumed,
}

impl Wait {
    /// What a delivery waits for at this time.
    pub fn of(delivery: &Delivery, now: Timestamp) -> Self {
        if delivery.held {
            Self::Held
        } else if delivery.due_at == PARKED {
            Self::Unconsumed
        } else if delivery.due_at <= now {
            Self::Due
        } else if delivery.has_begun() {
            Self::Retrying
        } else {
            Self::Delayed
        }
    }

    /// The same as a condition; `?6` is now, `?7` the time of what nobody consumes.
    const fn condition(self) -> &'static str {
        match self {
            Self::Held => "node IS NOT NULL",
            Self::Due => "node IS NULL AND due_at <= ?6",
            Self::Delayed => {
                "node IS NULL AND due_at > ?6 AND due_at < ?7 AND attempt + snoozes = 0"
            }
            Self::Retrying => {
                "node IS NULL AND due_at > ?6 AND due_at < ?7 AND attempt + snoozes > 0"
            }
            Self::Unconsumed => "node IS NULL AND due_at = ?7",
        }
    }
}

/// Which deliveries of an app are meant; what is absent says nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this trigger, or queue: its key.
    pub trigger: Option<String>,
    /// With this key.
    pub key: Option<String>,
    /// That wait for this.
    pub wait: Option<Wait>,
    /// Of this event.
    pub event: Option<EventId>,
}

/// Which deliveries a list wants.
#[derive(Clone, Debug)]
pub struct Pending {
    /// After this one.
    pub after: i64,
    /// Not after this one.
    pub up_to: i64,
    /// At most so many.
    pub limit: i64,
    /// Of these.
    pub filter: Filter,
    /// Now.
    pub now: Timestamp,
}

impl Pending {
    /// One delivery, by its number.
    pub fn one(seq: i64, now: Timestamp) -> Self {
        Self {
            after: seq.saturating_sub(1),
            up_to: seq,
            limit: 1,
            filter: Filter::default(),
            now,
        }
    }
}

/// The columns of lists, in which nobody needs the payloads.
pub(super) fn without_payload() -> String {
    COLUMNS.replace("payload", "NULL AS payload")
}

/// An app's deliveries, oldest first, without their payloads.
pub fn list(
    conn: &mut dyn Conn,
    app: AppId,
    wanted: &Pending,
) -> Result<Vec<Delivery>, StoreError> {
    let columns = without_payload();
    let filter = &wanted.filter;
    // Every parameter has to be used, and to have a type on both engines.
    let wait = filter.wait.map_or("seq > ?2", Wait::condition);
    let sql = format!(
        "SELECT {columns} FROM deliveries WHERE app_id = ?1 AND seq > ?2 AND seq <= ?3 \
         AND trigger_key = COALESCE(?4, trigger_key) \
         AND COALESCE(order_key, '') = COALESCE(?5, order_key, '') \
         AND event_id = COALESCE(?9, event_id) AND CAST(?6 AS BIGINT) <= CAST(?7 AS BIGINT) \
         AND {wait} ORDER BY seq LIMIT ?8"
    );
    let params: [Param<'_>; 9] = [
        app.as_bytes().into(),
        wanted.after.into(),
        wanted.up_to.into(),
        filter.trigger.as_deref().into(),
        filter.key.as_deref().into(),
        wanted.now.as_micros().into(),
        PARKED.as_micros().into(),
        wanted.limit.into(),
        filter.event.as_ref().map(EventId::as_bytes).into(),
    ];
    conn.query(&sql, &params)?.iter().map(delivery).collect()
}

/// One delivery of an app, with its payload.
pub fn get(conn: &mut dyn Conn, app: AppId, seq: i64) -> Result<Option<Delivery>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE app_id = ?1 AND seq = ?2");
    conn.query_one(&sql, &[app.as_bytes().into(), seq.into()])?
        .as_ref()
        .map(delivery)
        .transpose()
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

/// Deliveries of a line by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Held by a process.
    pub held: u64,
    /// Due.
    pub due: u64,
    /// Before their time.
    pub delayed: u64,
    /// Before their next attempt.
    pub retrying: u64,
    /// Consumed by nobody.
    pub unconsumed: u64,
    /// When the oldest happened.
    pub oldest: Option<Timestamp>,
}

impl Waits {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.held + self.due + self.delayed + self.retrying + self.unconsumed
    }
}

/// What the deliveries of a trigger wait for.
pub fn waits(
    conn: &mut dyn Conn,
    app: AppId,
    trigger: &str,
    now: Timestamp,
) -> Result<Waits, StoreError> {
    // The same distinctions as `Wait::of`.
    let row = conn.query_one(
        "SELECT CAST(COALESCE(SUM(CASE WHEN node IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT) AS held, \
         CAST(COALESCE(SUM(CASE WHEN node IS NULL AND due_at <= ?3 THEN 1 ELSE 0 END), 0) AS BIGINT) AS due, \
         CAST(COALESCE(SUM(CASE WHEN node IS NULL AND due_at > ?3 AND due_at < ?4 \
         AND attempt + snoozes = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS delayed, \
         CAST(COALESCE(SUM(CASE WHEN node IS NULL AND due_at > ?3 AND due_at < ?4 \
         AND attempt + snoozes > 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS retrying, \
         CAST(COALESCE(SUM(CASE WHEN node IS NULL AND due_at = ?4 THEN 1 ELSE 0 END), 0) AS BIGINT) AS unconsumed, \
         MIN(created_at) AS oldest FROM deliveries WHERE app_id = ?1 AND trigger_key = ?2",
        &[
            app.as_bytes().into(),
            trigger.into(),
            now.as_micros().into(),
            PARKED.as_micros().into(),
        ],
    )?;
    let Some(row) = row else {
        return Ok(Waits::default());
    };
    Ok(Waits {
        held: row.int("held")? as u64,
        due: row.int("due")? as u64,
        delayed: row.int("delayed")? as u64,
        retrying: row.int("retrying")? as u64,
        unconsumed: row.int("unconsumed")? as u64,
        oldest: row.opt_int("oldest")?.map(Timestamp),
    })
}

/// Removes everything that waits for an app that goes.
pub(crate) fn forget(conn: &mut dyn Conn, app: AppId) -> Result<(), StoreError> {
    // In the order in which ends are written, so that neither waits for the other.
    let locked = locking(conn);
    let sql = format!(
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE app_id = ?1 \
         ORDER BY seq {locked})"
    );
    conn.execute(&sql, &[app.as_bytes().into()])?;
    conn.note(Notice::Removed(app));
    Ok(())
}
