//! Turns between apps, and where the next claim starts.

use std::time::Duration;

use bytes::Bytes;
use shared::event::Cause;
use shared::id::{EventId, ExecutionId};
use shared::invocation::TriggerKind;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn app(at: u8) -> AppId {
    AppId::from_bytes([at; 16])
}

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// The only line of an app.
fn line(of: u8) -> Line {
    Line::new(app(of), "queue/q")
}

fn due(due_at: Timestamp) -> Delivery {
    Delivery {
        seq: 1,
        epoch: 1,
        app: app(1),
        event: EventId::new(NOW),
        kind: TriggerKind::Queue,
        trigger: "queue/q".to_owned(),
        script: None,
        handler: None,
        subject: "q".to_owned(),
        order_key: None,
        payload: Bytes::new(),
        cause: Cause::first(ExecutionId::new(NOW)),
        created_at: due_at,
        due_at,
        order_at: due_at,
        attempt: 0,
        snoozes: 0,
        max_attempts: None,
        crashes: 0,
        suspect: false,
        history: "[]".to_owned(),
        held: true,
    }
}

/// As many as were wanted; the last was due then.
fn full(last: Timestamp) -> Taken {
    Taken {
        deliveries: vec![due(last)],
        more: true,
        next: None,
        left: false,
    }
}

/// Nothing more; `left`: some are behind others.
fn rest(left: bool) -> Taken {
    Taken {
        deliveries: Vec::new(),
        more: false,
        next: None,
        left,
    }
}

fn begin(waiting: &mut Waiting) -> (Line, Next) {
    waiting.begin(at(100), &|_| true).unwrap()
}

#[test]
fn an_app_with_a_long_queue_does_not_keep_others_waiting() {
    let mut waiting = Waiting::default();
    for n in 1..=4 {
        waiting.expect(line(n), at(0));
    }
    let mut turns = Vec::new();
    for _ in 0..4 {
        let (which, next) = begin(&mut waiting);
        turns.push(which.app);
        waiting.end((which, next), &full(at(1)), at(100), false);
    }
    turns.sort_by_key(|app| *app.as_bytes());
    assert_eq!(turns, [1, 2, 3, 4].map(app), "each once, whatever waits");
    // One that was not there yet is next, though the others have been due for longer.
    waiting.expect(line(5), at(50));
    assert_eq!(begin(&mut waiting).0, line(5));
}

#[test]
fn an_apps_long_line_does_not_keep_its_others_waiting() {
    let mut waiting = Waiting::default();
    let of = |app: u8, queue: &str| Line::new(self::app(app), format!("queue/{queue}"));
    for line in [of(1, "a"), of(1, "b"), of(1, "c"), of(2, "a")] {
        waiting.expect(line, at(0));
    }
    let mut turns = Vec::new();
    for _ in 0..6 {
        let (which, next) = begin(&mut waiting);
        turns.push(which.clone());
        waiting.end((which, next), &full(at(1)), at(100), false);
    }
    let of_first = |line: &&Line| line.app == app(1);
    assert_eq!(turns.iter().filter(of_first).count(), 3, "apps take turns");
    turns.retain(|line| line.app == app(1));
    turns.sort();
    turns.dedup();
    assert_eq!(turns.len(), 3, "and so do the lines of an app");
}

#[test]
fn a_line_that_is_paused_is_left_out() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(0));
    waiting.pauses.set(line(1), true);
    assert_eq!(waiting.begin(at(100), &|_| true), None);
    assert!(!waiting.wants(at(100)), "and is no reason to stay awake");
    assert_eq!(waiting.first_due(), None);
    waiting.pauses.set(line(1), false);
    waiting.pauses.resume(|_| false);
    assert_eq!(begin(&mut waiting).0, line(1));
}

#[test]
fn an_app_without_room_is_left_out() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(0));
    assert_eq!(waiting.begin(at(100), &|_| false), None);
    assert_eq!(
        waiting.begin(NOW.minus(Duration::from_secs(1)), &|_| true),
        None
    );
    assert_eq!(begin(&mut waiting).0, line(1));
}

#[test]
fn a_claim_goes_on_where_the_last_one_ended() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(1));
    let first = begin(&mut waiting);
    assert_eq!(first.1.from, at(1));
    waiting.end(first, &full(at(5)), at(100), false);
    let second = begin(&mut waiting);
    assert_eq!((second.1.from, second.1.start()), (at(5), at(1)));
    waiting.end(second, &rest(false), at(100), false);
    assert!(!waiting.wants(at(100)), "nothing was left");
    // One that came back is looked for where it is.
    waiting.expect(line(1), at(3));
    assert_eq!(begin(&mut waiting).1.from, at(3));
}

#[test]
fn what_was_left_behind_others_is_seen_again() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(1));
    let first = begin(&mut waiting);
    waiting.end(first, &full(at(5)), at(100), false);
    let second = begin(&mut waiting);
    waiting.end(second, &rest(true), at(100), false);
    let third = begin(&mut waiting);
    assert_eq!(third.1.from, at(1), "it may have become free meanwhile");
    waiting.end(third, &rest(true), at(100), false);
    assert!(!waiting.wants(at(100)), "it has not");
    waiting.lane_free(line(1), at(100));
    assert_eq!(begin(&mut waiting).1.from, at(1));
}

#[test]
fn a_later_one_does_not_hide_what_was_left() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(1));
    let first = begin(&mut waiting);
    waiting.end(first, &rest(true), at(100), false);
    waiting.expect(line(1), at(50));
    assert_eq!(begin(&mut waiting).1.from, at(1));
}

#[test]
fn a_deploy_may_have_made_old_messages_due() {
    let mut waiting = Waiting::default();
    waiting.expect(line(1), at(1));
    waiting.expect_any(line(1), at(50));
    let (_, next) = begin(&mut waiting);
    assert_eq!((next.at, next.from), (at(1), Timestamp(i64::MIN)));
}

#[test]
fn looking_at_everything_is_not_done_again_at_once() {
    let mut waiting = Waiting::default();
    waiting.look();
    assert!(waiting.begins_look(NOW));
    assert!(!waiting.begins_look(NOW), "it was done");
    waiting.look_after = Some(at(1));
    waiting.look();
    assert!(!waiting.begins_look(NOW));
    assert!(waiting.begins_look(at(1)), "it is not forgotten");
}
