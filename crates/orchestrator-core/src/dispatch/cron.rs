//! Firing schedules. Every process tries; the database lets one of them.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{SharedClock, Timestamp};
use store::{StoreError, schedules};

use super::{Dispatcher, Event, Mailbox};

/// Schedules looked at in one round.
const ROUND: i64 = 100;
/// How long is waited when the database is away.
const AWAY: Duration = Duration::from_secs(1);

/// When the next schedule is due.
#[derive(Default)]
pub(super) struct Cron {
    next: Option<Timestamp>,
    firing: bool,
    look: bool,
}

/// What a round has found.
pub(super) struct Fired {
    next: Result<Option<Timestamp>, StoreError>,
    now: Timestamp,
}

impl Cron {
    pub(super) async fn load(parts: &Dispatcher) -> Result<Self, StoreError> {
        Ok(Self {
            next: parts.store.read(schedules::next_due).await?,
            ..Self::default()
        })
    }

    /// Schedules may have changed.
    pub(super) fn look(&mut self) {
        self.look = true;
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.firing { None } else { self.next }
    }

    pub(super) fn start(&mut self, parts: &Dispatcher, events: &Mailbox, now: Timestamp) {
        let due = self.next.is_some_and(|next| next <= now);
        if self.firing || !(due || self.look) {
            return;
        }
        self.firing = true;
        self.look = false;
        let (store, clock) = (parts.store.clone(), Arc::clone(&parts.clock));
        events.report(async move {
            let next = round(&store, clock).await;
            Event::Cron(Fired { next, now })
        });
    }

    pub(super) fn fired(&mut self, fired: Fired) {
        self.firing = false;
        self.next = match fired.next {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "schedules cannot be fired; trying again");
                Some(fired.now.plus(AWAY))
            }
        };
    }
}

async fn round(store: &store::Store, clock: SharedClock) -> Result<Option<Timestamp>, StoreError> {
    let time = store.clock();
    let read = store.read(move |conn| {
        // A time has come when it has for all: nobody fires early because its own clock is wrong.
        time.measure(conn)?;
        let now = clock.now();
        Ok::<_, StoreError>((now, schedules::due(conn, now, ROUND)?))
    });
    let (now, due) = read.await?;
    let mut stuck = false;
    for row in due {
        // Each in a transaction of its own: one that cannot be fired does not hold up the others.
        let key = row.key.clone();
        let fired = store
            .write(move |conn| schedules::fire(conn, &row, now))
            .await;
        match fired {
            Ok(_events) => {}
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => {
                tracing::error!(schedule = %key, %error, "a schedule cannot be fired");
                stuck = true;
            }
        }
    }
    let next = store.read(schedules::next_due).await?;
    // One that cannot be fired stays due; it must not keep this going round.
    let earliest = if stuck { now.plus(AWAY) } else { now };
    Ok(next.map(|next| next.max(earliest)))
}
