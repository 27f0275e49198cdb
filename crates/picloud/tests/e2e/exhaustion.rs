//! Events while PostgreSQL has no connection left for the server, or all it has are stuck.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread::Scope;
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{Postgres, Server};

use crate::support::{setup, with_a_queue};

const SEEN: &str = "kv::collection(\"seen\").list(#{limit: 1000}).items.map(|item| item.key)";
/// Of the server to the database.
const CONNECTIONS: &str = "8";
/// More than that.
const SENDERS: u64 = 24;
/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);

/// The server, and what it has acknowledged.
struct Sent<'a> {
    server: &'a Server,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Sent<'_> {
    /// Sends a message; whether it was acknowledged.
    fn send(&self, number: u64) -> bool {
        let good = self.server.get(&format!("/send?n={number}")).status == 200;
        if good {
            self.acknowledged.lock().unwrap().insert(number.to_string());
        }
        good
    }

    /// Sends many at once, from threads of their own.
    fn send_at_once<'s>(&'s self, scope: &'s Scope<'s, '_>, from: u64) {
        for number in from..from + SENDERS {
            scope.spawn(move || self.send(number));
        }
    }

    /// Waits until a message is acknowledged.
    fn until_one_is_sent(&self, from: u64) {
        let start = Instant::now();
        let mut number = from;
        while !self.send(number) {
            assert!(start.elapsed() < PATIENCE, "{}", self.server.log());
            number += 1;
        }
    }

    /// Waits until all that was acknowledged is handled, and nothing waits any more.
    fn all_are_handled(&self) {
        let start = Instant::now();
        loop {
            let reply = self.server.get("/seen");
            let seen = if reply.status == 200 {
                reply.json()
            } else {
                json!([])
            };
            let seen = seen.as_array().unwrap().iter();
            let seen: BTreeSet<String> = seen.map(|n| n.as_str().unwrap().to_owned()).collect();
            let acknowledged = self.acknowledged.lock().unwrap().clone();
            let waiting = self.server.metric("picloud_events_waiting");
            if acknowledged.is_subset(&seen) && waiting == 0 {
                return;
            }
            let missing: Vec<_> = acknowledged.difference(&seen).collect();
            assert!(
                start.elapsed() < PATIENCE,
                "{missing:?} are missing, {waiting} wait\n{}",
                self.server.log()
            );
        }
    }

    fn pure_scripts_answer(&self) {
        for _ in 0..20 {
            assert_eq!(self.server.get("/pure").expect(200).text(), "still here");
        }
    }
}

fn sent(server: &Server) -> Sent<'_> {
    Sent {
        server,
        acknowledged: Mutex::default(),
    }
}

#[test]
fn when_the_database_has_no_connection_left_nothing_is_lost() {
    let postgres = Postgres::start();
    let admin = postgres.url("postgres");
    // A role of its own, because nothing limits the one that administers.
    postgres.sql(&admin, "CREATE ROLE limited LOGIN");
    postgres.sql(&admin, "CREATE DATABASE limited OWNER limited");
    let url = postgres.url("limited").replace("picloud@", "limited@");
    let server = with_a_queue(setup().postgres(&url), SEEN);
    let sent = sent(&server);
    std::thread::scope(|scope| {
        sent.send_at_once(scope, 100);
        sent.until_one_is_sent(1_000);
        postgres.sql(&admin, "ALTER ROLE limited CONNECTION LIMIT 0");
        let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE usename = 'limited'";
        postgres.sql(&admin, end);
        sent.send_at_once(scope, 200);
        sent.pure_scripts_answer();
        assert!(!sent.send(300), "there is no connection to store it");
        sent.pure_scripts_answer();
    });
    postgres.sql(&admin, "ALTER ROLE limited CONNECTION LIMIT -1");
    sent.until_one_is_sent(2_000);
    sent.all_are_handled();
}

#[test]
fn when_all_connections_are_stuck_nothing_is_lost() {
    let postgres = Postgres::start();
    let url = postgres.fresh();
    let setup = setup().postgres(&url);
    let server = with_a_queue(setup.set("database.connections", CONNECTIONS), SEEN);
    let sent = sent(&server);
    std::thread::scope(|scope| {
        sent.send_at_once(scope, 100);
        sent.until_one_is_sent(1_000);
        let mut other = postgres.session(&url);
        other.run("BEGIN");
        other.run("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE");
        sent.send_at_once(scope, 200);
        sent.pure_scripts_answer();
        let stuck = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'picloud' \
                     AND wait_event_type = 'Lock'";
        let start = Instant::now();
        while postgres.sql(&url, stuck) != CONNECTIONS {
            assert!(start.elapsed() < PATIENCE, "{}", server.log());
        }
        sent.pure_scripts_answer();
        other.run("ROLLBACK");
    });
    sent.until_one_is_sent(2_000);
    sent.all_are_handled();
}
