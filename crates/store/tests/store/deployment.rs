//! What the request path loads, and an app that has something of everything.

use shared::event::{Cause, Message};
use shared::id::{AppId, ContentHash, ExecutionId, NodeId};
use store::apps::{self, AppRow, EnvRow};
use store::dead_letters::DeadLetter;
use store::deployment;
use store::outbox::{self, Failed, Sent, Span};
use store::people;

use crate::events::enqueue;
use crate::executions::record;
use crate::kv::set;
use crate::people::{token, user};
use crate::releases::{deploy, snapshot, source};
use crate::support::{Db, NOW, on_both};

on_both![
    an_app_without_a_release_serves_nothing,
    a_deployment_holds_all_it_needs_and_nothing_of_others,
    a_missing_source_is_named,
];

/// An app with rows in every table that belongs to apps.
pub(crate) fn full(db: &Db, slug: &str) -> AppId {
    let old = db.app(&format!("{slug}-old"));
    let id = old.id;
    let new = AppRow {
        slug: slug.parse().unwrap(),
        ..old.clone()
    };
    db.change(move |change| apps::update(change, &old, &new));
    let domain = format!("{slug}.example.com").parse().unwrap();
    db.change(move |change| apps::claim_domain(change, id, &domain, NOW));
    let variable = EnvRow {
        name: "GREETING".parse().unwrap(),
        value: slug.to_owned(),
        updated_at: NOW,
    };
    db.change(move |change| apps::set_env(change, id, &variable));
    let person = user(db, &format!("{slug}@example.com"), "member").id;
    let row = people::TokenRow {
        app: Some(id),
        ..token(person, slug)
    };
    let secret = *ContentHash::of(slug.as_bytes()).as_bytes();
    db.write(move |conn| people::insert_token(conn, &secret, &row));
    let cron = r#"{"kind": "cron", "script": "hello", "schedule": "0 6 * * *"}"#;
    let mut all = snapshot(&[("hello", slug)], &[("util", slug)]);
    let consumer = r#"{"kind": "queue", "script": "hello", "queue": "first"}"#;
    all.0.triggers = [cron, consumer]
        .map(|text| serde_json::from_str(text).unwrap())
        .to_vec();
    deploy(db, id, None, &all);
    send_and_fail(db, id);
    set(db, id, "key", slug);
    let run = record(id, "hello", NOW);
    db.write(move |conn| store::executions::insert(conn, &[run], true));
    id
}

/// Puts something into the outbox, its idempotency keys and the dead letters.
fn send_and_fail(db: &Db, app: AppId) {
    let once = || Message {
        idempotency_key: Some("once".to_owned()),
        ..crate::events::message("1")
    };
    for queue in ["first", "second"] {
        let queue = queue.parse().unwrap();
        let execution = ExecutionId::new(NOW);
        let sent = Sent {
            app,
            cause: Cause::first(execution),
            execution,
            now: NOW,
        };
        db.try_write(move |conn| enqueue(conn, sent, &queue, &once()))
            .unwrap();
    }
    let delivery = db
        .write(move |conn| {
            outbox::claim(
                conn,
                &outbox::Line::new(app, "queue/first"),
                NodeId::new(NOW),
                Span::until(NOW),
                1,
            )
        })
        .remove(0);
    let dead = Box::new(DeadLetter::of(&delivery, "{}".to_owned(), NOW));
    db.write(move |conn| outbox::settle(conn, &[], &[Failed::Dead(dead, delivery)], NOW));
    let line = outbox::Line::new(app, "queue/second");
    db.write(move |conn| outbox::pause(conn, &line, true, NOW));
}

fn an_app_without_a_release_serves_nothing(db: &Db) {
    let app = db.app("empty").id;
    let loaded = db.read(move |conn| deployment::load(conn, app)).unwrap();
    assert_eq!(loaded.release, 0);
    assert!(loaded.snapshot.scripts.is_empty() && loaded.sources.is_empty());
    let nobody = AppId::new(NOW);
    assert!(
        db.read(move |conn| deployment::load(conn, nobody))
            .is_none()
    );
}

fn a_deployment_holds_all_it_needs_and_nothing_of_others(db: &Db) {
    let (shop, blog) = (full(db, "shop"), full(db, "blog"));
    deploy(
        db,
        shop,
        Some(1),
        &snapshot(&[("hello", "v2"), ("again", "v2")], &[]),
    );
    let loaded = db.read(move |conn| deployment::load(conn, shop)).unwrap();
    assert_eq!(loaded.app.slug.as_str(), "shop");
    assert_eq!(loaded.release, 2);
    assert_eq!(loaded.env.len(), 1);
    assert_eq!(loaded.env[0].value, "shop");
    assert_eq!(loaded.domains[0].as_str(), "shop.example.com");
    assert_eq!(loaded.redirects[0].as_str(), "shop-old");
    assert_eq!(loaded.snapshot.scripts.len(), 2);
    // Two scripts with the same text share it.
    let sources: Vec<_> = loaded.sources.into_iter().collect();
    assert_eq!(sources, [(ContentHash::of(b"v2"), "v2".to_owned())]);
    let other = db.read(move |conn| deployment::load(conn, blog)).unwrap();
    assert_eq!(other.sources.into_values().collect::<Vec<_>>(), ["blog"]);
}

fn a_missing_source_is_named(db: &Db) {
    let app = full(db, "shop");
    let lost = source("shop");
    db.write(move |conn| {
        let id = [app.as_bytes().into()];
        conn.execute("DELETE FROM versions WHERE app_id = ?1", &id)?;
        conn.execute("DELETE FROM contents WHERE app_id = ?1", &id)
    });
    let error = db
        .try_read(move |conn| deployment::load(conn, app))
        .unwrap_err();
    let store::StoreError::Corrupt { reason, .. } = &error else {
        panic!("{error}");
    };
    assert!(reason.contains(&lost.short()), "{reason}");
}
