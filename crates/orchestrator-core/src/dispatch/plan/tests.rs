//! Turns, shares, lanes and suspects.

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

fn delivery(seq: i64, of: u8, key: Option<&str>) -> Delivery {
    Delivery {
        seq,
        epoch: 1,
        app: app(of),
        event: EventId::new(NOW),
        kind: TriggerKind::Queue,
        trigger: "queue/q".to_owned(),
        script: None,
        handler: None,
        subject: "q".to_owned(),
        order_key: key.map(str::to_owned),
        payload: Bytes::new(),
        cause: Cause::first(ExecutionId::new(NOW)),
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
    }
}

/// As many of a trigger as there are places.
fn free(_: AppId, _: &str) -> u32 {
    u32::MAX
}

/// Starts all that may start; their numbers.
fn start(plan: &mut Plan, places: u32) -> Vec<Delivery> {
    std::iter::from_fn(|| plan.next(places, &free)).collect()
}

fn seqs(started: &[Delivery]) -> Vec<i64> {
    started.iter().map(|d| d.seq).collect()
}

fn finish(plan: &mut Plan, delivery: &Delivery) {
    plan.ended(delivery);
    plan.leave(delivery, NOW);
}

#[test]
fn apps_take_turns_and_none_holds_all_places() {
    let mut plan = Plan::default();
    for seq in 0..100 {
        plan.add(delivery(seq, 1, None), NOW);
    }
    let flood = start(&mut plan, 10);
    assert_eq!(flood.len(), 5, "an app alone leaves room for the next");
    for seq in 100..103 {
        plan.add(delivery(seq, 2, None), NOW);
    }
    let modest = start(&mut plan, 10);
    assert_eq!(
        seqs(&modest),
        [100, 101, 102],
        "it does not wait for the flood"
    );
    for done in &flood {
        finish(&mut plan, done);
    }
    for done in &modest {
        finish(&mut plan, done);
    }
    plan.add(delivery(103, 2, None), NOW);
    plan.add(delivery(104, 2, None), NOW);
    let next = start(&mut plan, 10);
    let of: Vec<u8> = next.iter().map(|d| d.app.as_bytes()[0]).collect();
    assert_eq!(of, [1, 2, 1, 2, 1], "turn by turn, then up to its share");
}

#[test]
fn a_trigger_runs_as_many_as_it_may() {
    let mut plan = Plan::default();
    for seq in 0..10 {
        plan.add(delivery(seq, 1, None), NOW);
    }
    let other = Delivery {
        trigger: "queue/other".to_owned(),
        ..delivery(10, 1, None)
    };
    plan.add(other, NOW);
    let two = |_: AppId, trigger: &str| if trigger == "queue/q" { 2 } else { 9 };
    let started: Vec<_> = std::iter::from_fn(|| plan.next(100, &two)).collect();
    assert_eq!(seqs(&started), [0, 10, 1]);
    finish(&mut plan, &started[0]);
    assert_eq!(plan.next(100, &two).map(|d| d.seq), Some(2));
}

#[test]
fn deliveries_with_a_key_follow_each_other_through_retries() {
    let mut plan = Plan::default();
    for (seq, key) in [(1, "x"), (3, "x"), (2, "x"), (4, "y")] {
        plan.add(delivery(seq, 1, Some(key)), NOW);
    }
    let first = start(&mut plan, 100);
    assert_eq!(seqs(&first), [1, 4]);
    // The first fails and comes again in a minute: those behind it wait.
    plan.ended(&first[0]);
    let later = Delivery {
        due_at: NOW.plus(Duration::from_mins(1)),
        ..first[0].clone()
    };
    plan.again(later, NOW);
    assert!(start(&mut plan, 100).is_empty());
    assert_eq!(plan.next_due(), Some(NOW.plus(Duration::from_mins(1))));
    plan.wake(NOW.plus(Duration::from_mins(1)));
    let again = start(&mut plan, 100);
    assert_eq!(seqs(&again), [1]);
    finish(&mut plan, &again[0]);
    let second = start(&mut plan, 100);
    assert_eq!(seqs(&second), [2], "in the order of their numbers");
    finish(&mut plan, &second[0]);
    let third = start(&mut plan, 100);
    assert_eq!(seqs(&third), [3]);
    plan.ended(&third[0]);
    assert!(plan.leave(&third[0], NOW), "nothing is behind it");
    assert_eq!(plan.held(), 1);
}

