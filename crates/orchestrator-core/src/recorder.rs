//! Finished runs on their way to the store: batched in memory, flushed by size or within a
//! second. While there are none, nothing wakes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::id::AppId;
use shared::record::ExecutionRecord;
use shared::seam::ExecutionLog;
use store::{Store, StoreError, executions};
use tokio::sync::{Notify, broadcast};

use crate::metrics::Metrics;

/// How long a record waits at most.
const FLUSH_AFTER: Duration = Duration::from_secs(1);
/// Records that make a flush due at once.
const FLUSH_AT: usize = 2_000;
/// Successful runs without log lines kept per app between two flushes. Beyond it they are counted,
/// not stored: a busy endpoint must not turn every request into a disk write.
const QUIET_PER_FLUSH: u32 = 200;
/// Records held while the database is away.
const MOST: usize = 20_000;
/// Old records removed after a flush, per app.
const TRIM: i64 = 2_000;
/// Lines a slow live tail may lag behind.
const TAIL: usize = 1_024;

/// A log line for live tails.
#[derive(Clone, Debug)]
pub struct TailLine {
    /// The app.
    pub app: AppId,
    /// The line, as stored.
    pub row: executions::LogRow,
}

#[derive(Default)]
struct Batch {
    records: Vec<ExecutionRecord>,
    quiet: HashMap<AppId, u32>,
}

/// Takes records and stores them.
pub struct Recorder {
    store: Store,
    metrics: Arc<Metrics>,
    batch: Mutex<Batch>,
    due: Notify,
    full: Notify,
    tail: broadcast::Sender<Arc<TailLine>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    pub(crate) fn new(store: Store, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            store,
            metrics,
            batch: Mutex::default(),
            due: Notify::new(),
            full: Notify::new(),
            tail: broadcast::channel(TAIL).0,
        })
    }

    /// Log lines of all apps from now on. A receiver that lags loses the oldest lines and is told
    /// how many.
    pub fn tail(&self) -> broadcast::Receiver<Arc<TailLine>> {
        self.tail.subscribe()
    }

    /// Stores batches as they come; runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.due.notified().await;
            tokio::select! {
                () = tokio::time::sleep(FLUSH_AFTER) => {}
                () = self.full.notified() => {}
            }
            if let Err(error) = self.flush().await {
                tracing::error!(%error, "execution records could not be stored");
            }
        }
    }

    /// Stores what is there.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut *self.lock());
        if batch.records.is_empty() {
            return Ok(());
        }
        let mut apps: Vec<AppId> = batch.records.iter().map(ExecutionRecord::app_id).collect();
        apps.sort_unstable();
        apps.dedup();
        self.store
            .write(move |conn| {
                executions::insert(conn, &batch.records)?;
                for app in apps {
                    executions::trim(conn, app, TRIM)?;
                }
                Ok(())
            })
            .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, record: &ExecutionRecord) {
        if self.tail.receiver_count() == 0 {
            return;
        }
        for (at, line) in record.completion.logs.iter().enumerate() {
            let row = executions::LogRow {
                execution: record.id,
                line: at as i64,
                at: line.at,
                level: line.level,
                script: record.script.name.as_str().to_owned(),
                message: line.message.clone(),
                fields: line.fields.clone(),
            };
            drop(self.tail.send(Arc::new(TailLine {
                app: record.app.id,
                row,
            })));
        }
    }
}

impl ExecutionLog for Recorder {
    fn record(&self, record: ExecutionRecord) {
        self.publish(&record);
        let completion = &record.completion;
        let quiet = completion.error.is_none() && completion.logs.is_empty();
        let mut batch = self.lock();
        if quiet {
            let count = batch.quiet.entry(record.app.id).or_default();
            *count += 1;
            if *count > QUIET_PER_FLUSH {
                drop(batch);
                self.metrics.records_skipped.inc();
                return;
            }
        }
        if batch.records.len() >= MOST {
            drop(batch);
            self.metrics.records_skipped.inc();
            return;
        }
        batch.records.push(record);
        let count = batch.records.len();
        drop(batch);
        if count == 1 {
            self.due.notify_one();
        } else if count == FLUSH_AT {
            self.full.notify_one();
        }
    }
}
