//! wait_10k: ten thousand scripts that wait one second each, at the same time.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use super::{Fresh, Plan, fresh, host, script};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::proc;
use crate::report::Row;
use crate::stats::median;

const APP: &str = "waiting";
const CLIENTS: usize = 10_000;
const ROUNDS: u32 = 3;

/// All done within 2.5 s, in 450 MiB, on the workers' threads.
pub(super) fn wait_10k(_plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    server.create_app(APP)?;
    server.deploy(APP, &[script("wait")?])?;
    let threads_before = proc::threads(server.pid())?;
    let (times, threads) = client::block_on(async {
        let request = Rc::new(client::get(&host(APP), "/wait"));
        let mut connections = Vec::with_capacity(CLIENTS);
        for _ in 0..CLIENTS {
            connections.push(Connection::open(server.address).await?);
        }
        let (mut times, mut threads) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let (back, most) = round(connections, Rc::clone(&request), server.pid()).await?;
            times.push(start.elapsed().as_secs_f64());
            threads = threads.max(most);
            connections = back;
        }
        Ok((times, threads))
    })?;
    let (seconds, peak) = (median(&times), proc::peak_mib(server.pid())?);
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let few = threads <= threads_before + 4;
    let met = seconds <= 2.5 && peak <= 450.0 && few;
    let bar = "all done <= 2.5 s, <= 450 MiB, threads = cores + few";
    Ok(Row::value("wait_10k", (seconds, "s"), ROUNDS, (bar, met))
        .with("slowest round, s", slowest)
        .with("peak resident, MiB", peak)
        .with("threads before", threads_before as f64)
        .with("threads while waiting", threads as f64))
}

/// One request on every connection; the connections, and the threads the server had meanwhile.
async fn round(
    connections: Vec<Connection>,
    request: Rc<Vec<u8>>,
    pid: u32,
) -> Result<(Vec<Connection>, u64)> {
    let start = Rc::new(Barrier::new(connections.len() + 1));
    let mut clients = Vec::with_capacity(connections.len());
    for mut connection in connections {
        let (start, request) = (Rc::clone(&start), Rc::clone(&request));
        clients.push(tokio::task::spawn_local(async move {
            start.wait().await;
            client::ok(&connection.call(&request).await?)?;
            Ok::<_, std::io::Error>(connection)
        }));
    }
    start.wait().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let threads = proc::threads(pid)?;
    let mut back = Vec::with_capacity(clients.len());
    for client in clients {
        back.push(client.await??);
    }
    Ok((back, threads))
}
