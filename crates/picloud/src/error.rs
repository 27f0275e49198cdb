//! Why a command did not do its work.

use node::config::ConfigError;
use node::telemetry::TelemetryError;
use store::OpenError;

/// A command that failed; its text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Logging.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A listener; the text says which and what to do.
    #[error("{setting}: {error}")]
    Listen {
        /// The setting that names the address.
        setting: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// A file, thread or stream.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// A service refused to start.
    #[error("{0}")]
    Service(String),
}

impl CommandError {
    /// An I/O failure while doing something.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |error| Self::Io { what, error }
    }
}
