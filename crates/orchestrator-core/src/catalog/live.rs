//! What is served: apps with their routes, scripts and triggers. Immutable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::id::AppId;
use shared::invocation::{AppContext, ModuleSet, ScriptImage};
use shared::limits::Limits;
use shared::name::{AppSlug, DomainName, EnvName, FunctionName, ScriptName};
use shared::origin::OwnHosts;
use shared::release::{Cors, RouteAuth};
use shared::routing::RouteTable;
use shared::trigger::TriggerSpec;
use shared::webhook::Provider;

use crate::admission::{AppState, Gate};
use crate::hosts::Hosts;
use crate::metrics::ScriptMetrics;

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
    /// Its deployment number: which state of the app this is.
    pub(super) number: i64,
    pub(crate) release: i64,
    /// Of a script that has none of its own.
    pub(super) limits: Limits,
    pub(super) modules: Arc<ModuleSet>,
    pub(crate) routes: RouteTable<Arc<LiveRoute>>,
    pub(crate) scripts: BTreeMap<ScriptName, Arc<LiveScript>>,
    pub(crate) triggers: BTreeMap<String, Arc<LiveTrigger>>,
    pub(crate) state: Arc<AppState>,
    pub(super) domains: Vec<DomainName>,
    pub(super) redirects: Vec<AppSlug>,
    pub(super) is_default: bool,
}

impl LiveApp {
    /// Whether an image is served, and not only one of its name.
    pub(super) fn serves(&self, image: &Arc<ScriptImage>) -> bool {
        let served = self.scripts.get(&image.name);
        served.is_some_and(|script| Arc::ptr_eq(&script.image, image))
    }
}

/// All apps.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(super) apps: BTreeMap<AppId, Arc<LiveApp>>,
    pub(crate) hosts: Hosts<LiveApp>,
    pub(super) default: Option<AppId>,
}

impl Live {
    /// `before`: the default app until now. It stays the default one until another is: apps are
    /// loaded one by one, and in between none of them may say that it is.
    pub(super) fn new(apps: BTreeMap<AppId, Arc<LiveApp>>, before: Option<AppId>) -> Self {
        let named = apps.iter().find(|(_, app)| app.is_default);
        let before = before.filter(|id| apps.contains_key(id));
        let default = named.map(|(id, _)| *id).or(before);
        Self {
            hosts: hosts_of(&apps, default),
            apps,
            default,
        }
    }

    /// An app as it is served.
    pub(crate) fn app(&self, app: AppId) -> Option<&Arc<LiveApp>> {
        self.apps.get(&app)
    }

    /// Apps with requests under way; walks all of them, so only asked when the node is pressed.
    pub(crate) fn busy_apps(&self) -> u32 {
        let busy = self.apps.values().filter(|a| a.state.gate.under_way() > 0);
        busy.count() as u32
    }
}

/// Bounds the catalog applies.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) ceiling: Limits,
    pub(crate) app_concurrency: u32,
    /// Hosts that are no app's, whoever claimed them.
    pub(crate) own_hosts: Arc<OwnHosts>,
    /// How long a change waits for what it brings to be compiled.
    pub(crate) warm_first: Duration,
}

fn hosts_of(apps: &BTreeMap<AppId, Arc<LiveApp>>, default: Option<AppId>) -> Hosts<LiveApp> {
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
    }
    if let Some(app) = default.and_then(|id| apps.get(&id)) {
        hosts.set_default(app);
    }
    hosts
}
