//! What a run does to the outside of itself, in one transaction with what follows from it.

use shared::event::{Effect, ReadKey};
use shared::id::EventId;
use shared::kv::{KvCall, KvOp, KvReply};

use crate::conn::Conn;
use crate::dialect::lock_kv_key;
use crate::error::StoreError;
use crate::kv::{self, KvError};
use crate::outbox::{self, Consumers, OutboxError, Sent};

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

/// The key a write is about.
fn key_of(op: &KvOp) -> Option<&str> {
    match op {
        KvOp::Set { key, .. } | KvOp::Delete(key) | KvOp::Update(key, _) | KvOp::Append(key, _) => {
            Some(key)
        }
        KvOp::Get(_) | KvOp::GetMany(_) | KvOp::Has(_) | KvOp::List(_) | KvOp::Count(_) => None,
    }
}

/// Carries out a call of the key-value service, and tells the triggers of what it changed.
pub fn change(conn: &mut dyn Conn, sent: Sent, call: &KvCall) -> Result<KvReply, EffectError> {
    let (app, now) = (sent.app, sent.now);
    let Some(key) = key_of(&call.op) else {
        return Ok(kv::call(conn, app, now, call)?);
    };
    let collection = call.collection.as_str();
    let targets = outbox::key_changed(conn, app, collection, key)?;
    if targets.is_empty() {
        return Ok(kv::call(conn, app, now, call)?);
    }
    lock_kv_key(conn, app, collection, key)?;
    let old = kv::get(conn, app, now, collection, key)?;
    let reply = kv::call(conn, app, now, call)?;
    let changed = match reply {
        KvReply::Written(_) | KvReply::Number(_) => true,
        KvReply::Flag(was_there) => was_there,
        _ => false,
    };
    if changed {
        let new = kv::get(conn, app, now, collection, key)?;
        let (old, new) = (old.as_ref(), new.as_ref());
        outbox::key_changed_to(conn, sent, &targets, (call, key), old, new)?;
    }
    Ok(reply)
}

/// Whether a conditional write inside of a transaction did not happen.
fn refused(reply: &KvReply) -> bool {
    matches!(reply, KvReply::Refused(_))
}

/// Carries out effects in order, if what was read before is still so. `None`: it is not, and
/// nothing may be committed.
pub fn apply(
    conn: &mut dyn Conn,
    sent: Sent,
    reads: &[ReadKey],
    effects: &[Effect],
) -> Result<Option<Vec<EventId>>, EffectError> {
    lock_all(conn, sent, reads, effects)?;
    for read in reads {
        let collection = read.collection.as_str();
        let entry = kv::get(conn, sent.app, sent.now, collection, &read.key)?;
        if entry.map(|entry| entry.version) != read.version {
            return Ok(None);
        }
    }
    let mut events = Vec::new();
    let mut consumers = Consumers::default();
    for effect in effects {
        match effect {
            Effect::Kv(call) => {
                if refused(&change(conn, sent, call)?) {
                    return Ok(None);
                }
            }
            Effect::Send(queue, message) => {
                let emitted = outbox::send_among(conn, sent, &mut consumers, queue, message)?;
                events.push(emitted.id());
            }
            Effect::Publish(topic, message) => {
                events.push(outbox::publish(conn, sent, topic, message)?.id());
            }
            Effect::Invoke(script, message) => {
                events.push(outbox::invoke(conn, sent, script, message)?.id());
            }
        }
    }
    Ok(Some(events))
}

/// Locks every key, always in the same order, so that two transactions do not wait for each other.
fn lock_all(
    conn: &mut dyn Conn,
    sent: Sent,
    reads: &[ReadKey],
    effects: &[Effect],
) -> Result<(), StoreError> {
    let written = effects.iter().filter_map(|effect| match effect {
        Effect::Kv(call) => Some((call.collection.as_str(), key_of(&call.op)?)),
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
