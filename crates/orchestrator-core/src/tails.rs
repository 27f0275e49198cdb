//! Live tails: what the runs of an app tell, for whoever reads along. Every app has a channel of
//! its own and every reader a bounded queue: who reads slowly misses something himself, is told how
//! much of what he wanted, and costs nobody else anything.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use shared::id::AppId;

/// What may wait for a slow reader.
const MOST: usize = 1_024;
/// Bytes that may wait for a slow reader.
const MOST_BYTES: usize = 1 << 20;

/// What a live tail shows next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailItem<T> {
    /// Something was told.
    Told(Arc<T>),
    /// The reader was too slow: so much of what it wants went by.
    Missed(u64),
}

/// What a reader wants to see.
pub type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// The channels of all apps. There is none for an app that nobody reads.
pub struct Tails<T>(Arc<Channels<T>>);

struct Channels<T> {
    /// Bytes that something takes up while it waits.
    weigh: fn(&T) -> usize,
    /// Of all apps. While it is 0, telling costs one look at it.
    readers: AtomicUsize,
    apps: Mutex<HashMap<AppId, Vec<Arc<Queue<T>>>>>,
}

struct Queue<T> {
    wanted: Wanted<T>,
    waiting: Mutex<Waiting<T>>,
}

struct Waiting<T> {
    items: VecDeque<TailItem<T>>,
    bytes: usize,
    reader: Option<Waker>,
}

impl<T> Clone for Tails<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::fmt::Debug for Tails<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tails")
    }
}

impl<T> Tails<T> {
    pub(crate) fn new(weigh: fn(&T) -> usize) -> Self {
        Self(Arc::new(Channels {
            weigh,
            readers: AtomicUsize::new(0),
            apps: Mutex::default(),
        }))
    }

    /// What an app's runs tell from now on.
    pub fn subscribe(&self, app: AppId, wanted: Wanted<T>) -> Reading<T> {
        let queue = Arc::new(Queue {
            wanted,
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
                reader: None,
            }),
        });
        let mut apps = self.0.apps();
        apps.entry(app).or_default().push(Arc::clone(&queue));
        self.0.readers.fetch_add(1, Ordering::Release);
        drop(apps);
        Reading {
            channels: Arc::clone(&self.0),
            app,
            queue,
        }
    }

    /// Tells the readers of an app something, which is put together only when there are any.
    pub(crate) fn tell(&self, app: AppId, something: impl FnOnce() -> T) {
        if self.0.readers.load(Ordering::Acquire) == 0 {
            return;
        }
        // Held to the end: of two things told at once every reader sees the same one first.
        let apps = self.0.apps();
        let Some(readers) = apps.get(&app) else {
            return;
        };
        let told = Arc::new(something());
        let bytes = (self.0.weigh)(&told);
        for queue in readers {
            if (queue.wanted)(&told) {
                queue.waiting().push(&told, bytes);
            }
        }
    }
}

impl<T> Channels<T> {
    fn apps(&self) -> MutexGuard<'_, HashMap<AppId, Vec<Arc<Queue<T>>>>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Waiting<T> {
    fn push(&mut self, told: &Arc<T>, bytes: usize) {
        // One thing of any size finds room when nothing waits.
        let full = self.items.len() >= MOST || (self.bytes > 0 && self.bytes + bytes > MOST_BYTES);
        match (full, self.items.back_mut()) {
            (true, Some(TailItem::Missed(count))) => *count += 1,
            (true, _) => self.items.push_back(TailItem::Missed(1)),
            (false, _) => {
                self.bytes += bytes;
                self.items.push_back(TailItem::Told(Arc::clone(told)));
            }
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// One reader's end of a channel. Dropping it ends the tail.
pub struct Reading<T> {
    channels: Arc<Channels<T>>,
    app: AppId,
    queue: Arc<Queue<T>>,
}

impl<T> std::fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

impl<T> Stream for Reading<T> {
    type Item = TailItem<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TailItem<T>>> {
        let mut waiting = self.queue.waiting();
        let Some(item) = waiting.items.pop_front() else {
            waiting.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if let TailItem::Told(told) = &item {
            waiting.bytes -= (self.channels.weigh)(told);
        }
        Poll::Ready(Some(item))
    }
}

impl<T> Drop for Reading<T> {
    fn drop(&mut self) {
        let mut apps = self.channels.apps();
        if let Some(readers) = apps.get_mut(&self.app) {
            readers.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
            if readers.is_empty() {
                apps.remove(&self.app);
            }
        }
        self.channels.readers.fetch_sub(1, Ordering::Release);
    }
}
