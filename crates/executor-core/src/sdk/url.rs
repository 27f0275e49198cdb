//! `url`: percent encoding.

use rhai::plugin::{Dynamic, ImmutableString, export_module};

use super::forms::{percent_decode, percent_encode};
use crate::language::cost::{charge_bytes, room_for_text};
use crate::language::error::{Result, wrong};
use crate::language::overrides::render::shown;

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The text form of a value, safe as a part of a path or a query.
    #[rhai_fn(return_raw)]
    pub fn encode(value: Dynamic) -> Result<ImmutableString> {
        let text = shown(&value);
        room_for_text(text.len() as u64 * 3)?;
        Ok(percent_encode(&text).into())
    }

    /// The text a percent-encoded part stands for; `+` stays `+`.
    #[rhai_fn(return_raw)]
    pub fn decode(text: ImmutableString) -> Result<ImmutableString> {
        charge_bytes(text.len())?;
        percent_decode(&text, false)
            .map(ImmutableString::from)
            .ok_or_else(|| wrong("not a percent-encoded text: the bytes are not UTF-8"))
    }
}
