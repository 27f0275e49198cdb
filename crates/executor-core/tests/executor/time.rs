//! `time`: every function at both ends of time, in every kind of zone. What has no answer is an
//! error of the script, never an end of the run from inside.

use shared::script_error::ScriptErrorKind;
use shared::seam::Executor as _;

use crate::support::{body, on_worker, unlimited};

/// What scripts may take for a time.
const TIMES: &str = r#"[
    -9223372036854775808, -9223372036854775807, -8210266876799999, -62167219200001,
    -62167219200000, -62135596800000, -1, 0, 1, 1774746000000, 253402300799999, 253402300800000,
    8210266876799999, 8640000000000000, 9223372036854775, 9223372036854776, 9223372036854775807,
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-30T22:00:00Z",
    "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999-14:00", "9999-12-31T23:59:59+14:00",
    "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-03-29T02:30:00+01:00",
    "2011-12-30T12:00:00Z", "", "now", (), 1.5, true, [], #{}
]"#;
/// Zones far east and west, with gaps, folds and offsets of seconds.
const ZONES: &str = r#"["UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT-14", "Etc/GMT+12",
    "America/New_York", "Europe/Berlin", "Europe/Amsterdam", "Australia/Lord_Howe", "Pacific/Apia",
    "Africa/Monrovia", "Antarctica/Troll", "", "Nowhere/City"]"#;
const DURATIONS: &str = r#"[-9223372036854775808, -9223372036854776, -1, 0, 1, 315537897599,
    9223372036854, 9223372036855, 9223372036854775807, 0.5, -0.0, 1e300, -1e300, 0.0/0.0, 1.0/0.0,
    "1ms", "-1ms", "36500d", "-3652059d", "18446744073709551615ms", "99999999999999999999d", "-", "",
    (), true]"#;
const FORMATS: &str =
    r#"["", "%Y-%m-%dT%H:%M:%S%.f%:z", "%s %y %G %V %j %U %C", "%Z %Q %c %x %X %+", "%", "%!"]"#;

/// Calls everything with everything; errors count.
fn everything() -> String {
    format!(
        r#"
        let times = {TIMES}; let zones = {ZONES}; let durations = {DURATIONS}; let formats = {FORMATS};
        let good = 0; let bad = 0;
        let try_it = |f, args| f.call(args);
        let calls = [];
        for t in times {{
            try {{ time::parse(t); good += 1; }} catch {{ bad += 1; }}
            try {{ time::format(t); good += 1; }} catch {{ bad += 1; }}
            for f in formats {{ try {{ time::format(t, f); good += 1; }} catch {{ bad += 1; }} }}
            for z in zones {{
                try {{
                    let there = time::in_zone(t, z);
                    if time::diff(there, t) != 0 {{ throw `moved: ${{t}} ${{there}}`; }}
                    for f in formats {{ try {{ time::format(there, f); }} catch {{ bad += 1; }} }}
                    good += 1;
                }} catch (e) {{ if `${{e}}`.contains("moved") {{ throw e; }} bad += 1; }}
            }}
            for d in durations {{
                try {{ time::parse(time::add(t, d)); good += 1; }} catch {{ bad += 1; }}
            }}
            for u in times {{ try {{ time::diff(t, u); good += 1; }} catch {{ bad += 1; }} }}
        }}
        [good, bad]"#
    )
}

#[test]
fn every_function_is_answered_at_both_ends_of_time() {
    on_worker(1, async |rig| {
        let counts = body(&rig.executor.execute(unlimited(&everything())).await);
        let counts: [u64; 2] = serde_json::from_str(&counts).unwrap();
        assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    });
}

/// A call, and words of its error.
const MISTAKES: &[(&str, &str)] = &[
    (
        "time::in_zone(8210266876799999, \"Asia/Tokyo\")",
        "8210266876799999 ms since 1970 is no time: the calendar has the years 0 to 9999",
    ),
    (
        "time::in_zone(\"9999-12-31T23:00:00Z\", \"Asia/Tokyo\")",
        "clocks in Asia/Tokyo show no year that can be written then",
    ),
    ("time::in_zone(0, \"Europe/Berln\")", "`Europe/Berlin`?"),
    ("time::format(9223372036854775807)", "is no time"),
    ("time::add(\"9999-12-31T23:59:59Z\", 1)", "years 0 to 9999"),
    ("time::add(0, 0.0 / 0.0)", "seconds or a text"),
    ("time::add(-9223372036854775808, 1)", "is no time"),
    ("time::diff(0, -9223372036854775808)", "is no time"),
    ("time::parse(\"10000-01-01T00:00:00Z\")", "is not a time"),
    ("time::format(0, \"%\")", "not a format"),
];

#[test]
fn what_has_no_answer_is_an_error_of_the_script() {
    on_worker(1, async |rig| {
        for (call, words) in MISTAKES {
            let outcome = rig.run(&format!("let x = 1;\n  {call}")).await;
            let error = outcome.completion.error.expect(call);
            assert_ne!(error.kind, ScriptErrorKind::Internal, "{call}: {error:?}");
            assert!(error.message.contains(words), "{call}: {error:?}");
        }
    });
}

/// A call and its value.
const ANSWERS: &[(&str, &str)] = &[
    (
        "time::in_zone(\"2026-07-01T00:00:00Z\", \"Europe/Berlin\")",
        "2026-07-01T02:00:00.000+02:00",
    ),
    (
        "time::in_zone(\"9999-12-31T23:59:59Z\", \"America/Los_Angeles\")",
        "9999-12-31T15:59:59.000-08:00",
    ),
    (
        "time::add(\"9999-12-31T23:59:58.5Z\", 1)",
        "9999-12-31T23:59:59.500Z",
    ),
    (
        "time::add(\"2026-03-29T01:59:59+01:00\", \"1h\")",
        "2026-03-29T02:59:59.000+01:00",
    ),
    ("time::add(0, -0.001)", "1969-12-31T23:59:59.999Z"),
    (
        "time::format(\"9999-12-31T23:59:59Z\", \"%d.%m.%y\")",
        "31.12.99",
    ),
    (
        "time::format(time::in_zone(0, \"Asia/Tokyo\"), \"%H:%M %z\")",
        "09:00 +0900",
    ),
    (
        "`${time::parse(\"9999-12-31T23:59:59.999Z\")}`",
        "253402300799999",
    ),
    (
        "`${time::parse(\"0000-01-01T00:00:00Z\")}`",
        "-62167219200000",
    ),
    ("time::format(253402300799999)", "9999-12-31T23:59:59.999Z"),
];

#[test]
fn what_has_an_answer_gets_it() {
    on_worker(1, async |rig| {
        for (call, expected) in ANSWERS {
            assert_eq!(body(&rig.run(call).await), *expected, "{call}");
        }
    });
}
