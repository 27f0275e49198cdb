//! The environment of an app.

use http::StatusCode;
use shared::api::{EnvVar, Page, SetEnvRequest};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::id::AppId;
use shared::limits::fixed;
use shared::name::{AppSlug, EnvName};
use store::Conn;
use store::apps::{self, EnvRow};

use crate::auth::{CanDeploy, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::{IfMatch, Json, Tagged};
use crate::model::{tag, time};

fn view(row: EnvRow) -> EnvVar {
    EnvVar {
        name: row.name,
        value: row.value,
        updated_at: time(row.updated_at),
    }
}

/// The tag of a whole environment.
fn tag_of(rows: &[EnvRow]) -> String {
    let times: Vec<[u8; 8]> = rows
        .iter()
        .map(|row| row.updated_at.as_micros().to_le_bytes())
        .collect();
    let parts: Vec<&[u8]> = rows
        .iter()
        .zip(&times)
        .flat_map(|(row, at)| [row.name.as_str().as_bytes(), row.value.as_bytes(), at])
        .collect();
    tag(&parts)
}

/// List the environment variables with their values.
#[utoipa::path(get, path = "/apps/{app}/env", operation_id = "listEnv", tag = "env",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All variables; `ETag` names the whole environment.",
        body = Page<EnvVar>)))]
pub(crate) async fn list(caller: InApp<CanDeploy>) -> ApiResult<Tagged<Json<Page<EnvVar>>>> {
    let id = caller.app.id;
    let rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(apps::env(conn, id)?))
        .await?;
    let tag = tag_of(&rows);
    let items = rows.into_iter().map(view).collect();
    Ok(Tagged(
        tag,
        Json(Page {
            items,
            next_cursor: None,
        }),
    ))
}

/// Set a variable; live at once.
#[utoipa::path(put, path = "/apps/{app}/env/{name}", operation_id = "setEnv", tag = "env",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("name" = EnvName, Path, description = "The variable's name."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the environment.")),
    request_body = SetEnvRequest,
    responses((status = 200, description = "The variable; `ETag` names the whole environment.",
        body = EnvVar)))]
pub(crate) async fn set(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
    Json(body): Json<SetEnvRequest>,
) -> ApiResult<Tagged<Json<EnvVar>>> {
    let name: EnvName = caller
        .params
        .text("name")
        .parse()
        .map_err(|error: shared::name::NameError| ApiError::invalid(error.to_string()))?;
    if body.value.len() > fixed::ENV_VALUE_BYTES {
        let most = fixed::ENV_VALUE_BYTES;
        return Err(ApiError::invalid(format!(
            "`value` is longer than {most} bytes"
        )));
    }
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let id = caller.app.id;
    let (tag, row) = caller
        .manager
        .add::<_, ApiError>(move |change| {
            let before = apps::env_to_change(change, id)?;
            if_match.check(&tag_of(&before), "the environment")?;
            let row = next_row(&before, name, body.value, now)?;
            apps::set_env(change, id, &row)?;
            audit(change.conn(), &person, now, "env.set", row.name.as_str())?;
            Ok((tag_after(change.conn(), id)?, row))
        })
        .await?;
    Ok(Tagged(tag, Json(view(row))))
}

fn next_row(before: &[EnvRow], name: EnvName, value: String, now: Timestamp) -> ApiResult<EnvRow> {
    let old = before.iter().find(|row| row.name == name);
    if old.is_none() && before.len() >= fixed::ENV_VARS {
        let most = fixed::ENV_VARS;
        let detail = format!("an app has at most {most} environment variables; remove one");
        return Err(ApiError::new(Kind::Conflict, code::ENV_FULL, detail));
    }
    let after = old.map_or(now, |old| Timestamp(old.updated_at.as_micros() + 1));
    Ok(EnvRow {
        name,
        value,
        updated_at: now.max(after),
    })
}

fn tag_after(conn: &mut dyn Conn, app: AppId) -> ApiResult<String> {
    Ok(tag_of(&apps::env(conn, app)?))
}

/// Remove a variable; live at once.
#[utoipa::path(delete, path = "/apps/{app}/env/{name}", operation_id = "deleteEnv", tag = "env",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("name" = EnvName, Path, description = "The variable's name."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the environment.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
) -> ApiResult<Tagged<StatusCode>> {
    let name: EnvName = caller.params.get("name")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let id = caller.app.id;
    let tag = caller
        .manager
        .change::<_, ApiError>(move |change| {
            let before = apps::env_to_change(change, id)?;
            if_match.check(&tag_of(&before), "the environment")?;
            if !apps::delete_env(change, id, &name)? {
                let detail = format!("the app has no environment variable `{name}`");
                return Err(ApiError::not_found(detail));
            }
            audit(change.conn(), &person, now, "env.delete", name.as_str())?;
            tag_after(change.conn(), id)
        })
        .await?;
    Ok(Tagged(tag, StatusCode::NO_CONTENT))
}
