//! Functions without a namespace: what scripts know from the language itself.

use std::time::Duration;

use rhai::Map;
use rhai::plugin::{ImmutableString, RhaiResult, export_module};

use super::json;
use crate::language::error::{Result, wrong};
use crate::sandbox::wait;

/// Sleeps a number of seconds a script gave.
pub(super) fn sleep_seconds(seconds: f64) -> Result<()> {
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(wrong(
            "sleep needs a number of seconds that is not negative",
        ));
    }
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Ok(wait::sleep(duration)?)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Waits a number of seconds; others run meanwhile.
    #[rhai_fn(return_raw, volatile)]
    pub fn sleep(seconds: i64) -> Result<()> {
        sleep_seconds(seconds as f64)
    }

    /// Waits a number of seconds; others run meanwhile.
    #[rhai_fn(name = "sleep", return_raw, volatile)]
    pub fn sleep_float(seconds: f64) -> Result<()> {
        sleep_seconds(seconds)
    }

    /// The value of a JSON text; the same as `json::parse`.
    #[rhai_fn(return_raw)]
    pub fn parse_json(text: ImmutableString) -> RhaiResult {
        json::parse(text.as_bytes())
    }

    /// The JSON text of a map; the same as `json::stringify`.
    #[rhai_fn(return_raw, pure)]
    pub fn to_json(map: &mut Map) -> Result<ImmutableString> {
        json::stringify_map(map)
    }
}
