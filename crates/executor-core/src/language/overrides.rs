//! Replacements for functions of the standard library that a script could use to hang or abort
//! the process, and what the standard library lacks.
//!
//! The list follows an audit of Rhai 1.27, which is pinned: look through what a newer one adds.
#![expect(
    unreachable_pub,
    reason = "export_module registers only functions that are `pub`"
)]

mod blobs;
mod callbacks;
mod charged;
mod equal;
mod errors;
mod letters;
mod lists;
mod moved;
pub(crate) mod render;
mod search;
mod sort;
mod text;

use rhai::combine_with_exported_module;
use rhai::plugin::Module;

use super::caught::Caught;

/// Adds the replacements; what is there already is replaced.
pub(crate) fn add_to(m: &mut Module) {
    // First: what has a replacement of its own keeps it.
    charged::add_to(m);
    combine_with_exported_module!(m, "text", text::functions);
    combine_with_exported_module!(m, "search", search::functions);
    combine_with_exported_module!(m, "letters", letters::functions);
    letters::add_iterators(m);
    combine_with_exported_module!(m, "lists", lists::functions);
    combine_with_exported_module!(m, "moved arrays", moved::arrays);
    combine_with_exported_module!(m, "moved maps", moved::maps);
    combine_with_exported_module!(m, "callbacks", callbacks::functions);
    combine_with_exported_module!(m, "sort", sort::functions);
    combine_with_exported_module!(m, "blobs", blobs::functions);
    combine_with_exported_module!(m, "equal", equal::functions);
    combine_with_exported_module!(m, "errors", errors::functions);
    m.set_custom_type::<Caught>("error");
    combine_with_exported_module!(m, "render", render::functions);
}
