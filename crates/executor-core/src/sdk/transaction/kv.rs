//! The key-value service as a transaction sees it: the store, below what the transaction wrote.

use rhai::EvalAltResult;
use shared::event::Effect;
use shared::kv::{
    KvCall, KvChange, KvCondition, KvEntry, KvOp, KvReply, KvValue, KvWrite, Unfit, apply,
};
use shared::name::CollectionName;
use shared::service::{Kv, ServiceKind};

use super::collected::{Place, Written, weight_of};
use super::{UNWRITTEN, refuse_inside, room_for_effects, room_for_reads, with};
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, host_error, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};
use crate::sdk::ask::{self, Answer, ask};
use crate::sdk::state;

type Entry = Unmetered<Option<KvEntry>>;

/// Answers a call inside of the open transaction. A write that will happen is
/// [`KvReply::Flag`]: it has no version yet.
pub(in crate::sdk) fn call(call: Unmetered<KvCall>) -> Result<Answer<KvReply>> {
    let reply = match &call.op {
        KvOp::Get(key) => {
            let entry = look(&call.collection, key)?;
            return Ok(Answer::own(entry.map(KvReply::Entry)));
        }
        KvOp::GetMany(keys) => {
            let entries = look_many(&call.collection, keys)?;
            return Ok(entries.map(KvReply::Entries));
        }
        KvOp::Has(key) => KvReply::Flag(look(&call.collection, key)?.is_some()),
        KvOp::Set { .. } | KvOp::Delete(_) | KvOp::Update(..) | KvOp::Append(..) => write(call)?,
        KvOp::List(_) | KvOp::Count(_) => {
            refuse_inside(
                "list and count of a collection",
                "call them before it, and read the keys it depends on inside",
            )?;
            return Err(wrong("no transaction is open"));
        }
    };
    Ok(Answer::own(Unmetered::new(reply)))
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
            Some(Unmetered::new(found.entry.clone()))
        })
    })
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
fn stored(collection: &CollectionName, op: impl FnOnce() -> KvOp) -> Result<Answer<KvReply>> {
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
    Ok(Unmetered::new(entry.take()))
}

/// The entries at several keys, in their order.
fn look_many(collection: &CollectionName, keys: &[String]) -> Result<Answer<Vec<Option<KvEntry>>>> {
    let mut entries = Unmetered::new(unmetered(|| Vec::with_capacity(keys.len())));
    let mut asked = Unmetered::new(unmetered(|| Vec::with_capacity(keys.len())));
    for key in keys {
        let known = own(collection, key);
        if known.is_none() {
            unmetered(|| asked.push(key.clone()));
        }
        entries.push(known.and_then(Unmetered::into_inner));
    }
    let new = asked.iter().filter(|key| !is_read(collection, key)).count();
    room_for_reads(new)?;
    if asked.is_empty() {
        return Ok(Answer::own(entries));
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
    Ok(reply.with(entries))
}

/// Does a write to what the transaction sees; the store comes to the same when the transaction
/// ends.
fn write(mut call: Unmetered<KvCall>) -> Result<KvReply> {
    let (key, write) = call.op.write().ok_or_else(misunderstood)?;
    let old = if write.looks() {
        look(&call.collection, key)?
    } else {
        Unmetered::new(None)
    };
    can_be_decided(write, old.as_ref())?;
    if let KvWrite::Append(item) = write {
        let before = old.as_ref().map_or(0, |entry| entry.value.len());
        charge_bytes(before + item.len())?;
    }
    let now = context::now();
    let change = unmetered(|| apply(write, key, old.as_ref(), now));
    match change.map_err(|unfit| refused(&unfit))? {
        KvChange::Refused(version) => Ok(KvReply::Refused(version)),
        KvChange::Remove(there) => {
            keep(call, Unmetered::new(None), 0)?;
            Ok(KvReply::Flag(there))
        }
        KvChange::Put {
            value,
            expires_at,
            number,
        } => {
            let value = Unmetered::new(value);
            let own = number.map_or(0, |_| value.len());
            charge_bytes(own)?;
            if let KvOp::Set { condition, .. } = &mut call.op {
                // The read that was noted holds it.
                *condition = KvCondition::None;
            }
            keep(call, entry(value, expires_at), own)?;
            Ok(number.map_or(KvReply::Flag(true), KvReply::Number))
        }
    }
}

/// An entry the transaction wrote.
fn entry(value: Unmetered<KvValue>, expires_at: Option<i64>) -> Entry {
    value.map(|value| {
        Some(KvEntry {
            value,
            version: UNWRITTEN,
            expires_at,
        })
    })
}

/// Fails when a condition asks for what there is at the end only.
fn can_be_decided(write: KvWrite<'_>, old: Option<&KvEntry>) -> Result<()> {
    let by_version = matches!(
        write,
        KvWrite::Set {
            condition: KvCondition::IfVersion(_),
            ..
        }
    );
    if by_version && old.is_some_and(|entry| entry.version == UNWRITTEN) {
        return Err(wrong(
            "a key that this transaction wrote has no version before its end; leave if_version out",
        ));
    }
    Ok(())
}

/// The same error as outside of a transaction.
fn refused(unfit: &Unfit) -> Box<EvalAltResult> {
    host_error(unfit.as_host_error(ServiceKind::Kv))
}

/// Keeps a write for the end, and what later reads see. `own` bytes of that are not the write's.
fn keep(call: Unmetered<KvCall>, entry: Entry, own: usize) -> Result<()> {
    let (key, _) = call.op.write().ok_or_else(misunderstood)?;
    let at = Unmetered::new(unmetered(|| place(&call.collection, key)));
    let effect = call.map(Effect::Kv);
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
