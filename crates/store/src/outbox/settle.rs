//! How attempts end: done, to be tried again, dead. Every write is conditioned on the epoch.

use std::collections::BTreeSet;

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
    /// Whether it only leaves the process's hands.
    fn is_as_it_was(&self) -> bool {
        matches!(self, Self::Back { delivery, due_at } if delivery.due_at == *due_at)
    }

    /// What it is about.
    pub fn delivery(&self) -> &Delivery {
        match self {
            Self::Retry { delivery, .. }
            | Self::Dead(_, delivery)
            | Self::Back { delivery, .. } => delivery,
        }
    }
}

/// Ends that were not written: what they are about has changed hands, or was cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// How many of those that were handled.
    pub done: u64,
    /// The numbers of those that failed.
    pub failed: BTreeSet<i64>,
}

/// Ends attempts, in one transaction. Those for which nothing was written.
pub fn settle(
    conn: &mut dyn Conn,
    done: &[(i64, i64)],
    failed: &[Failed],
    now: Timestamp,
) -> Result<Stale, StoreError> {
    if !failed.is_empty() {
        lock(conn, done, failed)?;
    }
    let mut stale = Stale {
        done: complete(conn, done)?,
        ..Stale::default()
    };
    let (back, failed): (Vec<&Failed>, Vec<&Failed>) =
        failed.iter().partition(|one| one.is_as_it_was());
    stale.failed = give_back(conn, &back)?;
    for one in failed {
        if !fail(conn, one, now)? {
            stale.failed.insert(one.delivery().seq);
        }
    }
    Ok(stale)
}

/// Gives deliveries back as they are, which are many when their line is paused; those that were not
/// there any more under their epoch.
fn give_back(conn: &mut dyn Conn, back: &[&Failed]) -> Result<BTreeSet<i64>, StoreError> {
    let all = back.iter().map(|one| one.delivery());
    let list: Vec<(i64, i64)> = all.map(|delivery| (delivery.seq, delivery.epoch)).collect();
    let mut left: BTreeSet<i64> = list.iter().map(|(seq, _)| *seq).collect();
    if list.is_empty() {
        return Ok(left);
    }
    let found = is_one_of(conn, "seq", 2);
    let sql = format!(
        "UPDATE deliveries SET node = NULL, started = 0 WHERE {found} AND (seq, epoch) IN ({}) \
         RETURNING seq",
        pairs(conn, 1)
    );
    let seqs = serde_json::json!(left).to_string();
    let list = serde_json::json!(list).to_string();
    for row in conn.query(&sql, &[list.as_str().into(), seqs.as_str().into()])? {
        left.remove(&row.int("seq")?);
    }
    Ok(left)
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
