//! What the documents say is what the programs do.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "documents/limits.rs"]
mod limits;
#[path = "documents/promises.rs"]
mod promises;
#[path = "documents/sdk.rs"]
mod sdk;
#[path = "documents/snippets.rs"]
mod snippets;
#[path = "documents/text.rs"]
mod text;
