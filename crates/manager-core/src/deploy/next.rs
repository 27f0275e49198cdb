//! From the active snapshot and a request to the next snapshot. Pure.

use std::collections::{BTreeMap, BTreeSet};

use shared::api::DeployRequest;
use shared::error::{Kind, code};
use shared::id::ContentHash;
use shared::limits::fixed;
use shared::name::ScriptName;
use shared::release::{ModuleSpec, RouteAuth, RouteMode, RouteSpec, ScriptSpec, Snapshot};
use shared::routing::Method;
use shared::trigger::TriggerSpec;

use crate::error::{ApiError, ApiResult};

/// The sources of a request by hash; each of the right size, and with the hash it claims.
pub(super) fn uploads(request: &DeployRequest) -> ApiResult<BTreeMap<ContentHash, String>> {
    let scripts = request
        .scripts
        .iter()
        .map(|(name, upload)| ("script", name.as_str(), &upload.source, upload.hash));
    let modules = request
        .modules
        .iter()
        .map(|(name, upload)| ("module", name.as_str(), &upload.source, upload.hash));
    let mut uploads = BTreeMap::new();
    for (what, name, source, claimed) in scripts.chain(modules) {
        let Some(source) = source else { continue };
        if source.len() > fixed::SOURCE_BYTES {
            let most = fixed::SOURCE_BYTES >> 10;
            let detail = format!("{what} `{name}` is larger than {most} KiB");
            return Err(ApiError::new(
                Kind::TooLarge,
                code::RELEASE_TOO_LARGE,
                detail,
            ));
        }
        if source.contains('\0') {
            let detail = format!("{what} `{name}` holds the character U+0000; remove it");
            return Err(ApiError::invalid(detail));
        }
        let hash = ContentHash::of(source.as_bytes());
        if claimed.is_some_and(|claimed| claimed != hash) {
            let detail = format!("the source of {what} `{name}` does not have the hash given");
            return Err(ApiError::invalid(detail));
        }
        uploads.insert(hash, source.clone());
    }
    Ok(uploads)
}

/// The snapshot a request makes of the active one. Versions of new contents are 0.
pub(super) fn snapshot(base: &Snapshot, request: &DeployRequest) -> ApiResult<Snapshot> {
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
        let hash = hash.ok_or_else(|| nothing("script", name.as_str()))?;
        let old = old.cloned().unwrap_or_else(|| ScriptSpec {
            hash,
            version: 0,
            description: String::new(),
            limits: shared::limits::LimitSettings::default(),
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
        let hash = hash.ok_or_else(|| nothing("module", name.as_str()))?;
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

fn nothing(what: &str, name: &str) -> ApiError {
    ApiError::invalid(format!(
        "{what} `{name}` comes without `source` and `hash`, and the active release has none with \
         this name"
    ))
}

fn routes(base: &Snapshot, next: &Snapshot, request: &DeployRequest) -> ApiResult<Vec<RouteSpec>> {
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

fn default_route(name: &ScriptName) -> ApiResult<RouteSpec> {
    let path = format!("/{name}").parse().map_err(|error| {
        let detail = format!("script `{name}` needs a route of its own: {error}");
        ApiError::new(Kind::InvalidInput, code::INVALID_ROUTES, detail)
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
