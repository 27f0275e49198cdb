//! Schedules in the zones of this machine.

use test_support::write_zones;

use crate::support::Person;

#[test]
fn a_schedule_follows_the_zones_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    write_zones(folder.path(), "2019c", &[("Europe/Berlin", 9)]);
    let person = Person::stranger().with("TZDIR", &folder.path().display().to_string());
    let next = |zone: &str| {
        person
            .pic(&["cron", "next", "0 12 * * *", "--timezone", zone])
            .expect(0)
    };
    let done = next("Europe/Berlin").says("is version 2019c, more than a year old");
    assert!(
        done.stdout.lines().all(|line| line.ends_with("T03:00:00Z")),
        "{done:?}"
    );
    let done = next("Asia/Kathmandu");
    assert!(
        done.stdout.lines().all(|line| line.ends_with("T06:15:00Z")),
        "{done:?}"
    );
    // Nobody's rules change UTC.
    assert_eq!(next("UTC").stderr, "");
    person
        .pic(&["cron", "next", "0 12 * * *", "--timezone", "Europe/Berln"])
        .expect(1)
        .says("`Europe/Berlin`?");
}

#[test]
fn a_schedule_has_runs_until_the_end_of_time_and_no_later() {
    let person = Person::stranger();
    let last = |schedule: &str, zone: &str| {
        let args = ["cron", "next", schedule, "--timezone", zone, "-n", "1000"];
        person.pic(&args).expect(0).stdout
    };
    for zone in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"] {
        assert_eq!(last("0 0 29 2 *", zone).lines().count(), 1_000, "{zone}");
        // A leap day on a Monday comes 13 or 15 times in 400 years.
        let rare = last("0 0 29 2 +MON", zone);
        let end = rare.lines().next_back().unwrap();
        assert!(("9900"..="9999").contains(&&end[..4]), "{zone}: {end}");
    }
}
