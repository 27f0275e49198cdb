//! PostgreSQL: a set of connection threads ("lanes"), each with its prepared statements.
//!
//! A lane runs one closure per transaction. Lanes reconnect by themselves; while the database is
//! away, callers get an error that says so when they have waited for `lane::CONNECT_PATIENCE`, in the
//! queue or at its head.

mod conn;
mod lane;
mod listen;
mod placeholder;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use postgres::Client;
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::Handover;
use crate::intake::Intake;
use crate::job::Message;

pub(crate) use conn::{PostgresConn, Statements, connect, engine_error, set_up};
pub(crate) use lane::pause_thread;

const QUEUE: usize = 4_096;

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    queue: mpsc::Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    url: String,
}

impl Postgres {
    /// Starts the lanes; the first uses the connection that migrated.
    pub(crate) fn start(
        url: &str,
        first: Client,
        lanes: usize,
        counters: &Arc<Counters>,
        handover: &Arc<Handover>,
    ) -> Result<Self, StoreError> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let intake = Arc::new(Mutex::new(Intake::new(receiver)));
        let mut first = Some(first);
        let mut threads = Vec::new();
        for at in 0..lanes.max(1) {
            let counters = Arc::clone(counters);
            let handover = Arc::clone(handover);
            let mut lane = lane::Lane::new(url.to_owned(), first.take(), counters, handover);
            let intake = Arc::clone(&intake);
            let thread = std::thread::Builder::new()
                .name(format!("store-lane-{at}"))
                .spawn(move || lane.run(&intake))
                .map_err(|e| StoreError::Unavailable(format!("cannot start a lane: {e}")))?;
            threads.push(thread);
        }
        Ok(Self {
            queue,
            threads: Mutex::new(threads),
            url: url.to_owned(),
        })
    }

    /// The queue all lanes take from.
    pub(crate) fn queue(&self) -> mpsc::Sender<Message> {
        self.queue.clone()
    }

    /// Starts the thread that hears what other processes notify.
    pub(crate) fn listen(&self, handover: &Arc<Handover>) {
        listen::start(self.url.clone(), handover);
    }

    /// Finishes what is queued and ends the lanes.
    pub(crate) fn close(&self) {
        drop(self.queue.blocking_send(Message::Stop));
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            drop(thread.join());
        }
    }
}
