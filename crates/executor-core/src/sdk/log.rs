//! `log`: lines for the script's owner.

use rhai::Map;
use rhai::plugin::{Dynamic, export_module};
use shared::invocation::LogLevel;

use super::shown::shown;
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{Failure, encode_map_metered};
use crate::sandbox::context;
use crate::sandbox::meter::unmetered;

/// Bytes of one line's fields.
const FIELDS: u64 = 16 << 10;

fn line(level: LogLevel, message: &Dynamic) -> Result<()> {
    let message = shown(message)?;
    charge_bytes(message.len())?;
    context::log(level, &message, None);
    Ok(())
}

fn line_with(level: LogLevel, message: &Dynamic, fields: &Map) -> Result<()> {
    let message = shown(message)?;
    charge_bytes(message.len())?;
    let fields = encode_map_metered(fields, FIELDS).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("the fields of a log line: {error}")),
    })?;
    // The line outlives the run, so it is not the run's memory.
    let fields = unmetered(|| String::from_utf8_lossy(&fields).into_owned());
    context::log(level, &message, Some(fields));
    Ok(())
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Logs for following single steps.
    #[rhai_fn(return_raw, volatile)]
    pub fn trace(message: Dynamic) -> Result<()> {
        line(LogLevel::Trace, &message)
    }

    /// Logs for following single steps, with fields.
    #[rhai_fn(name = "trace", return_raw, volatile)]
    pub fn trace_with(message: Dynamic, fields: Map) -> Result<()> {
        line_with(LogLevel::Trace, &message, &fields)
    }

    /// Logs for finding defects.
    #[rhai_fn(return_raw, volatile)]
    pub fn debug(message: Dynamic) -> Result<()> {
        line(LogLevel::Debug, &message)
    }

    /// Logs for finding defects, with fields.
    #[rhai_fn(name = "debug", return_raw, volatile)]
    pub fn debug_with(message: Dynamic, fields: Map) -> Result<()> {
        line_with(LogLevel::Debug, &message, &fields)
    }

    /// Logs what is worth knowing.
    #[rhai_fn(return_raw, volatile)]
    pub fn info(message: Dynamic) -> Result<()> {
        line(LogLevel::Info, &message)
    }

    /// Logs what is worth knowing, with fields.
    #[rhai_fn(name = "info", return_raw, volatile)]
    pub fn info_with(message: Dynamic, fields: Map) -> Result<()> {
        line_with(LogLevel::Info, &message, &fields)
    }

    /// Logs what is worth a look.
    #[rhai_fn(return_raw, volatile)]
    pub fn warn(message: Dynamic) -> Result<()> {
        line(LogLevel::Warn, &message)
    }

    /// Logs what is worth a look, with fields.
    #[rhai_fn(name = "warn", return_raw, volatile)]
    pub fn warn_with(message: Dynamic, fields: Map) -> Result<()> {
        line_with(LogLevel::Warn, &message, &fields)
    }

    /// Logs a failure.
    #[rhai_fn(return_raw, volatile)]
    pub fn error(message: Dynamic) -> Result<()> {
        line(LogLevel::Error, &message)
    }

    /// Logs a failure, with fields.
    #[rhai_fn(name = "error", return_raw, volatile)]
    pub fn error_with(message: Dynamic, fields: Map) -> Result<()> {
        line_with(LogLevel::Error, &message, &fields)
    }
}
