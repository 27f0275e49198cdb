//! The order of events with the same key when the process that held them ends.

use shared::clock::Timestamp;
use shared::event::Message;
use shared::id::{AppId, NodeId};
use store::outbox::{self, Failed, OutboxError, Span};

use crate::events::{
    CONSUMER, all, app_with, claim, enqueue, message, numbers, send, sent, settle,
};
use crate::support::{Db, NOW, after, block_on, on_both};

/// Takes an app's deliveries two at a time, as a dispatcher does: each claim goes on where the one
/// before has ended, and what was left is looked for at the end.
fn little_by_little(db: &Db, app: AppId, node: NodeId, to: Timestamp) -> Vec<i64> {
    let (mut taken, mut span) = (Vec::new(), Span::until(to));
    loop {
        let some = db.write(move |conn| outbox::claim(conn, app, node, span, 2));
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
    let taken = db.write(move |conn| outbox::claim(conn, app, node, span(2, 2), 10));
    assert_eq!(numbers(&taken), order[1..2]);
    assert!(!db.read(move |conn| outbox::overdue(conn, app, span(2, 2))));
    assert!(db.read(move |conn| outbox::overdue(conn, app, span(1, 2))));
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
        let held =
            db.write(move |conn| outbox::claim(conn, app, NodeId::new(NOW), Span::until(NOW), 300));
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

on_both![
    an_app_that_goes_and_the_ends_of_its_events_do_not_block_each_other,
    a_claim_that_is_full_keeps_a_failed_one_before_those_behind_it,
    a_claim_leaves_out_what_was_gone_through_before,
];
