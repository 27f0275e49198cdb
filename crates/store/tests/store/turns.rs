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
        Some(app) => store.clone().paid_by(Payer::new(app)),
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
        let (reads, writes) = (Payer::new(app), Payer::new(app));
        // The first statement on a connection of PostgreSQL shows how long the way there is.
        for _ in 0..20 {
            let store = db.store.clone().paid_by(reads.clone());
            block_on(store.read(work)).unwrap();
            let store = db.store.clone().paid_by(writes.clone());
            block_on(store.write(work)).unwrap();
        }
        assert!(reads.spent() > Duration::ZERO);
        assert!(writes.spent() > Duration::ZERO);
        let nothing = Payer::new(app);
        block_on(db.store.read(work)).unwrap();
        assert_eq!(nothing.spent(), Duration::ZERO);
    }
}
