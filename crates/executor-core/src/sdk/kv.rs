//! `kv`: the app's key-value store, by collection.

mod options;

use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use rhai::{Array, Blob, Map};
use shared::kv::{KvCall, KvEntry, KvOp, KvReply, KvUpdate, KvValue};
use shared::limits::fixed::{KV_BATCH, KV_KEY_BYTES, KV_VALUE_BYTES};
use shared::name::CollectionName;
use shared::service::Kv;

use super::ask::{answered, ask};
use super::transaction;
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{Failure, decode_metered, encode_metered};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};
use options::{SetOptions, list_options, set_options};

/// What `kv::collection(name)` returns.
#[derive(Clone, Debug)]
pub(crate) struct Collection(CollectionName);

/// Calls the service, or the open transaction in its place, and reads the answer.
fn call<R>(
    collection: &Collection,
    op: impl FnOnce() -> KvOp,
    read: impl FnOnce(&mut KvReply) -> Option<Result<R>>,
) -> Result<R> {
    let reply = if transaction::is_open() {
        let call = unmetered(|| KvCall {
            // A transaction outlives the script's hold on the name.
            collection: collection.0.as_str().parse().expect("it was a name"),
            op: op(),
        });
        transaction::kv::call(Unmetered::new(call))?
    } else {
        ask::<Kv>(|| KvCall {
            collection: collection.0.clone(),
            op: op(),
        })?
    };
    answered::<Kv, R>(reply, read)
}

fn checked_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > KV_KEY_BYTES || key.contains('\0') {
        return Err(wrong(format!(
            "a key is a text of 1 to {KV_KEY_BYTES} bytes without the character U+0000"
        )));
    }
    Ok(())
}

fn json_bytes(value: &Dynamic) -> Result<Vec<u8>> {
    encode_metered(value, false, KV_VALUE_BYTES as u64).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("the value cannot be stored: {error}")),
    })
}

fn stored(value: &Dynamic) -> Result<KvValue> {
    if let Some(blob) = value.read_lock::<Blob>() {
        if blob.len() > KV_VALUE_BYTES {
            return Err(wrong(format!(
                "a value is at most {KV_VALUE_BYTES} bytes long"
            )));
        }
        charge_bytes(blob.len())?;
        return Ok(unmetered(|| KvValue::Blob(blob.clone().into())));
    }
    let text = json_bytes(value)?;
    Ok(unmetered(|| {
        KvValue::Json(bytes::Bytes::copy_from_slice(&text))
    }))
}

fn loaded(value: &KvValue) -> RhaiResult {
    match value {
        KvValue::Json(text) => decode_metered(text).map_err(|failure| match failure {
            Failure::Stopped(stopped) => stopped.into(),
            Failure::Wrong(error) => wrong(format!("the stored value is damaged: {error}")),
        }),
        KvValue::Blob(bytes) => {
            context::reserve(bytes.len() as u64)?;
            charge_bytes(bytes.len())?;
            Ok(Dynamic::from_blob(bytes.to_vec()))
        }
    }
}

/// The value, version and end of an entry.
fn described(entry: &KvEntry) -> Result<Map> {
    let ends = entry
        .expires_at
        .map_or(Dynamic::UNIT, |at| Dynamic::from_int(at.div_euclid(1_000)));
    let version = if entry.version == transaction::UNWRITTEN {
        Dynamic::UNIT
    } else {
        Dynamic::from_int(entry.version)
    };
    Ok(Map::from([
        ("value".into(), loaded(&entry.value)?),
        ("version".into(), version),
        ("expires_at".into(), ends),
    ]))
}

