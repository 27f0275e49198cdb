//! What was made for requests with an `Idempotency-Key`, to be answered again.
//!
//! It is remembered for a day, by this process as long as it runs: some answers hold secrets, which are
//! written nowhere.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use tokio::sync::watch;

use crate::error::{ApiError, ApiResult};

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is remembered.
const DAY: Duration = Duration::from_hours(24);
/// Answers remembered; the oldest go first.
const MOST: usize = 1_000;

/// A key with who used it and where, or a body.
pub(crate) type Hash = [u8; 32];

/// An answer as it was given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Given {
    /// The same answer.
    pub(crate) fn again(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(REPLAYED, yes);
        response
    }
}

/// A request that was sent with a key.
#[derive(Debug)]
struct Sent {
    /// What it asked for.
    fingerprint: Hash,
    at: Timestamp,
    /// Closed without an answer when nothing was made.
    given: watch::Receiver<Option<Given>>,
}

/// The requests that were sent with a key.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    sent: HashMap<Hash, Sent>,
    /// Oldest first; those that came to nothing are still in here.
    order: VecDeque<Hash>,
}

/// What is to be done with a request.
pub(crate) enum Turn {
    /// Carry it out, and tell what it was answered with if something was made.
    First(watch::Sender<Option<Given>>),
    /// It is under way or was carried out: this is its answer. Closed when nothing was made.
    Again(watch::Receiver<Option<Given>>),
}

impl Once {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done with a request that asks for this.
    pub(crate) fn begin(&self, key: Hash, fingerprint: Hash, now: Timestamp) -> ApiResult<Turn> {
        let mut all = self.all();
        all.forget_before(now.minus(DAY));
        let ended =
            |sent: &Sent| sent.given.has_changed().is_err() && sent.given.borrow().is_none();
        if all.sent.get(&key).is_some_and(ended) {
            // Whoever carried it out has failed.
            all.sent.remove(&key);
        }
        if let Some(sent) = all.sent.get(&key) {
            if sent.fingerprint != fingerprint {
                let detail = "this `Idempotency-Key` stands for an earlier request with another \
                              body; make a new key for each request";
                let reused = code::IDEMPOTENCY_KEY_REUSED;
                return Err(ApiError::new(Kind::Conflict, reused, detail));
            }
            return Ok(Turn::Again(sent.given.clone()));
        }
        let (sender, given) = watch::channel(None);
        let sent = Sent {
            fingerprint,
            at: now,
            given,
        };
        all.sent.insert(key, sent);
        all.order.push_back(key);
        Ok(Turn::First(sender))
    }

    /// Nothing was made: the next one is the first again.
    pub(crate) fn forget(&self, key: &Hash) {
        let mut all = self.all();
        all.sent.remove(key);
        all.order.retain(|known| known != key);
    }
}

impl All {
    fn forget_before(&mut self, time: Timestamp) {
        while let Some(key) = self.order.front() {
            let old = self.sent.get(key).is_none_or(|sent| sent.at < time);
            if !old && self.order.len() < MOST {
                return;
            }
            self.sent.remove(key);
            self.order.pop_front();
        }
    }
}
