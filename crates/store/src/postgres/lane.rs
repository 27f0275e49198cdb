//! One connection thread: takes a closure, runs it in a transaction, answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postgres::{Client, Statement};
use tokio::sync::mpsc;

use super::{CONNECT_PATIENCE, PostgresConn, connect, engine_error};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::job::{Job, Message};

pub(super) struct Lane {
    url: String,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
    counters: Arc<Counters>,
}

impl Lane {
    pub(super) fn new(url: String, client: Option<Client>, counters: Arc<Counters>) -> Self {
        Self {
            url,
            client,
            statements: HashMap::new(),
            counters,
        }
    }

    /// Runs until told to stop. Idle lanes wait without waking.
    pub(super) fn run(&mut self, queue: &Mutex<mpsc::Receiver<Message>>) {
        loop {
            let message = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            match message {
                Some(Message::Job(job)) => self.transact(job),
                Some(Message::Stop) | None => return,
            }
        }
    }

    fn transact(&mut self, mut job: Box<dyn Job>) {
        if let Err(error) = self.begin() {
            job.finish(Err(error));
            return;
        }
        let client = self.client.as_mut().expect("begin leaves a connection");
        let mut conn = PostgresConn {
            client,
            statements: &mut self.statements,
            counters: &self.counters,
            failed: false,
        };
        let keep = job.run(&mut conn) && !conn.failed;
        self.counters.commit();
        let end = client.batch_execute(if keep { "COMMIT" } else { "ROLLBACK" });
        let outcome = match end {
            Ok(()) if keep => Ok(()),
            Ok(()) => Err(StoreError::Engine("the write was rolled back".to_owned())),
            Err(error) => Err(engine_error(&error)),
        };
        if client.is_closed() {
            self.disconnect();
        }
        job.finish(outcome);
    }

    /// Opens a transaction, on a new connection when the old one is gone.
    fn begin(&mut self) -> Result<(), StoreError> {
        if let Some(client) = &mut self.client
            && !client.is_closed()
            && client.batch_execute("BEGIN").is_ok()
        {
            return Ok(());
        }
        self.disconnect();
        let mut pause = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        loop {
            match connect(&self.url) {
                Ok(mut client) => {
                    client
                        .batch_execute("BEGIN")
                        .map_err(|e| engine_error(&e))?;
                    self.client = Some(client);
                    return Ok(());
                }
                Err(error) if waited >= CONNECT_PATIENCE => return Err(error),
                Err(_) => {
                    pause_thread(pause);
                    waited += pause;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }

    fn disconnect(&mut self) {
        self.client = None;
        self.statements.clear();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a lane is its own thread; no worker waits here"
)]
pub(crate) fn pause_thread(pause: Duration) {
    std::thread::sleep(pause);
}
