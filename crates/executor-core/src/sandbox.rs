//! Runs something on a stack of its own within limits. Knows nothing of the language, and holds all
//! unsafe code.

pub(crate) mod asks;
pub(crate) mod budget;
pub(crate) mod callee;
pub(crate) mod context;
pub(crate) mod coroutine;
pub(crate) mod defect;
pub(crate) mod fault;
mod grant;
mod logs;
pub(crate) mod meter;
pub(crate) mod panics;
mod room;
pub(crate) mod scheduler;
pub(crate) mod signal;
pub(crate) mod stacks;
pub(crate) mod stats;
pub(crate) mod wait;
pub(crate) mod watchdog;
