//! What can be refused without looking at sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::api::DeployRequest;
use shared::error::{Kind, code};
use shared::id::ContentHash;
use shared::limits::{LimitSettings, Limits, fixed};
use shared::name::ScriptName;
use shared::release::Snapshot;
use shared::release::rules::{self, Wrong};

use crate::error::{ApiError, ApiResult};
use crate::extract::{DESCRIPTION, check_text};

/// Characters of a release's message.
const MESSAGE: usize = 1_000;
/// Where releases come from.
const SOURCES: [&str; 4] = ["cli", "dashboard", "dev", "api"];

fn too_large(detail: String) -> ApiError {
    ApiError::new(Kind::TooLarge, code::RELEASE_TOO_LARGE, detail)
}

/// Refuses with the first of what is wrong.
fn refuse(wrong: Vec<Wrong>) -> ApiResult<()> {
    let more = wrong.len().saturating_sub(1);
    let Some(first) = wrong.into_iter().next() else {
        return Ok(());
    };
    let kind = match first.code {
        code::RELEASE_TOO_LARGE => Kind::TooLarge,
        _ => Kind::InvalidInput,
    };
    let mut detail = first.message;
    if let Some(hint) = first.hint {
        detail = format!("{detail}; {hint}");
    }
    if more > 0 {
        detail = format!("{detail} (and {more} more)");
    }
    Err(ApiError::new(kind, first.code, detail))
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
    refuse(rules::parts(&request.routes, &request.triggers))
}

fn too_many_items() -> ApiError {
    let most = fixed::RELEASE_ITEMS;
    too_large(format!("a release has at most {most} scripts and modules"))
}

/// Limits a script or app may ask for.
pub(crate) fn check_limits(what: &str, wish: &LimitSettings, ceiling: &Limits) -> ApiResult<()> {
    refuse(rules::limits("limits", what, wish, ceiling))
}

/// Routes and triggers name scripts of the release, and fit together.
pub(super) fn together(next: &Snapshot) -> ApiResult<()> {
    let scripts = next.scripts.keys().map(ScriptName::as_str).collect();
    refuse(rules::together(&scripts, &next.routes, &next.triggers))
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
