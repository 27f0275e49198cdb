//! Lines that people pause: nothing of them is started, and nothing of them stays in memory.

use shared::clock::Timestamp;
use store::outbox::{self, Delivery, Line};

use super::{Event, State};
use crate::dispatch::pauses::PausesRead;

impl State {
    /// A line is paused, or is to go on.
    pub(in crate::dispatch) fn paused(&mut self, line: Line, paused: bool) {
        self.waiting.pauses.set(line.clone(), paused);
        self.hold_back(&line);
    }

    /// Looks which lines are paused, if another process may have changed that.
    pub(in crate::dispatch) fn read_pauses(&mut self) {
        let Some(asked) = self.waiting.pauses.begin() else {
            return;
        };
        let store = self.parts.store.clone();
        self.events.report("reading what is paused", async move {
            let result = store.read(outbox::all_paused).await;
            Event::Pauses(PausesRead { asked, result })
        });
    }

    pub(in crate::dispatch) fn pauses_read(&mut self, read: PausesRead) {
        let lines = read.result.map_err(|error| {
            tracing::warn!(%error, "what is paused cannot be read; trying again");
            // With a pause.
            self.waiting.look();
        });
        for line in self.waiting.pauses.read(read.asked, lines.ok()) {
            self.hold_back(&line);
        }
    }

    /// Lets those go on of which everything has gone back.
    pub(in crate::dispatch) fn resume(&mut self, now: Timestamp) {
        let plan = &self.plan;
        for line in self.waiting.pauses.resume(|line| plan.is_returning(line)) {
            self.waiting.expect_any(line, now);
        }
    }

    /// Gives back what this process holds of a line, if that is paused and it does not run.
    pub(in crate::dispatch) fn hold_back(&mut self, line: &Line) {
        if !self.waiting.pauses.hold(line) {
            return;
        }
        // What is new waits in the database from now on.
        self.parts.store.handover().waits(line);
        for delivery in self.plan.hold_back(line) {
            self.settling.back(delivery);
        }
    }

    /// A delivery comes again at its time.
    pub(in crate::dispatch) fn again(&mut self, delivery: Delivery, now: Timestamp) {
        let line = delivery.line();
        self.plan.again(delivery, now);
        self.hold_back(&line);
    }
}
