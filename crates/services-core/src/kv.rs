//! The key-value service.

use shared::kv::{KvCall, KvOp, KvRange};
use shared::limits::fixed::{KV_BATCH, KV_KEY_BYTES, KV_VALUE_BYTES};
use shared::seam::{HostAnswer, HostError, HostReply};
use store::Store;
use store::effects;
use store::kv::KvError;
use store::outbox::Sent;

use crate::failure::{effect_failure, failure};

const NAME: &str = "kv";

/// Most keys that are read on the calling thread. More would hold up the scripts beside this one.
const INLINE_KEYS: usize = 8;

/// Answers a call of `app`. Point reads are answered on the spot where the engine can.
pub(crate) fn call(store: &Store, sent: Sent, call: KvCall) -> HostAnswer {
    let (app, now) = (sent.app, sent.now);
    if let Err(error) = check(&call.op) {
        return HostAnswer::Ready(Err(error));
    }
    if is_point_read(&call.op) {
        let answer = store.read_inline(|conn| store::kv::call(conn, app, now, &call));
        if let Some(answer) = answer {
            return HostAnswer::Ready(translated(answer));
        }
    }
    let store = store.clone();
    HostAnswer::Pending(Box::pin(async move {
        let answer = if store::kv::is_read(&call.op) {
            let read = store.read(move |conn| store::kv::call(conn, app, now, &call));
            read.await
        } else {
            let write = store.write(move |conn| effects::change(conn, sent, &call));
            return write
                .await
                .map(HostReply::Kv)
                .map_err(|e| effect_failure(NAME, &e));
        };
        translated(answer)
    }))
}

fn is_point_read(op: &KvOp) -> bool {
    match op {
        KvOp::Get(_) | KvOp::Has(_) => true,
        KvOp::GetMany(keys) => keys.len() <= INLINE_KEYS,
        _ => false,
    }
}

fn translated(answer: Result<shared::kv::KvReply, KvError>) -> Result<HostReply, HostError> {
    answer.map(HostReply::Kv).map_err(|error| match error {
        KvError::Conflict(text) => HostError::Conflict(text),
        KvError::Store(error) => failure(NAME, &error),
    })
}

/// The SDK checks too, with the script's position; here is where it counts, because in a cluster
/// the caller is another process.
pub(crate) fn check(op: &KvOp) -> Result<(), HostError> {
    match op {
        KvOp::Get(key) | KvOp::Delete(key) | KvOp::Has(key) | KvOp::Update(key, _) => {
            check_key(key)
        }
        KvOp::GetMany(keys) if keys.len() > KV_BATCH => Err(HostError::Invalid(format!(
            "get_many takes at most {KV_BATCH} keys"
        ))),
        KvOp::GetMany(keys) => keys.iter().try_for_each(|key| check_key(key)),
        KvOp::Set { key, value, .. } => {
            check_key(key)?;
            check_size(value.len())
        }
        KvOp::Append(key, item) => {
            check_key(key)?;
            check_size(item.len())
        }
        KvOp::List(range) => check_range(range),
        KvOp::Count(prefix) => check_bound("prefix", prefix),
    }
}

pub(crate) fn check_key(key: &str) -> Result<(), HostError> {
    if key.is_empty() {
        return Err(HostError::Invalid("a key has at least one byte".to_owned()));
    }
    check_bound("key", key)
}

fn check_bound(what: &str, text: &str) -> Result<(), HostError> {
    if text.len() > KV_KEY_BYTES || text.contains('\0') {
        return Err(HostError::Invalid(format!(
            "a {what} has at most {KV_KEY_BYTES} bytes and no character U+0000"
        )));
    }
    Ok(())
}

fn check_range(range: &KvRange) -> Result<(), HostError> {
    let bounds = [
        ("prefix", &range.prefix),
        ("start", &range.start),
        ("end", &range.end),
        ("cursor", &range.cursor),
    ];
    bounds
        .iter()
        .filter_map(|(what, text)| Some((what, text.as_deref()?)))
        .try_for_each(|(what, text)| check_bound(what, text))
}

fn check_size(bytes: usize) -> Result<(), HostError> {
    if bytes > KV_VALUE_BYTES {
        return Err(HostError::Invalid(format!(
            "a value has at most {KV_VALUE_BYTES} bytes; this one has {bytes}"
        )));
    }
    Ok(())
}
