//! Counters of the executor, for metrics and for placing runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use shared::script_error::LimitKind;

use super::signal::StopReason;

/// Every limit, in the order their counters have.
const LIMITS: [LimitKind; 10] = [
    LimitKind::Wall,
    LimitKind::Cpu,
    LimitKind::Operations,
    LimitKind::Memory,
    LimitKind::CallDepth,
    LimitKind::StringSize,
    LimitKind::Nesting,
    LimitKind::Response,
    LimitKind::HostCalls,
    LimitKind::Source,
];

/// What one worker is doing, as others see it. Written by that worker only.
#[derive(Debug, Default)]
pub(crate) struct WorkerLoad {
    active: AtomicUsize,
    /// Scripts that used their first slice and wait for a turn.
    pub(crate) waiting: Arc<AtomicUsize>,
    finished: AtomicU64,
    cancelled: AtomicU64,
    panicked: AtomicU64,
    leaked: AtomicU64,
    limited: [AtomicU64; LIMITS.len()],
}

impl WorkerLoad {
    pub(crate) fn started(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, stopped: Option<StopReason>) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
        match stopped {
            // The memory budget counts what it refuses.
            // A defect was counted when it was found.
            None | Some(StopReason::NoRoom | StopReason::Defect) => {}
            Some(StopReason::Cancelled) => {
                self.cancelled.fetch_add(1, Ordering::Relaxed);
            }
            Some(StopReason::Limit(limit)) => {
                let at = LIMITS.iter().position(|known| *known == limit);
                if let Some(count) = at.and_then(|at| self.limited.get(at)) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    pub(crate) fn panicked(&self) {
        self.panicked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leaked(&self, bytes: u64) {
        self.leaked.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// What one worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Scripts started and not ended: running, preempted, sleeping or waiting for the platform.
    pub active: usize,
    /// Of those, scripts that used their first slice and wait for a turn.
    pub waiting: usize,
    /// Whether a script runs at this moment.
    pub running: bool,
}

/// Totals since the start, and what happens now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutorStats {
    /// One per worker.
    pub workers: Vec<WorkerStats>,
    /// Runs that ended, however they did.
    pub finished: u64,
    /// Runs cancelled because nobody waited any more.
    pub cancelled: u64,
    /// Runs ended by a limit, by limit.
    pub limited: Vec<(LimitKind, u64)>,
    /// Panics of the platform: runs that one ended, and sources that one kept from being compiled.
    pub panicked: u64,
    /// Bytes runs left allocated for good: closures that capture themselves.
    pub leaked_bytes: u64,
    /// Runs whose script was compiled already.
    pub cache_hits: u64,
    /// Runs that had to wait for their script to be compiled.
    pub cache_misses: u64,
    /// Sources that were compiled, to be checked or to be served.
    pub sources_compiled: u64,
}

impl ExecutorStats {
    /// Scripts started and not ended.
    pub fn active(&self) -> usize {
        self.workers.iter().map(|worker| worker.active).sum()
    }

    /// Runs ended by any limit.
    pub fn stopped_by_limit(&self) -> u64 {
        self.limited.iter().map(|(_, count)| count).sum()
    }

    /// Adds what one worker counted.
    pub(crate) fn add(&mut self, load: &WorkerLoad, running: bool) {
        if self.limited.is_empty() {
            self.limited = LIMITS.iter().map(|limit| (*limit, 0)).collect();
        }
        self.workers.push(WorkerStats {
            active: load.active(),
            waiting: load.waiting(),
            running,
        });
        self.finished += load.finished.load(Ordering::Relaxed);
        self.cancelled += load.cancelled.load(Ordering::Relaxed);
        self.panicked += load.panicked.load(Ordering::Relaxed);
        self.leaked_bytes += load.leaked.load(Ordering::Relaxed);
        for ((_, sum), count) in self.limited.iter_mut().zip(&load.limited) {
            *sum += count.load(Ordering::Relaxed);
        }
    }
}
