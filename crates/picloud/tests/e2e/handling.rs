//! How handlers and senders say how an event goes on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Server, Setup};

use crate::support::{APP, deploy_with, setup, started};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);

const SHOW: &str = "kv::collection(\"seen\").get(\"log\") ?? []";

fn on_both(test: fn(Setup)) {
    test(setup());
    test(setup().postgres(&Postgres::shared().fresh()));
}

/// What a path answers, once it is as wanted.
fn until(what: impl Fn() -> Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let found = what();
        if wanted(&found) {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "only {found}");
    }
}

fn log(server: &Server) -> Value {
    let reply = server.get("/show");
    if reply.status == 200 {
        reply.json()
    } else {
        Value::Null
    }
}

fn dead_letters(server: &Server) -> Value {
    let path = format!("/apps/{APP}/dead-letters");
    let found = server.api("GET", &path, &Value::Null).expect(200).json();
    found["items"].clone()
}

/// Each message says what its handler throws at its first runs.
const HANDLE: &str = r#"
    let m = event.message;
    let log = kv::collection("seen");
    log.append("log", `${m.name} ${ctx.attempt}`);
    if log.incr(m.name, 1) > (m.times ?? 1) { return; }
    if m.name == "text" { throw "once more"; }
    throw m.throws;
"#;

