//! What waits, in people's hands: looked at, run now, put off, cancelled; events by hand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Server, Setup};

use crate::support::{APP, deploy_with, setup, started};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);

const SHOW: &str = "kv::collection(\"seen\").get(\"log\") ?? []";
const HANDLE: &str = r#"
    fn note(what) { kv::collection("seen").append("log", what); }
    fn on_message(event) {
        note(event.message);
        while kv::collection("gate").get(`${event.message}`) == "closed" { sleep(0.02); }
        if kv::collection("gate").get(`${event.message}`) == "fails" { throw "it fails"; }
    }
    fn on_time(event) { note(event.scheduled_for.type_of()); }
    fn on_topic(event) { note(`${event.topic}: ${event.message}`); }
    fn on_key(event) { note(`${event.op} ${event.key} ${event.value}`); }
    fn on_deploy(event) { note(event.release > 0); }
    fn on_call(req) { note(`${req.method} ${req.path} ${req.json.a}`); }
"#;

pub(crate) fn on_both(test: fn(Setup)) {
    test(setup());
    test(setup().postgres(&Postgres::shared().fresh()));
}

/// An app whose handlers note what they handle.
pub(crate) struct App(pub(crate) Server);

impl App {
    fn new(setup: Setup) -> Self {
        let server = started(setup);
        let gate = "kv::collection(\"gate\").set(req.query.n, req.query.to); ()";
        let triggers = json!([
            {"kind": "queue", "queue": "q", "script": "handle", "handler": "on_message",
                "concurrency": 1, "retry": {"attempts": 2, "base": "1h", "max": "1h"}},
            {"kind": "cron", "schedule": "0 0 1 1 *", "script": "handle", "handler": "on_time"},
            {"kind": "pubsub", "topic": "t.*", "script": "handle", "handler": "on_topic"},
            {"kind": "kv", "collection": "watched", "script": "handle", "handler": "on_key"},
            {"kind": "webhook", "path": "/hook", "secret": "S", "script": "handle",
                "handler": "on_call"},
        ]);
        let scripts = [("handle", HANDLE), ("show", SHOW), ("gate", gate)];
        deploy_with(&server, &scripts, &triggers);
        Self(server)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/apps/{APP}{path}");
        self.0.api(method, &path, body).expect(200).json()
    }

    fn gate(&self, message: &str, is: &str) {
        self.0
            .get(&format!("/gate?n={message}&to={is}"))
            .expect(204);
    }

    fn pause(&self, trigger: &str, paused: bool) {
        let action = if paused { "pause" } else { "resume" };
        let state = self.ask(
            "POST",
            &format!("/triggers/{action}"),
            &json!({ "trigger": trigger }),
        );
        let expected = json!({"trigger": trigger, "paused": paused, "changed": true});
        assert_eq!(state, expected);
    }

    fn send(&self, body: &Value) {
        self.ask("POST", "/queues/q/messages", body);
    }

    /// What waits, without what is shown of it beside its number, key and message.
    fn waiting(&self, query: &str) -> Vec<i64> {
        let found = self.ask("GET", &format!("/deliveries{query}"), &Value::Null);
        let items = found["items"].as_array().unwrap().iter();
        items.map(|item| item["seq"].as_i64().unwrap()).collect()
    }

    /// What waits, once it is so much.
    fn until_waiting(&self, query: &str, count: usize) -> Vec<i64> {
        let start = Instant::now();
        loop {
            let found = self.waiting(query);
            if found.len() == count {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{query}: {found:?}");
        }
    }

    /// What was handled, once it is so much.
    pub(crate) fn handled(&self, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let reply = self.0.get("/show");
            let seen = if reply.status == 200 {
                reply.json()
            } else {
                json!([])
            };
            let seen = seen.as_array().unwrap();
            if seen.len() >= count {
                return seen.clone();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "only {seen:?}\n{}",
                self.0.log()
            );
        }
    }

    /// The audit log tells of all these.
    fn audited(&self, actions: &[&str]) {
        let audit = self.0.api("GET", "/audit", &Value::Null).expect(200).text();
        for action in actions {
            assert!(audit.contains(action), "{action}: {audit}");
        }
    }

    /// The key of the trigger of a kind.
    fn key(&self, kind: &str) -> String {
        let triggers = self.ask("GET", "/triggers", &Value::Null);
        let keys = triggers["items"].as_array().unwrap().iter();
        let mut keys = keys.map(|trigger| trigger["key"].as_str().unwrap());
        keys.find(|key| key.starts_with(kind)).unwrap().to_owned()
    }

