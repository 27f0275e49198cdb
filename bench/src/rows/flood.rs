//! `flood`: an app's events while another app floods its own queue, on both engines.
//!
//! The calm app is sent [`RATE`] messages a second at fixed times, half of them with a delay: those
//! wait in the database and are claimed. Measured is how late a handler starts: from the call that
//! sends (for a delayed one from its time), as in `wake`; and for comparison from the moment the
//! request was due, which has the request and its way in it.
//!
//! The other app has 20,000 messages waiting and is sent at least ten times as many as its handlers
//! can do: handlers that wait and hold their places, handlers that use the processor, and handlers
//! that fail, so that every attempt is written down and made again. Handlers that do nothing are sent
//! as much as is answered, which leaves the queues and the database as the bottleneck. There are ten
//! times as many of its messages as of the calm app's in every case.

mod noise;

use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::{Clock as _, SystemClock};
use tempfile::TempDir;
use test_support::Postgres;

use super::{Plan, host, script};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{median, percentile};
use noise::{KINDS, Noise};

const APP: &str = "calm";
/// Messages of the calm app per second.
const RATE: u32 = 100;
/// Connections that send them in turn.
const CONNECTIONS: u32 = 20;
/// How long every second message waits.
const DELAY: u64 = 100;

/// SQLite: p99 at most twice that alone, or 100 ms more.
pub(super) fn sqlite(plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let server = PiCloud::start(&directory.path().join("data"))?;
    measure(plan, &server, "flood")
}

/// PostgreSQL: the same.
pub(super) fn postgres(plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let postgres = Postgres::start();
    let server = PiCloud::start_on(&directory.path().join("data"), Some(&postgres.fresh()))?;
    measure(plan, &server, "flood_pg")
}

/// How late handlers started, in milliseconds.
#[derive(Default)]
struct Late {
    /// After the call that sent.
    sent: Vec<f64>,
    /// After the time of a delayed message.
    delayed: Vec<f64>,
    /// After the request was due, and the delay.
    due: Vec<f64>,
}

impl Late {
    fn p99(&self) -> [f64; 3] {
        [&self.sent, &self.delayed, &self.due].map(|all| percentile(all, 0.99))
    }
}

fn measure(plan: &Plan, server: &PiCloud, id: &'static str) -> Result<Row> {
    prepare(server)?;
    phase(server, "warm", plan.seconds, &mut Late::default())?;
    let mut alone = Late::default();
    let mut with = KINDS.map(|_| (Late::default(), Vec::new(), Vec::new()));
    for round in 0..plan.pairs {
        phase(server, &format!("alone{round}"), plan.seconds, &mut alone)?;
        for (kind, (late, sent, handled)) in KINDS.iter().zip(&mut with) {
            let noise = Noise::start(server, kind)?;
            phase(
                server,
                &format!("{}{round}", kind.script),
                plan.seconds,
                late,
            )?;
            let done = noise.stop(server)?;
            sent.push(done.sent);
            handled.push(done.handled);
        }
    }
    let solo = alone.p99();
    let bound = |at: usize| (solo[at] * 2.0).max(solo[at] + 100.0);
    let (mut worst, mut met) = (0.0_f64, true);
    let mut row = Row::value(id, (0.0, "ms"), plan.pairs, (BAR, true))
        .with("alone: p99, ms", solo[0])
        .with("alone: p99 of delayed ones, ms", solo[1])
        .with("alone: p99 from the request, ms", solo[2])
        .with(
            "messages alone",
            (alone.sent.len() + alone.delayed.len()) as f64,
        );
    for (kind, (late, sent, handled)) in KINDS.iter().zip(&with) {
        let p99 = late.p99();
        worst = worst.max(p99[0]).max(p99[1]);
        met &= p99[0] <= bound(0) && p99[1] <= bound(1);
        for (name, value) in kind.names.iter().zip(p99) {
            row = row.with(name, value);
        }
        row = row
            .with(kind.names[3], median(sent))
            .with(kind.names[4], median(handled));
    }
    row.ours = worst;
    row.baseline = Some(solo[0].max(solo[1]));
    row.baseline_name = "the same app alone";
    row.verdict = if met { "PASS" } else { "FAIL" };
    Ok(row)
}

const BAR: &str = "p99 <= max(2x alone, alone + 100 ms)";

fn prepare(server: &PiCloud) -> Result<()> {
    server.create_app(APP)?;
    let mut sources = serde_json::Map::new();
    for name in ["flood_send", "flood_start", "flood_seen"] {
        sources.insert(name.to_owned(), json!({"source": script(name)?.1}));
    }
    let release = json!({
        "scripts": sources,
        "routes": [{"path": "/flood_send", "script": "flood_send"},
                   {"path": "/flood_seen", "script": "flood_seen"}],
        "triggers": [{"kind": "queue", "queue": "calm", "script": "flood_start"}],
    });
    server.api("POST", &format!("/apps/{APP}/releases"), &release)?;
    Ok(())
}

/// Sends the calm app's messages for some seconds and adds how late each was handled.
fn phase(server: &PiCloud, name: &str, seconds: u32, late: &mut Late) -> Result<()> {
    let expected = RATE * seconds;
    client::block_on(send(server, name, expected))?;
    let request = client::get(&host(APP), &format!("/flood_seen?phase={name}"));
    let start = std::time::Instant::now();
    let seen = loop {
        let seen = client::block_on(async {
            let answer = Connection::open(server.address)
                .await?
                .call(&request)
                .await?;
            client::ok(&answer)?;
            Ok(serde_json::from_slice::<Vec<Value>>(&answer.body)?)
        })?;
        if seen.len() >= expected as usize {
            break seen;
        }
        if start.elapsed() > Duration::from_mins(1) {
            let seen = seen.len();
            return Err(format!("{name}: {seen} of {expected} are handled after a minute").into());
        }
        pause(Duration::from_millis(50));
    };
    for one in seen {
        let number = |field: &str| one[field].as_f64().unwrap_or(f64::INFINITY);
        let kind = if one["delayed"] == true {
            &mut late.delayed
        } else {
            &mut late.sent
        };
        kind.push(number("waited"));
        late.due.push(number("late"));
    }
    Ok(())
}

async fn send(server: &PiCloud, name: &str, count: u32) -> Result<()> {
    let between = Duration::from_secs(1) / RATE;
    let start = tokio::time::Instant::now() + Duration::from_millis(50);
    let wall = SystemClock.now().as_millis() + 50;
    let mut clients = Vec::new();
    for client in 0..CONNECTIONS {
        let (address, name) = (server.address, name.to_owned());
        clients.push(tokio::task::spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            for number in (client..count).step_by(CONNECTIONS as usize) {
                let at = between * number;
                tokio::time::sleep_until(start + at).await;
                let due = wall + at.as_millis() as i64;
                // Half of each connection's.
                let delay = u64::from(number / CONNECTIONS % 2) * DELAY;
                let path = format!("/flood_send?phase={name}&due={due}&delay={delay}");
                client::ok(&connection.call(&client::get(&host(APP), &path)).await?)?;
            }
            Ok::<(), std::io::Error>(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}
