//! The services of one process, put together.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{ExecutorConfig, LocalExecutor};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use manager_core::{
    AttemptEvent, AttemptStream, Manager, ManagerConfig, Parts, TailEvent, TailStream, Wanted,
};
use node::Stop;
use node::config::{Config, ConfigError, DatabaseUrl, Layers};
use orchestrator_core::{
    BoxBody, CatalogHandle, ControlHandler, ControlPlane, DispatchConfig, HostDoor, IngressConfig,
    MetricKind, Metrics, Network, Orchestrator, OrchestratorConfig, PeerInfo, Rate, Recorder,
    ScriptHost, TailItem, Tails,
};
use services_core::Services;
use shared::clock::SharedClock;
use shared::id::AppId;
use shared::memory::Memory;
use shared::origin::{Origin, OwnHosts};
use shared::record::AttemptRecord;
use shared::seam::BoxFuture;
use store::executions::LogRow;
use store::handover::BacklogLimit;
use store::{Database, Store, StoreConfig, StoreError};
use tokio::runtime::Handle;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};
use tower::ServiceExt as _;

use crate::error::CommandError;
use crate::listeners::Places;

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a change waits for what it brings to be compiled: it is seen by all servers within a
/// second.
const WARM_FIRST: Duration = Duration::from_millis(200);

fn unreadable(error: &StoreError) -> CommandError {
    CommandError::Service(format!("cannot read what is deployed: {error}"))
}

/// The parts a running server needs hold of.
pub(crate) struct Platform {
    pub(crate) executor: Arc<LocalExecutor>,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) manager: Arc<Manager>,
}

impl Platform {
    /// Puts the parts together and loads what is deployed; nothing runs yet.
    pub(crate) async fn assemble(
        config: &Config,
        ingress: IngressConfig,
        store: &Store,
        public_url: &Origin,
        stop: &Stop,
    ) -> Result<Self, CommandError> {
        let clock: SharedClock = store.clock();
        let own_hosts = Arc::new(own_hosts(config));
        let admin_url = ingress.admin.origin.clone();
        let memory = Arc::clone(&ingress.memory);
        let services = Services::new(store.clone(), Arc::clone(&clock), Arc::clone(&memory));
        let host = ScriptHost::new(Arc::new(services));
        let door = HostDoor::new(Arc::clone(&host) as _);
        let executor = LocalExecutor::new(
            executor_config(config),
            Arc::clone(&door) as _,
            Arc::clone(&clock),
            memory,
        );
        let orchestrator = Orchestrator::new(
            OrchestratorConfig {
                ingress,
                ceiling: config.ceiling,
                app_concurrency: config.admission.app_concurrency,
                own_hosts: Arc::clone(&own_hosts),
                warm_first: WARM_FIRST,
                version: VERSION.to_owned(),
            },
            store.clone(),
            Arc::clone(&executor) as _,
            Arc::clone(&clock),
        );
        orchestrator.connect(&host);
        door.show_in(&orchestrator.metrics());
        observe(&orchestrator.metrics(), store, &executor);
        let loaded = orchestrator.catalog().load_all().await;
        loaded.map_err(|error| unreadable(&error))?;
        let parts = Parts {
            store: store.clone(),
            catalog: Arc::new(CatalogHandle(orchestrator.catalog())),
            runner: orchestrator.runner(),
            validator: Arc::new(executor.validator()),
            tail: tail(orchestrator.recorder(), stop.clone()),
            attempts: attempts(orchestrator.attempts(), stop.clone()),
            prove: Arc::new(services_core::domain_proof),
        };
        let manager = ManagerConfig {
            public_url: public_url.clone(),
            admin_url,
            own_hosts,
            ceiling: config.ceiling,
            version: VERSION.to_owned(),
            clock,
        };
        let manager = Manager::new(manager, parts).await;
        let manager = manager.map_err(|error| CommandError::Service(error.to_string()))?;
        Ok(Self {
            executor,
            orchestrator,
            manager,
        })
    }

    /// The control plane as the ingress calls it.
    pub(crate) fn control_plane(&self, runtime: Handle) -> ControlPlane {
        ControlPlane {
            handler: control_handler(&self.manager),
            runtime,
        }
    }
}

/// Hosts that no app may claim.
fn own_hosts(config: &Config) -> OwnHosts {
    let (admin, public) = (config.admin_url.as_ref(), config.public_url.as_ref());
    OwnHosts::new(admin, public, node::machine::names())
}

/// How to run scripts.
fn executor_config(config: &Config) -> ExecutorConfig {
    ExecutorConfig {
        cache_bytes: config.script_cache,
        mappings: node::machine::mappings(),
        ..ExecutorConfig::with_workers(config.workers)
    }
}

/// How to open the store.
pub(crate) fn store_config(config: &Config) -> StoreConfig {
    StoreConfig {
        database: match &config.database {
            DatabaseUrl::Sqlite => Database::Sqlite,
            DatabaseUrl::Postgres(url) => Database::Postgres(url.clone()),
        },
        lanes: config.connections,
        patience: config.patience,
        backlog: BacklogLimit {
            rows: config.events.backlog,
            bytes: config.events.backlog_bytes,
        },
        storage: config.storage,
        floor: config.floor,
        ..StoreConfig::sqlite(&config.data_dir)
    }
}