fn wishes(setup: Setup) {
    let server = started(setup);
    let send = r#"
        queue::send_many("q", [
            #{ name: "never", throws: #{ retry: false, message: "no such customer" } },
            #{ name: "later", throws: #{ retry_in: "20ms", message: "busy" }, times: 3 },
            #{ name: "yes", throws: #{ retry: true } },
            #{ name: "wrong", throws: #{ retry_in: "soon", message: "hm" } },
            #{ name: "once", throws: "no" },
            #{ name: "thrice", throws: "no", times: 9 },
        ], [#{}, #{ key: "a" }, #{}, #{ attempts: 1 }, #{ attempts: 1 }, #{ attempts: 3 }])
    "#;
    let consumer = json!([{
        "kind": "queue", "queue": "q", "script": "handle",
        "retry": {"attempts": 2, "backoff": "fixed", "base": "10ms", "max": "10ms"},
    }]);
    let scripts = [("send", send), ("handle", HANDLE), ("show", SHOW)];
    deploy_with(&server, &scripts, &consumer);
    server.get("/send").expect(200);
    let dead = until(
        || dead_letters(&server),
        |dead| dead.as_array().is_some_and(|dead| dead.len() == 4),
    );
    let log = until(
        || log(&server),
        |log| log.as_array().is_some_and(|l| l.len() == 12),
    );
    let runs = |name: &str| -> Vec<String> {
        let all = log.as_array().unwrap().iter().filter_map(Value::as_str);
        let of = all.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        of.map(str::to_owned).collect()
    };
    assert_eq!(runs("never"), ["1"], "dead at once");
    assert_eq!(runs("later"), ["1", "1", "1", "1"], "no failed attempts");
    assert_eq!(runs("yes"), ["1", "2"]);
    assert_eq!(runs("once"), ["1"], "as the message says");
    assert_eq!(runs("thrice"), ["1", "2", "3"]);
    let mut errors: Vec<(String, u64)> = dead
        .as_array()
        .unwrap()
        .iter()
        .map(|dead| {
            let error = dead["error"].as_str().unwrap().to_owned();
            (error, dead["attempts"].as_u64().unwrap())
        })
        .collect();
    errors.sort();
    assert_eq!(errors[0].1, 1);
    assert!(
        errors[0].0.starts_with("hm (how it goes on: `retry_in`"),
        "{errors:?}"
    );
    let plain = |text: &str, attempts| (text.to_owned(), attempts);
    assert_eq!(
        errors[1..],
        [plain("no", 1), plain("no", 3), plain("no such customer", 1)]
    );
}

#[test]
fn a_handler_says_how_its_event_goes_on() {
    on_both(wishes);
}

fn in_many(setup: Setup) {
    let server = started(setup);
    let send = r#"
        let first = queue::send_many("q", ["a", "b"], [#{ idempotency_key: "1" }, #{ idempotency_key: "2" }]);
        let again = tx::run(|| queue::send_many("q", ["x", "c"], [#{ idempotency_key: "1" }, #{ key: "k" }]));
        let late = queue::send_many("q", ["late"], #{ delay: "1d", key: "k" });
        let twice = tx::run(|| [
            queue::send("q", 10, #{ idempotency_key: "T" }), queue::send("q", 11, #{ idempotency_key: "T" }),
        ]);
        let wrong = [];
        for options in [#{ idempotency_key: "3" }, [#{}], [1, #{}], #{ nonsense: 1 }, #{ attempts: 0 },
            #{ unique_for: "1h" }, [#{}, #{ idempotency_key: "4", unique_for: "31d" }]] {
            try { queue::send_many("q", [1, 2], options); } catch (e) { wrong.push(e.message); }
        }
        let missing = try_later();
        fn try_later() { try { invoke::later("nobody", 1); } catch (e) { return `${e.kind}: ${e.message}`; } }
        #{ same: first[0] == again[0], twice: twice[0] == twice[1], late: late.len(), wrong, missing }
    "#;
    let send = send.replace(
        "late: late.len(), wrong, missing",
        "late: late.len(), wrong: wrong, missing: missing",
    );
    let handle = r#"kv::collection("seen").append("log", event.message)"#;
    let consumer = json!([{"kind": "queue", "queue": "q", "script": "handle", "concurrency": 1}]);
    let scripts = [("send", &*send), ("handle", handle), ("show", SHOW)];
    deploy_with(&server, &scripts, &consumer);
    let answer = server.get("/send").expect(200).json();
    assert_eq!(
        (&answer["same"], &answer["twice"]),
        (&json!(true), &json!(true)),
        "{answer}"
    );
    assert_eq!(answer["wrong"].as_array().unwrap().len(), 7, "{answer}");
    let missing = answer["missing"].as_str().unwrap();
    assert!(missing.starts_with("not_found: "), "{missing}");
    assert!(missing.contains("no script `nobody`"), "{missing}");
    let log = until(
        || log(&server),
        |log| log.as_array().is_some_and(|l| l.len() == 4),
    );
    assert_eq!(log, json!(["a", "b", "c", 10]));
}

#[test]
fn many_messages_have_options_of_their_own() {
    on_both(in_many);
}

/// A sender's "redeliver" runs an event that was given up, and nothing else.
fn redelivered(setup: Setup) {
    let server = started(setup);
    let broken = r#"throw #{ retry: false, message: "not yet" }"#;
    let handle = r#"kv::collection("seen").append("log", req.json.n)"#;
    let route = |script: &str| {
        json!({
            "scripts": {"show": {"source": SHOW}, "hook": {"source": script}},
            "routes": [
                {"method": "POST", "path": "/hook", "script": "hook", "mode": "async"},
                {"method": "GET", "path": "/show", "script": "show"},
            ],
        })
    };
    let deploy = |script: &str| {
        let path = format!("/apps/{APP}/releases");
        server.api("POST", &path, &route(script)).expect(201);
    };
    let call = |n: u64| {
        let headers = [
            ("idempotency-key", "delivery-1"),
            ("content-type", "application/json"),
        ];
        let body = json!({ "n": n }).to_string();
        let reply = server.request("POST", "/hook", &headers, body);
        reply.expect(202).json()["id"].clone()
    };
    deploy(broken);
    let first = call(1);
    until(
        || dead_letters(&server),
        |dead| dead.as_array().is_some_and(|dead| dead.len() == 1),
    );
    deploy(handle);
    assert_eq!(call(2), first, "the same event");
    let seen = until(
        || log(&server),
        |log| log.as_array().is_some_and(|l| !l.is_empty()),
    );
    assert_eq!(seen, json!([2]));
    assert_eq!(dead_letters(&server), json!([]));
    // It was handled: from now on it is a duplicate.
    assert_eq!(call(3), first);
    assert_eq!(log(&server), json!([2]));
}

#[test]
fn what_is_delivered_again_after_its_death_is_handled() {
    on_both(redelivered);
}
