//! What concerns the other processes on the database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
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
            lapsed: self.parts.store.handover().lapse().is_some(),
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
        let ended = Ended {
            renewed: seen.renewed.map(|(at, _)| at),
            told: seen.told,
            seen: seen.others,
            looked_up: seen.held.is_some(),
            failed: seen.error.is_some(),
        };
        if let Some((_, at)) = seen.renewed {
            handover.renewed(at);
        }
        self.nodes.ended(&ended, Instant::now());
        if seen.freed {
            self.waiting.look();
        }
        if let Some(held) = seen.held {
            let lapsed = held.lapse.is_some();
            self.compare(held.deliveries, &held.known, lapsed, now);
            let handover = self.parts.store.handover();
            handover.certain(held.doubt);
            handover.looked_up(held.lapse);
        }
    }

    /// Makes the plan what this process holds, in its order. `lapsed`: others may have taken over
    /// what it held.
    fn compare(
        &mut self,
        held: Vec<Delivery>,
        known: &BTreeSet<i64>,
        lapsed: bool,
        now: Timestamp,
    ) {
        let parts = Arc::clone(&self.parts);
        let handover = parts.store.handover();
        let epochs: HashMap<i64, i64> = held.iter().map(|d| (d.seq, d.epoch)).collect();
        let mut mine = BTreeMap::new();
        for delivery in self.plan.clear() {
            let same = epochs.get(&delivery.seq) == Some(&delivery.epoch);
            let known = known.contains(&delivery.seq);
            // What was not known when the look began may have been written after it, and is not in
            // what it found; it is this process's all the same. After a lapse it was written
            // before, because nothing was held from its birth since: it is looked for once more.
            if !known && !same && lapsed {
                let doubt = handover.doubt();
                self.concerns_others(Fact::Doubt(doubt));
            }
            if same || !known && !lapsed {
                mine.insert(delivery.place(), delivery);
            } else {
                // Another process has taken it over, or it was cancelled.
                handover.release(&delivery.line());
                if self.nodes.is_alone() {
                    handover.settled(delivery.app, delivery.payload.len() as u64);
                }
            }
        }
        for delivery in held {
            if known.contains(&delivery.seq) {
                continue;
            }
            handover.adopt(&delivery.line(), 1);
            if let Some(before) = mine.insert(delivery.place(), delivery) {
                // It came after all, under its first epoch, and has its place twice.
                handover.release(&before.line());
            }
        }
        for delivery in mine.into_values() {
            self.plan.add_claimed(delivery, now);
        }
        for line in self.waiting.pauses.all().cloned().collect::<Vec<_>>() {
            self.hold_back(&line);
        }
    }
}
