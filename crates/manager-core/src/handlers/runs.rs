//! Checking and running scripts through the API.

use axum::extract::Request;
use axum::response::Response;
use shared::api::{RunRequest, RunResult, ValidateRequest, Validation};
use shared::limits::fixed;
use shared::name::{AppSlug, ScriptName};

use crate::auth::{CanDeploy, CanInvoke, InApp};
use crate::error::ApiResult;
use crate::extract::{Json, read_body};
use crate::running;

/// Check a draft together with the app's modules.
#[utoipa::path(post, path = "/apps/{app}/scripts/{script}/validate", operation_id = "validate",
    tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name; it may be new.")),
    request_body = ValidateRequest,
    responses((status = 200, description = "The findings.", body = Validation)))]
pub(crate) async fn validate(
    caller: InApp<CanDeploy>,
    Json(body): Json<ValidateRequest>,
) -> ApiResult<Json<Validation>> {
    let script: ScriptName = caller.params.get("script")?;
    running::validate(&caller.manager, caller.app, script, body)
        .await
        .map(Json)
}

/// Run a draft, or the version being served, with a given request. Its effects are real.
#[utoipa::path(post, path = "/apps/{app}/scripts/{script}/run", operation_id = "run",
    tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name; a draft's may be new.")),
    request_body = RunRequest,
    responses((status = 200, description = "How the run ended.", body = RunResult)))]
pub(crate) async fn run(
    caller: InApp<CanDeploy>,
    Json(body): Json<RunRequest>,
) -> ApiResult<Json<RunResult>> {
    let script: ScriptName = caller.params.get("script")?;
    running::run(caller, script, body).await.map(Json)
}

/// Call the version being served directly. The request's method, query, headers (credentials
/// excepted) and body are the script's `req`; its answer is the answer.
#[utoipa::path(method(get, post, put, patch, delete),
    path = "/apps/{app}/scripts/{script}/invoke", operation_id = "invoke", tag = "scripts",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("script" = ScriptName, Path, description = "The script's name.")),
    responses((status = 200, description = "Whatever the script answers.",
        content_type = "*/*", body = String)))]
pub(crate) async fn invoke(caller: InApp<CanInvoke>, request: Request) -> ApiResult<Response> {
    let script: ScriptName = caller.params.get("script")?;
    let (parts, body) = request.into_parts();
    let body = read_body(body, fixed::BODY_BYTES).await?;
    running::invoke(caller, script, parts, body).await
}
