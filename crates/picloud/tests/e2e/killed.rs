//! A server that is killed keeps every write it acknowledged, as a client sees it.
//!
//! The store's own tests do this below HTTP with a writer that lies (`crates/store/tests/store/
//! killed.rs`); here the answer has come all the way.

use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::json;
use test_support::{Postgres, Server, Setup, send};

use crate::support::{deploy, setup, started};

const WRITERS: usize = 8;
/// Keys one request checks: each is a host call, and a run has a thousand.
const AT_ONCE: usize = 500;

const WRITE: &str = r#"
    let key = req.query.key;
    kv::collection("ledger").set(key, #{ key: key, text: key + key });
"#;

/// Answers the keys that are not there as they were written.
const MISSING: &str = r#"
    let ledger = kv::collection("ledger");
    let missing = [];
    for key in req.json {
        let value = ledger.get(key);
        if value == () || value.key != key || value.text != key + key {
            missing.push(key);
        }
    }
    missing
"#;

/// Writes until the server is gone; tells which keys were acknowledged.
fn write(url: &str, name: &str, acknowledged: &Sender<String>) {
    for at in 0_u64.. {
        let key = format!("{name}-{at}");
        match send("POST", &format!("{url}/write?key={key}"), &[], "") {
            Ok(reply) => {
                reply.expect(200);
                acknowledged.send(key).unwrap();
            }
            Err(_killed) => return,
        }
    }
}

/// Kills the server while everybody writes, after so many acknowledgements; all that came.
fn cycle(server: &mut Server, cycle: u64, after: usize) -> Vec<String> {
    let url = server.url().to_owned();
    let (acknowledged, ledger): (_, Receiver<String>) = channel();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, acknowledged) = (&url, acknowledged.clone());
            scope.spawn(move || write(url, &format!("{cycle}-{writer}"), &acknowledged));
        }
        drop(acknowledged);
        let mut keys: Vec<String> = ledger.iter().take(after).collect();
        server.kill();
        // What was on its way to the clients when it died counts.
        keys.extend(ledger.iter());
        keys
    })
}

fn missing(server: &Server, keys: &[String]) -> Vec<String> {
    keys.chunks(AT_ONCE)
        .flat_map(|keys| {
            let reply = server.request("POST", "/missing", &[], json!(keys).to_string());
            serde_json::from_value::<Vec<String>>(reply.expect(200).json()).unwrap()
        })
        .collect()
}

fn every_acknowledged_write_survives(setup: Setup, cycles: u64) {
    let mut server = started(setup);
    deploy(&server, &[("write", WRITE), ("missing", MISSING)]);
    let mut random = fastrand::Rng::with_seed(u64::from(std::process::id()));
    let mut ledger = Vec::new();
    for number in 0..cycles {
        let after = random.usize(1..300);
        ledger.extend(cycle(&mut server, number, after));
        server.restart();
        let lost = missing(&server, &ledger);
        assert_eq!(lost, [""; 0], "cycle {number}, killed after {after}");
    }
    assert!(ledger.len() as u64 >= cycles, "the writers wrote");
    // The check sees a key that is not there.
    ledger.push("never-written".to_owned());
    assert_eq!(missing(&server, &ledger), ["never-written"]);
}

#[test]
fn a_killed_server_keeps_every_acknowledged_write_on_sqlite() {
    every_acknowledged_write_survives(setup(), 10);
}

#[test]
fn a_killed_server_keeps_every_acknowledged_write_on_postgresql() {
    let url = Postgres::shared().fresh();
    every_acknowledged_write_survives(setup().postgres(&url), 4);
}
