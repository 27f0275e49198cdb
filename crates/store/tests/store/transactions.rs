//! What a read and a write promise, whatever else is going on.

use std::sync::mpsc;

use store::{Conn, Param, Store, StoreError, Value};
use tokio::task::JoinSet;

use crate::support::{Db, block_on, on_both};

on_both![
    values_of_every_type_read_back,
    a_column_is_read_by_its_name,
    a_write_is_seen_by_every_read_after_it,
    a_failed_write_leaves_nothing,
    a_failure_the_closure_hides_is_still_one,
    a_failed_job_does_not_touch_its_neighbours,
    a_read_sees_one_moment,
    a_read_cannot_write,
    statements_and_commits_are_counted,
    closing_finishes_what_is_queued,
    more_callers_than_the_queue_holds_are_all_answered,
];

fn put(conn: &mut dyn Conn, name: &str) -> Result<u64, StoreError> {
    let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2)";
    conn.execute(sql, &[name.into(), "x".into()])
}

fn names(db: &Db) -> Vec<String> {
    let rows = db.rows("SELECT name FROM settings ORDER BY name");
    rows.iter()
        .map(|r| r.text("name").unwrap().to_owned())
        .collect()
}

/// Answers of writes that are all queued before the first of them can run.
fn at_once<T: Send + 'static>(
    store: &Store,
    works: Vec<impl FnOnce(&mut dyn Conn) -> Result<T, StoreError> + Send + 'static>,
) -> Vec<Result<T, StoreError>> {
    let (open, gate) = mpsc::channel::<()>();
    let store = store.clone();
    block_on(async move {
        let mut all = JoinSet::new();
        let first = store.write::<_, StoreError>(move |_| {
            // Ends when the sender goes.
            gate.recv().unwrap_err();
            Ok(())
        });
        all.spawn(async move { (0, first.await.map(|()| None)) });
        for (work, at) in works.into_iter().zip(1..) {
            let write = store.write(work);
            all.spawn(async move { (at, write.await.map(Some)) });
        }
        // Every task has been polled, so every job is in the queue, when they let this one go on.
        tokio::task::yield_now().await;
        drop(open);
        let mut answers = all.join_all().await;
        answers.sort_by_key(|(at, _)| *at);
        let answers = answers.into_iter().skip(1);
        answers.map(|(_, a)| a.map(Option::unwrap)).collect()
    })
}

fn values_of_every_type_read_back(db: &Db) {
    for number in [0, 1, -1, i64::MAX, i64::MIN] {
        let read = db.read(move |conn| {
            conn.query_one("SELECT CAST(?1 AS BIGINT) AS number", &[Param::Int(number)])
        });
        assert_eq!(read.unwrap().int("number").unwrap(), number);
    }
    let row = db.read(|conn| {
        let params = [Param::Text(""), Param::Blob(&[0, 255]), Param::Null];
        let sql = match conn.dialect() {
            store::Dialect::Sqlite => "SELECT ?1 AS words, ?2 AS bytes, ?3 AS blank",
            store::Dialect::Postgres => {
                "SELECT CAST(?1 AS TEXT) AS words, CAST(?2 AS BYTEA) AS bytes, \
                 CAST(?3 AS TEXT) AS blank"
            }
        };
        conn.query_one(sql, &params)
    });
    let row = row.unwrap();
    assert_eq!(
        row.values(),
        [
            Value::Text(String::new()),
            Value::Blob(vec![0, 255]),
            Value::Null
        ]
    );
    assert_eq!(
        (
            row.opt_text("blank").unwrap(),
            row.opt_int("blank").unwrap(),
            row.opt_blob("blank").unwrap()
        ),
        (None, None, None)
    );
    for wrong in [
        row.int("words").map(drop),
        row.text("bytes").map(drop),
        row.blob("blank").map(drop),
        row.array::<16>("bytes").map(drop),
    ] {
        assert!(matches!(wrong, Err(StoreError::Column { .. })), "{wrong:?}");
    }
}

