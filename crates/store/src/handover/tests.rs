//! What is handed over when nobody knows how a commit ended.

use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::EventId;
use shared::invocation::TriggerKind;

use super::*;
use crate::outbox::delivery::Delivery;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn delivery(app: AppId, seq: i64, key: Option<&str>) -> Notice {
    let event = EventId::new(NOW);
    Notice::Held(Box::new(Delivery {
        seq,
        epoch: 1,
        app,
        event,
        kind: TriggerKind::Queue,
        trigger: "queue/mail".to_owned(),
        script: None,
        handler: None,
        subject: "mail".to_owned(),
        order_key: key.map(str::to_owned),
        payload: bytes::Bytes::new(),
        cause: Cause::outside(event),
        created_at: NOW,
        due_at: NOW,
        order_at: NOW,
        attempt: 0,
        snoozes: 0,
        max_attempts: None,
        crashes: 0,
        suspect: false,
        history: "[]".to_owned(),
        held: true,
    }))
}

fn mail(app: AppId) -> Line {
    Line::new(app, "queue/mail")
}

#[test]
fn nothing_overtakes_a_write_in_doubt() {
    let node = NodeId::new(NOW);
    let handover = Handover::new(node, false, BacklogLimit::default());
    let mut notices = handover.open(HashMap::new(), true);
    let app = AppId::new(NOW);
    let line = mail(app);
    let room = handover.room(&line);
    for _ in 0..3 {
        assert_eq!(handover.hold(&line, true), Hold::By(node));
    }
    handover.publish(vec![delivery(app, 1, Some("x"))], None);
    let Ok(Notice::Unsure(first)) = notices.try_recv() else {
        panic!("the dispatcher is told");
    };
    assert!(handover.is_in_doubt());
    assert_eq!(
        handover.hold(&line, true),
        Hold::No,
        "it waits in the database"
    );
    // These were on their way. The first is behind the one in doubt, the second behind nothing.
    handover.publish(vec![delivery(app, 2, Some("x"))], Some(true));
    let Ok(Notice::Unsure(second)) = notices.try_recv() else {
        panic!("the dispatcher is told again");
    };
    handover.publish(vec![delivery(app, 3, None)], Some(true));
    assert!(matches!(notices.try_recv(), Ok(Notice::Held(d)) if d.seq == 3));
    assert_eq!(handover.room(&line), room - 1);
    handover.certain(first);
    // The look for the first may not have seen the second, which nothing may overtake either.
    assert_eq!(handover.hold(&line, true), Hold::No);
    handover.certain(second);
    assert_eq!(handover.hold(&line, true), Hold::By(node));
}

#[test]
fn nothing_overtakes_what_is_being_taken() {
    let node = NodeId::new(NOW);
    let handover = Handover::new(node, false, BacklogLimit::default());
    let _notices = handover.open(HashMap::new(), true);
    let app = AppId::new(NOW);
    let (line, other) = (mail(app), Line::new(app, "queue/other"));
    handover.claims(&line);
    assert_eq!(handover.hold(&line, true), Hold::No);
    assert_eq!(
        handover.hold(&line, false),
        Hold::By(node),
        "behind nothing"
    );
    assert_eq!(handover.hold(&other, true), Hold::By(node));
    handover.claimed();
    assert_eq!(handover.hold(&line, true), Hold::By(node));
}

#[test]
fn what_may_wait_is_looked_for() {
    let handover = Handover::new(NodeId::new(NOW), true, BacklogLimit::default());
    let mut notices = handover.open(HashMap::new(), true);
    let app = AppId::new(NOW);
    let waiting = || Notice::Waiting {
        line: mail(app),
        due_at: NOW,
        now: true,
        bytes: 0,
    };
    handover.publish(vec![waiting()], Some(false));
    assert!(notices.try_recv().is_err());
    handover.publish(vec![waiting()], None);
    assert!(matches!(notices.try_recv(), Ok(Notice::Waiting { .. })));
    assert!(!handover.is_in_doubt(), "this process holds nothing of it");
    assert_eq!(handover.backlog(app).rows, 0);
}
