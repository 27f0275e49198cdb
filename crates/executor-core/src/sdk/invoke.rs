//! `invoke`: other scripts of the app, now or later.

use bytes::Bytes;
use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use shared::event::Effect;
use shared::invocation::Usage;
use shared::name::ScriptName;
use shared::service::Invoke;
use shared::service::invoke::{EndsCaller, InvokeCall, InvokeReply, ScriptCall};

use super::ask::ask_for;
use super::messages::{self, Options};
use super::transaction;
use crate::language::error::{Result, host_error, wrong};
use crate::language::json::{Failure, decode_wrapped};
use crate::sandbox::meter::Unmetered;
use crate::sandbox::signal::StopReason;
use crate::sandbox::{callee, context};

/// The value of a JSON text the platform answered with.
pub(super) fn returned(text: &[u8]) -> RhaiResult {
    context::reserve(text.len() as u64)?;
    decode_wrapped(text).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("the answer is damaged: {error}")),
    })
}

fn call_later(script: &str, args: &Dynamic, options: &Options) -> Result<ImmutableString> {
    let script = messages::name::<ScriptName>(script)?;
    let message = messages::message(args, options)?;
    messages::send::<Invoke>(
        message,
        |message| Effect::Invoke(script.clone(), message),
        |message| InvokeCall::Later {
            script: script.clone(),
            message,
        },
        |reply| match reply {
            InvokeReply::Later(id) => Some(*id),
            InvokeReply::Returned { .. } | InvokeReply::Failed { .. } => None,
        },
    )
}

/// Runs a script on what this run has left, which pays for what that used.
fn call_now(script: &ScriptName, args: Unmetered<Bytes>) -> RhaiResult {
    let call = || {
        InvokeCall::Call(Box::new(ScriptCall {
            script: script.clone(),
            args: args.into_inner(),
            allowance: callee::allowance(),
        }))
    };
    let taken = |reply: &mut InvokeReply| match reply {
        InvokeReply::Returned { value, usage } => {
            Some(paid(usage, None).and_then(|()| returned(value)))
        }
        InvokeReply::Failed {
            error,
            usage,
            ends_caller,
        } => Some(paid(usage, *ends_caller).and_then(|()| Err(host_error(error.clone())))),
        InvokeReply::Later(_) => None,
    };
    callee::calling(script, || ask_for::<Invoke, _>(call, taken))
}

fn paid(usage: &Usage, ends: Option<EndsCaller>) -> Result<()> {
    let ends = ends.map(|ends| match ends {
        EndsCaller::Limit(limit) => StopReason::Limit(limit),
        EndsCaller::Cancelled => StopReason::Cancelled,
    });
    Ok(callee::used(usage, ends)?)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Runs another script of the app and waits for it; returns its value. The script gets the
    /// argument as `event.args`.
    #[rhai_fn(return_raw, volatile)]
    pub fn call(script: ImmutableString, args: Dynamic) -> RhaiResult {
        transaction::refuse_inside("invoke::call", "call it before, or use invoke::later")?;
        let script = messages::name::<ScriptName>(&script)?;
        let args = messages::json(&args, "the argument")?;
        call_now(&script, args)
    }

    /// Runs another script of the app after this call; returns the event's id. It is on disk when
    /// the call returns.
    #[rhai_fn(return_raw, volatile)]
    pub fn later(script: ImmutableString, args: Dynamic) -> Result<ImmutableString> {
        call_later(&script, &args, &Options::default())
    }

    /// Runs another script of the app later, with `#{delay, idempotency_key}`.
    #[rhai_fn(name = "later", return_raw, volatile)]
    pub fn later_with(
        script: ImmutableString,
        args: Dynamic,
        options: Map,
    ) -> Result<ImmutableString> {
        let options = messages::options("invoke::later", &options, false)?;
        call_later(&script, &args, &options)
    }
}