    fn refused(&self, method: &str, path: &str, body: &Value, status: u16) -> String {
        let path = format!("/apps/{APP}{path}");
        let reply = self.0.api(method, &path, body).expect(status);
        reply.json()["detail"].as_str().unwrap().to_owned()
    }
}

fn hands(setup: Setup) {
    let app = App::new(setup);
    app.pause("queue/q", true);
    for n in 0..4 {
        app.send(&json!({ "message": n }));
    }
    app.send(&json!({"message": "late", "delay": "1d", "key": "k"}));
    app.send(&json!({"message": "never", "delay": "1d"}));
    let queues = app.ask("GET", "/queues", &Value::Null);
    assert!(queues["items"][0]["paused_at"].is_string());
    let queue = app.ask("GET", "/queues/q", &Value::Null);
    let states = json!({"in_flight": 0, "due": 4, "delayed": 2, "retrying": 0, "unconsumed": 0});
    assert_eq!(
        (&queue["states"], &queue["queue"]["depth"]),
        (&states, &json!(6))
    );
    let triggers = app.ask("GET", "/triggers", &Value::Null);
    let triggers = triggers["items"].as_array().unwrap().iter();
    assert_eq!(
        triggers
            .filter(|trigger| trigger["paused_at"].is_string())
            .count(),
        1
    );
    let due = app.waiting("?queue=q&state=due");
    assert_eq!(app.handled(0), [json!(null); 0], "it is paused");
    assert_eq!(app.waiting("?state=delayed").len(), 2);
    let late = app.waiting("?key=k&trigger=queue/q")[0];
    assert!(app.waiting("?state=retrying").is_empty());
    // Its contents can be looked at.
    let one = app.ask("GET", &format!("/deliveries/{}", due[2]), &Value::Null);
    assert_eq!(
        one["payload"],
        json!({"name": "q", "message": 2, "key": null})
    );
    assert_eq!(
        (&one["delivery"]["paused"], &one["delivery"]["state"]),
        (&json!(true), &json!("due"))
    );
    // One is cancelled, one put off, one of the delayed may run now.
    let done = app.ask("DELETE", &format!("/deliveries/{}", due[0]), &Value::Null);
    assert_eq!(done, json!({"cancelled": 1, "in_flight": 0}));
    let path = format!("/deliveries/{}/delay", due[1]);
    let moved = app.ask("POST", &path, &json!({"delay": "1h"}));
    assert_eq!(moved["state"], "delayed");
    app.ask("POST", &format!("/deliveries/{late}/run"), &Value::Null);
    app.pause("queue/q", false);
    assert_eq!(app.handled(3), [json!(2), json!(3), json!("late")]);
    // The rest of the queue is cancelled.
    let done = app.ask("DELETE", "/deliveries?queue=q", &Value::Null);
    assert_eq!(done["cancelled"], 2);
    assert!(app.waiting("").is_empty());
    app.refused("DELETE", &format!("/deliveries/{late}"), &Value::Null, 404);
    assert_eq!(app.0.metric("picloud_events_waiting"), 0);
    app.audited(&[
        "triggers.pause",
        "queues.send",
        "deliveries.cancel",
        "deliveries.delay",
        "deliveries.run",
        "triggers.resume",
        "deliveries.purge",
    ]);
}

#[test]
fn what_waits_is_in_peoples_hands() {
    on_both(hands);
}

/// What a server has in its hands may have begun: it is given no other time, and what is cancelled
/// is not started, nor tried again.
fn in_flight(setup: Setup) {
    let app = App::new(setup);
    for n in ["a", "b", "c"] {
        app.gate(n, "closed");
        app.send(&json!({"message": n, "key": "k", "idempotency_key": n}));
    }
    assert_eq!(app.handled(1), ["a"]);
    let held = app.until_waiting("?state=in_flight", 3);
    for what in ["run", "delay"] {
        let path = format!("/deliveries/{}/{what}", held[1]);
        let said = app.refused("POST", &path, &json!({"delay": "1h"}), 409);
        assert!(said.contains("in its hands"), "{said}");
    }
    // The one that runs and the one behind it.
    for seq in &held[..2] {
        let done = app.ask("DELETE", &format!("/deliveries/{seq}"), &Value::Null);
        assert_eq!(done, json!({"cancelled": 1, "in_flight": 1}));
    }
    app.gate("a", "fails");
    app.gate("c", "open");
    assert_eq!(app.handled(2), ["a", "c"]);
    app.until_waiting("", 0);
    // What was not handled may be sent again.
    app.gate("b", "open");
    app.send(&json!({"message": "b", "idempotency_key": "b"}));
    assert_eq!(app.handled(3)[2], "b");
    app.until_waiting("", 0);
    assert_eq!(app.0.metric("picloud_events_waiting"), 0);
    assert_eq!(app.0.metric("picloud_events_waiting_bytes"), 0);
}

