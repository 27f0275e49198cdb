//! What `/metrics` shows. Handles are made when a release is loaded; a request only adds to them.

mod calls;
mod format;
mod histogram;
mod observed;
mod scripts;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shared::clock::Timestamp;

pub(crate) use calls::CallMetrics;
pub use format::Format;
use histogram::DurationHistogram;
pub use observed::Kind;
use observed::{Number, Observed};
pub(crate) use scripts::ScriptMetrics;
use scripts::Scripts;

/// What the names of our own metrics start with.
const PREFIX: &str = "picloud";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabel {
    status: u32,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Mutex<Registry>,
    scripts: Arc<Scripts>,
    own_answers: Family<StatusLabel, Counter>,
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
    ticks_skipped: Counter,
    waited: DurationHistogram,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix(PREFIX);
        let scripts = Arc::new(Scripts::default());
        scripts.register(registry);
        let own_answers = Family::default();
        registry.register(
            "http_platform_answers",
            "Requests the platform answered itself, by status: refused ones, the admin API, health",
            own_answers.clone(),
        );
        let connections = Gauge::default();
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
        deliveries.register(registry);
        Self {
            registry: Mutex::new(all),
            scripts,
            own_answers,
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
            (
                "schedule_ticks_skipped",
                "Times of schedules at which nothing ran because the last run went on",
                &self.ticks_skipped,
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
    /// Counts an answer that no script made.
    pub(crate) fn own_answer(&self, status: StatusCode) {
        let label = StatusLabel {
            status: status.as_u16().into(),
        };
        self.own_answers.get_or_create(&label).inc();
    }

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

    /// Counts times of schedules at which nothing ran because the last run went on.
    pub(crate) fn ticks_skipped(&self, count: u64) {
        self.deliveries.ticks_skipped.inc_by(count);
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

    /// Adds a number of ours that is read whenever metrics are shown. The name of a counter is
    /// without its `_total`.
    pub fn observe(
        &self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = all.sub_registry_with_prefix(PREFIX);
        registry.register_collector(Box::new(Observed {
            name,
            help,
            kind,
            read: Box::new(move || Some(Number::Whole(read()))),
        }));
    }

    /// Adds a number that every process has, under the name that collectors know: without a prefix.
    pub fn observe_process(
        &self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        all.register_collector(Box::new(Observed {
            name,
            help,
            kind,
            read: Box::new(move || read().map(Number::Real)),
        }));
    }

    /// Shows the calls of scripts.
    pub(crate) fn calls(&self, calls: &CallMetrics) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        calls.register(all.sub_registry_with_prefix(PREFIX));
    }

    /// Says which program this is.
    pub(crate) fn build(&self, version: &str) {
        let mut all = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let info = Info::new(vec![("version", version.to_owned())]);
        let registry = all.sub_registry_with_prefix(PREFIX);
        registry.register("build", "The program that runs", info);
    }

    /// The metrics as text.
    pub fn text(&self, format: Format) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        match format {
            Format::OpenMetrics => text,
            Format::Classic => format::classic(&text),
        }
    }

    /// The handles of a script; the same ones for the same names. Its series end with the last one.
    pub(crate) fn script(&self, app: &str, script: &str) -> ScriptMetrics {
        self.scripts.handles(app, script)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_are_counted_in_every_bucket_they_fit() {
        let metrics = Metrics::default();
        let script = metrics.script("a", "b");
        script.observe(200, Duration::from_micros(700));
        script.observe(500, Duration::from_mins(1));
        let text = metrics.text(Format::OpenMetrics);
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
