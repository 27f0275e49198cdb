//! The key-value store: reading, listing, expiring, isolation.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{KvCall, KvCondition, KvEntry, KvOp, KvPage, KvRange, KvReply, KvUpdate, KvValue};
use shared::service::Access;
use store::kv::{self, KvError};
use store::{Room, StoreError};

use crate::support::{Db, NOW, after, on_both};

on_both![
    values_of_both_forms_read_back,
    several_keys_are_read_in_the_order_asked,
    a_read_stops_when_there_is_no_room,
    lists_are_in_key_order_and_end_where_they_should,
    pages_follow_each_other_without_gaps_or_repeats,
    every_range_agrees_with_a_plain_list,
    an_expired_entry_is_not_there_for_anybody,
    expired_entries_are_removed_as_new_ones_come,
    no_call_of_one_app_sees_or_changes_another,
];

/// A call as a script's host makes it.
pub(crate) fn call(db: &Db, app: AppId, now: Timestamp, op: KvOp) -> Result<KvReply, KvError> {
    call_in(db, app, now, "default", op)
}

pub(crate) fn call_in(
    db: &Db,
    app: AppId,
    now: Timestamp,
    collection: &str,
    op: KvOp,
) -> Result<KvReply, KvError> {
    let call = KvCall {
        collection: collection.parse().unwrap(),
        op,
    };
    if call.op.access() == Access::Read {
        db.try_read(move |conn| kv::call(conn, app, now, &call, &mut Room::of(u64::MAX)))
    } else {
        db.try_write(move |conn| kv::call(conn, app, now, &call, &mut Room::of(u64::MAX)))
    }
}

pub(crate) fn json(text: &str) -> KvValue {
    KvValue::Json(text.as_bytes().to_vec().into())
}

pub(crate) fn put(key: &str, value: KvValue) -> KvOp {
    KvOp::Set {
        key: key.to_owned(),
        value,
        ttl_ms: None,
        condition: KvCondition::None,
    }
}

