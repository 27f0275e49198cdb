//! What the types do not say: the rules of names as patterns, which texts are times, and which are one of a
//! few. A test compares the patterns with the rules themselves.

use shared::invocation::{Completion, TriggerKind};

/// Schemas of names, and their rules but for words that are reserved.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    ("AppSlug", "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"),
    ("ScriptName", "^[a-z][a-z0-9_-]{0,63}$"),
    (
        "ModuleName",
        "^[a-z][a-z0-9_-]{0,63}(/[a-z][a-z0-9_-]{0,63})*$",
    ),
    ("EnvName", "^[A-Z_][A-Z0-9_]{0,127}$"),
    ("CollectionName", "^[A-Za-z][A-Za-z0-9._-]{0,63}$"),
    ("QueueName", "^[A-Za-z][A-Za-z0-9._-]{0,63}$"),
    ("FunctionName", "^[A-Za-z_][A-Za-z0-9_]{0,63}$"),
];

/// Fields that are times.
pub(super) const FORMATS: &[&str] = &[
    "at",
    "created_at",
    "died_at",
    "due_at",
    "expires_at",
    "last_used_at",
    "next_run",
    "oldest_at",
    "paused_at",
    "started_at",
    "time",
    "updated_at",
];

/// Fields that have one of a few values.
pub(super) fn closed_sets() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let triggers = TriggerKind::ALL.map(TriggerKind::as_str).to_vec();
    let mut sets = vec![
        (
            "PlanItem",
            "what",
            vec!["script", "module", "route", "trigger"],
        ),
        ("System", "database", vec!["sqlite", "postgres"]),
        (
            "Delivery",
            "state",
            vec!["in_flight", "due", "delayed", "retrying", "unconsumed"],
        ),
    ];
    for execution in ["Execution", "ExecutionDetail"] {
        sets.push((execution, "outcome", Completion::OUTCOMES.to_vec()));
        sets.push((execution, "trigger", triggers.clone()));
    }
    sets
}
