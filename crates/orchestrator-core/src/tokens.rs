//! Routes with `auth = "token"`.

use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use shared::api::Scope;
use shared::clock::SharedClock;
use shared::error::{Error, Kind};
use shared::id::AppId;
use store::people::{self, TokenRow};
use store::{Store, StoreError};

/// Checks bearer tokens against the store.
#[derive(Debug)]
pub(crate) struct TokenCheck {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
}

impl TokenCheck {
    /// Whether the header carries a token that may invoke this app.
    pub(crate) async fn check(
        &self,
        app: AppId,
        header: Option<&HeaderValue>,
    ) -> Result<(), Error> {
        let refused = |detail| Error::new(Kind::Unauthenticated, "token_required", detail);
        let secret = header
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or_else(|| refused("send an API token: Authorization: Bearer pic_…"))?;
        let hash: [u8; 32] = Sha256::digest(secret.trim().as_bytes()).into();
        let here = self
            .store
            .read_inline::<_, StoreError>(|c| people::token_by_secret(c, &hash));
        let found = match here {
            Some(found) => found,
            None => {
                self.store
                    .read(move |conn| people::token_by_secret(conn, &hash))
                    .await
            }
        };
        let token = found.map_err(|error| {
            tracing::error!(%error, "a token could not be looked up");
            Error::new(
                Kind::Unavailable,
                "database_away",
                "the database is away; try again",
            )
        })?;
        let token = token.ok_or_else(|| refused("the token is not known"))?;
        if self.may_invoke(app, &token) {
            Ok(())
        } else {
            Err(refused(
                "the token has ended, belongs to another app, or lacks the invoke scope",
            ))
        }
    }

    fn may_invoke(&self, app: AppId, token: &TokenRow) -> bool {
        let scopes: Vec<Scope> = serde_json::from_str(&token.scopes).unwrap_or_default();
        let now = self.clock.now();
        token.expires_at.is_none_or(|end| end > now)
            && token.app.is_none_or(|bound| bound == app)
            && scopes
                .iter()
                .any(|scope| matches!(scope, Scope::Invoke | Scope::Admin))
    }
}
