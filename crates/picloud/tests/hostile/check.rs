//! What counts as contained. A pure function, so that tests can show it goes red.

use std::time::Duration;

use super::script::Script;

/// How much later than its limit a script may end.
pub(crate) const GRACE: Duration = Duration::from_millis(200);
/// How long the server's threads are watched after an answer.
pub(crate) const IDLE_GAP: Duration = Duration::from_millis(300);
/// Processor time the whole server may use in that gap: storing records, not running a script.
const IDLE_CPU: Duration = Duration::from_millis(100);
/// How long the answer to a deploy may take: sources are compiled within 2 seconds.
const DEPLOY: Duration = Duration::from_secs(3);

/// How a run ended, from its record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// `ok`, a kind of error, or the name of a limit.
    pub outcome: String,
    /// The error's first line.
    pub error: String,
    /// Elapsed time.
    pub duration: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Most bytes allocated at one time.
    pub memory_peak: u64,
}

/// Everything seen while a script was deployed and called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Why the deploy was refused; empty when it was not.
    pub refused: String,
    /// How long the deploy took.
    pub deploy: Duration,
    /// The runs. Empty when the deploy was refused.
    pub runs: Vec<Run>,
    /// Calls that got no answer at all.
    pub unanswered: Vec<String>,
    /// The server ended.
    pub crashed: Option<String>,
    /// Errors of the neighbour meanwhile.
    pub neighbour_errors: Vec<String>,
    /// Processor time of the server in the gap after the last answer.
    pub idle_cpu: Duration,
}

/// What was not contained; empty when all is well.
pub(crate) fn violations(script: &Script, seen: &Seen) -> Vec<String> {
    if let Some(how) = &seen.crashed {
        return vec![format!("the server ended: {how}")];
    }
    let mut found = Vec::new();
    found.extend(
        seen.unanswered
            .iter()
            .map(|e| format!("a call got no answer: {e}")),
    );
    found.extend(
        seen.neighbour_errors
            .iter()
            .map(|e| format!("the neighbour had an error: {e}")),
    );
    if seen.idle_cpu > IDLE_CPU {
        found.push(format!(
            "the server used {:?} of processor time after it had answered",
            seen.idle_cpu
        ));
    }
    if seen.deploy > DEPLOY {
        found.push(format!("the deploy took {:?}", seen.deploy));
    }
    if seen.refused.is_empty() {
        if seen.runs.len() != script.calls * script.parallel {
            found.push(format!("{} runs were recorded", seen.runs.len()));
        }
        found.extend(seen.runs.iter().flat_map(|run| run_violations(script, run)));
    } else if !script
        .allowed
        .iter()
        .any(|a| a == "compile" || a == "source")
    {
        found.push(format!("the deploy was refused: {}", seen.refused));
    }
    found
}

fn run_violations(script: &Script, run: &Run) -> Vec<String> {
    let limits = script.limits_in_force();
    let mut found = Vec::new();
    if !script.allowed.contains(&run.outcome) {
        let Run { outcome, error, .. } = run;
        found.push(format!(
            "it ended as `{outcome}`, not as {:?}: {error}",
            script.allowed
        ));
    }
    if run.duration > limits.wall + GRACE {
        found.push(format!(
            "it took {:?}, its limit is {:?}",
            run.duration, limits.wall
        ));
    }
    if run.cpu > limits.cpu + GRACE {
        found.push(format!(
            "it used {:?} of processor time, its limit is {:?}",
            run.cpu, limits.cpu
        ));
    }
    // One operation may double a text or array before the meter is looked at, and needs the old
    // and the new one while it does.
    if run.memory_peak > limits.memory * 3 {
        found.push(format!(
            "it had {} bytes, its limit is {}",
            run.memory_peak, limits.memory
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::script::parse;

    fn script() -> Script {
        parse(
            "spin",
            "// about: spins\n// limit: cpu, operations\nloop {}\n",
            false,
        )
    }

    fn contained() -> Seen {
        Seen {
            runs: vec![Run {
                outcome: "cpu".to_owned(),
                error: String::new(),
                duration: Duration::from_millis(600),
                cpu: Duration::from_millis(501),
                memory_peak: 10_000,
            }],
            ..Seen::default()
        }
    }

    #[test]
    fn a_contained_run_has_no_violations() {
        assert_eq!(violations(&script(), &contained()), Vec::<String>::new());
    }

    #[test]
    fn each_way_to_escape_is_seen() {
        type Escape = (&'static str, fn(&mut Seen));
        let escapes: [Escape; 11] = [
            ("the server ended", |s| {
                s.crashed = Some("signal 11".to_owned());
            }),
            ("no answer", |s| s.unanswered.push("reset".to_owned())),
            ("neighbour", |s| s.neighbour_errors.push("503".to_owned())),
            ("after it had answered", |s| s.idle_cpu = IDLE_GAP),
            ("deploy took", |s| s.deploy = Duration::from_secs(11)),
            ("was refused", |s| s.refused = "no".to_owned()),
            ("0 runs", |s| s.runs.clear()),
            ("ended as `ok`", |s| s.runs[0].outcome = "ok".to_owned()),
            ("ended as `internal`", |s| {
                s.runs[0].outcome = "internal".to_owned();
            }),
            ("its limit is 1s", |s| {
                s.runs[0].duration = Duration::from_millis(1_201);
            }),
            ("its limit is 500ms", |s| {
                s.runs[0].cpu = Duration::from_millis(701);
            }),
        ];
        for (expected, escape) in escapes {
            let mut seen = contained();
            escape(&mut seen);
            let found = violations(&script(), &seen);
            assert!(
                found.iter().any(|v| v.contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }

    #[test]
    fn memory_beyond_the_cap_is_seen() {
        let mut seen = contained();
        seen.runs[0].memory_peak = (96 << 20) + 1;
        assert_eq!(violations(&script(), &seen).len(), 1);
    }
}
