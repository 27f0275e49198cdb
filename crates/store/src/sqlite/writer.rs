//! The writer thread: it takes what waits in turns, runs every closure in a savepoint, commits once, then
//! answers all. While one commit waits for the disk the next batch gathers. When the disk fails, no
//! write is answered well any more (`docs/adr/0017-a-failing-disk-ends-the-server.md`).

use std::time::Duration;

use rusqlite::config::DbConfig;
use tokio::sync::watch;

use super::conn::{Session, SqliteConn, engine_error};
use super::cutoff::Cutoff;
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::intake::Intake;
use crate::job::{Job, Task};
use crate::payer::ThreadWatch;
use crate::space::Space;

/// Closures in one transaction: bounds how long the first of them waits for its commit.
const BATCH: usize = 256;
/// Time a transaction goes on taking closures, for the same reason: some write megabytes.
const BATCH_TIME: Duration = Duration::from_millis(10);

/// What the disk did when it failed; nothing before.
pub(super) type Failure = watch::Sender<Option<String>>;

/// Runs until told to stop.
pub(super) fn run(
    session: &Session,
    intake: &mut Intake,
    counters: &Counters,
    (handover, space): (&Handover, &Space),
    group_commit: bool,
    failure: &Failure,
) {
    let batch = if group_commit { BATCH } else { 1 };
    let mut writer = Writer {
        session,
        intake,
        counters,
        handover,
        space,
        batch,
    };
    let Err(error) = writer.serve() else {
        // Leaves a WAL of zero length, so that the next start has nothing to replay.
        drop(session.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;"));
        return;
    };
    tracing::error!(%error, "nothing is written any more");
    // The log is what the next start reads: it must not be taken for written into the database.
    if let Err(error) = session.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::error!(%error, "the log may be removed when the database is closed");
    }
    failure.send_replace(Some(error.to_string()));
    while let Some(task) = intake.next() {
        task.job.finish(Err(error.again()));
    }
}

/// A write that has run and waits for the commit.
struct Ran {
    task: Task,
    outcome: Result<(), StoreError>,
    notices: Vec<Notice>,
    /// Time the thread worked for it.
    spent: Duration,
}

/// What the thread works with.
struct Writer<'w> {
    session: &'w Session,
    intake: &'w mut Intake,
    counters: &'w Counters,
    handover: &'w Handover,
    space: &'w Space,
    /// Most closures in one transaction.
    batch: usize,
}

