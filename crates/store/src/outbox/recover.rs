//! What becomes of deliveries whose process has ended.
//!
//! A process that shares the database with others says every few seconds, while it holds anything,
//! that it is still there. Only the database's clock counts.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::NodeId;

use super::delivery::{COLUMNS, Delivery, delivery};
use crate::conn::Conn;
use crate::dialect::{self, WORK_CHANNEL};
use crate::error::StoreError;
use crate::handover::LEASE;

/// A process that holds, or held, deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The process.
    pub id: NodeId,
    /// What is left of its lease; `None` when it is over.
    pub left: Option<Duration>,
}

/// Says that a process is there, and where it keeps its data: at most one process at a time runs
/// at a place, so whoever was there before is gone.
pub fn renew_lease(conn: &mut dyn Conn, node: NodeId, place: [u8; 16]) -> Result<(), StoreError> {
    let clock = dialect::clock(conn);
    let sql = format!(
        "INSERT INTO nodes (id, place, lease_until) VALUES (?1, ?2, {clock} + ?3) \
         ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until"
    );
    let lease = LEASE.as_micros() as i64;
    conn.execute(
        &sql,
        &[node.as_bytes().into(), (&place).into(), lease.into()],
    )?;
    Ok(())
}

/// Renews the lease of a process, in the transaction that makes it hold more. `false`: another
/// process has taken it for dead.
pub fn hold_lease(conn: &mut dyn Conn, node: NodeId) -> Result<bool, StoreError> {
    let clock = dialect::clock(conn);
    let sql = format!("UPDATE nodes SET lease_until = {clock} + ?2 WHERE id = ?1");
    let lease = LEASE.as_micros() as i64;
    let changed = conn.execute(&sql, &[node.as_bytes().into(), lease.into()])?;
    Ok(changed == 1)
}

/// All processes that have said they are there and not that they leave.
pub fn nodes(conn: &mut dyn Conn) -> Result<Vec<(Node, [u8; 16])>, StoreError> {
    let clock = dialect::clock(conn);
    let sql = format!("SELECT id, lease_until - {clock} AS left_us, place FROM nodes ORDER BY id");
    conn.query(&sql, &[])?
        .iter()
        .map(|row| {
            let left = u64::try_from(row.int("left_us")?)
                .ok()
                .filter(|left| *left > 0);
            let node = Node {
                id: NodeId::from_bytes(row.array("id")?),
                left: left.map(Duration::from_micros),
            };
            Ok((node, row.array("place")?))
        })
        .collect()
}

/// Makes the deliveries of a process that has ended wait again. Those it had begun count as
/// crashes; all of them may have been the reason.
pub fn take_over(conn: &mut dyn Conn, dead: NodeId, most: usize) -> Result<u64, StoreError> {
    conn.execute(
        "UPDATE deliveries SET node = NULL, epoch = epoch + 1, crashes = crashes + started, \
         suspect = 1, started = 0 WHERE seq IN (SELECT seq FROM deliveries WHERE node = ?1 \
         ORDER BY seq LIMIT ?2)",
        &[dead.as_bytes().into(), (most as i64).into()],
    )
}

/// Makes the deliveries of every other process wait again: this one alone uses the database.
pub fn release_own(conn: &mut dyn Conn, node: NodeId, most: usize) -> Result<u64, StoreError> {
    conn.execute(
        "UPDATE deliveries SET node = NULL, epoch = epoch + 1, crashes = crashes + started, \
         suspect = 1, started = 0 WHERE seq IN (SELECT seq FROM deliveries WHERE node IS NOT NULL \
         AND node <> ?1 ORDER BY seq LIMIT ?2)",
        &[node.as_bytes().into(), (most as i64).into()],
    )
}

/// Gives back what a process holds and has not begun: it ends in good order.
pub fn release_node(conn: &mut dyn Conn, node: NodeId) -> Result<u64, StoreError> {
    conn.execute(
        "UPDATE deliveries SET node = NULL, epoch = epoch + 1, started = 0 WHERE node = ?1",
        &[node.as_bytes().into()],
    )
}

/// Forgets a process that holds nothing any more.
pub fn remove_node(conn: &mut dyn Conn, node: NodeId) -> Result<(), StoreError> {
    conn.execute("DELETE FROM nodes WHERE id = ?1", &[node.as_bytes().into()])?;
    Ok(())
}

/// Tells the other processes that share the database that there is something to do. It says only
/// who tells, so that a process does not follow itself. It may be lost, and has a transaction of its
/// own: a notification takes a lock that all commits wait for.
pub fn notify(conn: &mut dyn Conn, node: NodeId) -> Result<(), StoreError> {
    dialect::notify(conn, WORK_CHANNEL, &node.to_string())
}

/// What a process holds. What was written before `before` and is not among `known` it has lost
/// sight of: that gets a new epoch, so that it is handled under this one only.
pub fn look_up(
    conn: &mut dyn Conn,
    node: NodeId,
    known: &BTreeSet<i64>,
    before: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let mut held = held_by(conn, node)?;
    held.retain(|d| known.contains(&d.seq) || d.created_at < before);
    for delivery in held.iter_mut().filter(|d| !known.contains(&d.seq)) {
        delivery.epoch += 1;
        conn.execute(
            "UPDATE deliveries SET epoch = ?2 WHERE seq = ?1",
            &[delivery.seq.into(), delivery.epoch.into()],
        )?;
    }
    Ok(held)
}

/// What a process holds.
pub fn held_by(conn: &mut dyn Conn, node: NodeId) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE node = ?1 ORDER BY seq");
    conn.query(&sql, &[node.as_bytes().into()])?
        .iter()
        .map(delivery)
        .collect()
}
