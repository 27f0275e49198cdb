//! A transaction: what a script reads and does inside of `tx::run`, kept until all of it is asked
//! for at once.
//!
//! All of it crosses the host seam, so it is the platform's memory; it has bounds of its own, and
//! counts against the run's limit besides. It belongs to one run: whatever ends the run ends it too.

pub(super) mod collected;
pub(super) mod kv;
pub(super) mod sent;

use shared::event::ReadKey;
use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::service::Tx;
use shared::service::tx::{TxCall, TxReply};

use super::ask::ask;
use super::state;
use crate::language::error::{Result, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};
use collected::Collected;

/// The version of an entry the transaction wrote itself: it gets one at the end.
pub(crate) const UNWRITTEN: i64 = i64::MIN;

/// Whether a transaction is open.
pub(crate) fn is_open() -> bool {
    state::with(|state| state.transaction.is_some())
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
fn with<R: Copy>(work: impl FnOnce(&mut Collected) -> R) -> R {
    let (answer, held) = state::with(|state| {
        let open = state.transaction.as_mut();
        let tx = open.expect("it was asked whether one is open");
        unmetered(|| (work(tx), tx.bytes))
    });
    context::with(|context| context.budget.hold(held as u64));
    answer
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
    Ok(context::reserve(bytes as u64)?)
}

/// Fails when the transaction has read too many other keys.
fn room_for_reads(more: usize) -> Result<()> {
    if with(|tx| tx.reads.len() + tx.sent.len()) + more > EFFECTS {
        return Err(wrong(format!(
            "one transaction reads at most {EFFECTS} keys; divide the work among several"
        )));
    }
    Ok(())
}

/// An open transaction. Dropped, it is forgotten.
pub(crate) struct Open(());

/// Opens a transaction.
pub(crate) fn begin() -> Result<Open> {
    refuse_inside("tx::run", "do all of it in the outer one")?;
    let new = unmetered(Box::default);
    state::with(|state| state.transaction = Some(new));
    Ok(Open(()))
}

impl Drop for Open {
    fn drop(&mut self) {
        context::try_with(|context| context.budget.hold(0));
        let open = state::try_with(|state| state.transaction.take());
        unmetered(|| drop(open));
    }
}

/// Whether the open transaction read something that changed while it ran.
pub(crate) fn is_stale() -> bool {
    with(|tx| tx.stale)
}

/// Ends the open transaction: does everything, if what was read is still so. `false`: it is not, and nothing was done.
pub(crate) fn commit() -> Result<bool> {
    let Some(tx) = state::with(|state| state.transaction.take()) else {
        return Ok(true);
    };
    let tx = Unmetered::new(tx);
    if tx.reads.is_empty() && tx.effects.is_empty() {
        return Ok(true);
    }
    let call = || {
        let Collected { reads, effects, .. } = *tx.into_inner();
        let reads = reads
            .into_iter()
            .map(|((collection, key), version)| ReadKey {
                collection,
                key,
                version,
            });
        TxCall::Commit {
            reads: reads.collect(),
            effects,
        }
    };
    let reply = ask::<Tx>(call)?;
    Ok(matches!(&*reply, TxReply::Committed))
}
