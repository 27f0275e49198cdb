//! The series of scripts. They are there as long as somebody holds the script's handles: until no
//! release that is served has the script under this name and the last of its runs has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use shared::invocation::{Completion, TriggerKind};

use super::histogram::DurationHistogram;

/// Scripts with series of their own at a time; the rest share some, so that they stay bounded.
const LABELLED_SCRIPTS: usize = 2_000;
/// What those are called; no app can have this name.
const SHARED: &str = "_other";

/// Status classes; the first is for answers nobody waited for.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Text(Arc<str>);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        (&*self.0).encode(encoder)
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ScriptLabels {
    app: Text,
    script: Text,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    app: Text,
    script: Text,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RunLabels {
    app: Text,
    script: Text,
    trigger: &'static str,
    outcome: &'static str,
}

type Durations = Family<ScriptLabels, DurationHistogram>;

/// The families a script's handles come from.
#[derive(Clone, Debug, Default)]
struct Families {
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    runs: Family<RunLabels, Counter>,
}

/// App and script.
type Name = (String, String);

/// The series of all scripts.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    families: Families,
    known: Mutex<HashMap<Name, Weak<Handles>>>,
}

impl Scripts {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests answered by scripts, by status class",
            self.families.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request's head to the answer's head",
            Unit::Seconds,
            self.families.durations.clone(),
        );
        registry.register(
            "executions",
            "Runs of scripts, by how they ended",
            self.families.runs.clone(),
        );
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Weak<Handles>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handles of a script; the same ones for the same names.
    pub(super) fn handles(self: &Arc<Self>, app: &str, script: &str) -> ScriptMetrics {
        let mut known = self.known();
        let mut name = (app.to_owned(), script.to_owned());
        if !known.contains_key(&name) && known.len() >= LABELLED_SCRIPTS {
            name = (SHARED.to_owned(), SHARED.to_owned());
        }
        if let Some(handles) = known.get(&name).and_then(Weak::upgrade) {
            return ScriptMetrics(handles);
        }
        let labels = ScriptLabels {
            app: Text(name.0.as_str().into()),
            script: Text(name.1.as_str().into()),
        };
        let handles = Arc::new(Handles {
            scripts: Arc::clone(self),
            duration: self.families.durations.get_or_create(&labels).clone(),
            name: name.clone(),
            labels,
            by_class: Default::default(),
            http_runs: Default::default(),
        });
        known.insert(name, Arc::downgrade(&handles));
        ScriptMetrics(handles)
    }

    /// Ends the series of handles nobody holds any more.
    fn end(&self, gone: &Handles) {
        let mut known = self.known();
        // Somebody may hold new handles with the same name, and go on with the series.
        let ours = known
            .get(&gone.name)
            .is_some_and(|weak| std::ptr::eq(weak.as_ptr(), gone));
        if !ours {
            return;
        }
        known.remove(&gone.name);
        self.families.durations.remove(&gone.labels);
        for code in CLASSES {
            self.families.requests.remove(&gone.labels.answered(code));
        }
        for (trigger, outcome) in TriggerKind::ALL
            .into_iter()
            .flat_map(|trigger| Completion::OUTCOMES.map(|outcome| (trigger, outcome)))
        {
            self.families
                .runs
                .remove(&gone.labels.ended(trigger, outcome));
        }
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        let scripts = Arc::clone(&self.scripts);
        scripts.end(self);
    }
}

/// The handles of one script. Counters appear in the output with their first use.
#[derive(Clone, Debug)]
pub(crate) struct ScriptMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    scripts: Arc<Scripts>,
    name: Name,
    labels: ScriptLabels,
    by_class: [OnceLock<Counter>; 6],
    http_runs: [OnceLock<Counter>; Completion::OUTCOMES.len()],
    duration: DurationHistogram,
}

