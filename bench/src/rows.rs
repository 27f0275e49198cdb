//! The rows of the budget table. Those of events: throughput (`events`, `events_pg`), beside a held
//! transaction (`events_held`), after faults of PostgreSQL (`events_faults`), beside an app that floods
//! its queue (`flood`, `flood_pg`), and how soon a handler starts (`wake`, `wake_pg`).

mod cold;
mod compute;
mod events;
mod faults;
mod flood;
mod hostile;
mod idle;
mod live;
mod memory;
mod neighbour;
mod peaks;
mod wait;
mod wake;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::error::Result;
use crate::machine;
use crate::report::{self, Row, say};
use crate::server::PiCloud;

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only these rows; empty: all.
    pub(crate) ids: Vec<String>,
    /// Pairs of measurements for ratios.
    pub(crate) pairs: u32,
    /// Seconds of one measurement.
    pub(crate) seconds: u32,
    /// Where the report goes.
    pub(crate) report: PathBuf,
    /// Where a dated copy goes.
    pub(crate) keep: Option<PathBuf>,
}

type Measure = fn(&Plan) -> Result<Row>;

const ROWS: [(&str, Measure); 21] = [
    ("hello", peaks::hello),
    ("json", peaks::json),
    ("kv_get", peaks::kv_get),
    ("kv_set", peaks::kv_set),
    ("wait_10k", wait::wait_10k),
    ("neighbour", neighbour::neighbour),
    ("hostile_mix", hostile::hostile_mix),
    ("cold_script", cold::cold_script),
    ("cold_start", cold::cold_start),
    ("live", live::live),
    ("idle", idle::idle),
    ("memory", memory::memory),
    ("events", events::sqlite),
    ("events_pg", events::postgres),
    ("events_held", events::held),
    ("events_faults", faults::faults),
    ("flood", flood::sqlite),
    ("flood_pg", flood::postgres),
    ("wake", wake::sqlite),
    ("wake_pg", wake::postgres),
    ("compute", compute::compute),
];

/// Measures, prints and writes the report. A row that misses its bar is a finding, a row that
/// could not be measured is an error.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    for id in &plan.ids {
        if !ROWS.iter().any(|(known, _)| known == id) {
            let known: Vec<&str> = ROWS.iter().map(|(known, _)| *known).collect();
            return Err(format!("there is no row `{id}`; rows are {}", known.join(", ")).into());
        }
    }
    machine::raise_file_limit()?;
    say(&format!("machine: {}", machine::description()));
    if !machine::load_on_second_core()? {
        say("one core: server and load share it, so ratios say less");
    }
    say(&report::head());
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for (id, measure) in ROWS {
        if !plan.ids.is_empty() && !plan.ids.iter().any(|wanted| wanted == id) {
            continue;
        }
        match measure(plan) {
            Ok(row) => {
                say(&report::line(&row));
                rows.push(row);
            }
            Err(error) => {
                say(&format!("{id:<12} could not be measured: {error}"));
                failed.push(id);
            }
        }
    }
    report::write(&rows, &plan.report, plan.keep.as_deref())?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("could not measure {}", failed.join(", ")).into())
}

/// PiCloud on an empty data directory, which goes with it.
struct Fresh {
    server: PiCloud,
    directory: TempDir,
}

fn fresh() -> Result<Fresh> {
    let directory = TempDir::new()?;
    let server = PiCloud::start(&directory.path().join("data"))?;
    Ok(Fresh { server, directory })
}

/// The source of a script below `bench/scripts`, under its name.
fn script(name: &str) -> Result<(String, String)> {
    let path = format!("{}/scripts/{name}.rhai", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    Ok((name.to_owned(), source))
}

/// The name an app answers on.
fn host(app: &str) -> String {
    format!("{app}.localhost")
}
