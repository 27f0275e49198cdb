//! What the deciding task knows and is told. How it goes on with each thing it is told stands in a file
//! for each.

mod attempts;
mod claims;
mod ends;
mod others;
mod paused;
mod ticks;

use std::sync::Arc;
use std::time::Instant;

use shared::clock::Timestamp;
use store::handover::Notice;
use tokio::sync::mpsc;

use super::attempt::Finished;
use super::parts::Dispatcher;
use super::pauses::PausesRead;
use super::plan::Plan;
use super::{cron, nodes, settling, waiting};

/// What the deciding task is told.
pub(super) enum Event {
    Notice(Notice),
    Finished(Box<Finished>),
    Settled(settling::Settled),
    Claimed(waiting::Claimed),
    Cron(cron::Fired),
    Nodes(nodes::Seen),
    Pauses(PausesRead),
    /// A step of delivering has panicked: what it was to tell is never told.
    Broken(&'static str),
}

/// Where the deciding task is told.
#[derive(Clone)]
pub(super) struct Mailbox(mpsc::UnboundedSender<Event>);

impl Mailbox {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        #[expect(
            clippy::disallowed_methods,
            reason = "every event answers something the receiver began, so it bounds them itself"
        )]
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Does a step beside the deciding task, which is told how it went, and when it panics.
    pub(super) fn report(
        &self,
        step: &'static str,
        work: impl Future<Output = Event> + Send + 'static,
    ) {
        self.report_or(Event::Broken(step), work);
    }

    /// The same, with what is told when it panics.
    pub(super) fn report_or(
        &self,
        panicked: Event,
        work: impl Future<Output = Event> + Send + 'static,
    ) {
        let mut told = Told {
            events: self.0.clone(),
            event: Some(panicked),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "short work of a named task, which waits for all of it before it ends"
        )]
        tokio::spawn(async move {
            told.event = Some(work.await);
            drop(told);
        });
    }
}

/// Tells the deciding task when it is dropped, be it by a panic.
struct Told {
    events: mpsc::UnboundedSender<Event>,
    event: Option<Event>,
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            // A task that has ended needs no telling.
            self.events.send(event).ok();
        }
    }
}

/// The state of the deciding task.
pub(super) struct State {
    /// Without hints: when it was looked for work.
    pub(super) polled_at: Option<Instant>,
    /// A step that has panicked.
    pub(super) broken: Option<&'static str>,
    pub(super) parts: Arc<Dispatcher>,
    pub(super) plan: Plan,
    pub(super) settling: settling::Settling,
    pub(super) waiting: waiting::Waiting,
    pub(super) cron: cron::Cron,
    pub(super) nodes: nodes::Nodes,
    pub(super) events: Mailbox,
}

impl State {
    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_panics_is_told() {
        let (mailbox, mut inbox) = Mailbox::new();
        mailbox.report("a step", async { panic!("a defect") });
        let told = inbox.recv().await;
        assert!(matches!(told, Some(Event::Broken("a step"))));
        mailbox.report("a step", async { Event::Notice(Notice::Foreign) });
        let told = inbox.recv().await;
        assert!(matches!(told, Some(Event::Notice(Notice::Foreign))));
    }
}
