//! Routes: the list and the match preview.

use shared::api::{MatchRequest, MatchResult, Page, Route};
use shared::name::AppSlug;
use shared::release::RouteSpec;
use shared::routing::{Match, Method, RouteTable};
use shared::trigger::Source;

use crate::auth::{CanRead, InApp};
use crate::base_url::url_of_app;
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{active_snapshot, domains_of};

/// List the routes of an app, by path.
#[utoipa::path(get, path = "/apps/{app}/routes", operation_id = "listRoutes", tag = "routes",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All routes.", body = Page<Route>)))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Route>>> {
    let app = caller.app.clone();
    let (snapshot, domains) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            Ok((active_snapshot(conn, &app)?, domains_of(conn, app.id)?))
        })
        .await?;
    let base = url_of_app(caller.manager.config(), &caller.app, &domains);
    let view = |route: RouteSpec| Route {
        url: format!("{base}{}", route.path),
        route,
    };
    Ok(Json(Page {
        items: snapshot.routes.into_iter().map(view).collect(),
        next_cursor: None,
    }))
}

/// What answers a request.
#[derive(Clone)]
enum Answer {
    Route(RouteSpec),
    Webhook(String),
}

/// Tell which route would answer a request.
#[utoipa::path(post, path = "/apps/{app}/routes/match", operation_id = "matchRoute",
    tag = "routes",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body = MatchRequest,
    responses((status = 200, description = "The route or the webhook, or the methods the path has.",
        body = MatchResult)))]
pub(crate) async fn preview(
    caller: InApp<CanRead>,
    Json(body): Json<MatchRequest>,
) -> ApiResult<Json<MatchResult>> {
    if body.method == Method::Any {
        return Err(ApiError::invalid(
            "`method` is a method of a request; ANY is not one",
        ));
    }
    let app = caller.app;
    let snapshot = caller
        .manager
        .store()
        .read(move |conn| active_snapshot(conn, &app))
        .await?;
    let mut table = RouteTable::default();
    let routes = snapshot.routes.into_iter();
    let all = routes
        .map(|route| (route.method, route.path.clone(), Answer::Route(route)))
        .chain(snapshot.triggers.into_iter().filter_map(|trigger| {
            let answer = Answer::Webhook(trigger.key());
            match trigger.source {
                Source::Webhook(webhook) => Some((Method::Post, webhook.path, answer)),
                _ => None,
            }
        }));
    for (method, path, answer) in all {
        let inserted = table.insert(method, path, answer);
        inserted.map_err(|conflict| {
            tracing::error!(%conflict, "a stored release has conflicting routes");
            ApiError::internal()
        })?;
    }
    let allow = table.methods(&body.path);
    let (route, trigger, params) = match table.find(body.method, &body.path) {
        Match::Found { route, params } => match route {
            Answer::Route(route) => (Some(route.clone()), None, params),
            Answer::Webhook(key) => (None, Some(key.clone()), params),
        },
        _ => (None, None, Vec::new()),
    };
    Ok(Json(MatchResult {
        route,
        trigger,
        params: params.into_iter().collect(),
        allow,
    }))
}
