//! A transaction: what a script reads and does inside of `tx::run`, kept until all of it is asked
//! for at once.
//!
//! All of it crosses the host seam, so it is the platform's memory; it has bounds of its own, and
//! counts against the run's limit besides. It belongs to one run: whatever ends the run ends it too.

mod kv;

use std::collections::BTreeMap;

use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::event::{Effect, EventCall, EventReply, Message, ReadKey};
use shared::kv::{KvEntry, KvOp};
use shared::name::CollectionName;
use shared::seam::{HostCall, HostReply};

use crate::language::engine::{Result, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Outside, unmetered};

pub(crate) use kv::call;

/// The version of an entry the transaction wrote itself: it gets one at the end.
pub(crate) const UNWRITTEN: i64 = i64::MIN;

type Place = (CollectionName, String);

/// What one transaction has read and wants to do.
#[derive(Default)]
pub(crate) struct Transaction {
    reads: BTreeMap<Place, Option<i64>>,
    effects: Vec<Effect>,
    written: BTreeMap<Place, Written>,
    bytes: usize,
    /// A key was read twice with different versions: it cannot end well.
    stale: bool,
}

/// What later reads of a key see; no entry: it was deleted.
struct Written {
    entry: Option<KvEntry>,
    /// Bytes that are not the effect's.
    own: usize,
}

/// Whether a transaction is open.
pub(crate) fn is_open() -> bool {
    context::with(|c| c.tx.borrow().is_some())
}

/// Fails inside of a transaction: `what` cannot be undone, or not be seen before it is done.
pub(crate) fn refuse_inside(what: &str, instead: &str) -> Result<()> {
    if is_open() {
        return Err(wrong(format!(
            "{what} cannot be used inside of tx::run; {instead}"
        )));
    }
    Ok(())
}

/// Changes the open transaction. What it returns must own no memory: it was not the script's.
fn with<R: Copy>(work: impl FnOnce(&mut Transaction) -> R) -> R {
    context::with(|c| {
        unmetered(|| {
            let mut open = c.tx.borrow_mut();
            let tx = open.as_mut().expect("it was asked whether one is open");
            let answer = work(tx);
            c.held.set(tx.bytes as u64);
            answer
        })
    })
}

/// Fails when the transaction would become too large.
fn room_for_effects(count: usize, bytes: usize) -> Result<()> {
    let (effects, held) = with(|tx| (tx.effects.len(), tx.bytes));
    if effects + count > EFFECTS {
        return Err(wrong(format!(
            "one transaction does at most {EFFECTS} things; divide the work among several"
        )));
    }
    if held + bytes > EFFECT_BYTES {
        return Err(wrong(format!(
            "the values and messages of one transaction have at most {} MiB together; divide the \
             work among several",
            EFFECT_BYTES >> 20
        )));
    }
    context::reserve(bytes as u64)
}

fn weight_of(effect: &Effect) -> usize {
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

/// Bytes of values and messages.
pub(crate) fn weight(effects: &[Effect]) -> usize {
    effects.iter().map(weight_of).sum()
}

/// Keeps messages for the end of the open transaction: all, or none and an error.
pub(crate) fn keep(effects: Outside<Vec<Effect>>) -> Result<()> {
    let bytes = weight(&effects);
    room_for_effects(effects.len(), bytes)?;
    with(|tx| {
        tx.bytes += bytes;
        tx.effects.extend(effects.into_inner());
    });
    Ok(())
}

/// An open transaction. Dropped, it is forgotten.
pub(crate) struct Open(());

/// Opens a transaction.
pub(crate) fn begin() -> Result<Open> {
    refuse_inside("tx::run", "do all of it in the outer one")?;
    context::with(|c| c.tx.replace(Some(Transaction::default())));
    Ok(Open(()))
}

impl Drop for Open {
    fn drop(&mut self) {
        let open = context::try_with(|c| {
            c.held.set(0);
            c.tx.take()
        });
        unmetered(|| drop(open));
    }
}

/// Whether the open transaction read something that changed while it ran.
pub(crate) fn is_stale() -> bool {
    with(|tx| tx.stale)
}

/// Ends the open transaction: does everything, if what was read is still so. `false`: it is not, and nothing was done.
pub(crate) fn commit() -> Result<bool> {
    let Some(tx) = context::with(|c| c.tx.take()) else {
        return Ok(true);
    };
    if tx.reads.is_empty() && tx.effects.is_empty() {
        return Ok(true);
    }
    let call = unmetered(move || {
        let Transaction { reads, effects, .. } = tx;
        let reads = reads
            .into_iter()
            .map(|((collection, key), version)| ReadKey {
                collection,
                key,
                version,
            });
        HostCall::Event(EventCall::Apply {
            reads: reads.collect(),
            effects,
        })
    });
    let reply = Outside::new(context::host_call(call)?);
    match &*reply {
        HostReply::Event(EventReply::Sent(_)) => Ok(true),
        HostReply::Event(EventReply::Conflict) => Ok(false),
        _ => Err(wrong(
            "the platform answered another question than the transaction's",
        )),
    }
}
