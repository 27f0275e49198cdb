//! Who may start now. Refusing is immediate and cheap; a permit is given back when it is dropped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use shared::clock::Timestamp;
use tokio::sync::Notify;

/// Counts what is under way, up to a bound that may change.
#[derive(Debug)]
pub(crate) struct Gate {
    under_way: AtomicU32,
    bound: AtomicU32,
}

impl Gate {
    /// A gate that lets `bound` through at the same time.
    pub(crate) fn new(bound: u32) -> Arc<Self> {
        Arc::new(Self {
            under_way: AtomicU32::new(0),
            bound: AtomicU32::new(bound),
        })
    }

    /// Changes the bound; what is under way stays.
    pub(crate) fn set_bound(&self, bound: u32) {
        self.bound.store(bound, Ordering::Relaxed);
    }

    /// The bound now.
    pub(crate) fn bound(&self) -> u32 {
        self.bound.load(Ordering::Relaxed)
    }

    /// What is under way now.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether three quarters of the bound are taken: from here on apps have to share.
    pub(crate) fn pressed(&self) -> bool {
        u64::from(self.under_way()) * 4 >= u64::from(self.bound()) * 3
    }

    /// A permit, unless the gate is full.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        if before >= self.bound.load(Ordering::Relaxed) {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }
}

/// The right to be under way.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many requests an app may start per second, with a burst above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second over time; at least 1.
    pub per_second: u32,
    /// Requests that may come at once; at least 1.
    pub burst: u32,
}

/// A token bucket in one number (GCRA): the time at which the bucket is full again.
#[derive(Debug)]
pub(crate) struct Bucket(AtomicI64);

impl Default for Bucket {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Bucket {
    /// Takes a token, if there is one. The next one is less than a second away.
    pub(crate) fn take(&self, rate: Rate, now: Timestamp) -> bool {
        let step = 1_000_000 / i64::from(rate.per_second.max(1));
        let room = step * i64::from(rate.burst.max(1));
        let now = now.as_micros();
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let next = full_at.max(now) + step;
                (next - now <= room).then_some(next)
            })
            .is_ok()
    }
}

/// How many records an app may still leave in the current window of the recorder.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    quiet: Windowed,
    loud: Windowed,
}

impl Quota {
    /// Whether one more record fits into this window.
    pub(crate) fn take(&self, window: u32, quiet: bool) -> bool {
        if quiet {
            self.quiet.take(window, QUIET_PER_WINDOW)
        } else {
            self.loud.take(window, LOUD_PER_WINDOW)
        }
    }
}

/// Successful runs without log lines kept per app and window; the rest is counted only.
pub(crate) const QUIET_PER_WINDOW: u32 = 1_000;
/// Failed or logging runs kept per app and window.
pub(crate) const LOUD_PER_WINDOW: u32 = 2_000;

/// A count that starts again in every window. Racing threads may let a few more through at a
/// window's first moment, which is harmless: it is a bound on disk writes, not on rights.
#[derive(Debug, Default)]
struct Windowed {
    window: AtomicU32,
    count: AtomicU32,
}

impl Windowed {
    fn take(&self, window: u32, most: u32) -> bool {
        if self.window.load(Ordering::Relaxed) != window {
            self.window.store(window, Ordering::Relaxed);
            self.count.store(0, Ordering::Relaxed);
        }
        // The load keeps a flood from wrapping the counter.
        self.count.load(Ordering::Relaxed) < most
            && self.count.fetch_add(1, Ordering::Relaxed) < most
    }
}

/// What outlives an app's releases.
#[derive(Debug)]
pub(crate) struct AppState {
    deleted: AtomicBool,
    deletion: Notify,
    pub(crate) gate: Arc<Gate>,
    pub(crate) bucket: Bucket,
    pub(crate) quota: Quota,
}

impl AppState {
    pub(crate) fn new(concurrency: u32) -> Arc<Self> {
        Arc::new(Self {
            deleted: AtomicBool::new(false),
            deletion: Notify::new(),
            gate: Gate::new(concurrency),
            bucket: Bucket::default(),
            quota: Quota::default(),
        })
    }

    /// The app is deleted: what it has under way ends.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        self.deletion.notify_waiters();
    }

    /// Waits until the app is deleted.
    pub(crate) async fn until_deleted(self: Arc<Self>) {
        let mut deletion = pin!(self.deletion.notified());
        // From here on it is told, so that nothing is missed in between.
        deletion.as_mut().enable();
        if !self.deleted.load(Ordering::Acquire) {
            deletion.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_gate_refuses_until_somebody_leaves() {
        let gate = Gate::new(2);
        let first = gate.enter().unwrap();
        let _second = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        drop(first);
        assert!(gate.enter().is_some());
        gate.set_bound(1);
        assert!(gate.enter().is_none(), "one is still under way");
    }

    #[test]
    fn a_bucket_allows_the_burst_then_the_rate() {
        let (bucket, start) = (Bucket::default(), Timestamp(1_000_000_000));
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        for _ in 0..3 {
            assert!(bucket.take(rate, start));
        }
        assert!(!bucket.take(rate, start));
        let later = start.plus(Duration::from_millis(100));
        assert!(bucket.take(rate, later));
        assert!(!bucket.take(rate, later));
        let rested = later.plus(Duration::from_mins(1));
        assert!((0..3).all(|_| bucket.take(rate, rested)));
        assert!(!bucket.take(rate, rested), "rest earns the burst only");
    }

    #[test]
    fn a_quota_starts_again_with_the_window_and_keeps_loud_ones_apart() {
        let quota = Quota::default();
        let kept = |window, quiet| (0..5_000).filter(|_| quota.take(window, quiet)).count();
        assert_eq!(kept(1, true), QUIET_PER_WINDOW as usize);
        assert_eq!(kept(1, false), LOUD_PER_WINDOW as usize);
        assert_eq!(kept(2, true), QUIET_PER_WINDOW as usize);
    }
}
