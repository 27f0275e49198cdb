//! Deploying: one request becomes one release, whole or not at all.
//!
//! The next snapshot is computed from the active one, checked as a whole (routes, triggers, sources, limits)
//! and activated by a compare-and-set on the release it was computed from. Whoever loses a race
//! computes again from what the winner left.

mod check;
mod fresh;
mod next;
mod rollback;
mod sources;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::api::{DeployRequest, Deployed, Release};
use shared::error::{Kind, code};
use shared::id::{AppId, ContentHash};
use shared::name::DomainName;
use shared::release::{Snapshot, compare};
use shared::seam::Checked;
use store::apps::{self, AppRow};
use store::releases::{self, ContentKind, ReleaseRow};
use store::{Conn, StoreError};

use crate::auth::{CanDeploy, InApp, Principal, audit};
use crate::base_url::url_of_app;
use crate::error::{ApiError, ApiResult};
use crate::extract::IfMatch;
use crate::manager::Manager;
use crate::model::{active_snapshot, domains_of, release_view};

pub(crate) use check::check_limits;
pub(crate) use fresh::check_new_app;
pub(crate) use rollback::roll_back;
use sources::{Sources, sources_of, validated};

/// How often a deploy that lost a race starts again.
const ATTEMPTS: usize = 8;

/// One deploy.
#[derive(Debug)]
pub(crate) struct Deploy {
    manager: Arc<Manager>,
    principal: Principal,
    app: AppId,
    if_match: IfMatch,
    request: Arc<DeployRequest>,
    /// The sources that came along, by hash.
    uploads: Arc<BTreeMap<ContentHash, String>>,
}

/// What a deploy is computed from, and what it would make of it.
#[derive(Debug)]
struct Draft {
    app: AppRow,
    domains: Vec<DomainName>,
    base: Snapshot,
    next: Snapshot,
    sources: Sources,
}

/// Why a release was not stored.
enum Refused {
    /// Another release became active meanwhile.
    Lost,
    /// Anything else.
    Failed(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        // Two transactions on PostgreSQL that chose the same number.
        if error.is_constraint() {
            Self::Lost
        } else {
            Self::Failed(error.into())
        }
    }
}

impl Deploy {
    /// A deploy of a request whose form is right.
    pub(crate) fn new(
        caller: InApp<CanDeploy>,
        if_match: IfMatch,
        request: DeployRequest,
    ) -> ApiResult<Self> {
        check::request(&request, &caller.manager.config().ceiling)?;
        let uploads = next::uploads(&request)?;
        Ok(Self {
            manager: caller.manager,
            principal: caller.principal,
            app: caller.app.id,
            if_match,
            request: Arc::new(request),
            uploads: Arc::new(uploads),
        })
    }

    /// Carries it out. The release is live on return.
    pub(crate) async fn run(self) -> ApiResult<Deployed> {
        for _ in 0..ATTEMPTS {
            if let Some(deployed) = self.attempt().await? {
                return Ok(deployed);
            }
        }
        Err(ApiError::new(
            Kind::Conflict,
            code::DEPLOY_CONTENDED,
            "other deploys of this app kept coming first; try again",
        ))
    }

    /// `None`: the race was lost.
    async fn attempt(&self) -> ApiResult<Option<Deployed>> {
        let draft = self.draft().await?;
        let active = draft.app.active_release.unwrap_or(0);
        self.if_match
            .check(&active.to_string(), "the active release")?;
        check::together(&draft.next)?;
        check::size(&draft.next, &draft.sources)?;
        let changed = draft.next != draft.base;
        // What is compiled for the check is kept until it is live.
        let checked = if changed || self.request.dry_run {
            validated(
                &self.manager,
                Some(draft.app.id),
                &draft.next,
                &draft.sources,
            )
            .await?
        } else {
            Checked::of(Vec::new())
        };
        let release = if self.request.dry_run {
            None
        } else if changed {
            match self.store(&draft).await? {
                Some(release) => Some(release),
                None => return Ok(None),
            }
        } else {
            self.manager.up_to_date(self.app).await?;
            None
        };
        let base = url_of_app(self.manager.config(), &draft.app, &draft.domains);
        let url = |route: &shared::release::RouteSpec| format!("{base}{}", route.path);
        Ok(Some(Deployed {
            release,
            plan: compare(&draft.base, &draft.next),
            urls: draft.next.routes.iter().map(url).collect(),
            diagnostics: checked.findings,
        }))
    }

    async fn draft(&self) -> ApiResult<Draft> {
        let (id, request, uploads) = (self.app, self.request.clone(), self.uploads.clone());
        self.manager
            .store()
            .read(move |conn| {
                let app = apps::get(conn, id)?;
                let app = app.ok_or_else(|| ApiError::not_found("the app was deleted"))?;
                let base = active_snapshot(conn, &app)?;
                let next = next::snapshot(&base, &request)?;
                let sources = sources_of(conn, id, &next, &uploads)?;
                Ok(Draft {
                    domains: domains_of(conn, id)?,
                    app,
                    base,
                    next,
                    sources,
                })
            })
            .await
    }

    /// Stores and activates the release and makes it live; `None` when the race was lost.
    async fn store(&self, draft: &Draft) -> ApiResult<Option<Release>> {
        let now = self.manager.clock().now();
        let (app, base) = (self.app, draft.app.active_release);
        let (uploads, person) = (Arc::clone(&self.uploads), self.principal.clone());
        let slug = draft.app.slug.clone();
        let mut row = ReleaseRow {
            number: 0,
            snapshot: draft.next.clone(),
            message: self.request.message.clone(),
            author: person.email.clone(),
            source: self
                .request
                .source
                .clone()
                .unwrap_or_else(|| "api".to_owned()),
            created_at: now,
        };
        let stored = self.manager.add(move |change| {
            let conn = change.conn();
            for (hash, source) in &*uploads {
                releases::put_content(conn, app, *hash, source, now)?;
            }
            number_versions(conn, app, &mut row)?;
            let number = releases::activate_new(change, app, base, &row)?;
            row.number = number.ok_or(Refused::Lost)?;
            let target = format!("{slug} #{}", row.number);
            audit(change.conn(), &person, now, "releases.deploy", &target)?;
            Ok(row)
        });
        match stored.await {
            Ok(row) => Ok(Some(release_view(&row, Some(row.number)))),
            Err(Refused::Lost) => Ok(None),
            Err(Refused::Failed(error)) => Err(error),
        }
    }
}

/// Gives contents that are new under their name the next version number, known ones theirs.
fn number_versions(
    conn: &mut dyn Conn,
    app: AppId,
    row: &mut ReleaseRow,
) -> Result<(), StoreError> {
    let (author, now) = (row.author.as_str(), row.created_at);
    for (name, spec) in row
        .snapshot
        .scripts
        .iter_mut()
        .filter(|(_, s)| s.version == 0)
    {
        let kind = ContentKind::Script;
        let (name, hash) = (name.as_str(), spec.hash);
        spec.version = releases::version_of(conn, app, kind, name, hash, author, now)?;
    }
    for (name, spec) in row
        .snapshot
        .modules
        .iter_mut()
        .filter(|(_, m)| m.version == 0)
    {
        let kind = ContentKind::Module;
        let (name, hash) = (name.as_str(), spec.hash);
        spec.version = releases::version_of(conn, app, kind, name, hash, author, now)?;
    }
    Ok(())
}
