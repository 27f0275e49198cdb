//! The writer thread: it drains the queue, runs every closure in a savepoint, commits once, then
//! answers all. While one commit waits for the disk the next batch gathers. When the disk fails, no
//! write is answered well any more (`docs/adr/0017-a-failing-disk-ends-the-server.md`).

use rusqlite::config::DbConfig;
use tokio::sync::{mpsc, watch};

use super::conn::{Session, SqliteConn, engine_error};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::job::{Job, Message};

/// Closures in one transaction: bounds how long the first of them waits for its commit.
const BATCH: usize = 256;

/// What the disk did when it failed; nothing before.
pub(super) type Failure = watch::Sender<Option<String>>;

/// Runs until told to stop.
pub(super) fn run(
    session: &Session,
    queue: &mut mpsc::Receiver<Message>,
    counters: &Counters,
    handover: &Handover,
    group_commit: bool,
    failure: &Failure,
) {
    let served = serve(session, queue, counters, handover, group_commit);
    let Err(error) = served else {
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
    while let Some(message) = queue.blocking_recv() {
        match message {
            Message::Job(task) => task.job.finish(Err(error.again())),
            Message::Stop => queue.close(),
        }
    }
}

/// Fails when the disk does.
fn serve(
    session: &Session,
    queue: &mut mpsc::Receiver<Message>,
    counters: &Counters,
    handover: &Handover,
    group_commit: bool,
) -> Result<(), StoreError> {
    let batch = if group_commit { BATCH } else { 1 };
    let mut stopping = false;
    while !stopping {
        let Some(first) = queue.blocking_recv() else {
            break;
        };
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(task) => jobs.push(task.job),
                Message::Stop => {
                    queue.close();
                    stopping = true;
                }
            }
            next = if jobs.len() < batch {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        commit_batch(session, counters, handover, jobs)?;
    }
    while let Some(message) = queue.blocking_recv() {
        if let Message::Job(task) = message {
            commit_batch(session, counters, handover, vec![task.job])?;
        }
    }
    Ok(())
}

/// Runs and answers some writes. Fails when the disk does.
fn commit_batch(
    session: &Session,
    counters: &Counters,
    handover: &Handover,
    mut jobs: Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    if let Err(error) = statement(session, "BEGIN IMMEDIATE") {
        for job in jobs {
            job.finish(Err(error.again()));
        }
        return only_the_disks(error);
    }
    // A batch of one needs no savepoint: its rollback is the transaction's.
    let alone = jobs.len() == 1;
    let mut notices = Vec::with_capacity(jobs.len());
    let mut outcomes: Vec<Result<(), StoreError>> = Vec::with_capacity(jobs.len());
    for job in &mut jobs {
        let (outcome, noted) = run_one(session, counters, handover, job.as_mut(), alone);
        outcomes.push(outcome);
        notices.push(noted);
    }
    let commit = if let Some(error) = outcomes.iter().find_map(failed_disk) {
        Err(error)
    } else if session.is_autocommit() {
        Err(StoreError::given_up())
    } else if outcomes.iter().any(Result::is_ok) {
        statement(session, "COMMIT").inspect(|()| counters.commit())
    } else {
        statement(session, "ROLLBACK")
    };
    if commit.is_err() && !session.is_autocommit() {
        // After a failed commit the transaction may still be open; the next batch needs it gone.
        drop(statement(session, "ROLLBACK"));
    }
    for ((job, outcome), noted) in jobs.into_iter().zip(outcomes).zip(notices) {
        // Before the answer: whoever gets it finds the dispatcher told.
        handover.publish(noted, Some(commit.is_ok() && outcome.is_ok()));
        job.finish(match (&commit, outcome) {
            (_, Err(rolled_back)) => Err(rolled_back),
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) => Err(error.again()),
        });
    }
    commit.or_else(only_the_disks)
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

fn run_one(
    session: &Session,
    counters: &Counters,
    handover: &Handover,
    job: &mut dyn Job,
    alone: bool,
) -> (Result<(), StoreError>, Vec<Notice>) {
    if session.is_autocommit() {
        // A full disk or a failing one made SQLite give up the whole transaction. Going on would
        // commit this job on its own and answer for the others.
        return (Err(StoreError::given_up()), Vec::new());
    }
    if !alone && let Err(error) = statement(session, "SAVEPOINT job") {
        return (Err(error), Vec::new());
    }
    let mut conn = SqliteConn::new(session, counters, Some(handover));
    let keep = job.run(&mut conn) && !conn.failed;
    let notices = std::mem::take(&mut conn.notices);
    match conn.disk.take() {
        Some(error) => (Err(error), notices),
        None => (end_one(session, keep, alone), notices),
    }
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
