//! What scripts ask the platform for: one line per service.
//!
//! From its line follow the calls and replies that cross the host seam, their wire form, the names
//! in scripts, metrics and errors, and what the platform may know of a call without knowing the
//! service: whether it writes, and how much of an app's turn it takes.

pub(crate) mod access;
pub(crate) mod base64;
mod calls;
pub mod dead_letters;
pub(crate) mod error;
pub mod invoke;
pub(crate) mod kind;
mod list;
mod payload;
pub mod pubsub;
pub mod queue;
#[cfg(test)]
mod tests;
pub mod tx;
#[cfg(test)]
mod variants;
pub mod wire;

pub use access::Access;
pub use calls::*;
pub use error::{HostError, HostErrorKind};
pub use kind::ServiceKind;
