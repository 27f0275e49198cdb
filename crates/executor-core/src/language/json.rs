//! JSON between bytes and script values.
//!
//! Nesting is bounded, duplicate keys keep the last value, whole numbers that do not fit 64 bits
//! become floats unless their digits are asked for, functions and other things that are not data are
//! refused with the path to them.

mod decode;
mod encode;

use rhai::{Dynamic, Map};
use shared::limits::fixed::VALUE_DEPTH;

pub(crate) use decode::{JsonError, Large};
use decode::{Rules, decode};
pub(crate) use encode::EncodeError;
use encode::{GoOn, encode, encode_map, encode_pretty};

use crate::sandbox::context;
use crate::sandbox::signal::Stopped;

/// Bytes of JSON that count as one operation.
const BYTES_PER_OPERATION: u64 = 64;
/// Values decoded between two looks at the limits.
const LOOK_EVERY: usize = 256;

/// Why a conversion stopped: the text or value is wrong, or the run is over.
pub(crate) enum Failure<E> {
    /// The input is wrong.
    Wrong(E),
    /// A limit; pass it on.
    Stopped(Stopped),
}

impl<E> From<Stopped> for Failure<E> {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Levels the platform puts around a value: `event.message`, the fields in a list.
const WRAPPING: usize = 8;

/// Decodes within the limits of the running script.
pub(crate) fn decode_metered(bytes: &[u8]) -> Result<Dynamic, Failure<JsonError>> {
    decode_metered_with(bytes, Large::Float)
}

/// The same; says what becomes of large whole numbers.
pub(crate) fn decode_metered_with(
    bytes: &[u8],
    large: Large,
) -> Result<Dynamic, Failure<JsonError>> {
    let deepest = VALUE_DEPTH;
    decode_by(bytes, Rules { deepest, large })
}

/// The same for what the platform wrote around values that scripts could send.
pub(crate) fn decode_wrapped(bytes: &[u8]) -> Result<Dynamic, Failure<JsonError>> {
    let (deepest, large) = (VALUE_DEPTH + WRAPPING, Large::Float);
    decode_by(bytes, Rules { deepest, large })
}

fn decode_by(bytes: &[u8], rules: Rules) -> Result<Dynamic, Failure<JsonError>> {
    context::charge(bytes.len() as u64 / BYTES_PER_OPERATION)?;
    let mut stopped = None;
    let mut seen = 0_usize;
    let result = decode(bytes, rules, &mut || {
        seen += 1;
        if !seen.is_multiple_of(LOOK_EVERY) {
            return true;
        }
        match context::charge(1) {
            Ok(()) => true,
            Err(error) => {
                stopped = Some(error);
                false
            }
        }
    });
    match (result, stopped) {
        (_, Some(error)) => Err(Failure::Stopped(error)),
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(Failure::Wrong(error)),
    }
}

/// Encodes within the limits of the running script; `limit` bytes at most.
pub(crate) fn encode_metered(
    value: &Dynamic,
    pretty: bool,
    limit: u64,
) -> Result<Vec<u8>, Failure<EncodeError>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    charged(|go_on| {
        if pretty {
            encode_pretty(value, limit, go_on)
        } else {
            encode(value, limit, go_on)
        }
    })
}

/// The same for a map.
pub(crate) fn encode_map_metered(map: &Map, limit: u64) -> Result<Vec<u8>, Failure<EncodeError>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    charged(|go_on| encode_map(map, limit, go_on))
}

/// Encodes what outlives the run: the caller pays. `limit` bytes at most.
pub(crate) fn encode_whole(value: &Dynamic, limit: usize) -> Result<Vec<u8>, EncodeError> {
    encode(value, limit, &mut |_written| true)
}

fn charged(
    encode: impl FnOnce(GoOn<'_>) -> Result<Vec<u8>, EncodeError>,
) -> Result<Vec<u8>, Failure<EncodeError>> {
    let mut stopped = None;
    let encoded = encode(&mut |bytes| {
        let charged = context::charge(bytes as u64 / BYTES_PER_OPERATION);
        stopped = charged.err();
        stopped.is_none()
    });
    match stopped {
        Some(stopped) => Err(stopped.into()),
        None => encoded.map_err(Failure::Wrong),
    }
}
