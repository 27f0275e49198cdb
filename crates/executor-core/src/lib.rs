//! The Rhai sandbox: coroutines, limits, memory meter, modules, SDK bridge.
//!
//! Nothing in here reaches the network, the disk, the environment or another process: a script's
//! only way out is [`shared::seam::Host`].

mod codec;
mod compile;
mod context;
mod coroutine;
mod drive;
mod engine;
mod executor;
mod fault;
mod hints;
mod meter;
mod modules;
mod report;
mod request;
mod response;
mod run;
mod scheduler;
mod scopes;
#[expect(clippy::unwrap_used, reason = "in what `export_module` generates")]
mod sdk;
mod stats;
mod tick;
mod tx;
mod validate;
mod watchdog;
mod worker;

pub use executor::{ExecutorConfig, LocalExecutor};
pub use fault::install_fault_handler;
pub use meter::{MeteredAlloc, Mimalloc};
pub use stats::{ExecutorStats, WorkerStats};
pub use validate::Validator;