/// Sets a key to a JSON text.
pub(crate) fn set(db: &Db, app: AppId, key: &str, text: &str) -> i64 {
    match call(db, app, NOW, put(key, json(&format!("{text:?}")))) {
        Ok(KvReply::Written(version)) => version,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn set_for(db: &Db, app: AppId, now: Timestamp, key: &str, ttl_ms: u64) {
    let op = KvOp::Set {
        key: key.to_owned(),
        value: json("1"),
        ttl_ms: Some(ttl_ms),
        condition: KvCondition::None,
    };
    call(db, app, now, op).unwrap();
}

pub(crate) fn get(db: &Db, app: AppId, now: Timestamp, key: &str) -> Option<KvEntry> {
    match call(db, app, now, KvOp::Get(key.to_owned())) {
        Ok(KvReply::Entry(entry)) => entry,
        other => panic!("{other:?}"),
    }
}

fn page(db: &Db, app: AppId, now: Timestamp, range: &KvRange) -> KvPage {
    match call(db, app, now, KvOp::List(range.clone())) {
        Ok(KvReply::Page(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn keys(db: &Db, app: AppId, now: Timestamp, range: &KvRange) -> Vec<String> {
    let page = page(db, app, now, range);
    page.items.into_iter().map(|(key, _)| key).collect()
}

fn values_of_both_forms_read_back(db: &Db) {
    let app = db.app("shop").id;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let large = vec![0xA5; 1 << 20];
    for (key, value) in [
        ("text", json("\"Gr\u{fc}\u{df}e \u{1F980} \\u0000\"")),
        ("object", json(r#"{"b": [1, 2.50, null], "a": {}}"#)),
        ("bytes", KvValue::Blob(all_bytes.into())),
        ("none", KvValue::Blob(Vec::new().into())),
        ("large", KvValue::Blob(large.into())),
    ] {
        call(db, app, NOW, put(key, value.clone())).unwrap();
        let entry = get(db, app, NOW, key).unwrap();
        assert!(entry.value == value, "{key} differs");
        assert_eq!(entry.expires_at, None);
    }
    assert_eq!(get(db, app, NOW, "nothing"), None);
    // One form replaces the other.
    call(db, app, NOW, put("bytes", json("7"))).unwrap();
    assert_eq!(get(db, app, NOW, "bytes").unwrap().value, json("7"));
}

/// Reads within so many bytes.
fn read_within(db: &Db, app: AppId, op: KvOp, room: u64) -> Result<KvReply, KvError> {
    let call = KvCall {
        collection: "default".parse().unwrap(),
        op,
    };
    db.try_read(move |conn| kv::call(conn, app, NOW, &call, &mut Room::of(room)))
}

fn a_read_stops_when_there_is_no_room(db: &Db) {
    let app = db.app("shop").id;
    let text = format!("\"{}\"", "x".repeat(9_998));
    for at in 0..20 {
        set(db, app, &format!("k{at:02}"), &text);
    }
    let all = || KvRange {
        limit: 100,
        ..KvRange::default()
    };
    let same = |times| KvOp::GetMany(vec!["k03".to_owned(); times]);
    for (op, fits) in [
        (KvOp::Get("k00".to_owned()), 1),
        (same(7), 7),
        (KvOp::List(all()), 20),
        (
            KvOp::List(KvRange {
                reverse: true,
                ..all()
            }),
            20,
        ),
        (KvOp::List(KvRange { limit: 3, ..all() }), 4),
    ] {
        let enough = fits * 10_200;
        assert!(read_within(db, app, op.clone(), enough).is_ok(), "{op:?}");
        let less = read_within(db, app, op.clone(), fits * 10_000 - 1);
        assert!(
            matches!(less, Err(KvError::Store(StoreError::NoRoom))),
            "{op:?}: {less:?}"
        );
    }
    for op in [KvOp::Count(String::new()), KvOp::Has("k00".to_owned())] {
        assert!(
            read_within(db, app, op.clone(), 0).is_ok(),
            "{op:?} holds no value"
        );
    }
    let one = read_within(db, app, KvOp::Get("none".to_owned()), 100);
    assert_eq!(one.unwrap(), KvReply::Entry(None));
    let write = read_within(db, app, put("k", json("1")), u64::MAX);
    assert!(write.is_err(), "a read writes nothing");
}

fn several_keys_are_read_in_the_order_asked(db: &Db) {
    let app = db.app("shop").id;
    set(db, app, "a", "1");
    set(db, app, "b", "2");
    let asked = ["b", "missing", "a", "b"].map(str::to_owned).to_vec();
    let KvReply::Entries(entries) = call(db, app, NOW, KvOp::GetMany(asked)).unwrap() else {
        panic!("entries");
    };
    let values: Vec<_> = entries.into_iter().map(|e| e.map(|e| e.value)).collect();
    let (one, two) = (Some(json("\"1\"")), Some(json("\"2\"")));
    assert_eq!(values, [two.clone(), None, one, two]);
    for (key, there) in [("a", true), ("missing", false)] {
        let reply = call(db, app, NOW, KvOp::Has(key.to_owned())).unwrap();
        assert_eq!(reply, KvReply::Flag(there));
    }
}

/// Keys whose order differs between bytes and most languages' rules.
const KEYS: [&str; 12] = [
    "\u{1}",
    " ",
    "A",
    "B",
    "Z",
    "a",
    "a/1",
    "a/10",
    "a/2",
    "b",
    "\u{e9}",
    "\u{1F980}",
];

fn range(prefix: &str) -> KvRange {
    KvRange {
        prefix: Some(prefix.to_owned()),
        limit: 1_000,
        ..KvRange::default()
    }
}

fn lists_are_in_key_order_and_end_where_they_should(db: &Db) {
    let app = db.app("shop").id;
    for key in KEYS.iter().rev() {
        set(db, app, key, "x");
    }
    let bound = |start: &str, end: &str| KvRange {
        start: Some(start.to_owned()),
        end: Some(end.to_owned()),
        ..range("")
    };
    let reverse = |range: KvRange| KvRange {
        reverse: true,
        ..range
    };
    let backwards: Vec<&str> = KEYS.iter().rev().copied().collect();
    for (range, expected) in [
        (range(""), &KEYS[..]),
        (reverse(range("")), &backwards),
        (range("a/"), &["a/1", "a/10", "a/2"]),
        (reverse(range("a/")), &["a/2", "a/10", "a/1"]),
        (range("a/1"), &["a/1", "a/10"]),
        (range("\u{1F980}"), &["\u{1F980}"]),
        (range("%"), &[]),
        (bound("A", "a"), &["A", "B", "Z"]),
        (bound("A", "A"), &[]),
        (bound("b", "a"), &[]),
        (
            KvRange {
                prefix: Some("a".to_owned()),
                ..bound("a/10", "b")
            },
            &["a/10", "a/2"],
        ),
    ] {
        assert_eq!(keys(db, app, NOW, &range), expected, "{range:?}");
    }
    for (prefix, number) in [("", 12), ("a", 4), ("a/", 3), ("nothing", 0)] {
        let reply = call(db, app, NOW, KvOp::Count(prefix.to_owned())).unwrap();
        assert_eq!(reply, KvReply::Number(number), "{prefix}");
    }
}

fn walk(db: &Db, app: AppId, mut range: KvRange) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page = page(db, app, NOW, &range);
        assert!(page.items.len() <= range.limit as usize);
        seen.extend(page.items.into_iter().map(|(key, _)| key));
        let Some(cursor) = page.cursor else {
            return seen;
        };
        range.cursor = Some(cursor);
    }
}

fn pages_follow_each_other_without_gaps_or_repeats(db: &Db) {
    let app = db.app("shop").id;
    for key in KEYS {
        set(db, app, key, "x");
    }
    for limit in 1..=13 {
        for reverse in [false, true] {
            let range = KvRange {
                limit,
                reverse,
                ..range("")
            };
            let mut expected = KEYS.to_vec();
            if reverse {
                expected.reverse();
            }
            assert_eq!(walk(db, app, range), expected, "{limit} {reverse}");
        }
    }
    let last = page(
        db,
        app,
        NOW,
        &KvRange {
            limit: 12,
            ..range("")
        },
    );
    assert_eq!(last.cursor, None, "a full last page is the last");
    // A cursor before the range does not widen it.
    let early = KvRange {
        cursor: Some(" ".to_owned()),
        ..range("a/")
    };
    assert_eq!(keys(db, app, NOW, &early), ["a/1", "a/10", "a/2"]);
}

/// Every combination of bounds against what a plain list would answer.
fn every_range_agrees_with_a_plain_list(db: &Db) {
    let app = db.app("shop").id;
    let alphabet = [
        "\u{1}",
        "a",
        "aa",
        "ab",
        "b",
        "\u{D7FF}",
        "\u{E000}",
        "\u{10FFFF}",
    ];
    for key in alphabet {
        set(db, app, key, "x");
    }
    let bounds: Vec<Option<String>> = [None]
        .into_iter()
        .chain(["a", "ab", "\u{D7FF}", "\u{10FFFF}"].map(|b| Some(b.to_owned())))
        .collect();
    let mut ranges = Vec::new();
    for prefix in &bounds {
        for start in &bounds {
            for end in &bounds {
                for reverse in [false, true] {
                    ranges.push(KvRange {
                        prefix: prefix.clone(),
                        start: start.clone(),
                        end: end.clone(),
                        limit: 100,
                        cursor: None,
                        reverse,
                    });
                }
            }
        }
    }
    for range in ranges {
        let mut expected: Vec<&str> = alphabet
            .into_iter()
            .filter(|key| {
                range
                    .prefix
                    .as_ref()
                    .is_none_or(|p| key.starts_with(p.as_str()))
            })
            .filter(|key| range.start.as_ref().is_none_or(|s| *key >= s.as_str()))
            .filter(|key| range.end.as_ref().is_none_or(|e| *key < e.as_str()))
            .collect();
        expected.sort_unstable();
        if range.reverse {
            expected.reverse();
        }
        assert_eq!(keys(db, app, NOW, &range), expected, "{range:?}");
    }
}

fn an_expired_entry_is_not_there_for_anybody(db: &Db) {
    let app = db.app("shop").id;
    set_for(db, app, NOW, "short", 1_500);
    set(db, app, "long", "x");
    let end = Timestamp(NOW.as_micros() + 1_500_000);
    assert_eq!(
        get(db, app, NOW, "short").unwrap().expires_at,
        Some(end.as_micros())
    );
    let almost = Timestamp(end.as_micros() - 1);
    assert_eq!(keys(db, app, almost, &range("")), ["long", "short"]);
    assert!(get(db, app, almost, "short").is_some());
    let flag = |now, op| call(db, app, now, op).unwrap() == KvReply::Flag(true);
    assert!(get(db, app, end, "short").is_none());
    assert!(!flag(end, KvOp::Has("short".to_owned())));
    assert_eq!(keys(db, app, end, &range("")), ["long"]);
    assert_eq!(
        call(db, app, end, KvOp::Count(String::new())).unwrap(),
        KvReply::Number(1)
    );
    let many = call(db, app, end, KvOp::GetMany(vec!["short".to_owned()])).unwrap();
    assert_eq!(many, KvReply::Entries(vec![None]));
    assert!(
        !flag(end, KvOp::Delete("short".to_owned())),
        "it was not there"
    );
    // A write without a time to live lasts again; one with an endless one does not overflow.
    set_for(db, app, NOW, "short", u64::MAX);
    assert!(get(db, app, Timestamp(i64::MAX - 1), "short").is_some());
    call(db, app, NOW, put("short", json("2"))).unwrap();
    assert_eq!(get(db, app, NOW, "short").unwrap().expires_at, None);
}

fn expired_entries_are_removed_as_new_ones_come(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    for at in 0..20 {
        set_for(db, shop, NOW, &format!("old-{at}"), 1_000);
    }
    set_for(db, blog, NOW, "theirs", 1_000);
    set(db, shop, "kept", "x");
    for at in 0..10 {
        set_for(db, shop, after(2), &format!("new-{at}"), 60_000);
    }
    assert_eq!(db.owned("kv", shop), 11, "only what lasts is left");
    assert_eq!(
        db.owned("kv", blog),
        1,
        "another app's entries are its own to remove"
    );
}

fn no_call_of_one_app_sees_or_changes_another(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    set(db, shop, "key", "mine");
    let before = get(db, shop, NOW, "key").unwrap();
    let key = || "key".to_owned();
    for (op, expected) in [
        (KvOp::Get(key()), KvReply::Entry(None)),
        (KvOp::GetMany(vec![key()]), KvReply::Entries(vec![None])),
        (KvOp::Has(key()), KvReply::Flag(false)),
        (KvOp::List(range("")), KvReply::Page(KvPage::default())),
        (KvOp::Count(String::new()), KvReply::Number(0)),
        (KvOp::Delete(key()), KvReply::Flag(false)),
        (KvOp::Update(key(), KvUpdate::Incr(5)), KvReply::Number(5)),
        (KvOp::Delete(key()), KvReply::Flag(true)),
        (KvOp::Append(key(), "1".into()), KvReply::Number(1)),
        (KvOp::Delete(key()), KvReply::Flag(true)),
    ] {
        assert_eq!(call(db, blog, NOW, op.clone()).unwrap(), expected, "{op:?}");
        assert_eq!(get(db, shop, NOW, "key").unwrap(), before, "{op:?}");
    }
    // Neither do the collections of one app.
    let other = call_in(db, shop, NOW, "other", KvOp::Get(key())).unwrap();
    assert_eq!(other, KvReply::Entry(None));
    let nobody = call(db, AppId::new(NOW), NOW, put("key", json("1")));
    assert!(matches!(
        nobody,
        Err(KvError::Store(StoreError::OwnerGone(_)))
    ));
}
