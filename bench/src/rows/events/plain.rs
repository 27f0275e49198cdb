//! Queues as one writes them first: every step a transaction of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rusqlite::Connection;

use crate::error::Result;

/// As many connections as PiCloud has.
const CONNECTIONS: usize = 8;
const PAYLOAD: &str = r#"{"name":"work","message":1,"key":null}"#;

/// Insert, claim, delete, one after the other; events per second.
pub(super) fn sqlite(file: &Path, seconds: u32) -> Result<f64> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, state INTEGER NOT NULL,
             payload TEXT NOT NULL);
         CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (id) WHERE state = 0;",
    )?;
    let mut insert = connection.prepare("INSERT INTO jobs (state, payload) VALUES (0, ?1)")?;
    let mut claim = connection.prepare(
        "UPDATE jobs SET state = 1 WHERE id = (SELECT MIN(id) FROM jobs WHERE state = 0)
         RETURNING id, payload",
    )?;
    let mut delete = connection.prepare("DELETE FROM jobs WHERE id = ?1")?;
    let (start, mut done) = (Instant::now(), 0.0);
    while start.elapsed() < Duration::from_secs(u64::from(seconds)) {
        insert.execute([PAYLOAD])?;
        let id: i64 = claim.query_row([], |row| row.get(0))?;
        delete.execute([id])?;
        done += 1.0;
    }
    Ok(done / start.elapsed().as_secs_f64())
}

/// On every connection: insert one, take one with SKIP LOCKED, delete it; events per second.
pub(super) fn postgres(url: &str, seconds: u32) -> Result<f64> {
    Client::connect(url, NoTls)?.batch_execute(
        "CREATE TABLE IF NOT EXISTS jobs (id BIGSERIAL PRIMARY KEY, payload TEXT NOT NULL)",
    )?;
    let start = Instant::now();
    let time = Duration::from_secs(u64::from(seconds));
    let worker = || -> std::result::Result<u32, postgres::Error> {
        let mut client = Client::connect(url, NoTls)?;
        let insert = client.prepare("INSERT INTO jobs (payload) VALUES ($1)")?;
        let claim = client
            .prepare("SELECT id, payload FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")?;
        let delete = client.prepare("DELETE FROM jobs WHERE id = $1")?;
        let mut done = 0;
        while start.elapsed() < time {
            client.execute(&insert, &[&PAYLOAD])?;
            let mut transaction = client.transaction()?;
            if let Some(row) = transaction.query_opt(&claim, &[])? {
                transaction.execute(&delete, &[&row.get::<_, i64>(0)])?;
                done += 1;
            }
            transaction.commit()?;
        }
        Ok(done)
    };
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .map_err(|_panic| "a worker panicked".to_owned())
            })
            .collect::<std::result::Result<Vec<_>, String>>()
    })?;
    let mut all = 0;
    for done in done {
        all += done?;
    }
    Ok(f64::from(all) / start.elapsed().as_secs_f64())
}
