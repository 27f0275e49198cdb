//! What natives pay for their work, and what a text or an array may weigh.

use rhai::Dynamic;
use shared::limits::fixed;

use super::error::{Result, wrong};
use crate::sandbox::context;

/// Bytes that one operation moves or looks at.
pub(super) const BYTES: u64 = 64;
/// Values that one operation moves.
pub(super) const VALUES: u64 = 16;
/// Entries of a map that one operation copies.
const ENTRIES: u64 = 4;

/// Charges operations; little values cost none besides the call, which the engine counts.
fn charge(operations: u64) -> Result<()> {
    if operations > 0 {
        context::charge(operations)?;
    }
    Ok(())
}

/// Charges the work of looking at `bytes`.
pub(crate) fn charge_bytes(bytes: usize) -> Result<()> {
    charge(bytes as u64 / BYTES)
}

/// Charges the work of moving `count` values.
pub(super) fn charge_values(count: usize) -> Result<()> {
    charge(count as u64 / VALUES)
}

/// Charges the work of copying `count` entries of a map.
pub(super) fn charge_entries(count: usize) -> Result<()> {
    charge(count as u64 / ENTRIES)
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
    charge(bytes / BYTES)
}

/// Room for an array of `count` values, or an error.
pub(super) fn room_for_items(count: u64) -> Result<()> {
    context::reserve(count.saturating_mul(size_of::<Dynamic>() as u64))?;
    charge(count / VALUES)
}
