//! What `/metrics` shows. Handles are made when a release is loaded; a request only adds to them.

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Scripts with labels of their own; the rest share `other`, so that labels stay bounded.
const LABELLED_SCRIPTS: usize = 2_000;

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
    code: Text,
}

fn duration_histogram() -> Histogram {
    Histogram::new([
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ])
}

/// All metrics of the request path.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<ScriptLabels, Histogram, fn() -> Histogram>,
    labelled: AtomicUsize,
    pub(crate) connections: Gauge,
    pub(crate) refused: Counter,
    pub(crate) records_skipped: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// The handles of one script.
#[derive(Clone, Debug)]
pub(crate) struct ScriptMetrics {
    /// By the status' first digit; 0 is for answers nobody waited for.
    by_class: [Counter; 6],
    duration: Histogram,
}

impl ScriptMetrics {
    pub(crate) fn observe(&self, status: u16, seconds: f64) {
        let class = usize::from(status / 100).min(5);
        self.by_class[class].inc();
        self.duration.observe(seconds);
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

impl prometheus_client::collector::Collector for Observed {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeMetric;
        let gauge = prometheus_client::metrics::gauge::ConstGauge::new((self.read)());
        let encoder = encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?;
        gauge.encode(encoder)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("picloud");
        let requests = Family::<RequestLabels, Counter>::default();
        let durations = Family::<ScriptLabels, Histogram, fn() -> Histogram>::new_with_constructor(
            duration_histogram,
        );
        let (connections, refused) = (Gauge::default(), Counter::default());
        let records_skipped = Counter::default();
        registry.register(
            "http_requests",
            "Requests answered by scripts",
            requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request's head to the answer's head",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("http_connections", "Open connections", connections.clone());
        registry.register(
            "http_refused",
            "Requests refused by admission",
            refused.clone(),
        );
        registry.register(
            "execution_records_skipped",
            "Successful quiet runs beyond the bound, not stored one by one",
            records_skipped.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            requests,
            durations,
            labelled: AtomicUsize::new(0),
            connections,
            refused,
            records_skipped,
        }
    }
}

impl Metrics {
    /// Adds a number that is read whenever metrics are shown.
    pub fn observe(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let mut registry = self
            .registry
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        registry.register_collector(Box::new(Observed {
            name,
            help,
            read: Box::new(read),
        }));
    }

    /// The metrics in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let registry = self
            .registry
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }

    pub(crate) fn script(&self, app: &str, script: &str) -> ScriptMetrics {
        let over = self.labelled.fetch_add(1, Ordering::Relaxed) >= LABELLED_SCRIPTS;
        let (app, script) = if over {
            ("other", "other")
        } else {
            (app, script)
        };
        let (app, script) = (Text(app.into()), Text(script.into()));
        let class = |code: &str| {
            let labels = RequestLabels {
                app: app.clone(),
                script: script.clone(),
                code: Text(code.into()),
            };
            self.requests.get_or_create(&labels).clone()
        };
        ScriptMetrics {
            by_class: ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            duration: self
                .durations
                .get_or_create(&ScriptLabels {
                    app: app.clone(),
                    script: script.clone(),
                })
                .clone(),
        }
    }
}
