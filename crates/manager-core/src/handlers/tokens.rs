//! API tokens.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use shared::api::{CreateTokenRequest, CreatedToken, Page, Scope, TokenView};
use shared::error::{Kind, code};
use shared::id::{TokenId, UserId};
use shared::name::AppSlug;
use store::people::{self, TokenRow};
use store::{Conn, apps};

use crate::auth::{Authorized, CanAdmin, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Created, Json, PathParams, Query, check_text};
use crate::manager::Manager;
use crate::model::{Order, PageQuery, page, time};
use crate::secret::{Secret, SecretKind};

/// Days a token lasts when its maker does not say.
const DAYS: u32 = 90;
/// Most days a token lasts.
const MOST_DAYS: u32 = 3_650;
/// Characters of a token's name.
const NAME: usize = 100;

fn view(token: &TokenRow, app: Option<AppSlug>) -> ApiResult<TokenView> {
    let scopes = serde_json::from_str(&token.scopes).map_err(|error| {
        tracing::error!(token = %token.id, %error, "a token's scopes do not parse");
        ApiError::internal()
    })?;
    Ok(TokenView {
        id: token.id,
        name: token.name.clone(),
        scopes,
        app,
        created_at: time(token.created_at),
        expires_at: token.expires_at.map(time),
        last_used_at: token.last_used_at.map(time),
    })
}

fn view_in(conn: &mut dyn Conn, token: &TokenRow) -> ApiResult<TokenView> {
    let app = match token.app {
        Some(id) => apps::get(conn, id)?.map(|app| app.slug),
        None => None,
    };
    view(token, app)
}

/// A token with its app's name.
pub(super) async fn view_one(manager: &Manager, token: Arc<TokenRow>) -> ApiResult<TokenView> {
    manager
        .store()
        .read(move |conn| view_in(conn, &token))
        .await
}

/// List the API tokens, newest first.
#[utoipa::path(get, path = "/tokens", operation_id = "listTokens", tag = "tokens",
    params(PageQuery),
    responses((status = 200, description = "A page of tokens.", body = Page<TokenView>)))]
pub(crate) async fn list(
    caller: Authorized<CanAdmin>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<TokenView>>> {
    let tokens: Vec<TokenView> = caller
        .manager
        .store()
        .read::<_, ApiError>(|conn| {
            let tokens = people::tokens(conn)?;
            tokens.iter().map(|token| view_in(conn, token)).collect()
        })
        .await?;
    page(tokens, &query, Order::Falling, |token| token.id).map(Json)
}

/// Show an API token, without its secret.
#[utoipa::path(get, path = "/tokens/{token}", operation_id = "getToken", tag = "tokens",
    params(("token" = TokenId, Path, description = "The token's id.")),
    responses((status = 200, description = "The token.", body = TokenView)))]
pub(crate) async fn get(
    caller: Authorized<CanAdmin>,
    params: PathParams,
) -> ApiResult<Json<TokenView>> {
    let id: TokenId = params.get("token")?;
    let view = caller.manager.store().read(move |conn| {
        let token = people::token_by_id(conn, id)?;
        let token = token.ok_or_else(|| ApiError::not_found("there is no such token"))?;
        view_in(conn, &token)
    });
    view.await.map(Json)
}

/// Make an API token. Its secret is shown in this answer and never again.
#[utoipa::path(post, path = "/tokens", operation_id = "createToken", tag = "tokens",
    request_body = CreateTokenRequest,
    responses((status = 201, description = "The token with its secret.", body = CreatedToken)))]
pub(crate) async fn create(
    caller: Authorized<CanAdmin>,
    Json(body): Json<CreateTokenRequest>,
) -> ApiResult<Created<CreatedToken>> {
    check_text("`name`", &body.name, NAME)?;
    if body.name.trim().is_empty() {
        return Err(ApiError::invalid(
            "`name` is empty; say what the token is for",
        ));
    }
    let days = body.expires_in_days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(ApiError::invalid(format!(
            "`expires_in_days` is 1 to {MOST_DAYS}"
        )));
    }
    let scopes = scopes(body.scopes)?;
    let now = caller.manager.clock().now();
    let secret = Secret::generate(SecretKind::Token);
    let hash = secret.hash();
    let maker = caller.principal;
    let token = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            let app = match &body.app {
                Some(slug) => {
                    let found = apps::by_slug(conn, slug)?;
                    let missing = || ApiError::invalid(format!("there is no app `{slug}`"));
                    Some(found.ok_or_else(missing)?)
                }
                None => None,
            };
            if maker.user == UserId::from_bytes([0; 16]) {
                let detail = "a token belongs to a person; make the owner account first";
                return Err(ApiError::new(Kind::Conflict, code::NO_OWNER, detail));
            }
            let token = TokenRow {
                id: TokenId::new(now),
                user: maker.user,
                app: app.as_ref().map(|app| app.id),
                name: body.name,
                scopes,
                created_at: now,
                expires_at: Some(now.plus(Duration::from_hours(24 * u64::from(days)))),
                last_used_at: None,
            };
            people::insert_token(conn, &hash, &token)?;
            audit(conn, &maker, now, "tokens.create", &token.name)?;
            view(&token, app.map(|app| app.slug))
        })
        .await?;
    let location = format!("/api/v1/tokens/{}", token.id);
    let secret = secret.expose().to_owned();
    Ok(Created(location, CreatedToken { secret, token }))
}

fn scopes(mut scopes: Vec<Scope>) -> ApiResult<String> {
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(ApiError::invalid(
            "`scopes` is empty; a token without scopes may do nothing",
        ));
    }
    serde_json::to_string(&scopes).map_err(|_never| ApiError::internal())
}

/// Delete an API token; it ends at once.
#[utoipa::path(delete, path = "/tokens/{token}", operation_id = "deleteToken", tag = "tokens",
    params(("token" = TokenId, Path, description = "The token's id.")),
    responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete(
    caller: Authorized<CanAdmin>,
    params: PathParams,
) -> ApiResult<StatusCode> {
    let id: TokenId = params.get("token")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            if !people::delete_token(conn, id)? {
                return Err(ApiError::not_found("there is no such token"));
            }
            Ok(audit(conn, &person, now, "tokens.delete", &id.to_string())?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
