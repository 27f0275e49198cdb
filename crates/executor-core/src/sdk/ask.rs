//! Asking the platform, once for all services: accounting, suspension, budget and errors.

use shared::service::{HostError, HostErrorKind, Service, ServiceKind};

use crate::language::error::{Result, host_error};
use crate::sandbox::meter::{Unmetered, unmetered};
use crate::sandbox::wait;

/// Asks a service and waits for its answer. What crosses is the platform's memory, on both ways:
/// otherwise a script would pay for bytes somebody else frees, and be paid for bytes it did not
/// allocate.
pub(super) fn ask<S: Service>(call: impl FnOnce() -> S::Call) -> Result<Unmetered<S::Reply>> {
    let call = unmetered(|| S::wrap(call()));
    let reply = wait::host_call(call)?;
    let reply = Unmetered::new(unmetered(|| S::unwrap(reply)));
    if reply.is_none() {
        return Err(misunderstood(S::KIND));
    }
    Ok(reply.map(|reply| reply.expect("it was asked whether there is one")))
}

/// Asks a service, and takes what it was asked for out of the answer; `take` gives nothing for the
/// answer to another question.
pub(super) fn ask_for<S: Service, R>(
    call: impl FnOnce() -> S::Call,
    take: impl FnOnce(&mut S::Reply) -> Option<Result<R>>,
) -> Result<R> {
    answered::<S, R>(ask::<S>(call)?, take)
}

/// Takes what was asked for out of an answer.
pub(super) fn answered<S: Service, R>(
    mut reply: Unmetered<S::Reply>,
    take: impl FnOnce(&mut S::Reply) -> Option<Result<R>>,
) -> Result<R> {
    take(&mut reply).unwrap_or_else(|| Err(misunderstood(S::KIND)))
}

/// An answer to another question: a defect of the platform.
pub(super) fn misunderstood(service: ServiceKind) -> Box<rhai::EvalAltResult> {
    host_error(HostError::new(
        service,
        HostErrorKind::Internal,
        format!("internal error; `{service}` answered another question"),
    ))
}
