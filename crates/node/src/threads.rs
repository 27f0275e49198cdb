//! The threads of a process: those with a runtime of their own, like the workers, and a small
//! runtime for the control plane.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{LocalOptions, Runtime};

use crate::tasks::{Stop, TaskKind};

/// Threads of the control runtime: the control plane must answer beside a slow operation of its
/// own, and needs no more.
const CONTROL_THREADS: usize = 2;

/// The runtime of everything that is not a request to a script.
pub fn control_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .max_blocking_threads(4)
        .thread_name("control")
        .enable_all()
        .build()
}

/// The runtime of what is left to do when everything else has ended: the calling thread.
pub fn last_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().build()
}

/// Threads that each run one long-lived task on a runtime of their own.
#[derive(Debug)]
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// Starts a thread per item; `work` makes the future it runs, on that thread. What it means
    /// when one fails, panics or ends early is the kind's policy.
    pub fn start<T, W, F>(kind: TaskKind, items: Vec<T>, stop: &Stop, work: W) -> io::Result<Self>
    where
        T: Send + 'static,
        W: Fn(usize, T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + 'static,
    {
        let work = Arc::new(work);
        let mut threads = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let guard = Guard(kind, stop.clone());
            let work = Arc::clone(&work);
            let thread = Builder::new()
                .name(format!("{}-{index}", kind.name()))
                .spawn(move || {
                    let outcome = run(|| work(index, item));
                    guard.1.ended(kind, outcome);
                })?;
            threads.push(thread);
        }
        Ok(Self(threads))
    }

    /// Waits for all to end. Call it after the stop.
    pub fn join(self) {
        for thread in self.0 {
            // A panic was reported when it happened.
            drop(thread.join());
        }
    }
}

fn run<F: Future<Output = Result<(), String>> + 'static>(
    work: impl FnOnce() -> F,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime.block_on(async { work().await })
}

/// Reports a thread that panics.
struct Guard(TaskKind, Stop);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.1.ended(self.0, Err("it panicked".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_run_until_the_stop() {
        let stop = Stop::default();
        let (ready, started) = std::sync::mpsc::channel();
        let watch = stop.clone();
        let workers = Threads::start(
            TaskKind::Worker,
            vec!["a", "b"],
            &stop,
            move |index, item| {
                let (stop, ready) = (watch.clone(), ready.clone());
                async move {
                    let task = tokio::task::spawn_local(async move { (index, item) });
                    ready.send(task.await.unwrap()).unwrap();
                    stop.stopped().await;
                    Ok(())
                }
            },
        )
        .unwrap();
        let mut seen: Vec<_> = started.iter().take(2).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(0, "a"), (1, "b")]);
        stop.stop();
        workers.join();
        assert!(!stop.failed());
    }

    #[test]
    fn a_worker_that_panics_stops_the_server() {
        let stop = Stop::default();
        let workers = Threads::start(TaskKind::Worker, vec![()], &stop, |_, ()| async {
            panic!("on purpose")
        });
        workers.unwrap().join();
        assert!(stop.stopping() && stop.failed());
    }
}
