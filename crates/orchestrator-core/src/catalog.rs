//! What is deployed, as the request path sees it: an immutable snapshot, swapped as a whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use shared::error::{Error, Kind};
use shared::id::{AppId, ContentHash};
use shared::invocation::{AppContext, ModuleSet, ModuleSource, ScriptImage};
use shared::limits::Limits;
use shared::name::{AppSlug, DomainName, EnvName, FunctionName, ScriptName};
use shared::release::{Cors, RouteAuth, RouteMode};
use shared::routing::{Method, PathPattern, RouteTable};
use shared::seam::{BoxFuture, Executor};
use shared::trigger::TriggerSpec;
use shared::webhook::Provider;
use store::deployment::{self, Deployment};
use store::{Store, StoreError};
use tokio::sync::Mutex;

use crate::admission::{AppState, Gate};
use crate::hosts::Hosts;
use crate::metrics::{Metrics, ScriptMetrics};

/// One script of a live release.
#[derive(Debug)]
pub(crate) struct LiveScript {
    pub(crate) image: Arc<ScriptImage>,
    pub(crate) limits: Limits,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: ScriptMetrics,
}

/// When a route's caller gets its answer.
#[derive(Clone, Debug)]
pub(crate) enum LiveMode {
    /// When the script has run.
    Sync,
    /// When the request is stored.
    Async,
    /// When the request is verified and stored, for a trigger.
    Webhook {
        trigger: String,
        provider: Provider,
        secret: EnvName,
    },
}

/// One route of a live release.
#[derive(Debug)]
pub(crate) struct LiveRoute {
    pub(crate) script: Arc<LiveScript>,
    pub(crate) handler: Option<FunctionName>,
    pub(crate) auth: RouteAuth,
    pub(crate) mode: LiveMode,
    pub(crate) cors: Option<Arc<Cors>>,
}

/// One trigger of a live release.
#[derive(Debug)]
pub(crate) struct LiveTrigger {
    pub(crate) spec: TriggerSpec,
    pub(crate) script: Arc<LiveScript>,
}

/// One app as it is served.
#[derive(Debug)]
pub(crate) struct LiveApp {
    pub(crate) context: Arc<AppContext>,
    pub(crate) release: i64,
    pub(crate) routes: RouteTable<Arc<LiveRoute>>,
    pub(crate) scripts: BTreeMap<ScriptName, Arc<LiveScript>>,
    pub(crate) triggers: BTreeMap<String, Arc<LiveTrigger>>,
    pub(crate) state: Arc<AppState>,
    domains: Vec<DomainName>,
    redirects: Vec<AppSlug>,
    is_default: bool,
}

/// All apps.
#[derive(Debug, Default)]
pub(crate) struct Live {
    apps: BTreeMap<AppId, Arc<LiveApp>>,
    pub(crate) hosts: Hosts<LiveApp>,
}

impl Live {
    /// An app as it is served.
    pub(crate) fn app(&self, app: AppId) -> Option<&Arc<LiveApp>> {
        self.apps.get(&app)
    }

    /// Which release of which app is served.
    pub(crate) fn releases(&self) -> BTreeMap<AppId, i64> {
        self.apps
            .iter()
            .map(|(id, app)| (*id, app.release))
            .collect()
    }

    /// Apps with requests under way; walks all of them, so only asked when the node is pressed.
    pub(crate) fn busy_apps(&self) -> u32 {
        let busy = self.apps.values().filter(|a| a.state.gate.under_way() > 0);
        busy.count() as u32
    }
}

/// Bounds the catalog applies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) ceiling: Limits,
    pub(crate) app_concurrency: u32,
}

/// Admission state and metric handles live as long as the process, across releases.
#[derive(Default)]
struct Lasting {
    apps: HashMap<AppId, Arc<AppState>>,
    scripts: HashMap<(AppId, ScriptName), (Arc<Gate>, ScriptMetrics)>,
}

/// Loads deployments and swaps them in.
pub struct LiveCatalog {
    live: ArcSwap<Live>,
    store: Store,
    executor: Arc<dyn Executor>,
    metrics: Arc<Metrics>,
    bounds: Bounds,
    /// One refresh at a time, so that an older load never replaces a newer one.
    lasting: Mutex<Lasting>,
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
            bounds,
            lasting: Mutex::default(),
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

    /// Loads every app. An app that cannot be loaded is logged and left out.
    pub async fn load_all(&self) -> Result<(), StoreError> {
        let apps = self.store.read::<_, StoreError>(store::apps::list).await?;
        for app in apps {
            if let Err(error) = self.reload(app.id).await {
                tracing::error!(app = %app.slug, %error, "the app cannot be served");
            }
        }
        Ok(())
    }

