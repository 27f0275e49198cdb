//! PiCloud's vocabulary.
//!
//! Ids, clock, error kinds, limits, names, routing rules, the release model, wire types and the
//! seams where the three services meet. This crate does no I/O, but for the zone files of [`zone`],
//! and imports no other workspace crate; its list of modules is closed (a new one needs an ADR
//! line).

pub mod allowance;
pub mod api;
pub mod clock;
pub mod error;
pub mod event;
pub mod id;
pub mod invocation;
pub mod kv;
pub mod limits;
pub mod manifest;
pub mod memory;
pub mod moment;
pub mod name;
pub mod origin;
pub mod record;
pub mod release;
pub mod retry;
pub mod routing;
pub mod schedule;
pub mod script_error;
pub mod seam;
pub mod service;
pub mod suggest;
pub mod trigger;
pub mod units;
pub mod webhook;
pub mod zone;