fn a_column_is_read_by_its_name(db: &Db) {
    let sql = "SELECT version, name AS called, version + ?1 AS next FROM schema_migrations \
               ORDER BY version LIMIT 1";
    let taken = db.read(|conn| {
        let sql = "SELECT CAST(?1 AS BLOB) AS bytes, 7 AS number";
        let sql = match conn.dialect() {
            store::Dialect::Sqlite => sql.to_owned(),
            store::Dialect::Postgres => sql.replace("BLOB", "BYTEA"),
        };
        conn.query_one(&sql, &[Param::Blob(b"once")])
    });
    let mut taken = taken.unwrap();
    assert_eq!(taken.take_blob("bytes").unwrap(), b"once");
    assert_eq!(taken.opt_blob("bytes").unwrap(), None, "it is taken once");
    assert!(matches!(
        taken.take_blob("number"),
        Err(StoreError::Column { .. })
    ));
    assert!(matches!(
        taken.take_blob("more"),
        Err(StoreError::NoColumn { .. })
    ));
    // The second time the names are known already.
    for more in [1, 2] {
        let row = db.read(move |conn| conn.query_one(sql, &[Param::Int(more)]));
        let row = row.unwrap();
        assert_eq!(row.int("version").unwrap(), 1);
        assert!(row.text("called").unwrap().starts_with("0001_"));
        assert_eq!(row.int("next").unwrap(), 1 + more);
        for (wrong, tells) in [
            (
                row.opt_text("name"),
                "there is no column name among version, called, next",
            ),
            (
                row.opt_text("NEXT"),
                "there is no column NEXT among version, called, next",
            ),
            (
                row.opt_text("next"),
                "column next holds an integer, expected text",
            ),
        ] {
            let error = wrong.unwrap_err().to_string();
            assert!(error.starts_with(tells), "{error}");
            assert!(error.ends_with(sql), "it names the statement: {error}");
        }
    }
}

fn a_write_is_seen_by_every_read_after_it(db: &Db) {
    for at in 0..20 {
        let name = format!("n{at:02}");
        let wanted = name.clone();
        db.write(move |conn| put(conn, &name));
        assert_eq!(names(db).len(), at + 1);
        let sql = "SELECT value FROM settings WHERE name = ?1";
        let here = db
            .store
            .read_inline(|conn| conn.query_one(sql, &[wanted.as_str().into()]));
        match here {
            Some(found) => assert!(found.unwrap().is_some()),
            None => assert!(db.url.is_some(), "only PostgreSQL has to wait"),
        }
    }
}

fn a_failed_write_leaves_nothing(db: &Db) {
    let own = db.try_write(|conn| {
        put(conn, "a")?;
        put(conn, "b")?;
        Err::<(), _>(StoreError::Engine("the closure's own".to_owned()))
    });
    assert_eq!(own.unwrap_err().to_string(), "the closure's own");
    let engine = db.try_write(|conn| {
        put(conn, "a")?;
        put(conn, "a")
    });
    assert!(engine.unwrap_err().is_constraint());
    let panicked = db.try_write::<(), StoreError>(|conn| {
        put(conn, "a")?;
        panic!("a test's panic");
    });
    assert!(panicked.unwrap_err().to_string().contains("panicked"));
    let syntax = db.try_write(|conn| conn.execute("INSERT INTO nowhere VALUES (1)", &[]));
    assert!(matches!(syntax, Err(StoreError::Engine(_))));
    assert!(names(db).is_empty());
    db.write(|conn| put(conn, "a"));
    assert_eq!(names(db), ["a"]);
}

