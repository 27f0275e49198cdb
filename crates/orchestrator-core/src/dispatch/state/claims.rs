//! Taking what waits.

use std::time::Instant;

use shared::clock::Timestamp;
use store::outbox::{self, Line, Span};

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
            self.events.report("looking for what waits", async move {
                let start = Instant::now();
                let all = store.read(outbox::lines).await;
                Event::Claimed(Claimed::All(all, start.elapsed()))
            });
            return;
        }
        let handover = parts.store.handover();
        if !handover.holds() || handover.is_in_doubt() {
            return;
        }
        let room = |line: &Line| handover.room(line) >= WORTH;
        for line in self.waiting.due_now(now).filter(|line| !room(line)) {
            handover.waits(line);
        }
        let Some((line, next)) = self.waiting.begin(now, &room) else {
            return;
        };
        let most = handover.room(&line).min(CLAIM);
        let node = handover.node();
        self.waiting.claiming = true;
        let turned_away = handover.claims(&line);
        self.events.report("claiming", async move {
            let span = move |from| Span { from, to: now };
            let of = line.clone();
            let result = store
                .write(move |conn| {
                    let deliveries = outbox::claim(conn, &of, node, span(next.from), most)?;
                    let more = deliveries.len() == most;
                    let left = !more && outbox::overdue(conn, &of, span(next.start()))?;
                    let next = if more {
                        None
                    } else {
                        outbox::due(conn, &of, now)?
                    };
                    Ok(Taken {
                        deliveries,
                        more,
                        next,
                        left,
                    })
                })
                .await;
            Event::Claimed(Claimed::Line {
                line,
                next,
                turned_away,
                result,
            })
        });
    }

    pub(in crate::dispatch) fn claimed(&mut self, claimed: Claimed, now: Timestamp) {
        self.waiting.claiming = false;
        let handover = self.parts.store.handover();
        match claimed {
            Claimed::All(Ok(all), took) => {
                self.waiting.look_after = Some(now.plus((took * SELDOM).min(LOOK)));
                for due in all {
                    self.waiting.expect(due.line, due.at);
                }
            }
            Claimed::All(Err(error), _) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                self.waiting.look_after = Some(now.plus(AGAIN));
                self.waiting.look = true;
            }
            Claimed::Line {
                line,
                next,
                turned_away,
                result: Ok(taken),
            } => {
                let (shared, of) = (handover.is_shared(), line.clone());
                handover.adopt(&line, taken.deliveries.len());
                if !taken.more {
                    handover.caught_up(&line, turned_away);
                }
                self.waiting.end((line, next), &taken, now, shared);
                if !taken.deliveries.is_empty() {
                    self.concerns_others(Fact::Holds);
                }
                for delivery in taken.deliveries {
                    self.plan.add_claimed(delivery, now);
                }
                // It may have been paused meanwhile.
                self.hold_back(&of);
            }
            Claimed::Line {
                line,
                next,
                result: Err(error),
                ..
            } => {
                tracing::warn!(%error, "deliveries cannot be taken; trying again");
                // They may have been taken all the same.
                if handover.is_shared() {
                    let doubt = handover.doubt();
                    self.concerns_others(Fact::Doubt(doubt));
                }
                let at = now.plus(AGAIN);
                self.waiting.look_at(line, Next { at, ..next });
            }
        }
        self.parts.store.handover().claimed();
    }
}
