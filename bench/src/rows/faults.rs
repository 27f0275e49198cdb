//! `events_faults`: how soon events flow as before after PostgreSQL was restarted, its connections
//! were killed, or there were none left.
//!
//! Events are offered at a steady rate, about half of the peak; a client that has missed its time
//! does not make up for it, so that what is offered after a fault is what was offered before. An
//! event is a message whose handler counts it in the key-value store.
//!
//! The rate is that of handled events over [`WINDOW`]. The rate before is the median of all such
//! windows in [`BEFORE`]. What the recovery took ends with the first window that lies wholly after
//! the fault's end and reaches 98 % of that: it includes the window. Because a server that catches
//! up is fast for a moment, the median of the windows that begin later than 10 s after the fault
//! has to reach it too. At the end every acknowledged event has been handled, or the row fails.

mod cause;
mod load;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use serde_json::json;
use tempfile::TempDir;
use test_support::Postgres;

use super::{Plan, host, script};
use crate::client;
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::median;
use cause::{FAULTS, Fault};
use load::Load;

const APP: &str = "faults";
/// Events written down as handled.
const DONE: &str = "picloud_deliveries_total";
/// Share of the peak that is offered.
const SHARE: f64 = 0.5;
/// Events of one measurement of the peak.
const PEAK: u32 = 6_000;
/// Over how long a rate is measured.
const WINDOW: Duration = Duration::from_secs(2);
/// From the start of a window to the start of the next.
const STEP: Duration = Duration::from_millis(250);
/// How long is measured before a fault.
const BEFORE: Duration = Duration::from_secs(8);
/// When it has to be as before.
const RECOVERED: Duration = Duration::from_secs(10);
/// How long is measured after it.
const AFTER: Duration = Duration::from_secs(16);
/// The share of the rate before that has to be reached.
const BAR: f64 = 0.98;

/// What a fault did.
struct Effect {
    /// Seconds from its end to the end of the first good window; infinite if there is none.
    recovery: f64,
    /// The rate later than 10 s after it, beside the rate before.
    ratio: f64,
    before: f64,
}

/// PostgreSQL: at least 98 % of the rate before within 10 s, nothing lost.
pub(super) fn faults(_plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let mut postgres = Postgres::start();
    let url = postgres.fresh();
    let server = PiCloud::start_on(&directory.path().join("data"), Some(&url))?;
    prepare(&server)?;
    // The first round warms up.
    peak(&server)?;
    let load = Load::start(server.address, peak(&server)? * SHARE)?;
    let mut effects = Vec::new();
    for fault in &FAULTS {
        // What one fault left does not count for the next.
        drained(&url)?;
        effects.push(measure(&server, &mut postgres, &url, fault)?);
    }
    let sent = load.stop()?;
    drained(&url)?;
    let (lost, again) = ledger(&url, &sent.acknowledged)?;
    let worst = |of: fn(&Effect) -> f64, pick: fn(f64, f64) -> f64| {
        effects.iter().map(of).reduce(pick).unwrap_or(f64::NAN)
    };
    let recovery = worst(|e| e.recovery, f64::max);
    let ratio = worst(|e| e.ratio, f64::min);
    let met = recovery <= RECOVERED.as_secs_f64() && ratio >= BAR && lost == 0.0;
    let bar = ("every fault: >= 0.98 of the rate before within 10 s", met);
    let mut row = Row::value("events_faults", (recovery, "s"), FAULTS.len() as u32, bar)
        .with("acknowledged", sent.acknowledged.len() as f64)
        .with("acknowledged and not handled", lost)
        .with("handled more than once", again)
        .with("refused during the faults", sent.refused as f64)
        .with("worst rate after / before", ratio);
    for (fault, effect) in FAULTS.iter().zip(&effects) {
        row = row
            .with(fault.names[0], effect.recovery)
            .with(fault.names[1], effect.ratio)
            .with(fault.names[2], effect.before);
    }
    Ok(row)
}

fn prepare(server: &PiCloud) -> Result<()> {
    server.create_app(APP)?;
    let mut sources = serde_json::Map::new();
    for name in ["faults_send", "faults_work"] {
        sources.insert(name.to_owned(), json!({"source": script(name)?.1}));
    }
    let release = json!({
        "scripts": sources,
        "routes": [{"path": "/faults_send", "script": "faults_send"}],
        "triggers": [{"kind": "queue", "queue": "work", "script": "faults_work",
                      "concurrency": 64}],
    });
    server.api("POST", &format!("/apps/{APP}/releases"), &release)?;
    Ok(())
}

