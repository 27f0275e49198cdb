//! events: from enqueueing to handled, events per second, on both engines beside queues without
//! batching.

mod plain;

use std::time::{Duration, Instant};

use postgres::{Client, IsolationLevel, NoTls};
use serde_json::json;
use tempfile::TempDir;
use test_support::Postgres;

use super::{Plan, host, script};
use crate::client;
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{Pairs, median};

const APP: &str = "events";
/// Handled events.
const DONE: &str = "picloud_deliveries_total";
/// Messages of one `queue::send_many`.
const BATCH: u32 = 100;
/// Events of one measurement.
const EVENTS: u32 = 20_000;
/// How long a transaction is held open: five minutes when the row is asked for by its name.
const HELD: Duration = Duration::from_mins(5);
/// How long otherwise.
const HELD_BRIEFLY: Duration = Duration::from_secs(30);
/// Connections that send one event per request.
const SINGLE: u32 = 64;

/// SQLite, every step durable: at least 5 times one transaction per step.
pub(super) fn sqlite(plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let server = PiCloud::start(&directory.path().join("data"))?;
    let file = directory.path().join("plain.db");
    measure(
        plan,
        &server,
        (
            "events",
            "a transaction per step, SQLite FULL",
            (">= 5x", 5.0),
        ),
        || plain::sqlite(&file, plan.seconds),
    )
}

/// PostgreSQL: at least twice a loop with SKIP LOCKED on as many connections.
pub(super) fn postgres(plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let postgres = Postgres::start();
    let server = PiCloud::start_on(&directory.path().join("data"), Some(&postgres.fresh()))?;
    let plain = postgres.fresh();
    measure(
        plan,
        &server,
        (
            "events_pg",
            "a SKIP LOCKED loop, 8 connections",
            (">= 2x", 2.0),
        ),
        || plain::postgres(&plain, plan.seconds),
    )
}

fn measure(
    plan: &Plan,
    server: &PiCloud,
    (id, name, bar): (&'static str, &'static str, (&'static str, f64)),
    baseline: impl Fn() -> Result<f64>,
) -> Result<Row> {
    prepare(server)?;
    let (mut pairs, mut single) = (Pairs::default(), Vec::new());
    for _ in 0..plan.pairs {
        let ours = handled(server, "/events_fill", (8, EVENTS / BATCH), BATCH)?;
        pairs.add(ours, baseline()?);
        single.push(handled(server, "/events_one", (SINGLE, EVENTS / 4), 1)?);
    }
    let row = Row::ratio(id, "ev/s", &pairs, name, bar);
    Ok(row.with("sent one per request, ev/s", median(&single)))
}

/// PostgreSQL while somebody else holds a transaction open, so that nothing that was deleted can be
/// cleaned up: the rate at the end of that time beside the rate before it.
pub(super) fn held(plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let postgres = Postgres::start();
    let url = postgres.fresh();
    let server = PiCloud::start_on(&directory.path().join("data"), Some(&url))?;
    prepare(&server)?;
    let rate = || handled(&server, "/events_fill", (8, EVENTS / BATCH), BATCH);
    let mut before = Vec::new();
    for _ in 0..plan.pairs {
        before.push(rate()?);
    }
    let mut other = Client::connect(&url, NoTls)?;
    let mut transaction = other
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()?;
    transaction.query("SELECT txid_current()", &[])?;
    let asked_for = plan.ids.iter().any(|id| id == "events_held");
    let hold = if asked_for { HELD } else { HELD_BRIEFLY };
    let start = Instant::now();
    let mut during = Vec::new();
    while start.elapsed() < hold {
        during.push(rate()?);
    }
    transaction.rollback()?;
    let mut pairs = Pairs::default();
    let last = during.len().saturating_sub(before.len());
    for (before, ours) in before.iter().zip(&during[last..]) {
        pairs.add(*ours, *before);
    }
    let bar = (">= 0.9", 0.9);
    let row = Row::ratio("events_held", "ev/s", &pairs, "before the transaction", bar);
    Ok(row.with("held for, s", start.elapsed().as_secs_f64()))
}

/// Deploys what sends and what handles, and warms it up.
fn prepare(server: &PiCloud) -> Result<()> {
    server.create_app(APP)?;
    let scripts = [
        script("events_fill")?,
        script("events_one")?,
        script("events_work")?,
    ];
    let sources: serde_json::Map<_, _> = scripts
        .into_iter()
        .map(|(name, source)| (name, json!({"source": source})))
        .collect();
    let release = json!({
        "scripts": sources,
        "routes": [{"path": "/events_fill", "script": "events_fill"},
                   {"path": "/events_one", "script": "events_one"}],
        "triggers": [{"kind": "queue", "queue": "work", "script": "events_work", "concurrency": 64}],
    });
    server.api("POST", &format!("/apps/{APP}/releases"), &release)?;
    handled(server, "/events_fill", (8, EVENTS / BATCH / 4), BATCH)?;
    Ok(())
}

/// Events per second from the first request until the last event is handled; each request sends so
/// many.
fn handled(
    server: &PiCloud,
    path: &str,
    (connections, requests): (u32, u32),
    each: u32,
) -> Result<f64> {
    // Every connection sends as many requests.
    let events = requests.div_ceil(connections) * connections * each;
    let before = server.metric(DONE)?;
    let request = client::get(&host(APP), path);
    let start = Instant::now();
    client::block_on(client::send_all(
        server.address,
        request,
        connections,
        requests,
    ))?;
    loop {
        let done = server.metric(DONE)? - before;
        if done >= f64::from(events) {
            return Ok(done / start.elapsed().as_secs_f64());
        }
        if start.elapsed() > Duration::from_mins(2) {
            return Err(format!("{done} of {events} events are handled after 2 minutes").into());
        }
        pause(Duration::from_millis(5));
    }
}