impl Writer<'_> {
    /// Fails when the disk does.
    fn serve(&mut self) -> Result<(), StoreError> {
        while let Some(first) = self.intake.next() {
            self.commit_batch(first)?;
        }
        Ok(())
    }

    /// Runs and answers some writes. Fails when the disk does.
    fn commit_batch(&mut self, first: Task) -> Result<(), StoreError> {
        let mut watch = ThreadWatch::start();
        self.space.look();
        if let Err(error) = statement(self.session, "BEGIN IMMEDIATE") {
            first.job.finish(Err(error.again()));
            return only_the_disks(error);
        }
        let ran = self.run_batch(first, &mut watch);
        let commit = self.end_batch(&ran);
        // What they did together, the commit above all, is everybody's.
        let share = watch.lap() / u32::try_from(ran.len()).unwrap_or(u32::MAX).max(1);
        for ran in ran {
            // Before the answer: whoever gets it finds the dispatcher told.
            self.handover
                .publish(ran.notices, Some(commit.is_ok() && ran.outcome.is_ok()));
            if let Some(payer) = &ran.task.payer {
                payer.charge(ran.spent + share);
            }
            ran.task.job.finish(match (&commit, ran.outcome) {
                (_, Err(rolled_back)) => Err(rolled_back),
                (Ok(()), Ok(())) => Ok(()),
                (Err(error), Ok(())) => Err(error.again()),
            });
        }
        if matches!(commit, Err(StoreError::DiskFull(_))) {
            self.space.give_up_reserve();
        }
        commit.or_else(only_the_disks)
    }

    /// Runs the first write and, as long as there is time, those that wait.
    fn run_batch(&mut self, first: Task, watch: &mut ThreadWatch) -> Vec<Ran> {
        let mut next = (self.batch > 1).then(|| self.intake.next_now()).flatten();
        // A batch of one needs no savepoint: its rollback is the transaction's.
        let alone = next.is_none();
        let mut ran = vec![self.run_task(first, alone, watch)];
        let mut worked = ran[0].spent;
        while let Some(task) = next {
            let done = self.run_task(task, false, watch);
            worked += done.spent;
            ran.push(done);
            let more = ran.len() < self.batch && worked < BATCH_TIME;
            next = more.then(|| self.intake.next_now()).flatten();
        }
        ran
    }

    fn run_task(&mut self, mut task: Task, alone: bool, watch: &mut ThreadWatch) -> Ran {
        let cutoff = Cutoff::of(task.payer.as_ref());
        let (outcome, notices) = if task.grows && self.space.is_low() {
            (Err(StoreError::low()), Vec::new())
        } else {
            self.run_job(task.job.as_mut(), alone)
        };
        drop(cutoff);
        let spent = watch.lap();
        self.intake.charge(task.party(), spent);
        Ran {
            task,
            outcome,
            notices,
            spent,
        }
    }

    fn end_batch(&self, ran: &[Ran]) -> Result<(), StoreError> {
        let session = self.session;
        let commit = if let Some(error) = ran.iter().find_map(|ran| failed_disk(&ran.outcome)) {
            Err(error)
        } else if session.is_autocommit() {
            Err(StoreError::given_up())
        } else if ran.iter().any(|ran| ran.outcome.is_ok()) {
            statement(session, "COMMIT").inspect(|()| self.counters.commit())
        } else {
            statement(session, "ROLLBACK")
        };
        if commit.is_err() && !session.is_autocommit() {
            // After a failed commit the transaction may still be open; the next batch needs it gone.
            drop(statement(session, "ROLLBACK"));
        }
        commit
    }

    fn run_job(&self, job: &mut dyn Job, alone: bool) -> (Result<(), StoreError>, Vec<Notice>) {
        let session = self.session;
        if session.is_autocommit() {
            // A full disk or a failing one made SQLite give up the whole transaction. Going on would
            // commit this job on its own and answer for the others.
            return (Err(StoreError::given_up()), Vec::new());
        }
        if !alone && let Err(error) = statement(session, "SAVEPOINT job") {
            return (Err(error), Vec::new());
        }
        let mut conn = SqliteConn::new(session, self.counters, Some(self.handover));
        let keep = job.run(&mut conn) && !conn.failed;
        let notices = std::mem::take(&mut conn.notices);
        match conn.disk.take() {
            Some(error) => (Err(error), notices),
            None => (end_one(session, keep, alone), notices),
        }
    }
}

/// A failure of the disk as one; any other concerns its caller only.
fn only_the_disks(error: StoreError) -> Result<(), StoreError> {
    match error {
        StoreError::DiskFailed(_) => Err(error),
        _ => Ok(()),
    }
}

fn failed_disk(outcome: &Result<(), StoreError>) -> Option<StoreError> {
    let error = outcome.as_ref().err()?;
    matches!(error, StoreError::DiskFailed(_)).then(|| error.again())
}

/// Keeps or undoes what one job did.
fn end_one(session: &Session, keep: bool, alone: bool) -> Result<(), StoreError> {
    if keep {
        return if alone {
            Ok(())
        } else {
            statement(session, "RELEASE job")
        };
    }
    if !alone {
        statement(session, "ROLLBACK TO job")?;
        statement(session, "RELEASE job")?;
    }
    Err(StoreError::rolled_back())
}

fn statement(session: &Session, sql: &str) -> Result<(), StoreError> {
    session
        .prepare_cached(sql)
        .and_then(|mut s| s.execute([]))
        .map(|_| ())
        .map_err(|e| engine_error(&e))
}
