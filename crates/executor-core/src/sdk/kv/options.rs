//! What `set` and `list` may be told.

use rhai::{ImmutableString, Map};
use shared::kv::{KvCondition, KvRange};
use shared::limits::fixed::KV_BATCH;

use crate::language::error::{Result, wrong};
use crate::sdk::time;

/// Keys a list gives unless it is told otherwise.
const PAGE: i64 = 100;

/// What `set` may be told besides key and value.
pub(super) struct SetOptions {
    /// Milliseconds the value is kept; `None` for as long as nobody deletes it.
    pub(super) ttl_ms: Option<u64>,
    /// What must hold for the write to happen.
    pub(super) condition: KvCondition,
}

/// The options of `set`; an error names what it does not know.
pub(super) fn set_options(options: &Map) -> Result<SetOptions> {
    let mut parsed = SetOptions {
        ttl_ms: None,
        condition: KvCondition::None,
    };
    let mut conditions = 0;
    for (name, value) in options {
        match name.as_str() {
            "ttl" => {
                let ttl = time::duration(value, "ttl")?.as_millis();
                if ttl == 0 {
                    return Err(wrong(
                        "ttl is at least one millisecond; delete with delete(key)",
                    ));
                }
                parsed.ttl_ms = Some(u64::try_from(ttl).unwrap_or(u64::MAX));
            }
            "if_version" => {
                let version = value.as_int().map_err(|_kind| {
                    wrong("if_version is the version get_with_version or set returned")
                })?;
                parsed.condition = KvCondition::IfVersion(version);
                conditions += 1;
            }
            "if_absent" => match value.as_bool() {
                Ok(true) => {
                    parsed.condition = KvCondition::IfAbsent;
                    conditions += 1;
                }
                Ok(false) => {}
                Err(_kind) => return Err(wrong("if_absent is true or false")),
            },
            other => {
                return Err(wrong(format!(
                    "set has no option `{other}`; there are ttl, if_version and if_absent"
                )));
            }
        }
    }
    if conditions > 1 {
        return Err(wrong("set takes if_version or if_absent, not both"));
    }
    Ok(parsed)
}

/// The options of `list`; an error names what it does not know.
pub(super) fn list_options(options: &Map) -> Result<KvRange> {
    let mut range = KvRange {
        limit: PAGE as u32,
        ..KvRange::default()
    };
    for (name, value) in options {
        let text = || {
            let text = value.read_lock::<ImmutableString>();
            text.map(|text| Some(text.to_string()))
                .ok_or_else(|| wrong(format!("list: {name} is a text")))
        };
        match name.as_str() {
            // `cursor: page.cursor` of the last page is `()`.
            "prefix" | "start" | "end" | "cursor" if value.is_unit() => {}
            "prefix" => range.prefix = text()?,
            "start" => range.start = text()?,
            "end" => range.end = text()?,
            "cursor" => range.cursor = text()?,
            "limit" => {
                let limit = value
                    .as_int()
                    .ok()
                    .filter(|n| (1..=KV_BATCH as i64).contains(n));
                range.limit = limit
                    .ok_or_else(|| wrong(format!("list: limit is from 1 to {KV_BATCH}")))?
                    as u32;
            }
            "reverse" => {
                range.reverse = value
                    .as_bool()
                    .map_err(|_kind| wrong("list: reverse is true or false"))?;
            }
            other => {
                return Err(wrong(format!(
                    "list has no option `{other}`; there are prefix, start, end, limit, cursor \
                     and reverse"
                )));
            }
        }
    }
    Ok(range)
}
