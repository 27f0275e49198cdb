//! Messages of a transaction. They are sent when it ends, but scripts are told the ids of their
//! events at once.

use shared::event::Effect;
use shared::id::EventId;
use shared::service::Tx;
use shared::service::tx::{TxCall, TxReply};

use super::collected::weight_of;
use super::{room_for_effects, room_for_reads, with};
use crate::language::error::Result;
use crate::sandbox::meter::{Unmetered, unmetered};
use crate::sdk::ask::ask_for;

/// Keeps messages for the end of the open transaction: all, or none and an error.
pub(in crate::sdk) fn keep(effects: Unmetered<Vec<Effect>>) -> Result<()> {
    let bytes = effects.iter().map(weight_of).sum();
    room_for_effects(effects.len(), bytes)?;
    with(|tx| {
        tx.bytes += bytes;
        tx.effects.extend(effects.into_inner());
    });
    Ok(())
}

/// What became of a message that was sent before under the same idempotency key.
#[derive(Clone, Copy)]
enum Earlier {
    New,
    /// It is this event.
    Sent(EventId),
    /// It is this event, and was given up: sent again, it is tried again.
    Died(EventId),
}

/// Keeps a message for the end of the open transaction; the event it becomes. What was sent before
/// under its idempotency key, here or by others, is that event, and nothing is kept.
///
/// Nobody sends it in between: the transaction ends only if the key is still new then.
pub(in crate::sdk) fn send(effect: Unmetered<Effect>) -> Result<EventId> {
    let (id, once) = unmetered(|| {
        let (to, message) = effect.message().expect("it is a message");
        let key = message.idempotency_key.clone();
        (message.id, key.map(|key| Unmetered::new((to, key))))
    });
    let Some(once) = once else {
        keep(effect.map(|effect| vec![effect]))?;
        return Ok(id);
    };
    if let Some(earlier) = with(|tx| tx.sent.get(&*once).copied()) {
        return Ok(earlier);
    }
    room_for_reads(1)?;
    let asked = || {
        let (to, key) = once.clone();
        TxCall::SentBefore { to, key }
    };
    let earlier = ask_for::<Tx, _>(asked, |reply| match reply {
        TxReply::SentBefore(None) => Some(Ok(Earlier::New)),
        TxReply::SentBefore(Some(event)) => Some(Ok(Earlier::Sent(*event))),
        TxReply::Died(event) => Some(Ok(Earlier::Died(*event))),
        TxReply::Committed | TxReply::Conflict => None,
    })?;
    let id = match earlier {
        Earlier::New => {
            keep(effect.map(|effect| vec![effect]))?;
            id
        }
        Earlier::Sent(event) => event,
        Earlier::Died(event) => {
            keep(effect.map(|effect| vec![effect.for_event(event)]))?;
            event
        }
    };
    with(|tx| tx.sent.insert(once.into_inner(), id));
    Ok(id)
}