#[test]
fn the_same_delivery_is_taken_once() {
    let mut plan = Plan::default();
    assert!(plan.add(delivery(1, 1, None), NOW));
    assert!(!plan.add(delivery(1, 1, None), NOW));
    assert_eq!(start(&mut plan, 100).len(), 1);
    assert!(!plan.add(delivery(1, 1, None), NOW), "it is running");
}

/// The end of an attempt is written, and the delivery is taken again, before the end is told here.
#[test]
fn what_is_taken_again_before_it_has_left_comes_when_it_leaves() {
    for key in [None, Some("k")] {
        let mut plan = Plan::default();
        plan.add(delivery(1, 1, key), NOW);
        let first = start(&mut plan, 8).remove(0);
        plan.ended(&first);
        let again = Delivery {
            epoch: 2,
            ..delivery(1, 1, key)
        };
        plan.add_claimed(again, NOW);
        assert!(start(&mut plan, 8).is_empty(), "its end is not told yet");
        plan.leave(&first, NOW);
        let started = start(&mut plan, 8);
        assert_eq!(started.iter().map(|d| d.epoch).collect::<Vec<_>>(), [2]);
        finish(&mut plan, &started[0]);
        assert_eq!(plan.held(), 0);
    }
}

#[test]
fn a_line_that_is_paused_goes_back_but_for_what_runs() {
    let mut plan = Plan::default();
    for (seq, key) in [(1, None), (2, Some("x")), (3, Some("x")), (4, Some("y"))] {
        plan.add(delivery(seq, 1, key), NOW);
    }
    let later = Delivery {
        due_at: NOW.plus(Duration::from_secs(1)),
        ..delivery(5, 1, None)
    };
    plan.add(later, NOW);
    plan.add(delivery(6, 2, None), NOW);
    let running: Vec<Delivery> = (0..2).filter_map(|_| plan.next(100, &free)).collect();
    let line = Line::new(app(1), "queue/q");
    let mut back = seqs(&plan.hold_back(&line));
    back.sort_unstable();
    let ran = seqs(&running);
    let expected: Vec<i64> = (1..=5).filter(|seq| !ran.contains(seq)).collect();
    assert_eq!(back, expected, "{ran:?} run");
    assert!(plan.is_returning(&line));
    for seq in back {
        assert!(!plan.leave(&delivery(seq, 1, None), NOW));
    }
    assert!(!plan.is_returning(&line));
    for one in &running {
        finish(&mut plan, one);
    }
    assert!(seqs(&start(&mut plan, 100)).iter().all(|seq| *seq == 6));
}

#[test]
fn one_that_crashed_a_process_runs_alone() {
    let mut plan = Plan::default();
    let suspect = |seq, crashes| Delivery {
        suspect: true,
        crashes,
        trigger: format!("queue/{seq}"),
        ..delivery(seq, 1, None)
    };
    for seq in 0..20 {
        plan.add(suspect(seq, 0), NOW);
    }
    let started = start(&mut plan, 1_000);
    assert_eq!(started.len(), SUSPECTS as usize);
    plan.add(suspect(20, 1), NOW);
    plan.add(delivery(21, 1, None), NOW);
    assert_eq!(seqs(&start(&mut plan, 1_000)), [21], "ordinary ones go on");
    for one in &started {
        finish(&mut plan, one);
    }
    let mut alone = 0;
    while plan.held() > 1 {
        let started = start(&mut plan, 1_000);
        if started.iter().any(|d| d.crashes > 0) {
            alone += 1;
            let suspects = started.iter().filter(|d| d.suspect).count();
            assert_eq!(suspects, 1);
        }
        for one in &started {
            finish(&mut plan, one);
        }
    }
    assert_eq!(alone, 1);
}

#[test]
fn what_is_cleared_comes_back_without_its_lane_in_the_way() {
    let mut plan = Plan::default();
    for seq in 1..4 {
        plan.add(delivery(seq, 1, Some("x")), NOW);
    }
    let running = plan.next(100, &free).unwrap();
    plan.add(delivery(9, 1, Some("y")), NOW);
    let cleared = plan.clear();
    assert_eq!(cleared.len(), 3);
    assert_eq!(plan.held(), 1, "what runs stays");
    for one in cleared {
        plan.add(one, NOW);
    }
    assert_eq!(seqs(&start(&mut plan, 100)), [9], "its lane is free");
    finish(&mut plan, &running);
    assert_eq!(seqs(&start(&mut plan, 100)), [2]);
}

