//! Messages that are sent again after they were given up, and those nobody could ever handle.

use shared::event::{Destination, Effect, Message};
use shared::id::{EventId, NodeId};
use store::dead_letters::DeadLetter;
use store::effects;
use store::outbox::{self, Failed};

use crate::events::{CONSUMER, all, app_with, claim, enqueue, message, send, sent, settle};
use crate::support::{Db, NOW, after, on_both};

fn what_was_given_up_is_tried_again_when_it_is_sent_again(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let once = |body: &str| Message {
        idempotency_key: Some("order-7".to_owned()),
        unique_for_ms: Some(60_000),
        ..message(body)
    };
    let die = |db: &Db| {
        let delivery = claim(db, app, NodeId::new(NOW), NOW).remove(0);
        let dead = Box::new(DeadLetter::of(&delivery, "{}".to_owned(), NOW));
        assert_eq!(settle(db, vec![], vec![Failed::Dead(dead, delivery)]), 0);
    };
    let before = |db: &Db| {
        let to = Destination::Queue("mail".parse().unwrap());
        let found = db.read(move |conn| outbox::sent_before(conn, app, &to, "order-7", NOW));
        found.map(|before| (before.event, before.died))
    };
    let first = send(db, app, once("1"));
    assert_eq!(before(db), Some((first, false)));
    die(db);
    assert_eq!(before(db), Some((first, true)));
    // It is the same event, with what is sent now.
    assert_eq!(send(db, app, once("2")), first);
    let again = all(db, app).remove(0);
    assert_eq!((again.event, again.attempt), (first, 0));
    assert!(again.payload.starts_with(br#"{"name":"mail","message":2,"#));
    assert_eq!(before(db), Some((first, false)), "no dead letter is left");
    assert_eq!(send(db, app, once("3")), first);
    assert_eq!(all(db, app).len(), 1, "while it waits, it is sent once");
    // In a transaction, as the event the script was told of.
    die(db);
    let commit = |id: EventId| {
        let message = Message { id, ..once("4") };
        let effects = vec![Effect::Send("mail".parse().unwrap(), message)];
        db.try_write(move |conn| effects::commit(conn, sent(app, NOW), &[], &effects))
            .unwrap()
    };
    assert!(!commit(EventId::new(NOW)), "the script knows another event");
    assert!(commit(first));
    assert_eq!(all(db, app).len(), 1);
    assert!(commit(first), "it waits already");
    assert_eq!(all(db, app).len(), 1);
    // What was handled is not.
    let delivery = claim(db, app, NodeId::new(NOW), NOW).remove(0);
    settle(db, vec![(delivery.seq, delivery.epoch)], vec![]);
    assert_eq!(send(db, app, once("5")), first);
    assert!(all(db, app).is_empty());
    // The key counts for as long as was said.
    let queue = "mail".parse().unwrap();
    let later = once("6");
    let new = db.try_write(move |conn| enqueue(conn, sent(app, after(60)), &queue, &later));
    assert_ne!(new.unwrap().id(), first);
}

fn a_script_that_is_not_there_is_not_run_later(db: &Db) {
    let app = app_with(db, "shop", &[]);
    let later = |script: &str| {
        let to = Destination::Script(script.parse().unwrap());
        db.try_write(move |conn| effects::send(conn, sent(app, NOW), &to, &[message("1")]))
    };
    assert!(later("b").is_ok());
    let refused = later("c").unwrap_err().to_string();
    assert!(refused.contains("no script `c`"), "{refused}");
    let effect = Effect::Invoke("c".parse().unwrap(), message("1"));
    let refused = db.try_write(move |conn| effects::commit(conn, sent(app, NOW), &[], &[effect]));
    assert!(refused.is_err());
    assert_eq!(all(db, app).len(), 1);
}

on_both![
    what_was_given_up_is_tried_again_when_it_is_sent_again,
    a_script_that_is_not_there_is_not_run_later,
];
