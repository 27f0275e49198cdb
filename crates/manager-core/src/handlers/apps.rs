//! Apps.

use http::StatusCode;
use shared::api::{App, CreateAppRequest, Page, UpdateAppRequest};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::id::AppId;
use shared::limits::LimitSettings;
use shared::name::{AppSlug, DomainName};
use store::apps::{self, AppRow};

use crate::auth::{Authorized, CanAdmin, CanDeploy, CanRead, InApp, audit};
use crate::base_url::url_of_app;
use crate::deploy::check_limits;
use crate::error::{ApiError, ApiResult, taken};
use crate::extract::{Created, DESCRIPTION, IfMatch, Json, Query, Tagged, check_text};
use crate::manager::Manager;
use crate::model::{Order, PageQuery, domains_of, page, tag, time};

fn view(manager: &Manager, app: &AppRow, domains: &[DomainName]) -> App {
    App {
        id: app.id,
        name: app.slug.clone(),
        description: app.description.clone(),
        default: app.is_default,
        limits: app.limits.clone(),
        active_release: app.active_release,
        url: url_of_app(manager.config(), app, domains),
        created_at: time(app.created_at),
        updated_at: time(app.updated_at),
    }
}

/// The tag of an app's state.
fn tag_of(app: &AppRow) -> String {
    tag(&[
        app.slug.as_str().as_bytes(),
        app.description.as_bytes(),
        &[u8::from(app.is_default)],
        &app.active_release.unwrap_or(0).to_le_bytes(),
        &app.updated_at.as_micros().to_le_bytes(),
    ])
}

/// List the apps by name.
#[utoipa::path(get, path = "/apps", operation_id = "listApps", tag = "apps",
    params(PageQuery),
    responses((status = 200, description = "A page of apps.", body = Page<App>)))]
pub(crate) async fn list(
    caller: Authorized<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<App>>> {
    let bound = caller.principal.bound_to();
    let manager = caller.manager;
    let reader = std::sync::Arc::clone(&manager);
    let all: Vec<App> = manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let mut all = apps::list(conn)?;
            all.retain(|app| bound.is_none_or(|bound| bound == app.id));
            all.iter()
                .map(|app| Ok(view(&reader, app, &domains_of(conn, app.id)?)))
                .collect()
        })
        .await?;
    page(all, &query, Order::Rising, |app| app.name.clone()).map(Json)
}

/// Make an app. The first one answers on hosts nobody claimed.
#[utoipa::path(post, path = "/apps", operation_id = "createApp", tag = "apps",
    request_body = CreateAppRequest,
    responses((status = 201, description = "The app.", body = App)))]
pub(crate) async fn create(
    caller: Authorized<CanDeploy>,
    Json(body): Json<CreateAppRequest>,
) -> ApiResult<Created<App>> {
    check_text("`description`", &body.description, DESCRIPTION)?;
    check_name(&caller.manager, &body.name)?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let app = caller
        .manager
        .add::<_, ApiError>(move |change| {
            let app = AppRow {
                id: AppId::new(now),
                slug: body.name,
                description: body.description,
                is_default: apps::is_first(change)?,
                limits: LimitSettings::default(),
                active_release: None,
                created_at: now,
                updated_at: now,
            };
            let detail = format!("there is an app `{}` already", app.slug);
            apps::insert(change, &app).map_err(taken(detail))?;
            audit(
                change.conn(),
                &person,
                now,
                "apps.create",
                app.slug.as_str(),
            )?;
            Ok(app)
        })
        .await?;
    let location = format!("/api/v1/apps/{}", app.slug);
    Ok(Created(location, view(&caller.manager, &app, &[])))
}

/// Show an app.
#[utoipa::path(get, path = "/apps/{app}", operation_id = "getApp", tag = "apps",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "The app; `ETag` names its state.", body = App)))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Tagged<Json<App>>> {
    let app = caller.app;
    let id = app.id;
    let domains = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(domains_of(conn, id)?))
        .await?;
    Ok(Tagged(
        tag_of(&app),
        Json(view(&caller.manager, &app, &domains)),
    ))
}

/// Change an app: name, description, default or limits.
#[utoipa::path(patch, path = "/apps/{app}", operation_id = "updateApp", tag = "apps",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is based on.")),
    request_body = UpdateAppRequest,
    responses((status = 200, description = "The app as it is now.", body = App)))]
