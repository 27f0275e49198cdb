//! Asking the platform, once for all services: accounting, suspension, budget and errors.

use std::ops::{Deref, DerefMut};

use shared::memory::Held;
use shared::service::{HostError, HostErrorKind, Service, ServiceKind};

use crate::language::error::{Result, host_error};
use crate::sandbox::meter::{Unmetered, unmetered};
use crate::sandbox::wait;

/// An answer of the platform, with what it holds of the instance's memory until it is gone.
pub(super) struct Answer<R> {
    reply: Unmetered<R>,
    held: Unmetered<Option<Held>>,
}

impl<R> Answer<R> {
    /// An answer that holds nothing.
    pub(super) fn own(reply: Unmetered<R>) -> Self {
        Self {
            reply,
            held: Unmetered::new(None),
        }
    }

    /// What was taken out of it, in its place.
    pub(super) fn with<U>(self, reply: Unmetered<U>) -> Answer<U> {
        Answer {
            reply,
            held: self.held,
        }
    }

    /// Another answer made from this one.
    pub(super) fn map<U>(self, work: impl FnOnce(R) -> U) -> Answer<U> {
        let reply = self.reply.map(work);
        Answer {
            reply,
            held: self.held,
        }
    }
}

impl<R> Deref for Answer<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.reply
    }
}

impl<R> DerefMut for Answer<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.reply
    }
}

/// Asks a service and waits for its answer. What crosses is the platform's memory, on both ways:
/// otherwise a script would pay for bytes somebody else frees, and be paid for bytes it did not
/// allocate.
pub(super) fn ask<S: Service>(call: impl FnOnce() -> S::Call) -> Result<Answer<S::Reply>> {
    let call = unmetered(|| S::wrap(call()));
    let (reply, held) = wait::host_call(call)?;
    let held = Unmetered::new(held);
    let reply = Unmetered::new(unmetered(|| S::unwrap(reply)));
    if reply.is_none() {
        return Err(misunderstood(S::KIND));
    }
    Ok(Answer {
        reply: reply.map(|reply| reply.expect("it was asked whether there is one")),
        held,
    })
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
    mut reply: Answer<S::Reply>,
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
