//! What follows from the clock, and from schedules that were fired.

use shared::clock::Timestamp;

use super::State;
use crate::dispatch::cron::{AWAY, Fired};

impl State {
    /// Notes what the clock shows; what waits for times of a clock that was wrong waits no longer.
    pub(in crate::dispatch) fn watch_clock(&mut self, now: Timestamp) {
        if !self.cron.is_set_back(now) {
            return;
        }
        tracing::warn!(now = %now.to_rfc3339(), "the clock was set back; due times are computed anew");
        self.plan.set_back(now);
        self.settling.set_back();
        self.waiting.set_back();
    }

    pub(in crate::dispatch) fn fired(&mut self, fired: Fired) {
        let cron = &mut self.cron;
        cron.firing = false;
        match fired.round {
            Ok(round) => {
                cron.next = round.next;
                self.parts.metrics.ticks_skipped(round.skipped);
                if fired.anew {
                    self.waiting.look();
                }
            }
            Err(error) => {
                tracing::warn!(%error, "schedules cannot be fired; trying again");
                cron.next = Some(fired.now.plus(AWAY));
                cron.anew |= fired.anew;
            }
        }
    }
}
