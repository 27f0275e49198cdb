//! The order in which events are handled: of one key, of one queue, and beside a server that was away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Server, Setup};

use crate::support::{deploy_with, setup, started};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);

/// What was handled, in order.
const SHOW: &str = "kv::collection(\"seen\").get(\"log\") ?? []";

/// What was handled, once that is as wanted.
fn until(server: &Server, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let reply = server.get("/show");
        if reply.status == 200 {
            let log: Vec<Value> = serde_json::from_value(reply.json()).unwrap();
            if wanted(&log) {
                return log;
            }
        }
        assert!(
            start.elapsed() < PATIENCE,
            "only {}\n{}",
            reply.text(),
            server.log()
        );
    }
}

fn on_both(test: fn(Setup)) {
    test(setup());
    test(setup().postgres(&Postgres::shared().fresh()));
}

/// A delayed message of a key is handled when it is due: those sent after it do not wait for it.
fn delays(setup: Setup) {
    let server = started(setup);
    let send = r#"
        queue::send("q", "in a day", #{ key: "x", delay: "1d" });
        queue::send("q", "later", #{ key: "x", delay: "1s" });
        queue::send("q", "soon", #{ key: "x", delay: "300ms" });
        tx::run(|| queue::send("q", "now", #{ key: "x" }));
    "#;
    let handle = r#"kv::collection("seen").append("log", event.message)"#;
    let consumer = json!([{"kind": "queue", "queue": "q", "script": "handle"}]);
    let scripts = [("send", send), ("handle", handle), ("show", SHOW)];
    deploy_with(&server, &scripts, &consumer);
    server.get("/send").expect(200);
    let log = until(&server, |log| log.len() == 3);
    assert_eq!(log, ["now", "soon", "later"]);
}

#[test]
fn a_delayed_message_holds_up_nobody_of_its_key() {
    on_both(delays);
}

/// A copy that follows a key ends as the key does, though an attempt at a change fails.
fn changes(setup: Setup) {
    let server = started(setup);
    let change = r#"
        let c = kv::collection("orders");
        for n in 0..5 { c.set("a", n); }
        tx::run(|| { c.set("a", 5); c.set("b", 5); });
        c.delete("a");
    "#;
    let follow = r#"
        if event.value == 1 && ctx.attempt == 1 { throw "once more"; }
        if event.key == "a" { kv::collection("seen").append("log", event.value); }
    "#;
    let trigger = json!([{
        "kind": "kv", "collection": "orders", "script": "follow",
        "retry": {"attempts": 3, "backoff": "fixed", "base": "200ms", "max": "200ms"},
    }]);
    let scripts = [("change", change), ("follow", follow), ("show", SHOW)];
    deploy_with(&server, &scripts, &trigger);
    server.get("/change").expect(200);
    let log = until(&server, |log| log.len() == 7);
    assert_eq!(json!(log), json!([0, 1, 2, 3, 4, 5, null]));
}

#[test]
fn changes_of_a_key_are_handled_in_order() {
    on_both(changes);
}

/// More than fits into memory, and a stream behind it that never lets a place stay free.
fn backlog(setup: Setup) {
    let server = started(setup);
    let send = r#"
        let all = [];
        let from = req.query.from.parse_int();
        for n in 0..300 { all.push(from + n); }
        queue::send_many("q", all)
    "#;
    let handle = r#"
        let log = kv::collection("seen");
        if event.message % 50 == 0 { log.append("log", event.message); }
    "#;
    let consumer = json!([{
        "kind": "queue", "queue": "q", "script": "handle", "concurrency": 1,
    }]);
    let scripts = [("send", send), ("handle", handle), ("show", SHOW)];
    deploy_with(&server, &scripts, &consumer);
    for from in (0..3_000).step_by(300) {
        server.get(&format!("/send?from={from}")).expect(200);
    }
    let log = until(&server, |log| log.len() == 60);
    let sent: Vec<Value> = (0..3_000).step_by(50).map(Value::from).collect();
    assert_eq!(log, sent, "what was sent first is handled first");
}

#[test]
fn what_was_sent_first_is_handled_first() {
    on_both(backlog);
}

const BURST: &str = r#"
    tx::run(|| { for n in 0..200 { queue::send("keyed", n, #{ key: "x" }); } });
"#;
const KEYED: &str = r#"
    kv::collection("seen").append("log", event.message);
    time::sleep("50ms");
"#;

/// One server is stopped for longer than its lease, in the middle of 200 messages of one key, with
/// requests that wait in its socket. The other takes over; the first must not go on with what it
/// has in memory.
#[test]
fn a_server_that_was_away_starts_nothing_that_another_took_over() {
    let url = Postgres::shared().fresh();
    let first = started(setup().postgres(&url));
    let second = setup().postgres(&url).start();
    let triggers = json!([
        {"kind": "queue", "queue": "keyed", "script": "handle"},
        {"kind": "queue", "queue": "other", "script": "other"},
    ]);
    let scripts = [
        ("burst", BURST),
        ("handle", KEYED),
        ("send", "queue::send(\"other\", 1)"),
        ("other", "1"),
        ("show", SHOW),
    ];
    deploy_with(&first, &scripts, &triggers);
    until(&second, <[Value]>::is_empty);
    first.get("/burst").expect(204);
    let before = until(&second, |log| log.len() >= 5).len();
    first.freeze();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| first.get("/send"));
        }
        // The other goes on where the first was stopped.
        until(&second, |log| log.len() >= before + 20);
        first.thaw();
    });
    let log = until(&second, |log| log.last() == Some(&json!(199)));
    let mut numbers: Vec<i64> = log.iter().map(|n| n.as_i64().unwrap()).collect();
    let sent: Vec<i64> = (0..200).collect();
    // The attempt that was under way may be repeated, and nothing else.
    assert!(numbers.len() <= sent.len() + 1, "{numbers:?}");
    if numbers.len() > sent.len() {
        let twice = numbers
            .iter()
            .position(|n| numbers.iter().filter(|other| *other == n).count() > 1);
        numbers.remove(twice.unwrap());
    }
    assert_eq!(numbers, sent);
    let told = "this process was away for longer than its lease";
    assert!(first.log().contains(told), "{}", first.log());
}
