//! What `/metrics` shows. Handles are made when a release is loaded; a request only adds to them.

mod histogram;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};
use shared::clock::Timestamp;
use shared::invocation::TriggerKind;

use histogram::DurationHistogram;

/// Scripts with labels of their own; the rest share `other`, so that labels stay bounded.
const LABELLED_SCRIPTS: usize = 2_000;

/// Ways a run can end, as [`shared::record::ExecutionRecord::outcome`] names them.
const OUTCOMES: [&str; 8] = [
    "ok",
    "compile",
    "runtime",
    "thrown",
    "limit",
    "host",
    "cancelled",
    "internal",
];

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

/// All metrics of the request path.
pub struct Metrics {
    registry: Mutex<Registry>,
    families: Families,
    scripts: Mutex<HashMap<(String, String), ScriptMetrics>>,
    pub(crate) connections: Gauge,
    pub(crate) refused: Counter,
    pub(crate) records_skipped: Counter,
    pub(crate) records_lost: Counter,
    pub(crate) changes_missed: Counter,
    deliveries: Deliveries,
    /// When the first event that is not handled is or was due, in microseconds; the largest number:
    /// there is none.
    first_due: AtomicI64,
}

/// What became of events.
#[derive(Clone, Debug, Default)]
struct Deliveries {
    settled: Counter,
    failed: Counter,
    dead: Counter,
    stale: Counter,
    waited: DurationHistogram,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// The handles of one script. Counters appear in the output with their first use.
#[derive(Clone, Debug)]
pub(crate) struct ScriptMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    families: Families,
    labels: ScriptLabels,
    by_class: [OnceLock<Counter>; 6],
    http_runs: [OnceLock<Counter>; 8],
    duration: DurationHistogram,
}

impl ScriptMetrics {
    /// Counts an answer; `status` 0 is for one nobody waited for.
    pub(crate) fn observe(&self, status: u16, elapsed: std::time::Duration) {
        let class = usize::from(status / 100).min(CLASSES.len() - 1);
        self.0.by_class[class]
            .get_or_init(|| {
                let labels = RequestLabels {
                    app: self.0.labels.app.clone(),
                    script: self.0.labels.script.clone(),
                    code: CLASSES[class],
                };
                self.0.families.requests.get_or_create(&labels).clone()
            })
            .inc();
        self.0.duration.observe(elapsed);
    }

    /// Counts a run of a route that ended this way.
    pub(crate) fn http_run(&self, outcome: &'static str) {
        // An outcome this list does not know would be a defect of this crate; count it as one.
        let at = OUTCOMES.iter().position(|o| *o == outcome);
        let at = at.unwrap_or(OUTCOMES.len() - 1);
        self.0.http_runs[at]
            .get_or_init(|| self.run_counter(TriggerKind::Http, OUTCOMES[at]))
            .inc();
    }

    /// Counts a run that did not come by a route.
    pub(crate) fn other_run(&self, trigger: TriggerKind, outcome: &'static str) {
        self.run_counter(trigger, outcome).inc();
    }

    fn run_counter(&self, trigger: TriggerKind, outcome: &'static str) -> Counter {
        let labels = RunLabels {
            app: self.0.labels.app.clone(),
            script: self.0.labels.script.clone(),
            trigger: trigger.as_str(),
            outcome,
        };
        self.0.families.runs.get_or_create(&labels).clone()
    }
}

/// A number read from somewhere else whenever metrics are shown.
type Reading = Box<dyn Fn() -> u64 + Send + Sync>;

struct Observed {
    name: &'static str,
    help: &'static str,
    read: Reading,
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Collector for Observed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new((self.read)());
        let encoder = encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?;
        gauge.encode(encoder)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("picloud");
        let families = Families::default();
        let connections = Gauge::default();
        registry.register(
            "http_requests",
            "Requests answered by scripts, by status class",
            families.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request's head to the answer's head",
            Unit::Seconds,
            families.durations.clone(),
        );
        registry.register(
            "executions",
            "Runs of scripts, by how they ended",
            families.runs.clone(),
        );
        registry.register("http_connections", "Open connections", connections.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let refused = counter("http_refused", "Requests refused by admission");
        let records_skipped = counter(
            "execution_records_skipped",
            "Runs beyond the bound per app and second, counted but not stored",
        );
        let records_lost = counter(
            "execution_records_lost",
            "Runs dropped because the database was away for too long",
        );
        let changes_missed = counter(
            "catalog_changes_missed",
            "Changes of what is served that no notification told of, found by comparing",
        );
        let deliveries = Deliveries::default();
        deliveries.register(&mut registry);
        Self {
            registry: Mutex::new(registry),
            families,
            scripts: Mutex::default(),
            connections,
            refused,
            records_skipped,
            records_lost,
            changes_missed,
            deliveries,
            first_due: AtomicI64::new(i64::MAX),
        }
    }
}

