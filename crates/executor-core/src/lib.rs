//! The Rhai sandbox: coroutines, limits, memory meter, modules, SDK bridge.
//!
//! Five rooms, each knowing only those after it: this file, `run`, `sdk`, `language`, `sandbox`.
//! Nothing in here reaches the network, the disk, the environment or another process: a script's
//! only way out is [`shared::seam::Host`].

mod language;
mod run;
mod sandbox;
#[expect(clippy::unwrap_used, reason = "in what `export_module` generates")]
mod sdk;

pub use run::executor::{ExecutorConfig, LocalExecutor};
pub use run::validator::Validator;
pub use sandbox::fault::install_fault_handler;
pub use sandbox::meter::{MeteredAlloc, Mimalloc};
pub use sandbox::panics::hush_panics;
pub use sandbox::stats::{ExecutorStats, WorkerStats};
