//! Ingress, routing, admission and fairness, execution records.
//!
//! This crate knows nothing of Rhai and holds no SQL: scripts run behind
//! [`shared::seam::Executor`], data comes from [`store`].

mod admission;
mod body;
mod catalog;
mod direct;
mod dispatch;
mod door;
mod health;
mod hosts;
mod ingress;
mod internal;
mod invoke;
mod metrics;
mod recorder;
mod runs;
mod tails;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use shared::clock::SharedClock;
use shared::limits::Limits;
use shared::memory::Memory;
use shared::origin::OwnHosts;
use shared::record::AttemptRecord;
use shared::seam::{Executor, Runner};
use store::Store;

use direct::DirectRuns;
use ingress::Door;

pub use admission::Rate;
pub use body::{BoxBody, BoxError};
pub use catalog::{CatalogHandle, LiveCatalog};
pub use dispatch::{DispatchConfig, Dispatcher};
pub use door::HostDoor;
pub use health::Health;
pub use ingress::{
    AdminPlace, AdminReach, ControlHandler, ControlPlane, Ingress, IngressConfig, Network,
    NetworkError, PeerInfo, Shutdown, bind, serve,
};
pub use internal::serve_internal;
pub use invoke::ScriptHost;
pub use metrics::{Format, Kind as MetricKind, Metrics};
pub use recorder::Recorder;
pub use tails::{Reading, TailItem, Tails, Wanted};

/// How to set the orchestrator up.
#[derive(Clone, Debug)]
pub struct OrchestratorConfig {
    /// Bounds of the ingress.
    pub ingress: IngressConfig,
    /// The highest limits a script can ask for.
    pub ceiling: Limits,
    /// Requests under way per app.
    pub app_concurrency: u32,
    /// Hosts that are no app's, whoever claimed them.
    pub own_hosts: Arc<OwnHosts>,
    /// How long a change waits for what it brings to be compiled, before it is served.
    pub warm_first: Duration,
    /// The program's version.
    pub version: String,
}

/// The parts of the request path, wired.
#[derive(Clone, Debug)]
pub struct Orchestrator {
    catalog: Arc<LiveCatalog>,
    recorder: Arc<Recorder>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    gate: Arc<admission::Gate>,
    attempts: Tails<AttemptRecord>,
    runs: Arc<runs::Runs>,
    direct: DirectRuns,
    store: Store,
    clock: SharedClock,
    config: OrchestratorConfig,
}

impl Orchestrator {
    /// Wires the parts; nothing runs yet.
    pub fn new(
        config: OrchestratorConfig,
        store: Store,
        executor: Arc<dyn Executor>,
        clock: SharedClock,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        metrics.build(&config.version);
        let bounds = catalog::Bounds {
            ceiling: config.ceiling,
            app_concurrency: config.app_concurrency,
            own_hosts: Arc::clone(&config.own_hosts),
            warm_first: config.warm_first,
        };
        let catalog = LiveCatalog::new(
            store.clone(),
            Arc::clone(&executor),
            Arc::clone(&metrics),
            bounds,
        );
        let gate = admission::Gate::new(config.ingress.concurrency);
        let counted = Arc::clone(&gate);
        metrics.observe(
            MetricKind::Gauge,
            "http_requests_in_flight",
            "Requests of scripts under way",
            move || u64::from(counted.under_way()),
        );
        observe_events(&metrics, &store, &clock);
        let recorder = Recorder::new(store.clone(), Arc::clone(&clock), Arc::clone(&metrics));
        let memory = Arc::clone(&config.ingress.memory);
        observe_memory(&metrics, &memory);
        let runs = runs::Runs::new(executor, Arc::clone(&recorder), memory, Arc::clone(&clock));
        let direct = DirectRuns::new(Arc::clone(&catalog), Arc::clone(&runs), Arc::clone(&clock));
        Self {
            catalog,
            gate,
            attempts: Tails::new(dispatch::weight_of_attempt),
            direct,
            runs,
            recorder,
            health: Arc::new(Health::new(store.clone(), &config.version)),
            metrics,
            store,
            clock,
            config,
        }
    }

