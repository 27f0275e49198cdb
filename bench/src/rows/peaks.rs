//! hello, json, kv_get, kv_set: the most requests per second, beside bare hyper.

use serde_json::json;

use super::{Fresh, Plan, fresh, host, script};
use crate::error::Result;
use crate::report::Row;
use crate::server::Baseline;
use crate::stats::Pairs;
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
    let load = |address, seconds| {
        let url = format!("http://{address}{path}");
        let (connections, script) = (peak.connections, peak.lua);
        wrk::run(&Load {
            url: &url,
            host: &host,
            connections,
            seconds,
            script,
        })
    };
    for address in [server.address, baseline.address] {
        load(address, 1)?;
    }
    let mut pairs = Pairs::default();
    for _ in 0..plan.pairs {
        let ours = load(server.address, plan.seconds)?;
        pairs.add(ours.rate, load(baseline.address, plan.seconds)?.rate);
    }
    Ok(Row::ratio(
        peak.id,
        "req/s",
        &pairs,
        peak.baseline,
        peak.bar,
    ))
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
