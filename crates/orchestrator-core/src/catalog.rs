//! What is deployed, as the request path sees it: an immutable snapshot, swapped as a whole.

mod build;
mod follow;
mod lasting;
mod live;
mod loads;
mod warm;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use shared::error::{Error, Kind};
use shared::id::{AppId, ContentHash};
use shared::invocation::ScriptImage;
use shared::name::{AppSlug, ScriptName};
use shared::seam::{BoxFuture, Executor, Raised};
use store::deployment;
use store::{Store, StoreError};

use crate::admission::Gate;
use crate::metrics::Metrics;
pub(crate) use live::{Bounds, Live, LiveApp, LiveMode, LiveRoute, LiveScript};

use build::Prepared;
use lasting::Lasting;
use loads::{Begun, Loads, Warm};

/// Loads deployments and swaps them in.
pub struct LiveCatalog {
    live: ArcSwap<Live>,
    store: Store,
    executor: Arc<dyn Executor>,
    metrics: Arc<Metrics>,
    bounds: Bounds,
    /// Held while what was loaded is swapped in, never while something is loaded or compiled.
    lasting: Mutex<Lasting>,
    loads: Loads,
    warm: Warm,
    /// Counts changes, so that what was derived from older states can be told apart.
    generation: Arc<AtomicU64>,
}

impl std::fmt::Debug for LiveCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveCatalog")
    }
}

impl LiveCatalog {
    pub(crate) fn new(
        store: Store,
        executor: Arc<dyn Executor>,
        metrics: Arc<Metrics>,
        bounds: Bounds,
    ) -> Arc<Self> {
        Arc::new(Self {
            live: ArcSwap::default(),
            store,
            executor,
            metrics,
            warm: Warm::new(bounds.warm_first),
            bounds,
            lasting: Mutex::default(),
            loads: Loads::default(),
            generation: Arc::default(),
        })
    }

