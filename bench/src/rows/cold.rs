//! cold_script and cold_start: what the first ones wait for.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{Fresh, Plan, fresh, host};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{median, percentile};

const APP: &str = "cold";
/// Scripts called for the first time.
const SCRIPTS: usize = 50;
/// Scripts deployed when the server starts.
const DEPLOYED: usize = 100;
const STARTS: u32 = 10;

/// A script of 50 lines that is like no other.
fn fifty_lines(number: usize) -> (String, String) {
    let mut source = format!("// Report {number}.\nfn line(n) {{\n    `${{n}}: {number}`\n}}\n");
    source.push_str("fn total(items) {\n    let sum = 0;\n    for item in items {\n");
    source.push_str("        sum += item.price * item.quantity;\n    }\n    sum\n}\n");
    source.push_str("let items = [];\n");
    for at in 0..34 {
        source.push_str(&format!(
            "items.push(#{{ name: \"item {at}\", price: {}, quantity: {} }});\n",
            at * 7 + number,
            at % 5 + 1
        ));
    }
    source.push_str(
        "let sum = total(items);\nif sum < 0 {\n    throw \"less than nothing\";\n}\nline(sum)\n",
    );
    (format!("report-{number}"), source)
}

/// The first call of a script never compiled, against the second.
pub(super) fn cold_script(_plan: &Plan) -> Result<Row> {
    let Fresh { server, directory } = fresh()?;
    let scripts: Vec<_> = (0..SCRIPTS).map(fifty_lines).collect();
    server.create_app(APP)?;
    server.deploy(APP, &scripts)?;
    drop(server);
    // A new process has compiled nothing.
    let server = PiCloud::start(&directory.path().join("data"))?;
    let times = client::block_on(async {
        let mut connection = Connection::open(server.address).await?;
        let mut times = Vec::new();
        for (name, _) in &scripts {
            let request = client::get(&host(APP), &format!("/{name}"));
            let mut of_one = Vec::new();
            for _ in 0..4 {
                let start = Instant::now();
                client::ok(&connection.call(&request).await?)?;
                of_one.push(start.elapsed().as_secs_f64() * 1_000.0);
            }
            times.push(of_one);
        }
        Ok(times)
    })?;
    // The first script also pays for what the server does once.
    let cold: Vec<f64> = times.iter().skip(1).map(|t| t[0]).collect();
    let warm: Vec<f64> = times.iter().skip(1).flat_map(|t| t[1..].to_vec()).collect();
    let more = median(&cold) - median(&warm);
    let count = cold.len() as u32;
    Ok(Row::value(
        "cold_script",
        (more, "ms"),
        count,
        ("<= 1 ms more", more <= 1.0),
    )
    .with("first call, ms", median(&cold))
    .with("first call p95, ms", percentile(&cold, 0.95))
    .with("later calls, ms", median(&warm)))
}

/// From the start of the process to the first 200 of a script.
pub(super) fn cold_start(_plan: &Plan) -> Result<Row> {
    let directory = TempDir::new()?;
    let data = directory.path().join("data");
    let server = PiCloud::start(&data)?;
    let scripts: Vec<_> = (0..DEPLOYED).map(fifty_lines).collect();
    server.create_app(APP)?;
    server.deploy(APP, &scripts)?;
    server.api("PATCH", &format!("/apps/{APP}"), &json!({"default": true}))?;
    drop(server);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let server = PiCloud::launch(&data)?;
        client::block_on(first_answer(&server))?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    let middle = median(&times);
    Ok(Row::value(
        "cold_start",
        (middle, "ms"),
        STARTS,
        ("<= 100 ms", middle <= 100.0),
    )
    .with("slowest, ms", percentile(&times, 1.0)))
}

async fn first_answer(server: &PiCloud) -> Result<()> {
    let request = client::get(&host(APP), "/report-7");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if let Ok(mut connection) = Connection::open(server.address).await
            && connection
                .call(&request)
                .await
                .is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        pause(Duration::from_micros(500));
    }
    Err("the server did not answer within 20 s of its start".into())
}
