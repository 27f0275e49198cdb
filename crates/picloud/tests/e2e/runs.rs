//! Every run leaves a record, its log lines and its count, however it was begun and however it ends.

use serde_json::{Value, json};
use test_support::Server;

use crate::recorded::{App, DOORS, Door, Script, lines};
use crate::support::setup;

/// A way a script can end.
struct Way {
    name: &'static str,
    source: String,
    limits: Value,
    outcome: &'static str,
    /// In its error.
    says: &'static str,
}

impl Way {
    fn script<'a>(&'a self, name: &'a str) -> Script<'a> {
        Script::new(name, &self.source).limits(self.limits.clone())
    }
}

/// Plenty, so that the limit a row sets is the one that counts.
fn plenty() -> Value {
    json!({"operations": 500_000_000, "cpu": "1m", "wall": "1m"})
}

/// Name, source, outcome, and what the error says.
const WAYS: [(&str, &str, &str, &str); 5] = [
    ("good", "7", "ok", ""),
    ("thrown", "throw \"no stock\"", "thrown", "no stock"),
    ("wrong", "let x = 1; x.nothing", "runtime", "nothing"),
    (
        "refused",
        "invoke::call(\"nobody\", ())",
        "host",
        "`nobody`",
    ),
    ("deep", "fn f(n) { f(n + 1) } f(0)", "limit", "48 levels"),
];

/// Name, source, the limit it runs into, and what the error says.
const LIMITS: [(&str, &str, &str, &str); 5] = [
    ("slow", "time::sleep(600)", "wall", "300ms of elapsed time"),
    ("busy", "loop {}", "cpu", "100ms of processor time"),
    ("long", "loop {}", "operations", "50000 operations"),
    (
        "large",
        "let all = []; loop { all.push(all.len()); }",
        "memory",
        "1048576 bytes of memory",
    ),
    (
        "asking",
        "loop { kv::collection(\"c\").get(\"k\"); }",
        "host_calls",
        "20 host calls",
    ),
];

/// Each logs a line, then ends.
fn ways() -> Vec<Way> {
    let way = |name, source, limits, outcome, says| Way {
        name,
        source: format!("log::info(\"at work\"); {source}"),
        limits,
        outcome,
        says,
    };
    let plain =
        WAYS.map(|(name, source, outcome, says)| way(name, source, plenty(), outcome, says));
    let small = json!({"wall": "300ms", "cpu": "100ms", "operations": 50_000, "memory": "1MiB",
        "host_calls": 20});
    let limited = LIMITS.map(|(name, source, limit, says)| {
        let mut limits = plenty();
        limits[limit] = small[limit].clone();
        way(name, source, limits, "limit", says)
    });
    plain.into_iter().chain(limited).collect()
}

