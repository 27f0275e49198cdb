//! What one transaction has read and wants to do.

use std::collections::BTreeMap;

use shared::event::{Destination, Effect, Message};
use shared::id::EventId;
use shared::kv::{KvEntry, KvOp};
use shared::name::CollectionName;

pub(super) type Place = (CollectionName, String);

/// What one transaction has read and wants to do.
#[derive(Default)]
pub(in crate::sdk) struct Collected {
    pub(super) reads: BTreeMap<Place, Option<i64>>,
    pub(super) effects: Vec<Effect>,
    pub(super) written: BTreeMap<Place, Written>,
    /// The events of messages by where they go and their idempotency keys: its own, and earlier ones
    /// it was told.
    pub(super) sent: BTreeMap<(Destination, String), EventId>,
    /// Bytes of the effects and of what later reads see.
    pub(super) bytes: usize,
    /// A key was read twice with different versions: it cannot end well.
    pub(super) stale: bool,
}

/// What later reads of a key see; no entry: it was deleted.
pub(super) struct Written {
    pub(super) entry: Option<KvEntry>,
    /// Bytes that are not the effect's.
    pub(super) own: usize,
}

/// Bytes of values and messages.
pub(super) fn weight_of(effect: &Effect) -> usize {
    let message = |message: &Message| message.body.len();
    match effect {
        Effect::Kv(call) => match &call.op {
            KvOp::Set { key, value, .. } => key.len() + value.len(),
            KvOp::Append(key, item) => key.len() + item.len(),
            KvOp::Delete(key) | KvOp::Update(key, _) => key.len(),
            _ => 0,
        },
        Effect::Send(_, it) | Effect::Publish(_, it) | Effect::Invoke(_, it) => message(it),
    }
}
