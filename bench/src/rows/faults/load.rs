//! Clients that offer events at a steady rate whatever becomes of them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use super::{APP, host};
use crate::client::{self, Connection};
use crate::error::Result;

/// Connections.
pub(super) const CONNECTIONS: u32 = 64;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The numbers of the events that were answered with 2xx.
    pub(super) acknowledged: Vec<u64>,
    /// Requests that were not.
    pub(super) refused: u64,
}

/// The clients, until they are stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::result::Result<Sent, String>>,
}

impl Load {
    pub(super) fn start(address: SocketAddr, rate: f64) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().spawn(move || {
            client::block_on(offer(address, rate, stopped)).map_err(|error| error.to_string())
        })?;
        Ok(Self { stop, thread })
    }

    pub(super) fn stop(self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.thread.join();
        Ok(sent.map_err(|_panic| "the load panicked".to_owned())??)
    }
}

async fn offer(address: SocketAddr, rate: f64, stop: Arc<AtomicBool>) -> Result<Sent> {
    let between = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
    let sent = Rc::new(RefCell::new(Sent::default()));
    let start = Instant::now();
    let mut clients = Vec::new();
    for client in 0..CONNECTIONS {
        let (sent, stop) = (Rc::clone(&sent), Arc::clone(&stop));
        let due = start + between * client / CONNECTIONS;
        clients.push(tokio::task::spawn_local(async move {
            one(address, (due, between), u64::from(client), &sent, &stop).await;
        }));
    }
    for client in clients {
        client.await?;
    }
    Ok(sent.take())
}

/// One client; its numbers are those with this remainder.
async fn one(
    address: SocketAddr,
    (mut due, between): (Instant, Duration),
    mut number: u64,
    sent: &RefCell<Sent>,
    stop: &AtomicBool,
) {
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due).await;
        let request = client::get(&host(APP), &format!("/faults_send?n={number}"));
        let call = call(address, &mut connection, &request);
        let good = matches!(tokio::time::timeout(PATIENCE, call).await, Ok(Ok(true)));
        if good {
            sent.borrow_mut().acknowledged.push(number);
        } else {
            sent.borrow_mut().refused += 1;
        }
        number += u64::from(CONNECTIONS);
        // The times it has missed are gone.
        while due < Instant::now() {
            due += between;
        }
    }
}

/// Whether a request was answered with 2xx.
async fn call(
    address: SocketAddr,
    kept: &mut Option<Connection>,
    request: &[u8],
) -> std::io::Result<bool> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let answer = connection.call(request).await?;
    *kept = Some(connection);
    Ok(client::ok(&answer).is_ok())
}
