//! What apps keep is counted with each change, and bounded.

use shared::id::AppId;
use shared::kv::{KvOp, KvReply};
use store::kv::KvError;
use store::storage::{self, Kept};
use store::{StoreError, executions};

use crate::kv::{call, json, put, set, set_for};
use crate::support::{Db, NOW, after, block_on, on_both, together};

on_both![
    what_an_app_keeps_is_counted_with_each_change,
    an_app_keeps_no_more_than_it_may_and_may_always_remove,
    an_apps_own_limit_counts_before_the_instances,
    connections_that_count_at_once_lose_nothing,
    an_app_that_is_gone_keeps_nothing,
    records_are_counted_and_trimmed_to_their_bytes,
];

fn kept(db: &Db, app: AppId) -> Vec<Kept> {
    db.read(move |conn| storage::of(conn, app))
}

fn of(db: &Db, app: AppId, service: &str) -> (i64, i64) {
    let kept = kept(db, app);
    let found = kept.iter().find(|kept| kept.service == service);
    found.map_or((0, 0), |kept| (kept.entries, kept.bytes))
}

/// What a scan finds in `kv`.
fn scanned(db: &Db, app: AppId) -> (i64, i64) {
    let length = if db.url.is_some() {
        "OCTET_LENGTH(key)"
    } else {
        "LENGTH(CAST(key AS BLOB))"
    };
    let sql = format!(
        "SELECT COUNT(*) AS entries, CAST(COALESCE(SUM({length} + LENGTH(value)), 0) AS BIGINT) \
         AS bytes FROM kv WHERE app_id = ?1"
    );
    db.read(move |conn| {
        let row = conn.query_one(&sql, &[app.as_bytes().into()])?.unwrap();
        Ok((row.int("entries")?, row.int("bytes")?))
    })
}

fn may_keep(db: &Db, app: AppId, bytes: Option<i64>) {
    db.write(move |conn| storage::set_limit(conn, app, bytes));
}

fn is_full(result: Result<KvReply, KvError>) -> bool {
    matches!(result, Err(KvError::Store(StoreError::StorageFull)))
}

fn what_an_app_keeps_is_counted_with_each_change(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let check = |what: &str| {
        assert_eq!(of(db, shop, "kv"), scanned(db, shop), "{what}");
        assert_eq!(of(db, blog, "kv"), scanned(db, blog), "{what}");
    };
    set(db, shop, "a", "x");
    set(db, blog, "ä€", "not the shop's");
    check("added");
    set(db, shop, "a", &"x".repeat(3_000));
    check("grown");
    set(db, shop, "a", "yy");
    check("shrunk");
    for _ in 0..3 {
        call(
            db,
            shop,
            NOW,
            KvOp::Append("list".to_owned(), b"1".to_vec().into()),
        )
        .unwrap();
    }
    check("appended");
    set_for(db, shop, NOW, "short", 1);
    set_for(db, shop, after(9), "long", 60_000);
    check("expired");
    call(db, shop, NOW, KvOp::Delete("a".to_owned())).unwrap();
    call(db, shop, NOW, KvOp::Delete("never there".to_owned())).unwrap();
    check("removed");
    assert_eq!(of(db, shop, "kv").0, 2);
    let undone: Result<(), StoreError> = db.try_write(move |conn| {
        let sql = "DELETE FROM kv WHERE app_id = ?1";
        conn.execute(sql, &[shop.as_bytes().into()])?;
        Err(StoreError::NoSuchApp)
    });
    assert!(undone.is_err());
    check("undone");
}

fn an_app_keeps_no_more_than_it_may_and_may_always_remove(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    may_keep(db, shop, Some(1_000));
    set(db, shop, "a", &"x".repeat(900));
    let large = || put("b", json(&format!("{:?}", "x".repeat(200))));
    assert!(is_full(call(db, shop, NOW, large())));
    assert!(is_full(call(
        db,
        shop,
        NOW,
        put("a", json(&format!("{:?}", "x".repeat(1_100))))
    )));
    assert_eq!(
        of(db, shop, "kv"),
        scanned(db, shop),
        "what was refused does not count"
    );
    call(db, blog, NOW, large()).unwrap();
    set(db, shop, "a", &"x".repeat(100));
    call(db, shop, NOW, large()).unwrap();
    may_keep(db, shop, Some(10));
    set(db, shop, "a", &"x".repeat(99));
    assert!(is_full(call(
        db,
        shop,
        NOW,
        put("a", json(&format!("{:?}", "x".repeat(101))))
    )));
    call(db, shop, NOW, KvOp::Delete("a".to_owned())).unwrap();
}

