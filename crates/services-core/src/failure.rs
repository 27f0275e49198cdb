//! What a script's author is told when storage fails. The details are for the operator's log.

use shared::service::{HostError, HostErrorKind, ServiceKind};
use store::StoreError;
use store::effects::EffectError;
use store::kv::KvError;
use store::outbox::OutboxError;

/// A failure below a service.
pub(crate) trait Failed {
    /// The error a script sees for it.
    fn as_host_error(&self, service: ServiceKind) -> HostError;
}

impl Failed for StoreError {
    fn as_host_error(&self, service: ServiceKind) -> HostError {
        match self {
            Self::NulInText => {
                let text = format!("{service}: {self}");
                HostError::new(service, HostErrorKind::Invalid, text)
            }
            Self::StorageFull => {
                let text = format!(
                    "{service}: the app keeps as much as it may; delete something, or let the \
                     server's owner raise its storage limit"
                );
                HostError::new(service, HostErrorKind::Full, text)
            }
            Self::DiskFull(_) => {
                tracing::warn!(%service, error = %self, "a host call failed");
                let text = format!(
                    "{service}: the server's disk is nearly full, and only what deletes is done; \
                     try again later"
                );
                HostError::new(service, HostErrorKind::Full, text)
            }
            Self::NoRoom => HostError::over_memory(service),
            Self::NoMemory => HostError::no_room(service),
            Self::OutOfTime => {
                let text = format!("{service}: the run's processor time is used up");
                HostError::new(service, HostErrorKind::Limit, text)
            }
            Self::Unavailable(_) | Self::DiskFailed(_) => {
                tracing::warn!(%service, error = %self, "a host call failed");
                let text = format!("{service}: the database is not available; try again later");
                HostError::new(service, HostErrorKind::Unavailable, text)
            }
            Self::NoSuchApp | Self::OwnerGone(_) => {
                tracing::info!(%service, "a host call of an app that was deleted meanwhile");
                let text = format!("{service}: the app was deleted");
                HostError::new(service, HostErrorKind::NotFound, text)
            }
            Self::Constraint(_)
            | Self::Column { .. }
            | Self::NoColumn { .. }
            | Self::Corrupt { .. }
            | Self::Engine(_) => {
                tracing::error!(%service, error = %self, "a host call failed");
                HostError::internal(service)
            }
        }
    }
}

impl Failed for KvError {
    fn as_host_error(&self, service: ServiceKind) -> HostError {
        match self {
            Self::Key(error) => HostError::new(service, HostErrorKind::Invalid, error.to_string()),
            Self::Unfit(unfit) => unfit.as_host_error(service),
            Self::Store(error) => error.as_host_error(service),
        }
    }
}

impl Failed for EffectError {
    fn as_host_error(&self, service: ServiceKind) -> HostError {
        let kind = match self {
            Self::Kv(error) => return error.as_host_error(service),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => {
                return error.as_host_error(service);
            }
            Self::Outbox(OutboxError::Full) => HostErrorKind::Busy,
            Self::Outbox(OutboxError::TooDeep(_)) => HostErrorKind::Limit,
            Self::Outbox(OutboxError::NoScript(_)) => HostErrorKind::NotFound,
        };
        HostError::new(service, kind, self.to_string())
    }
}
