//! The operations, one file per resource. A handler reads its input, calls what does the work and
//! shapes the answer.

pub(crate) mod apps;
pub(crate) mod by_hand;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod domains;
pub(crate) mod env;
pub(crate) mod event_tail;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod kv;
pub(crate) mod logs;
pub(crate) mod modules;
mod payload;
pub(crate) mod queues;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod runs;
pub(crate) mod scripts;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod storage;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod triggers;