fn a_failure_the_closure_hides_is_still_one(db: &Db) {
    db.write(|conn| put(conn, "a"));
    let hidden = db.try_write(|conn| {
        put(conn, "b")?;
        drop(put(conn, "a"));
        Ok::<_, StoreError>(())
    });
    assert!(hidden.unwrap_err().to_string().contains("rolled back"));
    let hidden = db.try_read(|conn| {
        drop(conn.query("SELECT nothing FROM nowhere", &[]));
        Ok::<_, StoreError>(())
    });
    assert!(hidden.unwrap_err().to_string().contains("rolled back"));
    assert_eq!(names(db), ["a"]);
}

fn a_failed_job_does_not_touch_its_neighbours(db: &Db) {
    db.write(|conn| put(conn, "taken"));
    let commits = db.store.commits();
    let works = (0..40).map(|at| {
        move |conn: &mut dyn Conn| {
            put(conn, &format!("n{at:02}"))?;
            match at % 8 {
                1 => put(conn, "taken"),
                3 => Err(StoreError::Engine("own".to_owned())),
                // Without the hook: a backtrace takes longer than a batch may.
                5 => std::panic::resume_unwind(Box::new("a test's panic")),
                7 => put(conn, "with \0"),
                _ => Ok(0),
            }
        }
    });
    let answers = at_once(&db.store, works.collect());
    let mut expected = Vec::new();
    for (at, answer) in answers.iter().enumerate() {
        match at % 8 {
            1 => assert!(
                matches!(answer, Err(StoreError::Constraint(_))),
                "{at}: {answer:?}"
            ),
            3 | 5 => assert!(
                matches!(answer, Err(StoreError::Engine(_))),
                "{at}: {answer:?}"
            ),
            7 => assert!(
                matches!(answer, Err(StoreError::NulInText)),
                "{at}: {answer:?}"
            ),
            _ => {
                assert!(answer.is_ok(), "{at}: {answer:?}");
                expected.push(format!("n{at:02}"));
            }
        }
    }
    expected.push("taken".to_owned());
    assert_eq!(names(db), expected);
    if db.url.is_none() {
        // All the others, with or after the one that held them up.
        let commits = db.store.commits() - commits;
        assert!(
            (1..=2).contains(&commits),
            "{commits} commits for all of them"
        );
    }
}

fn a_read_sees_one_moment(db: &Db) {
    let count = "SELECT COUNT(*) AS number FROM settings";
    let (wrote, written) = mpsc::channel();
    let (looked, look) = mpsc::channel();
    let reading = db.store.read::<_, StoreError>(move |conn| {
        let before = conn.query_one(count, &[])?.unwrap().int("number")?;
        looked.send(()).unwrap();
        written.recv().unwrap();
        Ok((before, conn.query_one(count, &[])?.unwrap().int("number")?))
    });
    let reader = std::thread::spawn(move || block_on(reading));
    look.recv().unwrap();
    db.write(|conn| put(conn, "meanwhile"));
    wrote.send(()).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), (0, 0));
    assert_eq!(names(db), ["meanwhile"]);
}

fn a_read_cannot_write(db: &Db) {
    assert!(db.try_read(|conn| put(conn, "a")).is_err());
    if let Some(answer) = db.store.read_inline(|conn| put(conn, "a")) {
        answer.unwrap_err();
    }
    assert!(names(db).is_empty());
}

fn statements_and_commits_are_counted(db: &Db) {
    let counts = || (db.store.statements(), db.store.commits());
    let (statements, commits) = counts();
    db.write(|conn| {
        put(conn, "a")?;
        put(conn, "b")
    });
    assert_eq!(counts(), (statements + 2, commits + 1));
    db.try_write(|conn| put(conn, "a")).unwrap_err();
    assert_eq!(
        counts(),
        (statements + 3, commits + 1),
        "nothing was committed"
    );
    names(db);
    assert_eq!(
        counts(),
        (statements + 4, commits + 1),
        "a read commits nothing"
    );
    let here = db.store.read_inline(|conn| conn.query("SELECT 1", &[]));
    let inline = u64::from(here.is_some());
    assert_eq!(counts(), (statements + 4 + inline, commits + 1));
}

