//! What a script's author is told when storage fails. The details are for the operator's log.

use shared::seam::HostError;
use store::StoreError;

/// The error a script sees for a storage failure of `service`.
pub(crate) fn failure(service: &'static str, error: &StoreError) -> HostError {
    match error {
        StoreError::NulInText => HostError::Invalid(format!("{service}: {error}")),
        StoreError::Unavailable(_) => {
            tracing::warn!(service, %error, "a host call failed");
            HostError::Unavailable(format!(
                "{service}: the database is not available; try again later"
            ))
        }
        StoreError::Constraint(_)
        | StoreError::Column { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Engine(_) => {
            tracing::error!(service, %error, "a host call failed");
            HostError::Internal
        }
    }
}
