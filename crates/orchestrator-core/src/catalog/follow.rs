//! Following what is deployed, by whichever process: told of a change, it is loaded.
//!
//! Where processes can share a database, a notification can be lost without anybody noticing, the
//! first one too, so there the numbers of all apps are compared now and then. With a database of its
//! own a process is told of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::error::{Error, Kind};
use shared::id::AppId;
use shared::seam::Raised;
use store::handover::Heard;
use store::{StoreError, deployment};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::LiveCatalog;

/// Loads this follows at the same time, without those that take long.
const LOADS: usize = 8;
/// From here on a load takes long: it keeps no other app waiting, and a newer state of its own app is
/// loaded beside it.
const LONG: Duration = Duration::from_secs(1);
/// How often numbers are compared where there can be other processes: the longest a change that
/// nobody was told of stays unseen.
const COMPARE: Duration = Duration::from_secs(9);
/// The same where notifications do not arrive.
const POLL: Duration = Duration::from_secs(1);
/// How long is waited when the database is away.
const AWAY: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    apps: BTreeMap<AppId, i64>,
    /// Loads under way, by app and number, with the time they began.
    loading: BTreeMap<(AppId, i64), Instant>,
    /// The numbers of all apps are to be compared.
    compare: bool,
    comparing: bool,
    /// States that cannot be loaded, which another try does not change.
    broken: BTreeMap<AppId, i64>,
    /// Not before: the database is away.
    pause_until: Option<Instant>,
}

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Compare,
    Load(Raised),
}

/// What a comparison has found.
#[derive(Debug, Default)]
struct Compared {
    /// What is served in another state than it is stored in.
    missed: Vec<Raised>,
    /// All apps there are.
    stored: BTreeMap<AppId, i64>,
}

/// How it went.
enum Done {
    Compared(Result<Compared, StoreError>),
    Loaded(Raised, Result<(), Error>),
}

impl Wanted {
    fn hear(&mut self, heard: Heard) {
        self.compare |= heard.all;
        for (app, number) in heard.raised {
            self.want(Raised { app, number });
        }
    }

    fn want(&mut self, Raised { app, number }: Raised) {
        let mut under_way = self.loading.range((app, number)..);
        if under_way.next().is_some_and(|((of, _), _)| *of == app) {
            return;
        }
        let wanted = self.apps.entry(app).or_default();
        *wanted = number.max(*wanted);
    }

    /// Ends the pause when it is over.
    fn resume(&mut self, now: Instant) {
        self.pause_until = self.pause_until.filter(|until| *until > now);
    }

    /// The next thing to do; it counts as begun.
    fn next(&mut self, now: Instant) -> Option<Step> {
        if self.pause_until.is_some() {
            return None;
        }
        if let Some(app) = self.next_app(now) {
            let number = self.apps.remove(&app)?;
            self.loading.insert((app, number), now);
            return Some(Step::Load(Raised { app, number }));
        }
        // Another reason that comes up meanwhile is compared for again.
        let compare = self.compare && !self.comparing;
        compare.then(|| {
            self.compare = false;
            self.comparing = true;
            Step::Compare
        })
    }

    /// The loads that have not taken long so far.
    fn quick(&self, now: Instant) -> impl Iterator<Item = (AppId, Instant)> {
        let began = self.loading.iter().map(|((app, _), began)| (*app, *began));
        began.filter(move |(_, began)| now < *began + LONG)
    }

    /// The app to load next, if there is a place.
    fn next_app(&self, now: Instant) -> Option<AppId> {
        let busy: BTreeSet<AppId> = self.quick(now).map(|(app, _)| app).collect();
        if busy.len() >= LOADS {
            return None;
        }
        self.apps.keys().find(|app| !busy.contains(app)).copied()
    }

    /// When there is something to do though nothing has ended: the pause is over, or a load takes
    /// long from then on and gives its place up.
    fn wake(&self, now: Instant) -> Option<Instant> {
        if self.pause_until.is_some() || self.apps.is_empty() {
            return self.pause_until;
        }
        self.quick(now).map(|(_, began)| began + LONG).min()
    }

    /// What follows from how it went.
    fn done(&mut self, done: Done, now: Instant) {
        if let Done::Loaded(Raised { app, number }, _) = done {
            self.loading.remove(&(app, number));
        }
        match done {
            Done::Compared(Ok(found)) => {
                self.comparing = false;
                self.broken.retain(|app, _| found.stored.contains_key(app));
                for raised in found.missed {
                    if self.broken.get(&raised.app) != Some(&raised.number) {
                        self.want(raised);
                    }
                }
            }
            Done::Compared(Err(error)) => {
                tracing::warn!(%error, "the numbers of what is deployed cannot be compared");
                self.comparing = false;
                self.compare |= error.is_temporary();
                self.pause_until = Some(now + AWAY);
            }
            Done::Loaded(raised, Ok(())) => drop(self.broken.remove(&raised.app)),
            Done::Loaded(raised, Err(error)) if error.kind == Kind::Unavailable => {
                self.want(raised);
                self.pause_until = Some(now + AWAY);
            }
            Done::Loaded(raised, Err(error)) => {
                tracing::error!(app = %raised.app, %error, "what is deployed cannot be served");
                self.broken.insert(raised.app, raised.number);
            }
        }
    }
}

impl LiveCatalog {
    /// Follows until it is dropped. `hints` off: notifications of other processes do not arrive.
    /// Fails when a part of it has panicked.
    pub async fn follow(self: Arc<Self>, hints: bool) -> Result<(), String> {
        let news = self.store.handover().news();
        self.store.listen();
        let shared = self.store.handover().is_shared();
        let every = shared.then_some(if hints { COMPARE } else { POLL });
        let mut wanted = Wanted::default();
        let mut steps = JoinSet::new();
        let mut compared_at = Instant::now();
        loop {
            let now = Instant::now();
            wanted.resume(now);
            while let Some(step) = wanted.next(now) {
                if step == Step::Compare {
                    compared_at = now;
                }
                steps.spawn(Arc::clone(&self).step(step));
            }
            let compare = every.map(|every| compared_at + every);
            tokio::select! {
                heard = news.next() => wanted.hear(heard),
                Some(done) = steps.join_next() => {
                    let done = done.map_err(|panicked| panicked.to_string())?;
                    wanted.done(done, Instant::now());
                }
                () = until(compare) => {
                    compared_at = Instant::now();
                    wanted.compare = true;
                }
                () = until(wanted.wake(now)) => {}
            }
        }
    }

    async fn step(self: Arc<Self>, step: Step) -> Done {
        match step {
            Step::Compare => Done::Compared(self.compare().await),
            Step::Load(raised) => Done::Loaded(raised, self.serve(raised).await),
        }
    }

    /// Compares what is served with what is stored. Apps that are gone are served no more when this
    /// returns.
    async fn compare(&self) -> Result<Compared, StoreError> {
        // Before the database is asked: what comes meanwhile is not missed there.
        let served: Vec<AppId> = self.live().apps.keys().copied().collect();
        let stored = self.store.read(deployment::numbers).await?;
        for app in served {
            if !stored.contains_key(&app) {
                self.metrics.changes_missed.inc();
                self.remove(app);
            }
        }
        let raised = stored.iter();
        let raised = raised.map(|(&app, &number)| Raised { app, number });
        let missed = raised.filter(|raised| !self.serves(*raised) && !self.loads.brings(*raised));
        let missed: Vec<Raised> = missed.collect();
        self.metrics.changes_missed.inc_by(missed.len() as u64);
        Ok(Compared { missed, stored })
    }
}

/// Sleeps; without a time for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
