//! Scripts and their versions.

use shared::api::{Page, Script, ScriptDetail, Version, VersionDetail};
use shared::name::{AppSlug, ScriptName};
use shared::release::{RouteSpec, ScriptSpec, Snapshot};
use store::Conn;
use store::releases::{self, ContentKind, VersionRow};

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Query};
use crate::model::{Order, PageQuery, active_snapshot, page, source_of, time};

fn view(name: ScriptName, spec: ScriptSpec, routes: &[RouteSpec]) -> Script {
    let own = routes.iter().filter(|route| route.script == name);
    Script {
        routes: own
            .map(|route| format!("{} {}", route.method, route.path))
            .collect(),
        name,
        description: spec.description,
        version: spec.version,
        hash: spec.hash,
        limits: spec.limits,
    }
}

/// List the scripts an app serves, by name.
#[utoipa::path(get, path = "/apps/{app}/scripts", operation_id = "listScripts", tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All scripts.", body = Page<Script>)))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Script>>> {
    let app = caller.app;
    let Snapshot {
        scripts, routes, ..
    } = caller
        .manager
        .store()
        .read(move |conn| active_snapshot(conn, &app))
        .await?;
    let items = scripts
        .into_iter()
        .map(|(name, spec)| view(name, spec, &routes))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Show a script with its source.
#[utoipa::path(get, path = "/apps/{app}/scripts/{script}", operation_id = "getScript",
    tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name.")),
    responses((status = 200, description = "The script.", body = ScriptDetail)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<ScriptDetail>> {
    let name: ScriptName = caller.params.get("script")?;
    let app = caller.app;
    caller
        .manager
        .store()
        .read(move |conn| {
            let Snapshot {
                mut scripts,
                routes,
                ..
            } = active_snapshot(conn, &app)?;
            let spec = scripts.remove(&name).ok_or_else(|| missing(&name))?;
            let source = source_of(conn, app.id, spec.hash)?;
            Ok(Json(ScriptDetail {
                script: view(name, spec, &routes),
                source,
            }))
        })
        .await
}

fn missing(name: &ScriptName) -> ApiError {
    ApiError::not_found(format!("the app serves no script `{name}`"))
}

/// The versions of a script, newest first, and the number of the one being served.
fn stored(
    conn: &mut dyn Conn,
    app: &store::apps::AppRow,
    name: &ScriptName,
) -> ApiResult<(Vec<VersionRow>, Option<i64>)> {
    let versions = releases::versions(conn, app.id, ContentKind::Script, name.as_str())?;
    if versions.is_empty() {
        return Err(ApiError::not_found(format!(
            "the app never had a script `{name}`"
        )));
    }
    let active = active_snapshot(conn, app)?;
    Ok((versions, active.scripts.get(name).map(|spec| spec.version)))
}

fn version_view(row: VersionRow, active: Option<i64>) -> Version {
    Version {
        active: active == Some(row.version),
        version: row.version,
        hash: row.hash,
        size: row.size,
        author: row.author,
        created_at: time(row.created_at),
    }
}

/// List the versions of a script, newest first. Removed scripts keep theirs.
#[utoipa::path(get, path = "/apps/{app}/scripts/{script}/versions", operation_id = "listVersions",
    tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name."), PageQuery),
    responses((status = 200, description = "A page of versions.", body = Page<Version>)))]
pub(crate) async fn versions(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<Version>>> {
    let name: ScriptName = caller.params.get("script")?;
    let app = caller.app;
    let (rows, active) = caller
        .manager
        .store()
        .read(move |conn| stored(conn, &app, &name))
        .await?;
    let all = rows
        .into_iter()
        .map(|row| version_view(row, active))
        .collect();
    page(all, &query, Order::Falling, |version: &Version| {
        version.version
    })
    .map(Json)
}

/// Show a version with its source.
#[utoipa::path(get, path = "/apps/{app}/scripts/{script}/versions/{version}",
    operation_id = "getVersion", tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name."),
        ("version" = i64, Path, description = "The version's number.")),
    responses((status = 200, description = "The version.", body = VersionDetail)))]
pub(crate) async fn version(caller: InApp<CanRead>) -> ApiResult<Json<VersionDetail>> {
    let name: ScriptName = caller.params.get("script")?;
    let number = caller.params.number("version", "version")?;
    let app = caller.app;
    caller
        .manager
        .store()
        .read(move |conn| {
            let (rows, active) = stored(conn, &app, &name)?;
            let row = rows.into_iter().find(|row| row.version == number);
            let row = row.ok_or_else(|| {
                ApiError::not_found(format!("script `{name}` has no version {number}"))
            })?;
            Ok(Json(VersionDetail {
                source: source_of(conn, app.id, row.hash)?,
                version: version_view(row, active),
            }))
        })
        .await
}
