//! What passes between scripts and services, by service.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use shared::service::{Access, HostErrorKind, ServiceKind};

use super::histogram::DurationHistogram;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    service: &'static str,
    access: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorLabels {
    service: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: &'static str,
}

/// The handles of one service.
#[derive(Debug)]
struct Service {
    reads: Counter,
    writes: Counter,
    duration: DurationHistogram,
}

/// Calls of scripts, their failures and how long they took.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    durations: Family<ServiceLabel, DurationHistogram>,
    /// In the order of [`ServiceKind::ALL`].
    services: Vec<Service>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        let calls = Family::<CallLabels, Counter>::default();
        let durations = Family::<ServiceLabel, DurationHistogram>::default();
        let services = ServiceKind::ALL.iter().map(|kind| {
            let service = kind.as_str();
            let count = |access: Access| {
                let access = access.as_str();
                calls.get_or_create(&CallLabels { service, access }).clone()
            };
            Service {
                reads: count(Access::Read),
                writes: count(Access::Write),
                duration: durations.get_or_create(&ServiceLabel { service }).clone(),
            }
        });
        Self {
            services: services.collect(),
            calls,
            errors: Family::default(),
            durations,
        }
    }
}

impl CallMetrics {
    /// Shows them.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "host_calls",
            "Calls of scripts to services that were answered, by whether they may change something",
            self.calls.clone(),
        );
        registry.register(
            "host_call_errors",
            "Of those, the ones that failed, by kind; a script that was called and failed included",
            self.errors.clone(),
        );
        registry.register_with_unit(
            "host_call_duration",
            "Time from a call to its answer, waiting for a place included",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    /// Counts a call that was answered.
    pub(crate) fn answered(
        &self,
        (service, access): (ServiceKind, Access),
        failed: Option<HostErrorKind>,
        elapsed: Duration,
    ) {
        let Some(handles) = self.services.get(service as usize) else {
            return;
        };
        match access {
            Access::Read => handles.reads.inc(),
            Access::Write => handles.writes.inc(),
        };
        handles.duration.observe(elapsed);
        if let Some(kind) = failed {
            let labels = ErrorLabels {
                service: service.as_str(),
                kind: kind.as_str(),
            };
            self.errors.get_or_create(&labels).inc();
        }
    }
}