impl Deliveries {
    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("deliveries", "Events that were handled", &self.settled),
            (
                "delivery_failures",
                "Attempts at events that failed",
                &self.failed,
            ),
            ("dead_letters", "Events given up", &self.dead),
            (
                "delivery_stale_ends",
                "Attempts whose end counted for nothing because another process had taken over",
                &self.stale,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "delivery_wait",
            "Time from when an event could be handled to when it was begun",
            Unit::Seconds,
            self.waited.clone(),
        );
    }
}

impl Metrics {
    /// Counts events whose ends were written, and those of them that counted for nothing.
    pub(crate) fn settled(&self, done: u64, stale: u64) {
        self.deliveries.settled.inc_by(done.saturating_sub(stale));
        self.deliveries.stale.inc_by(stale);
    }

    /// Counts a failed attempt; `dead`: it was the last.
    pub(crate) fn failed_delivery(&self, dead: bool) {
        self.deliveries.failed.inc();
        if dead {
            self.deliveries.dead.inc();
        }
    }

    /// Notes when the first event that is not handled is or was due.
    pub(crate) fn first_due(&self, due: Option<Timestamp>) {
        let due = due.map_or(i64::MAX, Timestamp::as_micros);
        self.first_due.store(due, Ordering::Relaxed);
    }

    /// How long the event that is due longest is due.
    pub(crate) fn overdue(&self, now: Timestamp) -> std::time::Duration {
        now.since(Timestamp(self.first_due.load(Ordering::Relaxed)))
    }

    /// Notes how long an event waited for its attempt.
    pub(crate) fn waited(&self, wait: std::time::Duration) {
        self.deliveries.waited.observe(wait);
    }

    /// Adds a number that is read whenever metrics are shown.
    pub fn observe(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(Observed {
            name,
            help,
            read: Box::new(read),
        }));
    }

    /// The metrics in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }

    /// The handles of a script; the same ones for the same names.
    pub(crate) fn script(&self, app: &str, script: &str) -> ScriptMetrics {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = (app.to_owned(), script.to_owned());
        if let Some(known) = scripts.get(&name) {
            return known.clone();
        }
        if scripts.len() >= LABELLED_SCRIPTS {
            name = ("other".to_owned(), "other".to_owned());
            if let Some(known) = scripts.get(&name) {
                return known.clone();
            }
        }
        let labels = ScriptLabels {
            app: Text(name.0.as_str().into()),
            script: Text(name.1.as_str().into()),
        };
        let handles = ScriptMetrics(Arc::new(Handles {
            families: self.families.clone(),
            duration: self.families.durations.get_or_create(&labels).clone(),
            labels,
            by_class: Default::default(),
            http_runs: Default::default(),
        }));
        scripts.insert(name, handles.clone());
        handles
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn labels_stay_bounded() {
        let metrics = Metrics::default();
        for at in 0..LABELLED_SCRIPTS + 50 {
            let script = metrics.script("app", &format!("s{at}"));
            script.observe(200, Duration::from_millis(3));
        }
        let text = metrics.text();
        let series = text
            .lines()
            .filter(|l| l.starts_with("picloud_http_requests_total"));
        assert_eq!(series.count(), LABELLED_SCRIPTS + 1);
        assert!(
            text.contains(
                r#"picloud_http_requests_total{app="other",script="other",code="2xx"} 50"#
            )
        );
    }

    #[test]
    fn durations_are_counted_in_every_bucket_they_fit() {
        let metrics = Metrics::default();
        let script = metrics.script("a", "b");
        script.observe(200, Duration::from_micros(700));
        script.observe(500, Duration::from_mins(1));
        let text = metrics.text();
        let bucket = |le: &str| {
            format!(
                "picloud_http_request_duration_seconds_bucket{{le=\"{le}\",app=\"a\",script=\"b\"}}"
            )
        };
        assert!(text.contains(&format!("{} 0", bucket("0.0005"))), "{text}");
        assert!(text.contains(&format!("{} 1", bucket("0.001"))), "{text}");
        assert!(text.contains(&format!("{} 2", bucket("+Inf"))), "{text}");
    }
}
