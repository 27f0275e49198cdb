//! Taking waiting deliveries into this process's hands.

use shared::clock::Timestamp;
use shared::id::{AppId, NodeId};

use super::delivery::{COLUMNS, Delivery, delivery};
use crate::conn::Conn;
use crate::dialect::{is_one_of, lock_name, locking_free};
use crate::error::StoreError;

/// When an app's next waiting delivery may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The app.
    pub app: AppId,
    /// The time.
    pub at: Timestamp,
}

/// A delivery with a key is behind an earlier one that waits for its time, is before what is looked at,
/// or is in other hands. The
/// first of its lane may have failed, and be due later than those behind it: it is taken alone, so
/// that none of them gets ahead of it. Behind the first the times only grow.
const FREE: &str = "(order_key IS NULL OR (NOT EXISTS (SELECT 1 FROM deliveries e \
    WHERE e.app_id = d.app_id AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key \
    AND e.seq < d.seq AND ((e.node IS NULL AND (e.due_at > ?2 OR e.due_at < ?5)) \
    OR (e.node IS NOT NULL AND e.node <> ?3))) \
    AND (d.seq = (SELECT MIN(e.seq) FROM deliveries e WHERE e.app_id = d.app_id \
    AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key AND e.node IS NULL) \
    OR (SELECT e.due_at FROM deliveries e WHERE e.app_id = d.app_id \
    AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key AND e.node IS NULL \
    ORDER BY e.seq LIMIT 1) <= (SELECT e.due_at FROM deliveries e WHERE e.app_id = d.app_id \
    AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key AND e.node IS NULL \
    ORDER BY e.seq LIMIT 1 OFFSET 1))))";

/// When deliveries were due that are asked for. Those before `from` are known not to wait any more.
/// Without that bound a claim would go through all that was ever taken, for as long as another
/// transaction keeps PostgreSQL from cleaning up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Not before.
    pub from: Timestamp,
    /// Not after: now.
    pub to: Timestamp,
}

impl Span {
    /// Everything that is due.
    pub const fn until(to: Timestamp) -> Self {
        let from = Timestamp(i64::MIN);
        Self { from, to }
    }
}

/// Takes an app's deliveries whose time has come, oldest first.
pub fn claim(
    conn: &mut dyn Conn,
    app: AppId,
    node: NodeId,
    span: Span,
    most: usize,
) -> Result<Vec<Delivery>, StoreError> {
    // One claimer of an app at a time: it takes many at once, and keeps those with a key in order.
    lock_name(conn, &format!("claim/{app}"))?;
    let locked = locking_free(conn);
    let sql = format!(
        "SELECT seq FROM deliveries d WHERE app_id = ?1 AND node IS NULL AND due_at <= ?2 \
         AND due_at >= ?5 AND {FREE} ORDER BY due_at, seq LIMIT ?4 {locked}"
    );
    let found = conn.query(
        &sql,
        &[
            app.as_bytes().into(),
            span.to.as_micros().into(),
            node.as_bytes().into(),
            (most as i64).into(),
            span.from.as_micros().into(),
        ],
    )?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let seqs: Vec<i64> = found
        .iter()
        .map(|row| row.int("seq"))
        .collect::<Result<_, _>>()?;
    let taken = is_one_of(conn, "seq", 1);
    let sql = format!(
        "UPDATE deliveries SET node = ?2, epoch = epoch + 1 WHERE {taken} \
         RETURNING {COLUMNS}"
    );
    let seqs = serde_json::json!(seqs).to_string();
    let rows = conn.query(&sql, &[seqs.as_str().into(), node.as_bytes().into()])?;
    let mut claimed: Vec<Delivery> = rows.iter().map(delivery).collect::<Result<_, _>>()?;
    claimed.sort_by_key(|d| (d.due_at, d.seq));
    Ok(claimed)
}

/// Apps with waiting deliveries, each with the time of its first.
pub fn waiting_apps(conn: &mut dyn Conn) -> Result<Vec<Due>, StoreError> {
    conn.query(
        "SELECT app_id, MIN(due_at) AS due_at FROM deliveries WHERE node IS NULL GROUP BY app_id",
        &[],
    )?
    .iter()
    .map(|row| {
        Ok(Due {
            app: AppId::from_bytes(row.array("app_id")?),
            at: Timestamp(row.int("due_at")?),
        })
    })
    .collect()
}

/// Whether an app has a waiting delivery whose time has come.
pub fn overdue(conn: &mut dyn Conn, app: AppId, span: Span) -> Result<bool, StoreError> {
    let row = conn.query_one(
        "SELECT 1 FROM deliveries WHERE app_id = ?1 AND node IS NULL AND due_at >= ?2 \
         AND due_at <= ?3 LIMIT 1",
        &[
            app.as_bytes().into(),
            span.from.as_micros().into(),
            span.to.as_micros().into(),
        ],
    )?;
    Ok(row.is_some())
}

/// When an app's next waiting delivery after `after` may start.
pub fn due(
    conn: &mut dyn Conn,
    app: AppId,
    after: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let row = conn.query_one(
        "SELECT due_at FROM deliveries WHERE app_id = ?1 AND node IS NULL AND due_at > ?2 \
         ORDER BY due_at LIMIT 1",
        &[app.as_bytes().into(), after.as_micros().into()],
    )?;
    row.map(|row| row.int("due_at").map(Timestamp)).transpose()
}
