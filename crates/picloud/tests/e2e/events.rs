//! Events without hints, and while the database is away.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{Postgres, Server, Setup};

use crate::support::{setup, with_a_queue};

/// How often each message was handled.
const SEEN: &str = "let all = #{};
    for item in kv::collection(\"seen\").list(#{limit: 1000}).items { all[item.key] = item.value; }
    all";
/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until so many messages were handled, and looks that none was handled twice.
fn each_is_handled_once(server: &Server, messages: usize) {
    let start = Instant::now();
    loop {
        let reply = server.get("/seen");
        let seen = if reply.status == 200 {
            reply.json()
        } else {
            json!({})
        };
        let seen = seen.as_object().unwrap();
        assert!(seen.values().all(|times| times == 1), "{seen:?}");
        if seen.len() == messages {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "only {seen:?} of {messages}");
    }
}

fn without_hints(setup: Setup) {
    let server = with_a_queue(setup.set("events.hints", "off"), SEEN);
    for n in 0..50 {
        server.get(&format!("/send?n={n}")).expect(200);
    }
    each_is_handled_once(&server, 50);
}

#[test]
fn without_hints_everything_is_handled_on_sqlite() {
    without_hints(setup());
}

#[test]
fn without_hints_everything_is_handled_on_postgresql() {
    without_hints(setup().postgres(&Postgres::shared().fresh()));
}

#[test]
fn pure_scripts_answer_while_the_database_is_away_and_events_go_on_when_it_is_back() {
    let mut postgres = Postgres::start();
    let server = with_a_queue(setup().postgres(&postgres.fresh()), SEEN);
    server.get("/send?n=0").expect(200);
    each_is_handled_once(&server, 1);
    postgres.stop();
    for _ in 0..20 {
        assert_eq!(server.get("/pure").expect(200).text(), "still here");
    }
    let refused = server.get("/send?n=1");
    assert!(refused.status >= 500, "{}", refused.text());
    assert_eq!(server.get("/pure").expect(200).text(), "still here");
    postgres.restart();
    let start = Instant::now();
    while server.get("/send?n=2").status != 200 {
        assert!(start.elapsed() < PATIENCE, "it does not come back");
    }
    each_is_handled_once(&server, 2);
}
