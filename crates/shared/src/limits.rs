//! What one invocation may use. Defaults, per-script settings and the instance's ceiling.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// The limits in force for one invocation. Every one has an effect; none can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elapsed time, waiting included.
    pub wall: Duration,
    /// Time on the processor.
    pub cpu: Duration,
    /// Evaluation steps.
    pub operations: u64,
    /// Bytes allocated at any one time.
    pub memory: u64,
    /// Bytes of the response body.
    pub response: u64,
    /// Bytes of log output.
    pub logs: u64,
    /// Host calls.
    pub host_calls: u32,
    /// Invocations of one script at the same time, per node.
    pub concurrency: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(10),
            cpu: Duration::from_secs(1),
            operations: 5_000_000,
            memory: 32 << 20,
            response: 6 << 20,
            logs: 64 << 10,
            host_calls: 1_000,
            concurrency: 10_000,
        }
    }
}

impl Limits {
    /// These limits with a script's settings applied, each at most the ceiling's.
    #[must_use]
    pub fn with(self, wish: &LimitSettings, ceiling: &Self) -> Self {
        Self {
            wall: wish.wall.unwrap_or(self.wall).min(ceiling.wall),
            cpu: wish.cpu.unwrap_or(self.cpu).min(ceiling.cpu),
            operations: wish
                .operations
                .unwrap_or(self.operations)
                .min(ceiling.operations),
            memory: wish.memory.unwrap_or(self.memory).min(ceiling.memory),
            response: wish.response.unwrap_or(self.response).min(ceiling.response),
            logs: wish.logs.unwrap_or(self.logs).min(ceiling.logs),
            host_calls: wish
                .host_calls
                .unwrap_or(self.host_calls)
                .min(ceiling.host_calls),
            concurrency: wish
                .concurrency
                .unwrap_or(self.concurrency)
                .min(ceiling.concurrency),
        }
    }
}

/// Limits as a manifest, a command line or the API writes them; what is absent is not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Elapsed time, like `10s`.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "10s"))]
    pub wall: Option<Duration>,
    /// Processor time, like `1s`.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "1s"))]
    pub cpu: Option<Duration>,
    /// Evaluation steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// Memory, like `32MiB`.
    #[serde(with = "units::size", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "32MiB"))]
    pub memory: Option<u64>,
    /// The response body, like `6MiB`.
    #[serde(with = "units::size", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "6MiB"))]
    pub response: Option<u64>,
    /// Log output, like `64KiB`.
    #[serde(with = "units::size", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "64KiB"))]
    pub logs: Option<u64>,
    /// Host calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// Invocations at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// Bounds that do not depend on a script's settings.
pub mod fixed {
    use std::time::Duration;

    /// Bytes of one script or module.
    pub const SOURCE_BYTES: usize = 256 << 10;
    /// Bytes of all scripts and modules of one release.
    pub const RELEASE_BYTES: usize = 4 << 20;
    /// Scripts and modules in one release.
    pub const RELEASE_ITEMS: usize = 500;
    /// Routes in one release.
    pub const ROUTES: usize = 1_000;
    /// Modules one script may reach.
    pub const GRAPH_MODULES: usize = 32;
    /// Imports on one path from a script.
    pub const IMPORT_DEPTH: usize = 8;
    /// How long compiling one script may take.
    pub const COMPILE_TIME: Duration = Duration::from_secs(2);
    /// Nested script calls.
    pub const CALL_DEPTH: usize = 48;
    /// Bytes of one string that the SDK makes.
    pub const STRING_BYTES: usize = 1 << 20;
    /// Nesting of JSON texts and of values that are encoded, compared or printed.
    pub const VALUE_DEPTH: usize = 128;
    /// Bytes of a request body on the data plane and of one JSON text.
    pub const BODY_BYTES: usize = 6 << 20;
    /// Bytes of an admin API request body.
    pub const ADMIN_BODY_BYTES: usize = 8 << 20;
    /// Bytes of a key in the key-value store.
    pub const KV_KEY_BYTES: usize = 512;
    /// Bytes of a value in the key-value store.
    pub const KV_VALUE_BYTES: usize = 1 << 20;
    /// Keys or entries in one key-value call.
    pub const KV_BATCH: usize = 1_000;
    /// Environment variables of one app.
    pub const ENV_VARS: usize = 100;
    /// Bytes of one environment variable.
    pub const ENV_VALUE_BYTES: usize = 32 << 10;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_may_ask_for_less_and_never_gets_more_than_the_ceiling() {
        let wish: LimitSettings =
            serde_json::from_str(r#"{"wall": "2s", "memory": "4GiB", "concurrency": 3}"#).unwrap();
        let ceiling = Limits {
            memory: 256 << 20,
            ..Limits::default()
        };
        let got = Limits::default().with(&wish, &ceiling);
        assert_eq!(got.wall, Duration::from_secs(2));
        assert_eq!(got.memory, ceiling.memory);
        assert_eq!(got.concurrency, 3);
        assert_eq!(got.cpu, Limits::default().cpu);
    }

    #[test]
    fn unknown_limits_are_refused() {
        assert!(serde_json::from_str::<LimitSettings>(r#"{"wal": "2s"}"#).is_err());
    }
}
