//! What a write does to a key. The store does it to what is stored, and a transaction to what it
//! has read; both ask here, so that a script gets the same answer and the same error from either.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::entry::{KvCondition, KvEntry, KvUpdate, KvValue};
use crate::clock::Timestamp;
use crate::limits::fixed::{KV_VALUE_BYTES, VALUE_DEPTH};
use crate::service::error::{HostError, HostErrorKind};
use crate::service::kind::ServiceKind;

/// A write to one key, as `KvOp::asks` shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KvWrite<'a> {
    /// Stores a value.
    Set {
        /// The value.
        value: &'a KvValue,
        /// Milliseconds until it ends.
        ttl_ms: Option<u64>,
        /// What must hold.
        condition: KvCondition,
    },
    /// Removes the key.
    Delete,
    /// Computes a number.
    Update(KvUpdate),
    /// Appends a JSON text to an array.
    Append(&'a [u8]),
}

impl KvWrite<'_> {
    /// Whether what it does depends on what is there.
    pub const fn looks(self) -> bool {
        !matches!(
            self,
            Self::Set {
                condition: KvCondition::None,
                ..
            }
        )
    }
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvChange {
    /// It stays as it is: the condition does not hold. The key's version now, `None` when it does
    /// not exist.
    Refused(Option<i64>),
    /// It gets a value.
    Put {
        /// The value.
        value: KvValue,
        /// When it ends, in microseconds since the epoch.
        expires_at: Option<i64>,
        /// What the caller is told: the new number, or the array's new length. A plain `set` is
        /// told the key's version, which only the store knows.
        number: Option<i64>,
    },
    /// It goes. Whether it was there.
    Remove(bool),
}

/// Why a write cannot be done to what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The value is of another kind than the write needs.
    #[error("`{key}` does not hold {needed}; nothing was changed")]
    OfAnotherKind {
        /// The key.
        key: String,
        /// What it would have to hold.
        needed: &'static str,
    },
    /// The sum is not a 64-bit integer.
    #[error("incr of `{key}` by {by} leaves the range of 64-bit integers; nothing was changed")]
    Overflow {
        /// The key.
        key: String,
        /// What would have been added.
        by: i64,
    },
    /// The array would be larger than a value may be.
    #[error(
        "appending to `{0}` would make it larger than {most} MiB; nothing was changed",
        most = KV_VALUE_BYTES >> 20
    )]
    TooLarge(String),
    /// The array would be nested deeper than a value may be.
    #[error(
        "appending to `{0}` would nest it deeper than {VALUE_DEPTH} levels; nothing was changed"
    )]
    TooDeep(String),
    /// What is appended is no JSON text: a defect of the caller, not of the script.
    #[error("what is appended to `{0}` is not JSON; nothing was changed")]
    NotJson(String),
}

impl Unfit {
    /// The error a script sees.
    pub fn as_host_error(&self, service: ServiceKind) -> HostError {
        let kind = match self {
            Self::OfAnotherKind { .. } | Self::Overflow { .. } => HostErrorKind::Conflict,
            Self::TooLarge(_) | Self::TooDeep(_) => HostErrorKind::Limit,
            Self::NotJson(_) => HostErrorKind::Invalid,
        };
        HostError::new(service, kind, self.to_string())
    }
}

/// What a write makes of `old`, the entry at the key that has not expired at `now`. A write that
/// does not [look](KvWrite::looks) may be given nothing.
pub fn apply(
    write: KvWrite<'_>,
    key: &str,
    old: Option<&KvEntry>,
    now: Timestamp,
) -> Result<KvChange, Unfit> {
    match write {
        KvWrite::Set {
            value,
            ttl_ms,
            condition,
        } => {
            let version = old.map(|entry| entry.version);
            let holds = match condition {
                KvCondition::None => true,
                KvCondition::IfAbsent => version.is_none(),
                KvCondition::IfVersion(wanted) => version == Some(wanted),
            };
            if !holds {
                return Ok(KvChange::Refused(version));
            }
            let ends = ttl_ms.map(|ms| now.plus(Duration::from_millis(ms)));
            Ok(KvChange::Put {
                value: value.clone(),
                expires_at: ends.map(Timestamp::as_micros),
                number: None,
            })
        }
        KvWrite::Delete => Ok(KvChange::Remove(old.is_some())),
        KvWrite::Update(update) => {
            let new = updated(update, key, old)?;
            Ok(computed(old, new.to_string().into_bytes(), new))
        }
        KvWrite::Append(item) => {
            let (text, length) = appended(item, key, old)?;
            Ok(computed(old, text, length))
        }
    }
}

/// A computed value ends when the old one did.
fn computed(old: Option<&KvEntry>, text: Vec<u8>, number: i64) -> KvChange {
    KvChange::Put {
        value: KvValue::Json(text.into()),
        expires_at: old.and_then(|entry| entry.expires_at),
        number: Some(number),
    }
}

