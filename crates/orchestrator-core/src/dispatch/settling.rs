//! Writing down how attempts ended: one transaction at a time, with everything that has gathered.

use std::time::Duration;

use shared::clock::Timestamp;
use store::StoreError;
use store::outbox::{Delivery, Failed, Stale};

/// Ends in one transaction: many share a commit, and nobody waits for it long.
const BATCH: usize = 512;
/// How long is waited when the database is away.
pub(super) const AWAY: Duration = Duration::from_millis(250);

/// Ends that are not written yet.
#[derive(Default)]
pub(super) struct Settling {
    pub(super) done: Vec<Delivery>,
    pub(super) failed: Vec<Failed>,
    /// Whether a transaction is under way.
    pub(super) writing: bool,
    /// Not before.
    pub(super) pause_until: Option<Timestamp>,
}

/// How a transaction went.
pub(super) struct Settled {
    pub(super) done: Vec<Delivery>,
    pub(super) failed: Vec<Failed>,
    pub(super) result: Result<Stale, StoreError>,
}

impl Settling {
    pub(super) fn done(&mut self, delivery: Delivery) {
        self.done.push(delivery);
    }

    pub(super) fn failed(&mut self, failed: Failed) {
        self.failed.push(failed);
    }

    /// It goes back to the database as it is.
    pub(super) fn back(&mut self, delivery: Delivery) {
        let due_at = delivery.due_at;
        self.failed.push(Failed::Back { delivery, due_at });
    }

    /// Whether nothing is to be written and nothing is being written.
    pub(super) fn is_idle(&self) -> bool {
        !self.writing && self.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.failed.is_empty()
    }

    /// The clock was set back: a pause is over.
    pub(super) fn set_back(&mut self) {
        self.pause_until = None;
    }

    /// When to try again.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.writing || self.is_empty() {
            return None;
        }
        self.pause_until
    }
}

pub(super) fn drain<T>(from: &mut Vec<T>) -> Vec<T> {
    let count = from.len().min(BATCH);
    from.drain(..count).collect()
}
