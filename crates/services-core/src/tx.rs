//! `tx`: what a transaction has read and wants to do, at once.
//!
//! Store: `effects.rs`.
//! API: none, because a transaction is a function of a script.

use shared::event::Effect;
use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::kv::KvOp;
use shared::seam::HostAnswer;
use shared::service::tx::{TxCall, TxReply};
use shared::service::{Access, HostError, ServiceKind, Tx};

use crate::asked::{Asked, later, ready};
use crate::kv;
use crate::message::{self, beyond, invalid};

const SELF: ServiceKind = ServiceKind::Tx;

/// Answers a call.
pub(crate) fn call(asked: Asked, TxCall::Commit { reads, effects }: TxCall) -> HostAnswer {
    if reads.len() > EFFECTS || effects.len() > EFFECTS {
        let text = format!("one transaction reads and does at most {EFFECTS} things each");
        return ready::<Tx>(Err(beyond(SELF, text)));
    }
    let checked = check_weight(SELF, &effects)
        .and_then(|()| {
            reads
                .iter()
                .try_for_each(|read| kv::check_key(SELF, &read.key))
        })
        .and_then(|()| effects.iter().try_for_each(check));
    if let Err(error) = checked {
        return ready::<Tx>(Err(error));
    }
    later::<Tx>(async move {
        let events = asked.apply::<Tx>(reads, effects).await?;
        Ok(events.map_or(TxReply::Conflict, TxReply::Committed))
    })
}

fn check(effect: &Effect) -> Result<(), HostError> {
    match effect {
        Effect::Kv(call) if call.op.access() == Access::Read => {
            Err(invalid(SELF, "a transaction's effects write"))
        }
        Effect::Kv(call) => kv::check(SELF, &call.op),
        Effect::Send(_, it) | Effect::Publish(_, it) | Effect::Invoke(_, it) => {
            message::check(SELF, it)
        }
    }
}

/// Bounds the values and messages of a call together.
pub(crate) fn check_weight(service: ServiceKind, effects: &[Effect]) -> Result<(), HostError> {
    if effects.iter().map(weight).sum::<usize>() > EFFECT_BYTES {
        let most = EFFECT_BYTES >> 20;
        let text = format!("the values and messages of one call have at most {most} MiB together");
        return Err(beyond(service, text));
    }
    Ok(())
}

/// Bytes of a value or message.
fn weight(effect: &Effect) -> usize {
    match effect {
        Effect::Kv(call) => match &call.op {
            KvOp::Set { value, .. } => value.len(),
            KvOp::Append(_, item) => item.len(),
            _ => 0,
        },
        Effect::Send(_, it) | Effect::Publish(_, it) | Effect::Invoke(_, it) => it.body.len(),
    }
}