fn of_another_kind(key: &str, needed: &'static str) -> Unfit {
    Unfit::OfAnotherKind {
        key: key.to_owned(),
        needed,
    }
}

fn updated(update: KvUpdate, key: &str, old: Option<&KvEntry>) -> Result<i64, Unfit> {
    let integer = |entry: &KvEntry| {
        let number = match &entry.value {
            KvValue::Json(text) => serde_json::from_slice(text).ok(),
            KvValue::Blob(_) => None,
        };
        number.ok_or_else(|| of_another_kind(key, "an integer"))
    };
    let number: Option<i64> = old.map(integer).transpose()?;
    match update {
        KvUpdate::Incr(by) => {
            let sum = number.unwrap_or(0).checked_add(by);
            let key = || key.to_owned();
            sum.ok_or_else(|| Unfit::Overflow { key: key(), by })
        }
        KvUpdate::Min(with) => Ok(number.map_or(with, |n| n.min(with))),
        KvUpdate::Max(with) => Ok(number.map_or(with, |n| n.max(with))),
    }
}

/// The text of the longer array, and its length. Items that were there stay as they were written.
fn appended(item: &[u8], key: &str, old: Option<&KvEntry>) -> Result<(Vec<u8>, i64), Unfit> {
    let before: &[u8] = match old.map(|entry| &entry.value) {
        None => b"[]",
        Some(KvValue::Json(text)) => text,
        Some(KvValue::Blob(_)) => b"",
    };
    let items = serde_json::from_slice::<Vec<IgnoredAny>>(before).ok();
    let (Some(items), Some(end)) = (items, before.iter().rposition(|byte| *byte == b']')) else {
        return Err(of_another_kind(key, "an array"));
    };
    // What is ignored is not checked to be UTF-8.
    let text = std::str::from_utf8(item).ok();
    if text.is_none_or(|text| serde_json::from_str::<IgnoredAny>(text).is_err()) {
        return Err(Unfit::NotJson(key.to_owned()));
    }
    if depth(item) >= VALUE_DEPTH {
        return Err(Unfit::TooDeep(key.to_owned()));
    }
    let comma: &[u8] = if items.is_empty() { b"" } else { b"," };
    if end + comma.len() + item.len() + 1 > KV_VALUE_BYTES {
        return Err(Unfit::TooLarge(key.to_owned()));
    }
    let length = i64::try_from(items.len() + 1).unwrap_or(i64::MAX);
    Ok(([&before[..end], comma, item, b"]"].concat(), length))
}

/// Arrays and objects inside each other in a JSON text.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> KvEntry {
        KvEntry {
            value: KvValue::Json(text.to_owned().into()),
            version: 7,
            expires_at: Some(9),
        }
    }

    fn append(item: &str, old: &str) -> Result<(String, i64), Unfit> {
        match apply(
            KvWrite::Append(item.as_bytes()),
            "k",
            Some(&json(old)),
            Timestamp(0),
        )? {
            KvChange::Put {
                value: KvValue::Json(text),
                expires_at: Some(9),
                number: Some(length),
            } => Ok((String::from_utf8_lossy(&text).into_owned(), length)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_array_is_filled_to_the_last_byte() {
        // `["…"]`: five bytes around the text and the comma of the second item.
        let item = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        let (text, length) = append(&item(KV_VALUE_BYTES - 2), "[]").unwrap();
        assert_eq!((text.len(), length), (KV_VALUE_BYTES, 1));
        let (text, length) = append(&item(KV_VALUE_BYTES - 4), "[1]").unwrap();
        assert_eq!((text.len(), length), (KV_VALUE_BYTES, 2));
        for (bytes, old) in [(KV_VALUE_BYTES - 1, "[]"), (KV_VALUE_BYTES - 3, "[1]")] {
            assert_eq!(
                append(&item(bytes), old),
                Err(Unfit::TooLarge("k".to_owned()))
            );
        }
    }

    #[test]
    fn an_array_is_nested_as_deep_as_a_value_may_be() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(append(&nested(VALUE_DEPTH - 1), "[]").is_ok());
        let refused = append(&nested(VALUE_DEPTH), "[]");
        assert_eq!(refused, Err(Unfit::TooDeep("k".to_owned())));
        // Brackets in texts nest nothing.
        let text = format!(r#""\"{}\\""#, "[{".repeat(VALUE_DEPTH));
        assert_eq!(append(&text, "[1]").unwrap().1, 2);
    }

    #[test]
    fn only_json_is_appended_and_only_to_arrays() {
        for bad in ["", "1,2", "]", "[1", "\"\u{1}\"", "nul"] {
            assert_eq!(
                append(bad, "[]"),
                Err(Unfit::NotJson("k".to_owned())),
                "{bad}"
            );
        }
        for other in ["1", "{}", "\"[]\"", "null"] {
            assert_eq!(append("1", other), Err(of_another_kind("k", "an array")));
        }
        assert_eq!(append("1", " [ 2 ] ").unwrap().1, 2);
    }
}
