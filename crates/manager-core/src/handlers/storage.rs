//! What an app keeps in the database, and how much it may.

use shared::api::{AppStorage, ServiceStorage, SetStorageRequest};
use shared::id::AppId;
use shared::name::AppSlug;
use store::{Conn, StoreError, storage};

use crate::auth::{CanAdmin, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;

fn view(conn: &mut dyn Conn, app: AppId) -> Result<AppStorage, StoreError> {
    let own = storage::limit(conn, app)?;
    let limit = own.map_or_else(|| storage::default_limit(conn), Ok)?;
    let kept = storage::of(conn, app)?;
    let counts = kept.iter().filter(|kept| kept.counts());
    Ok(AppStorage {
        bytes: counts.map(|kept| kept.bytes).sum(),
        limit: (limit < i64::MAX).then_some(limit),
        own_limit: own.is_some(),
        services: kept
            .into_iter()
            .map(|kept| ServiceStorage {
                service: kept.service,
                entries: kept.entries,
                bytes: kept.bytes,
            })
            .collect(),
    })
}

/// Show what an app keeps, by service, and how much it may.
#[utoipa::path(get, path = "/apps/{app}/storage", operation_id = "getAppStorage", tag = "apps",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "What it keeps.", body = AppStorage)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<AppStorage>> {
    let app = caller.app.id;
    let read = caller.manager.store().read(move |conn| view(conn, app));
    Ok(Json(read.await.map_err(ApiError::from)?))
}

/// Set how much an app may keep. What it keeps already stays.
#[utoipa::path(put, path = "/apps/{app}/storage", operation_id = "setAppStorage", tag = "apps",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body = SetStorageRequest,
    responses((status = 200, description = "What it keeps and may keep now.", body = AppStorage)))]
pub(crate) async fn set(
    caller: InApp<CanAdmin>,
    Json(body): Json<SetStorageRequest>,
) -> ApiResult<Json<AppStorage>> {
    // That an app is somebody's does not say how much of the disk it may have.
    caller.principal.require_whole_instance()?;
    let limit = body
        .limit
        .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, slug) = (caller.app.id, caller.app.slug);
    let write = caller.manager.store().write::<_, ApiError>(move |conn| {
        storage::set_limit(conn, app, limit)?;
        audit(conn, &person, now, "apps.storage", slug.as_str())?;
        Ok(view(conn, app)?)
    });
    write.await.map(Json)
}
