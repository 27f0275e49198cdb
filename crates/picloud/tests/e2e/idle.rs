//! A server nobody asks does nothing, with triggers, a schedule and a paused queue too: no SQL, no
//! wake-ups. With a
//! database that others may use it looks now and then whether somebody did.

use std::time::Duration;

use serde_json::json;
use test_support::{Postgres, Server, Setup};

use crate::support::{APP, deploy_with, setup, started};

const SCRIPTS: usize = 20;
/// How long it is watched. What happens every second, and is therefore too often, shows.
const QUIET: Duration = Duration::from_secs(3);
/// More than a stray wake-up or two, fewer than any loop. The benchmark's row `idle` asks for at
/// most 5 in a minute, on a machine that does nothing else.
const SWITCHES: u64 = 15;

/// Statements of looking once whether anything that is served has changed: it happens every nine
/// seconds.
const COMPARE: u64 = 3;

/// Statements of looking at everything once, and of what the deploy may have left to tell; it
/// happens every ten seconds.
const LOOK: u64 = 20;

/// SQL statements so far.
fn statements(server: &Server) -> u64 {
    server.metric("picloud_store_statements_total")
}

/// Waits until every run is stored: what they leave to do is done then.
fn stored(server: &Server, runs: usize) {
    loop {
        let page = server.api(
            "GET",
            &format!("/apps/{APP}/executions?limit=200"),
            &serde_json::Value::Null,
        );
        if page.expect(200).json()["items"].as_array().unwrap().len() == runs {
            return;
        }
    }
}

/// Deploys triggers and a schedule, and runs every script once; it is quiet when this returns.
fn used(server: &Server) {
    let source = "kv::collection(\"c\").incr(\"visits\")";
    let names: Vec<String> = (0..SCRIPTS).map(|at| format!("script-{at}")).collect();
    let scripts: Vec<_> = names.iter().map(|name| (name.as_str(), source)).collect();
    let handler = [("handler", "1")];
    let scripts = [&scripts[..], &handler].concat();
    let triggers = json!([
        {"kind": "cron", "schedule": "0 6 * * *", "timezone": "Europe/Berlin", "script": "handler"},
        {"kind": "queue", "queue": "mail", "script": "handler"},
        {"kind": "kv", "collection": "other", "script": "handler"},
    ]);
    deploy_with(server, &scripts, &triggers);
    // What is due in it is no reason to stay awake.
    let paused = json!({"trigger": "queue/mail"});
    server
        .api("POST", &format!("/apps/{APP}/triggers/pause"), &paused)
        .expect(200);
    for n in 0..20 {
        let path = format!("/apps/{APP}/queues/mail/messages");
        server
            .api("POST", &path, &json!({ "message": n }))
            .expect(200);
    }
    // The counter counts: a test that reads a dead one could not fail.
    let before = statements(server);
    for name in &names {
        server.get(&format!("/{name}")).expect(200);
    }
    let after = statements(server);
    assert!(after >= before + SCRIPTS as u64, "{before}, then {after}");
    stored(server, SCRIPTS);
}

/// The statements and wake-ups of the quiet time.
#[expect(
    clippy::disallowed_methods,
    reason = "the quiet time is what is watched; nothing is waited for"
)]
fn watched(server: &Server) -> (u64, u64) {
    let quiet = statements(server);
    let switches = server.voluntary_switches();
    std::thread::sleep(QUIET);
    // A thread that ends takes its number along.
    let switches = server.voluntary_switches().saturating_sub(switches);
    (statements(server) - quiet, switches)
}

fn does_nothing_when_idle(setup: Setup, but_for: u64) {
    let server = started(setup);
    used(&server);
    let (statements, switches) = watched(&server);
    assert!(
        statements <= but_for,
        "{statements} statements without a request"
    );
    assert!(
        switches <= SWITCHES,
        "{switches} wake-ups without a request"
    );
}

#[test]
fn an_idle_server_runs_no_sql_and_does_not_wake_up() {
    does_nothing_when_idle(setup(), 0);
}

#[test]
fn an_idle_server_alone_on_postgresql_only_looks_for_changes() {
    let url = Postgres::shared().fresh();
    does_nothing_when_idle(setup().postgres(&url), COMPARE);
}

#[test]
fn idle_servers_on_one_database_look_at_the_others_and_no_more() {
    let url = Postgres::shared().fresh();
    let server = started(setup().postgres(&url));
    let other = setup().postgres(&url).start();
    used(&server);
    for server in [&server, &other] {
        let (statements, switches) = watched(server);
        assert!(statements <= LOOK, "{statements} statements");
        assert!(
            switches <= LOOK * SWITCHES,
            "{switches} wake-ups without a request"
        );
    }
}
