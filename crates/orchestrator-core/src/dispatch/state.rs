//! What the deciding task knows and is told. How it goes on with each thing it is told stands in a file
//! for each.

mod attempts;
mod claims;
mod ends;
mod others;
mod ticks;

use std::sync::Arc;
use std::time::Instant;

use shared::clock::Timestamp;
use store::handover::Notice;
use tokio::sync::mpsc;

use super::attempt::Finished;
use super::parts::Dispatcher;
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

    /// Does something beside the deciding task, which is told how it went.
    pub(super) fn report(&self, work: impl Future<Output = Event> + Send + 'static) {
        let events = self.0.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "short work of a named task, which waits for all of it before it ends"
        )]
        tokio::spawn(async move {
            // A task that has ended needs no telling.
            events.send(work.await).ok();
        });
    }
}

/// The state of the deciding task.
pub(super) struct State {
    /// Without hints: when it was looked for work.
    pub(super) polled_at: Option<Instant>,
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
