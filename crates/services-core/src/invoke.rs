//! `invoke`: scripts that run later. The ones that run now are the orchestrator's, which knows
//! them; it checks their argument here.
//!
//! Store: `outbox.rs`.
//! API: `runs::invoke`.

use shared::event::Destination;
use shared::seam::HostAnswer;
use shared::service::invoke::{InvokeCall, InvokeReply};
use shared::service::{HostError, HostErrorKind, Invoke, ServiceKind};

use crate::asked::{Asked, later, ready};
use crate::message;

const SELF: ServiceKind = ServiceKind::Invoke;

/// Answers a call.
pub(crate) fn call(asked: Asked, call: InvokeCall) -> HostAnswer {
    match call {
        InvokeCall::Call(call) => {
            let checked = message::check_json(SELF, "the argument", &call.args);
            ready::<Invoke>(checked.and(Err(HostError::new(
                SELF,
                HostErrorKind::Unavailable,
                "scripts cannot be called from here",
            ))))
        }
        InvokeCall::Later { script, message } => {
            if let Err(error) = message::check(SELF, &message) {
                return ready::<Invoke>(Err(error));
            }
            later::<Invoke, _>(asked, move |asked| async move {
                let events = asked
                    .send::<Invoke>(Destination::Script(script), vec![message])
                    .await?;
                let event = events.first().copied();
                event
                    .map(InvokeReply::Later)
                    .ok_or_else(|| HostError::internal(SELF))
            })
        }
    }
}
