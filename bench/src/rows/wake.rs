//! wake: from sending an event to the start of its handler, on both engines. That is more than from
//! its commit, which nobody outside can see.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use test_support::Postgres;

use super::{Plan, host, script};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{median, percentile};

const APP: &str = "wake";
const EVENTS: usize = 200;
/// Attempts that have begun, and the seconds their events had waited, from the call that sent them.
const BEGUN: &str = "picloud_delivery_wait_seconds_count";
const WAITED: &str = "picloud_delivery_wait_seconds_sum";

/// SQLite: p50 at most 2 ms.
pub(super) fn sqlite(_plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let server = PiCloud::start(&directory.path().join("data"))?;
    measure(&server, "wake", ("p50 <= 2 ms", 2.0))
}

/// PostgreSQL: p50 at most 10 ms.
pub(super) fn postgres(_plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let postgres = Postgres::start();
    let server = PiCloud::start_on(&directory.path().join("data"), Some(&postgres.fresh()))?;
    measure(&server, "wake_pg", ("p50 <= 10 ms", 10.0))
}

fn measure(server: &PiCloud, id: &'static str, (bar, most): (&'static str, f64)) -> Result<Row> {
    server.create_app(APP)?;
    let mut sources = serde_json::Map::new();
    for name in ["wake_send", "wake_start"] {
        sources.insert(name.to_owned(), json!({"source": script(name)?.1}));
    }
    let release = json!({
        "scripts": sources,
        "routes": [{"path": "/wake_send", "script": "wake_send"}],
        "triggers": [{"kind": "queue", "queue": "wake", "script": "wake_start"}],
    });
    server.api("POST", &format!("/apps/{APP}/releases"), &release)?;
    let mut times = client::block_on(async {
        let mut connection = Connection::open(server.address).await?;
        let mut times = Vec::new();
        for _ in 0..EVENTS {
            times.push(one(server, &mut connection).await?);
        }
        Ok(times)
    })?;
    // The first compiles.
    let times = times.split_off(1);
    let middle = median(&times);
    let count = times.len() as u32;
    Ok(Row::value(id, (middle, "ms"), count, (bar, middle <= most))
        .with("p99, ms", percentile(&times, 0.99)))
}

/// Milliseconds from the script's call that sends an event to the start of its handler: what is
/// wanted, and the commit before it.
async fn one(server: &PiCloud, connection: &mut Connection) -> Result<f64> {
    let request = client::get(&host(APP), "/wake_send");
    let (begun, waited) = (server.metric(BEGUN)?, server.metric(WAITED)?);
    client::ok(&connection.call(&request).await?)?;
    let start = Instant::now();
    while server.metric(BEGUN)? < begun + 1.0 {
        if start.elapsed() > Duration::from_secs(30) {
            return Err("an event is not begun after 30 s".into());
        }
        pause(Duration::from_millis(1));
    }
    Ok((server.metric(WAITED)? - waited) * 1_000.0)
}
