//! `queue`: messages that are handled one by one, each by one consumer.
//!
//! Store: `outbox.rs`.

use shared::event::limits::EFFECTS;
use shared::event::{Effect, Message};
use shared::name::QueueName;
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
            match effects(&queue, messages) {
                Ok(effects) => later::<Queue>(async move {
                    asked.send::<Queue>(effects).await.map(QueueReply::Sent)
                }),
                Err(error) => ready::<Queue>(Err(error)),
            }
        }
        QueueCall::Depth(queue) => {
            let app = asked.sent.app;
            later::<Queue>(async move {
                let depth =
                    asked.read::<Queue, _>(move |conn| outbox::depth(conn, app, queue.as_str()));
                depth.await.map(QueueReply::Depth)
            })
        }
    }
}

fn effects(queue: &QueueName, messages: Vec<Message>) -> Result<Vec<Effect>, HostError> {
    if messages.len() > EFFECTS {
        let text = format!("one call sends at most {EFFECTS} messages");
        return Err(beyond(SELF, text));
    }
    messages
        .iter()
        .try_for_each(|it| message::check(SELF, it))?;
    let effects = messages
        .into_iter()
        .map(|it| Effect::Send(queue.clone(), it));
    let effects: Vec<_> = effects.collect();
    tx::check_weight(SELF, &effects)?;
    Ok(effects)
}
