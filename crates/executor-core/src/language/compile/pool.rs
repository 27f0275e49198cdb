//! The compile threads: at most two, started when there is work, gone after ten idle seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Work = Box<dyn FnOnce() + Send>;

/// Threads at most.
const THREADS: usize = 2;
/// Compilations waiting at most.
const WAITING: usize = 1_024;
/// How long a thread waits for more work before it ends.
const LINGER: Duration = Duration::from_secs(10);

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    wake: Condvar,
}

/// The pool.
pub(crate) struct Pool(Arc<Inner>);

impl Pool {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Queues work; `false` when too much is waiting or no thread can be started.
    pub(crate) fn run(&self, work: Work) -> bool {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.queue.len() >= WAITING {
            return false;
        }
        state.queue.push_back(work);
        if state.idle > 0 {
            self.0.wake.notify_one();
            return true;
        }
        if state.threads >= THREADS {
            return true;
        }
        let inner = Arc::clone(&self.0);
        let spawned = thread::Builder::new()
            .name("compile".to_owned())
            .stack_size(16 << 20)
            .spawn(move || {
                work_off(&inner);
            });
        if spawned.is_ok() {
            state.threads += 1;
        }
        state.threads > 0
    }
}

fn work_off(inner: &Inner) {
    let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while let Some(work) = state.queue.pop_front() {
            drop(state);
            work();
            state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        state.idle += 1;
        let (back, waited) = inner
            .wake
            .wait_timeout(state, LINGER)
            .unwrap_or_else(PoisonError::into_inner);
        state = back;
        state.idle -= 1;
        if waited.timed_out() && state.queue.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}
