//! What happened: executions, log lines, the instance.

use serde::{Deserialize, Serialize};

use crate::id::{EventId, ExecutionId, RequestId, RootId};
use crate::invocation::LogLevel;
use crate::limits::LimitSettings;
use crate::name::ScriptName;
use crate::script_error::ScriptError;

wire! {
    /// An execution in a list.
    struct Execution {
        /// Its id.
        id: ExecutionId,
        /// The script.
        script: ScriptName,
        /// Version that ran.
        version: i64,
        /// Release that was active.
        release: i64,
        /// `http`, `manual`, or the kind of event: `kv`, `queue`, `cron` …
        trigger: String,
        /// Method and path, for requests.
        target: Option<String>,
        /// Status answered; null when there was no answer.
        status: Option<u16>,
        /// `ok`, `compile`, `runtime`, `thrown`, `limit`, `host`, `cancelled`, `overloaded`,
        /// `suspended` or `internal`.
        outcome: String,
        /// First line of the error.
        error: Option<String>,
        /// When it started.
        started_at: String,
        /// Elapsed time in milliseconds.
        duration_ms: f64,
        /// Processor time in milliseconds.
        cpu_ms: f64,
        /// Evaluation steps.
        operations: i64,
        /// Most bytes allocated at one time.
        memory_peak: i64,
        /// Host calls.
        host_calls: i64,
        /// The event it handled.
        event: Option<EventId>,
        /// Which attempt at the event it was, from 1.
        attempt: Option<i64>,
        /// What began the chain it belongs to.
        root: Option<RootId>,
        /// The run that made the event.
        parent: Option<ExecutionId>,
    }

    /// An execution with everything known about it.
    struct ExecutionDetail {
        /// The execution.
        execution: Execution,
        /// The request it belonged to.
        request_id: RequestId,
        /// The whole error.
        error: Option<ScriptError>,
        /// What it logged.
        logs: Vec<LogEntry>,
    }

    /// A log line.
    struct LogEntry {
        /// When.
        at: String,
        /// How loud.
        level: LogLevel,
        /// The script.
        script: ScriptName,
        /// The execution.
        execution: ExecutionId,
        /// The text.
        message: String,
        /// More, if any.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        fields: Option<serde_json::Value>,
    }

    /// The data that says what clocks show in a time zone.
    struct TimeZones {
        /// Its version, like `2026f`; null when the machine does not tell.
        version: Option<String>,
        /// `system` or `bundled`: the machine's, or the copy in the program.
        source: String,
        /// The folder of the machine it is in.
        directory: Option<String>,
        /// What is to be done when it is more than a year old.
        warning: Option<String>,
    }

    /// `GET /system`: the instance.
    struct System {
        /// Program version.
        version: String,
        /// `sqlite` or `postgres`.
        database: String,
        /// When this process started.
        started_at: String,
        /// The time zone data.
        time_zones: TimeZones,
        /// Default limits.
        limits: LimitSettings,
        /// The highest limits a script can ask for.
        ceiling: LimitSettings,
    }
}
