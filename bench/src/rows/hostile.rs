//! `hostile_mix`: an app's hello while another app leaks, hoards bodies, loops over the database and
//! has large sources compiled, all at once.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::{Fresh, Plan, fresh, host, script};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{Pairs, median, percentile};
use crate::wrk::{self, Load};

const GOOD: &str = "good";
const BAD: &str = "bad";
/// Share of the solo peak at which latencies are measured: busy, but not queueing by itself.
const SHARE: f64 = 0.1;
/// Clients of each kind.
const LEAKS: usize = 16;
const LOOPS: usize = 16;
const HOARDERS: usize = 100;
/// Large sources that are called in turn, and lines of each: some 250 KiB.
const SOURCES: usize = 16;
const LINES: usize = 9_000;
/// A body that is nearly as large as may be.
const BODY: usize = 6_000_000;

/// p99 at most 10 ms more than alone. An answer that is not 2xx makes the row fail.
pub(super) fn hostile_mix(plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    for app in [GOOD, BAD] {
        server.create_app(app)?;
    }
    server.deploy(GOOD, &[script("hello")?])?;
    deploy_bad(&server)?;
    let (url, name) = (format!("http://{}/hello", server.address), host(GOOD));
    let load = Load {
        url: &url,
        host: &name,
        connections: 32,
        seconds: plan.seconds,
        script: None,
    };
    let rate = wrk::run(&load)?.rate * SHARE;
    let mut p99 = Pairs::default();
    for _ in 0..plan.pairs {
        let solo = latency(&server, rate, plan)?;
        let mix = Mix::start(server.address)?;
        let with = latency(&server, rate, plan);
        mix.stop();
        // What was cut off is cleaned up before the next solo measurement.
        pause(Duration::from_secs(1));
        p99.add(with?, solo);
    }
    let (with, solo) = (median(&p99.ours), median(&p99.baseline));
    let bar = ("p99 <= alone + 10 ms, no error", with <= solo + 10.0);
    let mut row = Row::value("hostile_mix", (with, "ms"), plan.pairs, bar);
    row.baseline = Some(solo);
    row.baseline_name = "the same app alone";
    Ok(row.with("open loop rate, req/s", rate))
}

/// Leaks, loops and takes bodies, each at its name, and has large sources at `/large0` and so on.
fn deploy_bad(server: &PiCloud) -> Result<()> {
    let names = ["hostile_leak", "hostile_loop", "hostile_body"];
    let small: Result<Vec<_>> = names.into_iter().map(script).collect();
    server.deploy(BAD, &small?)?;
    // Releases have 4 MiB at most: two apps hold the large sources.
    for half in 0..2 {
        let app = format!("{BAD}{half}");
        server.create_app(&app)?;
        let large: Vec<_> = (0..SOURCES / 2)
            .map(|number| {
                let lines = (0..LINES).map(|line| format!("let v{line} = {line} + {number};\n"));
                (format!("large{number}"), lines.collect::<String>() + "1")
            })
            .collect();
        server.deploy_with(&app, &large, &json!({"cpu": "1s"}))?;
    }
    Ok(())
}

fn latency(server: &PiCloud, rate: f64, plan: &Plan) -> Result<f64> {
    let request = client::get(&host(GOOD), "/hello");
    let duration = Duration::from_secs(u64::from(plan.seconds));
    let all = client::block_on(client::open_loop(server.address, request, rate, duration))?;
    Ok(percentile(&all, 0.99))
}

/// All that is hostile, until it is stopped.
struct Mix {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Mix {
    fn start(address: SocketAddr) -> Result<Self> {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let (started, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let work = async {
                for _ in 0..LEAKS {
                    again_and_again(address, vec![client::get(&host(BAD), "/hostile_leak")]);
                }
                for _ in 0..LOOPS {
                    again_and_again(address, vec![client::get(&host(BAD), "/hostile_loop")]);
                }
                again_and_again(address, large_requests());
                for _ in 0..HOARDERS {
                    spawn_local(async move { drop(hoard(address).await) });
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
                // Nobody may be waiting any more.
                started.send(()).ok();
                drop((&mut stopped).await);
                Ok(())
            };
            drop(client::block_on(work));
        });
        ready
            .recv()
            .map_err(|_ended| "the hostile clients could not be started")?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        drop(self.thread.join());
    }
}

fn large_requests() -> Vec<Vec<u8>> {
    (0..SOURCES)
        .map(|at| {
            let app = host(&format!("{BAD}{}", at % 2));
            client::get(&app, &format!("/large{}", at / 2))
        })
        .collect()
}

/// Sends requests in turn without an end; connects again whenever it is cut off.
fn again_and_again(address: SocketAddr, requests: Vec<Vec<u8>>) {
    let requests = Rc::new(requests);
    spawn_local(async move {
        loop {
            let Ok(mut connection) = Connection::open(address).await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            for request in requests.iter() {
                if connection.call(request).await.is_err() {
                    break;
                }
            }
        }
    });
}

/// Sends most of a body, then a byte now and then.
async fn hoard(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /hostile_body HTTP/1.1\r\nHost: {}\r\nContent-Length: {BODY}\r\n\r\n",
        host(BAD)
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&vec![b'x'; BODY - 1_000]).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.write_all(b"x").await?;
    }
}
