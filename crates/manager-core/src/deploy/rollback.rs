//! Rolling back: the pointer goes to an earlier release.

use shared::api::Release;
use shared::error::{Kind, code};
use store::{Conn, apps, releases};

use crate::auth::{CanDeploy, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::IfMatch;
use crate::model::release_view;

/// Serves release `to`, or the one before the active one, again. It is live on return.
pub(crate) async fn roll_back(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
    to: Option<i64>,
) -> ApiResult<Release> {
    let now = caller.manager.clock().now();
    let (id, person) = (caller.app.id, caller.principal);
    let release = caller
        .manager
        .change::<_, ApiError>(move |change| {
            let app = apps::taken(change, id)?;
            let active = app.active_release;
            if_match.check(&active.unwrap_or(0).to_string(), "the active release")?;
            let row = target(change.conn(), &app, to)?;
            if active != Some(row.number) {
                if !releases::activate(change, id, active, row.number, now)? {
                    let detail = "another release became active meanwhile; look and try again";
                    return Err(ApiError::new(
                        Kind::Conflict,
                        code::DEPLOY_CONTENDED,
                        detail,
                    ));
                }
                let name = format!("{} #{}", app.slug, row.number);
                audit(change.conn(), &person, now, "releases.rollback", &name)?;
            }
            Ok(release_view(&row, Some(row.number)))
        })
        .await?;
    // It may have been active before, by a deploy that this server does not serve yet.
    caller.manager.up_to_date(id).await?;
    Ok(release)
}

fn target(
    conn: &mut dyn Conn,
    app: &apps::AppRow,
    to: Option<i64>,
) -> ApiResult<releases::ReleaseRow> {
    if let Some(number) = to {
        let row = releases::get(conn, app.id, number)?;
        let missing = || ApiError::not_found(format!("the app has no release {number}"));
        return row.ok_or_else(missing);
    }
    let earlier = match app.active_release {
        Some(active) => releases::list(conn, app.id, Some(active), 1)?.pop(),
        None => None,
    };
    earlier.ok_or_else(|| ApiError::not_found("there is no earlier release to go back to"))
}