/// How events are delivered.
pub(crate) fn dispatch_config(config: &Config) -> DispatchConfig {
    DispatchConfig {
        concurrency: config.events.concurrency,
        pressed: config.workers as u32,
        hints: config.events.hints,
        drain: config.shutdown_timeout,
    }
}

/// The bounds of the ingress.
pub(crate) fn ingress_config(
    config: &Config,
    layers: &Layers,
    places: &Places,
) -> Result<IngressConfig, ConfigError> {
    let networks = config.trusted_proxies.iter().map(|text| {
        let network = text.parse::<Network>();
        network.map_err(|error| layers.refuse("trusted_proxies", error.to_string()))
    });
    let admission = &config.admission;
    Ok(IngressConfig {
        concurrency: admission.concurrency,
        connections: admission.connections,
        app_rate: admission.app_rate.map(|rate| Rate {
            per_second: rate.per_second,
            burst: rate.burst,
        }),
        drain: config.shutdown_timeout,
        memory: Memory::new(config.memory),
        trusted_proxies: networks.collect::<Result<_, _>>()?,
        admin: places.admin.clone(),
        ..IngressConfig::default()
    })
}

fn control_handler(manager: &Arc<Manager>) -> ControlHandler {
    let router = manager_core::router(manager);
    Arc::new(move |mut request: Request<BoxBody>, peer: PeerInfo| {
        request.extensions_mut().insert(peer.request);
        request.extensions_mut().insert(manager_core::PeerInfo {
            address: peer.ip,
            origin: peer.origin,
        });
        // Boxed here: inside of the block below the compiler cannot prove that it may move between
        // threads.
        let answer: BoxFuture<Result<_, _>> = Box::pin(router.clone().oneshot(request));
        Box::pin(async move {
            let response: Response<_> = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            response.map(|body| BoxBody::new(body.map_err(Into::into)))
        })
    })
}

fn tail(recorder: Arc<Recorder>, stop: Stop) -> manager_core::Tail {
    Arc::new(move |app: AppId, wanted: Wanted<LogRow>| -> TailStream {
        let lines = recorder.lines().subscribe(app, wanted);
        let events = lines.map(|item| match item {
            TailItem::Told(line) => TailEvent::Line(line),
            TailItem::Missed(count) => TailEvent::Missed(count),
        });
        Box::pin(until_stop(events, &stop))
    })
}

fn attempts(tail: Tails<AttemptRecord>, stop: Stop) -> manager_core::Attempts {
    Arc::new(
        move |app: AppId, wanted: Wanted<AttemptRecord>| -> AttemptStream {
            let events = tail.subscribe(app, wanted).map(|item| match item {
                TailItem::Told(attempt) => AttemptEvent::Ended(attempt),
                TailItem::Missed(count) => AttemptEvent::Missed(count),
            });
            Box::pin(until_stop(events, &stop))
        },
    )
}

/// A live tail has no end of its own: it ends when the server stops, which would wait for it.
fn until_stop<S: Stream>(events: S, stop: &Stop) -> impl Stream<Item = S::Item> + use<S> {
    let stops = WatchStream::new(stop.watch()).filter(|stops| *stops);
    let ends = stops.map(|_true| None);
    events.map(Some).merge(ends).map_while(|event| event)
}

/// Numbers of the parts the orchestrator knows nothing of.
fn observe(metrics: &Metrics, store: &Store, executor: &Arc<LocalExecutor>) {
    let (statements, commits) = (store.clone(), store.clone());
    let counter = MetricKind::Counter;
    metrics.observe(counter, "store_statements", "Statements run", move || {
        statements.statements()
    });
    metrics.observe(
        counter,
        "store_commits",
        "Transactions committed",
        move || commits.commits(),
    );
    let of = Arc::clone(executor);
    metrics.observe(
        MetricKind::Gauge,
        "scripts_active",
        "Scripts started and not ended",
        move || of.stats().active() as u64,
    );
    let of = Arc::clone(executor);
    metrics.observe(
        counter,
        "sources_compiled",
        "Scripts and modules compiled, to be checked or to be served",
        move || of.stats().sources_compiled,
    );
    let of = Arc::clone(executor);
    metrics.observe(
        counter,
        "scripts_limited",
        "Runs ended by a limit",
        move || of.stats().stopped_by_limit(),
    );
    let of = Arc::clone(executor);
    metrics.observe(
        counter,
        "scripts_panicked",
        "Panics of the platform in scripts, each of which ended its run",
        move || of.stats().panicked,
    );
    let of = Arc::clone(executor);
    metrics.observe(
        counter,
        "scripts_leaked_bytes",
        "Bytes runs left allocated for good",
        move || of.stats().leaked_bytes,
    );
    for number in node::ProcessNumber::ALL {
        let kind = if number.only_grows() {
            MetricKind::Counter
        } else {
            MetricKind::Gauge
        };
        let read = move || number.read();
        metrics.observe_process(kind, number.name(), number.help(), read);
    }
}
