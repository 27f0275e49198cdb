//! Without a fault every event is handled exactly once, in the order of its key.

use std::sync::atomic::{AtomicU64, Ordering};

use test_support::ledger::{Lane, Ledger};
use test_support::{Postgres, Server, Setup, binary};

use super::app::deploy;
use super::report::Report;
use crate::{size, turn};

/// Keys in a batch, and messages of each.
const KEYS: u64 = 10;
const EACH: u64 = 10;
/// Batches of the same keys.
const ROUNDS: u64 = 10;

/// Sends so many events in batches over four connections.
fn send(server: &Server, ledger: &Ledger, events: u64) {
    let sets = events.div_ceil(KEYS * EACH * ROUNDS);
    let next = AtomicU64::new(0);
    let client = || {
        loop {
            let set = next.fetch_add(1, Ordering::Relaxed);
            if set >= sets {
                return;
            }
            for round in 0..ROUNDS {
                let first = round * EACH;
                let path = format!("/batch?batch={set}&first={first}");
                server.request("POST", &path, &[], "").expect(200);
                for key in 0..KEYS {
                    let lane = Lane::new("queue", format!("b{set}k{key}"));
                    ledger.acknowledge(&lane, first..first + EACH);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(client);
        }
    });
}

fn every_event_is_handled_once(name: &'static str, setup: Setup, events: u64) {
    let folder = tempfile::TempDir::new().unwrap();
    let server = setup.start();
    deploy(&server);
    let ledger = Ledger::new(&folder.path().join("ledger"));
    let start = std::time::Instant::now();
    send(&server, &ledger, events);
    let sent = start.elapsed();
    let report = Report::of(name, (0, 0), &server, &ledger, 0);
    println!("sent in {sent:?}, handled in {:?}", start.elapsed());
    report.judge();
    assert_eq!(server.metric("picloud_delivery_stale_ends_total"), 0);
}

#[test]
fn every_event_is_handled_once_on_sqlite() {
    let _turn = turn();
    let setup = Setup::new(binary("picloud"));
    every_event_is_handled_once("no fault sqlite", setup, size("CRASH_EVENTS", 20_000));
}

#[test]
fn every_event_is_handled_once_on_postgresql() {
    let _turn = turn();
    let postgres = Postgres::start();
    let setup = Setup::new(binary("picloud")).postgres(&postgres.fresh());
    every_event_is_handled_once("no fault postgresql", setup, size("CRASH_EVENTS", 2_000));
}
