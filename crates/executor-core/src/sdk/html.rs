//! `html`: text that is safe inside a page.

use rhai::plugin::{Dynamic, ImmutableString, export_module};

use crate::language::cost::{charge_bytes, room_for_text};
use crate::language::error::Result;
use crate::language::overrides::render::shown;

fn entity(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        _ => None,
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The text of a value with `& < > " '` written so that a page shows them.
    #[rhai_fn(return_raw)]
    pub fn escape(value: Dynamic) -> Result<ImmutableString> {
        let text = shown(&value);
        charge_bytes(text.len())?;
        let grown: usize = text
            .bytes()
            .map(|byte| entity(byte).map_or(1, str::len))
            .sum();
        room_for_text(grown as u64)?;
        let mut out = String::with_capacity(grown);
        let mut rest = text.as_str();
        while let Some(at) = rest.bytes().position(|byte| entity(byte).is_some()) {
            out.push_str(&rest[..at]);
            out.push_str(entity(rest.as_bytes()[at]).unwrap_or_default());
            rest = &rest[at + 1..];
        }
        out.push_str(rest);
        Ok(out.into())
    }
}
