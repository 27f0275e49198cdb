//! Drafts checked and run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observe::LogEntry;
use crate::id::ExecutionId;
use crate::name::{FunctionName, ModuleName};
use crate::routing::Method;
use crate::script_error::{Diagnostic, ScriptError};

wire! {
    /// `POST /apps/{app}/scripts/{script}/validate`: checks a draft with the app's modules.
    #[serde(deny_unknown_fields)]
    struct ValidateRequest {
        /// The draft.
        source: String,
        /// Drafts of modules; others come from the active release.
        #[serde(default)]
        modules: BTreeMap<ModuleName, String>,
    }

    /// What validation found.
    struct Validation {
        /// Whether it could be deployed.
        ok: bool,
        /// Findings.
        diagnostics: Vec<Diagnostic>,
    }

    /// `POST /apps/{app}/scripts/{script}/run`: runs a draft with a given request. Its effects
    /// are real.
    #[serde(deny_unknown_fields)]
    struct RunRequest {
        /// The draft; absent: the version being served.
        #[serde(default)]
        source: Option<String>,
        /// The function to call; absent: the top level.
        #[serde(default)]
        handler: Option<FunctionName>,
        /// The request it gets.
        #[serde(default)]
        request: Option<RunHttp>,
    }

    /// A request for a run.
    #[serde(deny_unknown_fields)]
    struct RunHttp {
        /// Method; `GET` when absent.
        #[serde(default)]
        method: Option<Method>,
        /// Path and query; `/` when absent.
        #[serde(default)]
        path: Option<String>,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Path parameters.
        #[serde(default)]
        params: BTreeMap<String, String>,
        /// Body as text.
        #[serde(default)]
        body: Option<String>,
        /// Body as base64, when it is no text.
        #[serde(default)]
        body_base64: Option<String>,
    }

    /// How a run ended.
    struct RunResult {
        /// The execution.
        execution: ExecutionId,
        /// What it answered; null when it failed before.
        response: Option<RunResponse>,
        /// Why it failed; null when it did not.
        error: Option<ScriptError>,
        /// What it logged.
        logs: Vec<LogEntry>,
        /// Elapsed time in milliseconds.
        duration_ms: f64,
        /// Processor time in milliseconds.
        cpu_ms: f64,
        /// Evaluation steps.
        operations: u64,
        /// Most bytes allocated at one time.
        memory_peak: u64,
        /// Host calls.
        host_calls: u32,
    }

    /// The answer of a run.
    struct RunResponse {
        /// Status.
        status: u16,
        /// Headers; several values of one name are joined with a comma, `set-cookie` with a
        /// newline.
        headers: BTreeMap<String, String>,
        /// The body as text, when it is UTF-8.
        body: Option<String>,
        /// The body in base64, when it is not.
        body_base64: Option<String>,
    }
}