    pub(crate) fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.live.load()
    }

    /// How often what is served has changed.
    pub(crate) fn generation(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.generation)
    }

    /// Loads every app, and serves them all at once. An app that cannot be loaded is logged and left
    /// out.
    pub async fn load_all(&self) -> Result<(), StoreError> {
        let apps = self.store.read::<_, StoreError>(store::apps::list).await?;
        let mut all = Vec::new();
        for app in apps {
            match self.prepare(app.id).await {
                Ok(prepared) => all.extend(prepared.map(|prepared| (app.slug, prepared))),
                Err(error) => cannot_be_served(&app.slug, &error),
            }
        }
        let mut lasting = self.lasting();
        let mut next = Vec::new();
        for (slug, prepared) in all {
            match self.built(prepared, &mut lasting) {
                Ok(app) => next.extend(app),
                Err(error) => cannot_be_served(&slug, &error),
            }
        }
        self.swap(|apps| apps.extend(next.into_iter().map(|app| (app.context.id, app))));
        Ok(())
    }

    /// A script that is not served, with the modules of what is, and with the limits and the places
    /// of what is served under its name.
    pub(crate) fn draft(&self, app: &LiveApp, name: ScriptName, source: Arc<str>) -> LiveScript {
        let served = app.scripts.get(&name);
        let limits = served.map_or(app.limits, |script| script.limits);
        let gate = served.map(|script| Arc::clone(&script.gate));
        LiveScript {
            metrics: self
                .metrics
                .script(app.context.slug.as_str(), name.as_str()),
            image: Arc::new(ScriptImage {
                app: app.context.id,
                name,
                version: 0,
                hash: ContentHash::of(source.as_bytes()),
                source,
                modules: Arc::clone(&app.modules),
            }),
            limits,
            gate: gate.unwrap_or_else(|| Gate::new(limits.concurrency)),
        }
    }

    /// Serves what is deployed for an app now, for whoever may know of a change before it is told
    /// of.
    pub(crate) async fn refresh(self: &Arc<Self>, app: AppId) -> Result<(), Error> {
        let number = self.store.read(move |conn| deployment::number(conn, app));
        let number = number.await.map_err(|error| unreadable(app, &error))?;
        if let Some(number) = number {
            return self.serve(Raised { app, number }).await;
        }
        self.remove(app);
        Ok(())
    }

    /// Serves an app with a change, or with later ones. Loads of other apps go on beside it, and
    /// whoever asks for the same waits for the same load.
    pub(crate) async fn serve(self: &Arc<Self>, raised: Raised) -> Result<(), Error> {
        if self.serves(raised) {
            return Ok(());
        }
        let (loading, begun) = self.loads.join(raised);
        if let Some(begun) = begun {
            let catalog = Arc::clone(self);
            #[expect(
                clippy::disallowed_methods,
                reason = "a load is carried out whoever stops waiting for it, and ends by itself"
            )]
            tokio::spawn(async move { catalog.load(raised.app, begun).await });
        }
        loading.ended().await
    }

    /// Whether a change is served already.
    fn serves(&self, Raised { app, number }: Raised) -> bool {
        let live = self.live.load();
        live.app(app).is_some_and(|app| app.number >= number)
    }

    /// Loads what is now deployed for an app, and serves it. What is new is compiled for a moment
    /// before that, and the rest after it.
    async fn load(&self, app: AppId, begun: Begun) {
        let mut prepared = match self.prepare(app).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => {
                self.remove(app);
                return begun.end(Ok(()));
            }
            Err(error) => return begun.end(Err(error)),
        };
        let new = std::mem::take(&mut prepared.new);
        let served = AtomicBool::new(false);
        let mut warming = pin!(self.warming(&new, &served));
        let all = tokio::time::timeout(self.warm.first, &mut warming).await;
        begun.end(self.install(prepared));
        served.store(true, Ordering::Relaxed);
        if all.is_err() {
            warming.await;
        }
    }

    /// What is now deployed for an app; `None` when it is deleted.
    async fn prepare(&self, app: AppId) -> Result<Option<Prepared>, Error> {
        let loaded = self.store.read(move |conn| deployment::load(conn, app));
        let loaded = loaded.await.map_err(|error| unreadable(app, &error))?;
        let live = self.live.load();
        Ok(loaded.map(|deployment| Prepared::new(deployment, live.app(app))))
    }

    /// Swaps an app in, unless a later state of it is served by now.
    fn install(&self, prepared: Prepared) -> Result<(), Error> {
        let mut lasting = self.lasting();
        if let Some(next) = self.built(prepared, &mut lasting)? {
            self.swap(|apps| drop(apps.insert(next.context.id, next)));
        }
        Ok(())
    }

    /// An app as it is to be served; `None` when a later state of it is served by now.
    fn built(
        &self,
        prepared: Prepared,
        lasting: &mut Lasting,
    ) -> Result<Option<Arc<LiveApp>>, Error> {
        let (app, number) = (prepared.deployment.app.id, prepared.deployment.number);
        if self.serves(Raised { app, number }) || self.loads.is_gone(app) {
            return Ok(None);
        }
        let next = prepared.build(lasting, &self.metrics, &self.bounds)?;
        Ok(Some(Arc::new(next)))
    }

    /// Serves an app no more: it is deleted, and its runs end. No other app ever has its id.
    fn remove(&self, app: AppId) {
        let mut lasting = self.lasting();
        self.loads.gone(app);
        let state = lasting.remove(app);
        if self.live.load().app(app).is_some() {
            self.swap(|apps| drop(apps.remove(&app)));
        }
        if let Some(state) = state {
            state.delete();
        }
    }

    fn swap(&self, change: impl FnOnce(&mut BTreeMap<AppId, Arc<LiveApp>>)) {
        let old = self.live.load();
        let mut apps = old.apps.clone();
        change(&mut apps);
        self.live.store(Arc::new(Live::new(apps, old.default)));
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn lasting(&self) -> MutexGuard<'_, Lasting> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_be_served(app: &AppSlug, error: &Error) {
    tracing::error!(%app, %error, "the app cannot be served");
}

fn unreadable(app: AppId, error: &StoreError) -> Error {
    tracing::error!(%app, %error, "loading a deployment failed");
    let kind = if error.is_temporary() {
        Kind::Unavailable
    } else {
        Kind::Internal
    };
    Error::new(
        kind,
        "deployment_unreadable",
        "the deployment cannot be read; the server's log has the details",
    )
}

/// The catalog as the control plane sees it.
#[derive(Clone, Debug)]
pub struct CatalogHandle(pub Arc<LiveCatalog>);

impl shared::seam::Catalog for CatalogHandle {
    fn caught_up(&self, with: Raised) -> BoxFuture<Result<(), Error>> {
        let catalog = Arc::clone(&self.0);
        Box::pin(async move { catalog.serve(with).await })
    }
}
