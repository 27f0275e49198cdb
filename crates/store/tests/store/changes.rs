//! Whatever changes what is served raises the app's deployment number, and is told of.

use std::time::Duration;

use shared::id::AppId;
use shared::seam::Raised;
use store::apps::{self, AppRow, EnvRow};
use store::{Change, Store, StoreError, deployment};

use crate::releases::{deploy, snapshot};
use crate::support::{Db, NOW, app, block_on, on_both, postgres_config};

on_both![
    every_change_raises_the_number_of_its_app_and_no_other,
    several_changes_in_one_transaction_are_one,
    what_is_taken_from_another_app_raises_that_one_too,
    what_is_undone_raises_nothing_and_is_not_told_of,
    a_committed_change_is_told_of_before_it_is_answered,
    what_nobody_serves_raises_nothing,
];

/// A change, and what it raised.
fn raised_by<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Vec<Raised> {
    block_on(store.change(work)).unwrap().1
}

fn number(db: &Db, app: AppId) -> i64 {
    db.read(move |conn| deployment::number(conn, app)).unwrap()
}

type Work = Box<dyn FnOnce(&mut Change<'_>) -> Result<(), StoreError> + Send>;

fn greeting(value: &str) -> EnvRow {
    EnvRow {
        name: "GREETING".parse().unwrap(),
        value: value.to_owned(),
        updated_at: NOW,
    }
}

/// Each way to change what is served for an app, by name.
fn changes(row: &AppRow) -> Vec<(&'static str, Work)> {
    let (id, old) = (row.id, row.clone());
    let new = |change: &dyn Fn(&mut AppRow)| {
        let mut new = old.clone();
        change(&mut new);
        let before = old.clone();
        Box::new(move |c: &mut Change<'_>| apps::update(c, &before, &new)) as Work
    };
    let domain = || "shop.example.com".parse().unwrap();
    vec![
        ("default", new(&|row| row.is_default = true)),
        (
            "limits",
            new(&|row| row.limits = serde_json::from_str(r#"{"wall": "2s"}"#).unwrap()),
        ),
        (
            "claimed",
            Box::new(move |c| apps::claim_domain(c, id, &domain(), NOW)),
        ),
        (
            "given up",
            Box::new(move |c| apps::release_domain(c, id, &domain()).map(|_| ())),
        ),
        (
            "set",
            Box::new(move |c| apps::set_env(c, id, &greeting("a"))),
        ),
        (
            "removed",
            Box::new(move |c| apps::delete_env(c, id, &greeting("").name).map(|_| ())),
        ),
        (
            "rollback",
            Box::new(move |c| {
                assert!(store::releases::activate(c, id, Some(2), 1, NOW)?);
                Ok(())
            }),
        ),
        ("name", new(&|row| row.slug = "renamed".parse().unwrap())),
        ("deleted", Box::new(move |c| apps::delete(c, id))),
    ]
}

fn every_change_raises_the_number_of_its_app_and_no_other(db: &Db) {
    let (row, other) = (app("shop"), db.app("other").id);
    let (made, id) = (row.clone(), row.id);
    let raised = raised_by(&db.store, move |c| apps::insert(c, &made));
    assert_eq!(raised, [Raised { app: id, number: 1 }]);
    let what = snapshot(&[("hello", "a")], &[]);
    deploy(db, id, None, &what);
    assert_eq!(number(db, id), 2, "a release");
    deploy(db, id, Some(1), &what);
    let before = number(db, other);
    for (at, (what, work)) in (4..).zip(changes(&row)) {
        let raised = raised_by(&db.store, work);
        assert_eq!(
            raised,
            [Raised {
                app: id,
                number: at
            }],
            "{what}"
        );
        let stored = db.read(move |conn| deployment::number(conn, id));
        let gone = what == "deleted";
        assert_eq!(stored, (!gone).then_some(at), "{what}");
        let loaded = db.read(move |conn| deployment::load(conn, id));
        assert_eq!(loaded.map(|loaded| loaded.number), stored, "{what}");
    }
    assert_eq!(number(db, other), before);
    let all = db.read(deployment::numbers);
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(other, before)]);
}

fn several_changes_in_one_transaction_are_one(db: &Db) {
    let id = db.app("shop").id;
    let raised = raised_by(&db.store, move |c| {
        apps::set_env(c, id, &greeting("a"))?;
        apps::set_env(c, id, &greeting("b"))
    });
    assert_eq!(raised, [Raised { app: id, number: 2 }]);
}

fn what_is_taken_from_another_app_raises_that_one_too(db: &Db) {
    let apps_of = |raised: Vec<Raised>| {
        let mut apps: Vec<AppId> = raised.into_iter().map(|raised| raised.app).collect();
        apps.sort_unstable();
        apps
    };
    let both = |a: AppId, b: AppId| {
        let mut both = [a, b];
        both.sort_unstable();
        both
    };
    let first = AppRow {
        is_default: true,
        ..app("first")
    };
    let row = first.clone();
    db.change(move |c| apps::insert(c, &row));
    let second = AppRow {
        is_default: true,
        ..app("second")
    };
    let row = second.clone();
    let raised = raised_by(&db.store, move |c| apps::insert(c, &row));
    assert_eq!(apps_of(raised), both(first.id, second.id), "a new default");

    // An old name of the first app, which two others take one after the other.
    let renamed = |row: &AppRow, slug: &str| AppRow {
        slug: slug.parse().unwrap(),
        is_default: false,
        ..row.clone()
    };
    let (old, new) = (renamed(&first, "first"), renamed(&first, "moved"));
    db.change(move |c| apps::update(c, &old, &new));
    let third = app("first");
    let row = third.clone();
    let raised = raised_by(&db.store, move |c| apps::insert(c, &row));
    assert_eq!(apps_of(raised), both(first.id, third.id), "a new app");
    let (old, new) = (third.clone(), renamed(&third, "away"));
    db.change(move |c| apps::update(c, &old, &new));
    let (old, new) = (renamed(&second, "second"), renamed(&second, "first"));
    let raised = raised_by(&db.store, move |c| apps::update(c, &old, &new));
    assert_eq!(apps_of(raised), both(second.id, third.id), "a rename");
}

fn what_is_undone_raises_nothing_and_is_not_told_of(db: &Db) {
    let id = db.app("shop").id;
    block_on(db.store.handover().news().next());
    let failed = db.try_change(move |c| {
        apps::set_env(c, id, &greeting("a"))?;
        Err::<(), _>(StoreError::Engine("on purpose".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(number(db, id), 1);
    let missing = db.try_change(|c| apps::set_env(c, AppId::new(NOW), &greeting("a")));
    assert!(matches!(missing, Err(StoreError::NoSuchApp)));
    db.change(move |c| apps::set_env(c, id, &greeting("b")));
    let heard = block_on(db.store.handover().news().next());
    assert_eq!(heard.raised.into_iter().collect::<Vec<_>>(), [(id, 2)]);
    assert!(!heard.all);
}

fn a_committed_change_is_told_of_before_it_is_answered(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    db.change(move |c| apps::set_env(c, shop, &greeting("a")));
    let mut next = std::pin::pin!(db.store.handover().news().next());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(heard) = next.as_mut().poll(&mut cx) else {
        panic!("it would have to be waited for");
    };
    let heard: Vec<_> = heard.raised.into_iter().collect();
    let mut want = [(shop, 2), (blog, 1)];
    want.sort_unstable();
    assert_eq!(heard, want, "once for each app, with its last number");
    let nothing = std::pin::pin!(db.store.handover().news().next());
    assert!(nothing.poll(&mut cx).is_pending());
}

fn what_nobody_serves_raises_nothing(db: &Db) {
    let id = db.app("shop").id;
    crate::kv::set(db, id, "key", "value");
    crate::people::user(db, "ada@example.com", "owner");
    let raised = raised_by(&db.store, move |c| {
        let hash = shared::id::ContentHash::of(b"1");
        store::releases::put_content(c.conn(), id, hash, "1", NOW)
    });
    assert_eq!((raised, number(db, id)), (Vec::new(), 1));
}

/// Another store over the same database.
fn beside(db: &Db) -> (Store, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = db.url.as_deref().unwrap();
    let store = Store::open(&postgres_config(&folder, url)).unwrap();
    (store, folder)
}

/// What a store hears next; only so that a defect fails the test instead of hanging it, not for ever.
fn hears(store: &Store) -> store::handover::Heard {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime
        .block_on(async {
            let news = store.handover().news().next();
            tokio::time::timeout(Duration::from_mins(1), news).await
        })
        .unwrap()
}

/// The next apps it hears of.
fn hears_of(store: &Store) -> Vec<(AppId, i64)> {
    loop {
        let heard = hears(store).raised;
        if !heard.is_empty() {
            return heard.into_iter().collect();
        }
    }
}

#[test]
fn processes_on_one_database_meet_and_hear_which_app_changed() {
    let db = Db::postgres();
    let (other, _folder) = beside(&db);
    other.listen();
    assert!(hears(&other).all, "it may have missed something before");
    db.store.listen();
    for store in [&db.store, &other] {
        assert!(hears(store).all, "they meet");
    }
    let id = db.app("shop").id;
    assert_eq!(hears_of(&other), [(id, 1)]);
    db.change(move |c| apps::delete(c, id));
    assert_eq!(hears_of(&other), [(id, 2)]);
}

#[test]
fn a_connection_that_listens_again_has_all_compared() {
    let db = Db::postgres();
    let (other, _folder) = beside(&db);
    other.listen();
    assert!(hears(&other).all);
    let ended = db.rows(
        "SELECT CAST(pg_terminate_backend(pid) AS INT) FROM pg_stat_activity \
         WHERE application_name = 'picloud listener' AND datname = current_database()",
    );
    assert_eq!(ended.len(), 1, "the connection that listens");
    assert!(hears(&other).all);
}