    /// The app as served now, for direct calls.
    pub fn script(&self, app: AppId, name: &str) -> Option<ServedScript> {
        let live = self.live.load();
        let app = live.apps.get(&app)?;
        let script = app.scripts.get(name)?;
        Some(ServedScript {
            app: Arc::clone(&app.context),
            release: app.release,
            image: Arc::clone(&script.image),
            limits: script.limits,
        })
    }

    /// Loads what is now deployed for an app and serves it.
    pub(crate) async fn reload(&self, app: AppId) -> Result<(), Error> {
        let mut lasting = self.lasting.lock().await;
        let loaded = self
            .store
            .read(move |conn| deployment::load(conn, app))
            .await;
        let loaded = loaded.map_err(|error: StoreError| {
            tracing::error!(%app, %error, "loading a deployment failed");
            Error::new(
                Kind::Unavailable,
                "deployment_unreadable",
                "the deployment cannot be read; the server's log has the details",
            )
        })?;
        let old = self.live.load_full();
        let before = old.apps.get(&app);
        let next = match loaded {
            Some(deployment) => Some(self.build(&mut lasting, before, deployment)?),
            None => None,
        };
        if let Some(next) = &next {
            self.warm(before, next).await;
        }
        let mut apps = old.apps.clone();
        if let Some(next) = next {
            apps.insert(app, Arc::new(next));
        } else {
            apps.remove(&app);
            lasting.apps.remove(&app);
            lasting.scripts.retain(|(owner, _), _| *owner != app);
        }
        self.live.store(Arc::new(Live {
            hosts: hosts_of(&apps),
            apps,
        }));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Compiles what is new, so that the first request does not wait. A script that does not
    /// compile answers with its error; it was checked before it got here.
    async fn warm(&self, before: Option<&Arc<LiveApp>>, app: &LiveApp) {
        for (name, script) in &app.scripts {
            let served = before.and_then(|app| app.scripts.get(name));
            if served.is_some_and(|old| Arc::ptr_eq(&old.image, &script.image)) {
                continue;
            }
            if let Err(error) = self.executor.warm(Arc::clone(&script.image)).await {
                let (app, script) = (&app.context.slug, &script.image.name);
                tracing::warn!(%app, %script, error = %error.message, "cannot be compiled");
            }
        }
    }

    fn build(
        &self,
        lasting: &mut Lasting,
        before: Option<&Arc<LiveApp>>,
        from: Deployment,
    ) -> Result<LiveApp, Error> {
        let app = from.app.id;
        let images = images(&from, before);
        let limits = Limits::default().with(&from.app.limits, &self.bounds.ceiling);
        let mut scripts = BTreeMap::new();
        for (name, spec) in &from.snapshot.scripts {
            let limits = limits.with(&spec.limits, &self.bounds.ceiling);
            let (gate, metrics) = lasting
                .scripts
                .entry((app, name.clone()))
                .or_insert_with(|| {
                    let metrics = self.metrics.script(from.app.slug.as_str(), name.as_str());
                    (Gate::new(limits.concurrency), metrics)
                });
            gate.set_bound(limits.concurrency);
            let live = LiveScript {
                image: Arc::clone(&images[name]),
                limits,
                gate: Arc::clone(gate),
                metrics: metrics.clone(),
            };
            scripts.insert(name.clone(), Arc::new(live));
        }
        let state = lasting
            .apps
            .entry(app)
            .or_insert_with(|| AppState::new(self.bounds.app_concurrency));
        let env = from.env.iter();
        Ok(LiveApp {
            context: Arc::new(AppContext {
                id: app,
                slug: from.app.slug.clone(),
                env: env
                    .map(|e| (e.name.clone(), e.value.as_str().into()))
                    .collect(),
            }),
            release: from.release,
            routes: route_table(&from, &scripts)?,
            triggers: triggers(&from, &scripts)?,
            scripts,
            state: Arc::clone(state),
            domains: from.domains,
            redirects: from.redirects,
            is_default: from.app.is_default,
        })
    }
}

/// The scripts of a deployment. What did not change is the same image as before: it is neither
/// compiled nor held in memory again.
fn images(
    from: &Deployment,
    before: Option<&Arc<LiveApp>>,
) -> BTreeMap<ScriptName, Arc<ScriptImage>> {
    let source = |hash: &ContentHash| Arc::<str>::from(from.sources[hash].as_str());
    let modules = Arc::new(module_set(from, &source));
    let mut images = BTreeMap::new();
    for (name, spec) in &from.snapshot.scripts {
        let served = before.and_then(|app| app.scripts.get(name));
        let same = served.map(|script| &script.image).filter(|image| {
            image.hash == spec.hash
                && image.version == spec.version
                && image.modules.hash == modules.hash
        });
        let image = same.cloned().unwrap_or_else(|| {
            Arc::new(ScriptImage {
                app: from.app.id,
                name: name.clone(),
                version: spec.version,
                hash: spec.hash,
                source: source(&spec.hash),
                modules: Arc::clone(&modules),
            })
        });
        images.insert(name.clone(), image);
    }
    images
}

fn module_set(from: &Deployment, source: &impl Fn(&ContentHash) -> Arc<str>) -> ModuleSet {
    let modules = from
        .snapshot
        .modules
        .iter()
        .map(|(name, spec)| {
            (
                name.clone(),
                ModuleSource {
                    hash: spec.hash,
                    source: source(&spec.hash),
                },
            )
        })
        .collect();
    ModuleSet::new(modules)
}

fn route_table(
    from: &Deployment,
    scripts: &BTreeMap<ScriptName, Arc<LiveScript>>,
) -> Result<RouteTable<Arc<LiveRoute>>, Error> {
    let broken = |detail: String| Error::new(Kind::Internal, "deployment_broken", detail);
    let mut routes = RouteTable::default();
    for route in &from.snapshot.routes {
        let script = scripts
            .get(&route.script)
            .ok_or_else(|| broken(format!("route {} names a missing script", route.path)))?;
        let live = LiveRoute {
            script: Arc::clone(script),
            handler: route.handler.clone(),
            auth: route.auth,
            mode: match route.mode {
                RouteMode::Sync => LiveMode::Sync,
                RouteMode::Async => LiveMode::Async,
            },
            cors: route.cors.clone().map(Arc::new),
        };
        routes
            .insert(route.method, route.path.clone(), Arc::new(live))
            .map_err(|conflict| broken(conflict.to_string()))?;
    }
    for spec in &from.snapshot.triggers {
        if let Some((path, live)) = webhook_route(spec, scripts) {
            routes
                .insert(Method::Post, path, Arc::new(live))
                .map_err(|conflict| broken(conflict.to_string()))?;
        }
    }
    Ok(routes)
}

/// The route of a webhook trigger.
fn webhook_route(
    spec: &TriggerSpec,
    scripts: &BTreeMap<ScriptName, Arc<LiveScript>>,
) -> Option<(PathPattern, LiveRoute)> {
    let live = LiveRoute {
        script: Arc::clone(scripts.get(&spec.script)?),
        handler: spec.handler.clone(),
        auth: RouteAuth::Public,
        mode: LiveMode::Webhook {
            trigger: spec.key(),
            provider: spec.provider.unwrap_or(Provider::Standard),
            secret: spec.secret.clone()?,
        },
        cors: None,
    };
    Some((spec.path.clone()?, live))
}

fn triggers(
    from: &Deployment,
    scripts: &BTreeMap<ScriptName, Arc<LiveScript>>,
) -> Result<BTreeMap<String, Arc<LiveTrigger>>, Error> {
    let live = |spec: &TriggerSpec| {
        let script = scripts.get(&spec.script).ok_or_else(|| {
            let detail = format!("trigger {} names a missing script", spec.key());
            Error::new(Kind::Internal, "deployment_broken", detail)
        })?;
        let live = LiveTrigger {
            spec: spec.clone(),
            script: Arc::clone(script),
        };
        Ok((spec.key(), Arc::new(live)))
    };
    from.snapshot.triggers.iter().map(live).collect()
}

fn hosts_of(apps: &BTreeMap<AppId, Arc<LiveApp>>) -> Hosts<LiveApp> {
    let mut hosts = Hosts::default();
    // Old names first: an app that took the name wins.
    for app in apps.values() {
        for old in &app.redirects {
            hosts.add_slug(old, app);
        }
    }
    for app in apps.values() {
        hosts.add_slug(&app.context.slug, app);
        for domain in &app.domains {
            hosts.add_domain(domain, app);
        }
        if app.is_default {
            hosts.set_default(app);
        }
    }
    hosts
}

/// A script as served now.
#[derive(Clone, Debug)]
pub struct ServedScript {
    /// Its app.
    pub app: Arc<AppContext>,
    /// The active release.
    pub release: i64,
    /// The script.
    pub image: Arc<ScriptImage>,
    /// Its limits.
    pub limits: Limits,
}

/// The catalog as the control plane sees it.
#[derive(Clone, Debug)]
pub struct CatalogHandle(pub Arc<LiveCatalog>);

impl shared::seam::Catalog for CatalogHandle {
    fn refresh(&self, app: AppId) -> BoxFuture<Result<(), Error>> {
        let catalog = Arc::clone(&self.0);
        Box::pin(async move { catalog.reload(app).await })
    }
}
