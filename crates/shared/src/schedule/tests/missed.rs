//! Which ticks run after any time without a scheduler.

use std::time::Duration;

use super::*;
use crate::schedule::{CatchUp, Firing, GRACE, MAX_FIRED, firing};

const ALL: [CatchUp; 3] = [CatchUp::Skip, CatchUp::Last, CatchUp::All];

fn times(times: &[&str]) -> Vec<Timestamp> {
    times.iter().map(|time| at(time)).collect()
}

/// Policy, now, ticks to run and the next due of `0 * * * *`, due at noon.
const TABLE: &[(CatchUp, &str, &[&str], &str)] = &[
    (CatchUp::Skip, "12:00:00", &["12:00:00"], "13:00:00"),
    (CatchUp::Last, "12:00:00", &["12:00:00"], "13:00:00"),
    (CatchUp::All, "12:00:00", &["12:00:00"], "13:00:00"),
    // Exactly the grace is not missed.
    (CatchUp::Skip, "12:01:00", &["12:00:00"], "13:00:00"),
    (CatchUp::Skip, "12:01:01", &[], "13:00:00"),
    (CatchUp::Last, "12:01:01", &["12:00:00"], "13:00:00"),
    (CatchUp::All, "12:01:01", &["12:00:00"], "13:00:00"),
    // Several hours.
    (CatchUp::Skip, "14:59:59", &[], "15:00:00"),
    (CatchUp::Skip, "15:00:30", &["15:00:00"], "16:00:00"),
    (CatchUp::Last, "14:59:59", &["14:00:00"], "15:00:00"),
    (
        CatchUp::All,
        "14:59:59",
        &["12:00:00", "13:00:00", "14:00:00"],
        "15:00:00",
    ),
];

#[test]
fn policies_do_what_the_table_says() {
    let schedule = schedule("0 * * * *", "Europe/Berlin");
    let day = |time: &str| format!("2026-01-01T{time}Z");
    for (policy, now, fire, next) in TABLE {
        let got = firing(&schedule, *policy, at(&day("12:00:00")), at(&day(now)));
        let fire: Vec<_> = fire.iter().map(|time| at(&day(time))).collect();
        let expected = Firing {
            fire,
            next_due: Some(at(&day(next))),
        };
        assert_eq!(got, expected, "{policy:?} at {now}");
    }
}

#[test]
fn nothing_is_due_early_and_the_due_time_stays() {
    let schedule = schedule("0 * * * *", "UTC");
    let due = at("2026-01-01T12:00:00Z");
    for policy in ALL {
        let got = firing(&schedule, policy, due, Timestamp(due.0 - 1));
        assert_eq!(
            got,
            Firing {
                fire: vec![],
                next_due: Some(due)
            }
        );
    }
}

#[test]
fn a_year_without_a_scheduler_is_jumped_over() {
    let schedule = schedule("* * * * * *", "Europe/Berlin");
    let due = at("2026-01-01T00:00:00Z");
    let now = at("2027-01-01T00:00:00Z");
    for policy in [CatchUp::Skip, CatchUp::Last] {
        let got = firing(&schedule, policy, due, now.plus(Duration::from_millis(300)));
        assert_eq!(got.fire, [now], "{policy:?}");
        assert_eq!(got.next_due, Some(now.plus(Duration::from_secs(1))));
    }
    // From the dawn of time too.
    let got = firing(&schedule, CatchUp::Last, at("0001-01-02T00:00:00Z"), now);
    assert_eq!(got.fire, [now]);
}

#[test]
fn all_ticks_are_run_in_batches_without_loss_or_repetition() {
    let schedule = schedule("*/10 * * * * *", "America/New_York");
    let start = at("2026-11-01T05:00:00Z");
    let now = at("2026-11-01T07:00:05Z");
    let (mut due, mut fired) = (start, Vec::new());
    while due <= now {
        let got = firing(&schedule, CatchUp::All, due, now);
        assert!(!got.fire.is_empty() && got.fire.len() <= MAX_FIRED);
        fired.extend(got.fire);
        due = got.next_due.unwrap();
    }
    let expected: Vec<_> = (0..=720)
        .map(|i| start.plus(Duration::from_secs(10 * i)))
        .collect();
    assert_eq!(fired, expected);
    assert_eq!(due, at("2026-11-01T07:00:10Z"));
}

#[test]
fn the_latest_tick_is_the_one_enumeration_finds() {
    for expression in [
        "*/7 * * * *",
        "30 2 * * *",
        "0 0 1 * *",
        "0 0 29 2 *",
        "* * * * * *",
    ] {
        let schedule = schedule(expression, "America/St_Johns");
        let due = schedule.next_after(at("2026-03-07T00:00:00Z")).unwrap();
        for after in [0, 1, 59, 60, 61, 3_600, 7_201, 90_000, 250_000] {
            let now = due.plus(Duration::from_secs(after));
            let ticks = std::iter::successors(Some(due), |&last| schedule.next_after(last));
            let latest = ticks.take_while(|&tick| tick <= now).last().unwrap();
            let got = firing(&schedule, CatchUp::Last, due, now);
            assert_eq!(got.fire, [latest], "{expression} {after} s later");
            assert_eq!(got.next_due, schedule.next_after(latest));
            let skipped = firing(&schedule, CatchUp::Skip, due, now);
            assert_eq!(skipped.fire.is_empty(), now.since(latest) > GRACE);
            assert_eq!(skipped.next_due, got.next_due);
        }
    }
}

#[test]
fn a_due_time_of_an_older_expression_is_run_and_left() {
    let schedule = schedule("0 * * * *", "UTC");
    let got = firing(
        &schedule,
        CatchUp::All,
        at("2026-01-01T12:34:56Z"),
        at("2026-01-01T13:00:00Z"),
    );
    assert_eq!(
        got.fire,
        times(&["2026-01-01T12:34:56Z", "2026-01-01T13:00:00Z"])
    );
    let got = firing(
        &schedule,
        CatchUp::Last,
        at("2026-01-01T12:34:56Z"),
        at("2026-01-01T12:35:00Z"),
    );
    assert_eq!(got.fire, times(&["2026-01-01T12:34:56Z"]));
}

#[test]
fn the_end_of_time_ends_a_schedule() {
    let schedule = schedule("@yearly", "UTC");
    let due = at("9999-01-01T00:00:00Z");
    for policy in ALL {
        let got = firing(&schedule, policy, due, Timestamp(i64::MAX));
        assert_eq!(got.next_due, None);
    }
}

#[test]
fn policies_have_names() {
    assert_eq!(CatchUp::default(), CatchUp::Last);
    for policy in ALL {
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(json, format!("\"{}\"", policy.as_str()));
        assert_eq!(serde_json::from_str::<CatchUp>(&json).unwrap(), policy);
    }
}
