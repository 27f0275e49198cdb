//! Taking waiting deliveries into this process's hands.

use shared::clock::Timestamp;
use shared::id::{AppId, NodeId};

use super::delivery::{COLUMNS, Delivery, delivery};
use super::line::Line;
use crate::conn::Conn;
use crate::dialect::{is_one_of, lock_name, locking_free};
use crate::error::StoreError;

/// When the next waiting delivery of a line may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The line.
    pub line: Line,
    /// The time.
    pub at: Timestamp,
}

/// A delivery with a key goes after those before it in its lane. It stays when one of them is in
/// other hands, or waits and is not taken before it: it is due later, or was due before what is
/// looked at. The first of a lane may have failed, and be due later than those behind it: it is taken
/// alone, so that none of them gets ahead of another. Behind the first the times only grow.
const FREE: &str = "(order_key IS NULL OR (NOT EXISTS (SELECT 1 FROM deliveries e \
    WHERE e.app_id = d.app_id AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key \
    AND (e.order_at, e.seq) < (d.order_at, d.seq) \
    AND ((e.node IS NULL AND (e.due_at < ?5 OR e.due_at > d.due_at)) \
    OR (e.node IS NOT NULL AND e.node <> ?3))) \
    AND (d.seq = (SELECT e.seq FROM deliveries e WHERE e.app_id = d.app_id \
    AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key AND e.node IS NULL \
    ORDER BY e.order_at, e.seq LIMIT 1) \
    OR (SELECT e.due_at FROM deliveries e WHERE e.app_id = d.app_id \
    AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key AND e.node IS NULL \
    ORDER BY e.order_at, e.seq LIMIT 1) <= (SELECT e.due_at FROM deliveries e \
    WHERE e.app_id = d.app_id AND e.trigger_key = d.trigger_key AND e.order_key = d.order_key \
    AND e.node IS NULL ORDER BY e.order_at, e.seq LIMIT 1 OFFSET 1))))";

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

/// Takes a line's deliveries whose time has come, oldest first.
pub fn claim(
    conn: &mut dyn Conn,
    line: &Line,
    node: NodeId,
    span: Span,
    most: usize,
) -> Result<Vec<Delivery>, StoreError> {
    // One claimer of a line at a time: it takes many at once, and keeps those with a key in order.
    lock_name(conn, &format!("claim/{}/{}", line.app, line.trigger))?;
    let locked = locking_free(conn);
    let sql = format!(
        "SELECT seq FROM deliveries d WHERE app_id = ?1 AND trigger_key = ?6 AND node IS NULL \
         AND due_at <= ?2 AND due_at >= ?5 AND {FREE} ORDER BY due_at, order_at, seq LIMIT ?4 {locked}"
    );
    let found = conn.query(
        &sql,
        &[
            line.app.as_bytes().into(),
            span.to.as_micros().into(),
            node.as_bytes().into(),
            (most as i64).into(),
            span.from.as_micros().into(),
            line.trigger.as_str().into(),
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
    claimed.sort_by_key(|d| (d.due_at, d.place()));
    Ok(claimed)
}

/// Lines in which something waits, each with the time of its first.
pub fn lines(conn: &mut dyn Conn) -> Result<Vec<Due>, StoreError> {
    conn.query(
        "SELECT app_id, trigger_key, MIN(due_at) AS due_at FROM deliveries WHERE node IS NULL \
         GROUP BY app_id, trigger_key",
        &[],
    )?
    .iter()
    .map(|row| {
        let app = AppId::from_bytes(row.array("app_id")?);
        Ok(Due {
            line: Line::new(app, row.text("trigger_key")?),
            at: Timestamp(row.int("due_at")?),
        })
    })
    .collect()
}

/// Whether a line has a waiting delivery whose time has come.
pub fn overdue(conn: &mut dyn Conn, line: &Line, span: Span) -> Result<bool, StoreError> {
    let row = conn.query_one(
        "SELECT 1 FROM deliveries WHERE app_id = ?1 AND trigger_key = ?4 AND node IS NULL \
         AND due_at >= ?2 AND due_at <= ?3 LIMIT 1",
        &[
            line.app.as_bytes().into(),
            span.from.as_micros().into(),
            span.to.as_micros().into(),
            line.trigger.as_str().into(),
        ],
    )?;
    Ok(row.is_some())
}

/// When the next waiting delivery of a line after `after` may start.
pub fn due(
    conn: &mut dyn Conn,
    line: &Line,
    after: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let row = conn.query_one(
        "SELECT due_at FROM deliveries WHERE app_id = ?1 AND trigger_key = ?3 AND node IS NULL \
         AND due_at > ?2 ORDER BY due_at LIMIT 1",
        &[
            line.app.as_bytes().into(),
            after.as_micros().into(),
            line.trigger.as_str().into(),
        ],
    )?;
    row.map(|row| row.int("due_at").map(Timestamp)).transpose()
}