fn write(collection: &Collection, key: &str, value: &Dynamic, with: &SetOptions) -> RhaiResult {
    checked_key(key)?;
    let value = stored(value)?;
    let op = || KvOp::Set {
        key: key.to_owned(),
        value,
        ttl_ms: with.ttl_ms,
        condition: with.condition,
    };
    call(collection, op, |reply| match reply {
        KvReply::Written(version) => Some(Ok(Dynamic::from_int(*version))),
        KvReply::Refused(_) => Some(Ok(Dynamic::FALSE)),
        // Inside of a transaction there is no version yet.
        KvReply::Flag(kept) => Some(Ok(Dynamic::from_bool(*kept))),
        _ => None,
    })
}

fn update(collection: &Collection, key: &str, how: KvUpdate) -> Result<i64> {
    checked_key(key)?;
    call(collection, || KvOp::Update(key.to_owned(), how), number)
}

fn number(reply: &mut KvReply) -> Option<Result<i64>> {
    match reply {
        KvReply::Number(number) => Some(Ok(*number)),
        _ => None,
    }
}

fn yes_or_no(reply: &mut KvReply) -> Option<Result<bool>> {
    match reply {
        KvReply::Flag(flag) => Some(Ok(*flag)),
        _ => None,
    }
}

/// What an answer holds, each freed as soon as the script has its own: an answer and the values in
/// it are not in memory twice.
fn emptying<T>(items: &mut Vec<T>) -> impl Iterator<Item = Unmetered<T>> {
    items.drain(..).map(Unmetered::new)
}

