//! How much may wait in an app's outbox.

use shared::id::{AppId, NodeId};
use store::StoreConfig;
use store::handover::BacklogLimit;
use store::outbox::OutboxError;
use tempfile::TempDir;
use test_support::Postgres;

use crate::events::{CONSUMER, all, app_with, claim, enqueue, message, sent, settle, with};
use crate::releases::deploy;
use crate::support::{Db, NOW, postgres_config};

/// Puts one more message into an app's queue.
fn send(db: &Db, app: AppId) -> Result<(), OutboxError> {
    let queue = "mail".parse().unwrap();
    let write = db.try_write(move |conn| enqueue(conn, sent(app, NOW), &queue, &message("1")));
    write.map(drop)
}

/// A database in which three events may wait for an app.
fn limited(url: Option<String>) -> Db {
    let folder = TempDir::new().unwrap();
    let base = match &url {
        Some(url) => postgres_config(&folder, url),
        None => StoreConfig::sqlite(folder.path().join("data")),
    };
    let backlog = BacklogLimit {
        rows: 3,
        ..BacklogLimit::default()
    };
    Db::open(StoreConfig { backlog, ..base }, url, folder)
}

/// Scripts are refused; what the platform itself has to tell is taken.
fn a_full_outbox(db: &Db) {
    let told = r#"{"kind": "deploy", "script": "b"}"#;
    let app = app_with(db, "shop", &[CONSUMER]);
    for _ in 0..3 {
        send(db, app).unwrap();
    }
    for _ in 0..2 {
        assert!(matches!(send(db, app), Err(OutboxError::Full)));
    }
    let waiting = all(db, app).len();
    deploy(db, app, Some(1), &with(&[CONSUMER, told]));
    assert_eq!(all(db, app).len(), waiting + 1);
}

#[test]
fn a_full_outbox_refuses_what_scripts_send_and_takes_what_the_platform_tells() {
    a_full_outbox(&limited(None));
    a_full_outbox(&limited(Some(Postgres::shared().fresh())));
}

#[test]
fn what_other_processes_have_handled_makes_room() {
    let db = limited(Some(Postgres::shared().fresh()));
    let (full, handled) = (
        app_with(&db, "full", &[CONSUMER]),
        app_with(&db, "handled", &[CONSUMER]),
    );
    for app in [full, handled] {
        for _ in 0..3 {
            send(&db, app).unwrap();
        }
    }
    // Another process handles those of one app. This one is not told.
    let other = NodeId::new(NOW);
    let done = claim(&db, handled, other, NOW);
    let done = done.iter().map(|d| (d.seq, d.epoch)).collect();
    assert_eq!(settle(&db, done, Vec::new()), 0);

    for _ in 0..2 {
        assert!(matches!(send(&db, full), Err(OutboxError::Full)));
    }
    for _ in 0..3 {
        send(&db, handled).unwrap();
    }
    assert!(matches!(send(&db, handled), Err(OutboxError::Full)));
}
