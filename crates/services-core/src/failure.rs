//! What a script's author is told when storage fails. The details are for the operator's log.

use shared::seam::HostError;
use store::StoreError;
use store::effects::EffectError;
use store::kv::KvError;
use store::outbox::OutboxError;

/// The error a script sees for a storage failure of `service`.
pub(crate) fn failure(service: &'static str, error: &StoreError) -> HostError {
    match error {
        StoreError::NulInText => HostError::Invalid(format!("{service}: {error}")),
        StoreError::Unavailable(_) | StoreError::DiskFailed(_) => {
            tracing::warn!(service, %error, "a host call failed");
            HostError::Unavailable(format!(
                "{service}: the database is not available; try again later"
            ))
        }
        StoreError::NoSuchApp
        | StoreError::Constraint(_)
        | StoreError::Column { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Engine(_) => {
            tracing::error!(service, %error, "a host call failed");
            HostError::Internal
        }
    }
}

/// A failed effect as the script's author sees it.
pub(crate) fn effect_failure(service: &'static str, error: &EffectError) -> HostError {
    match error {
        EffectError::Kv(KvError::Conflict(text)) => HostError::Conflict(text.clone()),
        EffectError::Kv(KvError::Store(error))
        | EffectError::Outbox(OutboxError::Store(error))
        | EffectError::Store(error) => failure(service, error),
        EffectError::Outbox(full @ OutboxError::Full) => HostError::Busy(full.to_string()),
        EffectError::Outbox(deep @ OutboxError::TooDeep(_)) => HostError::Invalid(deep.to_string()),
    }
}
