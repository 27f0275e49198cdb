//! The control plane through its only door: the router, on a real database, with fakes behind the
//! seams.
#![expect(clippy::unwrap_used, reason = "tests")]

mod apps;
mod auth;
mod deploy;
mod documents;
mod env;
mod fakes;
mod hostile;
mod matrix;
mod observe;
mod releases;
mod runs;
mod sign_in;
mod world;
