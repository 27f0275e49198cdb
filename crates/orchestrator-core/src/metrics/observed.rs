//! Numbers that are read from somewhere else whenever metrics are shown.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric,
    GaugeValueEncoder,
};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What a number can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A number as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl EncodeCounterValue for Number {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Self::Whole(number) => EncodeCounterValue::encode(number, encoder),
            Self::Real(number) => EncodeCounterValue::encode(number, encoder),
        }
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Self::Whole(number) => EncodeGaugeValue::encode(number, encoder),
            Self::Real(number) => EncodeGaugeValue::encode(number, encoder),
        }
    }
}

/// One number.
pub(super) struct Observed {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// Absent when it cannot be known now.
    pub(super) read: Box<dyn Fn() -> Option<Number> + Send + Sync>,
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Observed {
    fn told<M: EncodeMetric>(
        &self,
        mut encoder: DescriptorEncoder<'_>,
        metric: &M,
    ) -> Result<(), std::fmt::Error> {
        let kind = metric.metric_type();
        let encoder = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        metric.encode(encoder)
    }
}

impl Collector for Observed {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        match ((self.read)(), self.kind) {
            (None, _) => Ok(()),
            (Some(number), Kind::Counter) => self.told(encoder, &ConstCounter::new(number)),
            (Some(number), Kind::Gauge) => self.told(encoder, &ConstGauge::new(number)),
        }
    }
}