fn page(collection: &Collection, options: &Map) -> Result<Map> {
    let range = list_options(options)?;
    let op = || KvOp::List(range.clone());
    call(collection, op, |reply| {
        let KvReply::Page(page) = reply else {
            return None;
        };
        let items: Result<Array> = emptying(&mut page.items)
            .map(|found| {
                let (key, entry) = &*found;
                let mut item = described(entry)?;
                item.insert("key".into(), key.clone().into());
                Ok(Dynamic::from_map(item))
            })
            .collect();
        let cursor = page.cursor.clone().map_or(Dynamic::UNIT, Dynamic::from);
        Some(
            items.map(|items| {
                Map::from([("items".into(), items.into()), ("cursor".into(), cursor)])
            }),
        )
    })
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The collection with this name; it needs no creation.
    #[rhai_fn(return_raw)]
    pub fn collection(name: ImmutableString) -> Result<Collection> {
        name.parse()
            .map(Collection)
            .map_err(|error: shared::name::NameError| wrong(error.to_string()))
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod methods {
    /// The value at a key; `()` when there is none.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn get(collection: &mut Collection, key: ImmutableString) -> RhaiResult {
        checked_key(&key)?;
        call(
            collection,
            || KvOp::Get(key.to_string()),
            |reply| match reply {
                KvReply::Entry(Some(entry)) => Some(loaded(&entry.value)),
                KvReply::Entry(None) => Some(Ok(Dynamic::UNIT)),
                _ => None,
            },
        )
    }

    /// The values at several keys, in their order; `()` where there is none.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn get_many(collection: &mut Collection, keys: Array) -> Result<Array> {
        if keys.len() > KV_BATCH {
            return Err(wrong(format!("get_many takes at most {KV_BATCH} keys")));
        }
        for key in &keys {
            let key = key.read_lock::<ImmutableString>();
            checked_key(&key.ok_or_else(|| wrong("get_many takes an array of texts"))?)?;
        }
        let op = || KvOp::GetMany(keys.iter().map(ToString::to_string).collect());
        call(collection, op, |reply| match reply {
            KvReply::Entries(entries) => {
                let load = |entry: Unmetered<Option<KvEntry>>| {
                    entry
                        .as_ref()
                        .map_or(Ok(Dynamic::UNIT), |entry| loaded(&entry.value))
                };
                Some(emptying(entries).map(load).collect())
            }
            _ => None,
        })
    }

    /// `#{value, version, expires_at}` of a key; `()` when there is none.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn get_with_version(collection: &mut Collection, key: ImmutableString) -> RhaiResult {
        checked_key(&key)?;
        call(
            collection,
            || KvOp::Get(key.to_string()),
            |reply| match reply {
                KvReply::Entry(Some(entry)) => Some(described(entry).map(Dynamic::from_map)),
                KvReply::Entry(None) => Some(Ok(Dynamic::UNIT)),
                _ => None,
            },
        )
    }

    /// Stores a value; returns the key's new version. It is on disk when the call returns. Inside
    /// of `tx::run` it returns `true`: there is no version before the end.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn set(collection: &mut Collection, key: ImmutableString, value: Dynamic) -> RhaiResult {
        write(collection, &key, &value, &set_options(&Map::new())?)
    }

    /// Stores a value with `#{ttl, if_version, if_absent}`; returns the key's new version, or
    /// `false` when the condition does not hold and nothing was stored.
    #[rhai_fn(name = "set", return_raw, pure, volatile)]
    pub fn set_with(
        collection: &mut Collection,
        key: ImmutableString,
        value: Dynamic,
        options: Map,
    ) -> RhaiResult {
        write(collection, &key, &value, &set_options(&options)?)
    }

    /// Removes a key; whether it was there.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn delete(collection: &mut Collection, key: ImmutableString) -> Result<bool> {
        checked_key(&key)?;
        call(collection, || KvOp::Delete(key.to_string()), yes_or_no)
    }

    /// Whether a key is there.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn has(collection: &mut Collection, key: ImmutableString) -> Result<bool> {
        checked_key(&key)?;
        call(collection, || KvOp::Has(key.to_string()), yes_or_no)
    }

    /// Adds 1 to the number at a key; returns the new number. A missing key counts as 0.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn incr(collection: &mut Collection, key: ImmutableString) -> Result<i64> {
        update(collection, &key, KvUpdate::Incr(1))
    }

    /// Adds to the number at a key; returns the new number. A missing key counts as 0.
    #[rhai_fn(name = "incr", return_raw, pure, volatile)]
    pub fn incr_by(collection: &mut Collection, key: ImmutableString, by: i64) -> Result<i64> {
        update(collection, &key, KvUpdate::Incr(by))
    }

    /// Keeps the smaller of the number at a key and this one; returns it.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn min(collection: &mut Collection, key: ImmutableString, number: i64) -> Result<i64> {
        update(collection, &key, KvUpdate::Min(number))
    }

    /// Keeps the larger of the number at a key and this one; returns it.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn max(collection: &mut Collection, key: ImmutableString, number: i64) -> Result<i64> {
        update(collection, &key, KvUpdate::Max(number))
    }

    /// Adds a value to the array at a key; returns the array's new length.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn append(
        collection: &mut Collection,
        key: ImmutableString,
        value: Dynamic,
    ) -> Result<i64> {
        checked_key(&key)?;
        let text = json_bytes(&value)?;
        let op = || KvOp::Append(key.to_string(), bytes::Bytes::copy_from_slice(&text));
        call(collection, op, number)
    }

    /// The first page of keys with their values: `#{items: [#{key, value, …}], cursor}`.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn list(collection: &mut Collection) -> Result<Map> {
        page(collection, &Map::new())
    }

    /// A page of keys with `#{prefix, start, end, limit, cursor, reverse}`.
    #[rhai_fn(name = "list", return_raw, pure, volatile)]
    pub fn list_with(collection: &mut Collection, options: Map) -> Result<Map> {
        page(collection, &options)
    }

    /// How many keys there are.
    #[rhai_fn(return_raw, pure, volatile)]
    pub fn count(collection: &mut Collection) -> Result<i64> {
        call(collection, || KvOp::Count(String::new()), number)
    }

    /// How many keys start with a prefix.
    #[rhai_fn(name = "count", return_raw, pure, volatile)]
    pub fn count_prefix(collection: &mut Collection, prefix: ImmutableString) -> Result<i64> {
        call(collection, || KvOp::Count(prefix.to_string()), number)
    }
}
