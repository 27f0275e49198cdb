//! Checking and running scripts on behalf of the API: drafts, and direct calls of what is served.

mod answer;
mod input;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use shared::api::{RunHttp, RunRequest, RunResult, ValidateRequest, Validation};
use shared::error::{Kind, code};
use shared::id::ContentHash;
use shared::invocation::HttpInput;
use shared::limits::fixed;
use shared::name::ScriptName;
use shared::script_error::Severity;
use shared::seam::{DirectRun, GraphScript, ScriptGraph};
use store::apps::AppRow;
use store::deployment::{self, Deployment};

use crate::auth::{CanDeploy, CanInvoke, InApp};
use crate::error::{ApiError, ApiResult};
use crate::manager::{Manager, PeerInfo};

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
        app: Some(app.id),
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

/// The request a caller describes.
pub(crate) fn described(
    manager: &Manager,
    request: RunHttp,
    app: &AppRow,
    peer: &PeerInfo,
) -> ApiResult<HttpInput> {
    input::described(request, app, peer, &manager.config().public_url)
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
    let public = &caller.manager.config().public_url;
    let http = input::described(http, &caller.app, &caller.peer, public)?;
    let run = DirectRun {
        app: caller.app.id,
        script: script.clone(),
        draft: request.source.map(Into::into),
        handler: request.handler,
        request: caller.request,
        http,
    };
    let ran = caller.manager.parts().runner.run(run).await?;
    Ok(answer::whole(&script, ran).await)
}

/// Calls what is served with the caller's own request.
pub(crate) async fn invoke(
    caller: InApp<CanInvoke>,
    script: ScriptName,
    parts: Parts,
    body: Bytes,
) -> ApiResult<Response> {
    let public = &caller.manager.config().public_url;
    let run = DirectRun {
        app: caller.app.id,
        http: input::forwarded((parts, body), &script, &caller.app, &caller.peer, public)?,
        script,
        draft: None,
        handler: None,
        request: caller.request,
    };
    let ran = caller.manager.parts().runner.run(run).await?;
    Ok(answer::streamed(ran.outcome))
}
