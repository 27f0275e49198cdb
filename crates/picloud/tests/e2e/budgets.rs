//! A script that is called runs on what its caller has left, whoever called that.

use serde_json::{Value, json};

use crate::recorded::{App, DOORS, Door, Script};
use crate::support::setup;

/// Logs, then asks for what no test waits for.
const SLEEPS: &str = "time::sleep(600)";
const SPINS: &str = "loop {}";
const GROWS: &str = "let all = []; loop { all.push(all.len()); }";
const ASKS: &str = "loop { kv::collection(\"c\").get(\"k\"); }";
const CALLS: &str = "invoke::call(\"child\", ())";

/// More than any of the scripts here uses before its caller's limit ends it.
fn plenty() -> Value {
    json!({"wall": "5m", "cpu": "1m", "operations": 500_000_000, "memory": "256MiB",
        "host_calls": 100_000})
}

/// Plenty of everything but this.
fn only(limit: &str, value: &Value) -> Value {
    let mut limits = plenty();
    limits[limit] = value.clone();
    limits
}

/// A run's record ended by this limit, which is that script's, or its own.
fn ended(app: &App<'_>, record: &Value, limit: &str, of: Option<&str>) -> String {
    let shown = format!("{} {limit}: {record:#}", app.name);
    assert_eq!(record["outcome"], "limit", "{shown}");
    let error = app.detail(record)["error"].clone();
    assert_eq!(error["limit"], limit, "{shown}");
    assert_eq!(error["limit_of"].as_str(), of, "{shown}\n{error:#}");
    error["message"].as_str().unwrap().to_owned()
}

/// What a caller has too little of, and a script that uses it up.
fn callers_limits() -> [(&'static str, &'static str, Value, &'static str); 5] {
    [
        ("wall", SLEEPS, json!("300ms"), "300ms of elapsed time"),
        ("cpu", SPINS, json!("150ms"), "150ms of processor time"),
        ("operations", SPINS, json!(60_000), "60000 operations"),
        ("memory", GROWS, json!("2MiB"), "2097152 bytes of memory"),
        ("host_calls", ASKS, json!(20), "20 host calls"),
    ]
}

#[test]
fn a_callers_limit_ends_both_and_both_records_say_whose_it_is() {
    let server = setup().start();
    let cases = callers_limits();
    let apps = cases.iter().map(|(limit, source, value, _)| {
        let scripts = [
            Script::new("parent", CALLS).limits(only(limit, value)),
            Script::new("child", source).limits(plenty()),
        ];
        let app = App::deploy(&server, &limit.replace('_', "-"), &scripts);
        for door in DOORS {
            app.begin(door);
        }
        app
    });
    let apps: Vec<App<'_>> = apps.collect();
    for ((limit, _, _, whole), app) in cases.iter().zip(&apps) {
        for parent in app.records("parent", DOORS.len()) {
            let text = ended(app, &parent, limit, None);
            assert!(text.contains(whole) && text.contains("`child`"), "{text}");
        }
        for child in app.children("child", DOORS.len()) {
            let text = ended(app, &child, limit, Some("parent"));
            assert!(text.contains(whole) && text.contains("`parent`"), "{text}");
        }
    }
}

#[test]
fn three_deep_it_is_the_first_ones_limit() {
    let server = setup().start();
    let cases = callers_limits();
    let apps = cases.iter().map(|(limit, source, value, _)| {
        let scripts = [
            Script::new("parent", CALLS).limits(only(limit, value)),
            Script::new("child", "invoke::call(\"grandchild\", ())").limits(plenty()),
            Script::new("grandchild", source).limits(plenty()),
        ];
        let app = App::deploy(&server, &limit.replace('_', "-"), &scripts);
        app.begin(Door::Request);
        app
    });
    let apps: Vec<App<'_>> = apps.collect();
    for ((limit, _, _, whole), app) in cases.iter().zip(&apps) {
        let own = ended(app, &app.records("parent", 1)[0], limit, None);
        assert!(own.contains(whole) && own.contains("`child`"), "{own}");
        for script in ["child", "grandchild"] {
            let text = ended(app, &app.records(script, 1)[0], limit, Some("parent"));
            assert!(text.contains(whole) && text.contains("`parent`"), "{text}");
        }
    }
}

/// Each of these ends after more than 40 ms of its own, so a fourth one is the last that begins
/// within 150 ms.
#[test]
fn catching_the_callees_limit_brings_no_more_processor_time() {
    let catches = "for n in 0..100 { try { invoke::call(\"child\", ()) } catch {} }";
    let server = setup().start();
    let scripts = [
        Script::new("parent", catches).limits(only("cpu", &json!("150ms"))),
        Script::new("child", SPINS).limits(only("cpu", &json!("40ms"))),
    ];
    for (name, door) in [("asked", Door::Request), ("sent", Door::Event)] {
        let app = App::deploy(&server, name, &scripts);
        app.begin(door);
        ended(&app, &app.records("parent", 1)[0], "cpu", None);
        let path = format!("/apps/{name}/executions?script=child");
        let page = server.api("GET", &path, &Value::Null).json();
        let children = page["items"].as_array().unwrap();
        assert!((1..=4).contains(&children.len()), "{children:#?}");
    }
}

#[test]
fn a_callees_own_limit_is_an_error_that_can_be_caught() {
    let catches = "let seen = ();
        try { invoke::call(\"child\", ()) } catch (error) { seen = `${error}`; }
        seen";
    let server = setup().start();
    for (limit, source, value, whole) in callers_limits() {
        let scripts = [
            Script::new("parent", catches).limits(plenty()),
            Script::new("child", source).limits(only(limit, &value)),
        ];
        let app = App::deploy(&server, &limit.replace('_', "-"), &scripts);
        let text = app.begin(Door::Request).expect(200).text();
        assert!(text.contains(whole) && text.contains("`child`"), "{text}");
        ended(&app, &app.records("child", 1)[0], limit, None);
    }
}

#[test]
fn what_a_callee_used_counts_as_its_callers() {
    let server = setup().start();
    let works = "let c = kv::collection(\"c\"); for n in 0..7 { c.get(\"k\"); }
        let all = []; for n in 0..20000 { all.push(n); } all.len()";
    let scripts = [
        Script::new(
            "parent",
            "invoke::call(\"child\", ()) + invoke::call(\"child\", ())",
        ),
        Script::new("child", "invoke::call(\"grandchild\", ())"),
        Script::new("grandchild", works),
    ];
    let app = App::deploy(&server, "adds", &scripts);
    assert_eq!(app.begin(Door::Request).expect(200).text(), "40000");
    let of = |script, count| app.records(script, count)[0].clone();
    let (parent, child, grandchild) = (of("parent", 1), of("child", 2), of("grandchild", 2));
    let number = |record: &Value, name: &str| record[name].as_f64().unwrap();
    let calls = [&parent, &child, &grandchild].map(|record| &record["host_calls"]);
    assert_eq!(calls, [18, 8, 7]);
    for name in ["operations", "cpu_ms"] {
        let (two, one) = (number(&parent, name), number(&child, name));
        assert!(two > one, "{name}: {two} of {one}");
        assert!(one > number(&grandchild, name), "{name}");
    }
    let two = 2.0 * number(&grandchild, "operations");
    assert!(number(&parent, "operations") > two, "{parent:#}");
    assert!(number(&parent, "memory_peak") >= number(&grandchild, "memory_peak"));
}
