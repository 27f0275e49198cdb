//! What a first deploy would make of an app that is not there yet.

use std::sync::Arc;

use shared::api::{DeployRequest, Deployed};
use shared::release::{Snapshot, compare};

use super::sources::{all_there, validated};
use super::{check, next};
use crate::error::ApiResult;
use crate::manager::Manager;

/// Checks a request as the first release of a new app. Nothing is stored, and no other app has a
/// part in it.
pub(crate) async fn check_new_app(
    manager: &Manager,
    request: DeployRequest,
) -> ApiResult<Deployed> {
    check::request(&request, &manager.config().ceiling)?;
    let uploads = next::uploads(&request)?;
    let base = Snapshot::default();
    let snapshot = next::snapshot(&base, &request)?;
    let sources = uploads.into_iter();
    let sources = sources
        .map(|(hash, source)| (hash, Arc::from(source)))
        .collect();
    all_there(&snapshot, &sources)?;
    check::together(&snapshot)?;
    check::size(&snapshot, &sources)?;
    let checked = validated(manager, None, &snapshot, &sources).await?;
    Ok(Deployed {
        release: None,
        plan: compare(&base, &snapshot),
        urls: Vec::new(),
        diagnostics: checked.findings,
    })
}
