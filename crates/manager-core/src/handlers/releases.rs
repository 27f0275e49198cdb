//! Releases: deploying, looking, rolling back.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use shared::api::{
    DeployRequest, Deployed, MissingContents, MissingContentsRequest, Page, Release, ReleaseDetail,
    RollbackRequest,
};
use shared::limits::fixed;
use shared::name::AppSlug;
use shared::release::contents;
use store::releases;

use crate::auth::{Authorized, CanDeploy, CanRead, InApp};
use crate::deploy::{self, Deploy, roll_back};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Created, IfMatch, Json, Query, Tagged};
use crate::model::{PageQuery, next_page, release_view};

/// Tell which sources a deploy needs to upload.
#[utoipa::path(post, path = "/apps/{app}/contents/missing", operation_id = "missingContents",
    tag = "releases",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body = MissingContentsRequest,
    responses((status = 200, description = "Hashes without a source.", body = MissingContents)))]
pub(crate) async fn missing_contents(
    caller: InApp<CanDeploy>,
    Json(body): Json<MissingContentsRequest>,
) -> ApiResult<Json<MissingContents>> {
    if body.hashes.len() > fixed::RELEASE_ITEMS {
        let most = fixed::RELEASE_ITEMS;
        return Err(ApiError::invalid(format!(
            "`hashes` has more than {most} items"
        )));
    }
    let id = caller.app.id;
    let missing = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(releases::missing(conn, id, &body.hashes)?))
        .await?;
    Ok(Json(MissingContents { missing }))
}

/// Make and activate a release, or change nothing. It is live when this answers.
#[utoipa::path(post, path = "/apps/{app}/releases", operation_id = "deploy", tag = "releases",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("If-Match" = Option<String>, Header,
            description = "The number of the release the deploy is based on, like `\"7\"`; `\"0\"`: none yet.")),
    request_body = DeployRequest,
    responses(
        (status = 201, description = "A new release is live.", body = Deployed),
        (status = 200, description = "A dry run, or nothing to change.", body = Deployed)))]
pub(crate) async fn deploy(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
    Json(body): Json<DeployRequest>,
) -> ApiResult<Response> {
    let app = caller.app.slug.clone();
    let deployed = Deploy::new(caller, if_match, body)?.run().await?;
    Ok(match &deployed.release {
        Some(release) => {
            let number = release.number;
            let location = format!("/api/v1/apps/{app}/releases/{number}");
            Tagged(number.to_string(), Created(location, deployed)).into_response()
        }
        None => (StatusCode::OK, Json(deployed)).into_response(),
    })
}

/// Check a first deploy of an app that is not there yet: what it would make, or what is wrong.
#[utoipa::path(post, path = "/app-checks", operation_id = "checkNewApp", tag = "releases",
    request_body = DeployRequest,
    responses((status = 200, description = "It is right; nothing was made.", body = Deployed)))]
pub(crate) async fn check_new_app(
    caller: Authorized<CanDeploy>,
    Json(body): Json<DeployRequest>,
) -> ApiResult<Json<Deployed>> {
    let checked = deploy::check_new_app(&caller.manager, body).await?;
    Ok(Json(checked))
}

/// List the releases of an app, newest first.
#[utoipa::path(get, path = "/apps/{app}/releases", operation_id = "listReleases",
    tag = "releases",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200,
        description = "A page of releases; `ETag` is the number of the active one.",
        body = Page<Release>)))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Tagged<Json<Page<Release>>>> {
    let (limit, before) = (query.limit()?, query.cursor::<i64>()?);
    let (id, active) = (caller.app.id, caller.app.active_release);
    let mut rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(releases::list(conn, id, before, limit as i64 + 1)?))
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.number.to_string());
    let items = rows.iter().map(|row| release_view(row, active)).collect();
    let tag = active.unwrap_or(0).to_string();
    Ok(Tagged(tag, Json(Page { items, next_cursor })))
}

/// Show a release with everything in it.
#[utoipa::path(get, path = "/apps/{app}/releases/{number}", operation_id = "getRelease",
    tag = "releases",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("number" = i64, Path, description = "The release's number.")),
    responses((status = 200, description = "The release; `ETag` is its number.",
        body = ReleaseDetail)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Tagged<Json<ReleaseDetail>>> {
    let number = caller.params.number("number", "release")?;
    let (id, active) = (caller.app.id, caller.app.active_release);
    let row = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(releases::get(conn, id, number)?))
        .await?;
    let row = row.ok_or_else(|| ApiError::not_found(format!("the app has no release {number}")))?;
    let detail = ReleaseDetail {
        release: release_view(&row, active),
        contents: contents(&row.snapshot),
        snapshot: row.snapshot,
    };
    Ok(Tagged(number.to_string(), Json(detail)))
}

/// Serve an earlier release again: code, routes and settings together. It is live when this
/// answers.
#[utoipa::path(post, path = "/apps/{app}/rollback", operation_id = "rollback", tag = "releases",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("If-Match" = Option<String>, Header,
            description = "The number of the release that is active, like `\"7\"`.")),
    request_body = RollbackRequest,
    responses((status = 200, description = "The release that is served now.", body = Release)))]
pub(crate) async fn rollback(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
    Json(body): Json<RollbackRequest>,
) -> ApiResult<Tagged<Json<Release>>> {
    let release = roll_back(caller, if_match, body.to).await?;
    Ok(Tagged(release.number.to_string(), Json(release)))
}
