//! `kv`: the key-value store.

use shared::kv::{KvAsk, KvCall, KvOp, KvRange, KvRead};
use shared::limits::fixed::{KV_BATCH, KV_KEY_BYTES, KV_VALUE_BYTES};
use shared::seam::HostAnswer;
use shared::service::{HostError, Kv, ServiceKind};
use store::{Room, effects};

use crate::asked::{Asked, later, later_held, ready};
use crate::failure::Failed as _;
use crate::message::{beyond, invalid};

const SELF: ServiceKind = ServiceKind::Kv;

/// Most keys that are read on the calling thread. More would hold up the scripts beside this one.
const INLINE_KEYS: usize = 8;

/// Answers a call. Point reads are answered on the spot where the engine can.
pub(crate) fn call(asked: Asked, call: KvCall) -> HostAnswer {
    if let Err(error) = check(SELF, &call.op) {
        return ready::<Kv>(Err(error));
    }
    let (sent, room) = (asked.sent, asked.room);
    let KvAsk::Read(wanted) = call.op.asks() else {
        return later::<Kv, _>(asked, move |asked| async move {
            let store = match call.op {
                // A trigger of the app may make an event of it; that little is granted.
                KvOp::Delete(_) => asked.store,
                _ => asked.store.growing(),
            };
            let write = store.write(move |conn| effects::change(conn, sent, &call));
            write.await.map_err(|error| error.as_host_error(SELF))
        });
    };
    if is_point_read(wanted) {
        let at = (call.collection.as_str(), wanted);
        let answer = asked
            .store
            .read_inline(|conn| store::kv::read(conn, sent.app, sent.now, at, &mut Room::of(room)));
        if let Some(answer) = answer {
            return ready::<Kv>(answer.map_err(|error| error.as_host_error(SELF)));
        }
    }
    later_held::<Kv, _>(asked, move |asked| {
        // On a connection on which the engine refuses writes.
        asked.read_within::<Kv, _, _>(move |conn, room| {
            store::kv::call(conn, sent.app, sent.now, &call, room)
        })
    })
}

fn is_point_read(wanted: KvRead<'_>) -> bool {
    match wanted {
        KvRead::Get(_) | KvRead::Has(_) => true,
        KvRead::GetMany(keys) => keys.len() <= INLINE_KEYS,
        KvRead::List(_) | KvRead::Count(_) => false,
    }
}

/// The SDK checks too, with the script's position; here is where it counts, because in a cluster
/// the caller is another process.
pub(crate) fn check(service: ServiceKind, op: &KvOp) -> Result<(), HostError> {
    match op {
        KvOp::Get(key) | KvOp::Delete(key) | KvOp::Has(key) | KvOp::Update(key, _) => {
            check_key(service, key)
        }
        KvOp::GetMany(keys) if keys.len() > KV_BATCH => {
            let text = format!("get_many takes at most {KV_BATCH} keys");
            Err(beyond(service, text))
        }
        KvOp::GetMany(keys) => keys.iter().try_for_each(|key| check_key(service, key)),
        KvOp::Set { key, value, .. } => {
            check_key(service, key)?;
            check_size(service, value.len())
        }
        KvOp::Append(key, item) => {
            check_key(service, key)?;
            check_size(service, item.len())
        }
        KvOp::List(range) => check_range(service, range),
        KvOp::Count(prefix) => check_bound(service, "prefix", prefix),
    }
}

pub(crate) fn check_key(service: ServiceKind, key: &str) -> Result<(), HostError> {
    if key.is_empty() {
        return Err(invalid(service, "a key has at least one byte"));
    }
    check_bound(service, "key", key)
}

fn check_bound(service: ServiceKind, what: &str, text: &str) -> Result<(), HostError> {
    if text.len() > KV_KEY_BYTES || text.contains('\0') {
        let text = format!("a {what} has at most {KV_KEY_BYTES} bytes and no character U+0000");
        return Err(invalid(service, text));
    }
    Ok(())
}

fn check_range(service: ServiceKind, range: &KvRange) -> Result<(), HostError> {
    let bounds = [
        ("prefix", &range.prefix),
        ("start", &range.start),
        ("end", &range.end),
        ("cursor", &range.cursor),
    ];
    bounds
        .iter()
        .filter_map(|(what, text)| Some((what, text.as_deref()?)))
        .try_for_each(|(what, text)| check_bound(service, what, text))
}

fn check_size(service: ServiceKind, bytes: usize) -> Result<(), HostError> {
    if bytes > KV_VALUE_BYTES {
        let text = format!("a value has at most {KV_VALUE_BYTES} bytes; this one has {bytes}");
        return Err(beyond(service, text));
    }
    Ok(())
}
