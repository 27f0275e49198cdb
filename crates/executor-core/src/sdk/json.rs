//! `json`: text to value and back.

use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use shared::limits::fixed::{BODY_BYTES, STRING_BYTES};

use crate::language::error::{Result, wrong};
use crate::language::json::{
    EncodeError, Failure, Large, decode_metered_with, encode_map_metered, encode_metered,
};
use crate::language::kinds::kind_of;

/// The value of a JSON text; a wrong text is an error a script can catch.
pub(crate) fn parse(text: &[u8]) -> RhaiResult {
    parse_with(text, Large::Float)
}

fn parse_with(text: &[u8], large: Large) -> RhaiResult {
    if text.len() > BODY_BYTES {
        return Err(wrong("the JSON text is larger than 6 MiB"));
    }
    decode_metered_with(text, large).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("not valid JSON: {error}")),
    })
}

/// What the options of `parse` say about large whole numbers.
fn large(options: &Map) -> Result<Large> {
    let mut large = Large::Float;
    for (name, value) in options {
        if name != "big" {
            return Err(wrong(format!(
                "json::parse has no option `{name}`; there is big"
            )));
        }
        let text = value.read_lock::<ImmutableString>();
        large = match text.as_ref().map(|text| text.as_str()) {
            Some("float") => Large::Float,
            Some("text") => Large::Text,
            Some(other) => {
                return Err(wrong(format!(
                    "big is \"float\" or \"text\", not {other:?}"
                )));
            }
            None => {
                let kind = kind_of(value);
                return Err(wrong(format!("big is \"float\" or \"text\", not {kind}")));
            }
        };
    }
    Ok(large)
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

    /// The same; with `#{big: "text"}` whole numbers beyond 64 bits keep their digits as texts
    /// instead of becoming floats.
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_text_with(text: ImmutableString, options: Map) -> RhaiResult {
        parse_with(text.as_bytes(), large(&options)?)
    }

    /// The same of a JSON text in a blob.
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_blob_with(blob: rhai::Blob, options: Map) -> RhaiResult {
        parse_with(&blob, large(&options)?)
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
