//! What the owner of a script reads about a run that was made to end.

use shared::limits::Limits;
use shared::script_error::{LimitKind, ScriptError, ScriptErrorKind};

use crate::sandbox::context::Context;
use crate::sandbox::signal::StopReason;

/// The error of a run that was made to end.
pub(super) fn stopped_error(context: &Context, reason: StopReason) -> ScriptError {
    let limit = match reason {
        StopReason::Limit(limit) => limit,
        StopReason::NoRoom => return no_room(context),
        StopReason::Cancelled => return ScriptError::cancelled(),
        StopReason::Defect => return defect(context),
    };
    let grant = context.invocation.grant.as_deref();
    let callers = grant.filter(|_| context.is_callers(limit));
    let mut error = callers
        .and_then(|grant| grant.allowance.used_up(limit))
        .unwrap_or_else(|| own_limit(&context.budget.limits, limit));
    if let Some(callee) = context.callee() {
        error.message = format!(
            "{}. It waited for `{callee}`, whose work counts as its own",
            error.message
        );
    }
    error
}

fn defect(context: &Context) -> ScriptError {
    let said = context.defect().map_or_else(String::new, |it| it.message);
    ScriptError::new(
        ScriptErrorKind::Internal,
        format!(
            "the platform failed here, which is no fault of the script: {said}; the server's log \
             has the details, report it with them"
        ),
    )
}

fn no_room(context: &Context) -> ScriptError {
    let app = &context.invocation.app.slug;
    ScriptError::new(
        ScriptErrorKind::Overloaded,
        format!(
            "the server has no memory left that app `{app}` may have now; try again, let scripts \
             hold less at a time, or raise `memory.budget`"
        ),
    )
}

fn own_limit(limits: &Limits, limit: LimitKind) -> ScriptError {
    ScriptError::new(ScriptErrorKind::Limit(limit), limit_message(limits, limit))
}

fn limit_message(limits: &Limits, limit: LimitKind) -> String {
    let (name, value) = match limit {
        LimitKind::Wall => ("wall", format!("{:?} of elapsed time", limits.wall)),
        LimitKind::Cpu => ("cpu", format!("{:?} of processor time", limits.cpu)),
        LimitKind::Operations => ("operations", format!("{} operations", limits.operations)),
        LimitKind::Memory => ("memory", format!("{} bytes of memory", limits.memory)),
        LimitKind::Response => ("response", format!("{} bytes of response", limits.response)),
        LimitKind::HostCalls => ("host_calls", format!("{} host calls", limits.host_calls)),
        LimitKind::CallDepth => {
            return fixed_limit("48 nested calls", "call functions less deeply");
        }
        LimitKind::StringSize => {
            return fixed_limit("1 MiB in one string", "work on smaller pieces");
        }
        LimitKind::Nesting => {
            return fixed_limit("128 levels of nesting in one value", "use flatter values");
        }
        LimitKind::Source => return fixed_limit("the size of the source", "split the script"),
    };
    format!(
        "the script exceeded its limit of {value}; do less work in one run, or raise \
         `limits.{name}` up to the instance's ceiling"
    )
}

fn fixed_limit(what: &str, advice: &str) -> String {
    format!("the script exceeded the limit of {what}, which is the same for every script; {advice}")
}

#[cfg(test)]
mod tests {
    use shared::limits::fixed;

    #[test]
    fn the_texts_name_the_limits_in_force() {
        assert_eq!(fixed::CALL_DEPTH, 48);
        assert_eq!(fixed::STRING_BYTES, 1 << 20);
        assert_eq!(fixed::VALUE_DEPTH, 128);
    }
}
