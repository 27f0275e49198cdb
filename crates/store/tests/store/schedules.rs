//! The runs of a schedule as one lane, and due times after the clock was wrong.

use shared::clock::Timestamp;
use shared::event::Message;
use shared::id::{AppId, NodeId};
use store::dead_letters::DeadLetter;
use store::outbox::{self, Delivery, Failed};
use store::schedules::{self, Fired};

use crate::events::{CONSUMER, all, app_with, claim, enqueue, message, send, sent, settle, with};
use crate::releases::deploy;
use crate::support::{Db, NOW, after, on_both};

on_both![
    a_tick_is_skipped_while_the_last_run_goes_on,
    a_failed_run_goes_on_until_it_is_given_up,
    queued_ticks_follow_each_other_and_are_bounded,
    allowed_ticks_overlap_and_missed_ones_do_not,
    ticks_that_were_missed_are_never_skipped,
    a_schedule_of_a_wrong_clock_is_due_anew,
    a_due_time_is_placed_once,
    what_a_wrong_clock_has_written_does_not_wait_for_it,
];

/// Every minute; the settings are the rest of the trigger.
fn every_minute(settings: &str) -> String {
    format!(r#"{{"kind": "cron", "script": "a", "schedule": "* * * * *"{settings}}}"#)
}

fn app_of(db: &Db, settings: &str) -> AppId {
    app_with(db, "shop", &[&every_minute(settings)])
}

/// Fires the only schedule at a time at which it is due.
fn fire(db: &Db, now: Timestamp) -> Fired {
    let row = db.read(move |conn| schedules::due(conn, now, 10)).remove(0);
    db.write(move |conn| schedules::fire(conn, &row, now))
}

/// The times of what waits or is under way, in order, with whether it is in the lane.
fn ticks(db: &Db, app: AppId) -> Vec<(String, bool)> {
    let tick = |delivery: Delivery| {
        let fields: serde_json::Value = serde_json::from_slice(&delivery.payload).unwrap();
        let time = fields["scheduled_for"].as_str().unwrap()[11..16].to_owned();
        (time, delivery.order_key.is_some())
    };
    all(db, app).into_iter().map(tick).collect()
}

fn skipped(db: &Db, app: AppId) -> u64 {
    db.read(move |conn| schedules::list(conn, app))[0].skipped
}

/// Takes everything that is free.
fn take(db: &Db, app: AppId, now: Timestamp) -> Vec<Delivery> {
    claim(db, app, NodeId::new(NOW), now)
}

/// The first minute after the start, and those that follow it.
fn minute(number: u64) -> Timestamp {
    let first = NOW.0.div_euclid(60_000_000) + 1;
    Timestamp((first + number as i64) * 60_000_000)
}

fn a_tick_is_skipped_while_the_last_run_goes_on(db: &Db) {
    let app = app_of(db, "");
    assert_eq!(fire(db, minute(0)).events.len(), 1);
    let running = take(db, app, minute(0));
    assert_eq!(running.len(), 1);
    // Another process, or this one again: what counts is in the database.
    for number in 1..4 {
        let fired = fire(db, minute(number));
        assert_eq!((fired.events.len(), fired.skipped), (0, 1));
    }
    assert_eq!(skipped(db, app), 3);
    assert_eq!(ticks(db, app).len(), 1);
    let done = running.iter().map(|d| (d.seq, d.epoch)).collect();
    settle(db, done, vec![]);
    let fired = fire(db, minute(4));
    assert_eq!((fired.events.len(), fired.skipped), (1, 0));
    // A release that changes nothing about it keeps the count.
    deploy(db, app, Some(1), &with(&[&every_minute(""), CONSUMER]));
    assert_eq!(skipped(db, app), 3);
}

fn a_failed_run_goes_on_until_it_is_given_up(db: &Db) {
    let app = app_of(db, "");
    fire(db, minute(0));
    let delivery = take(db, app, minute(0)).remove(0);
    let retry = Failed::Retry {
        delivery: delivery.clone(),
        due_at: minute(5),
        keep: false,
    };
    settle(db, vec![], vec![retry]);
    assert_eq!(fire(db, minute(1)).skipped, 1, "it is tried again later");
    let again = take(db, app, minute(5)).remove(0);
    let dead = DeadLetter::of(&again, "null".to_owned(), minute(5));
    settle(db, vec![], vec![Failed::Dead(Box::new(dead), again)]);
    // Four are due by now: they run, because none was missed by more than a minute but three.
    let fired = fire(db, minute(5));
    assert_eq!((fired.events.len(), fired.skipped), (3, 0));
}

fn queued_ticks_follow_each_other_and_are_bounded(db: &Db) {
    let app = app_of(db, r#", "overlap": "queue""#);
    for number in 0..3 {
        assert_eq!(fire(db, minute(number)).events.len(), 1);
    }
    let lane = ticks(db, app);
    assert!(lane.iter().all(|(_, lane)| *lane) && lane.is_sorted());
    // One process takes them all, in order; another gets none of them.
    let taken = take(db, app, minute(3));
    assert_eq!(taken.len(), 3);
    assert!(taken.is_sorted_by_key(|d| d.seq));
    assert_eq!(fire(db, minute(3)).events.len(), 1);
    assert_eq!(take(db, app, minute(3)).len(), 0, "behind another's");
    // As many wait as may.
    db.write(move |conn| {
        conn.execute(
            "INSERT INTO deliveries (app_id, event_id, kind, trigger_key, subject, order_key, \
             payload, root, depth, created_at, due_at, attempt, epoch, started, crashes, suspect, \
             history) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
             WHERE i < 996) SELECT d.app_id, d.event_id, d.kind, d.trigger_key, d.subject, \
             d.order_key, d.payload, d.root, 0, d.created_at, d.due_at, 0, 1, 0, 0, 0, '[]' \
             FROM n, (SELECT * FROM deliveries ORDER BY seq LIMIT 1) d",
            &[],
        )
    });
    let fired = fire(db, minute(4));
    assert_eq!((fired.events.len(), fired.skipped), (0, 1));
    assert_eq!(skipped(db, app), 1);
}

fn allowed_ticks_overlap_and_missed_ones_do_not(db: &Db) {
    let app = app_of(db, r#", "overlap": "allow", "catch_up": "all""#);
    for number in 0..2 {
        assert_eq!(fire(db, minute(number)).events.len(), 1);
    }
    assert!(ticks(db, app).iter().all(|(_, lane)| !lane));
    assert_eq!(take(db, app, minute(1)).len(), 2);
    // Four minutes without anybody.
    let fired = fire(db, minute(5));
    assert_eq!((fired.events.len(), fired.skipped), (4, 0));
    let lanes: Vec<bool> = ticks(db, app).into_iter().map(|(_, lane)| lane).collect();
    assert_eq!(lanes, [false, false, true, true, false, false]);
    assert!(ticks(db, app).is_sorted_by_key(|(time, _)| time.clone()));
}

fn ticks_that_were_missed_are_never_skipped(db: &Db) {
    for (slug, policy, expected) in [("last", "last", 1), ("all", "all", 4), ("skip", "skip", 0)] {
        let spec = every_minute(&format!(r#", "catch_up": "{policy}""#));
        let app = app_with(db, slug, &[&spec]);
        let row = || {
            let mut rows = db.read(move |conn| schedules::list(conn, app));
            rows.remove(0)
        };
        let fire = |now: Timestamp| {
            let row = row();
            db.write(move |conn| schedules::fire(conn, &row, now))
        };
        fire(minute(0));
        // The run goes on, or waits to go on, when a server comes again.
        let fired = fire(minute(6));
        assert_eq!(fired.events.len(), expected, "{policy}");
        assert_eq!(fired.skipped, 2, "{policy}: the fresh ones");
        let lane = ticks(db, app);
        assert!(
            lane.iter().all(|(_, lane)| *lane) && lane.is_sorted(),
            "{lane:?}"
        );
    }
}

const YEAR: u64 = 365 * 24 * 3_600;

/// Computes due times anew, as a start does and a dispatcher whose clock was set back.
fn anew(db: &Db, now: Timestamp) -> usize {
    let found = db.read(move |conn| schedules::misplaced(conn, now));
    let count = found.len();
    for (row, due) in found {
        db.write(move |conn| schedules::place(conn, &row, due));
    }
    count
}

fn a_schedule_of_a_wrong_clock_is_due_anew(db: &Db) {
    let app = app_of(db, r#", "catch_up": "skip""#);
    let next = || db.read(schedules::next_due);
    assert_eq!(anew(db, NOW), 0);
    // The clock is a year ahead for a moment, and right again.
    fire(db, after(YEAR));
    assert!(next() > Some(after(YEAR)));
    assert_eq!(anew(db, NOW), 1);
    assert_eq!(next(), Some(minute(0)));
    assert_eq!(anew(db, NOW), 0);
    // Less than a minute: what has run does not run again.
    fire(db, minute(0));
    let early = Timestamp(minute(0).0 - 30_000_000);
    assert_eq!(anew(db, early), 0);
    assert_eq!(next(), Some(minute(1)));
    // A clock that was behind: missed ticks are the policy's.
    assert_eq!(anew(db, minute(100)), 0);
    assert_eq!(next(), Some(minute(1)));
    let fired = fire(db, minute(100));
    assert_eq!(
        (fired.events.len(), fired.skipped),
        (0, 2),
        "the last run goes on"
    );
    assert_eq!(
        all(db, app).len(),
        2,
        "the one of the wrong clock, and the first"
    );
}

fn a_due_time_is_placed_once(db: &Db) {
    app_of(db, "");
    fire(db, after(YEAR));
    let (row, due) = db
        .read(move |conn| schedules::misplaced(conn, NOW))
        .remove(0);
    // Another process was faster, and has fired.
    assert_eq!(anew(db, NOW), 1);
    let fired = fire(db, minute(0));
    assert_eq!(fired.events.len() as u64 + fired.skipped, 1);
    db.write(move |conn| schedules::place(conn, &row, due));
    assert_eq!(db.read(schedules::next_due), Some(minute(1)));
}

fn what_a_wrong_clock_has_written_does_not_wait_for_it(db: &Db) {
    let app = app_with(db, "shop", &[CONSUMER]);
    let queue = "mail";
    let send_at = |now: Timestamp, delay_ms: u64| {
        let message = Message {
            delay_ms,
            ..message("1")
        };
        let queue = queue.parse().unwrap();
        db.try_write(move |conn| enqueue(conn, sent(app, now), &queue, &message))
            .unwrap();
    };
    let week = 7 * 24 * 3_600;
    send_at(after(YEAR), 0);
    send_at(after(YEAR), week * 1_000);
    send_at(NOW, week * 1_000);
    send_at(NOW, 0);
    // A failed one is to be tried again in two seconds, by a clock that is a year ahead.
    let failed = take(db, app, NOW).remove(0);
    let retry = Failed::Retry {
        delivery: Delivery {
            attempt: 1,
            ..failed
        },
        due_at: after(YEAR + 2),
        keep: false,
    };
    settle(db, vec![], vec![retry]);
    assert_eq!(db.write(move |conn| outbox::pull_back(conn, NOW)), 3);
    let due: Vec<Timestamp> = all(db, app).iter().map(|d| d.due_at).collect();
    assert_eq!(due, [NOW, after(week), after(week), NOW]);
    assert_eq!(db.write(move |conn| outbox::pull_back(conn, NOW)), 0);
    // What nobody consumes stays where it is.
    let other = app_with(db, "blog", &[]);
    send(db, other, message("1"));
    let parked = all(db, other)[0].due_at;
    assert_eq!(db.write(move |conn| outbox::pull_back(conn, NOW)), 0);
    assert_eq!(all(db, other)[0].due_at, parked);
}