#[test]
fn what_is_cancelled_in_a_servers_hands_is_not_started() {
    on_both(in_flight);
}

/// One that has failed holds up its key until it is cancelled, or tried again by hand.
fn failed(setup: Setup) {
    let app = App::new(setup);
    app.gate("a", "fails");
    for n in ["a", "b", "c"] {
        app.send(&json!({"message": n, "key": "k"}));
    }
    let first = app.until_waiting("?state=retrying", 1)[0];
    app.until_waiting("?state=in_flight", 0);
    app.gate("a", "open");
    app.ask("POST", &format!("/deliveries/{first}/run"), &Value::Null);
    assert_eq!(app.handled(4), ["a", "a", "b", "c"]);
    app.gate("d", "fails");
    for n in ["d", "e"] {
        app.send(&json!({"message": n, "key": "k"}));
    }
    let first = app.until_waiting("?state=retrying", 1)[0];
    app.until_waiting("?state=in_flight", 0);
    assert_eq!(app.handled(5).len(), 5);
    app.ask("DELETE", &format!("/deliveries/{first}"), &Value::Null);
    assert_eq!(app.handled(6)[4..], ["d", "e"]);
    app.until_waiting("", 0);
}

#[test]
fn what_is_behind_one_that_failed_goes_on_when_that_is_dealt_with() {
    on_both(failed);
}

fn by_hand(setup: Setup) {
    let app = App::new(setup);
    let run = |kind: &str, event: &Value| {
        app.ask(
            "POST",
            "/triggers/run",
            &json!({"trigger": app.key(kind), "event": event}),
        );
    };
    run("cron", &Value::Null);
    assert_eq!(app.handled(1), ["string"]);
    run("queue", &json!({"message": {"to": "ada"}, "key": "k"}));
    assert_eq!(app.handled(2)[1], json!({"to": "ada"}));
    run("pubsub", &json!({"topic": "t.x", "message": 7}));
    assert_eq!(app.handled(3)[2], "t.x: 7");
    run("kv", &json!({"key": "a", "value": 5}));
    assert_eq!(app.handled(4)[3], "set a 5");
    run("webhook", &json!({"body": {"a": 1}}));
    assert_eq!(app.handled(5)[4], "POST /hook 1");
}

#[test]
fn triggers_run_by_hand() {
    on_both(by_hand);
}

fn wrong(setup: Setup) {
    let app = App::new(setup);
    for (kind, event, says) in [
        ("queue", json!(null), "needs `message`"),
        ("queue", json!({"mesage": 1}), "did you mean `message`"),
        ("queue", json!({"message": 1, "key": 2}), "`key` is a text"),
        ("kv", json!({"value": 1}), "needs `key`"),
        ("kv", json!({"key": "a", "op": "put"}), "`op` is"),
        (
            "pubsub",
            json!({"topic": "u.x", "message": 1}),
            "topics like `t.*`",
        ),
        ("pubsub", json!({"message": 1}), "needs `topic`"),
        ("webhook", json!({"method": "ANY"}), "method"),
        ("webhook", json!({"path": "hook"}), "`path`"),
        (
            "cron",
            json!({"schedule": "x".repeat(300 << 10)}),
            "256 KiB",
        ),
    ] {
        let body = json!({"trigger": app.key(kind), "event": event});
        let said = app.refused("POST", "/triggers/run", &body, 400);
        assert!(said.contains(says), "{kind} {said}");
    }
    app.refused(
        "POST",
        "/triggers/run",
        &json!({"trigger": "queue/other"}),
        404,
    );
    app.refused(
        "POST",
        "/triggers/pause",
        &json!({"trigger": "cron/x"}),
        404,
    );
    for bad in [
        json!({"message": 1, "delay": "soon"}),
        json!({"message": 1, "delay": "366d"}),
        json!({"message": 1, "key": ""}),
        json!({"message": 1, "idempotency_key": "a\u{0}"}),
        json!({"message": 1, "attempts": 0}),
        json!({"message": "x".repeat(300 << 10)}),
    ] {
        app.refused("POST", "/queues/q/messages", &bad, 400);
    }
    app.refused("POST", "/queues/Q%2F/messages", &json!({"message": 1}), 404);
    assert_eq!(app.handled(0).len(), 0);
}

#[test]
fn an_event_that_cannot_be_is_refused() {
    on_both(wrong);
}
