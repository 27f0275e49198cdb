//! What scripts log.

use crate::clock::Timestamp;

/// How loud a log line is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LogLevel {
    /// For following single steps.
    Trace = 0,
    /// For finding defects.
    Debug = 1,
    /// Worth knowing.
    Info = 2,
    /// Worth a look.
    Warn = 3,
    /// Failed.
    Error = 4,
}

impl LogLevel {
    /// All levels, quiet to loud.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    /// The level's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line a script logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// A JSON object with more, if any.
    pub fields: Option<String>,
}
