//! Ordered lists and counts over a range of keys.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{KvPage, KvRange};
use shared::limits::fixed;

use super::entry::{Scope, entry};
use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::room::Room;

pub(super) fn list(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    range: &KvRange,
    room: &mut Room,
) -> Result<KvPage, StoreError> {
    let prefix = range.prefix.as_deref().unwrap_or("");
    let from = prefix.max(range.start.as_deref().unwrap_or(""));
    let mut to = end_of(prefix);
    if let Some(end) = &range.end {
        to = to.min(end.clone());
    }
    let mut first = (">=", from);
    match range.cursor.as_deref() {
        Some(cursor) if range.reverse => to = to.min(cursor.to_owned()),
        Some(cursor) if cursor >= from => first = (">", cursor),
        _ => {}
    }
    let limit = range.limit.clamp(1, fixed::KV_BATCH as u32) as usize;
    let order = if range.reverse { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT key, format, value, version, expires_at FROM kv WHERE app_id = ?1 \
         AND collection = ?2 AND key {} ?3 AND key < ?4 \
         AND (expires_at IS NULL OR expires_at > ?5) ORDER BY key {order} LIMIT ?6",
        first.0
    );
    let params = [
        scope.app.as_bytes().into(),
        scope.collection.into(),
        first.1.into(),
        to.as_str().into(),
        scope.now.as_micros().into(),
        Param::Int(limit as i64 + 1),
    ];
    let mut items = Vec::new();
    conn.query_each(&sql, &params, &mut |row| {
        room.take(row.bytes())?;
        items.push((row.text("key")?.to_owned(), entry(row)?));
        Ok(())
    })?;
    let more = items.len() > limit;
    items.truncate(limit);
    let cursor = if more {
        items.last().map(|(key, _)| key.clone())
    } else {
        None
    };
    Ok(KvPage { items, cursor })
}

pub(super) fn count(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    prefix: &str,
) -> Result<i64, StoreError> {
    let row = conn.query_one(
        "SELECT COUNT(*) AS number FROM kv WHERE app_id = ?1 AND collection = ?2 AND key >= ?3 \
         AND key < ?4 AND (expires_at IS NULL OR expires_at > ?5)",
        &[
            scope.app.as_bytes().into(),
            scope.collection.into(),
            prefix.into(),
            end_of(prefix).as_str().into(),
            scope.now.as_micros().into(),
        ],
    )?;
    row.map_or(Ok(0), |row| row.int("number"))
}

/// The names of collections that hold something, in order, after `after`, at most `most` of them. Each
/// is looked up by itself, so that one with many keys costs no more than others.
pub(super) fn collections(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    after: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = Vec::new();
    while names.len() < most {
        let last = names.last().map_or(after, String::as_str);
        let row = conn.query_one(
            "SELECT collection FROM kv WHERE app_id = ?1 AND collection > ?2 \
             AND (expires_at IS NULL OR expires_at > ?3) ORDER BY collection LIMIT 1",
            &[app.as_bytes().into(), last.into(), now.as_micros().into()],
        )?;
        let Some(row) = row else {
            break;
        };
        names.push(row.text("collection")?.to_owned());
    }
    Ok(names)
}

/// The first text after everything that starts with `prefix`, in the order of UTF-8 bytes (which
/// is the order of code points).
fn end_of(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) + 1 {
            0xD800 => Some('\u{E000}'),
            code => char::from_u32(code),
        };
        if let Some(next) = next {
            chars.push(next);
            return chars.into_iter().collect();
        }
    }
    // Longer than any key may be, made of the last character there is: after every key.
    std::iter::repeat_n(char::MAX, fixed::KV_KEY_BYTES / 4 + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_a_prefix_is_after_all_its_texts() {
        for (prefix, end) in [
            ("a", "b"),
            ("ab", "ac"),
            ("a\u{10FFFF}", "b"),
            ("\u{D7FF}", "\u{E000}"),
        ] {
            assert_eq!(end_of(prefix), end);
        }
        assert!(end_of("").as_str() > "\u{10FFFF}zzz");
    }
}
