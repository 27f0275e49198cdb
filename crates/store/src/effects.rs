//! What a run does to the outside of itself, in one transaction with what follows from it.

use shared::event::{Destination, Effect, Message, ReadKey};
use shared::id::EventId;
use shared::kv::{KvAsk, KvCall, KvChange, KvReply};

use crate::conn::Conn;
use crate::dialect::lock_kv_key;
use crate::error::StoreError;
use crate::kv::{self, KvError};
use crate::outbox::{self, Consumers, Emitted, Key, OutboxError, Sent};
use crate::room::Room;
use crate::triggers;

/// Why an effect did not happen.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The value at the key does not fit the operation.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The event it causes was not taken.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries out a call of the key-value service, and tells the triggers of what it changed.
pub fn change(conn: &mut dyn Conn, sent: Sent, call: &KvCall) -> Result<KvReply, EffectError> {
    let (app, now) = (sent.app, sent.now);
    let collection = call.collection.as_str();
    let (key, write) = match call.op.asks() {
        KvAsk::Write(key, write) => (key, write),
        KvAsk::Read(wanted) => {
            return Ok(kv::read(
                conn,
                app,
                now,
                (collection, wanted),
                &mut Room::of(u64::MAX),
            )?);
        }
    };
    let at = Key { collection, key };
    let listeners = outbox::listeners(conn, app, at)?;
    let look = !listeners.is_empty();
    let done = kv::write(conn, app, now, (collection, key), write, look)?;
    let new = match &done.change {
        KvChange::Put { value, .. } => Some(value),
        KvChange::Remove(true) => None,
        KvChange::Remove(false) | KvChange::Refused(_) => return Ok(done.reply),
    };
    if look {
        let old = done.old.as_ref().map(|entry| &entry.value);
        let event = outbox::change(sent, &listeners, at, old, new)?;
        outbox::emit(conn, &event)?;
    }
    Ok(done.reply)
}

/// Sends messages, all or none; the events they become: earlier ones where their idempotency keys
/// were known.
pub fn send(
    conn: &mut dyn Conn,
    sent: Sent,
    to: &Destination,
    messages: &[Message],
) -> Result<Vec<EventId>, EffectError> {
    is_there(conn, sent, to)?;
    let mut consumers = Consumers::default();
    let mut events = Vec::with_capacity(messages.len());
    for message in messages {
        let event = outbox::message(sent, to, message)?;
        events.push(outbox::emit_among(conn, &event, &mut consumers)?.id());
    }
    Ok(events)
}

/// Refuses a message for a script that the app does not have: it would be given up.
fn is_there(conn: &mut dyn Conn, sent: Sent, to: &Destination) -> Result<(), EffectError> {
    match to {
        Destination::Script(script) if !triggers::has_script(conn, sent.app, script)? => {
            Err(OutboxError::NoScript(script.to_string()).into())
        }
        _ => Ok(()),
    }
}

/// Carries out effects in order, if what was read before is still so, and nobody has sent one of
/// the messages meanwhile, whose event the script knows. `false`: nothing may be committed.
pub fn commit(
    conn: &mut dyn Conn,
    sent: Sent,
    reads: &[ReadKey],
    effects: &[Effect],
) -> Result<bool, EffectError> {
    lock_all(conn, sent, reads, effects)?;
    for read in reads {
        let collection = read.collection.as_str();
        let entry = kv::get(conn, sent.app, sent.now, collection, &read.key)?;
        if entry.map(|entry| entry.version) != read.version {
            return Ok(false);
        }
    }
    let mut consumers = Consumers::default();
    for effect in effects {
        if let Effect::Kv(call) = effect
            && let KvReply::Refused(_) = change(conn, sent, call)?
        {
            return Ok(false);
        }
        if let Some((to, message)) = effect.message() {
            is_there(conn, sent, &to)?;
            let event = outbox::message(sent, &to, message)?;
            if let Emitted::Known(known) = outbox::emit_among(conn, &event, &mut consumers)?
                && known != message.id
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Locks every key, always in the same order, so that two transactions do not wait for each other.
fn lock_all(
    conn: &mut dyn Conn,
    sent: Sent,
    reads: &[ReadKey],
    effects: &[Effect],
) -> Result<(), StoreError> {
    let written = effects.iter().filter_map(|effect| match effect {
        Effect::Kv(call) => Some((call.collection.as_str(), call.op.write()?.0)),
        _ => None,
    });
    let read = reads
        .iter()
        .map(|r| (r.collection.as_str(), r.key.as_str()));
    let mut keys: Vec<(&str, &str)> = written.chain(read).collect();
    keys.sort_unstable();
    keys.dedup();
    // One key needs no order, and its write locks it.
    if keys.len() > 1 || !reads.is_empty() {
        for (collection, key) in keys {
            lock_kv_key(conn, sent.app, collection, key)?;
        }
    }
    Ok(())
}
