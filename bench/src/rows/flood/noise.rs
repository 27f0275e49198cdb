//! The app that floods its queue.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{self, Connection};
use crate::error::Result;
use crate::rows::{host, script};
use crate::server::{PiCloud, pause};

const APP: &str = "flood";
/// Messages of one request.
const BATCH: u32 = 100;
/// Messages that wait before it is measured.
const BACKLOG: u32 = 20_000;
/// Requests per second where handlers are the bottleneck, so 2,000 messages.
const RATE: u32 = 20;
const CONNECTIONS: u32 = 8;
/// Handlers it asks for: more than one app gets.
const CONCURRENCY: u32 = 200;

/// What its handlers do.
pub(super) struct Kind {
    pub(super) script: &'static str,
    /// Requests per second, each of 100 messages; `None`: as many as are answered.
    rate: Option<u32>,
    /// How the calm app's p99s are called, and what was sent and handled.
    pub(super) names: [&'static str; 5],
}

pub(super) const KINDS: [Kind; 4] = [
    Kind {
        script: "flood_waits",
        rate: Some(RATE),
        names: [
            "handlers wait: p99, ms",
            "handlers wait: p99 of delayed ones, ms",
            "handlers wait: p99 from the request, ms",
            "handlers wait: flood sent, msg/s",
            "handlers wait: flood handled, msg/s",
        ],
    },
    Kind {
        script: "flood_busy",
        rate: Some(RATE),
        names: [
            "handlers compute: p99, ms",
            "handlers compute: p99 of delayed ones, ms",
            "handlers compute: p99 from the request, ms",
            "handlers compute: flood sent, msg/s",
            "handlers compute: flood handled, msg/s",
        ],
    },
    Kind {
        script: "flood_fails",
        rate: Some(RATE),
        names: [
            "handlers fail: p99, ms",
            "handlers fail: p99 of delayed ones, ms",
            "handlers fail: p99 from the request, ms",
            "handlers fail: flood sent, msg/s",
            "handlers fail: flood given up, msg/s",
        ],
    },
    Kind {
        script: "flood_quick",
        rate: None,
        names: [
            "handlers do nothing: p99, ms",
            "handlers do nothing: p99 of delayed ones, ms",
            "handlers do nothing: p99 from the request, ms",
            "handlers do nothing: flood sent, msg/s",
            "handlers do nothing: flood handled, msg/s",
        ],
    },
];

/// Messages per second.
pub(super) struct Done {
    pub(super) sent: f64,
    pub(super) handled: f64,
}

/// The flood, until it is stopped.
pub(super) struct Noise {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    start: Instant,
    waiting: f64,
}

impl Noise {
    /// Makes the app, fills its queue and goes on filling it.
    pub(super) fn start(server: &PiCloud, kind: &Kind) -> Result<Self> {
        server.create_app(APP)?;
        let mut sources = serde_json::Map::new();
        for name in ["flood_fill", kind.script] {
            sources.insert(name.to_owned(), json!({"source": script(name)?.1}));
        }
        let release = json!({
            "scripts": sources,
            "routes": [{"path": "/flood_fill", "script": "flood_fill"}],
            "triggers": [{"kind": "queue", "queue": "flood", "script": kind.script,
                          "concurrency": CONCURRENCY}],
        });
        server.api("POST", &format!("/apps/{APP}/releases"), &release)?;
        let fill = client::get(&host(APP), "/flood_fill");
        let count = BACKLOG / BATCH;
        client::block_on(client::send_all(server.address, fill, CONNECTIONS, count))?;
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&sent));
        let (address, rate) = (server.address, kind.rate);
        let start = Instant::now();
        let waiting = waiting(server)?;
        let thread = std::thread::spawn(move || {
            // A flood that breaks off is seen in what was sent.
            drop(client::block_on(flood(address, rate, stopped, counter)));
        });
        Ok(Self {
            stop,
            sent,
            thread,
            start,
            waiting,
        })
    }

    /// Ends it, and removes the app with what waits.
    pub(super) fn stop(self, server: &PiCloud) -> Result<Done> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.join();
        thread.map_err(|_panic| "the flood panicked".to_owned())?;
        let seconds = self.start.elapsed().as_secs_f64();
        let sent = self.sent.load(Ordering::Relaxed) as f64 * f64::from(BATCH);
        let handled = self.waiting + sent - waiting(server)?;
        server.delete(&format!("/apps/{APP}"))?;
        // What runs ends, and what was written is put away.
        pause(Duration::from_millis(1_500));
        Ok(Done {
            sent: sent / seconds,
            handled: handled / seconds,
        })
    }
}

/// All that wait; the calm app's are few.
fn waiting(server: &PiCloud) -> Result<f64> {
    server.metric("picloud_events_waiting")
}

async fn flood(
    address: SocketAddr,
    rate: Option<u32>,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
) -> Result<()> {
    let request = Rc::new(client::get(&host(APP), "/flood_fill"));
    let between = rate.map(|rate| Duration::from_secs(1) * CONNECTIONS / rate);
    let mut clients = Vec::new();
    for client in 0..CONNECTIONS {
        let (request, stop) = (Rc::clone(&request), Arc::clone(&stop));
        let sent = Arc::clone(&sent);
        clients.push(tokio::task::spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            let start = tokio::time::Instant::now();
            let mut due = start + between.unwrap_or_default() * client / CONNECTIONS;
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep_until(due).await;
                client::ok(&connection.call(&request).await?)?;
                sent.fetch_add(1, Ordering::Relaxed);
                due += between.unwrap_or_default();
            }
            Ok::<(), std::io::Error>(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}
