//! How attempts end: done, to be tried again, dead. Every write is conditioned on the epoch.

use shared::clock::Timestamp;
use shared::id::NodeId;
use shared::invocation::TriggerKind;

use super::delivery::Delivery;
use super::emit::{death, tell};
use crate::conn::Conn;
use crate::dead_letters::{self, DeadLetter};
use crate::dialect::{is_one_of, lock_deliveries, pairs};
use crate::error::StoreError;
use crate::triggers;

/// A failed attempt.
#[derive(Clone, Debug)]
pub enum Failed {
    /// It is tried again. `keep`: by this process, because others are behind it.
    Retry {
        /// The delivery, with the attempt counted and its history.
        delivery: Delivery,
        /// When.
        due_at: Timestamp,
        /// Whether it stays in this process's hands.
        keep: bool,
    },
    /// It is not tried again.
    Dead(Box<DeadLetter>, Delivery),
    /// It could not start; nothing counts. It waits until then.
    Back {
        /// The delivery.
        delivery: Delivery,
        /// When it may be taken again.
        due_at: Timestamp,
    },
}

impl Failed {
    /// What it is about.
    pub fn delivery(&self) -> &Delivery {
        match self {
            Self::Retry { delivery, .. }
            | Self::Dead(_, delivery)
            | Self::Back { delivery, .. } => delivery,
        }
    }
}

/// Ends attempts, in one transaction. How many had changed hands meanwhile, so that nothing was
/// written for them.
pub fn settle(
    conn: &mut dyn Conn,
    done: &[(i64, i64)],
    failed: &[Failed],
    now: Timestamp,
) -> Result<u64, StoreError> {
    if !failed.is_empty() {
        lock(conn, done, failed)?;
    }
    let mut stale = complete(conn, done)?;
    for one in failed {
        stale += u64::from(!fail(conn, one, now)?);
    }
    Ok(stale)
}

/// Locks what several statements are about to change, in the order of the numbers: an app that is
/// removed meanwhile locks its deliveries in that order too.
fn lock(conn: &mut dyn Conn, done: &[(i64, i64)], failed: &[Failed]) -> Result<(), StoreError> {
    let done = done.iter().map(|(seq, _)| *seq);
    let failed = failed.iter().map(|f| f.delivery().seq);
    lock_deliveries(conn, &done.chain(failed).collect::<Vec<_>>())
}

/// Removes deliveries that were handled; how many were not there any more under their epoch.
fn complete(conn: &mut dyn Conn, done: &[(i64, i64)]) -> Result<u64, StoreError> {
    if done.is_empty() {
        return Ok(0);
    }
    let pairs = pairs(conn, 1);
    let found = is_one_of(conn, "seq", 2);
    let sql = format!("DELETE FROM deliveries WHERE {found} AND (seq, epoch) IN ({pairs})");
    let list = serde_json::json!(done).to_string();
    let seqs: Vec<i64> = done.iter().map(|(seq, _)| *seq).collect();
    let seqs = serde_json::json!(seqs).to_string();
    let gone = conn.execute(&sql, &[list.as_str().into(), seqs.as_str().into()])?;
    Ok((done.len() as u64).saturating_sub(gone))
}

fn fail(conn: &mut dyn Conn, failed: &Failed, now: Timestamp) -> Result<bool, StoreError> {
    match failed {
        Failed::Retry {
            delivery,
            due_at,
            keep,
        } => {
            let sql = if *keep {
                "UPDATE deliveries SET due_at = ?3, attempt = ?4, history = ?5, snoozes = ?6, \
                 started = 0 WHERE seq = ?1 AND epoch = ?2"
            } else {
                "UPDATE deliveries SET due_at = ?3, attempt = ?4, history = ?5, snoozes = ?6, \
                 started = 0, node = NULL, suspect = 0, crashes = 0 WHERE seq = ?1 AND epoch = ?2"
            };
            let changed = conn.execute(
                sql,
                &[
                    delivery.seq.into(),
                    delivery.epoch.into(),
                    due_at.as_micros().into(),
                    i64::from(delivery.attempt).into(),
                    delivery.history.as_str().into(),
                    i64::from(delivery.snoozes).into(),
                ],
            )?;
            Ok(changed == 1)
        }
        Failed::Back { delivery, due_at } => {
            let changed = conn.execute(
                "UPDATE deliveries SET due_at = ?3, node = NULL, started = 0 \
                 WHERE seq = ?1 AND epoch = ?2",
                &[
                    delivery.seq.into(),
                    delivery.epoch.into(),
                    due_at.as_micros().into(),
                ],
            )?;
            Ok(changed == 1)
        }
        Failed::Dead(dead, delivery) => {
            let gone = conn.execute(
                "DELETE FROM deliveries WHERE seq = ?1 AND epoch = ?2",
                &[delivery.seq.into(), delivery.epoch.into()],
            )?;
            if gone == 1 {
                dead_letters::insert(conn, dead)?;
                tell_of_death(conn, dead, now)?;
            }
            Ok(gone == 1)
        }
    }
}

/// Tells an app's `dead_letter` triggers about an event that was given up.
fn tell_of_death(conn: &mut dyn Conn, dead: &DeadLetter, now: Timestamp) -> Result<(), StoreError> {
    let kind = TriggerKind::DeadLetter;
    // The failure of such a handler is a dead letter and nothing more: it would go round for ever.
    if dead.kind == kind {
        return Ok(());
    }
    let script = dead.script.as_deref();
    let listeners = triggers::wanting(conn, dead.app, kind, &dead.subject, script)?;
    if listeners.is_empty() {
        return Ok(());
    }
    tell(conn, &death(dead, &listeners, now)?)
}

/// Notes that an attempt begins at a delivery that may have crashed a process; `false`: it has
/// changed hands.
pub fn mark_started(
    conn: &mut dyn Conn,
    node: NodeId,
    seq: i64,
    epoch: i64,
) -> Result<bool, StoreError> {
    let changed = conn.execute(
        "UPDATE deliveries SET started = 1 WHERE seq = ?1 AND epoch = ?2 AND node = ?3",
        &[seq.into(), epoch.into(), node.as_bytes().into()],
    )?;
    Ok(changed == 1)
}
