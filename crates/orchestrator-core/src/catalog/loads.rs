//! Loads under way: who asks for the same waits for the same, and none brings back what is gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::error::Error;
use shared::id::AppId;
use shared::seam::Raised;
use tokio::sync::watch;

type Outcome = Option<Result<(), Error>>;

#[derive(Default)]
struct Loading {
    /// By the number they were begun for: they load that state or a later one.
    under_way: BTreeMap<i64, watch::Receiver<Outcome>>,
    /// The app was deleted meanwhile.
    gone: bool,
}

type All = HashMap<AppId, Loading>;

/// The loads under way, app by app.
#[derive(Clone, Default)]
pub(super) struct Loads(Arc<Mutex<All>>);

/// A load somebody waits for.
pub(super) struct Waiting(watch::Receiver<Outcome>);

impl Waiting {
    /// Waits for its end.
    pub(super) async fn ended(mut self) -> Result<(), Error> {
        let ended = self.0.wait_for(Option::is_some).await;
        let outcome = ended.ok().and_then(|outcome| outcome.clone());
        // The load has panicked.
        outcome.unwrap_or_else(|| Err(Error::internal()))
    }
}

/// A load that is to be carried out.
pub(super) struct Begun {
    raised: Raised,
    all: Loads,
    outcome: watch::Sender<Outcome>,
}

impl Begun {
    /// Tells all who wait for it.
    pub(super) fn end(self, outcome: Result<(), Error>) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Raised { app, number } = self.raised;
        self.all.with(|all| {
            let Some(loading) = all.get_mut(&app) else {
                return;
            };
            loading.under_way.remove(&number);
            if loading.under_way.is_empty() {
                all.remove(&app);
            }
        });
    }
}

impl Loads {
    /// The load that brings a change; with what has to be carried out when there was none.
    pub(super) fn join(&self, raised: Raised) -> (Waiting, Option<Begun>) {
        let Raised { app, number } = raised;
        self.with(|all| {
            let loading = all.entry(app).or_default();
            if let Some((_, load)) = loading.under_way.range(number..).next() {
                return (Waiting(load.clone()), None);
            }
            let (outcome, load) = watch::channel(None);
            loading.under_way.insert(number, load.clone());
            let begun = Begun {
                raised,
                all: self.clone(),
                outcome,
            };
            (Waiting(load), Some(begun))
        })
    }

    /// Whether a load that brings a change is under way.
    pub(super) fn brings(&self, Raised { app, number }: Raised) -> bool {
        self.with(|all| {
            let loading = all.get(&app);
            loading.is_some_and(|loading| loading.under_way.range(number..).next().is_some())
        })
    }

    /// The app was deleted: what is being loaded of it is not to be served any more.
    pub(super) fn gone(&self, app: AppId) {
        self.with(|all| {
            if let Some(loading) = all.get_mut(&app) {
                loading.gone = true;
            }
        });
    }

    /// Whether the app was deleted while it was being loaded.
    pub(super) fn is_gone(&self, app: AppId) -> bool {
        self.with(|all| all.get(&app).is_some_and(|loading| loading.gone))
    }

    fn with<T>(&self, work: impl FnOnce(&mut All) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When what is new is compiled.
pub(super) struct Warm {
    /// How long a change waits for it.
    pub(super) first: Duration,
    /// Held by whoever compiles what is served already.
    pub(super) behind: tokio::sync::Mutex<()>,
}

impl Warm {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            first,
            behind: tokio::sync::Mutex::default(),
        }
    }
}
