//! The owner, sessions, API tokens, the audit log.

use serde::{Deserialize, Serialize};

use crate::id::{TokenId, UserId};
use crate::name::AppSlug;

wire! {
    /// `GET /setup`: whether the instance still has no owner.
    struct SetupState {
        /// True until the owner account exists.
        needed: bool,
    }

    /// `POST /setup`: makes the owner account and signs it in. Works once.
    #[serde(deny_unknown_fields)]
    struct SetupRequest {
        /// The one-time token the server printed at start.
        token: String,
        /// The owner's e-mail address.
        email: String,
        /// At least 10 characters.
        password: String,
    }

    /// `POST /sessions`: signs a person in; the session is an HttpOnly cookie.
    #[serde(deny_unknown_fields)]
    struct SignInRequest {
        /// E-mail address.
        email: String,
        /// Password.
        password: String,
    }

    /// `GET /me`: who is calling.
    struct Me {
        /// The person, or the person who made the token.
        user: UserId,
        /// Their e-mail address.
        email: String,
        /// Their role on the instance.
        role: String,
        /// The token in use, if any.
        token: Option<TokenView>,
    }

    /// `POST /tokens`: makes an API token.
    #[serde(deny_unknown_fields)]
    struct CreateTokenRequest {
        /// What it is for.
        name: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// Only for this app; absent: all apps.
        #[serde(default)]
        app: Option<AppSlug>,
        /// Days until it ends, 1 to 3,650; 90 when absent.
        #[serde(default)]
        expires_in_days: Option<u32>,
    }

    /// The answer to `POST /tokens`: the only time the secret is shown.
    struct CreatedToken {
        /// The token to send as `Authorization: Bearer …`.
        secret: String,
        /// What the instance remembers about it.
        token: TokenView,
    }

    /// A token without its secret.
    struct TokenView {
        /// Its id.
        id: TokenId,
        /// What it is for.
        name: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// Only for this app.
        app: Option<AppSlug>,
        /// When it was made.
        created_at: String,
        /// When it ends; null: never.
        expires_at: Option<String>,
        /// When it was last used, to the minute.
        last_used_at: Option<String>,
    }

    /// An entry of the audit log.
    struct AuditEntry {
        /// When.
        at: String,
        /// Who.
        actor: String,
        /// `session`, `token` or `local`.
        via: String,
        /// The operation, like `apps.create`.
        action: String,
        /// What it was done to.
        target: String,
    }
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything but values of environment variables.
    Read,
    /// Deploy, roll back, change apps' settings and environment, and everything `read` may.
    Deploy,
    /// Call routes with `auth = "token"` and invoke scripts directly.
    Invoke,
    /// Everything the person who made it may do, tokens included.
    Admin,
}
