//! `retry`: once more after an error.

use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, RhaiResult, export_module};
use rhai::{EvalAltResult, FnPtr, Map};

use super::time;
use super::transaction;
use crate::language::error::{Result, wrong};
use crate::sandbox::context::stop_reason;
use crate::sandbox::wait;

/// Most attempts.
const MOST: i64 = 100;

struct Plan {
    attempts: i64,
    backoff: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Duration::from_millis(100),
        }
    }
}

fn plan(options: &Map) -> Result<Plan> {
    let mut plan = Plan::default();
    for (name, value) in options {
        match name.as_str() {
            "attempts" => {
                let given = value.as_int().ok().filter(|n| (1..=MOST).contains(n));
                plan.attempts =
                    given.ok_or_else(|| wrong(format!("attempts is from 1 to {MOST}")))?;
            }
            "backoff" => plan.backoff = time::duration(value, "backoff")?,
            other => {
                return Err(wrong(format!(
                    "retry::run has no option `{other}`; there are attempts and backoff"
                )));
            }
        }
    }
    Ok(plan)
}

/// Whether a script could catch an error: the end of a run is none.
pub(super) fn can_be_caught(error: &EvalAltResult) -> bool {
    stop_reason().is_none() && error.unwrap_inner().is_catchable()
}

fn repeat(context: &NativeCallContext<'_>, plan: &Plan, work: &FnPtr) -> RhaiResult {
    transaction::refuse_inside(
        "retry::run",
        "what failed would be half done in it; write retry::run(|| tx::run(|| …))",
    )?;
    let mut pause = plan.backoff;
    for _ in 1..plan.attempts {
        match work.call_within_context::<Dynamic>(context, ()) {
            Err(error) if can_be_caught(&error) => drop(error),
            ended => return ended,
        }
        wait::sleep(pause)?;
        pause = pause.saturating_mul(2);
    }
    work.call_within_context(context, ())
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Runs a function until it ends without an error, at most 3 times, with a pause of 100 ms,
    /// then 200 ms; returns its value, or throws the last error.
    #[rhai_fn(return_raw, volatile)]
    pub fn run(context: NativeCallContext<'_>, work: FnPtr) -> RhaiResult {
        repeat(&context, &Plan::default(), &work)
    }

    /// The same with `#{attempts, backoff}`: at most so many times, 1 to 100; the first pause,
    /// seconds or a text like `250ms`, which doubles each time.
    #[rhai_fn(name = "run", return_raw, volatile)]
    pub fn run_with(context: NativeCallContext<'_>, options: Map, work: FnPtr) -> RhaiResult {
        repeat(&context, &plan(&options)?, &work)
    }
}