#[test]
fn a_lane_whose_first_waits_long_does_not_fill_the_memory() {
    let mut plan = Plan::default();
    for seq in 1..4 {
        plan.add(delivery(seq, 1, Some("x")), NOW);
    }
    let first = plan.next(100, &free).unwrap();
    plan.ended(&first);
    let until = NOW.plus(Duration::from_mins(1));
    let behind = plan.close(&first, until);
    assert_eq!(seqs(&behind), [2, 3]);
    // One that was written before anybody knew.
    let late = plan.add_new(delivery(4, 1, Some("x")), NOW);
    assert_eq!(late.as_ref().map(|d| d.seq), Some(4));
    assert!(plan.add_new(delivery(5, 1, Some("y")), NOW).is_none());
    assert_eq!(seqs(&start(&mut plan, 100)), [5]);
    // The first is back before the others have gone: they do not let its lane go on.
    plan.wake(until);
    plan.add(delivery(1, 1, Some("x")), until);
    plan.add(delivery(6, 1, Some("x")), until);
    assert_eq!(seqs(&start(&mut plan, 100)), [1]);
    for one in behind.iter().chain(&late) {
        assert!(!plan.leave(one, until));
    }
    assert!(start(&mut plan, 100).is_empty());
    finish(&mut plan, &first);
    assert_eq!(seqs(&start(&mut plan, 100)), [6]);
}

#[test]
fn the_first_due_is_known_while_it_waits_runs_and_comes_again() {
    let mut plan = Plan::default();
    assert_eq!(plan.first_due(), None);
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    let late = Delivery {
        due_at: at(9),
        ..delivery(1, 1, Some("a"))
    };
    plan.add(late, NOW);
    plan.add(delivery(2, 1, None), NOW);
    assert_eq!(plan.first_due(), Some(NOW));
    let started = start(&mut plan, 100);
    assert_eq!(seqs(&started), [2]);
    assert_eq!(plan.first_due(), Some(NOW), "it is under way");
    finish(&mut plan, &started[0]);
    assert_eq!(plan.first_due(), Some(at(9)));
    plan.wake(at(9));
    let started = start(&mut plan, 100);
    plan.ended(&started[0]);
    let again = Delivery {
        due_at: at(20),
        ..started[0].clone()
    };
    plan.again(again, at(9));
    assert_eq!(plan.first_due(), Some(at(20)));
    plan.clear();
    assert_eq!((plan.first_due(), plan.held()), (None, 0));
}

#[test]
fn a_clock_that_is_set_back_lets_go_what_waits_for_its_wrong_times() {
    let ahead = NOW.plus(Duration::from_hours(24 * 365));
    let at = |seq, key, due_at| Delivery {
        due_at,
        ..delivery(seq, 1, key)
    };
    let mut plan = Plan::default();
    plan.add(at(1, Some("x"), NOW), ahead);
    let first = start(&mut plan, 10).remove(0);
    plan.add(at(2, Some("x"), ahead), ahead);
    plan.add(at(3, None, ahead.plus(Duration::from_secs(1))), ahead);
    plan.add(at(4, Some("y"), NOW), ahead);
    assert_eq!(seqs(&start(&mut plan, 10)), [4]);
    // Right now, three wait for a time in a year: one of them behind the first of its lane.
    plan.ended(&first);
    plan.again(
        Delivery {
            due_at: ahead.plus(Duration::from_secs(2)),
            ..first
        },
        ahead,
    );
    plan.wake(NOW);
    assert!(start(&mut plan, 10).is_empty());
    plan.set_back(NOW);
    let started = start(&mut plan, 10);
    assert_eq!(seqs(&started), [1, 3]);
    assert_eq!(plan.first_due(), Some(NOW));
    finish(&mut plan, &started[0]);
    assert_eq!(seqs(&start(&mut plan, 10)), [2]);
    // A pause of moments is one.
    plan.add(at(5, None, NOW.plus(Duration::from_secs(2))), NOW);
    plan.set_back(NOW);
    assert!(start(&mut plan, 10).is_empty());
}
