//! Tests of zones: names, and the age of the data. The machine's data is tested with `pic` and the
//! server, which use it.

use super::*;
use crate::moment::Moment;

fn data(version: Option<&str>) -> ZoneData {
    ZoneData {
        directory: Some("/usr/share/zoneinfo".into()),
        version: version.map(str::to_owned),
    }
}

fn at(text: &str) -> Timestamp {
    Moment::parse(text).unwrap().at()
}

#[test]
fn names_are_those_of_the_database() {
    for name in [
        "UTC",
        "Etc/UTC",
        "Europe/Berlin",
        "US/Pacific",
        "Etc/GMT+12",
    ] {
        assert_eq!(Zone::find(name).unwrap().name(), name);
    }
    assert_eq!(Zone::find(" Asia/Tokyo ").unwrap().name(), "Asia/Tokyo");
    for name in [
        "",
        "europe/berlin",
        "Factory",
        "localtime",
        "posixrules",
        "Etc/Unknown",
        "+02:00",
        "CEST-2",
        "../UTC",
        "/usr/share/zoneinfo/UTC",
        "UTC\0",
        "right/Europe/Berlin",
        "tzdata.zi",
    ] {
        let error = Zone::find(name).unwrap_err().to_string();
        assert!(error.contains("is not a time zone; write "), "{error}");
    }
    let error = Zone::find("Europe/Berln").unwrap_err().to_string();
    assert!(error.ends_with("write `Europe/Berlin`?"), "{error}");
    let long = Zone::find(&"x".repeat(1_000_000)).unwrap_err();
    assert!(long.to_string().len() < 300);
}

#[test]
fn data_is_old_after_a_year() {
    for (version, now, old) in [
        ("2025b", "2026-03-20T00:00:00Z", false),
        ("2025b", "2026-04-01T00:00:00Z", true),
        ("2024a", "2025-10-01T00:00:00Z", true),
        ("2019c", "2026-11-27T00:00:00Z", true),
        ("1996k", "2026-11-27T00:00:00Z", true),
        ("2026c", "2027-11-01T00:00:00Z", false),
        ("2026f", "2027-11-20T00:00:00Z", true),
        // Nobody knows when in its year it was released.
        ("2026z", "2027-12-01T00:00:00Z", false),
        ("2026z", "2028-01-01T00:00:00Z", true),
        ("2030a", "2026-11-27T00:00:00Z", false),
        ("x", "2026-11-27T00:00:00Z", false),
    ] {
        let warning = data(Some(version)).warning(at(now));
        assert_eq!(warning.is_some(), old, "{version} at {now}: {warning:?}");
        if let Some(warning) = warning {
            assert!(warning.contains(version) && warning.contains("package tzdata"));
        }
    }
    assert_eq!(data(None).warning(at("2099-01-01T00:00:00Z")), None);
}

#[test]
fn the_programs_own_data_has_a_version_whose_date_is_known() {
    let own = ZoneData::current();
    assert_eq!(own.directory, None);
    let version = own.version.unwrap();
    assert!(RELEASED.is_sorted());
    let last = RELEASED.last().unwrap().0;
    assert_eq!(version, last, "add it to RELEASED");
}

#[test]
fn the_version_is_a_short_word_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let version = || version_in(folder.path());
    assert_eq!(version(), None);
    for (file, text, expected) in [
        ("+VERSION", "2024a\n", Some("2024a")),
        ("tzdata.zi", "# version 2025b\n# rest", Some("2025b")),
        ("tzdata.zi", "# version unknown-dirty", None),
        ("tzdata.zi", "no version", Some("2024a")),
        (
            "tzdata.zi",
            "# version 2025b-with-more-than-anybody-needs",
            None,
        ),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
        assert_eq!(version().as_deref(), expected, "{text}");
    }
}

#[test]
fn beyond_the_rules_the_first_and_the_last_count() {
    for name in ["UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Tokyo"] {
        let zone = Zone::find(name).unwrap();
        for second in [
            i64::MIN,
            i64::MIN / 2,
            -1 << 40,
            1 << 40,
            i64::MAX / 2,
            i64::MAX,
        ] {
            assert!(
                zone.offset_at(second).abs() <= 15 * 3_600,
                "{name} {second}"
            );
        }
    }
}
