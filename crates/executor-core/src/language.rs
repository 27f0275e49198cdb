//! Rhai, made safe to give to strangers: engines, programs, values as JSON, errors with their place.

pub(crate) mod catch;
pub(crate) mod caught;
pub(crate) mod cells;
pub(crate) mod compile;
pub(crate) mod cost;
pub(crate) mod ended;
pub(crate) mod engine;
pub(crate) mod error;
mod excerpt;
pub(crate) mod functions;
pub(crate) mod hints;
pub(crate) mod json;
pub(crate) mod kinds;
pub(crate) mod known;
mod methods;
#[expect(clippy::unwrap_used, reason = "in what `export_module` generates")]
pub(crate) mod overrides;
pub(crate) mod placed;
pub(crate) mod places;
pub(crate) mod program;
pub(crate) mod report;
mod small;
pub(crate) mod validate;
mod wish;
