//! Many writers at once: each engine lets one of them win, and nobody's write is lost.

use std::sync::{Arc, mpsc};

use shared::id::{AppId, UserId};
use shared::kv::{KvCall, KvCondition, KvOp, KvReply, KvUpdate};
use store::apps::{self, AppRow};
use store::people::{self, UserRow};
use store::{Room, Store, StoreError, kv};

use crate::kv::{call, get, json, put, set_for};
use crate::releases::{snapshot, write_release};
use crate::support::{Db, NOW, after, app, block_on, on_both, together};

on_both![
    one_of_many_deploys_from_the_same_base_wins,
    deploys_that_try_again_all_get_their_own_number,
    one_of_many_set_ups_makes_the_owner,
    there_is_one_default_app_after_a_race,
    of_apps_made_at_once_one_is_the_first,
    changes_of_an_app_at_once_all_count,
    variables_set_at_once_all_count_and_their_number_is_bounded,
    no_increment_is_lost,
    a_version_is_won_once,
    expired_keys_that_are_written_again_stay,
];

const THREADS: usize = 8;

fn write<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut dyn store::Conn) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    block_on(store.write(work))
}

fn change<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut store::Change<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    block_on(store.change(work)).map(|(value, _raised)| value)
}

fn one_of_many_deploys_from_the_same_base_wins(db: &Db) {
    let app = db.app("shop").id;
    let store = db.store.clone();
    let answers = together(THREADS, move |at| {
        let what = snapshot(
            &[("hello", &format!("v{at}")), ("same", "same")],
            &[("m", "same")],
        );
        change(&store, move |change| {
            let number = write_release(change, app, None, &what)?;
            number.ok_or_else(|| StoreError::Engine("lost".to_owned()))
        })
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    assert_eq!(won, 1, "{answers:?}");
    for answer in answers.into_iter().filter_map(Result::err) {
        assert_eq!(answer.to_string(), "lost", "the losers are told why");
    }
    assert_eq!(db.owned("releases", app), 1);
    assert_eq!(db.owned("contents", app), 2);
}

fn deploys_that_try_again_all_get_their_own_number(db: &Db) {
    let app = db.app("shop").id;
    let store = db.store.clone();
    let mut numbers = together(THREADS, move |at| {
        loop {
            let what = snapshot(&[("hello", &format!("v{at}"))], &[]);
            let read = store.read::<_, StoreError>(move |conn| apps::get(conn, app));
            let base = block_on(read).unwrap().unwrap().active_release;
            let done = change(&store, move |change| {
                let number = write_release(change, app, base, &what)?;
                number.ok_or_else(|| StoreError::Engine("lost".to_owned()))
            });
            match done {
                Ok(number) => return number,
                Err(error) => assert_eq!(error.to_string(), "lost"),
            }
        }
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=THREADS as i64).collect::<Vec<_>>());
}

fn one_of_many_set_ups_makes_the_owner(db: &Db) {
    let store = db.store.clone();
    let made = together(THREADS, move |at| {
        let user = UserRow {
            id: UserId::new(NOW),
            email: format!("owner-{at}@example.com"),
            password_hash: String::new(),
            role: "owner".to_owned(),
            created_at: NOW,
        };
        write(&store, move |conn| {
            if people::any_user(conn)? {
                return Ok(false);
            }
            people::insert_user(conn, &user)?;
            Ok(true)
        })
        .unwrap()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
}

fn there_is_one_default_app_after_a_race(db: &Db) {
    let store = db.store.clone();
    let all: Vec<AppRow> = (0..THREADS)
        .map(|at| db.app(&format!("app-{at}")))
        .collect();
    together(THREADS, move |at| {
        let old = all[at].clone();
        let new = AppRow {
            is_default: true,
            ..old.clone()
        };
        change(&store, move |change| apps::update(change, &old, &new)).unwrap();
        let another = AppRow {
            is_default: true,
            ..app(&format!("new-{at}"))
        };
        change(&store, move |change| apps::insert(change, &another)).unwrap();
    });
    let defaults = db.read(apps::list).into_iter().filter(|a| a.is_default);
    assert_eq!(defaults.count(), 1);
}

fn kv_write(store: &Store, app: AppId, op: KvOp) -> KvReply {
    let call = KvCall {
        collection: "default".parse().unwrap(),
        op,
    };
    block_on(store.write(move |conn| kv::call(conn, app, NOW, &call, &mut Room::of(u64::MAX))))
        .unwrap()
}

fn no_increment_is_lost(db: &Db) {
    const EACH: i64 = 25;
    let app = db.app("shop").id;
    let store = db.store.clone();
    let mut seen: Vec<i64> = together(THREADS, move |_| {
        let one = || KvOp::Update("n".to_owned(), KvUpdate::Incr(1));
        let each = (0..EACH).map(|_| match kv_write(&store, app, one()) {
            KvReply::Number(number) => number,
            other => panic!("{other:?}"),
        });
        each.collect::<Vec<_>>()
    })
    .concat();
    seen.sort_unstable();
    assert_eq!(
        seen,
        (1..=THREADS as i64 * EACH).collect::<Vec<_>>(),
        "each value once"
    );
}

fn a_version_is_won_once(db: &Db) {
    let app = db.app("shop").id;
    call(db, app, NOW, put("key", json("0"))).unwrap();
    for _ in 0..10 {
        let version = get(db, app, NOW, "key").unwrap().version;
        let store = db.store.clone();
        let replies = together(THREADS, move |at| {
            let op = KvOp::Set {
                key: "key".to_owned(),
                value: json(&at.to_string()),
                ttl_ms: None,
                condition: KvCondition::IfVersion(version),
            };
            kv_write(&store, app, op)
        });
        let won = replies.iter().filter(|r| matches!(r, KvReply::Written(_)));
        assert_eq!(won.count(), 1, "{replies:?}");
    }
}

fn expired_keys_that_are_written_again_stay(db: &Db) {
    let app = db.app("shop").id;
    for round in 0..10 {
        set_for(db, app, NOW, "key", 1_000);
        let store = db.store.clone();
        together(THREADS, move |at| {
            // One writes the expired key again, the others' writes clear what has expired.
            let op = KvOp::Set {
                key: if at == 0 {
                    "key".to_owned()
                } else {
                    format!("{round}/{at}")
                },
                value: json("2"),
                ttl_ms: (at != 0).then_some(1_000),
                condition: KvCondition::None,
            };
            let call = KvCall {
                collection: "default".parse().unwrap(),
                op,
            };
            let late = after(10 + round);
            block_on(
                store.write(move |conn| kv::call(conn, app, late, &call, &mut Room::of(u64::MAX))),
            )
            .unwrap();
        });
        assert!(get(db, app, after(100), "key").is_some(), "round {round}");
    }
}

/// PostgreSQL only, where two writers can be at it at the same time: the one that clears expired
/// keys passes by the key that the other is writing again.
#[test]
fn clearing_passes_by_a_key_that_is_being_written() {
    let db = Db::postgres();
    let app = db.app("shop").id;
    set_for(&db, app, NOW, "key", 1_000);
    let (wrote, written) = mpsc::channel();
    let (cleared, clear) = mpsc::channel::<()>();
    let late = after(10);
    let again = KvCall {
        collection: "default".parse().unwrap(),
        op: put("key", json("2")),
    };
    let writing = db.store.write::<_, kv::KvError>(move |conn| {
        kv::call(conn, app, late, &again, &mut Room::of(u64::MAX))?;
        wrote.send(()).unwrap();
        clear.recv().unwrap();
        Ok(())
    });
    let writer = std::thread::spawn(move || block_on(writing));
    written.recv().unwrap();
    set_for(&db, app, late, "other", 1_000);
    cleared.send(()).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(get(&db, app, late, "key").unwrap().value, json("2"));
}

/// PostgreSQL only: two deploys of one app wait for each other instead of for each other's rows.
#[test]
fn deploys_do_not_deadlock_over_their_sources() {
    let db = Db::postgres();
    let app = db.app("shop").id;
    let store = Arc::new(db.store.clone());
    let answers = together(THREADS, move |at| {
        let mut sources: Vec<String> = (0..20).map(|n| format!("source {n}")).collect();
        if at % 2 == 1 {
            sources.reverse();
        }
        write(&store, move |conn| {
            for text in &sources {
                let hash = crate::releases::source(text);
                store::releases::put_content(conn, app, hash, text, NOW)?;
            }
            Ok(())
        })
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

fn of_apps_made_at_once_one_is_the_first(db: &Db) {
    let store = db.store.clone();
    let first = together(THREADS, move |at| {
        change(&store, move |change| {
            let is_default = apps::is_first(change)?;
            let row = AppRow {
                is_default,
                ..app(&format!("app-{at}"))
            };
            apps::insert(change, &row)?;
            Ok(is_default)
        })
        .unwrap()
    });
    assert_eq!(first.iter().filter(|first| **first).count(), 1);
}

/// Each reads what is there and adds its own, as an operation of the API does.
fn changes_of_an_app_at_once_all_count(db: &Db) {
    let id = db.app("shop").id;
    let store = db.store.clone();
    together(THREADS, move |at| {
        change(&store, move |change| {
            let old = apps::to_change(change, id)?;
            let new = AppRow {
                description: format!("{} {at}", old.description),
                ..old.clone()
            };
            apps::update(change, &old, &new)
        })
        .unwrap();
    });
    let app = db.read(move |conn| apps::get(conn, id)).unwrap();
    assert_eq!(app.description.split_whitespace().count(), THREADS);
}

fn variables_set_at_once_all_count_and_their_number_is_bounded(db: &Db) {
    const MOST: usize = 3;
    let id = db.app("shop").id;
    let store = db.store.clone();
    let set = together(THREADS, move |at| {
        change(&store, move |change| {
            let there = apps::env_to_change(change, id)?.len();
            if there < MOST {
                let row = apps::EnvRow {
                    name: format!("NAME_{at}").parse().unwrap(),
                    value: String::new(),
                    updated_at: NOW,
                };
                apps::set_env(change, id, &row)?;
            }
            Ok(there < MOST)
        })
        .unwrap()
    });
    assert_eq!(set.iter().filter(|set| **set).count(), MOST);
    assert_eq!(db.read(move |conn| apps::env(conn, id)).len(), MOST);
}
