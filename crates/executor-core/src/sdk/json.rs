//! `json`: text to value and back.

use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use shared::limits::fixed::{BODY_BYTES, STRING_BYTES};

use crate::language::error::{Result, wrong};
use crate::language::json::{
    EncodeError, Failure, decode_metered, encode_map_metered, encode_metered,
};

/// The value of a JSON text; a wrong text is an error a script can catch.
pub(crate) fn parse(text: &[u8]) -> RhaiResult {
    if text.len() > BODY_BYTES {
        return Err(wrong("the JSON text is larger than 6 MiB"));
    }
    decode_metered(text).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("not valid JSON: {error}")),
    })
}

fn text_of(encoded: std::result::Result<Vec<u8>, Failure<EncodeError>>) -> Result<ImmutableString> {
    let bytes = encoded.map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(error.to_string()),
    })?;
    String::from_utf8(bytes)
        .map(ImmutableString::from)
        .map_err(|_never| wrong("the JSON text is not UTF-8"))
}

/// The JSON text of a value.
pub(crate) fn stringify(value: &Dynamic) -> Result<ImmutableString> {
    text_of(encode_metered(value, false, STRING_BYTES as u64))
}

/// The JSON text of a map.
pub(crate) fn stringify_map(map: &Map) -> Result<ImmutableString> {
    text_of(encode_map_metered(map, STRING_BYTES as u64))
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The value of a JSON text.
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_text(text: ImmutableString) -> RhaiResult {
        parse(text.as_bytes())
    }

    /// The value of a JSON text in a blob.
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_blob(blob: rhai::Blob) -> RhaiResult {
        parse(&blob)
    }

    /// The JSON text of a value, keys in order.
    #[rhai_fn(name = "stringify", return_raw)]
    pub fn stringify_value(value: Dynamic) -> Result<ImmutableString> {
        stringify(&value)
    }

    /// The same with line breaks and indentation.
    #[rhai_fn(return_raw)]
    pub fn pretty(value: Dynamic) -> Result<ImmutableString> {
        text_of(encode_metered(&value, true, STRING_BYTES as u64))
    }
}
