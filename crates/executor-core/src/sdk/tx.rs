//! `tx`: reads, writes and messages that happen together or not at all.

use std::time::Duration;

use rhai::FnPtr;
use rhai::plugin::{Dynamic, NativeCallContext, RhaiResult, export_module};
use shared::service::{HostError, HostErrorKind, ServiceKind};

use super::retry::can_be_caught;
use super::transaction;
use crate::language::ended::exits;
use crate::language::error::{Result, host_error};
use crate::sandbox::wait;

/// How often a transaction is tried.
const ATTEMPTS: u32 = 5;
/// Longest pause after the first conflict; it doubles with each. Of those that want the same key
/// only one succeeds at a time, so they must not come back together.
const PAUSE: Duration = Duration::from_millis(4);

/// Runs the function once; how it ended. `None`: what it read has changed meanwhile, and nothing was
/// done. `exit` in it ends the function well, and then the run.
fn attempt(call: &NativeCallContext<'_>, work: &FnPtr) -> Result<Option<RhaiResult>> {
    let _open = transaction::begin()?;
    let result = work.call_within_context::<Dynamic>(call, ());
    let failure = result.as_ref().err().filter(|error| !exits(error));
    if transaction::is_stale() && failure.is_none_or(|error| can_be_caught(error)) {
        return Ok(None);
    }
    if failure.is_some() {
        return Ok(Some(result));
    }
    Ok(transaction::commit()?.then_some(result))
}

fn pause(tried: u32) -> Duration {
    let longest = PAUSE * (1 << (tried - 1));
    longest.mul_f64(fastrand::f64())
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Runs a function whose reads and writes of `kv` and whose messages (`queue::send`,
    /// `pubsub::publish`, `invoke::later`) happen together or not at all; returns its value.
    ///
    /// Nothing is done before the function ends. Reads see the transaction's own writes. When
    /// something that was read has changed by then, the function runs again, at most 5 times;
    /// what it does besides, like changing captured variables, happens each time. An error ends
    /// it, and nothing was done; `exit` in it ends it well, and the script then.
    #[rhai_fn(return_raw, volatile)]
    pub fn run(call: NativeCallContext<'_>, work: FnPtr) -> RhaiResult {
        for tried in 1..=ATTEMPTS {
            if let Some(ended) = attempt(&call, &work)? {
                return ended;
            }
            if tried < ATTEMPTS {
                wait::sleep(pause(tried))?;
            }
        }
        let text = format!(
            "what the transaction read was changed by others {ATTEMPTS} times in a row; nothing \
             was done. Try again later, or read fewer keys in it"
        );
        let error = HostError::new(ServiceKind::Tx, HostErrorKind::Conflict, text);
        Err(host_error(error))
    }
}
