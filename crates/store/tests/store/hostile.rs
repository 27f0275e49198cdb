//! Texts nobody meant: both engines give the same answer, an error that says why or the same text
//! back.

use shared::kv::{KvCondition, KvOp, KvRange, KvReply, KvValue};
use store::apps::{self, AppRow, EnvRow};
use store::executions::{self, ExecutionFilter, LogFilter};
use store::people::{self, AuditRow};
use store::releases::{self, ContentKind};

use crate::kv::{call, json};
use crate::releases::source;
use crate::support::{Db, NOW, app};

fn texts() -> Vec<String> {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let noise: String = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        char::from(b'!' + (random % 90) as u8)
    })
    .take(1 << 20)
    .collect();
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "'; DROP TABLE apps; --",
        "\" OR 1=1 --",
        "?1 ?2 $1 $2 :a @b",
        "%_\\",
        "\\x00 \\000 \\u0000",
        "\r\n\t\u{1}\u{7f}",
        "e\u{301} \u{e9}",
        "\u{202e}right to left\u{202c}",
        "\u{feff}\u{fffe}\u{ffff}",
        "\u{d7ff}\u{e000}\u{10ffff}",
        "\u{1F468}\u{200d}\u{1F469}\u{200d}\u{1F467}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(1 << 20));
    texts.push(noise);
    texts.push("\u{1F980}".repeat(128));
    texts.push("\u{1F980}".repeat(128) + "x");
    texts
}

/// What storing `text` in every place that takes one answers, and whether it reads back.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn outcomes(db: &Db, at: usize, text: &str) -> Vec<(&'static str, String)> {
    let id = db.app(&format!("app-{at}")).id;
    let same = |read: &str| if read == text { "same" } else { "different" };
    let mut all = Vec::new();
    let mut note = |place, outcome: Result<&str, String>| {
        all.push((place, outcome.map_or_else(|error| error, str::to_owned)));
    };

    let old = app("unused");
    let new = AppRow {
        id,
        slug: format!("app-{at}").parse().unwrap(),
        description: text.to_owned(),
        ..old
    };
    let before = new.clone();
    let updated = db.try_change(move |change| apps::update(change, &before, &new));
    let stored = db
        .read(move |conn| apps::get(conn, id))
        .unwrap()
        .description;
    note(
        "description",
        updated.map(|()| same(&stored)).map_err(|e| e.to_string()),
    );

    let row = EnvRow {
        name: "NAME".parse().unwrap(),
        value: text.to_owned(),
        updated_at: NOW,
    };
    let set = db.try_change(move |change| apps::set_env(change, id, &row));
    let stored = db.read(move |conn| apps::env(conn, id));
    let stored = stored.first().map_or("", |row| &row.value);
    note(
        "variable",
        set.map(|()| same(stored)).map_err(|e| e.to_string()),
    );

    let (hash, content) = (source(text), text.to_owned());
    let put = db.try_write(move |conn| {
        releases::put_content(conn, id, hash, &content, NOW)?;
        releases::version_of(conn, id, ContentKind::Script, "name", hash, "ada", NOW)
    });
    let stored = db.read(move |conn| releases::content(conn, id, hash));
    note(
        "source",
        put.map(|_| same(&stored.unwrap_or_default()))
            .map_err(|e| e.to_string()),
    );

    let entry = AuditRow {
        id: shared::id::AuditId::new(NOW),
        at: NOW,
        actor: text.to_owned(),
        via: text.to_owned(),
        action: text.to_owned(),
        target: text.to_owned(),
    };
    let audited = db.try_write(move |conn| people::audit(conn, &entry));
    note(
        "audit",
        audited.map(|()| "stored").map_err(|e| e.to_string()),
    );

    let address = text.to_owned();
    let found = db.try_read(move |conn| people::user_by_email(conn, &address));
    note(
        "address",
        found
            .map(|u| if u.is_some() { "found" } else { "none" })
            .map_err(|e| e.to_string()),
    );

    let filter = ExecutionFilter {
        script: Some(text.to_owned()),
        outcome: Some(text.to_owned()),
        limit: 10,
        ..ExecutionFilter::default()
    };
    let runs = db.try_read(move |conn| executions::list(conn, id, &filter));
    note(
        "runs",
        runs.map(|r| if r.is_empty() { "none" } else { "some" })
            .map_err(|e| e.to_string()),
    );
    let filter = LogFilter {
        text: Some(text.to_owned()),
        limit: 10,
        ..LogFilter::default()
    };
    let lines = db.try_read(move |conn| executions::logs(conn, id, &filter));
    note(
        "lines",
        lines
            .map(|r| if r.is_empty() { "none" } else { "some" })
            .map_err(|e| e.to_string()),
    );
    all.extend(key_value(db, id, text));
    all
}