fn check(app: &App<'_>, record: &Value, way: &Way) {
    let shown = format!("{}: {record:#}", way.name);
    assert_eq!(record["outcome"], way.outcome, "{shown}");
    let detail = app.detail(record);
    assert_eq!(lines(&detail), ["at work"], "{shown}");
    let message = detail["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(way.says), "{message}\n{shown}");
}

/// What runs behind each door is the script itself.
#[test]
fn a_run_leaves_a_record_by_whatever_door_it_came() {
    let server = setup().start();
    let ways = ways();
    let apps = ways.iter().map(|way| {
        let app = App::deploy(&server, way.name, &[way.script("parent")]);
        for door in DOORS {
            app.begin(door);
        }
        app
    });
    let apps: Vec<App<'_>> = apps.collect();
    for (way, app) in ways.iter().zip(&apps) {
        let records = app.records("parent", DOORS.len());
        for record in &records {
            check(app, record, way);
        }
        for trigger in ["http", "queue", "manual"] {
            let begun = DOORS
                .iter()
                .filter(|door| door.trigger() == trigger)
                .count();
            let found = records.iter().filter(|record| record["trigger"] == trigger);
            assert_eq!(found.count(), begun, "{}: {records:#?}", way.name);
            // A second attempt may have begun by now.
            let counted = app.counted("parent", trigger, way.outcome);
            assert!(counted >= begun as u64, "{}: {counted}", way.name);
        }
    }
}

/// What runs behind each door calls the script.
#[test]
fn a_run_that_another_one_called_leaves_a_record() {
    let server = setup().start();
    let ways = ways();
    let apps = ways.iter().map(|way| {
        let parent = Script::new(
            "parent",
            "log::info(\"calls\"); invoke::call(\"child\", ())",
        );
        let app = App::deploy(
            &server,
            way.name,
            &[parent.limits(plenty()), way.script("child")],
        );
        for door in DOORS {
            app.begin(door);
        }
        app
    });
    let apps: Vec<App<'_>> = apps.collect();
    for (way, app) in ways.iter().zip(&apps) {
        let parents = app.records("parent", DOORS.len());
        let children = app.children("child", DOORS.len());
        for child in &children {
            check(app, child, way);
            assert_eq!(child["trigger"], "invoke");
            let parent = parents
                .iter()
                .find(|parent| parent["id"] == child["parent"]);
            let parent = parent.unwrap_or_else(|| panic!("{}: {child:#}", way.name));
            let ended = if way.outcome == "ok" { "ok" } else { "host" };
            assert_eq!(parent["outcome"], ended, "{}: {parent:#}", way.name);
            let parent = app.detail(parent);
            assert_eq!(lines(&parent), ["calls"], "{}", way.name);
        }
        let counted = app.counted("child", "invoke", way.outcome);
        assert!(counted >= DOORS.len() as u64, "{}: {counted}", way.name);
    }
}

#[test]
fn a_run_that_did_not_begin_leaves_no_record() {
    let server = setup().start();
    let calls = "log::info(\"calls\"); invoke::call(\"child\", ())";
    let scripts = [
        Script::new("parent", calls),
        Script::new("child", calls).limits(json!({"concurrency": 1})),
    ];
    let app = App::deploy(&server, "crowded", &scripts);
    app.begin(Door::Request).expect(500);
    let child = app.detail(&app.records("child", 1)[0]);
    assert_eq!(child["error"]["kind"], "host");
    let message = child["error"]["message"].as_str().unwrap();
    assert!(message.contains("limit of concurrent runs"), "{message}");
    assert_eq!(lines(&child), ["calls"]);
    let parent = app.detail(&app.records("parent", 1)[0]);
    let message = parent["error"]["message"].as_str().unwrap();
    assert!(message.contains("script `child` failed"), "{message}");
    assert_eq!(app.counted("child", "invoke", "host"), 1);
}

/// Scripts that call each other three deep, each after it has logged that it does; the last one
/// waits.
fn three_deep(server: &Server) -> App<'_> {
    let calls = |name| format!("log::info(\"calls\"); invoke::call(\"{name}\", ())");
    let (parent, child) = (calls("child"), calls("grandchild"));
    let waits = "log::info(\"waits\"); kv::collection(\"c\").set(\"waits\", 1); time::sleep(600)";
    let looks = "kv::collection(\"c\").get(\"waits\") == 1";
    let limits = json!({"wall": "5m"});
    let scripts = [
        Script::new("parent", &parent).limits(limits.clone()),
        Script::new("child", &child).limits(limits.clone()),
        Script::new("grandchild", waits).limits(limits),
        Script::new("looks", looks),
    ];
    App::deploy(server, "deep", &scripts)
}

/// Waits until the last one waits.
fn until_it_waits(app: &App<'_>) {
    let run = format!("/apps/{}/scripts/looks/invoke", app.name);
    while app.server.api("POST", &run, &json!({})).expect(200).json() != json!(true) {}
}

/// All three were cancelled, and none has lost its line.
fn all_are_cancelled(app: &App<'_>) {
    for (script, line) in [
        ("parent", "calls"),
        ("child", "calls"),
        ("grandchild", "waits"),
    ] {
        let records = app.records(script, 1);
        assert_eq!(records[0]["outcome"], "cancelled", "{script}: {records:#?}");
        assert_eq!(lines(&app.detail(&records[0])), [line], "{script}");
    }
}

#[test]
fn a_client_that_leaves_ends_what_its_script_called() {
    let server = setup().start();
    let app = three_deep(&server);
    let client = app.knock(Door::Request);
    until_it_waits(&app);
    drop(client);
    all_are_cancelled(&app);
    assert_eq!(app.counted("grandchild", "invoke", "cancelled"), 1);
    while server.metric("picloud_scripts_active") > 0 {}
}

#[test]
fn a_stop_that_cuts_runs_off_leaves_their_records() {
    for door in DOORS {
        let mut server = setup().set("shutdown_timeout", "100ms").start();
        let app = three_deep(&server);
        let client = app.knock(door);
        until_it_waits(&app);
        assert!(server.stop().success(), "{}", server.log());
        drop(client);
        server.restart();
        all_are_cancelled(&App::known(&server, "deep"));
    }
}
