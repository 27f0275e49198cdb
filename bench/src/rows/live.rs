//! live: from the deploy call to the first answer by new code.

use std::time::Instant;

use super::{Fresh, Plan, fresh, host};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::stats::{median, percentile};

const APP: &str = "live";
const DEPLOYS: u32 = 60;

/// p50 at most 10 ms.
pub(super) fn live(_plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    server.create_app(APP)?;
    let request = client::get(&host(APP), "/now");
    let times = client::block_on(async {
        let mut connection = Connection::open(server.address).await?;
        let mut times = Vec::new();
        for version in 0..DEPLOYS {
            let (expected, start) = (format!("version {version}"), Instant::now());
            server.deploy(APP, &[("now".to_owned(), format!("\"{expected}\""))])?;
            let answer = connection.call(&request).await?;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
            client::ok(&answer)?;
            if answer.body != expected.as_bytes() {
                let body = String::from_utf8_lossy(&answer.body);
                return Err(format!("after the deploy of `{expected}` came `{body}`").into());
            }
        }
        // The first deploy is a new route and opens the connections.
        Ok(times.split_off(1))
    })?;
    let middle = median(&times);
    let count = times.len() as u32;
    Ok(Row::value(
        "live",
        (middle, "ms"),
        count,
        ("p50 <= 10 ms", middle <= 10.0),
    )
    .with("p95, ms", percentile(&times, 0.95)))
}
