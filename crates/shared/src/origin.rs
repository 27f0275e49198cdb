//! Origins: scheme, host and port. The platform has one of its own, which no app shares.

mod cookie;
mod own;
mod place;

pub use cookie::{Cookie, mentions_session, without_session};
pub use own::{DomainProof, OwnHosts};
pub use place::{Origin, OriginError, split_authority};
