//! The outbox: holding, claiming, fencing, order, schedules, dead letters.

use std::collections::{BTreeSet, HashMap};

use shared::clock::Timestamp;
use shared::event::{Cause, Destination, Effect, Message, ReadKey};
use shared::id::{AppId, EventId, ExecutionId, NodeId};
use shared::kv::{KvCall, KvCondition, KvOp};
use shared::name::QueueName;
use shared::release::Snapshot;
use shared::trigger::TriggerSpec;
use store::dead_letters::{self, DeadLetter};
use store::effects;
use store::handover::Notice;
use store::outbox::{self, Delivery, Emitted, Failed, Line, OutboxError, Sent, Span};
use store::{Conn, Room, StoreError, triggers};

use crate::kv::{json, put};
use crate::releases::{deploy, snapshot};
use crate::support::{Db, NOW, after, on_both};

on_both![
    a_new_delivery_is_held_and_handed_over_after_its_commit,
    nothing_is_handed_over_when_the_transaction_fails,
    what_another_process_took_over_cannot_be_settled_by_the_first,
    claims_take_what_is_due_in_order_and_once,
    a_key_is_handled_in_order_across_processes,
    an_idempotency_key_makes_one_event_and_ends_after_a_day,
    a_changed_key_tells_its_triggers_in_the_same_transaction,
    a_transaction_sees_conflicts_and_applies_nothing_then,
    loops_end,
    a_dead_letter_is_told_replayed_and_discarded,
    what_is_given_up_takes_its_key_along,
    messages_wait_for_a_consumer,
    crashes_are_counted_for_what_had_begun,
    lost_sight_of_is_found_under_a_new_epoch,
];

fn trigger(text: &str) -> TriggerSpec {
    serde_json::from_str(text).unwrap()
}

/// An app with scripts `a` and `b` and these triggers.
pub(crate) fn app_with(db: &Db, slug: &str, specs: &[&str]) -> AppId {
    let app = db.app(slug).id;
    deploy(db, app, None, &with(specs));
    app
}

pub(crate) fn with(specs: &[&str]) -> (Snapshot, Vec<String>) {
    let mut all = snapshot(&[("a", "1"), ("b", "1")], &[]);
    all.0.triggers = specs.iter().map(|text| trigger(text)).collect();
    all
}

pub(crate) const CONSUMER: &str = r#"{"kind": "queue", "script": "a", "queue": "mail"}"#;

/// The line of that consumer.
pub(crate) fn mail(app: AppId) -> Line {
    Line::new(app, "queue/mail")
}

/// Puts a message into a queue.
pub(crate) fn enqueue(
    conn: &mut dyn Conn,
    sent: Sent,
    queue: &QueueName,
    message: &Message,
) -> Result<Emitted, OutboxError> {
    let to = Destination::Queue(queue.clone());
    outbox::emit(conn, &outbox::message(sent, &to, message)?)
}

pub(crate) fn sent(app: AppId, now: Timestamp) -> Sent {
    let execution = ExecutionId::new(now);
    Sent {
        app,
        cause: Cause::first(execution),
        execution,
        now,
    }
}

pub(crate) fn message(body: &str) -> Message {
    Message {
        id: EventId::new(NOW),
        body: body.as_bytes().to_vec().into(),
        key: None,
        delay_ms: 0,
        idempotency_key: None,
        unique_for_ms: None,
        attempts: None,
    }
}

pub(crate) fn send(db: &Db, app: AppId, message: Message) -> EventId {
    let queue = "mail".parse().unwrap();
    let write = db.try_write(move |conn| enqueue(conn, sent(app, NOW), &queue, &message));
    write.unwrap().id()
}

pub(crate) fn all(db: &Db, app: AppId) -> Vec<Delivery> {
    let every = outbox::Pending {
        after: 0,
        up_to: i64::MAX,
        limit: 1_000,
        filter: outbox::Filter::default(),
        now: NOW,
    };
    let mut all = db.read(move |conn| outbox::list(conn, app, &every));
    // Lists leave the payloads out.
    let payloads = db.rows("SELECT seq, payload FROM deliveries");
    for row in payloads {
        let seq = row.int("seq").unwrap();
        if let Some(delivery) = all.iter_mut().find(|d| d.seq == seq) {
            delivery.payload = row.blob("payload").unwrap().to_vec().into();
        }
    }
    all
}

