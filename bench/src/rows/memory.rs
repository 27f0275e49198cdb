//! memory: what is resident after the start, and after 100,000 requests.

use std::time::Duration;

use super::{Fresh, Plan, fresh, host, script};
use crate::client;
use crate::error::Result;
use crate::proc;
use crate::report::Row;
use crate::server::pause;

const APP: &str = "memory";
const REQUESTS: u32 = 100_000;
/// Records are stored and their memory given back.
const SETTLE: Duration = Duration::from_secs(2);

/// At most 30 MiB and 60 MiB.
pub(super) fn memory(_plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    pause(SETTLE);
    let start = proc::resident_mib(server.pid())?;
    server.create_app(APP)?;
    server.deploy(APP, &[script("hello")?])?;
    let request = client::get(&host(APP), "/hello");
    client::block_on(client::send_all(server.address, request, 32, REQUESTS))?;
    pause(SETTLE);
    let after = proc::resident_mib(server.pid())?;
    let met = start <= 30.0 && after <= 60.0;
    Ok(
        Row::value("memory", (after, "MiB"), 1, ("30 / 60 MiB", met))
            .with("after the start, MiB", start)
            .with("most at any time, MiB", proc::peak_mib(server.pid())?),
    )
}
