//! One round: the transactions that tell the others, look at them, and look up what is held.

use std::collections::BTreeSet;
use std::time::Instant;

use shared::clock::Timestamp;
use shared::id::NodeId;
use store::handover::{Doubt, Lapse};
use store::outbox::{self, Delivery};
use store::{Steady, Store, StoreError};

use super::machine::{Others, Round};

/// Deliveries freed in one transaction.
pub(super) const BATCH: usize = 1_000;

/// What a round is to do.
pub(super) struct Work {
    round: Round,
    held: Option<Asked>,
}

/// A look at what this process holds.
struct Asked {
    /// The numbers of what is known to be held.
    known: BTreeSet<i64>,
    /// What else was written before this time is lost sight of.
    before: Timestamp,
    /// The last doubt that it clears.
    doubt: Doubt,
}

/// What one round has found.
#[derive(Default)]
pub(in crate::dispatch) struct Seen {
    /// When the lease was renewed, by the clock of the rounds and by that of leases.
    pub(in crate::dispatch) renewed: Option<(Instant, Steady)>,
    pub(in crate::dispatch) told: bool,
    pub(in crate::dispatch) others: Option<Others>,
    pub(in crate::dispatch) freed: bool,
    /// What this process holds; what it had lost sight of has a new epoch.
    pub(in crate::dispatch) held: Option<Held>,
    pub(in crate::dispatch) error: Option<StoreError>,
}

/// What this process holds, and what was known of it before.
pub(in crate::dispatch) struct Held {
    pub(in crate::dispatch) deliveries: Vec<Delivery>,
    pub(in crate::dispatch) known: BTreeSet<i64>,
    pub(in crate::dispatch) doubt: Doubt,
    /// Why it was looked up, if the lease had been over.
    pub(in crate::dispatch) lapse: Option<Lapse>,
}

impl Work {
    pub(super) fn new(round: Round, now: Timestamp, known: &dyn Fn() -> BTreeSet<i64>) -> Self {
        let held = round.look_up.map(|look| Asked {
            known: known(),
            before: now.minus(look.age),
            doubt: look.doubt,
        });
        Self { round, held }
    }

    pub(super) async fn carry_out(self, store: &Store) -> Seen {
        let mut seen = Seen::default();
        if let Err(error) = self.try_to(store, &mut seen).await {
            seen.error = Some(error);
        }
        seen
    }

    async fn try_to(self, store: &Store, seen: &mut Seen) -> Result<(), StoreError> {
        let node = store.handover().node();
        if self.round.renew {
            let at = (Instant::now(), Steady::now());
            let (place, time) = (store.place(), store.clock());
            let renew = store.write(move |conn| {
                outbox::renew_lease(conn, node, place)?;
                time.measure(conn)
            });
            renew.await?;
            seen.renewed = Some(at);
        }
        if self.round.tell {
            store.write(move |conn| outbox::notify(conn, node)).await?;
            seen.told = true;
        }
        if self.round.look {
            look(store, seen).await?;
        }
        if let Some(asked) = self.held {
            seen.held = Some(look_up(store, asked).await?);
        }
        Ok(())
    }
}

/// Looks at the others, and frees what those held that are gone.
async fn look(store: &Store, seen: &mut Seen) -> Result<(), StoreError> {
    let (node, time) = (store.handover().node(), store.clock());
    let read = store.read(move |conn| {
        time.measure(conn)?;
        outbox::nodes(conn)
    });
    let mut first = None;
    for (other, _) in read.await? {
        if other.id == node {
            continue;
        }
        match other.left {
            None => seen.freed |= free(store, other.id).await?,
            Some(left) => first = Some(first.map_or(left, |first| left.min(first))),
        }
    }
    seen.others = Some(first.map_or(Others::Nobody, Others::Somebody));
    Ok(())
}

async fn look_up(store: &Store, asked: Asked) -> Result<Held, StoreError> {
    let Asked {
        known,
        before,
        doubt,
    } = asked;
    // Only what was over before is looked into: the lease may be over again meanwhile.
    let lapse = store.handover().lapse();
    let (node, seqs) = (store.handover().node(), known.clone());
    let deliveries = store
        .write(move |conn| outbox::look_up(conn, node, &seqs, before))
        .await?;
    Ok(Held {
        deliveries,
        known,
        doubt,
        lapse,
    })
}

/// Frees everything a process held that is not there any more.
pub(super) async fn free(store: &Store, dead: NodeId) -> Result<bool, StoreError> {
    let mut freed = false;
    loop {
        let count = store
            .write(move |conn| {
                let count = outbox::take_over(conn, dead, BATCH)?;
                if count == 0 {
                    outbox::remove_node(conn, dead)?;
                }
                Ok::<_, StoreError>(count)
            })
            .await?;
        if count == 0 {
            return Ok(freed);
        }
        freed = true;
    }
}