pub(crate) async fn update(
    caller: InApp<CanDeploy>,
    if_match: IfMatch,
    Json(body): Json<UpdateAppRequest>,
) -> ApiResult<Tagged<Json<App>>> {
    check_update(&caller, &body)?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let id = caller.app.id;
    let (app, domains) = caller
        .manager
        .change::<_, ApiError>(move |change| {
            let old = apps::to_change(change, id)?;
            if_match.check(&tag_of(&old), "the app")?;
            let new = changed(&old, body, now);
            let detail = format!("there is an app `{}` already", new.slug);
            apps::update(change, &old, &new).map_err(taken(detail))?;
            audit(
                change.conn(),
                &person,
                now,
                "apps.update",
                new.slug.as_str(),
            )?;
            Ok((new, domains_of(change.conn(), id)?))
        })
        .await?;
    Ok(Tagged(
        tag_of(&app),
        Json(view(&caller.manager, &app, &domains)),
    ))
}

/// An app answers on a host of its name, which must not be the instance's own.
fn check_name(manager: &Manager, name: &AppSlug) -> ApiResult<()> {
    match manager.config().own_hosts.refuse_name(name) {
        Some(reason) => {
            let detail = format!("an app cannot be called `{name}`: {reason}");
            Err(ApiError::new(Kind::Conflict, code::DOMAIN_RESERVED, detail))
        }
        None => Ok(()),
    }
}

fn check_update(caller: &InApp<CanDeploy>, body: &UpdateAppRequest) -> ApiResult<()> {
    if let Some(description) = &body.description {
        check_text("`description`", description, DESCRIPTION)?;
    }
    if let Some(name) = &body.name {
        check_name(&caller.manager, name)?;
    }
    if let Some(limits) = &body.limits {
        check_limits("the app", limits, &caller.manager.config().ceiling)?;
    }
    match body.default {
        Some(false) => Err(ApiError::invalid(
            "`default` can only be set to true; make another app the default instead",
        )),
        // It takes the place of another app, which a token of one app may not touch.
        Some(true) if caller.principal.bound_to().is_some() && !caller.app.is_default => Err(
            ApiError::invalid("a token bound to one app cannot make it the default"),
        ),
        _ => Ok(()),
    }
}

fn changed(old: &AppRow, body: UpdateAppRequest, now: Timestamp) -> AppRow {
    AppRow {
        slug: body.name.unwrap_or_else(|| old.slug.clone()),
        description: body.description.unwrap_or_else(|| old.description.clone()),
        is_default: body.default.unwrap_or(old.is_default),
        limits: body.limits.unwrap_or_else(|| old.limits.clone()),
        // Two states never have the same time.
        updated_at: now.max(Timestamp(old.updated_at.as_micros() + 1)),
        ..old.clone()
    }
}

/// How often the database is asked to remove an app.
const DELETE_TRIES: u32 = 3;

/// Delete an app with everything it owns.
#[utoipa::path(delete, path = "/apps/{app}", operation_id = "deleteApp", tag = "apps",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is based on.")),
    responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete(caller: InApp<CanAdmin>, if_match: IfMatch) -> ApiResult<StatusCode> {
    let mut tries = 1;
    loop {
        match try_to_delete(&caller, if_match.clone()).await {
            // Runs of the app write while it goes: PostgreSQL ends one of two writes that wait for
            // each other.
            Err(error) if error.error.code == code::DATABASE_AWAY && tries < DELETE_TRIES => {
                tries += 1;
            }
            deleted => return deleted.map(|()| StatusCode::NO_CONTENT),
        }
    }
}

async fn try_to_delete(caller: &InApp<CanAdmin>, if_match: IfMatch) -> ApiResult<()> {
    let (person, now) = (caller.principal.clone(), caller.manager.clock().now());
    let id = caller.app.id;
    let delete = caller.manager.change::<_, ApiError>(move |change| {
        let app = apps::taken(change, id)?;
        if_match.check(&tag_of(&app), "the app")?;
        apps::delete(change, id)?;
        Ok(audit(
            change.conn(),
            &person,
            now,
            "apps.delete",
            app.slug.as_str(),
        )?)
    });
    delete.await
}
