//! Replacements for functions of the standard library that a script could use to hang or abort
//! the process, and what the standard library lacks.
//!
//! The list follows an audit of Rhai 1.27; `tests/data/native_signatures.txt` holds what was
//! audited, and a test compares.
#![expect(
    unreachable_pub,
    reason = "export_module registers only functions that are `pub`"
)]

mod blobs;
mod callbacks;
mod equal;
mod lists;
mod render;
mod sort;
mod text;

use std::time::Duration;

use rhai::plugin::{
    Dynamic, EvalAltResult, ImmutableString, Module, Position, RhaiResult, export_module,
};
use rhai::{Map, combine_with_exported_module};
use shared::limits::fixed;

use crate::sandbox::context;
use crate::sdk::json;

pub(crate) use render::shown;

pub(crate) type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// An error a script can catch.
pub(crate) fn wrong(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE).into()
}

/// Charges the work of looking at `bytes`.
pub(crate) fn charge_bytes(bytes: usize) -> Result<()> {
    context::charge(bytes as u64 / 64)
}

/// Room for a text of `bytes`, or an error.
pub(crate) fn room_for_text(bytes: u64) -> Result<()> {
    if bytes > fixed::STRING_BYTES as u64 {
        return Err(wrong(format!(
            "the text would be {bytes} bytes long; the limit is 1 MiB"
        )));
    }
    context::reserve(bytes)?;
    context::charge(bytes / 64)
}

/// Room for an array of `count` values, or an error.
pub(crate) fn room_for_items(count: u64) -> Result<()> {
    context::reserve(count.saturating_mul(size_of::<Dynamic>() as u64))?;
    context::charge(count / 16)
}

/// Sleeps a number of seconds a script gave.
pub(crate) fn sleep_seconds(seconds: f64) -> Result<()> {
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(wrong(
            "sleep needs a number of seconds that is not negative",
        ));
    }
    context::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Adds the replacements; what is there already is replaced.
pub(crate) fn add_to(m: &mut Module) {
    combine_with_exported_module!(m, "language", language);
    combine_with_exported_module!(m, "text", text::functions);
    combine_with_exported_module!(m, "lists", lists::functions);
    combine_with_exported_module!(m, "callbacks", callbacks::functions);
    combine_with_exported_module!(m, "sort", sort::functions);
    combine_with_exported_module!(m, "blobs", blobs::functions);
    combine_with_exported_module!(m, "equal", equal::functions);
    combine_with_exported_module!(m, "render", render::functions);
}

#[export_module]
mod language {
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
