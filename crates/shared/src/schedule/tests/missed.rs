//! Which ticks run after any time without a scheduler.

use std::time::Duration;

use super::*;
use crate::schedule::{
    CatchUp, Firing, GRACE, MAX_CAUGHT_UP, MAX_FIRED, Overlap, due_anew, firing,
};

const ALL: [CatchUp; 3] = [CatchUp::Skip, CatchUp::Last, CatchUp::All];

/// The times of ticks that are run.
fn fired(firing: &Firing) -> Vec<Timestamp> {
    firing.fire.iter().map(|tick| tick.at).collect()
}

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
        assert_eq!(fired(&got), fire, "{policy:?} at {now}");
        assert_eq!(got.next_due, Some(at(&day(next))), "{policy:?} at {now}");
    }
}

/// Policy, seconds, and the ticks that run at 23:45:21 after a pause that began before 23:43:30;
/// those before the bar were missed.
const SHORT: &[(CatchUp, &str, &str)] = &[
    (CatchUp::Skip, "*/30 * * * * *", "| 44:30 45:00"),
    (CatchUp::Last, "*/30 * * * * *", "44:00 | 44:30 45:00"),
    (CatchUp::All, "*/30 * * * * *", "43:30 44:00 | 44:30 45:00"),
    (CatchUp::Skip, "15 * * * * *", "| 45:15"),
    (CatchUp::Last, "15 * * * * *", "44:15 | 45:15"),
    (CatchUp::Skip, "21 * * * * *", "| 44:21 45:21"),
    (CatchUp::Last, "20 * * * * *", "44:20 | 45:20"),
    (CatchUp::Skip, "*/20 * * * * *", "| 44:40 45:00 45:20"),
    (CatchUp::Last, "*/20 * * * * *", "44:20 | 44:40 45:00 45:20"),
    (CatchUp::Skip, "45 44 * * * *", "| 44:45"),
    (CatchUp::Skip, "45 43 * * * *", "|"),
    (CatchUp::Last, "45 43 * * * *", "43:45 |"),
    (CatchUp::All, "50 * * * * *", "43:50 | 44:50"),
];

