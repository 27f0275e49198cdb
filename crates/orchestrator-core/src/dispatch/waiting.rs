//! Deliveries that wait in the database: which app's are due when, and taking them.
//!
//! Apps take turns: one with a long queue does not keep the others' delayed and repeated deliveries
//! waiting. What was gone through once is not gone through again, because on PostgreSQL what was
//! taken stays in the index for as long as any other transaction is open.

use std::collections::HashMap;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::AppId;
use store::StoreError;
use store::outbox::{self, Delivery, Due};
use store::triggers::PARKED;

use super::parts::Dispatcher;

/// Deliveries taken at once: a transaction for many, and no long one.
pub(super) const CLAIM: usize = 256;
/// Room in memory that makes taking worth while. With less, a long queue would cost a transaction
/// for every few of its deliveries.
pub(super) const WORTH: usize = 64;
/// How long is waited when the database is away, or somebody else holds what comes first.
pub(super) const AGAIN: Duration = Duration::from_millis(500);
/// Looking at all apps reads through every queue, so it takes at most one part in so many of the
/// time …
pub(super) const SELDOM: u32 = 20;
/// … but is not put off for longer.
pub(super) const LOOK: Duration = Duration::from_secs(10);

/// Where an app's deliveries are looked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// When.
    pub(super) at: Timestamp,
    /// None waits that was due before.
    pub(super) from: Timestamp,
    /// From here to `from` all were gone through; those behind others with the same key were left.
    pub(super) passed: Option<Timestamp>,
}

impl Next {
    fn at(due: Timestamp) -> Self {
        Self {
            at: due,
            from: due,
            passed: None,
        }
    }

    /// Where to start when those that were left are to be seen too.
    pub(super) fn start(self) -> Timestamp {
        self.passed
            .map_or(self.from, |passed| passed.min(self.from))
    }
}

/// What is known about them.
#[derive(Default)]
pub(super) struct Waiting {
    /// Where an app's first is, as far as is known.
    due: HashMap<AppId, Next>,
    /// When the first of those was due that are being taken, or could not be taken yet.
    late: HashMap<AppId, Timestamp>,
    /// Apps with deliveries behind others with the same key, and when the first was due.
    blocked: HashMap<AppId, Timestamp>,
    /// When it was an app's turn: the number of the turn.
    turns: HashMap<AppId, u64>,
    turn: u64,
    /// Whether a transaction is under way.
    pub(super) claiming: bool,
    /// Whether all apps are to be looked at, and not before when.
    pub(super) look: bool,
    pub(super) look_after: Option<Timestamp>,
}

/// What was found in a span.
pub(super) struct Taken {
    pub(super) deliveries: Vec<Delivery>,
    /// There are more of them.
    pub(super) more: bool,
    /// When the next is due.
    pub(super) next: Option<Timestamp>,
    /// Some are due and not free.
    pub(super) left: bool,
}

/// What was taken.
pub(super) enum Claimed {
    /// Of one app.
    App {
        app: AppId,
        next: Next,
        result: Result<Taken, StoreError>,
    },
    /// When the first of every app is due, and how long it took to find out.
    All(Result<Vec<Due>, StoreError>, Duration),
}

impl Waiting {
    pub(super) async fn load(parts: &Dispatcher) -> Result<Self, StoreError> {
        let mut waiting = Self::default();
        for due in parts.store.read(outbox::waiting_apps).await? {
            waiting.expect(due.app, due.at);
        }
        Ok(waiting)
    }

    /// An app has a delivery that is due then.
    pub(super) fn expect(&mut self, app: AppId, due_at: Timestamp) {
        if due_at != PARKED {
            self.look_at(app, Next::at(due_at));
        }
    }

    /// Any of an app's deliveries may be due.
    pub(super) fn expect_any(&mut self, app: AppId, now: Timestamp) {
        let from = Timestamp(i64::MIN);
        self.look_at(
            app,
            Next {
                from,
                ..Next::at(now)
            },
        );
    }

