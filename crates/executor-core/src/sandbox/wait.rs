//! What makes a script wait for others: the platform's answer, time, a slow client.

use std::time::Duration;

use bytes::Bytes;
use shared::memory::Held;
use shared::script_error::LimitKind;
use shared::seam::{Caller, HostAnswer};
use shared::service::{HostCall, HostError, HostErrorKind, HostReply};

use super::asks::counted;
use super::context::{current, wait};
use super::meter::unmetered;
use super::signal::{CallFailure, Resumed, ScriptHead, StopReason, Stopped, Yielded};

/// Asks the platform. Waits if it must; counts against the limit of host calls.
///
/// What crosses is the platform's memory, and what the answer holds of the instance's is the caller's to
/// drop with it: make the call and free the answer inside [`unmetered`].
/// Otherwise a script would pay for bytes somebody else frees, and be paid for bytes it did not
/// allocate.
pub(crate) fn host_call(call: HostCall) -> Result<(HostReply, Option<Held>), CallFailure> {
    let context = current();
    if let Err(stopped) = context.budget.count_host_call() {
        unmetered(|| drop(call));
        return Err(stopped.into());
    }
    let caller = Caller {
        app: context.invocation.app.id,
        execution: context.invocation.execution,
        cause: context.invocation.cause,
        memory: context.budget.memory_left(),
        cpu: context.budget.cpu_left(),
        order: context.invocation.order(),
    };
    let service = call.service();
    let mut held = None;
    let answer = match unmetered(|| context.services.host.call(caller, call)) {
        HostAnswer::Ready(answer) => answer,
        HostAnswer::Pending(future) => match wait(Yielded::Host(future))? {
            Resumed::Host(answered) => {
                // The next operation sees it, and so does the record of a run without one.
                context.budget.count_elsewhere(answered.spent);
                held = answered.held;
                answered.answer
            }
            Resumed::Go | Resumed::Stop(_) => Err(unmetered(|| HostError::internal(service))),
        },
    };
    context.forget_now();
    context.budget.look_soon();
    answer.map(|reply| (reply, held)).map_err(|error| {
        let ends = match error.kind {
            HostErrorKind::Memory => Some(StopReason::Limit(LimitKind::Memory)),
            HostErrorKind::NoRoom => Some(StopReason::NoRoom),
            _ => None,
        };
        if let Some(reason) = ends {
            unmetered(|| drop(error));
            return context.budget.stop(reason).into();
        }
        // The script frees what it catches, so it has to own it.
        let own = error.clone();
        unmetered(|| drop(error));
        CallFailure::Failed(own)
    })
}

/// Sleeps. Sleeping past the wall limit ends the run at the limit.
pub(crate) fn sleep(duration: Duration) -> Result<(), Stopped> {
    let context = current();
    context.budget.count_host_call()?;
    wait(Yielded::Sleep(duration))?;
    context.forget_now();
    Ok(())
}

/// Starts a streamed response.
pub(crate) fn stream_begin(head: ScriptHead) -> Result<(), Stopped> {
    wait(Yielded::Head(head))?;
    Ok(())
}

/// Sends a piece of a streamed response; waits while the client is slow. All pieces together
/// count against the response limit. The bytes are the platform's memory: see [`host_call`].
pub(crate) fn stream_chunk(bytes: Bytes) -> Result<(), Stopped> {
    current().budget.count_streamed(bytes.len())?;
    wait(Yielded::Chunk(counted(bytes)?))?;
    Ok(())
}
