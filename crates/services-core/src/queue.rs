//! `queue`: messages that are handled one by one, each by one consumer.
//!
//! Store: `outbox.rs`.
//! API: `queues::list`.
//! pic: `queues.rs`.

use shared::event::limits::EFFECTS;
use shared::event::{Destination, Message};
use shared::seam::HostAnswer;
use shared::service::queue::{QueueCall, QueueReply};
use shared::service::{HostError, Queue, ServiceKind};
use store::outbox;

use crate::asked::{Asked, later, ready};
use crate::message::{self, beyond};
use crate::tx;

const SELF: ServiceKind = ServiceKind::Queue;

/// Answers a call.
pub(crate) fn call(asked: Asked, call: QueueCall) -> HostAnswer {
    match call {
        QueueCall::Send { queue, messages } => {
            if let Err(error) = check(&messages) {
                return ready::<Queue>(Err(error));
            }
            later::<Queue, _>(asked, move |asked| async move {
                let events = asked.send::<Queue>(Destination::Queue(queue), messages);
                events.await.map(QueueReply::Sent)
            })
        }
        QueueCall::Depth(queue) => {
            let app = asked.sent.app;
            later::<Queue, _>(asked, move |asked| async move {
                let depth =
                    asked.read::<Queue, _>(move |conn| outbox::depth(conn, app, queue.as_str()));
                depth.await.map(QueueReply::Depth)
            })
        }
    }
}

fn check(messages: &[Message]) -> Result<(), HostError> {
    if messages.len() > EFFECTS {
        let text = format!("one call sends at most {EFFECTS} messages");
        return Err(beyond(SELF, text));
    }
    messages
        .iter()
        .try_for_each(|it| message::check(SELF, it))?;
    tx::check_total(SELF, messages.iter().map(|it| it.body.len()).sum())
}
