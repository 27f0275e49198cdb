//! The control plane through its only door: the router, on a real database, with fakes behind the
//! seams.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod apps;
mod auth;
mod deploy;
mod documents;
mod domains;
mod env;
mod events;
mod fakes;
mod hostile;
mod kv;
mod matrix;
mod observe;
mod pages;
mod releases;
mod requests;
mod runs;
mod sign_in;
mod triggers;
mod world;
