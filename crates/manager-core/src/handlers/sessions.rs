//! Signing in and out, and who is calling.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use shared::api::{Me, SignInRequest};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::id::{SessionId, UserId};
use store::people::{self, SessionRow};
use store::{Conn, StoreError};

use super::tokens::view_one;
use crate::auth::{
    Authorized, Principal, Public, SESSION_LIFE, SignedIn, Via, audit, clear_cookie,
    session_cookie, session_secrets,
};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Small};
use crate::secret::{self, Secret, SecretKind};

/// An e-mail address in lower case, as far as its form can be judged.
pub(super) fn check_email(text: &str) -> ApiResult<String> {
    let text = text.trim().to_lowercase();
    let bad = |c: char| c.is_whitespace() || c.is_control();
    let good = text.len() <= 254
        && !text.contains(bad)
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if good {
        Ok(text)
    } else {
        Err(ApiError::invalid(
            "`email` is not an e-mail address like ada@example.com",
        ))
    }
}

/// Stores a new session and returns its secret.
pub(super) fn start_session(
    conn: &mut dyn Conn,
    user: UserId,
    now: Timestamp,
) -> Result<Secret, StoreError> {
    let secret = Secret::generate(SecretKind::Session);
    let session = SessionRow {
        id: SessionId::new(now),
        user,
        expires_at: now.plus(SESSION_LIFE),
    };
    people::insert_session(conn, &secret.hash(), &session, now)?;
    Ok(secret)
}

/// Sign in; the session is a cookie.
#[utoipa::path(post, path = "/sessions", operation_id = "signIn", tag = "sessions",
    request_body = SignInRequest,
    responses((status = 201, description = "Signed in by a cookie.", body = Me)))]
pub(crate) async fn sign_in(
    caller: Public,
    Small(body): Small<SignInRequest>,
) -> ApiResult<Response> {
    let manager = &caller.manager;
    let refused = || {
        let detail = "the e-mail address or the password is wrong";
        ApiError::new(Kind::Unauthenticated, code::SIGN_IN_FAILED, detail)
    };
    let email = check_email(&body.email)?;
    let attempt = manager.throttle().attempt(&email, caller.peer.address)?;
    let wanted = email.clone();
    let user = manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(people::user_by_email(conn, &wanted)?))
        .await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let passwords = manager.passwords();
    if !passwords
        .verify(body.password, hash, attempt.caller)
        .await?
    {
        return Err(refused());
    }
    let user = user.ok_or_else(refused)?;
    manager.throttle().succeeded(&attempt);
    let now = manager.clock().now();
    let person = Principal::signed_in(user);
    let me = person.view(None);
    let secret = manager
        .store()
        .write::<_, ApiError>(move |conn| {
            audit(conn, &person, now, "sessions.create", &person.email)?;
            Ok(start_session(conn, person.user, now)?)
        })
        .await?;
    let cookie = [(
        header::SET_COOKIE,
        session_cookie(&secret, caller.peer.origin.is_https()),
    )];
    Ok((StatusCode::CREATED, cookie, Json(me)).into_response())
}

/// Sign out: end the session of the cookie.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "signOut", tag = "sessions",
    responses((status = 204, description = "Signed out.")))]
pub(crate) async fn sign_out(
    caller: Authorized<SignedIn>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let https = caller.peer.origin.is_https();
    if caller.principal.via != Via::Session {
        return Err(ApiError::not_found(
            "the request has no session; delete a token with DELETE /tokens/{token}",
        ));
    }
    let secrets = session_secrets(&headers, https);
    let (person, now) = (caller.principal, caller.manager.clock().now());
    caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            for secret in &secrets {
                people::delete_session(conn, &secret::hash(secret))?;
            }
            Ok(audit(conn, &person, now, "sessions.delete", &person.email)?)
        })
        .await?;
    let cookie = [(header::SET_COOKIE, clear_cookie(https))];
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

/// Who is calling.
#[utoipa::path(get, path = "/me", operation_id = "getMe", tag = "sessions",
    responses((status = 200, description = "The caller.", body = Me)))]
pub(crate) async fn me(caller: Authorized<SignedIn>) -> ApiResult<Json<Me>> {
    let token = match caller.principal.token.clone() {
        Some(token) => Some(view_one(&caller.manager, token).await?),
        None => None,
    };
    Ok(Json(caller.principal.view(token)))
}
