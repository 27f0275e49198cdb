//! Nothing an app keeps can be reached from another app: one row for each service.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Server};

use crate::support::setup;

/// Longest wait: only so that a defect fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one app keeps, and how another one tries to reach it. Both use the same names.
struct Row {
    service: &'static str,
    /// Makes the app `mine` keep something.
    leave: &'static str,
    /// What it keeps; `()` while there is nothing yet.
    kept: &'static str,
    /// Tries to see and to change it from the app `theirs`. `req.query.id` is what `mine` keeps.
    reach: &'static str,
    /// What is seen there.
    seen: fn() -> Value,
    /// What `mine` keeps after that, and after it has left the same again.
    then: fn() -> Value,
}

/// What handlers of messages in both apps were given.
const GIVEN: &str = r#"kv::collection("given").append(event.kind, event.message)"#;

const ROWS: [Row; 6] = [
    Row {
        service: "kv",
        leave: r#"kv::collection("c").set("k", "mine")"#,
        kept: r#"kv::collection("c").get("k")"#,
        reach: r#"
            let c = kv::collection("c");
            let seen = [c.get("k"), c.count(), c.list().items.len(), c.delete("k")];
            c.set("k", "theirs");
            seen"#,
        seen: || json!([null, 0, 0, false]),
        then: || json!("mine"),
    },
    Row {
        service: "tx",
        leave: r#"tx::run(|| kv::collection("t").set("k", "mine"))"#,
        kept: r#"kv::collection("t").get("k")"#,
        reach: r#"
            tx::run(|| {
                let c = kv::collection("t");
                let seen = [c.get("k"), c.delete("k")];
                c.set("k", "theirs");
                seen
            })"#,
        seen: || json!([null, false]),
        then: || json!("mine"),
    },
    Row {
        service: "queue",
        leave: r#"queue::send("later", "mine", #{ delay: "1h" }); queue::send("mail", "mine")"#,
        kept: r#"kv::collection("given").get("queue")"#,
        reach: r#"queue::send("mail", "theirs"); queue::depth("later")"#,
        seen: || json!(0),
        then: || json!(["mine", "mine"]),
    },
    Row {
        service: "pubsub",
        leave: r#"pubsub::publish("news", "mine")"#,
        kept: r#"kv::collection("given").get("pubsub")"#,
        reach: r#"pubsub::publish("news", "theirs"); "published""#,
        seen: || json!("published"),
        then: || json!(["mine", "mine"]),
    },
    Row {
        service: "invoke",
        leave: r#"invoke::call("private", ())"#,
        kept: r#"invoke::call("private", ())"#,
        reach: r#"
            let seen = ();
            try { seen = invoke::call("private", ()); } catch (e) { seen = e.kind; }
            seen"#,
        seen: || json!("not_found"),
        then: || json!("of mine"),
    },
    Row {
        service: "dead_letters",
        leave: r#"queue::send("fails", 1, #{ idempotency_key: "once" })"#,
        kept: r"let all = dead_letters::list(); if all.is_empty() { () } else { all[0].fields.message }",
        reach: r"
            let id = req.query.id;
            [dead_letters::list().len(), dead_letters::replay(id), dead_letters::discard(id)]",
        seen: || json!([0, false, false]),
        then: || json!(1),
    },
];

fn make(server: &Server, app: &str, private: bool) {
    server
        .api("POST", "/apps", &json!({ "name": app }))
        .expect(201);
    let mut scripts = serde_json::Map::new();
    let mut add = |name: &str, source: &str| {
        drop(scripts.insert(name.to_owned(), json!({ "source": source })));
    };
    for row in &ROWS {
        add(&format!("{}-leave", row.service), row.leave);
        add(&format!("{}-kept", row.service), row.kept);
        add(&format!("{}-reach", row.service), row.reach);
    }
    add("given", GIVEN);
    add("fails", "throw \"on purpose\"");
    add("dead", "dead_letters::list().map(|dead| dead.id)");
    if private {
        add("private", "\"of mine\"");
    }
    let triggers = json!([
        {"kind": "queue", "queue": "mail", "script": "given"},
        {"kind": "pubsub", "topic": "news", "script": "given"},
        {"kind": "queue", "queue": "fails", "script": "fails", "retry": {"attempts": 1}},
    ]);
    let release = json!({ "scripts": scripts, "triggers": triggers });
    let path = format!("/apps/{app}/releases");
    server.api("POST", &path, &release).expect(201);
}

fn ask(server: &Server, app: &str, path: &str) -> Value {
    let host = format!("{app}.localhost");
    let answer = server.request("GET", path, &[("host", &host)], "");
    assert!(answer.status < 300, "{app}{path}: {}", answer.text());
    let text = answer.text();
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Waits until the app keeps something that is as it is expected, or is not.
fn kept_when(server: &Server, row: &Row, fits: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let kept = ask(server, "mine", &format!("/{}-kept", row.service));
        if fits(&kept) {
            return kept;
        }
        assert!(Instant::now() < end, "{}: {kept}", row.service);
    }
}

/// The id of what only the app `mine` may reach by it.
fn id_of_mine(server: &Server) -> String {
    let dead = ask(server, "mine", "/dead");
    dead[0].as_str().unwrap_or("ded_none").to_owned()
}

fn check(server: &Server, row: &Row) {
    let service = row.service;
    let leave = || ask(server, "mine", &format!("/{service}-leave"));
    leave();
    kept_when(server, row, |kept| !kept.is_null());
    let id = id_of_mine(server);
    let seen = ask(server, "theirs", &format!("/{service}-reach?id={id}"));
    assert_eq!(seen, (row.seen)(), "{service}");
    leave();
    let then = (row.then)();
    // What came from the other app would be before what was left last.
    let size = |value: &Value| value.as_array().map_or(0, Vec::len);
    let kept = kept_when(server, row, |kept| {
        !kept.is_null() && size(kept) >= size(&then)
    });
    assert_eq!(kept, then, "{service}");
}

fn keeps_apps_apart(server: &Server) {
    make(server, "mine", true);
    make(server, "theirs", false);
    for row in &ROWS {
        check(server, row);
    }
}

#[test]
fn no_service_leads_to_another_app() {
    keeps_apps_apart(&setup().start());
}

#[test]
fn no_service_leads_to_another_app_on_postgresql() {
    let url = Postgres::shared().fresh();
    keeps_apps_apart(&setup().postgres(&url).start());
}
