//! Triggers and schedules: whom they name, when they fire, what becomes of them across releases.

use shared::clock::Timestamp;
use store::{StoreError, schedules, triggers};

use crate::events::{CONSUMER, all, app_with, with};
use crate::releases::{deploy, snapshot};
use crate::support::{Db, NOW, after, on_both};

on_both![
    a_schedule_fires_once_however_many_try,
    schedules_keep_their_time_across_releases_and_go_with_their_trigger,
    a_trigger_cannot_name_a_script_of_another_app,
];

const EVERY_MINUTE: &str = r#"{"kind": "cron", "script": "a", "schedule": "* * * * *", "catch_up": "all", "overlap": "queue"}"#;

fn a_schedule_fires_once_however_many_try(db: &Db) {
    let app = app_with(db, "shop", &[EVERY_MINUTE]);
    let due = db.read(schedules::next_due).unwrap();
    assert!(due > NOW && due <= after(60));
    assert!(
        db.read(move |conn| schedules::due(conn, NOW, 10))
            .is_empty()
    );
    let row = db.read(move |conn| schedules::due(conn, due, 10)).remove(0);
    let store = db.store.clone();
    let fired = crate::support::together(4, move |_| {
        let row = row.clone();
        crate::support::block_on(store.write(move |conn| schedules::fire(conn, &row, due)))
    });
    let events: usize = fired.into_iter().map(|f| f.unwrap().events.len()).sum();
    assert_eq!(events, 1);
    let delivery = all(db, app).remove(0);
    let fields: serde_json::Value = serde_json::from_slice(&delivery.payload).unwrap();
    assert_eq!(fields["scheduled_for"], due.to_rfc3339());
    assert_eq!(
        db.read(schedules::next_due),
        Some(Timestamp(due.0 + 60_000_000))
    );
    // Three minutes without anybody: all three fire.
    let late = Timestamp(due.0 + 180_000_000);
    let row = db
        .read(move |conn| schedules::due(conn, late, 10))
        .remove(0);
    assert_eq!(
        db.write(move |conn| schedules::fire(conn, &row, late))
            .events
            .len(),
        3
    );
}

fn schedules_keep_their_time_across_releases_and_go_with_their_trigger(db: &Db) {
    let app = app_with(db, "shop", &[EVERY_MINUTE]);
    let list = || db.read(move |conn| schedules::list(conn, app));
    let before = list();
    deploy(db, app, Some(1), &with(&[EVERY_MINUTE, CONSUMER]));
    assert_eq!(list(), before);
    deploy(db, app, Some(2), &with(&[CONSUMER]));
    assert!(list().is_empty());
    db.change(move |change| store::releases::activate(change, app, Some(3), 1, after(600)));
    let again = list();
    assert_eq!(again.len(), 1, "a rollback brings it back");
    assert!(again[0].next_due_at > Some(after(600)), "from now on");
}

fn a_trigger_cannot_name_a_script_of_another_app(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let other = db.app("blog").id;
    deploy(db, other, None, &snapshot(&[("theirs", "1")], &[]));
    let row = move |script: &'static str| {
        db.try_write(move |conn| {
            conn.execute(
                "INSERT INTO triggers (app_id, key, kind, subject, script) \
                 VALUES (?1, 'k', 'queue', 'q', ?2)",
                &[app.as_bytes().into(), script.into()],
            )
        })
    };
    assert!(matches!(row("theirs"), Err(StoreError::OwnerGone(_))));
    assert_eq!(row("b").unwrap(), 1);
    assert!(
        db.read(move |conn| triggers::get(conn, other, "k"))
            .is_none()
    );
}
