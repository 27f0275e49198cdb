//! The order of events with the same key when the process that held them ends.

use shared::clock::Timestamp;
use shared::event::Message;
use shared::id::{AppId, NodeId};
use shared::kv::KvOp;
use store::handover::Notice;
use store::outbox::{self, Failed, OutboxError, Span};

use crate::events::{
    CONSUMER, all, app_with, change, claim, enqueue, mail, message, numbers, send, sent, settle,
    sign_on,
};
use crate::kv::{json, put};
use crate::support::{Db, NOW, after, block_on, on_both};

/// Takes an app's deliveries two at a time, as a dispatcher does: each claim goes on where the one
/// before has ended, and what was left is looked for at the end.
fn little_by_little(db: &Db, app: AppId, node: NodeId, to: Timestamp) -> Vec<i64> {
    let (mut taken, mut span) = (Vec::new(), Span::until(to));
    loop {
        let some = db.write(move |conn| outbox::claim(conn, &mail(app), node, span, 2));
        taken.extend(numbers(&some));
        match some.last() {
            Some(last) => span.from = last.due_at,
            None if span == Span::until(to) => return taken,
            None => span = Span::until(to),
        }
    }
}

fn a_claim_that_is_full_keeps_a_failed_one_before_those_behind_it(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    for _ in 0..5 {
        let keyed = Message {
            key: Some("x".to_owned()),
            ..message("1")
        };
        send(db, app, keyed);
    }
    let gone = NodeId::new(NOW);
    let held = claim(db, app, gone, NOW);
    let retry = Failed::Retry {
        delivery: held[0].clone(),
        due_at: after(1),
        keep: true,
    };
    assert_eq!(settle(db, vec![], vec![retry]), 0);
    let queue = "mail".parse().unwrap();
    let late = Message {
        key: Some("x".to_owned()),
        ..message("1")
    };
    let written = db.try_write(move |conn| enqueue(conn, sent(app, after(2)), &queue, &late));
    written.unwrap();
    let order = numbers(&all(db, app));
    // The process ends; another takes what was its, little by little.
    db.write(move |conn| outbox::take_over(conn, gone, 100));
    let taken = little_by_little(db, app, NodeId::new(NOW), after(3));
    assert_eq!(taken, order);
}

fn a_claim_leaves_out_what_was_gone_through_before(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    for delay_ms in [1_000, 2_000, 3_000] {
        send(
            db,
            app,
            Message {
                delay_ms,
                ..message("1")
            },
        );
    }
    let span = |from, to| Span {
        from: after(from),
        to: after(to),
    };
    let order = numbers(&all(db, app));
    let node = NodeId::new(NOW);
    let taken = db.write(move |conn| outbox::claim(conn, &mail(app), node, span(2, 2), 10));
    assert_eq!(numbers(&taken), order[1..2]);
    assert!(!db.read(move |conn| outbox::overdue(conn, &mail(app), span(2, 2))));
    assert!(db.read(move |conn| outbox::overdue(conn, &mail(app), span(1, 2))));
    let rest = claim(db, app, node, after(3));
    assert_eq!(numbers(&rest), [order[0], order[2]]);
}

/// Ends are written in the order in which attempts end, here the last first.
fn an_app_that_goes_and_the_ends_of_its_events_do_not_block_each_other(db: &Db) {
    for round in 0..8 {
        let app = app_with(db, &format!("shop{round}"), &[CONSUMER]);
        let (queue, sender) = ("mail".parse().unwrap(), sent(app, NOW));
        db.try_write(move |conn| {
            for _ in 0..300 {
                enqueue(conn, sender, &queue, &message("1"))?;
            }
            Ok::<_, OutboxError>(())
        })
        .unwrap();
        let held = db.write(move |conn| {
            outbox::claim(conn, &mail(app), NodeId::new(NOW), Span::until(NOW), 300)
        });
        let retry = |delivery| Failed::Retry {
            delivery,
            due_at: after(60),
            keep: false,
        };
        let failed: Vec<Failed> = held.into_iter().rev().map(retry).collect();
        let ends = db
            .store
            .write(move |conn| outbox::settle(conn, &[], &failed, NOW));
        let goes = db
            .store
            .change(move |change| store::apps::delete(change, app));
        std::thread::scope(|scope| {
            let ends = scope.spawn(|| block_on(ends));
            let goes = scope.spawn(|| block_on(goes));
            ends.join().unwrap().unwrap();
            goes.join().unwrap().unwrap();
        });
        assert!(all(db, app).is_empty());
    }
}

fn keyed(key: &str, delay: u64) -> Message {
    Message {
        key: Some(key.to_owned()),
        delay_ms: delay * 1_000,
        ..message("1")
    }
}

/// The numbers of what an app may start at a time, taken and put aside as handled.
fn handled(db: &Db, app: AppId, now: Timestamp) -> Vec<i64> {
    let taken = claim(db, app, NodeId::new(NOW), now);
    let done = taken.iter().map(|d| (d.seq, d.epoch)).collect();
    assert_eq!(settle(db, done, vec![]), 0);
    numbers(&taken)
}

