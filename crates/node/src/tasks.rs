//! Every long-lived task of a process: its name, how it ends, and what its failure means.
//!
//! `ARCHITECTURE.md` describes each [`TaskKind`]; `xtask tidy` checks that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The long-lived tasks. Nothing else runs for longer than a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// Serves connections and runs scripts on one thread.
    Worker,
    /// Waits for the signals that stop the server.
    Signals,
    /// Stores finished runs, in batches, while there are any.
    ExecutionRecords,
    /// Serves what is deployed, by whichever process.
    Catalog,
    /// Delivers events to their handlers and fires schedules, while there are any.
    Deliveries,
    /// Serves the control plane on the admin listener.
    AdminListener,
    /// Serves `/metrics` on the internal listener.
    InternalListener,
    /// Waits for the disk to fail.
    Disk,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It sees the stop and finishes what it has begun.
    Finishes,
    /// It holds nothing: it is dropped where it waits.
    Dropped,
}

/// What it means when a task fails while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The server cannot do its work: it stops, and its supervisor starts it again.
    StopServer,
    /// The rest works without it; the log says so.
    Log,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Worker,
        Self::Signals,
        Self::ExecutionRecords,
        Self::Catalog,
        Self::Deliveries,
        Self::AdminListener,
        Self::InternalListener,
        Self::Disk,
    ];

    /// The name in logs, and of its thread when it has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Signals => "signals",
            Self::ExecutionRecords => "execution-records",
            Self::Catalog => "catalog",
            Self::Deliveries => "deliveries",
            Self::AdminListener => "admin-listener",
            Self::InternalListener => "internal-listener",
            Self::Disk => "disk",
        }
    }

    /// How it ends.
    pub const fn cancel(self) -> Cancel {
        match self {
            Self::Worker | Self::Deliveries | Self::AdminListener | Self::InternalListener => {
                Cancel::Finishes
            }
            // What records are left is stored once more after the task is gone.
            Self::Signals | Self::ExecutionRecords | Self::Catalog | Self::Disk => Cancel::Dropped,
        }
    }

    /// What its failure means.
    pub const fn on_failure(self) -> OnFailure {
        match self {
            Self::Worker
            | Self::ExecutionRecords
            | Self::Catalog
            | Self::Deliveries
            | Self::AdminListener
            | Self::Disk => OnFailure::StopServer,
            Self::Signals | Self::InternalListener => OnFailure::Log,
        }
    }
}

/// The one switch that stops a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop {
    switch: watch::Sender<bool>,
    failed: Arc<AtomicBool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            switch: watch::Sender::new(false),
            failed: Arc::default(),
        }
    }
}

impl Stop {
    /// Asks the process to stop. The second time is the same as the first.
    pub fn stop(&self) {
        self.switch.send_replace(true);
    }

    /// Whether it was asked to stop.
    pub fn stopping(&self) -> bool {
        *self.switch.borrow()
    }

    /// What the parts of the process watch: `true` once it stops.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.switch.subscribe()
    }

    /// Waits until it was asked to stop.
    pub async fn stopped(&self) {
        // The sender lives in `self`: waiting cannot fail.
        drop(self.watch().wait_for(|stop| *stop).await);
    }

    /// Whether it stops because a task failed.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Applies a task's failure policy. An end while the server stops is what was asked for.
    pub(crate) fn ended(&self, kind: TaskKind, outcome: Result<(), String>) {
        if self.stopping() {
            return;
        }
        let reason = outcome
            .err()
            .unwrap_or_else(|| "it ended by itself".to_owned());
        match kind.on_failure() {
            OnFailure::StopServer => {
                tracing::error!(
                    task = kind.name(),
                    reason,
                    "a task failed; the server stops"
                );
                self.failed.store(true, Ordering::Release);
                self.stop();
            }
            OnFailure::Log => tracing::error!(task = kind.name(), reason, "a task failed"),
        }
    }
}

/// The tasks of the control runtime.
#[derive(Debug)]
pub struct Tasks {
    runtime: Handle,
    stop: Stop,
    running: Vec<(TaskKind, JoinHandle<()>)>,
}

impl Tasks {
    /// No tasks yet; they will run on `runtime` and end with `stop`.
    pub fn new(runtime: Handle, stop: Stop) -> Self {
        Self {
            runtime,
            stop,
            running: Vec::new(),
        }
    }

    /// Starts a task.
    pub fn spawn(
        &mut self,
        kind: TaskKind,
        work: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        let work = self.runtime.spawn(work);
        let abort = AbortOnDrop(work.abort_handle());
        let task = self.runtime.spawn(async move {
            let outcome = work.await.unwrap_or_else(|error| Err(error.to_string()));
            drop(abort);
            stop.ended(kind, outcome);
        });
        self.running.push((kind, task));
    }

    /// Waits for the tasks that finish by themselves and drops the others. Call it after the stop.
    pub async fn end(self) {
        for (kind, task) in self.running {
            if kind.cancel() == Cancel::Dropped {
                task.abort();
            }
            // Cancelled is what was asked for; a failure was logged when it happened.
            drop(task.await);
        }
    }
}

/// Ends the work inside a task when the task is ended.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        crate::control_runtime().unwrap()
    }

    #[test]
    fn a_failed_task_that_matters_stops_the_server_even_by_a_panic() {
        for panics in [false, true] {
            let (runtime, stop) = (runtime(), Stop::default());
            let mut tasks = Tasks::new(runtime.handle().clone(), stop.clone());
            tasks.spawn(TaskKind::ExecutionRecords, async move {
                assert!(!panics, "on purpose");
                Err("broken".to_owned())
            });
            runtime.block_on(stop.stopped());
            assert!(stop.failed());
            runtime.block_on(tasks.end());
        }
    }

    #[test]
    fn a_failed_task_that_does_not_matter_is_only_logged() {
        let (runtime, stop) = (runtime(), Stop::default());
        let mut tasks = Tasks::new(runtime.handle().clone(), stop.clone());
        tasks.spawn(TaskKind::InternalListener, async {
            Err("broken".to_owned())
        });
        runtime.block_on(tasks.end());
        assert!(!stop.stopping() && !stop.failed());
    }

    #[test]
    fn tasks_end_as_their_kind_says() {
        let (runtime, stop) = (runtime(), Stop::default());
        let mut tasks = Tasks::new(runtime.handle().clone(), stop.clone());
        tasks.spawn(TaskKind::Signals, std::future::pending());
        let mut watch = stop.watch();
        tasks.spawn(TaskKind::InternalListener, async move {
            drop(watch.wait_for(|stop| *stop).await);
            Ok(())
        });
        stop.stop();
        runtime.block_on(tasks.end());
        assert!(!stop.failed());
    }

    #[test]
    fn the_list_of_kinds_is_complete_and_names_are_distinct() {
        let names: std::collections::BTreeSet<_> =
            TaskKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), TaskKind::ALL.len());
    }
}
