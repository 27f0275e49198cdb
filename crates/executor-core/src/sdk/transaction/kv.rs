//! The key-value service as a transaction sees it: the store, below what the transaction wrote.

use bytes::Bytes;
use rhai::EvalAltResult;
use serde::de::IgnoredAny;
use shared::event::Effect;
use shared::event::limits::EFFECTS;
use shared::kv::{KvCall, KvCondition, KvEntry, KvOp, KvReply, KvUpdate, KvValue};
use shared::limits::fixed::KV_VALUE_BYTES;
use shared::name::CollectionName;
use shared::service::{HostError, HostErrorKind, Kv, ServiceKind};
use std::time::Duration;

use super::collected::{Place, Written, weight_of};
use super::{UNWRITTEN, refuse_inside, room_for_effects, with};
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, host_error, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Outside, unmetered};
use crate::sdk::ask::{self, ask};
use crate::sdk::state;

type Entry = Outside<Option<KvEntry>>;

/// Answers a call inside of the open transaction. A write that will happen is
/// [`KvReply::Flag`]: it has no version yet.
pub(in crate::sdk) fn call(call: Outside<KvCall>) -> Result<Outside<KvReply>> {
    let reply = match &call.op {
        KvOp::Get(key) => {
            let entry = look(&call.collection, key)?;
            return Ok(entry.map(KvReply::Entry));
        }
        KvOp::GetMany(keys) => {
            let entries = look_many(&call.collection, keys)?;
            return Ok(entries.map(KvReply::Entries));
        }
        KvOp::Has(key) => KvReply::Flag(look(&call.collection, key)?.is_some()),
        KvOp::Set { .. } => set(call)?,
        KvOp::Delete(key) => {
            let there = look(&call.collection, key)?.is_some();
            keep(call, Outside::new(None), 0)?;
            KvReply::Flag(there)
        }
        KvOp::Update(key, how) => {
            let old = look(&call.collection, key)?;
            let number = updated(key, old.as_ref(), *how)?;
            let entry = unmetered(|| written(old.as_ref(), number.to_string().into_bytes()));
            keep(call, Outside::new(Some(entry)), 0)?;
            KvReply::Number(number)
        }
        KvOp::Append(key, item) => {
            let old = look(&call.collection, key)?;
            let (text, length) = appended(key, old.as_ref(), item)?;
            let own = text.len();
            let entry = unmetered(|| written(old.as_ref(), text.into_inner()));
            keep(call, Outside::new(Some(entry)), own)?;
            KvReply::Number(length)
        }
        KvOp::List(_) | KvOp::Count(_) => {
            refuse_inside(
                "list and count of a collection",
                "call them before it, and read the keys it depends on inside",
            )?;
            return Err(wrong("no transaction is open"));
        }
    };
    Ok(Outside::new(reply))
}

fn place(collection: &CollectionName, key: &str) -> Place {
    (collection.clone(), key.to_owned())
}

/// What the transaction itself wrote to a key.
fn own(collection: &CollectionName, key: &str) -> Option<Entry> {
    state::with(|state| {
        let written = &state.transaction.as_ref()?.written;
        unmetered(|| {
            let found = written.get(&place(collection, key))?;
            Some(Outside::new(found.entry.clone()))
        })
    })
}

/// Fails when the transaction has read too many other keys.
fn room_for_reads(more: usize) -> Result<()> {
    if with(|tx| tx.reads.len()) + more > EFFECTS {
        return Err(wrong(format!(
            "one transaction reads at most {EFFECTS} keys; divide the work among several"
        )));
    }
    Ok(())
}

/// Notes what was read: the end depends on it.
fn note(collection: &CollectionName, key: &str, entry: Option<&KvEntry>) {
    let version = entry.map(|entry| entry.version);
    with(|tx| {
        let first = *tx.reads.entry(place(collection, key)).or_insert(version);
        tx.stale |= first != version;
    });
}

fn is_read(collection: &CollectionName, key: &str) -> bool {
    with(|tx| tx.reads.contains_key(&place(collection, key)))
}

/// Asks the store.
fn stored(collection: &CollectionName, op: impl FnOnce() -> KvOp) -> Result<Outside<KvReply>> {
    ask::<Kv>(|| KvCall {
        collection: collection.clone(),
        op: op(),
    })
}

fn misunderstood() -> Box<EvalAltResult> {
    ask::misunderstood(ServiceKind::Kv)
}

/// The entry at a key.
fn look(collection: &CollectionName, key: &str) -> Result<Entry> {
    if let Some(entry) = own(collection, key) {
        return Ok(entry);
    }
    if !is_read(collection, key) {
        room_for_reads(1)?;
    }
    let mut reply = stored(collection, || KvOp::Get(key.to_owned()))?;
    let KvReply::Entry(entry) = &mut *reply else {
        return Err(misunderstood());
    };
    note(collection, key, entry.as_ref());
    Ok(Outside::new(entry.take()))
}

/// The entries at several keys, in their order.
fn look_many(
    collection: &CollectionName,
    keys: &[String],
) -> Result<Outside<Vec<Option<KvEntry>>>> {
    let mut entries = Outside::new(unmetered(|| Vec::with_capacity(keys.len())));
    let mut asked = Outside::new(unmetered(|| Vec::with_capacity(keys.len())));
    for key in keys {
        let known = own(collection, key);
        if known.is_none() {
            unmetered(|| asked.push(key.clone()));
        }
        entries.push(known.and_then(Outside::into_inner));
    }
    let new = asked.iter().filter(|key| !is_read(collection, key)).count();
    room_for_reads(new)?;
    if asked.is_empty() {
        return Ok(entries);
    }
    let mut reply = stored(collection, || KvOp::GetMany(asked.clone()))?;
    let KvReply::Entries(found) = &mut *reply else {
        return Err(misunderstood());
    };
    let mut found = asked.iter().zip(found.iter_mut()).peekable();
    for (key, entry) in keys.iter().zip(entries.iter_mut()) {
        if let Some((asked, found)) = found.next_if(|(asked, _)| *asked == key) {
            note(collection, asked, found.as_ref());
            *entry = found.take();
        }
    }
    Ok(entries)
}