fn a_message_that_is_not_due_holds_up_nobody_of_its_key(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let tomorrow = 24 * 60 * 60;
    for delay in [tomorrow, 0, 20, 10, 0] {
        send(db, app, keyed("x", delay));
    }
    let all = numbers(&all(db, app));
    let [late, first, twenty, ten, second] = all[..] else {
        panic!("five were sent: {all:?}");
    };
    assert_eq!(handled(db, app, NOW), [first, second]);
    // By due time, not by sending.
    assert_eq!(handled(db, app, after(30)), [ten, twenty]);
    assert_eq!(handled(db, app, after(tomorrow)), [late]);
}

fn one_that_failed_holds_up_its_key_until_it_is_done(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    for (key, delay) in [("x", 0), ("x", 5), ("y", 5), ("x", 0)] {
        send(db, app, keyed(key, delay));
    }
    let order = numbers(&all(db, app));
    let node = NodeId::new(NOW);
    let mut first = db
        .write(move |conn| outbox::claim(conn, &mail(app), node, Span::until(NOW), 1))
        .remove(0);
    assert_eq!(first.seq, order[0]);
    first.attempt = 1;
    let retry = Failed::Retry {
        delivery: first,
        due_at: after(60),
        keep: false,
    };
    settle(db, vec![], vec![retry]);
    // One is sent behind it; the other key goes on.
    send(db, app, keyed("x", 0));
    assert_eq!(handled(db, app, after(10)), [order[2]]);
    let late = numbers(&all(db, app))[3];
    assert_eq!(handled(db, app, after(60)), [order[0]], "alone");
    // By due time at first, then by sending.
    let rest = [order[3], late, order[1]];
    assert_eq!(little_by_little(db, app, NodeId::new(NOW), after(60)), rest);
}

fn changes_of_a_key_are_one_lane_for_each_trigger(db: &Db) {
    let any = r#"{"kind": "kv", "script": "b"}"#;
    let app = app_with(db, "shop", &[any]);
    for (key, value) in [("a", "0"), ("b", "0"), ("a", "1"), ("a", "2")] {
        change(db, app, put(key, json(value)));
    }
    change(db, app, KvOp::Delete("a".to_owned()));
    let (first, second) = (NodeId::new(NOW), NodeId::new(NOW));
    let line = all(db, app)[0].line();
    let of = line.clone();
    let one = db.write(move |conn| outbox::claim(conn, &of, first, Span::until(NOW), 1));
    // Another process gets the other key only, whatever was taken first.
    let others = db.write(move |conn| outbox::claim(conn, &line, second, Span::until(NOW), 10));
    let key = |of: &[outbox::Delivery]| -> Vec<Option<String>> {
        of.iter().map(|d| d.order_key.clone()).collect()
    };
    assert_eq!(key(&one), [Some("orders/a".to_owned())]);
    assert_eq!(key(&others), [Some("orders/b".to_owned())]);
    assert_eq!(all(db, app).len(), 5);
}

fn what_is_sent_later_does_not_pass_what_waits(db: &Db) {
    let other = r#"{"kind": "queue", "script": "a", "queue": "other"}"#;
    let app = app_with(db, "shop", &[CONSUMER, other]);
    let mut notices = sign_on(db);
    let handover = db.store.handover();
    let room = handover.room(&mail(app));
    for _ in 0..=room {
        send(db, app, message("1"));
    }
    let mut held = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        match notice {
            Notice::Held(delivery) => held.push(*delivery),
            other => assert!(
                matches!(other, Notice::Waiting { now: true, .. }),
                "{other:?}"
            ),
        }
    }
    assert_eq!(held.len(), room);
    let done = held.iter().map(|d| (d.seq, d.epoch)).collect();
    settle(db, done, vec![]);
    for delivery in &held {
        handover.release(&delivery.line());
    }
    send(db, app, message("2"));
    let later = notices.try_recv().unwrap();
    assert!(matches!(later, Notice::Waiting { .. }), "{later:?}");
    // Another queue of the app is behind nothing.
    let queue = "other".parse().unwrap();
    db.try_write(move |conn| enqueue(conn, sent(app, NOW), &queue, &message("3")))
        .unwrap();
    let of_other = std::iter::from_fn(|| notices.try_recv().ok());
    assert!(
        of_other
            .into_iter()
            .any(|notice| matches!(notice, Notice::Held(_)))
    );
    // Both are taken; then nothing waits any more.
    let turned_away = handover.claims(&mail(app));
    assert_eq!(claim(db, app, handover.node(), NOW).len(), 2);
    handover.claimed();
    handover.caught_up(&mail(app), turned_away);
    send(db, app, message("4"));
    let next = notices.try_recv().unwrap();
    assert!(matches!(next, Notice::Held(_)), "{next:?}");
}

on_both![
    a_message_that_is_not_due_holds_up_nobody_of_its_key,
    one_that_failed_holds_up_its_key_until_it_is_done,
    changes_of_a_key_are_one_lane_for_each_trigger,
    what_is_sent_later_does_not_pass_what_waits,
    an_app_that_goes_and_the_ends_of_its_events_do_not_block_each_other,
    a_claim_that_is_full_keeps_a_failed_one_before_those_behind_it,
    a_claim_leaves_out_what_was_gone_through_before,
];
