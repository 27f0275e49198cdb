//! Queues and triggers that are paused: across restarts, on two servers, under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Server, Setup};

use crate::by_hand::on_both;
use crate::support::{APP, deploy_with, setup, started};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);
/// Keys of messages.
const KEYS: u32 = 7;

/// Notes each message in the log of its key, in the order in which they are handled.
const HANDLE: &str = r#"
    kv::collection("logs").append(event.key, event.message);
    kv::collection("count").incr("all", 1);
"#;
const SEND: &str = r#"
    let from = req.query.from.parse_int();
    let messages = [];
    let options = [];
    for n in from..from + 50 {
        messages.push(n);
        options.push(#{ key: `k${n % 7}` });
    }
    queue::send_many("q", messages, options);
    ()
"#;
const LOGS: &str = r#"
    let all = #{};
    for n in 0..7 { all[`k${n}`] = kv::collection("logs").get(`k${n}`) ?? []; }
    all
"#;
const COUNT: &str = "kv::collection(\"count\").get(\"all\") ?? 0";

fn deploy(server: &Server) {
    let consumer = json!([{"kind": "queue", "queue": "q", "script": "handle"}]);
    let scripts = [
        ("handle", HANDLE),
        ("send", SEND),
        ("logs", LOGS),
        ("count", COUNT),
    ];
    deploy_with(server, &scripts, &consumer);
}

fn set(server: &Server, action: &str) {
    let path = format!("/apps/{APP}/triggers/{action}");
    let queue = json!({"trigger": "queue/q"});
    server.api("POST", &path, &queue).expect(200);
}

fn send(server: &Server, from: u32) {
    server.get(&format!("/send?from={from}")).expect(204);
}

fn count(server: &Server) -> u64 {
    server.get("/count").expect(200).json().as_u64().unwrap()
}

fn states(server: &Server) -> Value {
    let path = format!("/apps/{APP}/queues/q");
    let reply = server.api("GET", &path, &Value::Null).expect(200);
    reply.json()["states"].clone()
}

/// Waits until nothing of the queue is in a server's hands; how many are due then.
fn at_rest(server: &Server) -> u64 {
    let start = Instant::now();
    loop {
        let states = states(server);
        if states["in_flight"] == 0 {
            return states["due"].as_u64().unwrap();
        }
        assert!(start.elapsed() < PATIENCE, "{states}\n{}", server.log());
    }
}

/// Waits until so many were handled; each once, and those of a key in their order.
fn all_in_order(server: &Server, messages: u32) {
    let start = Instant::now();
    while count(server) < u64::from(messages) {
        assert!(
            start.elapsed() < PATIENCE,
            "only {} of {messages}: {}\n{}",
            count(server),
            states(server),
            server.log()
        );
    }
    let logs = server.get("/logs").expect(200).json();
    for key in 0..KEYS {
        let expected: Vec<u32> = (0..messages).filter(|n| n % KEYS == key).collect();
        assert_eq!(logs[format!("k{key}")], json!(expected), "key {key}");
    }
}

/// Nothing of a paused queue is started, also after a restart; when it goes on, all of it is handled
/// once and in order, also when it is paused again at once.
fn restarts(setup: Setup) {
    let mut server = started(setup);
    deploy(&server);
    for from in (0..400).step_by(50) {
        send(&server, from);
    }
    set(&server, "pause");
    let due = at_rest(&server);
    let handled = count(&server);
    assert_eq!(due + handled, 400);
    send(&server, 400);
    server.restart();
    send(&server, 450);
    assert_eq!((at_rest(&server), count(&server)), (due + 100, handled));
    for _ in 0..5 {
        set(&server, "resume");
        set(&server, "pause");
    }
    at_rest(&server);
    set(&server, "resume");
    all_in_order(&server, 500);
}

#[test]
fn a_pause_survives_a_restart_and_nothing_is_lost() {
    on_both(restarts);
}

/// Two servers take from one queue while it is paused and goes on, at either of them.
#[test]
fn a_pause_holds_on_two_servers() {
    let url = Postgres::shared().fresh();
    let here = started(setup().postgres(&url));
    deploy(&here);
    let there = setup().postgres(&url).start();
    let start = Instant::now();
    while there.get("/count").status != 200 {
        assert!(start.elapsed() < PATIENCE, "{}", there.log());
    }
    let sent = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for from in (0..1_000).step_by(50) {
                send(if from % 100 == 0 { &here } else { &there }, from);
            }
            sent.store(true, Ordering::Release);
        });
        let mut round = 0;
        while !sent.load(Ordering::Acquire) || round < 3 {
            let (one, other) = if round % 2 == 0 {
                (&here, &there)
            } else {
                (&there, &here)
            };
            set(one, "pause");
            at_rest(other);
            let before = count(one);
            // What happens elsewhere, and takes a while.
            for _ in 0..5 {
                other.get("/logs").expect(200);
            }
            assert_eq!(count(other), before, "it is paused");
            set(other, "resume");
            round += 1;
        }
    });
    all_in_order(&here, 1_000);
}