/// Events per second from the first that is sent until the last is handled, as fast as it goes.
fn peak(server: &PiCloud) -> Result<f64> {
    let before = server.metric(DONE)?;
    let request = client::get(&host(APP), "/faults_send?n=peak");
    let start = Instant::now();
    let events = PEAK.div_ceil(load::CONNECTIONS) * load::CONNECTIONS;
    client::block_on(client::send_all(
        server.address,
        request,
        load::CONNECTIONS,
        events,
    ))?;
    while server.metric(DONE)? - before < f64::from(events) {
        if start.elapsed() > Duration::from_mins(2) {
            return Err("the first events are not handled after 2 minutes".into());
        }
        pause(Duration::from_millis(5));
    }
    Ok(f64::from(events) / start.elapsed().as_secs_f64())
}

fn measure(server: &PiCloud, postgres: &mut Postgres, url: &str, fault: &Fault) -> Result<Effect> {
    let mut seen = Samples::default();
    // What was held up by the fault before has gone.
    pause(Duration::from_secs(1));
    let start = Instant::now();
    seen.until(server, start + BEFORE)?;
    (fault.cause)(postgres, url)?;
    let end = Instant::now();
    seen.until(server, end + AFTER)?;
    let before = median(&seen.rates(start, start + BEFORE));
    let after = seen.rates(end, end + AFTER);
    let good = after.iter().position(|rate| *rate >= before * BAR);
    let recovery = good.map_or(f64::INFINITY, |at| {
        (STEP * at as u32 + WINDOW).as_secs_f64()
    });
    let later = seen.rates(end + RECOVERED, end + AFTER);
    Ok(Effect {
        recovery,
        ratio: median(&later) / before,
        before,
    })
}

/// How many events had been handled when.
#[derive(Default)]
struct Samples(Vec<(Instant, f64)>);

impl Samples {
    fn until(&mut self, server: &PiCloud, end: Instant) -> Result<()> {
        while Instant::now() < end {
            let count = server.metric(DONE)?;
            self.0.push((Instant::now(), count));
            pause(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The rates of all windows from `from` to `to`.
    fn rates(&self, from: Instant, to: Instant) -> Vec<f64> {
        let mut rates = Vec::new();
        let mut start = from;
        while start + WINDOW <= to {
            let count = self.at(start + WINDOW) - self.at(start);
            rates.push(count / WINDOW.as_secs_f64());
            start += STEP;
        }
        rates
    }

    /// The count at a moment, on the line between the samples around it.
    fn at(&self, moment: Instant) -> f64 {
        let after = self.0.partition_point(|(at, _)| *at < moment);
        let last = self.0.len().saturating_sub(1);
        let (Some((t1, c1)), Some((t2, c2))) = (
            self.0.get(after.saturating_sub(1)),
            self.0.get(after.min(last)),
        ) else {
            return 0.0;
        };
        let between = t2.saturating_duration_since(*t1).as_secs_f64();
        if between <= 0.0 {
            return *c1;
        }
        let share = moment.saturating_duration_since(*t1).as_secs_f64() / between;
        c1 + (c2 - c1) * share.min(1.0)
    }
}

/// Waits until few events wait: as many as are always under way.
fn drained(url: &str) -> Result<()> {
    let mut client = Client::connect(url, NoTls)?;
    let start = Instant::now();
    loop {
        let row = client.query_one("SELECT COUNT(*) FROM deliveries", &[])?;
        if row.get::<_, i64>(0) <= 64 {
            return Ok(());
        }
        if start.elapsed() > Duration::from_mins(2) {
            return Err("events still wait 2 minutes after a fault".into());
        }
        pause(Duration::from_millis(100));
    }
}

/// Acknowledged events that were not handled, and how many were handled more than once.
fn ledger(url: &str, acknowledged: &[u64]) -> Result<(f64, f64)> {
    let mut client = Client::connect(url, NoTls)?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        let row = client.query_one("SELECT COUNT(*) FROM deliveries", &[])?;
        if row.get::<_, i64>(0) == 0 {
            break;
        }
        pause(Duration::from_millis(100));
    }
    let rows = client.query("SELECT key FROM kv WHERE collection = 'done'", &[])?;
    let handled: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let lost = acknowledged
        .iter()
        .filter(|n| !handled.contains(&n.to_string()))
        .count();
    // All messages of the warm-up have one key. A count is a JSON text.
    let again = client.query_one(
        "SELECT COUNT(*) FROM kv WHERE collection = 'done' AND key <> 'peak' \
         AND value <> CAST('1' AS BYTEA)",
        &[],
    )?;
    Ok((lost as f64, again.get::<_, i64>(0) as f64))
}
