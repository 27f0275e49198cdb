//! Firing schedules. Every process tries; the database lets one of them.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{SharedClock, Timestamp};
use shared::schedule::GRACE;
use store::{Store, StoreError, outbox, schedules};

use super::parts::Dispatcher;

/// Schedules looked at in one round.
const ROUND: i64 = 100;
/// How long is waited when the database is away.
pub(super) const AWAY: Duration = Duration::from_secs(1);

/// When the next schedule is due.
pub(super) struct Cron {
    pub(super) next: Option<Timestamp>,
    pub(super) firing: bool,
    look: bool,
    /// Whether the clock may have been wrong when due times were written.
    pub(super) anew: bool,
    /// The latest time the clock has shown.
    shown: Option<Timestamp>,
}

/// What a round has found.
pub(super) struct Fired {
    pub(super) round: Result<Round, StoreError>,
    pub(super) now: Timestamp,
    pub(super) anew: bool,
}

/// A round of all schedules that are due.
pub(super) struct Round {
    pub(super) next: Option<Timestamp>,
    /// Ticks that do not run because the last run goes on.
    pub(super) skipped: u64,
}

impl Cron {
    /// Nothing is known yet, nor whether the clock was right when the last process ended.
    pub(super) fn new() -> Self {
        Self {
            next: None,
            firing: false,
            look: true,
            anew: true,
            shown: None,
        }
    }

    /// Schedules may have changed.
    pub(super) fn look(&mut self) {
        self.look = true;
    }

    /// Whether the clock shows a time so much before what it has shown that it was wrong. Due times
    /// are then computed anew.
    pub(super) fn is_set_back(&mut self, now: Timestamp) -> bool {
        let shown = *self.shown.get_or_insert(now);
        let back = shown.since(now) > GRACE;
        self.shown = Some(if back { now } else { shown.max(now) });
        self.anew |= back;
        self.look |= back;
        back
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.firing { None } else { self.next }
    }

    /// Begins a round, if one is due.
    pub(super) fn start(
        &mut self,
        parts: &Dispatcher,
        now: Timestamp,
    ) -> Option<impl Future<Output = Fired> + Send + 'static> {
        let due = self.next.is_some_and(|next| next <= now);
        if self.firing || !(due || self.look) {
            return None;
        }
        self.firing = true;
        self.look = false;
        let anew = std::mem::take(&mut self.anew);
        let (store, clock) = (parts.store.clone(), Arc::clone(&parts.clock));
        Some(async move {
            let round = round(&store, clock, anew).await;
            Fired { round, now, anew }
        })
    }
}

/// Fires what is due; first computes due times anew if they may be of a clock that was wrong.
async fn round(store: &Store, clock: SharedClock, anew: bool) -> Result<Round, StoreError> {
    let time = store.clock();
    let read = store.read(move |conn| {
        // A time has come when it has for all: nobody fires early because its own clock is wrong.
        time.measure(conn)?;
        let now = clock.now();
        let misplaced = if anew {
            schedules::misplaced(conn, now)?
        } else {
            Vec::new()
        };
        Ok::<_, StoreError>((now, misplaced, schedules::due(conn, now, ROUND)?))
    });
    let (now, misplaced, due) = read.await?;
    if anew {
        let write = store.write(move |conn| {
            for (row, due) in &misplaced {
                schedules::place(conn, row, *due)?;
            }
            outbox::pull_back(conn, now)
        });
        write.await?;
    }
    let (mut stuck, mut skipped) = (false, 0);
    for row in due {
        // Each in a transaction of its own: one that cannot be fired does not hold up the others.
        let key = row.key.clone();
        let fired = store
            .write(move |conn| schedules::fire(conn, &row, now))
            .await;
        match fired {
            Ok(fired) => skipped += fired.skipped,
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
    Ok(Round {
        next: next.map(|next| next.max(earliest)),
        skipped,
    })
}
