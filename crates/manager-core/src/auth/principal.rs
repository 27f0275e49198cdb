//! From a credential to a caller.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header;
use shared::api::{Me, Scope, TokenView};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::id::{AppId, UserId};
use store::people::{self, TokenRow, UserRow};

use super::capability::{Capability, includes};
use super::session::session_secrets;
use crate::error::{ApiError, ApiResult};
use crate::manager::Manager;
use crate::secret::{self, SecretKind};

/// By which kind of credential somebody calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// A browser session.
    Session,
    /// An API token.
    Token,
    /// The credential of the machine's own user.
    Local,
}

impl Via {
    /// The name the audit log uses.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::Local => "local",
        }
    }
}

/// Who is calling.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// The person; all zeros for the local credential before there is an owner.
    pub(crate) user: UserId,
    /// Their address, or `local`.
    pub(crate) email: String,
    /// Their role.
    pub(crate) role: String,
    /// How.
    pub(crate) via: Via,
    /// The token in use.
    pub(crate) token: Option<Arc<TokenRow>>,
    scopes: Vec<Scope>,
}

impl Principal {
    fn person(user: UserRow, via: Via) -> Self {
        Self {
            user: user.id,
            email: user.email,
            role: user.role,
            via,
            token: None,
            scopes: vec![Scope::Admin],
        }
    }

    /// Somebody who has just proved who they are.
    pub(crate) fn signed_in(user: UserRow) -> Self {
        Self::person(user, Via::Session)
    }

    /// What the caller is told about themselves.
    pub(crate) fn view(&self, token: Option<TokenView>) -> Me {
        Me {
            user: self.user,
            email: self.email.clone(),
            role: self.role.clone(),
            token,
        }
    }

    /// The app the caller is bound to.
    pub(crate) fn bound_to(&self) -> Option<AppId> {
        self.token.as_ref()?.app
    }

    /// Whether the caller may use something with a scope.
    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|held| includes(*held, scope))
    }

    /// Whether the caller may act for the whole instance.
    pub(crate) fn owns_instance(&self) -> bool {
        self.bound_to().is_none() && self.has(Scope::Admin)
    }

    /// Refuses callers without the scope of `C`.
    pub(super) fn require<C: Capability>(&self) -> ApiResult<()> {
        match C::SCOPE {
            Some(scope) if !self.has(scope) => {
                let name = scope_name(scope);
                Err(forbidden(format!(
                    "this needs a token with the scope `{name}`"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses tokens that are bound to one app.
    pub(crate) fn require_whole_instance(&self) -> ApiResult<()> {
        match self.bound_to() {
            Some(_) => Err(forbidden(
                "this is about the whole instance; the token is bound to one app".to_owned(),
            )),
            None => Ok(()),
        }
    }
}

fn forbidden(detail: String) -> ApiError {
    ApiError::new(Kind::Forbidden, code::SCOPE_REQUIRED, detail)
}

/// The wire name of a scope.
pub(crate) const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Deploy => "deploy",
        Scope::Invoke => "invoke",
        Scope::Admin => "admin",
    }
}

/// Finds out who sends a request: by `Authorization: Bearer`, else by the session cookie.
pub(super) async fn authenticate(
    manager: &Manager,
    headers: &HeaderMap,
    https: bool,
) -> ApiResult<Principal> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let bearer = text
            .split_once(' ')
            .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let secret = bearer.map_or("", |(_, secret)| secret.trim());
        return match secret::kind_of(secret) {
            Some(SecretKind::Token) => by_token(manager, secret).await,
            Some(SecretKind::Local) => by_local(manager, secret).await,
            _ => Err(ApiError::unauthenticated(
                "the Authorization header holds no PiCloud token; send `Bearer pic_…`",
            )),
        };
    }
    let secrets = session_secrets(headers, https);
    if secrets.is_empty() {
        return Err(ApiError::unauthenticated(
            "sign in, or send an API token: `Authorization: Bearer pic_…`",
        ));
    }
    by_session(manager, secrets).await
}

/// The person of the sessions a request carries; those that are not known count for nothing.
async fn by_session(manager: &Manager, secrets: Vec<String>) -> ApiResult<Principal> {
    let now = manager.clock().now();
    let users = manager.store().read::<_, ApiError>(move |conn| {
        let mut users: Vec<UserRow> = Vec::new();
        for secret in &secrets {
            let user = people::session_user(conn, &secret::hash(secret), now)?;
            let new = user.filter(|user| users.iter().all(|known| known.id != user.id));
            users.extend(new);
        }
        Ok(users)
    });
    let mut users = users.await?;
    match (users.pop(), users.is_empty()) {
        (Some(user), true) => Ok(Principal::person(user, Via::Session)),
        (Some(_), false) => Err(ApiError::unauthenticated(
            "the request carries sessions of several people; remove this host's cookies and sign \
             in again",
        )),
        (None, _) => Err(ApiError::unauthenticated(
            "the session has ended; sign in again",
        )),
    }
}

async fn by_local(manager: &Manager, secret: &str) -> ApiResult<Principal> {
    if !manager.is_local(secret) {
        return Err(ApiError::unauthenticated(
            "this local credential is from an earlier start of the server",
        ));
    }
    let owner = manager
        .store()
        .read::<_, ApiError>(|conn| Ok(people::owner(conn)?))
        .await?;
    Ok(Principal {
        user: owner.map_or(UserId::from_bytes([0; 16]), |owner| owner.id),
        email: "local".to_owned(),
        role: "owner".to_owned(),
        via: Via::Local,
        token: None,
        scopes: vec![Scope::Admin],
    })
}

async fn by_token(manager: &Manager, secret: &str) -> ApiResult<Principal> {
    let hash = secret::hash(secret);
    let found = manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let Some(token) = people::token_by_secret(conn, &hash)? else {
                return Ok(None);
            };
            let user = people::user_by_id(conn, token.user)?;
            Ok(user.map(|user| (token, user)))
        })
        .await?;
    let (token, user) =
        found.ok_or_else(|| ApiError::unauthenticated("the token is not known here"))?;
    let now = manager.clock().now();
    if token.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::unauthenticated(
            "the token has ended; make a new one",
        ));
    }
    note_use(manager, &token, now).await;
    let scopes = serde_json::from_str(&token.scopes).map_err(|error| {
        tracing::error!(token = %token.id, %error, "a token's scopes do not parse");
        ApiError::internal()
    })?;
    Ok(Principal {
        scopes,
        token: Some(Arc::new(token)),
        ..Principal::person(user, Via::Token)
    })
}

/// Notes the use of a token, at most once a minute. A failure stops nobody.
async fn note_use(manager: &Manager, token: &TokenRow, now: Timestamp) {
    const MINUTE: Duration = Duration::from_mins(1);
    let fresh = |last: Timestamp| now.since(last) < MINUTE;
    if token.last_used_at.is_some_and(fresh) {
        return;
    }
    let id = token.id;
    let minute = Timestamp(now.as_micros() - now.as_micros().rem_euclid(60_000_000));
    let noted = manager
        .store()
        .write::<_, ApiError>(move |conn| Ok(people::touch_token(conn, id, minute)?))
        .await;
    if let Err(error) = noted {
        tracing::warn!(%id, error = %error.error, "the use of a token was not noted");
    }
}
