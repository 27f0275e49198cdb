//! The app under test: routes that make events of every kind, a handler that notes what it did.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::Server;
use test_support::ledger::{HANDLER, History};

pub(crate) const APP: &str = "crash";
/// A queue message with a key; one in seventeen fails at first.
const SEND: &str = r#"
let sequence = req.query.sequence.parse_int();
queue::send("ledger", #{key: req.query.key, sequence: sequence}, #{key: req.query.key})
"#;
/// Ten keys, each with its next ten messages, in one transaction.
const BATCH: &str = r#"
let first = req.query.first.parse_int();
let batch = req.query.batch;
tx::run(|| {
    for key in 0..10 {
        for sequence in first..first + 10 {
            let key = `b${batch}k${key}`;
            queue::send("ledger", #{key: key, sequence: sequence}, #{key: key});
        }
    }
});
"ok"
"#;
const PUT: &str = r#"
let key = req.query.key;
let sequence = req.query.sequence.parse_int();
kv::collection("watched").set(`${key}/${sequence}`, #{key: key, sequence: sequence});
"ok"
"#;
const ON_MESSAGE: &str = r#"
fn on_message(event) {
    let sent = event.message;
    if sent.sequence % 17 == 3 && ctx().attempt == 1 && !sent.key.starts_with("b") {
        throw "the first attempt fails";
    }
    note("queue", sent.key, sent.sequence, ctx().attempt, event.id);
}
fn on_change(event) {
    note("kv", event.value.key, event.value.sequence, ctx().attempt, event.id);
}
fn on_request(req) {
    note("later", req.query.key, req.query.sequence, ctx().attempt, "-");
}
"#;
const LIST: &str = r#"
let options = #{limit: 20};
if "cursor" in req.query { options.cursor = req.query.cursor; }
kv::collection("seen").list(options)
"#;

/// What is deployed.
fn release() -> Value {
    let triggers = [
        json!({"kind": "queue", "queue": "ledger", "script": "handle", "handler": "on_message",
               "retry": {"attempts": 5, "base": "50ms"}}),
        json!({"kind": "kv", "collection": "watched", "script": "handle",
               "handler": "on_change"}),
    ];
    json!({
        "replace": true,
        "scripts": {
            "send": {"source": SEND}, "batch": {"source": BATCH}, "put": {"source": PUT},
            "list": {"source": LIST}, "handle": {"source": format!("{HANDLER}{ON_MESSAGE}")},
        },
        "routes": [
            {"path": "/send", "script": "send"}, {"path": "/batch", "script": "batch"},
            {"path": "/put", "script": "put"}, {"path": "/list", "script": "list"},
            {"path": "/later", "script": "handle", "handler": "on_request", "mode": "async"},
        ],
        "triggers": triggers,
    })
}

/// Makes the app.
pub(crate) fn deploy(server: &Server) {
    server.default_app(APP);
    let path = format!("/apps/{APP}/releases");
    server.api("POST", &path, &release()).expect(201);
}

/// Waits for a condition; panics with what `state` tells when it does not come.
pub(crate) fn until(what: &str, state: &dyn Fn() -> String, done: &mut dyn FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < end, "{what}: {}", state());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn waiting(server: &Server) -> Value {
    let path = format!("/apps/{APP}/deliveries?limit=1");
    server.api("GET", &path, &Value::Null).expect(200).json()
}

/// Gives what was given up another chance; the events.
fn replay(server: &Server) -> Vec<String> {
    let path = format!("/apps/{APP}/dead-letters");
    let dead = server.api("GET", &path, &Value::Null).expect(200).json();
    let dead = dead["items"].as_array().expect("a list");
    for letter in dead {
        let error = letter["error"].as_str().unwrap_or_default();
        assert!(error.contains("the server ended"), "{letter}");
    }
    if !dead.is_empty() {
        let path = format!("{path}/replay");
        let reply = server.api("POST", &path, &json!({"all": true}));
        assert!(reply.status < 300, "{}", reply.text());
    }
    let event = |letter: &Value| letter["event"].as_str().expect("an id").to_owned();
    dead.iter().map(event).collect()
}

/// Waits until nothing waits any more. The events that were given up on the way, because the
/// server ended too often while it handled them; they are handled as well.
pub(crate) fn drain(server: &Server) -> BTreeSet<String> {
    let mut given_up = BTreeSet::new();
    loop {
        // As long as the first of them changes there is progress.
        let mut first = waiting(server)["items"][0].clone();
        while !first.is_null() {
            let state = || format!("{first}\n{}", server.log());
            let mut now = Value::Null;
            until("events wait for ever", &state, &mut || {
                now = waiting(server)["items"][0].clone();
                now != first
            });
            first = now;
        }
        let more = replay(server);
        if more.is_empty() {
            return given_up;
        }
        given_up.extend(more);
    }
}

/// What the handlers have done.
pub(crate) fn history(server: &Server) -> History {
    let mut history = History::default();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/list{cursor}")).expect(200).json();
        for item in page["items"].as_array().expect("a list") {
            history.read(item["key"].as_str().expect("a key"), &item["value"]);
        }
        let Some(next) = page["cursor"].as_str() else {
            return history;
        };
        cursor = format!("?cursor={}", encoded(next));
    }
}

/// A text as part of a query.
fn encoded(text: &str) -> String {
    let parts: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    parts.concat()
}
