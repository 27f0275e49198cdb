//! What becomes of attempts that have ended.

use shared::clock::Timestamp;
use shared::record::AttemptEnd;
use store::outbox::{Delivery, Failed};
use store::triggers::PARKED;

use super::State;
use crate::dispatch::attempt::{End, Finished};
use crate::dispatch::judge::judge;
use crate::dispatch::tail::{tell_failed, told};

impl State {
    /// Decides what becomes of a delivery whose attempt has ended.
    pub(in crate::dispatch) fn finished(&mut self, finished: Finished, now: Timestamp) {
        let Finished { delivery, ran, end } = finished;
        self.plan.ended(&delivery);
        match end {
            End::Done => {
                if ran.is_some() {
                    let tail = &self.parts.tail;
                    tail.tell(delivery.app, || {
                        told(
                            &delivery,
                            delivery.attempt + 1,
                            AttemptEnd::Handled,
                            ran,
                            now,
                        )
                    });
                }
                self.settling.done(delivery);
            }
            // It stays here, first in its lane: those behind it would have to follow it to the
            // database.
            End::NotYet(due_at) if due_at != PARKED && delivery.order_key.is_some() => {
                self.again(Delivery { due_at, ..delivery }, now);
            }
            End::NotYet(due_at) => self.settling.failed(Failed::Back { delivery, due_at }),
            // Somebody else holds it and writes its end.
            End::Gone => {
                self.parts.store.handover().release(&delivery.line());
                self.plan.leave(&delivery, now);
            }
            End::Failed {
                error,
                execution,
                retry,
            } => {
                let failed = judge(delivery, &error, execution, &retry, now);
                self.parts
                    .metrics
                    .failed_delivery(matches!(failed, Failed::Dead(..)));
                tell_failed(&self.parts.tail, &failed, &error, ran, now);
                self.settling.failed(failed);
            }
        }
    }
}