/// Keeps a write for the end, and what later reads see. `own` bytes of that are not the write's.
fn keep(call: Outside<KvCall>, entry: Entry, own: usize) -> Result<()> {
    let effect = call.map(Effect::Kv);
    let Effect::Kv(call) = &*effect else {
        return Ok(());
    };
    let (KvOp::Set { key, .. } | KvOp::Delete(key) | KvOp::Update(key, _) | KvOp::Append(key, _)) =
        &call.op
    else {
        return Err(misunderstood());
    };
    let at = Outside::new(unmetered(|| place(&call.collection, key)));
    let before = with(|tx| tx.written.get(&*at).map_or(0, |written| written.own));
    let weight = weight_of(&effect) + own;
    room_for_effects(1, weight.saturating_sub(before))?;
    with(|tx| {
        tx.bytes = (tx.bytes + weight).saturating_sub(before);
        tx.effects.push(effect.into_inner());
        let entry = entry.into_inner();
        tx.written.insert(at.into_inner(), Written { entry, own });
    });
    Ok(())
}

fn set(mut call: Outside<KvCall>) -> Result<KvReply> {
    let KvOp::Set { key, condition, .. } = &call.op else {
        return Err(misunderstood());
    };
    let holds = match condition {
        KvCondition::None => true,
        KvCondition::IfAbsent => look(&call.collection, key)?.is_none(),
        KvCondition::IfVersion(wanted) => {
            let entry = look(&call.collection, key)?;
            let version = entry.as_ref().map(|entry| entry.version);
            if version == Some(UNWRITTEN) {
                return Err(wrong(
                    "a key that this transaction wrote has no version before its end; leave \
                     if_version out",
                ));
            }
            version == Some(*wanted)
        }
    };
    if !holds {
        return Ok(KvReply::Refused(None));
    }
    let now = context::now();
    // The read that was noted holds the condition.
    let KvOp::Set {
        value,
        ttl_ms,
        condition,
        ..
    } = &mut call.op
    else {
        return Err(misunderstood());
    };
    *condition = KvCondition::None;
    let ends = ttl_ms.map(|ms| now.plus(Duration::from_millis(ms)).as_micros());
    let entry = unmetered(|| KvEntry {
        value: value.clone(),
        version: UNWRITTEN,
        expires_at: ends,
    });
    keep(call, Outside::new(Some(entry)), 0)?;
    Ok(KvReply::Flag(true))
}

/// An entry the transaction computed. It ends when the old one did.
fn written(old: Option<&KvEntry>, text: Vec<u8>) -> KvEntry {
    KvEntry {
        value: KvValue::Json(text.into()),
        version: UNWRITTEN,
        expires_at: old.and_then(|entry| entry.expires_at),
    }
}

/// The same error as outside of a transaction.
fn unfit(message: String) -> Box<EvalAltResult> {
    host_error(HostError::new(
        ServiceKind::Kv,
        HostErrorKind::Conflict,
        message,
    ))
}

/// The new number; the store comes to the same when the transaction ends.
fn updated(key: &str, old: Option<&KvEntry>, how: KvUpdate) -> Result<i64> {
    let number = match old {
        None => None,
        Some(entry) => {
            let number = match &entry.value {
                KvValue::Json(text) => serde_json::from_slice::<i64>(text).ok(),
                KvValue::Blob(_) => None,
            };
            Some(number.ok_or_else(|| {
                unfit(format!(
                    "`{key}` does not hold an integer; nothing was changed"
                ))
            })?)
        }
    };
    match how {
        KvUpdate::Incr(by) => number.unwrap_or(0).checked_add(by).ok_or_else(|| {
            unfit(format!(
                "incr of `{key}` by {by} leaves the range of 64-bit integers; nothing was changed"
            ))
        }),
        KvUpdate::Min(with) => Ok(number.map_or(with, |n| n.min(with))),
        KvUpdate::Max(with) => Ok(number.map_or(with, |n| n.max(with))),
    }
}

/// The text of the longer array, and its length.
fn appended(key: &str, old: Option<&KvEntry>, item: &Bytes) -> Result<(Outside<Vec<u8>>, i64)> {
    let before: &[u8] = match old {
        None => b"[]",
        Some(KvEntry {
            value: KvValue::Json(text),
            ..
        }) => text,
        Some(_) => b"",
    };
    charge_bytes(before.len())?;
    let items = unmetered(|| serde_json::from_slice::<Vec<IgnoredAny>>(before).ok());
    let (Some(items), Some(end)) = (items, before.iter().rposition(|byte| *byte == b']')) else {
        return Err(unfit(format!(
            "`{key}` does not hold an array; nothing was changed"
        )));
    };
    if before.len() + item.len() + 1 > KV_VALUE_BYTES {
        return Err(unfit(format!(
            "appending to `{key}` would make it larger than 1 MiB; nothing was changed"
        )));
    }
    let comma: &[u8] = if items.is_empty() { b"" } else { b"," };
    let text = unmetered(|| [&before[..end], comma, item, b"]"].concat());
    charge_bytes(text.len())?;
    Ok((Outside::new(text), items.len() as i64 + 1))
}
