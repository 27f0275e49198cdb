//! Who a job is for: whose turn it takes, on whose bill its time goes, and how much that may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use shared::id::AppId;

/// An app that lets the database work for a run, and the time that took so far.
#[derive(Clone, Debug)]
pub struct Payer {
    app: AppId,
    /// Nanoseconds.
    spent: Arc<AtomicU64>,
    /// What may be spent.
    most: Duration,
}

impl Payer {
    /// Nothing spent yet, of so much. Statements end when it is used up:
    /// [`StoreError::OutOfTime`](crate::StoreError::OutOfTime).
    pub fn new(app: AppId, most: Duration) -> Self {
        Self {
            app,
            spent: Arc::default(),
            most,
        }
    }

    /// Time the database has worked. What a job took is counted before its answer is there.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// What is left to spend.
    pub(crate) fn left(&self) -> Duration {
        self.most.saturating_sub(self.spent())
    }

    /// The app.
    pub(crate) fn app(&self) -> AppId {
        self.app
    }

    /// Counts time.
    pub(crate) fn charge(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Counts the processor time of the calling thread, lap by lap.
pub(crate) struct ThreadWatch(Duration);

impl ThreadWatch {
    /// The first lap starts now.
    pub(crate) fn start() -> Self {
        Self(thread_time())
    }

    /// What the thread has worked in this lap; the next starts.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = thread_time();
        now.saturating_sub(std::mem::replace(&mut self.0, now))
    }
}

/// Processor time the calling thread has used since it began.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}