impl ScriptMetrics {
    /// Counts an answer; `status` 0 is for one nobody waited for.
    pub(crate) fn observe(&self, status: u16, elapsed: std::time::Duration) {
        let class = usize::from(status / 100).min(CLASSES.len() - 1);
        self.0.by_class[class]
            .get_or_init(|| {
                let labels = self.0.labels.answered(CLASSES[class]);
                self.0
                    .scripts
                    .families
                    .requests
                    .get_or_create(&labels)
                    .clone()
            })
            .inc();
        self.0.duration.observe(elapsed);
    }

    /// Answers counted so far.
    pub(crate) fn answers(&self) -> u64 {
        let counted = self.0.by_class.iter().filter_map(OnceLock::get);
        counted.map(Counter::get).sum()
    }

    /// Counts a run that ended this way.
    pub(crate) fn ran(&self, trigger: TriggerKind, outcome: &'static str) {
        if trigger != TriggerKind::Http {
            self.run_counter(trigger, outcome).inc();
            return;
        }
        // An outcome this list does not know would be a defect of this crate; count it as one.
        let at = Completion::OUTCOMES.iter().position(|o| *o == outcome);
        let at = at.unwrap_or(Completion::OUTCOMES.len() - 1);
        self.0.http_runs[at]
            .get_or_init(|| self.run_counter(trigger, Completion::OUTCOMES[at]))
            .inc();
    }

    fn run_counter(&self, trigger: TriggerKind, outcome: &'static str) -> Counter {
        let labels = self.0.labels.ended(trigger, outcome);
        self.0.scripts.families.runs.get_or_create(&labels).clone()
    }
}

impl ScriptLabels {
    fn answered(&self, code: &'static str) -> RequestLabels {
        RequestLabels {
            app: self.app.clone(),
            script: self.script.clone(),
            code,
        }
    }

    fn ended(&self, trigger: TriggerKind, outcome: &'static str) -> RunLabels {
        RunLabels {
            app: self.app.clone(),
            script: self.script.clone(),
            trigger: trigger.as_str(),
            outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(scripts: &Arc<Scripts>) -> String {
        let mut registry = Registry::default();
        scripts.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn series_stay_bounded_and_make_room_when_they_end() {
        let scripts = Arc::new(Scripts::default());
        let used = |at: usize| {
            let script = scripts.handles("app", &format!("s{at}"));
            script.observe(200, Duration::from_millis(3));
            script
        };
        let mut held: Vec<_> = (0..LABELLED_SCRIPTS + 50).map(used).collect();
        let shown = text(&scripts);
        let series = shown
            .lines()
            .filter(|l| l.starts_with("http_requests_total"));
        assert_eq!(series.count(), LABELLED_SCRIPTS + 1);
        let shared = r#"http_requests_total{app="_other",script="_other",code="2xx"} 50"#;
        assert!(shown.contains(shared), "{shown}");
        held.truncate(1);
        assert!(!text(&scripts).contains("_other"));
        assert_eq!(scripts.known().len(), 1);
        held.push(used(LABELLED_SCRIPTS));
        assert!(text(&scripts).contains(&format!("\"s{LABELLED_SCRIPTS}\"")));
    }

    #[test]
    fn series_end_with_the_last_handle_and_begin_anew() {
        let scripts = Arc::new(Scripts::default());
        let script = scripts.handles("app", "s");
        let other = scripts.handles("app", "s");
        script.observe(500, Duration::from_millis(3));
        script.ran(TriggerKind::Http, "limit");
        script.ran(TriggerKind::Cron, "ok");
        drop(script);
        assert!(text(&scripts).contains("app=\"app\""));
        drop(other);
        assert!(!text(&scripts).contains("app=\"app\""));
        let again = scripts.handles("app", "s");
        again.observe(500, Duration::from_millis(3));
        assert!(
            text(&scripts).contains(r#"http_requests_total{app="app",script="s",code="5xx"} 1"#)
        );
    }
}
