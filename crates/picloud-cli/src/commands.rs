//! The commands.

pub(crate) mod apps;
mod by_hand;
pub(crate) mod check;
pub(crate) mod dead_letters;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod diff;
pub(crate) mod domains;
pub(crate) mod env;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod queues;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod run;
pub(crate) mod scripts;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod triggers;
pub(crate) mod waiting;