    /// What is served.
    pub fn catalog(&self) -> Arc<LiveCatalog> {
        Arc::clone(&self.catalog)
    }

    /// Where finished runs go.
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Where attempts at events are told as they end.
    pub fn attempts(&self) -> Tails<AttemptRecord> {
        self.attempts.clone()
    }

    /// What `/metrics` shows.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// What `/readyz` says.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Lets scripts call the scripts that are served here.
    pub fn connect(&self, host: &ScriptHost) {
        host.connect(invoke::Parts {
            catalog: self.catalog(),
            runs: Arc::clone(&self.runs),
            recorder: self.recorder(),
            clock: Arc::clone(&self.clock),
        });
    }

    /// What runs scripts for the control plane.
    pub fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(self.direct.clone())
    }

    /// What delivers events.
    pub fn dispatcher(&self, config: DispatchConfig) -> Arc<Dispatcher> {
        Arc::new(Dispatcher {
            config,
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            catalog: self.catalog(),
            runs: Arc::clone(&self.runs),
            metrics: self.metrics(),
            tail: self.attempts(),
            requests: Arc::clone(&self.gate),
        })
    }

    /// The ingress of the public listener. The control plane answers on its own host, if it has one
    /// there.
    pub fn ingress(&self, control: Option<ControlPlane>) -> Arc<Ingress> {
        self.behind(Door::Apps, control)
    }

    /// The ingress of the admin listener.
    pub fn admin_ingress(&self, control: ControlPlane) -> Arc<Ingress> {
        self.behind(Door::Admin, Some(control))
    }

    fn behind(&self, door: Door, control: Option<ControlPlane>) -> Arc<Ingress> {
        Arc::new(Ingress {
            door,
            gate: Arc::clone(&self.gate),
            config: self.config.ingress.clone(),
            catalog: self.catalog(),
            runs: Arc::clone(&self.runs),
            metrics: self.metrics(),
            health: self.health(),
            tokens: tokens::TokenCheck::new(
                self.store.clone(),
                Arc::clone(&self.clock),
                self.catalog.generation(),
            ),
            control,
            clock: Arc::clone(&self.clock),
            store: self.store.clone(),
        })
    }
}

fn observe_memory(metrics: &Metrics, memory: &Arc<Memory>) {
    let (used, most, refused) = (Arc::clone(memory), Arc::clone(memory), Arc::clone(memory));
    metrics.observe(
        MetricKind::Gauge,
        "memory_held_bytes",
        "Bytes held: bodies of requests, large answers, what scripts allocate",
        move || used.used(),
    );
    metrics.observe(
        MetricKind::Gauge,
        "memory_budget_bytes",
        "Bytes that may be held",
        move || most.most(),
    );
    metrics.observe(
        MetricKind::Counter,
        "memory_refusals",
        "How often there was no room for more bytes",
        move || refused.refused(),
    );
}

/// What waits, from what the dispatcher knows: no statement is run for it. The numbers of rows and
/// bytes are exact where one process uses the database; where several do, this one counts what was
/// there at its start, what it wrote since, and what it settled.
fn observe_events(metrics: &Arc<Metrics>, store: &Store, clock: &SharedClock) {
    let of = store.clone();
    metrics.observe(
        MetricKind::Gauge,
        "events_waiting",
        "Events of all apps that are not handled yet, delayed ones and those under way included",
        move || of.handover().backlogs().values().map(|b| b.rows).sum(),
    );
    let of = store.clone();
    metrics.observe(
        MetricKind::Gauge,
        "events_waiting_bytes",
        "Bytes of their payloads",
        move || of.handover().backlogs().values().map(|b| b.bytes).sum(),
    );
    let (of, clock) = (Arc::downgrade(metrics), Arc::clone(clock));
    metrics.observe(
            MetricKind::Gauge,
        "events_overdue_seconds",
        "How long the event that could be handled longest has been waiting, or is under way; 0 when \
         none is due",
        move || {
            let metrics = of.upgrade();
            metrics.map_or(0, |metrics| metrics.overdue(clock.now()).as_secs())
        },
    );
}
