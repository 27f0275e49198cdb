//! When the threads of a server that stops may end: a script runs on any worker, whichever thread
//! its client is connected to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use executor_core::LocalExecutor;

/// Pause between two looks at what is left.
const LOOK: Duration = Duration::from_millis(10);

/// What keeps the workers of a server that stops.
pub(crate) struct Left {
    executor: Arc<LocalExecutor>,
    /// Listeners that have connections, or may get some.
    listeners: AtomicUsize,
    /// How long what is under way may take.
    most: Duration,
}

impl Left {
    pub(crate) fn new(executor: &Arc<LocalExecutor>, most: Duration) -> Arc<Self> {
        Arc::new(Self {
            executor: Arc::clone(executor),
            listeners: AtomicUsize::new(0),
            most,
        })
    }

    /// A listener begins; it has ended when this is dropped.
    pub(crate) fn listening(self: &Arc<Self>) -> Listening {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listening(Arc::clone(self))
    }

    /// Waits until no listener has a connection and no script runs, at most as long as the stop may
    /// take.
    pub(crate) async fn nothing(&self) {
        let until = Instant::now() + self.most;
        while !self.is_nothing() && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_nothing(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) == 0 && self.executor.active() == 0
    }
}

/// A listener that has not ended.
pub(crate) struct Listening(Arc<Left>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
