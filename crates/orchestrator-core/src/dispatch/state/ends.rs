//! Writing down how attempts ended.

use shared::clock::Timestamp;
use store::outbox::{Delivery, Failed, settle};

use super::{Event, State};
use crate::dispatch::settling::{AWAY, Settled, drain};

impl State {
    pub(in crate::dispatch) fn start_settling(&mut self, now: Timestamp) {
        let settling = &mut self.settling;
        let paused = settling.pause_until.is_some_and(|until| until > now);
        if settling.writing || settling.is_empty() || paused {
            return;
        }
        // One at a time: what ends meanwhile shares the next commit.
        settling.writing = true;
        settling.pause_until = None;
        let done: Vec<Delivery> = drain(&mut settling.done);
        let failed: Vec<Failed> = drain(&mut settling.failed);
        let store = self.parts.store.clone();
        self.events.report("writing ends", async move {
            let pairs: Vec<(i64, i64)> = done.iter().map(|d| (d.seq, d.epoch)).collect();
            let ends = failed.clone();
            let result = store
                .write(move |conn| settle(conn, &pairs, &ends, now))
                .await;
            Event::Settled(Settled {
                done,
                failed,
                result,
            })
        });
    }

    pub(in crate::dispatch) fn settled(&mut self, settled: Settled, now: Timestamp) {
        self.settling.writing = false;
        let stale = match settled.result {
            Ok(stale) => stale,
            Err(error) => {
                // They may have been written all the same. Every write asks for the epoch, so the
                // second time changes nothing more.
                tracing::warn!(%error, "the ends of deliveries could not be written; trying again");
                self.settling.done.extend(settled.done);
                self.settling.failed.extend(settled.failed);
                self.settling.pause_until = Some(now.plus(AWAY));
                return;
            }
        };
        let number = stale.done + stale.failed.len() as u64;
        self.parts
            .metrics
            .settled(settled.done.len() as u64, number);
        for delivery in &settled.done {
            self.left(delivery, true, now);
        }
        // Then what is in no hands any more was cancelled.
        let alone = self.nodes.is_alone();
        for failed in settled.failed {
            let is_stale = stale.failed.contains(&failed.delivery().seq);
            match failed {
                // It was written before it was tried again, or is in other hands, or was cancelled.
                Failed::Retry { delivery, .. } | Failed::Back { delivery, .. } if is_stale => {
                    self.left(&delivery, alone, now);
                }
                Failed::Retry {
                    delivery,
                    due_at,
                    keep: true,
                } => self.again(Delivery { due_at, ..delivery }, now),
                Failed::Retry {
                    delivery, due_at, ..
                } => {
                    self.waiting.expect(delivery.line(), due_at);
                    if delivery.order_key.is_some() {
                        for behind in self.plan.close(&delivery, due_at) {
                            self.settling.back(behind);
                        }
                    }
                    self.left(&delivery, false, now);
                }
                Failed::Back { delivery, due_at } => {
                    self.waiting.expect(delivery.line(), due_at);
                    self.left(&delivery, false, now);
                }
                Failed::Dead(_, delivery) => self.left(&delivery, true, now),
            }
        }
    }

    /// A delivery is not in this process's hands any more; `gone`: nor in the outbox.
    fn left(&mut self, delivery: &Delivery, gone: bool, now: Timestamp) {
        let handover = self.parts.store.handover();
        handover.release(&delivery.line());
        if gone {
            handover.settled(delivery.app, delivery.payload.len() as u64);
        }
        if self.plan.leave(delivery, now) {
            self.waiting.lane_free(delivery.line(), now);
        }
    }
}
