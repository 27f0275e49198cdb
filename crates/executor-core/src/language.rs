//! Rhai, made safe to give to strangers: engines, programs, values as JSON, errors with their place.

pub(crate) mod compile;
pub(crate) mod engine;
mod hints;
pub(crate) mod json;
pub(crate) mod modules;
#[expect(clippy::unwrap_used, reason = "in what `export_module` generates")]
pub(crate) mod overrides;
pub(crate) mod report;
pub(crate) mod validate;
