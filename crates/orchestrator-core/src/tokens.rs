//! Routes with `auth = "token"`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use shared::api::Scope;
use shared::clock::SharedClock;
use shared::error::{Error, Kind};
use shared::id::AppId;
use store::people::{self, SecretHash, TokenRow};
use store::{Store, StoreError};

/// How long a token is believed without asking the store again: the longest a revoked one works.
const BELIEVED: Duration = Duration::from_secs(1);
/// Tokens remembered; known ones only, so that guessing fills nothing.
const REMEMBERED: usize = 1_024;
/// Longest secret worth hashing.
const SECRET_BYTES: usize = 512;

struct Known {
    token: Arc<TokenRow>,
    since: Instant,
    generation: u64,
}

/// Checks bearer tokens against the store.
pub(crate) struct TokenCheck {
    store: Store,
    clock: SharedClock,
    known: Mutex<HashMap<SecretHash, Known>>,
    /// The catalog's; with every change everything is asked again.
    generation: Arc<AtomicU64>,
}

impl TokenCheck {
    pub(crate) fn new(store: Store, clock: SharedClock, generation: Arc<AtomicU64>) -> Self {
        Self {
            store,
            clock,
            known: Mutex::default(),
            generation,
        }
    }

    /// Whether the header carries a token that may invoke this app.
    pub(crate) async fn check(
        &self,
        app: AppId,
        header: Option<&HeaderValue>,
    ) -> Result<(), Error> {
        let secret = header
            .and_then(bearer)
            .ok_or_else(|| refused("send an API token: Authorization: Bearer pic_…"))?;
        let hash: SecretHash = Sha256::digest(secret.as_bytes()).into();
        let token = match self.remembered(&hash) {
            Some(token) => token,
            None => self.look_up(hash).await?,
        };
        if token.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(refused("the token has ended; make another one"));
        }
        if may_invoke(app, &token) {
            return Ok(());
        }
        let detail = "the token belongs to another app, or lacks the scope `invoke`";
        Err(Error::new(Kind::Forbidden, "scope_required", detail))
    }

    fn remembered(&self, hash: &SecretHash) -> Option<Arc<TokenRow>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(hash)?;
        let fresh = entry.since.elapsed() < BELIEVED
            && entry.generation == self.generation.load(Ordering::Acquire);
        fresh.then(|| Arc::clone(&entry.token))
    }

    async fn look_up(&self, hash: SecretHash) -> Result<Arc<TokenRow>, Error> {
        let generation = self.generation.load(Ordering::Acquire);
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
        let token = Arc::new(token.ok_or_else(|| refused("the token is not known"))?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let entry = Known {
            token: Arc::clone(&token),
            since: Instant::now(),
            generation,
        };
        known.insert(hash, entry);
        Ok(token)
    }
}

fn may_invoke(app: AppId, token: &TokenRow) -> bool {
    let scopes: Vec<Scope> = serde_json::from_str(&token.scopes).unwrap_or_default();
    let invokes = |scope: &Scope| matches!(scope, Scope::Invoke | Scope::Admin);
    token.app.is_none_or(|bound| bound == app) && scopes.iter().any(invokes)
}

fn refused(detail: &'static str) -> Error {
    Error::new(Kind::Unauthenticated, "token_required", detail)
}

/// The secret in `Bearer …`; the scheme's case does not matter (RFC 9110).
fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, secret) = header.to_str().ok()?.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty() && secret.len() <= SECRET_BYTES)
        .then_some(secret)
}
