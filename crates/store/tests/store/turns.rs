//! Apps take turns at the database, and what it works for each is counted.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use shared::id::AppId;
use store::{Payer, Store, StoreConfig, StoreError};
use tempfile::TempDir;
use test_support::Postgres;
use tokio::task::JoinSet;

use crate::support::{Db, block_on};

const CROWD: usize = 40;

/// One connection, so that one job goes after another.
fn stores() -> [(Store, TempDir); 2] {
    [None, Some(Postgres::shared().fresh())].map(|url| {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let mut config = match url {
            None => StoreConfig::sqlite(data),
            Some(url) => StoreConfig::postgres(data, url),
        };
        config.lanes = 1;
        (Store::open(&config).unwrap(), folder)
    })
}

/// The place in the order of work of a job that comes behind a crowd of long ones.
fn place_behind_a_crowd(store: &Store, crowd: Option<AppId>, new: Option<AppId>) -> usize {
    let order = Arc::new(Mutex::new(Vec::new()));
    let (open, gate) = mpsc::channel::<()>();
    let of = |app: Option<AppId>| match app {
        Some(app) => store.clone().paid_by(Payer::new(app, Duration::MAX)),
        None => store.clone(),
    };
    block_on(async {
        let mut all = JoinSet::new();
        all.spawn(store.write::<_, StoreError>(move |_| {
            // Ends when the sender goes.
            gate.recv().unwrap_err();
            Ok(())
        }));
        for at in 0..=CROWD {
            let (order, last) = (Arc::clone(&order), at == CROWD);
            let store = of(if last { new } else { crowd });
            all.spawn(store.write::<_, StoreError>(move |conn| {
                order.lock().unwrap().push(last);
                work(conn)
            }));
        }
        // Every task has been polled, so every job is in the queue, when they let this one go on.
        tokio::task::yield_now().await;
        drop(open);
        for done in all.join_all().await {
            done.unwrap();
        }
    });
    let order = order.lock().unwrap();
    order.iter().position(|last| *last).unwrap()
}

/// More than a turn counts before it is known what it takes.
fn work(conn: &mut dyn store::Conn) -> Result<(), StoreError> {
    conn.query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT COUNT(*) AS number FROM n",
        &[],
    )?;
    Ok(())
}

#[test]
fn an_app_does_not_wait_for_the_crowd_of_another() {
    let (one, other) = (AppId::from_bytes([1; 16]), AppId::from_bytes([2; 16]));
    for (store, _folder) in stores() {
        for (crowd, new) in [(one, other), (other, one)] {
            let place = place_behind_a_crowd(&store, Some(crowd), Some(new));
            assert!(place <= 2, "{store:?}: at place {place}");
        }
        // Within an app, and without turns: whoever comes first.
        assert_eq!(place_behind_a_crowd(&store, Some(one), Some(one)), CROWD);
        assert_eq!(place_behind_a_crowd(&store, None, None), CROWD);
        store.close();
    }
}

#[test]
fn what_the_database_works_is_on_the_bill_when_the_answer_is_there() {
    let app = AppId::from_bytes([1; 16]);
    for db in [Db::sqlite(), Db::postgres()] {
        let (reads, writes) = (
            Payer::new(app, Duration::MAX),
            Payer::new(app, Duration::MAX),
        );
        // The first statement on a connection of PostgreSQL shows how long the way there is.
        for _ in 0..20 {
            let store = db.store.clone().paid_by(reads.clone());
            block_on(store.read(work)).unwrap();
            let store = db.store.clone().paid_by(writes.clone());
            block_on(store.write(work)).unwrap();
        }
        assert!(reads.spent() > Duration::ZERO);
        assert!(writes.spent() > Duration::ZERO);
        let nothing = Payer::new(app, Duration::MAX);
        block_on(db.store.read(work)).unwrap();
        assert_eq!(nothing.spent(), Duration::ZERO);
    }
}

const LEFT: Duration = Duration::from_millis(30);

/// Takes minutes.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                       WHERE i < 2000000000) SELECT COUNT(*) AS number FROM n";

fn is_out_of_time(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::OutOfTime))
}

/// One statement, many short ones, and one that waits for another transaction.
#[test]
fn what_is_done_for_a_run_ends_with_its_time() {
    let app = AppId::from_bytes([1; 16]);
    let one = |conn: &mut dyn store::Conn| conn.query(ENDLESS, &[]).map(drop);
    let many = |conn: &mut dyn store::Conn| {
        loop {
            work(conn)?;
        }
    };
    for db in [Db::sqlite(), Db::postgres()] {
        let paid = || {
            let payer = Payer::new(app, LEFT);
            (db.store.clone().paid_by(payer.clone()), payer)
        };
        for at in 0..4 {
            let (store, payer) = paid();
            let ended = match at {
                0 => block_on(store.read(one)),
                1 => block_on(store.write(one)),
                2 => block_on(store.read(many)),
                _ => block_on(store.write(many)),
            };
            assert!(is_out_of_time(ended), "{at}");
            assert!(payer.spent() >= LEFT, "{at}: {:?}", payer.spent());
            // Nothing more is begun for it.
            assert!(is_out_of_time(block_on(store.read(work))), "{at}");
        }
        // Others, and the platform itself, are not bounded by that.
        block_on(db.store.read(work)).unwrap();
        block_on(db.store.write(work)).unwrap();
        let next = Payer::new(app, Duration::MAX);
        block_on(db.store.clone().paid_by(next).read(work)).unwrap();
    }
}

/// Whose time ends takes nothing of those with it who are in the same transaction.
#[test]
fn who_is_out_of_time_undoes_his_own_write_only() {
    let (one, other) = (AppId::from_bytes([1; 16]), AppId::from_bytes([2; 16]));
    for (store, _folder) in stores() {
        let (open, gate) = mpsc::channel::<()>();
        let set = |conn: &mut dyn store::Conn, name: &str| {
            let sql = "INSERT INTO settings (name, value) VALUES (?1, 'x')";
            conn.execute(sql, &[name.into()])
        };
        block_on(async {
            let mut all = JoinSet::new();
            all.spawn(store.write::<_, StoreError>(move |_| {
                gate.recv().unwrap_err();
                Ok(())
            }));
            let of = |app, most| store.clone().paid_by(Payer::new(app, most));
            all.spawn(of(other, Duration::MAX).write(move |conn| set(conn, "first").map(drop)));
            all.spawn(of(one, LEFT).write(move |conn| {
                set(conn, "too-long")?;
                let ended = conn.query(ENDLESS, &[]).map(drop);
                assert!(is_out_of_time(ended));
                // Whoever goes on nevertheless has written nothing.
                Ok(())
            }));
            all.spawn(of(other, Duration::MAX).write(move |conn| set(conn, "last").map(drop)));
            tokio::task::yield_now().await;
            drop(open);
            let done = all.join_all().await;
            assert_eq!(done.iter().filter(|done| done.is_err()).count(), 1);
        });
        let sql = "SELECT name FROM settings WHERE value = 'x' ORDER BY name";
        let kept = block_on(store.read::<_, StoreError>(|conn| conn.query(sql, &[]))).unwrap();
        let kept: Vec<_> = kept.iter().map(|row| row.text("name").unwrap()).collect();
        assert_eq!(kept, ["first", "last"]);
        store.close();
    }
}
