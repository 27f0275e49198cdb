//! What handlers look up.

use shared::id::{AppId, ContentHash};
use shared::name::DomainName;
use shared::release::Snapshot;
use store::apps::{self, AppRow};
use store::{Conn, StoreError, releases};

use crate::error::{ApiError, ApiResult};

/// What an app serves now; an empty snapshot before its first release.
pub(crate) fn active_snapshot(conn: &mut dyn Conn, app: &AppRow) -> ApiResult<Snapshot> {
    let Some(number) = app.active_release else {
        return Ok(Snapshot::default());
    };
    let release = releases::get(conn, app.id, number)?;
    let release = release.ok_or_else(|| {
        tracing::error!(app = %app.slug, number, "the active release is missing");
        ApiError::internal()
    })?;
    Ok(release.snapshot)
}

/// The domains of an app, for its URL.
pub(crate) fn domains_of(conn: &mut dyn Conn, app: AppId) -> Result<Vec<DomainName>, StoreError> {
    let domains = apps::domains(conn, app)?;
    Ok(domains.into_iter().map(|(domain, _)| domain).collect())
}

/// The source of something a release names.
pub(crate) fn source_of(conn: &mut dyn Conn, app: AppId, hash: ContentHash) -> ApiResult<String> {
    releases::content(conn, app, hash)?.ok_or_else(|| {
        tracing::error!(%app, hash = hash.short(), "a stored source is missing");
        ApiError::internal()
    })
}
