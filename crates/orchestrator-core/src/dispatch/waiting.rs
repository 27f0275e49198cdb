//! Deliveries that wait in the database: which app's are due when, and taking them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::AppId;
use store::StoreError;
use store::outbox::{self, Delivery, Due};
use store::triggers::PARKED;

use super::{Dispatcher, Event, State};

/// Deliveries taken at once.
const CLAIM: usize = 256;
/// Room in memory that makes taking worth while.
const WORTH: usize = 64;
/// How long is waited when the database is away, or somebody else holds what comes first.
const AGAIN: Duration = Duration::from_millis(500);

/// What is known about them.
#[derive(Default)]
pub(super) struct Waiting {
    /// When an app's first is due, as far as is known.
    due: HashMap<AppId, Timestamp>,
    /// When the first of those was due that are being taken, or could not be taken yet.
    late: HashMap<AppId, Timestamp>,
    /// Apps with deliveries behind others with the same key.
    blocked: HashSet<AppId>,
    /// Whether a transaction is under way.
    claiming: bool,
    /// Whether all apps are to be looked at.
    look: bool,
}

/// What was taken.
pub(super) enum Claimed {
    /// Of one app: the deliveries, when the next is due, whether some are due and not free.
    App {
        app: AppId,
        result: Result<(Vec<Delivery>, Option<Timestamp>, bool), StoreError>,
    },
    /// When the first of every app is due.
    All(Result<Vec<Due>, StoreError>),
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
        if due_at == PARKED {
            return;
        }
        let due = self.due.entry(app).or_insert(due_at);
        *due = due_at.min(*due);
    }

    /// A lane of an app has become free: what was behind it may go.
    pub(super) fn lane_free(&mut self, app: AppId, now: Timestamp) {
        if self.blocked.remove(&app) {
            self.expect(app, now);
        }
    }

    /// When the first of all is due, as far as is known.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.due.values().chain(self.late.values()).copied().min()
    }

    /// An app is gone.
    pub(super) fn forget(&mut self, app: AppId) {
        self.due.remove(&app);
        self.late.remove(&app);
        self.blocked.remove(&app);
    }

    /// Whether something is due.
    pub(super) fn wants(&self, now: Timestamp) -> bool {
        self.due.values().any(|due| *due <= now)
    }

    /// All apps are to be looked at.
    pub(super) fn look(&mut self) {
        self.look = true;
    }

    /// When the next claim is due. Apps without room in memory are looked at when there is.
    pub(super) fn next_due(&self, parts: &Dispatcher) -> Option<Timestamp> {
        let handover = parts.store.handover();
        if self.claiming || !handover.holds() || handover.is_in_doubt() {
            return None;
        }
        let room = |app: &AppId| parts.store.handover().room(*app) >= WORTH;
        self.due
            .iter()
            .filter(|(app, _)| room(app))
            .map(|(_, due)| *due)
            .min()
    }
}

impl State {
    pub(super) fn start_claim(&mut self, now: Timestamp) {
        let parts = &self.parts;
        if self.waiting.claiming {
            return;
        }
        let store = parts.store.clone();
        // Looking takes no lease; what it finds is a reason to renew one that is over.
        if std::mem::take(&mut self.waiting.look) {
            self.waiting.claiming = true;
            self.events.report(async move {
                Event::Claimed(Claimed::All(store.read(outbox::waiting_apps).await))
            });
            return;
        }
        let handover = parts.store.handover();
        if !handover.holds() || handover.is_in_doubt() {
            return;
        }
        let mut due = self.waiting.due.iter().filter(|(_, due)| **due <= now);
        let Some(app) = due.find_map(|(app, _)| (handover.room(*app) >= WORTH).then_some(*app))
        else {
            return;
        };
        let most = handover.room(app).min(CLAIM);
        let node = handover.node();
        self.waiting.claiming = true;
        if let Some(due) = self.waiting.due.remove(&app) {
            self.waiting.late.entry(app).or_insert(due);
        }
        self.waiting.blocked.remove(&app);
        self.events.report(async move {
            let result = store
                .write(move |conn| {
                    let taken = outbox::claim(conn, app, node, now, most)?;
                    let more = taken.len() == most;
                    let next = if more {
                        Some(now)
                    } else {
                        outbox::due(conn, app, now)?
                    };
                    let blocked = !more && outbox::overdue(conn, app, now)?;
                    Ok((taken, next, blocked))
                })
                .await;
            Event::Claimed(Claimed::App { app, result })
        });
    }

    pub(super) fn claimed(&mut self, claimed: Claimed, now: Timestamp) {
        self.waiting.claiming = false;
        match claimed {
            Claimed::All(Ok(all)) => {
                for due in all {
                    self.waiting.expect(due.app, due.at);
                }
            }
            Claimed::All(Err(error)) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                self.waiting.look = true;
            }
            Claimed::App {
                app,
                result: Ok((taken, next, blocked)),
            } => {
                self.waiting.late.remove(&app);
                self.parts.store.handover().adopt(app, taken.len());
                if !taken.is_empty() {
                    self.nodes.busy(&self.parts);
                }
                for delivery in taken {
                    self.plan.add(delivery, now);
                }
                if let Some(next) = next {
                    self.waiting.expect(app, next);
                }
                if blocked {
                    self.waiting.blocked.insert(app);
                    if self.parts.store.handover().is_shared() {
                        // Those before may be in another process's hands, which does not tell.
                        self.waiting.expect(app, now.plus(AGAIN));
                    }
                }
            }
            Claimed::App {
                app,
                result: Err(error),
            } => {
                tracing::warn!(%error, "deliveries cannot be taken; trying again");
                // They may have been taken all the same.
                if self.parts.store.handover().is_shared() {
                    self.parts.store.handover().doubt();
                    self.nodes.doubt();
                }
                self.waiting.expect(app, now.plus(AGAIN));
            }
        }
    }
}