pub(crate) fn claim(db: &Db, app: AppId, node: NodeId, now: Timestamp) -> Vec<Delivery> {
    let lines = db.read(outbox::lines).into_iter().map(|due| due.line);
    let lines: Vec<Line> = lines.filter(|line| line.app == app).collect();
    let taken = lines.into_iter().flat_map(|line| {
        db.write(move |conn| outbox::claim(conn, &line, node, Span::until(now), 100))
    });
    let mut taken: Vec<Delivery> = taken.collect();
    taken.sort_by_key(|delivery| (delivery.due_at, delivery.seq));
    taken
}

pub(crate) fn settle(db: &Db, done: Vec<(i64, i64)>, failed: Vec<Failed>) -> u64 {
    let stale = db.write(move |conn| outbox::settle(conn, &done, &failed, NOW));
    stale.done + stale.failed.len() as u64
}

/// Makes this process one that holds what it writes.
pub(crate) fn sign_on(db: &Db) -> tokio::sync::mpsc::UnboundedReceiver<Notice> {
    let (node, place) = (db.store.handover().node(), db.store.place());
    db.write(move |conn| outbox::renew_lease(conn, node, place));
    db.store.handover().renewed(store::Steady::now());
    db.store.handover().open(HashMap::new(), true)
}

fn a_new_delivery_is_held_and_handed_over_after_its_commit(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    send(db, app, message("0"));
    assert_eq!(
        claim(db, app, NodeId::new(NOW), NOW).len(),
        1,
        "nobody held it"
    );

    let mut notices = sign_on(db);
    let event = send(db, app, message(r#"{"n": 1}"#));
    let Notice::Held(delivery) = notices.try_recv().unwrap() else {
        panic!("it is not held");
    };
    assert_eq!(
        (delivery.event, delivery.epoch, delivery.attempt),
        (event, 1, 0)
    );
    assert_eq!(
        delivery.payload,
        r#"{"name":"mail","message":{"n": 1},"key":null}"#.as_bytes()
    );
    assert!(
        claim(db, app, NodeId::new(NOW), NOW).is_empty(),
        "it is held"
    );
    assert_eq!(settle(db, vec![(delivery.seq, delivery.epoch)], vec![]), 0);
    assert_eq!(all(db, app).len(), 1, "only the first is left");
    // Later ones wait in the database.
    let late = Message {
        delay_ms: 5_000,
        ..message("2")
    };
    send(db, app, late);
    let waits = notices.try_recv().unwrap();
    assert!(
        matches!(waits, Notice::Waiting { due_at, .. } if due_at == after(5)),
        "{waits:?}"
    );
}

fn nothing_is_handed_over_when_the_transaction_fails(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let mut notices = sign_on(db);
    let room = db.store.handover().room(&mail(app));
    let failed = db.try_write(move |conn| {
        let queue = "mail".parse().unwrap();
        enqueue(conn, sent(app, NOW), &queue, &message("1"))?;
        Err::<(), _>(OutboxError::Full)
    });
    assert!(failed.is_err());
    assert!(notices.try_recv().is_err());
    assert_eq!(all(db, app), []);
    assert_eq!(
        db.store.handover().room(&mail(app)),
        room,
        "its place is free again"
    );
}

fn what_another_process_took_over_cannot_be_settled_by_the_first(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    send(db, app, message("1"));
    let (first, second) = (NodeId::new(NOW), NodeId::new(NOW));
    let mine = claim(db, app, first, NOW).remove(0);
    db.write(move |conn| outbox::take_over(conn, first, 10));
    let theirs = claim(db, app, second, NOW).remove(0);
    assert_eq!(theirs.seq, mine.seq);
    assert!(theirs.epoch > mine.epoch && theirs.suspect);

    let retry = Failed::Retry {
        delivery: mine.clone(),
        due_at: after(60),
        keep: false,
    };
    let dead = Failed::Dead(
        Box::new(DeadLetter::of(&mine, "{}".to_owned(), NOW)),
        mine.clone(),
    );
    let back = Failed::Back {
        delivery: mine.clone(),
        due_at: after(1),
    };
    assert_eq!(settle(db, vec![(mine.seq, mine.epoch)], vec![]), 1);
    let early = Failed::Back {
        delivery: mine.clone(),
        due_at: mine.due_at,
    };
    for end in [retry, dead, back, early] {
        assert_eq!(
            settle(db, vec![], vec![end]),
            1,
            "every way to end it is fenced"
        );
    }
    assert_eq!(all(db, app).remove(0), theirs);
    assert!(
        db.read(move |conn| dead_letters::list(conn, app, 10, &mut Room::of(u64::MAX)))
            .is_empty()
    );
    assert_eq!(settle(db, vec![(theirs.seq, theirs.epoch)], vec![]), 0);
    assert!(all(db, app).is_empty());
}

fn claims_take_what_is_due_in_order_and_once(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let other = app_with(db, "blog", &[CONSUMER]);
    for delay_ms in [0, 2_000, 1_000, 0] {
        send(
            db,
            app,
            Message {
                delay_ms,
                ..message("1")
            },
        );
    }
    send(db, other, message("1"));
    let first = claim(db, app, NodeId::new(NOW), after(1));
    assert_eq!(first.len(), 3, "and nothing of the other app");
    assert!(
        first
            .windows(2)
            .all(|w| (w[0].due_at, w[0].seq) < (w[1].due_at, w[1].seq))
    );
    assert!(claim(db, app, NodeId::new(NOW), after(1)).is_empty());
    let next = db.read(move |conn| outbox::due(conn, &mail(app), after(1)));
    assert_eq!(next, Some(after(2)));
    assert!(!db.read(move |conn| outbox::overdue(conn, &mail(app), Span::until(after(1)))));
    let lines = db.read(outbox::lines);
    assert_eq!(lines.len(), 2);
}

fn a_key_is_handled_in_order_across_processes(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let keyed = |key: &str| Message {
        key: Some(key.to_owned()),
        ..message("1")
    };
    for key in ["x", "x", "y", "x"] {
        send(db, app, keyed(key));
    }
    let (first, second) = (NodeId::new(NOW), NodeId::new(NOW));
    let one = db
        .write(move |conn| outbox::claim(conn, &mail(app), first, Span::until(NOW), 1))
        .remove(0);
    let others = claim(db, app, second, NOW);
    let keys: Vec<_> = others.iter().map(|d| d.order_key.as_deref()).collect();
    assert_eq!(
        keys,
        [Some("y")],
        "the others are behind one in other hands"
    );
    assert!(db.read(move |conn| outbox::overdue(conn, &mail(app), Span::until(NOW))));
    // It fails and is tried again later: the ones behind it wait with it.
    let retry = Failed::Retry {
        delivery: one,
        due_at: after(60),
        keep: false,
    };
    assert_eq!(settle(db, vec![], vec![retry]), 0);
    assert!(claim(db, app, second, after(1)).is_empty());
    // When its time has come it goes first, although they have been due for longer.
    let retried = claim(db, app, second, after(60));
    assert_eq!(numbers(&retried), [numbers(&all(db, app))[0]]);
    let rest = claim(db, app, second, after(60));
    assert_eq!(numbers(&rest).len(), 2);
    assert!(numbers(&rest).is_sorted());
    assert!(numbers(&rest)[0] > retried[0].seq);
}

pub(crate) fn numbers(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|d| d.seq).collect()
}

fn an_idempotency_key_makes_one_event_and_ends_after_a_day(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let other = app_with(db, "blog", &[CONSUMER]);
    let once = || Message {
        idempotency_key: Some("order-7".to_owned()),
        ..message("1")
    };
    let first = send(db, app, once());
    assert_eq!(send(db, app, once()), first);
    assert_ne!(
        send(db, other, once()),
        first,
        "another app's key is another"
    );
    assert_eq!(all(db, app).len(), 1);
    let queue = "mail".parse().unwrap();
    let tomorrow = after(24 * 60 * 60);
    let again = db.try_write(move |conn| enqueue(conn, sent(app, tomorrow), &queue, &once()));
    assert_ne!(again.unwrap().id(), first);
    assert_eq!(all(db, app).len(), 2);
}

pub(crate) fn change(db: &Db, app: AppId, op: KvOp) -> shared::kv::KvReply {
    let call = KvCall {
        collection: "orders".parse().unwrap(),
        op,
    };
    let write = db.try_write(move |conn| effects::change(conn, sent(app, NOW), &call));
    write.unwrap()
}

fn a_changed_key_tells_its_triggers_in_the_same_transaction(db: &Db) {
    let app = app_with(
        db,
        "shop",
        &[
            r#"{"kind": "kv", "script": "a", "collection": "orders", "prefix": "eu/"}"#,
            r#"{"kind": "kv", "script": "b"}"#,
        ],
    );
    change(db, app, put("us/1", json("1")));
    change(db, app, put("eu/1", json("2")));
    change(db, app, put("eu/1", json("3")));
    change(db, app, KvOp::Delete("eu/1".to_owned()));
    change(db, app, KvOp::Delete("eu/1".to_owned()));
    let refused = KvOp::Set {
        key: "us/1".to_owned(),
        value: json("9"),
        ttl_ms: None,
        condition: KvCondition::IfAbsent,
    };
    change(db, app, refused);
    let told = |script: &str| -> Vec<serde_json::Value> {
        let all = all(db, app);
        let of = all.iter().filter(|d| d.script.as_deref() == Some(script));
        of.map(|d| serde_json::from_slice(&d.payload).unwrap())
            .collect()
    };
    let of_a = told("a");
    assert_eq!(of_a.len(), 3);
    assert_eq!(of_a[1]["op"], "set");
    assert_eq!((&of_a[1]["old"], &of_a[1]["value"]), (&2.into(), &3.into()));
    assert_eq!(of_a[2]["op"], "delete");
    assert_eq!(told("b").len(), 4, "no change, no event");
}

fn a_transaction_sees_conflicts_and_applies_nothing_then(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    change(db, app, put("n", json("1")));
    let read = |version| ReadKey {
        collection: "orders".parse().unwrap(),
        key: "n".to_owned(),
        version,
    };
    let apply = |reads: Vec<ReadKey>| {
        let effects = vec![
            Effect::Kv(KvCall {
                collection: "orders".parse().unwrap(),
                op: put("n", json("2")),
            }),
            Effect::Send("mail".parse().unwrap(), message("1")),
        ];
        let applied = db.try_write(move |conn| -> Result<_, effects::EffectError> {
            let done = effects::commit(conn, sent(app, NOW), &reads, &effects)?;
            let conflict = || StoreError::Unavailable("conflict".to_owned()).into();
            done.then_some(()).ok_or_else(conflict)
        });
        applied.is_ok()
    };
    assert!(!apply(vec![read(None)]), "it is there");
    assert!(!apply(vec![read(Some(-1))]), "with another version");
    assert!(all(db, app).is_empty());
    let key = db
        .read(move |conn| store::kv::get(conn, app, NOW, "orders", "n"))
        .unwrap();
    assert_eq!(key.value, json("1"));
    assert!(apply(vec![read(Some(key.version))]));
    assert_eq!(all(db, app).len(), 1);
    assert!(
        !apply(vec![read(Some(key.version))]),
        "it has changed meanwhile"
    );
}

fn loops_end(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let sent_at = move |depth| Sent {
        cause: Cause {
            depth,
            ..Cause::first(ExecutionId::new(NOW))
        },
        ..sent(app, NOW)
    };
    let send_at = |depth| {
        let queue = "mail".parse().unwrap();
        db.try_write(move |conn| enqueue(conn, sent_at(depth), &queue, &message("1")))
    };
    assert!(send_at(shared::event::limits::DEPTH - 1).is_ok());
    assert!(matches!(
        send_at(shared::event::limits::DEPTH),
        Err(OutboxError::TooDeep(_))
    ));
}

fn a_dead_letter_is_told_replayed_and_discarded(db: &Db) {
    let told = r#"{"kind": "dead_letter", "script": "b"}"#;
    let app = app_with(db, "shop", &[CONSUMER, told]);
    let event = send(db, app, message("1"));
    let die = |delivery: Delivery| {
        let error = r#"{"kind":"thrown","message":"no"}"#.to_owned();
        let dead = Box::new(DeadLetter::of(&delivery, error, NOW));
        settle(db, vec![], vec![Failed::Dead(dead, delivery)])
    };
    let delivery = claim(db, app, NodeId::new(NOW), NOW).remove(0);
    assert_eq!(die(delivery), 0);
    let handler = all(db, app).remove(0);
    assert_eq!(handler.kind, shared::invocation::TriggerKind::DeadLetter);
    let fields: serde_json::Value = serde_json::from_slice(&handler.payload).unwrap();
    assert_eq!(fields["event"]["id"], event.to_string());
    assert_eq!(fields["error"]["message"], "no");
    // Its own failure is a dead letter and no event.
    let claimed = claim(db, app, NodeId::new(NOW), NOW).remove(0);
    assert_eq!(die(claimed), 0);
    assert!(all(db, app).is_empty());

    let letters = db.read(move |conn| dead_letters::list(conn, app, 10, &mut Room::of(u64::MAX)));
    assert_eq!(letters.len(), 2);
    let small = db.try_read(move |conn| dead_letters::list(conn, app, 10, &mut Room::of(500)));
    assert!(matches!(small, Err(StoreError::NoRoom)), "{small:?}");
    let first = letters.iter().find(|d| d.event == event).unwrap().id;
    let replay = |payload: Option<&'static [u8]>| {
        db.write(move |conn| dead_letters::replay(conn, app, first, payload, NOW))
    };
    assert!(replay(Some(br#"{"name":"mail","message":2,"key":null}"#)));
    assert!(!replay(None), "it is not there any more");
    let again = all(db, app).remove(0);
    assert_eq!((again.event, again.attempt), (event, 0));
    assert!(again.payload.ends_with(br#""message":2,"key":null}"#));
    let other = letters.iter().find(|d| d.event != event).unwrap().id;
    let foreign = db.app("blog").id;
    assert!(!db.write(move |conn| dead_letters::discard(conn, foreign, other)));
    assert!(db.write(move |conn| dead_letters::discard(conn, app, other)));
    assert_eq!(
        db.write(move |conn| dead_letters::purge(conn, app, None, 10)),
        0
    );
}

fn what_is_given_up_takes_its_key_along(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let once = || Message {
        idempotency_key: Some("delivery-1".to_owned()),
        ..message("1")
    };
    let die = |delivery: Delivery| {
        let error = r#"{"kind":"thrown","message":"no"}"#.to_owned();
        let dead = Box::new(DeadLetter::of(&delivery, error, NOW));
        settle(db, vec![], vec![Failed::Dead(dead, delivery)]);
    };
    let letters =
        || db.read(move |conn| dead_letters::list(conn, app, 10, &mut Room::of(u64::MAX)));
    let first = send(db, app, once());
    die(claim(db, app, NodeId::new(NOW), NOW).remove(0));
    let id = letters().remove(0).id;
    assert!(db.write(move |conn| dead_letters::discard(conn, app, id)));
    let second = send(db, app, once());
    assert_ne!(second, first, "the first was given up");
    assert_eq!(send(db, app, once()), second);
    die(claim(db, app, NodeId::new(NOW), NOW).remove(0));
    assert_eq!(
        db.write(move |conn| dead_letters::purge(conn, app, None, 10)),
        1
    );
    assert_ne!(send(db, app, once()), second, "the second too");
}

fn messages_wait_for_a_consumer(db: &Db) {
    let app = app_with(db, "shop", &[]);
    send(db, app, message("1"));
    let late = Message {
        delay_ms: 1_000,
        ..message("2")
    };
    send(db, app, late);
    let node = NodeId::new(NOW);
    // The one with a delay is looked at when its time has come.
    let delivery = claim(db, app, node, after(2)).remove(0);
    let parked = Failed::Back {
        delivery,
        due_at: triggers::PARKED,
    };
    settle(db, vec![], vec![parked]);
    assert!(claim(db, app, node, after(1_000_000)).is_empty());
    assert_eq!(db.read(move |conn| outbox::depth(conn, app, "mail")), 2);
    deploy(db, app, Some(1), &with(&[CONSUMER]));
    assert_eq!(claim(db, app, node, after(10)).len(), 2);
}

fn crashes_are_counted_for_what_had_begun(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    send(db, app, message("1"));
    send(db, app, message("2"));
    let dead = NodeId::new(NOW);
    let begun = claim(db, app, dead, NOW).remove(0);
    let (seq, epoch) = (begun.seq, begun.epoch);
    let mark = |node: NodeId, epoch: i64| {
        db.write(move |conn| outbox::mark_started(conn, node, seq, epoch))
    };
    assert!(!mark(NodeId::new(NOW), epoch), "in other hands");
    assert!(!mark(dead, epoch + 1));
    assert!(mark(dead, epoch));
    assert_eq!(db.write(move |conn| outbox::take_over(conn, dead, 10)), 2);
    let again = claim(db, app, NodeId::new(NOW), NOW);
    assert!(again.iter().all(|d| d.suspect));
    let crashes: Vec<_> = again.iter().map(|d| (d.seq == seq, d.crashes)).collect();
    assert!(crashes.contains(&(true, 1)) && crashes.contains(&(false, 0)));
}

fn lost_sight_of_is_found_under_a_new_epoch(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    for _ in 0..3 {
        send(db, app, message("1"));
    }
    let node = NodeId::new(NOW);
    let mine = claim(db, app, node, NOW);
    let known = BTreeSet::from([mine[0].seq]);
    let look = |before| {
        let known = known.clone();
        db.write(move |conn| outbox::look_up(conn, node, &known, before))
    };
    assert_eq!(look(NOW).len(), 1, "the others may be on their way");
    let held = look(after(10));
    assert_eq!(held.len(), 3);
    for delivery in &held {
        let before = mine.iter().find(|d| d.seq == delivery.seq).unwrap();
        let known = known.contains(&delivery.seq);
        assert_eq!(delivery.epoch, before.epoch + i64::from(!known));
    }
}