/// The same for keys, values and ranges of the key-value store.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn key_value(db: &Db, app: shared::id::AppId, text: &str) -> Vec<(&'static str, String)> {
    let set = |key: &str, value: KvValue| KvOp::Set {
        key: key.to_owned(),
        value,
        ttl_ms: None,
        condition: KvCondition::IfAbsent,
    };
    let list = |range: KvRange| KvOp::List(KvRange { limit: 10, ..range });
    let key = text.to_owned();
    let some = Some(key.clone());
    let ops = [
        ("set", set(text, json("1"))),
        ("get", KvOp::Get(key.clone())),
        ("has", KvOp::Has(key.clone())),
        ("delete", KvOp::Delete(key.clone())),
        ("count", KvOp::Count(key.clone())),
        (
            "prefix",
            list(KvRange {
                prefix: some.clone(),
                ..KvRange::default()
            }),
        ),
        (
            "start",
            list(KvRange {
                start: some.clone(),
                ..KvRange::default()
            }),
        ),
        (
            "end",
            list(KvRange {
                end: some.clone(),
                ..KvRange::default()
            }),
        ),
        (
            "cursor",
            list(KvRange {
                cursor: some,
                ..KvRange::default()
            }),
        ),
        (
            "blob",
            set("blob", KvValue::Blob(text.as_bytes().to_vec().into())),
        ),
        ("read", KvOp::Get("blob".to_owned())),
    ];
    let mut all = Vec::new();
    for (name, op) in ops {
        let outcome = match call(db, app, NOW, op) {
            Ok(KvReply::Written(_)) => "written".to_owned(),
            Ok(KvReply::Entry(Some(entry))) => match &entry.value {
                KvValue::Blob(bytes) if bytes[..] == *text.as_bytes() => "same".to_owned(),
                KvValue::Blob(_) => "different".to_owned(),
                KvValue::Json(_) => "entry".to_owned(),
            },
            Ok(KvReply::Page(page)) => format!("{} items", page.items.len()),
            Ok(reply) => format!("{reply:?}"),
            Err(error) => error.to_string(),
        };
        all.push((name, outcome));
    }
    all
}

#[test]
fn both_engines_give_the_same_answer_to_hostile_texts() {
    let (sqlite, postgres) = (Db::sqlite(), Db::postgres());
    for (at, text) in texts().iter().enumerate() {
        let shown: String = text.chars().take(20).collect();
        let answers = outcomes(&sqlite, at, text);
        assert_eq!(answers, outcomes(&postgres, at, text), "{shown:?}");
        for (place, answer) in answers {
            assert_ne!(answer, "different", "{place} of {shown:?}");
            // What is stored as bytes may hold anything.
            let bytes = matches!(place, "blob" | "read");
            if text.contains('\0') && !bytes {
                assert!(answer.contains("U+0000"), "{place} of {shown:?}: {answer}");
            } else if (text.is_empty() || text.len() > 512) && matches!(place, "set" | "delete") {
                assert!(answer.contains("1 to 512 bytes"), "{answer}");
            } else {
                assert!(
                    !answer.contains(' ') || answer.ends_with("items"),
                    "{place} of {shown:?}: {answer}"
                );
            }
        }
    }
}
