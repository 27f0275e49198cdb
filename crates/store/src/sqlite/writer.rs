//! The writer thread: it drains the queue, runs every closure in a savepoint, commits once, then
//! answers all. While one commit waits for the disk the next batch gathers.

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{SqliteConn, engine_error};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::job::{Job, Message};

/// Closures in one transaction: bounds how long the first of them waits for its commit.
const BATCH: usize = 256;

/// Runs until told to stop.
pub(super) fn run(
    connection: &Connection,
    queue: &mut mpsc::Receiver<Message>,
    counters: &Counters,
    handover: &Handover,
    group_commit: bool,
) {
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
        commit_batch(connection, counters, handover, jobs);
    }
    while let Some(message) = queue.blocking_recv() {
        if let Message::Job(task) = message {
            commit_batch(connection, counters, handover, vec![task.job]);
        }
    }
}

fn commit_batch(
    connection: &Connection,
    counters: &Counters,
    handover: &Handover,
    mut jobs: Vec<Box<dyn Job>>,
) {
    if jobs.is_empty() {
        return;
    }
    if let Err(error) = statement(connection, "BEGIN IMMEDIATE") {
        for job in jobs {
            job.finish(Err(error.again()));
        }
        return;
    }
    // A batch of one needs no savepoint: its rollback is the transaction's.
    let alone = jobs.len() == 1;
    let mut notices = Vec::with_capacity(jobs.len());
    let mut outcomes: Vec<Result<(), StoreError>> = Vec::with_capacity(jobs.len());
    for job in &mut jobs {
        let (outcome, noted) = run_one(connection, counters, handover, job.as_mut(), alone);
        outcomes.push(outcome);
        notices.push(noted);
    }
    let commit = if connection.is_autocommit() {
        Err(StoreError::given_up())
    } else if outcomes.iter().any(Result::is_ok) {
        statement(connection, "COMMIT").inspect(|()| counters.commit())
    } else {
        statement(connection, "ROLLBACK")
    };
    if commit.is_err() && !connection.is_autocommit() {
        // After a failed commit the transaction may still be open; the next batch needs it gone.
        drop(statement(connection, "ROLLBACK"));
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
}

fn run_one(
    connection: &Connection,
    counters: &Counters,
    handover: &Handover,
    job: &mut dyn Job,
    alone: bool,
) -> (Result<(), StoreError>, Vec<Notice>) {
    if connection.is_autocommit() {
        // A full disk or a failing one made SQLite give up the whole transaction. Going on would
        // commit this job on its own and answer for the others.
        return (Err(StoreError::given_up()), Vec::new());
    }
    if !alone && let Err(error) = statement(connection, "SAVEPOINT job") {
        return (Err(error), Vec::new());
    }
    let mut conn = SqliteConn {
        connection,
        counters,
        failed: false,
        handover: Some(handover),
        notices: Vec::new(),
    };
    let keep = job.run(&mut conn) && !conn.failed;
    let notices = std::mem::take(&mut conn.notices);
    (end_one(connection, keep, alone), notices)
}

/// Keeps or undoes what one job did.
fn end_one(connection: &Connection, keep: bool, alone: bool) -> Result<(), StoreError> {
    if keep {
        return if alone {
            Ok(())
        } else {
            statement(connection, "RELEASE job")
        };
    }
    if !alone {
        statement(connection, "ROLLBACK TO job")?;
        statement(connection, "RELEASE job")?;
    }
    Err(StoreError::rolled_back())
}

fn statement(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut s| s.execute([]))
        .map(|_| ())
        .map_err(|e| engine_error(&e))
}
