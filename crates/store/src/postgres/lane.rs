//! One connection thread: takes a closure, runs it in a transaction, answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::Client;

use super::conn::{PostgresConn, STATEMENT, Statements, connect, engine_error};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::Handover;
use crate::intake::Intake;
use crate::job::{Access, Task};
use crate::payer::Payer;

/// How long a caller waits for a lost connection to come back.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a failed attempt to connect answers for the callers that have waited long enough.
const REMEMBER: Duration = Duration::from_millis(500);

pub(super) struct Lane {
    url: String,
    client: Option<Client>,
    statements: Statements,
    counters: Arc<Counters>,
    handover: Arc<Handover>,
    /// How long the last `BEGIN` took, which does nothing: the way to the server and back, under the
    /// same load.
    way: Duration,
    /// The last attempt to connect, when it failed.
    failed: Option<(Instant, StoreError)>,
}

impl Lane {
    pub(super) fn new(
        url: String,
        client: Option<Client>,
        counters: Arc<Counters>,
        handover: Arc<Handover>,
    ) -> Self {
        Self {
            url,
            client,
            statements: Statements::new(),
            counters,
            handover,
            way: Duration::MAX,
            failed: None,
        }
    }

    /// Runs until told to stop. Idle lanes wait without waking.
    pub(super) fn run(&mut self, intake: &Mutex<Intake>) {
        let mut last = None;
        loop {
            let task = {
                let mut intake = intake.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((party, took)) = last {
                    intake.charge(party, took);
                }
                intake.next()
            };
            let Some(task) = task else { return };
            let (party, began) = (task.party(), Instant::now());
            self.transact(task);
            last = Some((party, began.elapsed()));
        }
    }

    fn transact(&mut self, task: Task) {
        let Task {
            mut job,
            access,
            since,
            payer,
            // PostgreSQL looks after its own disk.
            grows: _,
        } = task;
        let most = payer.as_ref().map(Payer::left);
        if let Err(error) = self.begin(access, since, most) {
            job.finish(Err(error));
            return;
        }
        let client = self.client.as_mut().expect("begin leaves a connection");
        let mut conn = PostgresConn {
            client,
            statements: &mut self.statements,
            counters: &self.counters,
            failed: false,
            way: self.way,
            worked: Duration::ZERO,
            most,
            handover: (access == Access::Write).then_some(&*self.handover),
            notices: Vec::new(),
        };
        let keep = job.run(&mut conn) && !conn.failed;
        let notices = std::mem::take(&mut conn.notices);
        if let Some(payer) = payer {
            payer.charge(conn.worked);
        }
        let end = client.batch_execute(if keep { "COMMIT" } else { "ROLLBACK" });
        let outcome = match end {
            Ok(()) if keep => Ok(()),
            Ok(()) => Err(StoreError::rolled_back()),
            Err(error) if keep => Err(in_doubt(engine_error(&error))),
            Err(error) => Err(engine_error(&error)),
        };
        if outcome.is_ok() && access == Access::Write {
            self.counters.commit();
        }
        let lost = client.is_closed();
        if lost {
            self.disconnect();
        }
        // A connection that ended during a commit leaves it in doubt; it may not know yet that it
        // has ended.
        let committed = match &outcome {
            Ok(()) => Some(true),
            Err(StoreError::Unavailable(_)) if keep => None,
            Err(_) if keep && lost => None,
            Err(_) => Some(false),
        };
        self.handover.publish(notices, committed);
        job.finish(outcome);
    }

    /// Opens a transaction, on a new connection when the old one is gone.
    fn begin(
        &mut self,
        access: Access,
        since: Instant,
        most: Option<Duration>,
    ) -> Result<(), StoreError> {
        let begin = &begin(access, most);
        let sent = Instant::now();
        if let Some(client) = &mut self.client
            && !client.is_closed()
            && client.batch_execute(begin).is_ok()
        {
            self.way = sent.elapsed();
            return Ok(());
        }
        self.disconnect();
        let mut client = self.reconnect(since)?;
        client
            .batch_execute(begin)
            .map_err(|error| engine_error(&error))?;
        self.client = Some(client);
        Ok(())
    }

    /// Tries until a job queued at `since` has waited for [`CONNECT_PATIENCE`]. The ones behind it
    /// in the queue have waited as long, and are not made to wait again.
    fn reconnect(&mut self, since: Instant) -> Result<Client, StoreError> {
        let mut pause = Duration::from_millis(50);
        loop {
            let out_of_patience = since.elapsed() >= CONNECT_PATIENCE;
            if let Some((at, error)) = &self.failed
                && out_of_patience
                && at.elapsed() < REMEMBER
            {
                return Err(error.again());
            }
            let error = match connect(&self.url) {
                Ok(client) => {
                    self.failed = None;
                    return Ok(client);
                }
                Err(error) => error,
            };
            let passing = matches!(error, StoreError::Unavailable(_));
            self.failed = Some((Instant::now(), error.again()));
            if out_of_patience || !passing {
                return Err(error);
            }
            let left = CONNECT_PATIENCE.saturating_sub(since.elapsed());
            pause_thread(pause.min(left));
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn disconnect(&mut self) {
        self.client = None;
        self.way = Duration::MAX;
        self.statements.clear();
    }
}

/// How a transaction is opened. Each of its statements ends after `most`.
fn begin(access: Access, most: Option<Duration>) -> String {
    let begin = match access {
        Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Access::Write => "BEGIN",
    };
    match most {
        // Both in one message, so it takes no longer. 0 would be no limit.
        Some(most) if most < STATEMENT => {
            let millis = most.as_millis() + 1;
            format!("{begin}; SET LOCAL statement_timeout = {millis}")
        }
        _ => begin.to_owned(),
    }
}

/// The answer to a commit was lost, and nobody can say which way it went.
fn in_doubt(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(cause) => StoreError::Unavailable(format!(
            "the connection ended during the commit, so the write may have happened or not: {cause}"
        )),
        other => other,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a lane is its own thread; no worker waits here"
)]
pub(crate) fn pause_thread(pause: Duration) {
    std::thread::sleep(pause);
}
