//! What can be refused without looking at sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::api::DeployRequest;
use shared::error::{Kind, code};
use shared::id::ContentHash;
use shared::limits::{LimitSettings, Limits, fixed};
use shared::release::{Cors, RouteSpec, Snapshot};
use shared::routing::RouteTable;
use shared::units;

use super::reserved::platforms;
use crate::error::{ApiError, ApiResult};
use crate::extract::{DESCRIPTION, check_text};

/// Characters of a release's message.
const MESSAGE: usize = 1_000;
/// Where releases come from.
const SOURCES: [&str; 4] = ["cli", "dashboard", "dev", "api"];
/// Origins and headers in one route's CORS rules.
const CORS_ITEMS: usize = 50;

fn too_large(detail: String) -> ApiError {
    ApiError::new(Kind::TooLarge, code::RELEASE_TOO_LARGE, detail)
}

fn bad_route(route: &RouteSpec, reason: &str) -> ApiError {
    let detail = format!("route `{} {}`: {reason}", route.method, route.path);
    ApiError::new(Kind::InvalidInput, code::INVALID_ROUTES, detail)
}

/// The form of a request, before anything is read.
pub(super) fn request(request: &DeployRequest, ceiling: &Limits) -> ApiResult<()> {
    check_text("`message`", &request.message, MESSAGE)?;
    if let Some(source) = request.source.as_deref().filter(|s| !SOURCES.contains(s)) {
        let shown: String = source.chars().take(40).collect();
        let known = SOURCES.join(", ");
        return Err(ApiError::invalid(format!(
            "`source` is {known}; not `{shown}`"
        )));
    }
    if request.scripts.len() + request.modules.len() > fixed::RELEASE_ITEMS {
        return Err(too_many_items());
    }
    if request.routes.len() > fixed::ROUTES {
        return Err(too_many_routes());
    }
    for (name, script) in &request.scripts {
        if let Some(limits) = &script.limits {
            check_limits(&format!("script `{name}`"), limits, ceiling)?;
        }
        if let Some(description) = &script.description {
            check_text(
                &format!("the description of `{name}`"),
                description,
                DESCRIPTION,
            )?;
        }
    }
    super::triggers::complete(&request.triggers)?;
    request
        .routes
        .iter()
        .try_for_each(|route| match &route.cors {
            Some(cors) => check_cors(cors).map_err(|reason| bad_route(route, reason)),
            None => Ok(()),
        })
}

fn too_many_items() -> ApiError {
    let most = fixed::RELEASE_ITEMS;
    too_large(format!("a release has at most {most} scripts and modules"))
}

fn too_many_routes() -> ApiError {
    too_large(format!("a release has at most {} routes", fixed::ROUTES))
}

/// Limits a script or app may ask for: more than nothing, at most the ceiling. A wish that would
/// be cut down in silence is refused.
pub(crate) fn check_limits(what: &str, wish: &LimitSettings, ceiling: &Limits) -> ApiResult<()> {
    let time =
        |wish: Option<Duration>, most: Duration| (wish.map(|d| d.as_micros()), most.as_micros());
    let number = |wish: Option<u64>, most: u64| (wish.map(u128::from), u128::from(most));
    let small = |wish: Option<u32>, most: u32| (wish.map(u128::from), u128::from(most));
    let all = [
        ("wall", time(wish.wall, ceiling.wall)),
        ("cpu", time(wish.cpu, ceiling.cpu)),
        ("operations", number(wish.operations, ceiling.operations)),
        ("memory", number(wish.memory, ceiling.memory)),
        ("response", number(wish.response, ceiling.response)),
        ("logs", number(wish.logs, ceiling.logs)),
        ("host_calls", small(wish.host_calls, ceiling.host_calls)),
        ("concurrency", small(wish.concurrency, ceiling.concurrency)),
    ];
    let refused = |detail| ApiError::new(Kind::InvalidInput, code::LIMIT_OUT_OF_RANGE, detail);
    for (name, (wish, most)) in all {
        match wish {
            Some(0) if name != "logs" && name != "host_calls" => {
                return Err(refused(format!(
                    "{what}: limit `{name}` is zero; nothing could run"
                )));
            }
            Some(wish) if wish > most => {
                return Err(refused(format!(
                    "{what}: limit `{name}` is above the instance's ceiling, which is {}; \
                     `pic system` and GET /system show all of them",
                    shown(name, ceiling)
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A limit of the ceiling, as it is written in a manifest.
fn shown(name: &str, ceiling: &Limits) -> String {
    match name {
        "wall" => units::format_duration(ceiling.wall),
        "cpu" => units::format_duration(ceiling.cpu),
        "memory" => units::format_size(ceiling.memory),
        "response" => units::format_size(ceiling.response),
        "logs" => units::format_size(ceiling.logs),
        "operations" => ceiling.operations.to_string(),
        "host_calls" => ceiling.host_calls.to_string(),
        _ => ceiling.concurrency.to_string(),
    }
}

fn check_cors(cors: &Cors) -> Result<(), &'static str> {
    let lists = [&cors.origins, &cors.headers, &cors.expose];
    if lists.iter().any(|list| list.len() > CORS_ITEMS) {
        return Err("a list in `cors` has more than 50 items");
    }
    if cors.origins.is_empty() {
        return Err("`cors` names no origin; use `*` for all");
    }
    if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
        return Err("`cors` with `credentials` needs named origins, not `*`");
    }
    if !cors
        .origins
        .iter()
        .all(|origin| origin == "*" || is_origin(origin))
    {
        return Err("an origin is `*` or like https://shop.example.com, without a path");
    }
    let header = |name: &String| name == "*" || name.parse::<http::HeaderName>().is_ok();
    if !cors.headers.iter().chain(&cors.expose).all(header) {
        return Err("`cors` names something that is not a header");
    }
    Ok(())
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.contains(['/', '@', '?', '#', '*'])
            && host.parse::<http::uri::Authority>().is_ok()
            && host == host.to_ascii_lowercase()
    })
}

/// Every route names a script of the release, and no two answer the same requests.
pub(super) fn routes(next: &Snapshot) -> ApiResult<RouteTable<()>> {
    if next.routes.len() > fixed::ROUTES {
        return Err(too_many_routes());
    }
    let mut table = RouteTable::default();
    for route in &next.routes {
        if !next.scripts.contains_key(&route.script) {
            let reason = format!("the release has no script `{}`", route.script);
            return Err(bad_route(route, &reason));
        }
        if let Some(reason) = platforms(&route.path) {
            return Err(bad_route(route, &reason));
        }
        let inserted = table.insert(route.method, route.path.clone(), ());
        inserted.map_err(|conflict| {
            ApiError::new(
                Kind::InvalidInput,
                code::INVALID_ROUTES,
                conflict.to_string(),
            )
        })?;
    }
    Ok(table)
}

/// The size of the whole release.
pub(super) fn size(next: &Snapshot, sources: &BTreeMap<ContentHash, Arc<str>>) -> ApiResult<()> {
    if next.scripts.len() + next.modules.len() > fixed::RELEASE_ITEMS {
        return Err(too_many_items());
    }
    let bytes: usize = sources.values().map(|source| source.len()).sum();
    if bytes > fixed::RELEASE_BYTES {
        let most = fixed::RELEASE_BYTES >> 20;
        return Err(too_large(format!(
            "the sources of a release are at most {most} MiB"
        )));
    }
    Ok(())
}
