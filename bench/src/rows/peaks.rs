//! hello, json, kv_get, kv_set: the most requests per second, beside bare hyper.

use serde_json::json;

use super::{Fresh, Plan, fresh, host, script};
use crate::error::{Failure, Result};
use crate::proc;
use crate::report::Row;
use crate::server::Baseline;
use crate::stats::{Pairs, median};
use crate::wrk::{self, Load};

/// One row.
struct Peak {
    id: &'static str,
    query: &'static str,
    lua: Option<&'static str>,
    connections: u32,
    baseline: &'static str,
    bar: (&'static str, f64),
}

const APP: &str = "bench";
/// Makes wrk slower than the servers, so that it does not sleep between two answers: a diagnosis
/// beside rows that need no script, never their verdict. Waking a sleeping client costs the server's
/// core up to 2 us, which plain wrk charges to servers slower than itself only.
const BUSY: &str = "busy.lua";

/// A string answer, records and metrics on.
pub(super) fn hello(plan: &Plan) -> Result<Row> {
    measure(
        plan,
        &Peak {
            id: "hello",
            query: "",
            lua: None,
            connections: 32,
            baseline: "bare hyper, same workers and settings",
            bar: (">= 0.75", 0.75),
        },
    )
}

/// Parse a body, read a header and the query, answer a map.
pub(super) fn json(plan: &Plan) -> Result<Row> {
    measure(
        plan,
        &Peak {
            id: "json",
            query: "?page=7",
            lua: Some("json.lua"),
            connections: 32,
            baseline: "bare hyper + typed serde",
            bar: (">= 0.42", 0.42),
        },
    )
}

/// One point read, JSON answer.
pub(super) fn kv_get(plan: &Plan) -> Result<Row> {
    measure(
        plan,
        &Peak {
            id: "kv_get",
            query: "",
            lua: None,
            connections: 32,
            baseline: "bare hyper + the same SQLite statement",
            bar: (">= 0.45", 0.45),
        },
    )
}

/// One durable write, with many waiting.
pub(super) fn kv_set(plan: &Plan) -> Result<Row> {
    measure(
        plan,
        &Peak {
            id: "kv_set",
            query: "",
            lua: Some("kv_set.lua"),
            connections: 64,
            baseline: "bare hyper + our store without group commit",
            bar: (">= 6x", 6.0),
        },
    )
}

fn measure(plan: &Plan, peak: &Peak) -> Result<Row> {
    let Fresh { server, directory } = fresh()?;
    server.create_app(APP)?;
    let scripts = [script(peak.id)?, seed()];
    server.deploy(APP, &scripts)?;
    run_once(&server.address.to_string(), "/seed")?;
    let baseline = Baseline::start(&directory.path().join("baseline"))?;
    let (host, path) = (host(APP), format!("/{}{}", peak.id, peak.query));
    let load = |address, seconds, script| {
        let url = format!("http://{address}{path}");
        wrk::run(&Load {
            url: &url,
            host: &host,
            connections: peak.connections,
            seconds,
            script,
        })
    };
    let ours = (server.address, server.pid());
    let theirs = (baseline.address, baseline.pid());
    for (address, _) in [ours, theirs] {
        load(address, 1, peak.lua)?;
    }
    let (mut pairs, mut costs, mut busy) = (Pairs::default(), Pairs::default(), Pairs::default());
    for _ in 0..plan.pairs {
        let measure = |(address, pid)| {
            let before = proc::ticks(pid)?;
            let peak = load(address, plan.seconds, peak.lua)?;
            let used = proc::tick_time(proc::ticks(pid)? - before);
            Ok::<_, Failure>((peak, used.as_secs_f64() * 1e6 / peak.requests as f64))
        };
        let (ours, theirs) = (measure(ours)?, measure(theirs)?);
        pairs.add(ours.0.rate, theirs.0.rate);
        costs.add(ours.1, theirs.1);
    }
    if peak.lua.is_none() {
        for _ in 0..plan.pairs {
            let rate = |(address, _)| Ok::<_, Failure>(load(address, 1, Some(BUSY))?.rate);
            busy.add(rate(ours)?, rate(theirs)?);
        }
    }
    let mut row = Row::ratio(peak.id, "req/s", &pairs, peak.baseline, peak.bar)
        .with("processor us per request", median(&costs.ours))
        .with("processor us, baseline", median(&costs.baseline));
    if !busy.ours.is_empty() {
        row = row.with("diagnosis: ratio, busy client", busy.ratio().median);
    }
    Ok(row)
}

/// Writes what `kv_get` reads.
fn seed() -> (String, String) {
    let value = json!({"name": "Ada", "visits": 42});
    let source = format!("kv::collection(\"bench\").set(\"bench\", json::parse(`{value}`));");
    ("seed".to_owned(), source)
}

fn run_once(address: &str, path: &str) -> Result<()> {
    let url = format!("http://{address}{path}");
    let answer = ureq::get(&url).header("host", host(APP)).call()?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(answer.status().to_string().into())
    }
}