#[test]
fn what_is_less_than_a_minute_late_runs_under_every_policy() {
    let now = at("2026-11-27T23:45:21Z");
    for (policy, expression, expected) in SHORT {
        let schedule = schedule(expression, "UTC");
        let due = schedule.next_after(at("2026-11-27T23:43:29Z")).unwrap();
        let got = firing(&schedule, *policy, due, now);
        let shown = |missed: bool| {
            let ticks = got.fire.iter().filter(|tick| tick.missed == missed);
            let times: Vec<_> = ticks.map(|tick| text(tick.at)[14..19].to_owned()).collect();
            times.join(" ")
        };
        let shown = format!("{} | {}", shown(true), shown(false));
        assert_eq!(shown.trim(), *expected, "{policy:?} {expression}");
        assert_eq!(got.next_due, schedule.next_after(now));
        assert!(got.last.is_some_and(|last| last <= now));
        assert!(got.fire.is_sorted_by_key(|tick| tick.at));
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
                last: None,
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
    let fresh = (0..60).map(|second| now.minus(Duration::from_secs(59 - second)));
    let fresh: Vec<_> = fresh.collect();
    let missed = now.minus(GRACE);
    for (policy, late, first) in [
        (CatchUp::Skip, 300, None),
        (CatchUp::Last, 300, Some(missed)),
    ] {
        let got = firing(
            &schedule,
            policy,
            due,
            now.plus(Duration::from_millis(late)),
        );
        let expected: Vec<_> = first.into_iter().chain(fresh.clone()).collect();
        assert_eq!(fired(&got), expected, "{policy:?}");
        assert_eq!(got.next_due, Some(now.plus(Duration::from_secs(1))));
    }
    // From the dawn of time too.
    let got = firing(&schedule, CatchUp::Last, at("0001-01-02T00:00:00Z"), now);
    assert_eq!(
        got.fire.len(),
        62,
        "one for all that were missed, and a minute"
    );
    assert_eq!(got.last, Some(now));
}

#[test]
fn what_is_made_up_for_is_bounded_and_the_latest() {
    let now = at("2027-01-01T00:00:00Z");
    for (expression, since, all) in [
        ("* * * * * *", "2026-01-01T00:00:00Z", None),
        ("*/30 * * * * *", "1970-01-01T00:00:00Z", None),
        // A day of minutes is within the bound, and so is a year of days.
        ("* * * * *", "2026-12-31T00:00:00Z", Some(1_440 + 1)),
        ("0 0 * * *", "2026-01-01T00:00:00Z", Some(365 + 1)),
    ] {
        let schedule = schedule(expression, "UTC");
        let (mut due, mut ticks) = (at(since), Vec::new());
        while due <= now {
            let got = firing(&schedule, CatchUp::All, due, now);
            ticks.extend(fired(&got));
            due = got.next_due.unwrap();
        }
        assert_eq!(ticks.last(), Some(&now), "{expression}");
        assert!(ticks.is_sorted_by(|a, b| schedule.next_after(*a) == Some(*b)));
        let bound = MAX_CAUGHT_UP / 2..=MAX_CAUGHT_UP;
        match all {
            Some(all) => assert_eq!(ticks.len(), all, "{expression}"),
            None => assert!(bound.contains(&ticks.len()), "{expression} {}", ticks.len()),
        }
    }
}

/// What is noted as due, what the last tick was, the clock, and when it is due now; minutes of an
/// hourly schedule's days from noon.
const ANEW: &[(Option<i64>, Option<i64>, i64, i64)] = &[
    // As it should be.
    (Some(60), Some(0), 30, 60),
    (Some(60), None, 0, 60),
    // Due: the policy for missed ticks decides.
    (Some(60), Some(0), 61, 60),
    (Some(60), Some(0), 60_000, 60),
    // The clock was wrong by a year, a day, an hour, two minutes.
    (Some(525_660), Some(525_600), 30, 60),
    (Some(1_500), Some(1_440), 30, 60),
    (Some(120), Some(60), 10, 60),
    (Some(120), Some(60), 58, 60),
    // By less than a minute: that time has been.
    (Some(120), Some(60), 59, 120),
    // It had none, and has one.
    (None, Some(525_600), 30, 60),
    (None, None, 30, 60),
    // Its zone has other rules now.
    (Some(90), Some(30), 40, 60),
    (Some(45), Some(0), 40, 60),
];

#[test]
fn a_due_time_the_schedule_does_not_give_is_computed_anew() {
    let schedule = schedule("0 * * * *", "UTC");
    let noon = at("2026-11-27T12:00:00Z").0;
    let minutes = |minutes: i64| Timestamp(noon + minutes * 60_000_000);
    for case in ANEW {
        let (due, last, now, expected) = case;
        let got = due_anew(
            &schedule,
            due.map(minutes),
            last.map(minutes),
            minutes(*now),
        );
        assert_eq!(got, Some(minutes(*expected)), "{case:?}");
        // Looking again changes nothing.
        let again = due_anew(&schedule, got, last.map(minutes), minutes(*now));
        assert_eq!(again, got, "{case:?}");
    }
    let end = due_anew(&schedule, None, None, Timestamp(i64::MAX));
    assert_eq!(end, None);
}

#[test]
fn all_ticks_are_run_in_batches_without_loss_or_repetition() {
    let schedule = schedule("*/10 * * * * *", "America/New_York");
    let start = at("2026-11-01T05:00:00Z");
    let now = at("2026-11-01T07:00:05Z");
    let (mut due, mut all) = (start, Vec::new());
    while due <= now {
        let got = firing(&schedule, CatchUp::All, due, now);
        assert!(!got.fire.is_empty() && got.fire.len() <= MAX_FIRED);
        all.extend(fired(&got));
        due = got.next_due.unwrap();
    }
    let expected: Vec<_> = (0..=720)
        .map(|i| start.plus(Duration::from_secs(10 * i)))
        .collect();
    assert_eq!(all, expected);
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
            let ticks: Vec<_> = ticks.take_while(|&tick| tick <= now).collect();
            let is_missed = |tick: &Timestamp| now.since(*tick) > GRACE;
            let fresh = ticks.iter().filter(|tick| !is_missed(tick)).copied();
            let fresh: Vec<_> = fresh.collect();
            let missed = ticks.iter().rfind(|tick| is_missed(tick)).copied();
            let got = firing(&schedule, CatchUp::Last, due, now);
            let expected: Vec<_> = missed.into_iter().chain(fresh.clone()).collect();
            assert_eq!(fired(&got), expected, "{expression} {after} s later");
            assert_eq!(got.next_due, schedule.next_after(*ticks.last().unwrap()));
            let skipped = firing(&schedule, CatchUp::Skip, due, now);
            assert_eq!(fired(&skipped), fresh, "{expression} {after} s later");
            assert_eq!((skipped.last, skipped.next_due), (got.last, got.next_due));
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
        fired(&got),
        times(&["2026-01-01T12:34:56Z", "2026-01-01T13:00:00Z"])
    );
    let got = firing(
        &schedule,
        CatchUp::Last,
        at("2026-01-01T12:34:56Z"),
        at("2026-01-01T12:35:00Z"),
    );
    assert_eq!(fired(&got), times(&["2026-01-01T12:34:56Z"]));
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
    assert_eq!(Overlap::default(), Overlap::Skip);
    for (overlap, most) in [
        (Overlap::Skip, Some(1)),
        (Overlap::Queue, Some(1_000)),
        (Overlap::Allow, None),
    ] {
        let json = serde_json::to_string(&overlap).unwrap();
        assert_eq!(json, format!("\"{}\"", overlap.as_str()));
        assert_eq!(overlap.most(), most);
    }
}
