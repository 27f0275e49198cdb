//! From the active release and a request to the next release. Pure, so that the server and `pic`
//! come to the same.

use std::collections::BTreeSet;

use super::snapshot::{ModuleSpec, RouteAuth, RouteMode, RouteSpec, ScriptSpec, Snapshot};
use crate::api::releases::DeployRequest;
use crate::id::ContentHash;
use crate::limits::LimitSettings;
use crate::name::ScriptName;
use crate::routing::Method;
use crate::trigger::TriggerSpec;

/// A request that makes no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NextError {
    /// A new script or module comes without its source.
    #[error(
        "{what} `{name}` comes without `source` and `hash`, and the active release has none with \
         this name"
    )]
    NoSource {
        /// `script` or `module`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A script's name cannot be the path of its route.
    #[error("script `{name}` needs a route of its own: {reason}")]
    NoRoute {
        /// The script.
        name: ScriptName,
        /// Why the default route cannot be.
        reason: String,
    },
}

/// The snapshot a request makes of the active one. Versions of new contents are 0.
pub fn next(base: &Snapshot, request: &DeployRequest) -> Result<Snapshot, NextError> {
    let mut next = if request.replace {
        Snapshot::default()
    } else {
        base.clone()
    };
    for (name, upload) in &request.scripts {
        let old = base.scripts.get(name);
        let hash = hash_of(
            upload.source.as_deref(),
            upload.hash,
            old.map(|spec| spec.hash),
        );
        let hash = hash.ok_or_else(|| no_source("script", name.as_str()))?;
        let old = old.cloned().unwrap_or_else(|| ScriptSpec {
            hash,
            version: 0,
            description: String::new(),
            limits: LimitSettings::default(),
        });
        let spec = ScriptSpec {
            version: if old.hash == hash { old.version } else { 0 },
            hash,
            description: upload.description.clone().unwrap_or(old.description),
            limits: upload.limits.clone().unwrap_or(old.limits),
        };
        next.scripts.insert(name.clone(), spec);
    }
    for (name, upload) in &request.modules {
        let old = base.modules.get(name);
        let hash = hash_of(
            upload.source.as_deref(),
            upload.hash,
            old.map(|spec| spec.hash),
        );
        let hash = hash.ok_or_else(|| no_source("module", name.as_str()))?;
        let known = old.filter(|old| old.hash == hash);
        let version = known.map_or(0, |old| old.version);
        next.modules
            .insert(name.clone(), ModuleSpec { hash, version });
    }
    next.triggers = triggers(base, request);
    next.routes = routes(base, &next, request)?;
    Ok(next)
}

fn hash_of(
    source: Option<&str>,
    hash: Option<ContentHash>,
    old: Option<ContentHash>,
) -> Option<ContentHash> {
    source
        .map(|source| ContentHash::of(source.as_bytes()))
        .or(hash)
        .or(old)
}

fn no_source(what: &'static str, name: &str) -> NextError {
    NextError::NoSource {
        what,
        name: name.to_owned(),
    }
}

fn routes(
    base: &Snapshot,
    next: &Snapshot,
    request: &DeployRequest,
) -> Result<Vec<RouteSpec>, NextError> {
    let named: BTreeSet<&ScriptName> = request.routes.iter().map(|route| &route.script).collect();
    let mut routes = request.routes.clone();
    if !request.replace {
        let kept = base
            .routes
            .iter()
            .filter(|route| !named.contains(&route.script));
        routes.extend(kept.cloned());
    }
    // What handles events is not served to everybody unless somebody says so: a webhook's script
    // would answer calls nobody has signed.
    let triggered = next.triggers.iter().map(|trigger| &trigger.script);
    let placed: BTreeSet<ScriptName> = routes
        .iter()
        .map(|route| &route.script)
        .chain(triggered)
        .cloned()
        .collect();
    for name in next.scripts.keys().filter(|name| !placed.contains(*name)) {
        // A script that was left without a route on purpose stays so.
        if request.replace || !base.scripts.contains_key(name) {
            routes.push(default_route(name)?);
        }
    }
    // One order, so that the same routes make the same snapshot.
    routes.sort_by(|a, b| (a.path.as_str(), a.method).cmp(&(b.path.as_str(), b.method)));
    Ok(routes)
}

fn triggers(base: &Snapshot, request: &DeployRequest) -> Vec<TriggerSpec> {
    let named: BTreeSet<&ScriptName> = request.triggers.iter().map(|t| &t.script).collect();
    let mut triggers = request.triggers.clone();
    if !request.replace {
        let kept = base
            .triggers
            .iter()
            .filter(|trigger| !named.contains(&trigger.script));
        triggers.extend(kept.cloned());
    }
    // One order, so that the same triggers make the same snapshot.
    triggers.sort_by_cached_key(TriggerSpec::key);
    triggers
}

fn default_route(name: &ScriptName) -> Result<RouteSpec, NextError> {
    let path = format!("/{name}");
    let path = path.parse().map_err(|reason| NextError::NoRoute {
        name: name.clone(),
        reason: format!("{reason}"),
    })?;
    Ok(RouteSpec {
        method: Method::Any,
        path,
        script: name.clone(),
        handler: None,
        auth: RouteAuth::default(),
        mode: RouteMode::default(),
        cors: None,
    })
}