fn an_apps_own_limit_counts_before_the_instances(db: &Db) {
    let app = db.app("shop").id;
    let set_all = |bytes: i64| {
        db.write(move |conn| {
            let sql = "INSERT INTO settings (name, value) VALUES ('storage.app', ?1) \
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            conn.execute(sql, &[bytes.to_string().as_str().into()])
        })
    };
    set_all(50);
    assert_eq!(db.read(storage::default_limit), 50);
    let value = || put("a", json(&format!("{:?}", "x".repeat(100))));
    assert!(is_full(call(db, app, NOW, value())));
    may_keep(db, app, Some(500));
    assert_eq!(db.read(move |conn| storage::limit(conn, app)), Some(500));
    call(db, app, NOW, value()).unwrap();
    may_keep(db, app, None);
    assert!(is_full(call(db, app, NOW, put("b", json("1")))));
}

fn connections_that_count_at_once_lose_nothing(db: &Db) {
    let apps = [db.app("shop").id, db.app("blog").id];
    let store = db.store.clone();
    together(8, move |at| {
        for round in 0..40_usize {
            let app = apps[(at + round) % 2];
            let key = format!("{at} {round}");
            let write = store.write(move |conn| {
                let sql = "INSERT INTO kv (app_id, collection, key, format, value, version) \
                    VALUES (?1, 'c', ?2, 0, ?3, 1)";
                let value = vec![b'1'; round + 1];
                let params = [
                    app.as_bytes().into(),
                    key.as_str().into(),
                    value.as_slice().into(),
                ];
                conn.execute(sql, &params)
            });
            block_on(async { write.await as Result<u64, StoreError> }).unwrap();
        }
    });
    for app in apps {
        assert_eq!(of(db, app, "kv"), scanned(db, app));
        assert_eq!(of(db, app, "kv").0, 160);
    }
}

fn an_app_that_is_gone_keeps_nothing(db: &Db) {
    let app = db.app("shop").id;
    set(db, app, "a", "x");
    assert_eq!(kept(db, app).len(), 1);
    db.change(move |change| store::apps::delete(change, app));
    assert_eq!(kept(db, app), []);
    assert_eq!(db.owned("kv", app), 0);
}

fn records_are_counted_and_trimmed_to_their_bytes(db: &Db) {
    let app = db.app("shop").id;
    let run = |at: u64| {
        let mut run = crate::executions::record(app, "orders", after(at));
        run.completion.logs[0].message = "x".repeat(1_000);
        run
    };
    let runs: Vec<_> = (0..10).map(run).collect();
    db.write(move |conn| executions::insert(conn, &runs, true));
    assert_eq!(of(db, app, "records"), (10, 10_000));
    let bounded = kept(db, app).iter().any(Kept::counts);
    assert!(!bounded, "records keep nothing else from being stored");
    let trim = |most: i64| db.write(move |conn| executions::trim_to(conn, app, most, 3));
    assert_eq!((trim(10_000), trim(9_999), trim(9_999)), (0, 3, 0));
    assert_eq!(of(db, app, "records"), (7, 7_000));
    assert_eq!(
        db.owned("log_lines", app),
        7,
        "the oldest went with their lines"
    );
    let one = [run(20)];
    db.write(move |conn| executions::insert(conn, &one, false));
    assert_eq!(of(db, app, "records"), (8, 7_000), "without its lines");
}

/// What connections of PostgreSQL counted that are gone is added up by the next start.
#[test]
fn a_start_adds_up_what_others_counted() {
    let db = Db::postgres();
    let app = db.app("shop").id;
    set(&db, app, "a", "x");
    let before = of(&db, app, "kv");
    let db = db.reopened();
    assert_eq!(of(&db, app, "kv"), before);
    let parts = db.rows("SELECT CAST(COUNT(*) AS BIGINT) AS number FROM storage WHERE part <> 0");
    assert_eq!(parts[0].int("number").unwrap(), 0);
}

#[test]
fn with_less_free_than_the_floor_only_what_frees_is_written() {
    let mut db = Db::sqlite();
    let app = db.app("shop").id;
    set(&db, app, "a", "x");
    db.config.floor = Some(u64::MAX);
    let db = db.reopened();
    assert_eq!(db.store.is_low_on_space(), Some(u64::MAX));
    let grown = db
        .store
        .clone()
        .growing()
        .write(move |conn| storage::set_limit(conn, app, None));
    let refused = block_on(async { grown.await as Result<(), StoreError> });
    assert!(
        matches!(refused, Err(StoreError::DiskFull(_))),
        "{refused:?}"
    );
    call(&db, app, NOW, KvOp::Delete("a".to_owned())).unwrap();
    assert_eq!(of(&db, app, "kv"), (0, 0));
}