    pub(super) fn look_at(&mut self, app: AppId, more: Next) {
        let next = self.due.entry(app).or_insert(more);
        let passed = [next.passed, more.passed].into_iter().flatten().min();
        *next = Next {
            at: next.at.min(more.at),
            from: next.from.min(more.from),
            passed,
        };
    }

    /// A lane of an app has become free: what was behind it may go.
    pub(super) fn lane_free(&mut self, app: AppId, now: Timestamp) {
        if let Some(from) = self.blocked.remove(&app) {
            self.look_at(
                app,
                Next {
                    from,
                    ..Next::at(now)
                },
            );
        }
    }

    /// When the first of all is due, as far as is known.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        let due = self.due.values().map(|next| next.at);
        due.chain(self.late.values().copied()).min()
    }

    /// An app is gone.
    pub(super) fn forget(&mut self, app: AppId) {
        self.due.remove(&app);
        self.late.remove(&app);
        self.blocked.remove(&app);
        self.turns.remove(&app);
    }

    /// Whether something is due.
    pub(super) fn wants(&self, now: Timestamp) -> bool {
        self.due.values().any(|next| next.at <= now)
    }

    /// Whether something is being taken.
    pub(super) fn is_claiming(&self) -> bool {
        self.claiming
    }

    /// All apps are to be looked at.
    pub(super) fn look(&mut self) {
        self.look = true;
    }

    /// The clock was set back: all apps are to be looked at, and now.
    pub(super) fn set_back(&mut self) {
        self.look = true;
        self.look_after = None;
    }

    /// When the next claim is due. Apps without room in memory are looked at when there is.
    pub(super) fn next_due(&self, parts: &Dispatcher) -> Option<Timestamp> {
        if self.claiming {
            return None;
        }
        let look = self.look.then_some(self.look_after).flatten();
        let handover = parts.store.handover();
        if !handover.holds() || handover.is_in_doubt() {
            return look;
        }
        let room = |app: &AppId| handover.room(*app) >= WORTH;
        let due = self.due.iter().filter(|(app, _)| room(app));
        due.map(|(_, next)| next.at).chain(look).min()
    }

    /// Whether all apps are to be looked at now.
    pub(super) fn begins_look(&mut self, now: Timestamp) -> bool {
        let begins = self.look && self.look_after.is_none_or(|after| after <= now);
        self.look &= !begins;
        begins
    }

    /// The app whose turn it is among those with something due and room for it.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        room: &dyn Fn(AppId) -> bool,
    ) -> Option<(AppId, Next)> {
        let due = self
            .due
            .iter()
            .filter(|(app, next)| next.at <= now && room(**app));
        let turn = |app: &AppId| self.turns.get(app).copied().unwrap_or(0);
        let app = *due.min_by_key(|(app, next)| (turn(app), next.at))?.0;
        let mut next = self.due.remove(&app)?;
        self.turn += 1;
        self.turns.insert(app, self.turn);
        self.late.entry(app).or_insert(next.at);
        if let Some(blocked) = self.blocked.remove(&app) {
            next.from = next.from.min(blocked);
        }
        Some((app, next))
    }

    /// Notes what a claim has left to do. `shared`: others may hold what comes first, and do not
    /// tell.
    pub(super) fn end(
        &mut self,
        (app, next): (AppId, Next),
        taken: &Taken,
        now: Timestamp,
        shared: bool,
    ) {
        self.late.remove(&app);
        if taken.more
            && let Some(last) = taken.deliveries.last()
        {
            let more = Next {
                at: now,
                from: last.due_at,
                passed: Some(next.start()),
            };
            self.look_at(app, more);
            return;
        }
        if let Some(due) = taken.next {
            self.expect(app, due);
        }
        if !taken.left {
            return;
        }
        let from = next.start();
        if from < next.from {
            // They were left a while ago, and may be free by now.
            self.look_at(
                app,
                Next {
                    from,
                    ..Next::at(now)
                },
            );
            return;
        }
        self.blocked.insert(app, from);
        if shared {
            let at = now.plus(AGAIN);
            self.look_at(
                app,
                Next {
                    from,
                    ..Next::at(at)
                },
            );
        }
    }
}

#[cfg(test)]
mod tests;
