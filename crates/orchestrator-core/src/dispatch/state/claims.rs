//! Taking what waits.

use std::time::Instant;

use shared::clock::Timestamp;
use store::outbox::{self, Span};

use super::{Event, State};
use crate::dispatch::nodes::Fact;
use crate::dispatch::waiting::{AGAIN, CLAIM, Claimed, LOOK, Next, SELDOM, Taken, WORTH};

impl State {
    pub(in crate::dispatch) fn start_claim(&mut self, now: Timestamp) {
        let parts = &self.parts;
        if self.waiting.claiming || self.nodes.is_looking_up() {
            return;
        }
        let store = parts.store.clone();
        // Looking takes no lease; what it finds is a reason to renew one that is over.
        if self.waiting.begins_look(now) {
            self.waiting.claiming = true;
            self.events.report(async move {
                let start = Instant::now();
                let all = store.read(outbox::waiting_apps).await;
                Event::Claimed(Claimed::All(all, start.elapsed()))
            });
            return;
        }
        let handover = parts.store.handover();
        if !handover.holds() || handover.is_in_doubt() {
            return;
        }
        let room = |app| handover.room(app) >= WORTH;
        let Some((app, next)) = self.waiting.begin(now, &room) else {
            return;
        };
        let most = handover.room(app).min(CLAIM);
        let node = handover.node();
        self.waiting.claiming = true;
        handover.claims(app);
        self.events.report(async move {
            let span = move |from| Span { from, to: now };
            let result = store
                .write(move |conn| {
                    let deliveries = outbox::claim(conn, app, node, span(next.from), most)?;
                    let more = deliveries.len() == most;
                    let left = !more && outbox::overdue(conn, app, span(next.start()))?;
                    let next = if more {
                        None
                    } else {
                        outbox::due(conn, app, now)?
                    };
                    Ok(Taken {
                        deliveries,
                        more,
                        next,
                        left,
                    })
                })
                .await;
            Event::Claimed(Claimed::App { app, next, result })
        });
    }

    pub(in crate::dispatch) fn claimed(&mut self, claimed: Claimed, now: Timestamp) {
        self.waiting.claiming = false;
        let handover = self.parts.store.handover();
        match claimed {
            Claimed::All(Ok(all), took) => {
                self.waiting.look_after = Some(now.plus((took * SELDOM).min(LOOK)));
                for due in all {
                    self.waiting.expect(due.app, due.at);
                }
            }
            Claimed::All(Err(error), _) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                self.waiting.look_after = Some(now.plus(AGAIN));
                self.waiting.look = true;
            }
            Claimed::App {
                app,
                next,
                result: Ok(taken),
            } => {
                let shared = handover.is_shared();
                self.waiting.end((app, next), &taken, now, shared);
                handover.adopt(app, taken.deliveries.len());
                if !taken.deliveries.is_empty() {
                    self.concerns_others(Fact::Holds);
                }
                for delivery in taken.deliveries {
                    self.plan.add(delivery, now);
                }
            }
            Claimed::App {
                app,
                next,
                result: Err(error),
            } => {
                tracing::warn!(%error, "deliveries cannot be taken; trying again");
                // They may have been taken all the same.
                if handover.is_shared() {
                    let doubt = handover.doubt();
                    self.concerns_others(Fact::Doubt(doubt));
                }
                let at = now.plus(AGAIN);
                self.waiting.look_at(app, Next { at, ..next });
            }
        }
        self.parts.store.handover().claimed();
    }
}
