//! The control plane: admin API, use cases, authorization, releases, OpenAPI.
//!
//! [`router`] answers everything on the admin origin. The control plane is not on the path
//! of a request to a script: it writes to the store and tells the [`Catalog`] what changed.
//!
//! [`Catalog`]: shared::seam::Catalog

mod auth;
mod base_url;
mod dashboard;
mod deploy;
mod error;
mod error_pages;
mod extract;
mod handlers;
mod layer;
mod manager;
mod model;
mod once;
mod once_layer;
mod openapi;
mod operations;
mod pages;
mod password;
mod running;
mod secret;
mod strict;
mod throttle;
mod turns;

pub use error_pages::ERROR_PAGES;
pub use manager::{
    AttemptEvent, AttemptStream, Attempts, Manager, ManagerConfig, Parts, PeerInfo, Prove, Tail,
    TailEvent, TailStream, Wanted,
};
pub use operations::{openapi_json, router};
pub use secret::Secret;
