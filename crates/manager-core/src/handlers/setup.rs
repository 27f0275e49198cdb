//! The first start: making the owner account.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use shared::api::{Me, SetupRequest, SetupState};
use shared::error::{Kind, code};
use shared::id::UserId;
use store::people::{self, UserRow};

use super::sessions::{check_email, start_session};
use crate::auth::{Principal, Public, audit, session_cookie};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Small};
use crate::password::Passwords;

/// Bucket of attempts with setup tokens; no e-mail address looks like it.
const BUCKET: &str = "setup";

fn done() -> ApiError {
    let detail = "this instance has an owner; sign in instead";
    ApiError::new(Kind::Conflict, code::ALREADY_SET_UP, detail)
}

/// Whether the instance still has no owner.
#[utoipa::path(get, path = "/setup", operation_id = "getSetup", tag = "setup",
    responses((status = 200, description = "The state.", body = SetupState)))]
pub(crate) async fn state(caller: Public) -> ApiResult<Json<SetupState>> {
    let manager = &caller.manager;
    // The owner may have been made by another server on the same database.
    if manager.setup_token().is_some()
        && manager
            .store()
            .read::<_, ApiError>(|conn| Ok(people::any_user(conn)?))
            .await?
    {
        manager.forget_setup_token();
    }
    let needed = manager.setup_token().is_some();
    Ok(Json(SetupState { needed }))
}

/// Make the owner account and sign it in. Works once.
#[utoipa::path(post, path = "/setup", operation_id = "createOwner", tag = "setup",
    request_body = SetupRequest,
    responses((status = 201, description = "The owner, signed in by a cookie.", body = Me)))]
pub(crate) async fn create_owner(
    caller: Public,
    Small(body): Small<SetupRequest>,
) -> ApiResult<Response> {
    let manager = &caller.manager;
    if manager.setup_token().is_none() {
        return Err(done());
    }
    let attempt = manager.throttle().attempt(BUCKET, caller.peer.address)?;
    if !manager.is_setup_token(&body.token) {
        return Err(ApiError::new(
            Kind::Unauthenticated,
            code::SETUP_TOKEN_WRONG,
            "this is not the setup token the server printed when it started",
        ));
    }
    manager.throttle().succeeded(&attempt);
    let email = check_email(&body.email)?;
    Passwords::check_new(&body.password, &email)?;
    let now = manager.clock().now();
    let user = UserRow {
        id: UserId::new(now),
        email,
        password_hash: manager
            .passwords()
            .hash(body.password, attempt.caller)
            .await?,
        role: "owner".to_owned(),
        created_at: now,
    };
    let owner = Principal::signed_in(user.clone());
    let me = owner.clone();
    let secret = manager
        .store()
        .write::<_, ApiError>(move |conn| {
            if people::any_user(conn)? {
                return Err(done());
            }
            people::insert_user(conn, &user)?;
            audit(conn, &owner, now, "setup.create_owner", &user.email)?;
            Ok(start_session(conn, user.id, now)?)
        })
        .await?;
    manager.forget_setup_token();
    let cookie = [(
        header::SET_COOKIE,
        session_cookie(&secret, caller.peer.origin.is_https()),
    )];
    Ok((StatusCode::CREATED, cookie, Json(me.view(None))).into_response())
}
