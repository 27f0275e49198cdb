//! From what is stored to what is served.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use shared::error::{Error, Kind};
use shared::id::ContentHash;
use shared::invocation::{AppContext, ModuleSet, ModuleSource, ScriptImage};
use shared::limits::Limits;
use shared::name::ScriptName;
use shared::release::{RouteAuth, RouteMode};
use shared::routing::{Method, RouteTable};
use shared::trigger::{Source, TriggerSpec, WebhookSource};
use store::deployment::Deployment;

use super::lasting::Lasting;
use super::live::{Bounds, LiveApp, LiveMode, LiveRoute, LiveScript, LiveTrigger};
use crate::metrics::Metrics;

/// What is deployed for an app, with its scripts.
pub(super) struct Prepared {
    pub(super) deployment: Deployment,
    modules: Arc<ModuleSet>,
    images: BTreeMap<ScriptName, Arc<ScriptImage>>,
    /// Those of them that are to be compiled before they are called, what is called most first. Of an
    /// app that this process does not serve yet there is none: at a start that would be all there is,
    /// and most of it is called later or never.
    pub(super) new: Vec<Arc<ScriptImage>>,
}

impl Prepared {
    /// `before`: what is served of the app now.
    pub(super) fn new(deployment: Deployment, before: Option<&Arc<LiveApp>>) -> Self {
        let source = |hash: &ContentHash| Arc::<str>::from(deployment.sources[hash].as_str());
        let modules = Arc::new(module_set(&deployment, &source));
        let images = images(&deployment, &modules, &source, before);
        Self {
            new: before.map_or_else(Vec::new, |app| new(&images, app)),
            images,
            modules,
            deployment,
        }
    }

    /// The app as it is to be served.
    pub(super) fn build(
        self,
        lasting: &mut Lasting,
        metrics: &Metrics,
        bounds: &Bounds,
    ) -> Result<LiveApp, Error> {
        let Self {
            deployment: from,
            modules,
            images,
            ..
        } = self;
        let app = from.app.id;
        let app_limits = Limits::default().with(&from.app.limits, &bounds.ceiling);
        let has = |name: &ScriptName| images.contains_key(name);
        let state = lasting.app(app, bounds.app_concurrency, has);
        let mut scripts = BTreeMap::new();
        for (name, image) in images {
            let limits = app_limits.with(&from.snapshot.scripts[&name].limits, &bounds.ceiling);
            let gate = lasting.gate(app, &name);
            gate.set_bound(limits.concurrency);
            let live = LiveScript {
                image,
                limits,
                gate,
                // The same as those of the release before, whose series go on.
                metrics: metrics.script(from.app.slug.as_str(), name.as_str()),
            };
            scripts.insert(name, Arc::new(live));
        }
        let slug = &from.app.slug;
        let mut domains = from.domains.clone();
        // Settings may have changed since it was claimed.
        domains.retain(|domain| {
            let refused = bounds.own_hosts.refuse(domain);
            if let Some(reason) = &refused {
                tracing::warn!(app = %slug, %domain, reason, "a claimed domain is not served");
            }
            refused.is_none()
        });
        let env = from.env.iter();
        Ok(LiveApp {
            context: Arc::new(AppContext {
                id: app,
                slug: from.app.slug.clone(),
                env: env
                    .map(|e| (e.name.clone(), e.value.as_str().into()))
                    .collect(),
            }),
            number: from.number,
            release: from.release,
            limits: app_limits,
            modules,
            routes: route_table(&from, &scripts)?,
            triggers: triggers(&from, &scripts)?,
            scripts,
            state,
            domains,
            redirects: from.redirects,
            is_default: from.app.is_default,
        })
    }
}

/// The scripts of a deployment. What did not change is the same image as before: it is neither
/// compiled nor held in memory again.
fn images(
    from: &Deployment,
    modules: &Arc<ModuleSet>,
    source: &impl Fn(&ContentHash) -> Arc<str>,
    before: Option<&Arc<LiveApp>>,
) -> BTreeMap<ScriptName, Arc<ScriptImage>> {
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
                modules: Arc::clone(modules),
            })
        });
        images.insert(name.clone(), image);
    }
    images
}

/// The images that are not served, those first that have been called most under their name.
fn new(images: &BTreeMap<ScriptName, Arc<ScriptImage>>, before: &LiveApp) -> Vec<Arc<ScriptImage>> {
    let is_new = |image: &&Arc<ScriptImage>| !before.serves(image);
    let mut new: Vec<_> = images.values().filter(is_new).cloned().collect();
    new.sort_by_cached_key(|image| {
        let served = before.scripts.get(&image.name);
        Reverse(served.map_or(0, |script| script.metrics.answers()))
    });
    new
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
        if let Source::Webhook(webhook) = &spec.source
            && let Some(script) = scripts.get(&spec.script)
        {
            let live = webhook_route(spec, webhook, script);
            routes
                .insert(Method::Post, webhook.path.clone(), Arc::new(live))
                .map_err(|conflict| broken(conflict.to_string()))?;
        }
    }
    Ok(routes)
}

/// The route of a webhook trigger.
fn webhook_route(
    spec: &TriggerSpec,
    webhook: &WebhookSource,
    script: &Arc<LiveScript>,
) -> LiveRoute {
    LiveRoute {
        script: Arc::clone(script),
        handler: spec.handler.clone(),
        auth: RouteAuth::Public,
        mode: LiveMode::Webhook {
            trigger: spec.key(),
            provider: webhook.provider(),
            secret: webhook.secret.clone(),
        },
        cors: None,
    }
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
