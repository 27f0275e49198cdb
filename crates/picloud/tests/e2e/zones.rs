//! The machine's time zone data is used, shown, and named when it is old.

use serde_json::{Value, json};
use test_support::write_zones;

use crate::support::{APP, deploy, deploy_with, setup, started};

#[test]
fn the_machines_zones_are_used_and_their_age_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // Berlin has moved to Japan, and is all that this machine knows.
    write_zones(folder.path(), "2019c", &[("Europe/Berlin", 9)]);
    let place = folder.path().display().to_string();
    let server = started(setup().variable("TZDIR", &place));
    let zones = &server
        .api("GET", "/system", &Value::Null)
        .expect(200)
        .json()["time_zones"];
    assert_eq!(zones["version"], "2019c");
    assert_eq!(zones["source"], "system");
    assert_eq!(zones["directory"], *place);
    let warning = zones["warning"].as_str().unwrap();
    assert!(
        warning.contains("version 2019c, more than a year old"),
        "{warning}"
    );
    assert!(server.log().contains(warning), "{}", server.log());

    // In scripts, in previews, and in schedules; the program's own data fills what is not there.
    let source = "[time::in_zone(0, \"Europe/Berlin\"), time::in_zone(0, \"Asia/Kathmandu\")]";
    deploy(&server, &[("zones", source)]);
    let answer: Value = server.get("/zones").expect(200).json();
    let expected = [
        "1970-01-01T09:00:00.000+09:00",
        "1970-01-01T05:30:00.000+05:30",
    ];
    assert_eq!(answer, json!(expected));
    let trigger = json!({"kind": "cron", "schedule": "0 12 * * *", "timezone": "Europe/Berlin",
                         "script": "zones"});
    deploy_with(&server, &[("zones", source)], &json!([trigger]));
    let listed = server.api("GET", &format!("/apps/{APP}/triggers"), &Value::Null);
    let next = listed.expect(200).json()["items"][0]["next_run"].to_string();
    assert!(next.contains("T03:00:00.000000Z"), "{next}");
}

#[test]
fn a_machine_without_zones_has_those_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("nothing").display().to_string();
    let server = setup().variable("TZDIR", &place).start();
    let zones = &server
        .api("GET", "/system", &Value::Null)
        .expect(200)
        .json()["time_zones"];
    // Where `TZDIR` leads nowhere, the usual folders count, and then the program's own.
    assert_ne!(zones["directory"], *place);
    assert!(
        zones["version"].is_string() || zones["source"] == "system",
        "{zones}"
    );
}
