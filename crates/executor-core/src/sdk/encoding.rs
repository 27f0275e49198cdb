//! `base64` and `hex`: bytes as text.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD,
};
use rhai::Blob;
use rhai::plugin::{Dynamic, ImmutableString, export_module};

use super::bytes::{byte_length, with_bytes};
use crate::language::cost::{charge_bytes, room_for_text};
use crate::language::error::{Result, wrong};
use crate::sandbox::context;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Reads the usual alphabet with or without `=` at the end.
const READ: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
/// Reads the alphabet of URLs with or without `=` at the end.
const READ_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

fn encoded(value: &Dynamic, what: &str, with: &GeneralPurpose) -> Result<ImmutableString> {
    room_for_text(byte_length(value) as u64 / 3 * 4 + 4)?;
    with_bytes(value, what, |bytes| with.encode(bytes).into())
}

fn decoded(text: &str, with: &GeneralPurpose) -> Result<Blob> {
    context::reserve(text.len() as u64)?;
    charge_bytes(text.len())?;
    with.decode(text)
        .map_err(|error| wrong(format!("not valid base64: {error}")))
}

/// The bytes of a base64 text.
pub(super) fn of_base64(text: &str) -> Result<Blob> {
    decoded(text, &READ)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod base64_functions {
    /// A text's or blob's bytes as base64.
    #[rhai_fn(return_raw)]
    pub fn encode(value: Dynamic) -> Result<ImmutableString> {
        encoded(&value, "base64::encode", &STANDARD)
    }

    /// The same in the alphabet of URLs, without `=`.
    #[rhai_fn(return_raw)]
    pub fn encode_url(value: Dynamic) -> Result<ImmutableString> {
        encoded(&value, "base64::encode_url", &URL_SAFE_NO_PAD)
    }

    /// The bytes of a base64 text.
    #[rhai_fn(return_raw)]
    pub fn decode(text: ImmutableString) -> Result<Blob> {
        of_base64(&text)
    }

    /// The bytes of a base64 text in the alphabet of URLs.
    #[rhai_fn(return_raw)]
    pub fn decode_url(text: ImmutableString) -> Result<Blob> {
        decoded(&text, &READ_URL)
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod hex_functions {
    /// A text's or blob's bytes in hexadecimal.
    #[rhai_fn(return_raw)]
    pub fn encode(value: Dynamic) -> Result<ImmutableString> {
        room_for_text(byte_length(&value) as u64 * 2)?;
        with_bytes(&value, "hex::encode", |bytes| hex::encode(bytes).into())
    }

    /// The bytes of a hexadecimal text.
    #[rhai_fn(return_raw)]
    pub fn decode(text: ImmutableString) -> Result<Blob> {
        context::reserve(text.len() as u64)?;
        charge_bytes(text.len())?;
        hex::decode(text.as_str()).map_err(|_not_hex| {
            wrong("not valid hexadecimal: it takes an even number of the digits 0-9 and a-f")
        })
    }
}
