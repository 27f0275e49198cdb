//! What scripts see besides the language: values in scope and namespaces of functions.
//!
//! One file per namespace; the functions' doc comments are their reference.
#![expect(
    unreachable_pub,
    reason = "export_module registers only functions that are `pub`"
)]

pub(crate) mod answer;
pub(crate) mod crypto;
pub(crate) mod ctx;
mod dead_letters;
mod encoding;
mod env;
pub(crate) mod event;
pub(crate) mod forms;
mod html;
mod invoke;
pub(crate) mod json;
mod kv;
mod log;
mod messages;
mod pubsub;
mod queue;
mod random;
pub(crate) mod req;
pub(crate) mod response;
mod retry;
mod time;
pub(crate) mod transaction;
mod tx;
mod url;

use rhai::plugin::Dynamic;
use rhai::{Blob, ImmutableString, Module, combine_with_exported_module, exported_module};

use crate::language::engine::{Result, wrong};

/// Adds the types of the SDK with their properties and methods.
pub(crate) fn add_types_to(m: &mut Module) {
    combine_with_exported_module!(m, "ctx", ctx::functions);
    combine_with_exported_module!(m, "event", event::functions);
    combine_with_exported_module!(m, "req", req::functions);
    combine_with_exported_module!(m, "headers", req::header_functions);
    combine_with_exported_module!(m, "response", response::methods);
    combine_with_exported_module!(m, "kv", kv::methods);
}

/// The namespaces.
pub(crate) fn namespaces() -> Vec<(&'static str, Module)> {
    vec![
        ("base64", exported_module!(encoding::base64_functions)),
        ("crypto", exported_module!(crypto::functions)),
        ("dead_letters", exported_module!(dead_letters::functions)),
        ("env", exported_module!(env::functions)),
        ("hex", exported_module!(encoding::hex_functions)),
        ("html", exported_module!(html::functions)),
        ("invoke", exported_module!(invoke::functions)),
        ("json", exported_module!(json::functions)),
        ("kv", exported_module!(kv::functions)),
        ("log", exported_module!(log::functions)),
        ("pubsub", exported_module!(pubsub::functions)),
        ("queue", exported_module!(queue::functions)),
        ("random", exported_module!(random::functions)),
        ("response", exported_module!(response::functions)),
        ("retry", exported_module!(retry::functions)),
        ("time", exported_module!(time::functions)),
        ("tx", exported_module!(tx::functions)),
        ("url", exported_module!(url::functions)),
    ]
}

/// Runs `work` on the bytes of a text or a blob.
fn with_bytes<R>(value: &Dynamic, what: &str, work: impl FnOnce(&[u8]) -> R) -> Result<R> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(work(text.as_bytes()));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok(work(&blob));
    }
    Err(wrong(format!(
        "{what} takes a text or a blob, not {}",
        value.type_name()
    )))
}

/// How long a text or a blob is; 0 for anything else.
fn byte_length(value: &Dynamic) -> usize {
    with_bytes(value, "", <[u8]>::len).unwrap_or(0)
}
