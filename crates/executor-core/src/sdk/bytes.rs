//! Values that are bytes: texts and blobs.

use rhai::{Blob, Dynamic, ImmutableString};

use crate::language::caught::Caught;
use crate::language::error::{Result, wrong};
use crate::language::kinds::kind_of;

/// Runs `work` on the bytes of a text or a blob.
pub(super) fn with_bytes<R>(
    value: &Dynamic,
    what: &str,
    work: impl FnOnce(&[u8]) -> R,
) -> Result<R> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(work(text.as_bytes()));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok(work(&blob));
    }
    if let Some(caught) = value.read_lock::<Caught>() {
        return Ok(work(caught.message().as_bytes()));
    }
    Err(wrong(format!(
        "{what} takes a text or a blob, not {}",
        kind_of(value)
    )))
}

/// How long a text or a blob is; 0 for anything else.
pub(super) fn byte_length(value: &Dynamic) -> usize {
    with_bytes(value, "", <[u8]>::len).unwrap_or(0)
}
