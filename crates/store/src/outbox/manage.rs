//! What people do with what waits: run it now, put it off, take it out.
//!
//! What a process holds may have begun, and nobody but that process knows. So it is not given another
//! time: it would be handled twice. It can be cancelled: it is taken out of the process's hands, which
//! looks up what it still holds before it starts anything more. What had begun goes on, and its end
//! counts for nothing.

use std::collections::BTreeSet;

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::invocation::TriggerKind;

use super::delivery::{Delivery, delivery};
use super::line::Line;
use super::waiting::{self, Pending, Wait, without_payload};
use crate::conn::Conn;
use crate::dialect::{self, WITHDRAWN, WORK_CHANNEL, is_one_of, lock_name};
use crate::error::StoreError;
use crate::handover::Notice;
use crate::triggers::PARKED;

/// What one step of cancelling has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// Deliveries that are gone.
    pub changed: u64,
    /// How many of them were in a process's hands: a run that had begun goes on.
    pub held: u64,
    /// The last one it looked at; `None` when there are no more.
    pub last: Option<i64>,
}

/// What became of giving a delivery another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It has it.
    Done(Box<Delivery>),
    /// There is no such delivery.
    Missing,
    /// A process holds it: it runs, or is about to.
    Held,
    /// Nobody consumes its queue.
    Unconsumed,
}

/// Those of some deliveries that are still there, locked, after their lanes: nothing is written
/// behind them meanwhile.
fn locked(conn: &mut dyn Conn, found: &[Delivery]) -> Result<Vec<Delivery>, StoreError> {
    let lanes: BTreeSet<String> = found.iter().filter_map(Delivery::lane_name).collect();
    for lane in &lanes {
        lock_name(conn, lane)?;
    }
    let seqs: Vec<i64> = found.iter().map(|delivery| delivery.seq).collect();
    dialect::lock_deliveries(conn, &seqs)?;
    let sql = format!(
        "SELECT {} FROM deliveries WHERE {} ORDER BY seq",
        without_payload(),
        is_one_of(conn, "seq", 1)
    );
    let seqs = serde_json::json!(seqs).to_string();
    conn.query(&sql, &[seqs.as_str().into()])?
        .iter()
        .map(delivery)
        .collect()
}

/// Removes deliveries, which are then handled by nobody. What they were sent under may be sent again.
pub fn cancel(conn: &mut dyn Conn, app: AppId, which: &Pending) -> Result<Managed, StoreError> {
    let looked_at = waiting::list(conn, app, which)?;
    let mut found = locked(conn, &looked_at)?;
    // Some may have begun before they were locked.
    let is_meant = |d: &Delivery| {
        which
            .filter
            .wait
            .is_none_or(|wait| Wait::of(d, which.now) == wait)
    };
    found.retain(is_meant);
    // Whoever holds one counts it himself when it leaves his hands.
    let (mut rows, mut bytes) = (0, 0);
    for delivery in &found {
        let gone = conn.query_one(
            "DELETE FROM deliveries WHERE seq = ?1 RETURNING LENGTH(payload) AS bytes",
            &[delivery.seq.into()],
        )?;
        if let Some(gone) = gone.filter(|_| !delivery.held) {
            rows += 1;
            bytes += u64::try_from(gone.int("bytes")?).unwrap_or(0);
        }
        forget_key(conn, delivery)?;
    }
    free_lanes(conn, &found)?;
    let held = withdraw(conn, &found)?;
    conn.note(Notice::Cancelled { app, rows, bytes });
    let more = looked_at.len() as i64 == which.limit;
    Ok(Managed {
        changed: found.len() as u64,
        held,
        last: looked_at.last().filter(|_| more).map(|last| last.seq),
    })
}

/// Frees the idempotency key of what is cancelled: it was not handled. What several triggers handle
/// keeps its key, because some of them may have.
fn forget_key(conn: &mut dyn Conn, gone: &Delivery) -> Result<(), StoreError> {
    if gone.kind != TriggerKind::Pubsub {
        conn.execute(
            "DELETE FROM event_keys WHERE app_id = ?1 AND event_id = ?2",
            &[gone.app.as_bytes().into(), gone.event.as_bytes().into()],
        )?;
    }
    Ok(())
}

