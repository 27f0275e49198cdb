//! What has changed of what is served, until whoever serves it asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use shared::id::AppId;
use shared::seam::Raised;
use tokio::sync::Notify;

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The apps that changed, with the highest number that was told of.
    pub raised: BTreeMap<AppId, i64>,
    /// Something may have been missed: the numbers of all apps are to be compared.
    pub all: bool,
}

impl Heard {
    fn is_empty(&self) -> bool {
        self.raised.is_empty() && !self.all
    }
}

/// News on their way. Many about one app are one, so it is never larger than the list of apps.
#[derive(Debug, Default)]
pub struct News {
    heard: Mutex<Heard>,
    company: AtomicBool,
    wake: Notify,
}

impl News {
    /// What was heard since the last time; sleeps until there is something. For one listener.
    pub async fn next(&self) -> Heard {
        loop {
            let heard = self.with(std::mem::take);
            if !heard.is_empty() {
                return heard;
            }
            self.wake.notified().await;
        }
    }

    /// An app has changed.
    pub(crate) fn tell(&self, raised: Raised) {
        self.with(|heard| {
            let number = heard.raised.entry(raised.app).or_default();
            *number = raised.number.max(*number);
        });
        self.wake.notify_one();
    }

    /// Any app may have changed.
    pub(crate) fn tell_all(&self) {
        self.with(|heard| heard.all = true);
        self.wake.notify_one();
    }

    /// Another process was heard; whether it is the first time.
    pub(crate) fn meet(&self) -> bool {
        let first = !self.company.swap(true, Ordering::AcqRel);
        if first {
            self.tell_all();
        }
        first
    }

    fn with<T>(&self, work: impl FnOnce(&mut Heard) -> T) -> T {
        work(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
