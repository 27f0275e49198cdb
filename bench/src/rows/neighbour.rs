//! neighbour: an app's hello while another app runs 64 endless scripts on the same core.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::{Fresh, Plan, fresh, host, script};
use crate::client::{self, Connection};
use crate::error::Result;
use crate::report::Row;
use crate::server::{PiCloud, pause};
use crate::stats::{Pairs, median, percentile};
use crate::wrk::{self, Load};

const GOOD: &str = "good";
const BAD: &str = "bad";
const ENDLESS: usize = 64;
/// Share of the solo peak at which latencies are measured: busy, but not queueing by itself.
const SHARE: f64 = 0.2;

/// p99 at most 10 ms more than alone, at least half of the rate.
pub(super) fn neighbour(plan: &Plan) -> Result<Row> {
    let Fresh {
        server,
        directory: _directory,
    } = fresh()?;
    for app in [GOOD, BAD] {
        server.create_app(app)?;
    }
    server.deploy(GOOD, &[script("hello")?])?;
    let limits = json!({"wall": "5m", "cpu": "1m", "operations": 500_000_000});
    server.deploy_with(BAD, &[script("endless")?], &limits)?;
    peak(&server, 1)?;
    let rate = peak(&server, plan.seconds)? * SHARE;
    let mut rates = Pairs::default();
    let mut p99 = Pairs::default();
    for _ in 0..plan.pairs {
        let solo = (peak(&server, plan.seconds)?, latency(&server, rate, plan)?);
        let noise = Noise::start(&server)?;
        let with = (peak(&server, plan.seconds)?, latency(&server, rate, plan)?);
        noise.stop();
        // What was cut off is cleaned up before the next solo measurement.
        pause(Duration::from_millis(300));
        rates.add(with.0, solo.0);
        p99.add(with.1, solo.1);
    }
    let (with, solo) = (median(&p99.ours), median(&p99.baseline));
    let bar = ("p99 <= solo + 10 ms, rate >= 0.5", 0.5);
    let mut row = Row::ratio("neighbour", "req/s", &rates, "the same app alone", bar);
    if with > solo + 10.0 {
        row.verdict = "FAIL";
    }
    Ok(row
        .with("p99 alone, ms", solo)
        .with("p99 with the neighbour, ms", with)
        .with("open loop rate, req/s", rate))
}

fn peak(server: &PiCloud, seconds: u32) -> Result<f64> {
    let (url, host) = (format!("http://{}/hello", server.address), host(GOOD));
    let load = Load {
        url: &url,
        host: &host,
        connections: 32,
        seconds,
        script: None,
    };
    Ok(wrk::run(&load)?.rate)
}

fn latency(server: &PiCloud, rate: f64, plan: &Plan) -> Result<f64> {
    let request = client::get(&host(GOOD), "/hello");
    let duration = Duration::from_secs(u64::from(plan.seconds));
    let all = client::block_on(client::open_loop(server.address, request, rate, duration))?;
    Ok(percentile(&all, 0.99))
}

/// Endless scripts, until it is stopped.
struct Noise {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Noise {
    fn start(server: &PiCloud) -> Result<Self> {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let address = server.address;
        let (started, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let work = async {
                let request = Rc::new(client::get(&host(BAD), "/endless"));
                for _ in 0..ENDLESS {
                    let mut connection = Connection::open(address).await?;
                    let request = Rc::clone(&request);
                    // An endless script has no answer; it is cut off with its connection.
                    tokio::task::spawn_local(async move {
                        drop(connection.call(&request).await);
                    });
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
            .map_err(|_ended| "the endless scripts could not be started")?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        drop(self.thread.join());
    }
}
