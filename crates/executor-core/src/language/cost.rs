//! What natives pay for their work, and what a text or an array may weigh.

use rhai::Dynamic;
use shared::limits::fixed;

use super::error::{Result, wrong};
use crate::sandbox::context;

/// Charges the work of looking at `bytes`.
pub(crate) fn charge_bytes(bytes: usize) -> Result<()> {
    Ok(context::charge(bytes as u64 / 64)?)
}

/// Whether a text may be `bytes` long.
pub(super) fn fits_text(bytes: u64) -> Result<()> {
    if bytes > fixed::STRING_BYTES as u64 {
        return Err(wrong(format!(
            "the text would be {bytes} bytes long; the limit is 1 MiB"
        )));
    }
    Ok(())
}

/// Room for a text of `bytes`, or an error.
pub(crate) fn room_for_text(bytes: u64) -> Result<()> {
    fits_text(bytes)?;
    context::reserve(bytes)?;
    Ok(context::charge(bytes / 64)?)
}

/// Room for an array of `count` values, or an error.
pub(super) fn room_for_items(count: u64) -> Result<()> {
    context::reserve(count.saturating_mul(size_of::<Dynamic>() as u64))?;
    Ok(context::charge(count / 16)?)
}
