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
    let locked = locking(conn);
    let sql = format!(
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE app_id = ?1 \
         ORDER BY seq {locked})"
    );
    conn.execute(&sql, &[app.as_bytes().into()])?;
    conn.note(Notice::Removed(app));
    Ok(())
}
