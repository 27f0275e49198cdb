//! The sources of a release: that all are there, and that they compile together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shared::error::{Error, Kind, code};
use shared::id::{AppId, ContentHash};
use shared::release::Snapshot;
use shared::script_error::Severity;
use shared::seam::{Checked, GraphScript, ScriptGraph};
use store::{Conn, releases};

use crate::error::{ApiError, ApiResult};
use crate::manager::Manager;

/// Findings sent back.
const FINDINGS: usize = 100;

/// Sources by hash.
pub(super) type Sources = BTreeMap<ContentHash, Arc<str>>;

/// Warnings about what a release would serve; errors refuse it.
pub(super) async fn validated(
    manager: &Manager,
    app: Option<AppId>,
    next: &Snapshot,
    sources: &Sources,
) -> ApiResult<Checked> {
    let graph = graph(app, next, sources);
    let validating = manager.parts().validator.validate(graph);
    let mut checked = validating.await;
    let errors = checked
        .findings
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .count();
    checked.findings.truncate(FINDINGS);
    if errors == 0 {
        return Ok(checked);
    }
    let what = if errors == 1 { "one error" } else { "errors" };
    let detail = format!("the release has {what} and was not made; nothing has changed");
    let error = Error::new(Kind::InvalidInput, code::INVALID_RELEASE, detail);
    Err(error.with_diagnostics(checked.findings).into())
}

/// The hashes of all sources of a snapshot.
fn hashes(snapshot: &Snapshot) -> impl Iterator<Item = ContentHash> {
    let scripts = snapshot.scripts.values().map(|spec| spec.hash);
    scripts.chain(snapshot.modules.values().map(|spec| spec.hash))
}

/// All sources of a snapshot: uploaded ones, else stored ones.
pub(super) fn sources_of(
    conn: &mut dyn Conn,
    app: AppId,
    next: &Snapshot,
    uploads: &BTreeMap<ContentHash, String>,
) -> ApiResult<Sources> {
    let mut sources = Sources::new();
    for hash in hashes(next) {
        if sources.contains_key(&hash) {
            continue;
        }
        let source = match uploads.get(&hash) {
            Some(source) => Some(source.clone()),
            None => releases::content(conn, app, hash)?,
        };
        sources.extend(source.map(|source| (hash, Arc::from(source))));
    }
    all_there(next, &sources)?;
    Ok(sources)
}

/// Names the sources that are missing.
pub(super) fn all_there(next: &Snapshot, sources: &Sources) -> ApiResult<()> {
    let missing = hashes(next).filter(|hash| !sources.contains_key(hash));
    let missing: BTreeSet<String> = missing.map(|hash| hash.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.into_iter().take(FINDINGS).collect();
    let detail = format!("upload the sources of these hashes: {}", missing.join(", "));
    Err(ApiError::new(
        Kind::NotFound,
        code::CONTENTS_MISSING,
        detail,
    ))
}

fn graph(app: Option<AppId>, next: &Snapshot, sources: &Sources) -> ScriptGraph {
    let source = |hash: &ContentHash| sources.get(hash).cloned().unwrap_or_default();
    let handlers = |name: &shared::name::ScriptName| {
        let routes = next.routes.iter().map(|r| (&r.script, &r.handler));
        let triggers = next.triggers.iter().map(|t| (&t.script, &t.handler));
        let mut handlers: Vec<String> = routes
            .chain(triggers)
            .filter(|(script, _)| *script == name)
            .filter_map(|(_, handler)| handler.as_ref())
            .map(ToString::to_string)
            .collect();
        handlers.sort_unstable();
        handlers.dedup();
        handlers
    };
    ScriptGraph {
        app,
        scripts: next
            .scripts
            .iter()
            .map(|(name, spec)| GraphScript {
                name: name.to_string(),
                source: source(&spec.hash),
                handlers: handlers(name),
            })
            .collect(),
        modules: next
            .modules
            .iter()
            .map(|(name, spec)| (name.to_string(), source(&spec.hash)))
            .collect(),
    }
}
