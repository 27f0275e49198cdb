//! Blobs: their length is checked before it is allocated.

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Blob};

use crate::language::cost::{charge_bytes, room_for_items};
use crate::language::error::Result;
use crate::sandbox::context;

fn room(length: i64) -> Result<usize> {
    let length = length.max(0) as u64;
    context::reserve(length)?;
    context::charge(length / 64)?;
    Ok(length as usize)
}

#[export_module]
pub(super) mod functions {
    /// A blob of `length` zero bytes.
    #[rhai_fn(return_raw)]
    pub fn blob(length: i64) -> Result<Blob> {
        Ok(vec![0; room(length)?])
    }

    /// A blob of `length` bytes `value`.
    #[rhai_fn(name = "blob", return_raw)]
    pub fn blob_of(length: i64, value: i64) -> Result<Blob> {
        Ok(vec![value as u8; room(length)?])
    }

    /// Makes the blob `length` bytes long by adding `value`.
    #[rhai_fn(return_raw)]
    pub fn pad(blob: &mut Blob, length: i64, value: i64) -> Result<()> {
        if length.max(0) as u64 > blob.len() as u64 {
            let length = room(length)?;
            blob.resize(length, value as u8);
        }
        Ok(())
    }

    /// The bytes as numbers.
    #[rhai_fn(return_raw, pure)]
    pub fn to_array(blob: &mut Blob) -> Result<Array> {
        room_for_items(blob.len() as u64)?;
        Ok(blob
            .iter()
            .map(|byte| Dynamic::from_int(i64::from(*byte)))
            .collect())
    }

    /// The text in the blob; what is not UTF-8 becomes the replacement character.
    #[rhai_fn(return_raw, pure)]
    pub fn as_string(blob: &mut Blob) -> Result<ImmutableString> {
        // An invalid byte becomes three.
        context::reserve((blob.len() as u64).saturating_mul(3))?;
        charge_bytes(blob.len())?;
        Ok(String::from_utf8_lossy(blob).into_owned().into())
    }
}
