//! Finished runs on their way to the store: batched in memory, flushed by size or within a
//! second. While there are none, nothing wakes. Bounds and reasons: docs/adr/0005.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::clock::SharedClock;
use shared::id::{AppId, ExecutionId};
use shared::invocation::{LogLevel, LogLine};
use shared::name::ScriptName;
use shared::record::ExecutionRecord;
use shared::script_error::ScriptErrorKind;
use store::executions::{self, LogRow};
use store::{Store, StoreError};
use tokio::sync::Notify;

use crate::admission::Quota;
use crate::metrics::Metrics;
use crate::tails::Tails;

/// How long a record waits at most.
const FLUSH_AFTER: Duration = Duration::from_secs(1);
/// Records that make a flush due at once.
const FLUSH_AT: usize = 2_000;
/// Records held while the database is away.
const MOST: usize = 20_000;
/// Apps in the table of what was trimmed after which it begins again.
const FORGET_AT: usize = 10_000;
/// New records of an app after which its old ones are looked at.
const TRIM_EVERY: u64 = 1_000;
/// Old records removed in one transaction. More than [`TRIM_EVERY`], so that trimming catches up.
const TRIM_BATCH: i64 = 2_000;
/// How long records are kept.
const KEEP_FOR: Duration = Duration::from_hours(7 * 24);
/// Bytes of an app's records that are kept; an eighth while the disk is nearly full.
const KEEP_BYTES: i64 = 256 << 20;
/// Takes records and stores them.
pub struct Recorder {
    store: Store,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    batch: Mutex<Vec<ExecutionRecord>>,
    /// Changes with every flush; what [`Quota`] counts in.
    window: AtomicU32,
    /// Stored since the app was last trimmed. An app not in here was not trimmed since the start.
    untrimmed: Mutex<HashMap<AppId, u64>>,
    due: Notify,
    full: Notify,
    lines: Tails<LogRow>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    pub(crate) fn new(store: Store, clock: SharedClock, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            metrics,
            batch: Mutex::default(),
            window: AtomicU32::new(1),
            untrimmed: Mutex::default(),
            due: Notify::new(),
            full: Notify::new(),
            lines: Tails::new(LogRow::weight),
        })
    }

    /// The live tails of log lines.
    pub fn lines(&self) -> &Tails<LogRow> {
        &self.lines
    }

    /// Stores batches as they come; runs until it is dropped. Call [`Self::flush`] after that.
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

    /// Stores what is there. What could not be stored is kept for the next time, up to a bound.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let records = Arc::new(std::mem::take(&mut *self.lock()));
        self.window.fetch_add(1, Ordering::Relaxed);
        if records.is_empty() {
            return Ok(());
        }
        let batch = Arc::clone(&records);
        // What is left of a disk that is nearly full is not for log lines.
        let with_lines = self.store.is_low_on_space().is_none();
        let stored = self
            .store
            .write(move |conn| executions::insert(conn, &batch, with_lines))
            .await;
        match stored {
            Ok(()) => self.trim(&records).await,
            Err(error) => {
                if error.is_temporary() {
                    self.put_back(records);
                } else {
                    // Trying again would fail again, and hold up all others for ever.
                    self.metrics.records_lost.inc_by(records.len() as u64);
                }
                Err(error)
            }
        }
    }

    /// Removes what is over: looked at only after new records came, never by a timer.
    async fn trim(&self, stored: &[ExecutionRecord]) -> Result<(), StoreError> {
        let due: Vec<AppId> = {
            let mut untrimmed = self
                .untrimmed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let mut due = Vec::new();
            if untrimmed.len() >= FORGET_AT {
                // Deleted apps are among them. The others are trimmed once more than they need.
                untrimmed.clear();
            }
            for record in stored {
                let count = untrimmed.entry(record.app_id()).or_insert(TRIM_EVERY);
                *count += 1;
                if *count >= TRIM_EVERY {
                    *count = 0;
                    due.push(record.app_id());
                }
            }
            due
        };
        let before = self.clock.now().minus(KEEP_FOR);
        let low = self.store.is_low_on_space().is_some();
        let most = if low { KEEP_BYTES / 8 } else { KEEP_BYTES };
        for app in due {
            self.store
                .write(move |conn| {
                    executions::expire(conn, app, before, TRIM_BATCH)?;
                    executions::trim(conn, app, TRIM_BATCH)?;
                    executions::trim_to(conn, app, most, TRIM_BATCH)
                })
                .await?;
        }
        Ok(())
    }

    fn put_back(&self, records: Arc<Vec<ExecutionRecord>>) {
        // The store has dropped its share with the failed closure; when it is still closing down
        // the records are gone with it.
        let Ok(mut records) = Arc::try_unwrap(records) else {
            return;
        };
        let mut batch = self.lock();
        records.append(&mut batch);
        let lost = records.len().saturating_sub(MOST);
        records.truncate(MOST);
        *batch = records;
        drop(batch);
        self.metrics.records_lost.inc_by(lost as u64);
        self.due.notify_one();
    }

    /// Whether an app may leave one more record now; counts it when not.
    pub(crate) fn admits(&self, quota: &Quota, quiet: bool) -> bool {
        let admitted = quota.take(self.window.load(Ordering::Relaxed), quiet);
        if !admitted {
            self.metrics.records_skipped.inc();
        }
        admitted
    }

    /// Takes the record of a run; never blocks.
    pub(crate) fn keep(&self, record: ExecutionRecord) {
        let mut batch = self.lock();
        if batch.len() >= MOST {
            drop(batch);
            self.metrics.records_lost.inc();
            return;
        }
        batch.push(record);
        let count = batch.len();
        drop(batch);
        if count == 1 {
            self.due.notify_one();
        } else if count == FLUSH_AT {
            self.full.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<ExecutionRecord>> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows lines of a run to live tails; so many were before them.
    pub(crate) fn show(
        &self,
        app: AppId,
        execution: ExecutionId,
        script: &ScriptName,
        before: usize,
        lines: &[LogLine],
    ) {
        for (at, line) in lines.iter().enumerate() {
            self.lines.tell(app, || LogRow {
                execution,
                line: (before + at) as i64,
                at: line.at,
                level: line.level,
                script: script.as_str().to_owned(),
                message: line.message.clone(),
                fields: line.fields.clone(),
            });
        }
    }

    /// Shows live tails the rest of a run's lines, and why it failed.
    pub(crate) fn publish(&self, record: &ExecutionRecord) {
        let (app, completion) = (record.app.id, &record.completion);
        let told = completion.told;
        let rest = completion.logs.get(told..).unwrap_or_default();
        self.show(app, record.id, &record.script.name, told, rest);
        if let Some(row) = failure(record) {
            self.lines.tell(app, || row);
        }
    }
}

/// Why a run failed, as the last line of its tail. What a script threw for its client, and a client
/// that left, are no failures of the script.
fn failure(record: &ExecutionRecord) -> Option<LogRow> {
    let error = record.completion.error.as_ref()?;
    if error.public.is_some() || error.kind == ScriptErrorKind::Cancelled {
        return None;
    }
    let mut message = format!("{}: {}", error.kind.as_str(), error.message);
    if let Some(frame) = error.frames.first().filter(|frame| frame.line > 0) {
        message.push_str(&format!(
            " ({}:{}:{})",
            frame.script, frame.line, frame.column
        ));
    }
    if !error.excerpt.is_empty() {
        message = format!("{message}\n{}", error.excerpt);
    }
    Some(LogRow {
        execution: record.id,
        line: record.completion.logs.len() as i64,
        at: record.started_at.plus(record.completion.usage.wall),
        level: LogLevel::Error,
        script: record.script.name.as_str().to_owned(),
        message,
        fields: None,
    })
}
