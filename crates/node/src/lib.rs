//! The process shell: configuration, telemetry, named tasks, threads, stopping.
//!
//! This is the only crate that reads the environment or starts long-lived work. It knows nothing
//! of what the services do.

pub mod config;
mod files;
pub mod machine;
mod process;
mod signals;
pub mod tasks;
pub mod telemetry;
mod threads;

pub use files::raise_file_limit;
pub use process::ProcessNumber;
pub use signals::stop_on_signals;
pub use tasks::{Stop, TaskKind, Tasks};
pub use threads::{Threads, control_runtime, last_runtime};
