//! The key-value store: versions, conditions, updates in one step.

use shared::id::AppId;
use shared::kv::{KvCondition, KvOp, KvReply, KvUpdate, KvValue};
use store::kv::KvError;

use crate::kv::{call, get, json, put, set, set_for};
use crate::support::{Db, NOW, after, on_both};

on_both![
    versions_grow_with_every_write_and_are_never_used_again,
    conditions_decide_whether_a_write_happens,
    a_condition_looks_through_expired_entries,
    numbers_are_updated_in_one_step,
    a_number_that_would_overflow_changes_nothing,
    an_update_of_something_else_is_refused,
    arrays_are_appended_to,
    an_update_keeps_the_time_to_live,
    a_delete_says_whether_it_was_there,
    a_refused_update_says_why_and_changes_nothing,
];

fn set_if(db: &Db, app: AppId, key: &str, condition: KvCondition) -> KvReply {
    let op = KvOp::Set {
        key: key.to_owned(),
        value: json("1"),
        ttl_ms: None,
        condition,
    };
    call(db, app, NOW, op).unwrap()
}

fn update(db: &Db, app: AppId, key: &str, update: KvUpdate) -> Result<i64, String> {
    match call(db, app, NOW, KvOp::Update(key.to_owned(), update)) {
        Ok(KvReply::Number(number)) => Ok(number),
        Err(KvError::Unfit(unfit)) => Err(unfit.to_string()),
        other => panic!("{other:?}"),
    }
}

fn append(db: &Db, app: AppId, key: &str, item: &str) -> Result<i64, String> {
    let item = item.as_bytes().to_vec().into();
    match call(db, app, NOW, KvOp::Append(key.to_owned(), item)) {
        Ok(KvReply::Number(number)) => Ok(number),
        Err(KvError::Unfit(unfit)) => Err(unfit.to_string()),
        other => panic!("{other:?}"),
    }
}

fn value(db: &Db, app: AppId, key: &str) -> Option<KvValue> {
    get(db, app, NOW, key).map(|entry| entry.value)
}

fn versions_grow_with_every_write_and_are_never_used_again(db: &Db) {
    let app = db.app("shop").id;
    let mut last = 0;
    for _ in 0..3 {
        let version = set(db, app, "key", "x");
        assert!(version > last);
        assert_eq!(get(db, app, NOW, "key").unwrap().version, version);
        update(db, app, "n", KvUpdate::Incr(1)).unwrap();
        call(db, app, NOW, KvOp::Delete("key".to_owned())).unwrap();
        last = version;
    }
}

fn conditions_decide_whether_a_write_happens(db: &Db) {
    let app = db.app("shop").id;
    assert_eq!(
        set_if(db, app, "key", KvCondition::IfVersion(1)),
        KvReply::Refused(None)
    );
    assert_eq!(value(db, app, "key"), None);
    let KvReply::Written(first) = set_if(db, app, "key", KvCondition::IfAbsent) else {
        panic!("it was absent");
    };
    assert_eq!(
        set_if(db, app, "key", KvCondition::IfAbsent),
        KvReply::Refused(Some(first))
    );
    for wrong in [first - 1, first + 1, 0, -1, i64::MAX, i64::MIN] {
        let reply = set_if(db, app, "key", KvCondition::IfVersion(wrong));
        assert_eq!(reply, KvReply::Refused(Some(first)), "{wrong}");
    }
    let KvReply::Written(second) = set_if(db, app, "key", KvCondition::IfVersion(first)) else {
        panic!("it has that version");
    };
    assert_eq!(
        set_if(db, app, "key", KvCondition::IfVersion(first)),
        KvReply::Refused(Some(second)),
        "a version is good for one write"
    );
    // A key that was deleted and made again is another one.
    call(db, app, NOW, KvOp::Delete("key".to_owned())).unwrap();
    set(db, app, "key", "x");
    assert!(matches!(
        set_if(db, app, "key", KvCondition::IfVersion(second)),
        KvReply::Refused(Some(_))
    ));
}

fn a_condition_looks_through_expired_entries(db: &Db) {
    let app = db.app("shop").id;
    set_for(db, app, NOW, "key", 1_000);
    let op = |condition| KvOp::Set {
        key: "key".to_owned(),
        value: json("2"),
        ttl_ms: None,
        condition,
    };
    let version = get(db, app, NOW, "key").unwrap().version;
    let late = call(db, app, after(1), op(KvCondition::IfVersion(version))).unwrap();
    assert_eq!(late, KvReply::Refused(None));
    let made = call(db, app, after(1), op(KvCondition::IfAbsent)).unwrap();
    assert!(matches!(made, KvReply::Written(_)));
}

