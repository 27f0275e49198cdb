//! The order of events with the same key when the process that held them ends.

use shared::event::Message;
use shared::id::NodeId;
use store::outbox::{self, Failed};

use crate::events::{CONSUMER, all, app_with, claim, message, numbers, send, sent, settle};
use crate::support::{Db, NOW, after, on_both};

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
    let written = db.try_write(move |conn| outbox::send(conn, sent(app, after(2)), &queue, &late));
    written.unwrap();
    let order = numbers(&all(db, app));
    // The process ends; another takes what was its, little by little.
    db.write(move |conn| outbox::take_over(conn, gone, 100));
    let heir = NodeId::new(NOW);
    let mut taken = Vec::new();
    for _ in 0..order.len() {
        let some = db.write(move |conn| outbox::claim(conn, app, heir, after(3), 2));
        taken.extend(numbers(&some));
    }
    assert_eq!(taken, order);
}

on_both!(a_claim_that_is_full_keeps_a_failed_one_before_those_behind_it);
