//! What concerns the other processes on the database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use shared::clock::Timestamp;
use store::outbox::Delivery;

use super::State;
use crate::dispatch::nodes::{Doing, Ended, Fact, Seen};

impl State {
    /// What the dispatcher is doing, as far as the others are concerned.
    pub(in crate::dispatch) fn doing(&self, now: Timestamp) -> Doing {
        Doing {
            holds: self.plan.held() > 0 || self.waiting.wants(now),
            claims: self.waiting.is_claiming(),
        }
    }

    /// Something happened that concerns the others.
    pub(in crate::dispatch) fn concerns_others(&mut self, fact: Fact) {
        self.nodes.on(fact, Instant::now());
    }

    pub(in crate::dispatch) fn seen(&mut self, seen: Seen, now: Timestamp) {
        let handover = self.parts.store.handover();
        if let Some(error) = &seen.error {
            tracing::warn!(%error, "the other processes cannot be told or seen; trying again");
        }
        let renewed = seen.renewed.is_some();
        let ended = Ended {
            renewed: seen.renewed,
            // Another process may have taken over what this one holds.
            lapsed: renewed && !handover.holds() && self.plan.held() > 0,
            told: seen.told,
            seen: seen.others,
            looked_up: seen.held.is_some(),
            failed: seen.error.is_some(),
        };
        if let Some(at) = seen.renewed {
            handover.renewed(at);
        }
        self.nodes.ended(&ended, Instant::now());
        if seen.freed {
            self.waiting.look();
        }
        if let Some(held) = seen.held {
            self.compare(held.deliveries, &held.known, now);
            self.parts.store.handover().certain(held.doubt);
        }
    }

    /// Makes the plan what this process holds, in the order of its numbers.
    fn compare(&mut self, held: Vec<Delivery>, known: &BTreeSet<i64>, now: Timestamp) {
        let handover = self.parts.store.handover();
        let epochs: HashMap<i64, i64> = held.iter().map(|d| (d.seq, d.epoch)).collect();
        let mut mine = BTreeMap::new();
        for delivery in self.plan.clear() {
            // What was not known when the look began may have been written after it, and is not in
            // what it found; it is this process's all the same.
            let same = epochs.get(&delivery.seq) == Some(&delivery.epoch);
            if same || !known.contains(&delivery.seq) {
                mine.insert(delivery.seq, delivery);
            } else {
                // Another process has taken it over.
                handover.release(delivery.app);
            }
        }
        for delivery in held {
            if !known.contains(&delivery.seq) {
                handover.adopt(delivery.app, 1);
                mine.insert(delivery.seq, delivery);
            }
        }
        for delivery in mine.into_values() {
            self.plan.add(delivery, now);
        }
    }
}
