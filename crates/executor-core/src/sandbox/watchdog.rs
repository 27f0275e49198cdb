//! Notices a worker that is stuck in one native call, and names the script. Sleeps while nothing
//! runs: the first run after a quiet time wakes it, and a quiet second sends it to sleep again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use super::fault::Label;

/// How often the watchdog looks while scripts run.
const LOOK: Duration = Duration::from_secs(1);
/// Looks in a row that find a worker at the same place before it is reported.
const STUCK_LOOKS: u32 = 2;

/// What one worker does, written by that worker only.
#[derive(Debug)]
struct Beat {
    /// Even while no script runs, odd while one does; changes at every resume and suspend.
    count: AtomicU64,
    label: [AtomicU64; Label::WORDS],
}

/// The workers' heartbeats.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    beats: Vec<Beat>,
    watching: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Heartbeat {
    /// Heartbeats of `workers` workers, and the thread that watches them.
    pub(crate) fn start(workers: usize) -> Arc<Self> {
        let beat = |_| Beat {
            count: AtomicU64::new(0),
            label: Default::default(),
        };
        let heartbeat = Arc::new(Self {
            beats: (0..workers).map(beat).collect(),
            watching: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let weak = Arc::downgrade(&heartbeat);
        let started = thread::Builder::new()
            .name("executor-watchdog".to_owned())
            .spawn(move || {
                loop {
                    let Some(heartbeat) = weak.upgrade() else {
                        return;
                    };
                    if heartbeat.watching.load(Ordering::Acquire) {
                        heartbeat.watch();
                    } else {
                        drop(heartbeat);
                        thread::park();
                    }
                }
            });
        match started {
            Ok(handle) => drop(heartbeat.thread.set(handle.thread().clone())),
            Err(error) => tracing::warn!(%error, "no watchdog: cannot start its thread"),
        }
        heartbeat
    }

    /// A worker enters a script.
    pub(crate) fn running(&self, worker: usize, label: &Label) {
        let Some(beat) = self.beats.get(worker) else {
            return;
        };
        let mut place = beat.label.iter();
        for (place, word) in place.by_ref().zip(label.words()) {
            place.store(word, Ordering::Relaxed);
        }
        if let Some(end) = place.next() {
            end.store(0, Ordering::Relaxed);
        }
        bump(&beat.count);
        // One wake-up per idle period, not per run.
        if !self.watching.load(Ordering::Relaxed)
            && !self.watching.swap(true, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// A worker leaves a script.
    pub(crate) fn idle(&self, worker: usize) {
        if let Some(beat) = self.beats.get(worker) {
            bump(&beat.count);
        }
    }

    /// Whether a worker is inside a script at this moment.
    pub(crate) fn is_running(&self, worker: usize) -> bool {
        self.beats
            .get(worker)
            .is_some_and(|beat| odd(beat.count.load(Ordering::Relaxed)))
    }

    fn read(&self) -> Vec<u64> {
        self.beats
            .iter()
            .map(|beat| beat.count.load(Ordering::Acquire))
            .collect()
    }

    /// Looks until a whole period passes in which nothing ran.
    fn watch(&self) {
        let mut before = self.read();
        let mut looks = vec![0; before.len()];
        loop {
            thread::park_timeout(LOOK);
            let now = self.read();
            for worker in stuck(&before, &now, &mut looks) {
                let words = self.beats[worker]
                    .label
                    .iter()
                    .map(|w| w.load(Ordering::Relaxed));
                let script = Label::text(words);
                tracing::error!(
                    worker,
                    script,
                    "a script has been inside one native call for 2 s"
                );
            }
            let quiet = now == before && !now.iter().any(|count| odd(*count));
            before = now;
            if quiet {
                self.watching.store(false, Ordering::SeqCst);
                // A run that began meanwhile saw that somebody watches.
                if self.read() == before || self.watching.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

// Only the worker itself writes its number: no read-modify-write is needed.
fn bump(count: &AtomicU64) {
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Release,
    );
}

fn odd(count: u64) -> bool {
    count % 2 == 1
}

/// The workers to report now: each once, when it has been at one place for long enough.
fn stuck(before: &[u64], now: &[u64], looks: &mut [u32]) -> Vec<usize> {
    let mut found = Vec::new();
    for (worker, look) in looks.iter_mut().enumerate() {
        let same = now[worker] == before[worker] && odd(now[worker]);
        *look = if same { *look + 1 } else { 0 };
        if *look == STUCK_LOOKS {
            found.push(worker);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_inside_one_call_is_stuck_and_only_once() {
        let mut looks = [0; 3];
        // Worker 0 idles, worker 1 is inside one call, worker 2 makes progress.
        assert_eq!(
            stuck(&[4, 7, 1], &[4, 7, 3], &mut looks),
            Vec::<usize>::new()
        );
        assert_eq!(stuck(&[4, 7, 3], &[4, 7, 5], &mut looks), [1]);
        assert_eq!(
            stuck(&[4, 7, 5], &[4, 7, 7], &mut looks),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn the_label_of_a_shorter_name_does_not_keep_the_end_of_a_longer_one() {
        let heartbeat = Heartbeat::start(1);
        heartbeat.running(0, &Label::new("a-long-app-name", "a-long-script-name"));
        assert!(heartbeat.is_running(0));
        heartbeat.idle(0);
        heartbeat.running(0, &Label::new("shop", "cart"));
        heartbeat.idle(0);
        assert!(!heartbeat.is_running(0));
        let words = heartbeat.beats[0]
            .label
            .iter()
            .map(|w| w.load(Ordering::Relaxed));
        assert_eq!(Label::text(words), "shop/cart");
    }
}