fn numbers_are_updated_in_one_step(db: &Db) {
    let app = db.app("shop").id;
    for (key, with, expected) in [
        ("n", KvUpdate::Incr(5), 5),
        ("n", KvUpdate::Incr(-7), -2),
        ("n", KvUpdate::Incr(0), -2),
        ("min", KvUpdate::Min(4), 4),
        ("min", KvUpdate::Min(9), 4),
        ("min", KvUpdate::Min(i64::MIN), i64::MIN),
        ("max", KvUpdate::Max(4), 4),
        ("max", KvUpdate::Max(-9), 4),
        ("max", KvUpdate::Max(i64::MAX), i64::MAX),
    ] {
        assert_eq!(update(db, app, key, with), Ok(expected), "{key} {with:?}");
        assert_eq!(value(db, app, key), Some(json(&expected.to_string())));
    }
}

fn a_number_that_would_overflow_changes_nothing(db: &Db) {
    let app = db.app("shop").id;
    for (start, by) in [(i64::MAX, 1), (i64::MIN, -1), (1, i64::MAX), (-2, i64::MIN)] {
        let text = start.to_string();
        call(db, app, NOW, put("n", json(&text))).unwrap();
        let before = get(db, app, NOW, "n");
        let error = update(db, app, "n", KvUpdate::Incr(by)).unwrap_err();
        assert!(error.contains("`n`") && error.contains("64-bit"), "{error}");
        assert_eq!(get(db, app, NOW, "n"), before);
    }
    assert_eq!(
        update(db, app, "fresh", KvUpdate::Incr(i64::MIN)),
        Ok(i64::MIN)
    );
}

fn an_update_of_something_else_is_refused(db: &Db) {
    let app = db.app("shop").id;
    for other in [
        json("\"7\""),
        json("1.5"),
        json("1e3"),
        json("null"),
        json("[7]"),
        json("9223372036854775808"),
        KvValue::Blob(b"7".to_vec().into()),
    ] {
        call(db, app, NOW, put("key", other.clone())).unwrap();
        for with in [KvUpdate::Incr(1), KvUpdate::Min(1), KvUpdate::Max(1)] {
            let error = update(db, app, "key", with).unwrap_err();
            assert!(error.contains("integer"), "{error}");
        }
        if other != json("[7]") {
            assert!(append(db, app, "key", "1").unwrap_err().contains("array"));
        }
        assert_eq!(value(db, app, "key"), Some(other));
    }
}

fn arrays_are_appended_to(db: &Db) {
    let app = db.app("shop").id;
    for (item, length) in [
        ("1", 1),
        (r#"{"a": 2.50}"#, 2),
        ("\"\u{1F980}\"", 3),
        ("[]", 4),
    ] {
        assert_eq!(append(db, app, "list", item), Ok(length));
    }
    // Items keep their text: a number is not rounded on its way.
    let stored = json("[1,{\"a\": 2.50},\"\u{1F980}\",[]]");
    assert_eq!(value(db, app, "list"), Some(stored));
    let half = format!("\"{}\"", "x".repeat(600 << 10));
    assert_eq!(append(db, app, "big", &half), Ok(1));
    let error = append(db, app, "big", &half).unwrap_err();
    assert!(error.contains("1 MiB"), "{error}");
    assert_eq!(append(db, app, "big", "1"), Ok(2));
}

fn an_update_keeps_the_time_to_live(db: &Db) {
    let app = db.app("shop").id;
    set_for(db, app, NOW, "n", 60_000);
    let end = get(db, app, NOW, "n").unwrap().expires_at;
    update(db, app, "n", KvUpdate::Incr(1)).unwrap();
    assert_eq!(get(db, app, NOW, "n").unwrap().expires_at, end);
    // What has ended counts from the start, and lasts.
    let op = KvOp::Update("n".to_owned(), KvUpdate::Incr(1));
    assert_eq!(call(db, app, after(60), op).unwrap(), KvReply::Number(1));
    assert_eq!(get(db, app, after(60), "n").unwrap().expires_at, None);
}

fn a_delete_says_whether_it_was_there(db: &Db) {
    let app = db.app("shop").id;
    set(db, app, "key", "x");
    let delete = || call(db, app, NOW, KvOp::Delete("key".to_owned())).unwrap();
    assert_eq!(delete(), KvReply::Flag(true));
    assert_eq!(delete(), KvReply::Flag(false));
    assert_eq!(value(db, app, "key"), None);
}

fn a_refused_update_says_why_and_changes_nothing(db: &Db) {
    let app = db.app("shop").id;
    let long = "k".repeat(513);
    let ops = [
        put(&long, json("1")),
        KvOp::Update(long.clone(), KvUpdate::Incr(1)),
        KvOp::Append(long.clone(), "1".into()),
    ];
    for op in ops {
        let Err(KvError::Key(invalid)) = call(db, app, NOW, op) else {
            panic!("the key is too long");
        };
        assert!(invalid.to_string().contains("1 to 512 bytes"), "{invalid}");
    }
    let longest = "\u{1F980}".repeat(128);
    set(db, app, &longest, "x");
    assert!(value(db, app, &longest).is_some());
    assert_eq!(db.owned("kv", app), 1);
}
