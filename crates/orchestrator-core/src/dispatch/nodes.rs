//! Processes that share a database: saying that this one is there, noticing that another is not.
//!
//! With SQLite there is one process, so whatever another one held is free at the start, and
//! nothing of this is needed afterwards. What is to be done when is decided in `machine.rs`; here and
//! in `round.rs` it is done.

mod certainty;
mod machine;
mod round;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use shared::clock::Timestamp;
use store::StoreError;
use store::outbox::{self, Delivery};

use super::{Dispatcher, Event, Mailbox, State};
use machine::Ended;
use round::{BATCH, Work, free};

pub(super) use machine::{Doing, Fact, Nodes};
pub(super) use round::Seen;

impl Nodes {
    /// Frees what earlier processes held, and says that this one is there.
    pub(super) async fn sign_on(parts: &Dispatcher) -> Result<Self, StoreError> {
        let store = &parts.store;
        let node = store.handover().node();
        let shared = store.handover().is_shared();
        if !shared {
            while store
                .write(move |conn| outbox::release_own(conn, node, BATCH))
                .await?
                > 0
            {}
            return Ok(Self::new(shared, None));
        }
        let place = store.place();
        for (other, at) in store.read(outbox::nodes).await? {
            if at == place && other.id != node {
                free(store, other.id).await?;
            }
        }
        let at = Instant::now();
        store
            .write(move |conn| outbox::renew_lease(conn, node, place))
            .await?;
        store.handover().renewed(at);
        Ok(Self::new(shared, Some(at)))
    }

    /// Begins what is to be done now. `known`: the numbers of what the plan holds.
    pub(super) fn start(
        &mut self,
        parts: &Dispatcher,
        events: &Mailbox,
        doing: Doing,
        known: &dyn Fn() -> BTreeSet<i64>,
    ) {
        let Some(round) = self.begin(Instant::now(), doing) else {
            return;
        };
        let work = Work::new(round, parts.clock.now(), known);
        let store = parts.store.clone();
        events.report(async move { Event::Nodes(work.carry_out(&store).await) });
    }
}

impl State {
    /// What the dispatcher is doing, as far as the others are concerned.
    pub(super) fn doing(&self, now: Timestamp) -> Doing {
        Doing {
            holds: self.plan.held() > 0 || self.waiting.wants(now),
            claims: self.waiting.is_claiming(),
        }
    }

    /// Something happened that concerns the others.
    pub(super) fn concerns_others(&mut self, fact: Fact) {
        self.nodes.on(fact, Instant::now());
    }

    pub(super) fn seen(&mut self, seen: Seen, now: Timestamp) {
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
