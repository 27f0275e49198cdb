//! Processes that share a database: saying that this one is there, noticing that another is not.
//!
//! With SQLite there is one process, so whatever another one held is free at the start, and
//! nothing of this is needed afterwards. What is to be done when is decided in `machine.rs`; here and
//! in `round.rs` it is done.

mod certainty;
mod machine;
mod round;

use std::collections::BTreeSet;
use std::time::Instant;

use store::outbox;
use store::{Steady, StoreError};

use super::parts::Dispatcher;
use round::{BATCH, Work, free};

pub(super) use machine::{Doing, Ended, Fact, Nodes};
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
        let at = (Instant::now(), Steady::now());
        store
            .write(move |conn| outbox::renew_lease(conn, node, place))
            .await?;
        store.handover().renewed(at.1);
        Ok(Self::new(shared, Some(at.0)))
    }

    /// Begins what is to be done now. `known`: the numbers of what the plan holds.
    pub(super) fn start(
        &mut self,
        parts: &Dispatcher,
        doing: Doing,
        known: &dyn Fn() -> BTreeSet<i64>,
    ) -> Option<impl Future<Output = Seen> + Send + 'static> {
        let round = self.begin(Instant::now(), doing)?;
        let work = Work::new(round, parts.clock.now(), known);
        let store = parts.store.clone();
        Some(async move { work.carry_out(&store).await })
    }
}