/// Makes a delivery due at another time: now, or later.
pub fn move_to(
    conn: &mut dyn Conn,
    app: AppId,
    seq: i64,
    due_at: Timestamp,
) -> Result<Moved, StoreError> {
    let one = waiting::list(conn, app, &Pending::one(seq, due_at))?;
    let found = locked(conn, &one)?;
    let Some(delivery) = found.first() else {
        return Ok(Moved::Missing);
    };
    if delivery.held {
        return Ok(Moved::Held);
    }
    if delivery.due_at == PARKED {
        return Ok(Moved::Unconsumed);
    }
    // One that has failed holds up its key; another is in order by its new time.
    let order_at = if delivery.has_begun() {
        delivery.order_at
    } else {
        due_at
    };
    conn.execute(
        "UPDATE deliveries SET due_at = ?2, order_at = ?3, epoch = epoch + 1 WHERE seq = ?1",
        &[
            seq.into(),
            due_at.as_micros().into(),
            order_at.as_micros().into(),
        ],
    )?;
    free_lanes(conn, &found)?;
    conn.note(Notice::Due {
        line: delivery.line(),
        due_at,
    });
    Ok(Moved::Done(Box::new(delivery.clone())))
}

/// Those behind one that has gone, or has another time, are due at their own, or when the first of
/// their lane is tried again.
fn free_lanes(conn: &mut dyn Conn, changed: &[Delivery]) -> Result<(), StoreError> {
    let mut lanes: BTreeSet<(String, String)> = BTreeSet::new();
    for delivery in changed {
        if let Some(key) = &delivery.order_key {
            lanes.insert((delivery.trigger.clone(), key.clone()));
        }
    }
    let Some(app) = changed.first().map(|delivery| delivery.app) else {
        return Ok(());
    };
    let mut lines = BTreeSet::new();
    for (trigger, key) in lanes {
        free_lane(conn, app, &trigger, &key)?;
        lines.insert(Line::new(app, trigger));
    }
    // Where the first of them is due is for whoever claims to find out.
    conn.note(Notice::Activated(lines.into_iter().collect()));
    Ok(())
}

fn free_lane(conn: &mut dyn Conn, app: AppId, trigger: &str, key: &str) -> Result<(), StoreError> {
    let lane = [app.as_bytes().into(), trigger.into(), key.into()];
    let first = conn.query_one(
        "SELECT due_at, attempt + snoozes AS begun FROM deliveries WHERE app_id = ?1 \
         AND trigger_key = ?2 AND order_key = ?3 ORDER BY order_at, seq LIMIT 1",
        &lane,
    )?;
    let mut not_before = i64::MIN;
    if let Some(first) = &first
        && first.int("begun")? > 0
    {
        not_before = first.int("due_at")?;
    }
    conn.execute(
        "UPDATE deliveries SET due_at = CASE WHEN order_at > ?4 THEN order_at ELSE ?4 END \
         WHERE app_id = ?1 AND trigger_key = ?2 AND order_key = ?3 AND node IS NULL \
         AND attempt + snoozes = 0 AND due_at < ?5",
        &[
            lane[0],
            lane[1],
            lane[2],
            not_before.into(),
            PARKED.as_micros().into(),
        ],
    )?;
    Ok(())
}

/// Makes all processes look up what they hold, if some of these were in their hands; how many were.
fn withdraw(conn: &mut dyn Conn, found: &[Delivery]) -> Result<u64, StoreError> {
    let held = found.iter().filter(|delivery| delivery.held).count() as u64;
    if held > 0 {
        conn.note(Notice::Withdrawn);
        dialect::tell_others(conn, WORK_CHANNEL, WITHDRAWN)?;
    }
    Ok(held)
}

/// The number of the newest delivery of all; 0 when there is none.
pub fn last(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(seq), 0) AS last FROM deliveries";
    let row = conn.query_one(sql, &[])?;
    row.map_or(Ok(0), |row| row.int("last"))
}
