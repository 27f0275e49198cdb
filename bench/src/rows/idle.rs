//! idle: what the whole process does in a minute without requests.

use std::time::Duration;

use super::{Fresh, Plan, fresh, script};
use crate::error::Result;
use crate::proc;
use crate::report::Row;
use crate::server::{PiCloud, pause};

const APP: &str = "idle";
const SCRIPTS: usize = 20;
const STATEMENTS: &str = "picloud_store_statements_total";
/// After the deploy, records and caches come to rest.
const SETTLE: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_mins(1);

struct Sample {
    ticks: u64,
    switches: u64,
}

fn sample(server: &PiCloud) -> Result<Sample> {
    Ok(Sample {
        ticks: proc::ticks(server.pid())?,
        switches: proc::voluntary_switches(server.pid())?,
    })
}

/// No processor ticks, at most 5 context switches, no SQL.
pub(super) fn idle(_plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    let source = script("hello")?.1;
    let scripts: Vec<_> = (0..SCRIPTS)
        .map(|at| (format!("script-{at}"), source.clone()))
        .collect();
    server.create_app(APP)?;
    server.deploy(APP, &scripts)?;
    pause(SETTLE);
    // Reading the metrics is work, so it happens outside of what is watched.
    let statements = server.metric(STATEMENTS)?;
    pause(SETTLE);
    let before = sample(&server)?;
    pause(WATCHED);
    let after = sample(&server)?;
    let statements = server.metric(STATEMENTS)? - statements;
    let ticks = after.ticks - before.ticks;
    let switches = after.switches - before.switches;
    let met = ticks == 0 && switches <= 5 && statements.abs() < 0.5;
    Ok(Row::value(
        "idle",
        (ticks as f64, "ticks"),
        1,
        ("0 ticks, <= 5 switches, 0 SQL", met),
    )
    .with(
        "processor time, ms",
        proc::tick_time(ticks).as_secs_f64() * 1_000.0,
    )
    .with("voluntary context switches", switches as f64)
    .with("SQL statements", statements))
}
