//! Passwords: Argon2id at OWASP's parameters, few at a time.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::{ApiError, ApiResult};
use crate::throttle::Caller;
use crate::turns::Turns;

/// Fewest characters of a new password.
const MIN_CHARS: usize = 10;
/// Most bytes of a password.
const MAX_BYTES: usize = 1_024;

/// Hashes and verifies passwords.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    turns: Turns,
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Option<String> {
    let hash = argon2().hash_password(password.as_bytes());
    hash.ok().map(|hash| hash.to_string())
}

/// A hash of nothing, so that an unknown address takes as long as a wrong password.
fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| hash_now("nobody has this password").unwrap_or_default())
}

impl Passwords {
    /// Checks the rule for new passwords.
    pub(crate) fn check_new(password: &str, email: &str) -> ApiResult<()> {
        if password.chars().count() < MIN_CHARS {
            let detail = format!("the password has fewer than {MIN_CHARS} characters");
            return Err(ApiError::invalid(detail));
        }
        if password.len() > MAX_BYTES {
            let detail = format!("the password is longer than {MAX_BYTES} bytes");
            return Err(ApiError::invalid(detail));
        }
        if password.eq_ignore_ascii_case(email) {
            return Err(ApiError::invalid("the password is the e-mail address"));
        }
        Ok(())
    }

    /// The hash of a password, in PHC format.
    pub(crate) async fn hash(&self, password: String, caller: Caller) -> ApiResult<String> {
        let hash = self.turn(caller, move || hash_now(&password)).await?;
        hash.ok_or_else(ApiError::internal)
    }

    /// Whether a password fits a hash; `false` after the same time when there is no hash.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
        caller: Caller,
    ) -> ApiResult<bool> {
        if password.len() > MAX_BYTES {
            return Ok(false);
        }
        self.turn(caller, move || {
            let known = hash.is_some();
            let text = hash.unwrap_or_else(|| nobody().to_owned());
            let fits = PasswordHash::new(&text)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
            known && fits
        })
        .await
    }

    async fn turn<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> ApiResult<T> {
        let turn = self.turns.take(caller.lane, caller.network).await?;
        // The turn goes along: a caller who gives up does not free the processor.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            ApiError::internal()
        })
    }
}
