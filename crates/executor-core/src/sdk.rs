//! What scripts see besides the language: values in scope and namespaces of functions.
//!
//! One file per namespace; the functions' doc comments are their reference.
#![expect(
    unreachable_pub,
    reason = "export_module registers only functions that are `pub`"
)]

pub(crate) mod answer;
mod ask;
mod bytes;
mod crypto;
pub(crate) mod ctx;
mod dead_letters;
mod encoding;
mod env;
pub(crate) mod event;
mod forms;
mod globals;
mod header_lines;
mod html;
mod invoke;
mod json;
mod kv;
mod log;
mod messages;
mod pubsub;
mod queue;
mod random;
pub(crate) mod req;
pub(crate) mod response;
mod retry;
mod shown;
pub(crate) mod state;
mod time;
mod transaction;
mod tx;
mod url;
pub(crate) mod writer;

use rhai::{Module, combine_with_exported_module, exported_module};

use crate::language::engine::{Library, OwnType};

/// All of it.
pub(crate) fn library() -> Library {
    Library {
        add_globals,
        namespaces: namespaces(),
        types: &[
            || OwnType::of::<ctx::Ctx>("context"),
            || OwnType::of::<event::Event>("event"),
            || OwnType::of::<req::Req>("request"),
            || OwnType::of::<req::Headers>("headers"),
            || OwnType::of::<response::Response>("response"),
            || OwnType::of::<writer::StreamOut>("stream"),
            || OwnType::of::<kv::Collection>("collection"),
        ],
        given: &[("req", "request"), ("ctx", "context"), ("event", "event")],
        running: |look| state::with(|state| look(&state.program)),
    }
}

/// Adds the types with their properties and methods, and the functions without a namespace.
fn add_globals(m: &mut Module) {
    combine_with_exported_module!(m, "globals", globals::functions);
    combine_with_exported_module!(m, "ctx", ctx::functions);
    combine_with_exported_module!(m, "event", event::functions);
    combine_with_exported_module!(m, "req", req::functions);
    combine_with_exported_module!(m, "headers", req::header_functions);
    combine_with_exported_module!(m, "shown", shown::functions);
    combine_with_exported_module!(m, "response", response::methods);
    combine_with_exported_module!(m, "kv", kv::methods);
}

fn namespaces() -> Vec<(&'static str, Module)> {
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
