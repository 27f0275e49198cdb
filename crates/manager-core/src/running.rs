//! Checking and running scripts on behalf of the API: drafts, and direct calls of what is served.

mod answer;
mod input;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use shared::api::{RunRequest, RunResult, ValidateRequest, Validation};
use shared::error::{Kind, code};
use shared::event::Cause;
use shared::id::{ContentHash, ExecutionId};
use shared::invocation::{
    AppContext, HttpInput, Input, Invocation, ModuleSet, ModuleSource, Outcome, ScriptImage,
    TriggerKind,
};
use shared::limits::{LimitSettings, fixed};
use shared::name::{FunctionName, ScriptName};
use shared::script_error::Severity;
use shared::seam::{GraphScript, ScriptGraph};
use store::apps::AppRow;
use store::deployment::{self, Deployment};

use crate::auth::{CanDeploy, CanInvoke, Capability, InApp};
use crate::error::{ApiError, ApiResult};
use crate::manager::Manager;
use crate::model::limits_of;
use record::Run;

async fn load(manager: &Manager, app: &AppRow) -> ApiResult<Deployment> {
    let id = app.id;
    let loaded = manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(deployment::load(conn, id)?))
        .await?;
    loaded.ok_or_else(|| ApiError::not_found("the app was deleted"))
}

fn source_of(from: &Deployment, hash: &ContentHash) -> Arc<str> {
    let source = from.sources.get(hash).map_or("", String::as_str);
    source.into()
}

fn check_source(what: &str, source: &str) -> ApiResult<()> {
    if source.len() > fixed::SOURCE_BYTES {
        let most = fixed::SOURCE_BYTES >> 10;
        let detail = format!("{what} is larger than {most} KiB");
        return Err(ApiError::new(
            Kind::TooLarge,
            code::RELEASE_TOO_LARGE,
            detail,
        ));
    }
    if source.contains('\0') {
        let detail = format!("{what} holds the character U+0000; remove it");
        return Err(ApiError::invalid(detail));
    }
    Ok(())
}

/// Checks a draft with the modules of the active release and drafts of others.
pub(crate) async fn validate(
    manager: &Manager,
    app: AppRow,
    script: ScriptName,
    request: ValidateRequest,
) -> ApiResult<Validation> {
    check_source("the draft", &request.source)?;
    if request.modules.len() > fixed::RELEASE_ITEMS {
        let detail = format!("`modules` has more than {} items", fixed::RELEASE_ITEMS);
        return Err(ApiError::invalid(detail));
    }
    let from = load(manager, &app).await?;
    let mut modules: BTreeMap<String, Arc<str>> = from
        .snapshot
        .modules
        .iter()
        .map(|(name, spec)| (name.to_string(), source_of(&from, &spec.hash)))
        .collect();
    for (name, source) in request.modules {
        check_source(&format!("module `{name}`"), &source)?;
        modules.insert(name.to_string(), source.into());
    }
    let own = from
        .snapshot
        .routes
        .iter()
        .filter(|route| route.script == script);
    let graph = ScriptGraph {
        scripts: vec![GraphScript {
            name: script.to_string(),
            source: request.source.into(),
            handlers: own
                .filter_map(|r| r.handler.as_ref())
                .map(ToString::to_string)
                .collect(),
        }],
        modules: modules.into_iter().collect(),
    };
    let checked = manager.parts().validator.validate(graph).await;
    let diagnostics = checked.findings;
    Ok(Validation {
        ok: diagnostics.iter().all(|d| d.severity != Severity::Error),
        diagnostics,
    })
}

/// The script to run: what is served under a name, or a draft in its place.
fn image(
    from: &Deployment,
    name: ScriptName,
    draft: Option<String>,
) -> ApiResult<(Arc<ScriptImage>, LimitSettings)> {
    let served = from.snapshot.scripts.get(&name);
    let (source, version, hash) = match (draft, served) {
        (Some(draft), _) => {
            let hash = ContentHash::of(draft.as_bytes());
            (draft.into(), 0, hash)
        }
        (None, Some(spec)) => (source_of(from, &spec.hash), spec.version, spec.hash),
        (None, None) => {
            let detail = format!("the app serves no script `{name}`; send a draft as `source`");
            return Err(ApiError::not_found(detail));
        }
    };
    let module = |hash: &ContentHash| ModuleSource {
        hash: *hash,
        source: source_of(from, hash),
    };
    let modules = from
        .snapshot
        .modules
        .iter()
        .map(|(name, spec)| (name.clone(), module(&spec.hash)))
        .collect();
    let image = ScriptImage {
        app: from.app.id,
        name,
        version,
        hash,
        source,
        modules: Arc::new(ModuleSet::new(modules)),
    };
    let limits = served.map(|spec| spec.limits.clone()).unwrap_or_default();
    Ok((Arc::new(image), limits))
}

/// Starts a run and waits for its answer.
async fn start<C: Capability>(
    caller: &InApp<C>,
    from: &Deployment,
    (image, limits): (Arc<ScriptImage>, LimitSettings),
    handler: Option<FunctionName>,
    http: HttpInput,
) -> ApiResult<(Run, Outcome)> {
    let manager = &caller.manager;
    let permit = Arc::clone(manager.runs()).try_acquire_owned();
    let permit = permit.map_err(|_full| {
        let detail = "too many runs through the API are under way; try again";
        ApiError::new(Kind::TooManyRequests, code::BUSY, detail)
    })?;
    let now = manager.clock().now();
    let env = from.env.iter();
    let app = Arc::new(AppContext {
        id: from.app.id,
        slug: from.app.slug.clone(),
        env: env
            .map(|row| (row.name.clone(), row.value.as_str().into()))
            .collect(),
    });
    let execution = ExecutionId::new(now);
    let invocation = Box::new(Invocation {
        execution,
        request: caller.request,
        app,
        script: image,
        handler,
        limits: limits_of(&from.app, &limits, &manager.config().ceiling),
        trigger: TriggerKind::Manual,
        cause: Cause::first(execution),
        attempt: 1,
        input: Some(Input::Http(http)),
    });
    let run = Run::new(manager, &invocation, from.release, now, permit);
    let outcome = manager.parts().executor.submit(invocation).await;
    Ok((run, outcome))
}

/// Runs a draft, or what is served, with the request the caller describes.
pub(crate) async fn run(
    caller: InApp<CanDeploy>,
    script: ScriptName,
    request: RunRequest,
) -> ApiResult<RunResult> {
    if let Some(draft) = &request.source {
        check_source("the draft", draft)?;
    }
    let http = request.request.unwrap_or_else(input::plain);
    let http = input::described(http, &caller.app, caller.peer)?;
    let from = load(&caller.manager, &caller.app).await?;
    let image = image(&from, script, request.source)?;
    let (run, outcome) = start(&caller, &from, image, request.handler, http).await?;
    answer::whole(run, outcome).await
}

/// Calls what is served with the caller's own request.
pub(crate) async fn invoke(
    caller: InApp<CanInvoke>,
    script: ScriptName,
    parts: Parts,
    body: Bytes,
) -> ApiResult<Response> {
    let from = load(&caller.manager, &caller.app).await?;
    let http = input::forwarded(parts, body, &script, &caller.app, caller.peer)?;
    let image = image(&from, script, None)?;
    let (run, outcome) = start(&caller, &from, image, None, http).await?;
    Ok(answer::streamed(run, outcome))
}
