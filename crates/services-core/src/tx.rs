//! `tx`: what a transaction has read and wants to do, at once.
//!
//! Store: `effects.rs`.
//! API: none, because a transaction is a function of a script.
//! pic: none, because a transaction is a function of a script.

use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::event::{Effect, ReadKey};
use shared::kv::KvOp;
use shared::seam::HostAnswer;
use shared::service::tx::{TxCall, TxReply};
use shared::service::{Access, HostError, ServiceKind, Tx};
use store::outbox::{self, Before};

use crate::asked::{Asked, later, ready};
use crate::kv;
use crate::message::{self, beyond, invalid};

const SELF: ServiceKind = ServiceKind::Tx;

/// Answers a call.
pub(crate) fn call(asked: Asked, call: TxCall) -> HostAnswer {
    match call {
        TxCall::Commit { reads, effects } => commit(asked, reads, effects),
        TxCall::SentBefore { to, key } => {
            if let Err(error) = message::check_key(SELF, "idempotency key", &key) {
                return ready::<Tx>(Err(error));
            }
            let sent = asked.sent;
            later::<Tx, _>(asked, move |asked| async move {
                let read = asked.read::<Tx, _>(move |conn| {
                    outbox::sent_before(conn, sent.app, &to, &key, sent.now)
                });
                Ok(match read.await? {
                    Some(Before { event, died: true }) => TxReply::Died(event),
                    before => TxReply::SentBefore(before.map(|before| before.event)),
                })
            })
        }
    }
}

fn commit(asked: Asked, reads: Vec<ReadKey>, effects: Vec<Effect>) -> HostAnswer {
    if reads.len() > EFFECTS || effects.len() > EFFECTS {
        let text = format!("one transaction reads and does at most {EFFECTS} things each");
        return ready::<Tx>(Err(beyond(SELF, text)));
    }
    let checked = check_total(SELF, effects.iter().map(weight).sum())
        .and_then(|()| {
            reads
                .iter()
                .try_for_each(|read| kv::check_key(SELF, &read.key))
        })
        .and_then(|()| effects.iter().try_for_each(check));
    if let Err(error) = checked {
        return ready::<Tx>(Err(error));
    }
    later::<Tx, _>(asked, move |asked| async move {
        let done = asked.commit::<Tx>(reads, effects).await?;
        Ok(if done {
            TxReply::Committed
        } else {
            TxReply::Conflict
        })
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
pub(crate) fn check_total(service: ServiceKind, bytes: usize) -> Result<(), HostError> {
    if bytes > EFFECT_BYTES {
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
