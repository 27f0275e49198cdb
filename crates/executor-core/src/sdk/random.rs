//! `random`: unpredictable values from the operating system.

use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use rhai::{Array, Blob};

use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::sandbox::context;

/// Bytes or letters of one call.
const MOST: i64 = 64 << 10;

fn fill(bytes: &mut [u8]) -> Result<()> {
    charge_bytes(bytes.len().saturating_mul(8))?;
    getrandom::fill(bytes).map_err(|_no_source| wrong("the system has no random numbers"))
}

fn number() -> Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A number below `bound`, every one equally likely.
fn below(bound: u64) -> Result<u64> {
    // Numbers of the last, incomplete round would make small results likelier.
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        context::charge(1)?;
        let number = number()?;
        if number < fair {
            return Ok(number % bound);
        }
    }
}

fn length(count: i64) -> Result<usize> {
    if !(0..=MOST).contains(&count) {
        return Err(wrong(format!(
            "the length is from 0 to {MOST}, not {count}"
        )));
    }
    context::reserve(count as u64)?;
    Ok(count as usize)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// A random UUID (version 4).
    #[rhai_fn(return_raw, volatile)]
    pub fn uuid() -> Result<ImmutableString> {
        let mut bytes = [0; 16];
        fill(&mut bytes)?;
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let hex = hex::encode(bytes);
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        Ok(parts.join("-").into())
    }

    /// A whole number from `from` to `to`, both included.
    #[rhai_fn(return_raw, volatile)]
    pub fn int(from: i64, to: i64) -> Result<i64> {
        if from > to {
            return Err(wrong("random::int(from, to): from is larger than to"));
        }
        let span = to.wrapping_sub(from) as u64;
        let more = if span == u64::MAX {
            number()?
        } else {
            below(span + 1)?
        };
        Ok(from.wrapping_add(more as i64))
    }

    /// A float from 0.0 up to, but not including, 1.0.
    #[rhai_fn(return_raw, volatile)]
    pub fn float() -> Result<f64> {
        // As many bits as a float keeps.
        Ok((number()? >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// A text of random letters and digits.
    #[rhai_fn(return_raw, volatile)]
    pub fn string(count: i64) -> Result<ImmutableString> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        // The largest multiple of 62 that fits a byte: others would make some letters likelier.
        const FAIR: u8 = 248;
        let count = length(count)?;
        let mut out = String::with_capacity(count);
        let mut bytes = [0; 64];
        while out.len() < count {
            fill(&mut bytes)?;
            let fair = bytes
                .iter()
                .filter(|byte| **byte < FAIR)
                .take(count - out.len());
            out.extend(fair.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])));
        }
        Ok(out.into())
    }

    /// Random bytes.
    #[rhai_fn(return_raw, volatile)]
    pub fn bytes(count: i64) -> Result<Blob> {
        let mut bytes = vec![0; length(count)?];
        fill(&mut bytes)?;
        Ok(bytes)
    }

    /// One of the values; `()` when there are none.
    #[rhai_fn(return_raw, volatile)]
    pub fn choice(items: Array) -> RhaiResult {
        if items.is_empty() {
            return Ok(Dynamic::UNIT);
        }
        let at = below(items.len() as u64)? as usize;
        Ok(items[at].clone())
    }
}