fn closing_finishes_what_is_queued(db: &Db) {
    let (open, gate) = mpsc::channel::<()>();
    let held = db.store.write::<_, StoreError>(move |conn| {
        gate.recv().unwrap_err();
        put(conn, "held")
    });
    let queued: Vec<_> = (0..10)
        .map(|at| db.store.write(move |conn| put(conn, &format!("n{at}"))))
        .collect();
    let (started, all_queued) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        block_on(async move {
            let mut all = JoinSet::new();
            all.spawn(held);
            for write in queued {
                all.spawn(write);
            }
            tokio::task::yield_now().await;
            started.send(()).unwrap();
            all.join_all().await
        })
    });
    all_queued.recv().unwrap();
    let store = db.store.clone();
    let closing = std::thread::spawn(move || store.close());
    drop(open);
    closing.join().unwrap();
    let answers = waiting.join().unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    for late in [
        db.try_write(|conn| put(conn, "late")).map(drop),
        db.try_read(|conn| conn.query("SELECT 1", &[])).map(drop),
    ] {
        let error: StoreError = late.unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
    }
    db.store.close();
}

fn more_callers_than_the_queue_holds_are_all_answered(db: &Db) {
    let works = (0..5_000_i64).map(|at| {
        move |conn: &mut dyn Conn| {
            let row = conn.query_one("SELECT CAST(?1 AS BIGINT) AS number", &[Param::Int(at)])?;
            row.unwrap().int("number")
        }
    });
    let answers = at_once(&db.store, works.collect());
    let answers: Vec<i64> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..5_000).collect::<Vec<_>>());
}

fn nobody_waits(db: Db) {
    let mut write = Box::pin(db.store.write(|conn| put(conn, "alone")));
    let polled = block_on(std::future::poll_fn(|context| {
        std::task::Poll::Ready(write.as_mut().poll(context).is_pending())
    }));
    assert!(polled, "it takes a thread");
    drop(write);
    assert_eq!(names(&db.reopened()), ["alone"]);
}

#[test]
fn a_write_nobody_waits_for_is_carried_out() {
    nobody_waits(Db::sqlite());
    nobody_waits(Db::postgres());
}

/// SQLite only: a full disk fails the writes it hits, and nothing else.
#[test]
fn a_full_database_fails_writes_and_recovers() {
    let db = Db::sqlite();
    db.write(|conn| put(conn, "before"));
    let pages = |limit: i64| {
        db.write(move |conn| conn.query(&format!("PRAGMA max_page_count = {limit}"), &[]));
    };
    let used = db.rows("PRAGMA page_count")[0].int("page_count").unwrap();
    pages(used + 8);
    let works = (0..8).map(|at| {
        move |conn: &mut dyn Conn| {
            put(conn, &format!("n{at}"))?;
            if at % 2 == 1 {
                let sql = "UPDATE settings SET value = ?1 WHERE name = ?2";
                let large = "x".repeat(1 << 20);
                conn.execute(sql, &[large.as_str().into(), "before".into()])?;
            }
            Ok(())
        }
    });
    let answers = at_once(&db.store, works.collect());
    let mut expected = vec!["before".to_owned()];
    for (at, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => expected.push(format!("n{at}")),
            Err(error) => {
                let full = matches!(error, StoreError::DiskFull(_) | StoreError::Unavailable(_));
                assert!(full, "{at}: {error}");
            }
        }
        assert!(at % 2 == 0 || answer.is_err(), "{at} does not fit");
    }
    assert_eq!(names(&db), expected, "what was answered is what is there");
    pages(1 << 30);
    db.write(|conn| put(conn, "z"));
    let check = db.rows("PRAGMA integrity_check");
    assert_eq!(check[0].text("integrity_check").unwrap(), "ok");
}
