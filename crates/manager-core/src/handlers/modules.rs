//! Modules.

use shared::api::{Module, ModuleDetail, Page};
use shared::name::{AppSlug, ModuleName};
use shared::release::ModuleSpec;

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{active_snapshot, source_of};

fn view(name: ModuleName, spec: &ModuleSpec) -> Module {
    Module {
        name,
        version: spec.version,
        hash: spec.hash,
    }
}

/// List the modules of an app, by name.
#[utoipa::path(get, path = "/apps/{app}/modules", operation_id = "listModules", tag = "modules",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All modules.", body = Page<Module>)))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Module>>> {
    let app = caller.app;
    let snapshot = caller
        .manager
        .store()
        .read(move |conn| active_snapshot(conn, &app))
        .await?;
    let items = snapshot
        .modules
        .into_iter()
        .map(|(name, spec)| view(name, &spec))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Show a module with its source. The name may be written with plain slashes.
#[utoipa::path(get, path = "/apps/{app}/modules/{module}", operation_id = "getModule",
    tag = "modules",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("module" = ModuleName, Path, description = "The module's name.")),
    responses((status = 200, description = "The module.", body = ModuleDetail)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<ModuleDetail>> {
    let name: ModuleName = caller.params.get("module")?;
    let app = caller.app;
    caller
        .manager
        .store()
        .read(move |conn| {
            let spec = active_snapshot(conn, &app)?.modules.remove(&name);
            let missing = || ApiError::not_found(format!("the app has no module `{name}`"));
            let spec = spec.ok_or_else(missing)?;
            let source = source_of(conn, app.id, spec.hash)?;
            Ok(Json(ModuleDetail {
                module: view(name, &spec),
                source,
            }))
        })
        .await
}
