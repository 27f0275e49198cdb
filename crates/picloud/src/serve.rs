//! `picloud serve`: start, wait, stop.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::config::{Config, ConfigArgs, Environment, InternalListen, Layers};
use node::{Stop, TaskKind, Tasks, Threads};
use orchestrator_core::{IngressConfig, Orchestrator, Recorder};
use shared::clock::{Clock as _, SystemClock};
use shared::zone::{self, ZoneData};
use store::Store;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::commands::{print, reachable};
use crate::error::CommandError;
use crate::local::{Credentials, LocalFiles};
use crate::welcome::Welcome;
use crate::wire::{self, Platform};

/// How long the control plane may take for what is left when the workers have ended.
const CONTROL_PATIENCE: Duration = Duration::from_secs(5);

/// The sockets of a server.
struct Listeners {
    public: Vec<TcpListener>,
    /// Where this machine reaches it.
    url: String,
    /// Where people reach it.
    base_url: String,
    internal: Option<TcpListener>,
}

/// Runs a server until it is told to stop.
pub(crate) fn serve(args: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let started = Instant::now();
    let env = Environment::of_process();
    let layers = Layers::gather(args, &env)?;
    let config = Config::check(&layers)?;
    let ingress = wire::ingress_config(&config, &layers)?;
    node::telemetry::init(&config.log)?;
    use_zone_data(&env);
    if let Err(error) = node::raise_file_limit() {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let listeners = listen(&config)?;
    let store = Store::open(&wire::store_config(&config))?;
    let runtime = node::control_runtime().map_err(CommandError::io("cannot start threads"))?;
    let stop = Stop::default();
    let served = run(
        &config, ingress, &env, &store, listeners, &runtime, &stop, started,
    );
    // Whatever still holds the store is dropped with the runtime. Runs that were cut off have left
    // their records by then, and nothing writes any more.
    runtime.shutdown_timeout(CONTROL_PATIENCE);
    let stored = served.and_then(|recorder| store_last(&recorder));
    store.close();
    stored?;
    tracing::info!("stopped");
    Ok(if stop.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Takes the machine's time zone data, and says so when what is used is old.
fn use_zone_data(env: &Environment) {
    let named = env.get("TZDIR").filter(|named| !named.is_empty());
    zone::use_machines(named.map(Path::new));
    if let Some(warning) = ZoneData::current().warning(SystemClock.now()) {
        tracing::warn!("{warning}");
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a process, each used once"
)]
fn run(
    config: &Config,
    ingress: IngressConfig,
    env: &Environment,
    store: &Store,
    listeners: Listeners,
    runtime: &Runtime,
    stop: &Stop,
    started: Instant,
) -> Result<Arc<Recorder>, CommandError> {
    let platform = Platform::assemble(config, ingress, store, &listeners.base_url, stop);
    let platform = runtime.block_on(platform)?;
    let metrics = internal_url(listeners.internal.as_ref());
    let (ended, delivered) = watch::channel(false);
    let tasks = start_tasks(config, &platform.orchestrator, store, runtime, stop, ended);
    // Before it answers: whoever sees that it is ready may sign in.
    let token = platform.manager.issue_local_token();
    let credentials = Credentials::new(&listeners.url, &token, &config.data_dir);
    let files = LocalFiles::write(&credentials, &config.data_dir, env)
        .map_err(CommandError::io("cannot write the local credential"))?;
    let internal = start_internal(&platform.orchestrator, listeners.internal, stop)?;
    let workers = start_workers(&platform, listeners.public, runtime, stop, delivered)?;
    let welcome = Welcome {
        data_dir: &config.data_dir,
        took: started.elapsed(),
        url: &listeners.base_url,
        metrics,
        setup: platform.manager.setup_token(),
    };
    if let Err(error) = print(&welcome.text()) {
        tracing::warn!(%error, "nobody sees where the server answers");
    }
    runtime.block_on(stop.stopped());
    platform.orchestrator.health().drain();
    workers.join();
    internal.join();
    runtime.block_on(tasks.end());
    files.remove();
    Ok(platform.orchestrator.recorder())
}

/// Stores the last execution records.
fn store_last(recorder: &Recorder) -> Result<(), CommandError> {
    let runtime = node::last_runtime().map_err(CommandError::io("cannot end"))?;
    if let Err(error) = runtime.block_on(recorder.flush()) {
        tracing::error!(%error, "the last execution records could not be stored");
    }
    Ok(())
}

fn listen(config: &Config) -> Result<Listeners, CommandError> {
    let on = |setting, address, workers| {
        orchestrator_core::bind(address, workers)
            .map_err(|error| CommandError::Listen { setting, error })
    };
    let public = on("listen", config.listen, config.workers)?;
    let internal = match config.internal_listen {
        InternalListen::Off => None,
        InternalListen::At(address) => on("internal_listen", address, 1)?.pop(),
    };
    let address = public
        .first()
        .ok_or_else(|| CommandError::Service("there is no worker".to_owned()))?
        .local_addr()
        .map_err(CommandError::io("cannot read the listener's address"))?;
    let base_url = config.public_url.clone();
    Ok(Listeners {
        url: format!("http://{}", reachable(address)),
        base_url: base_url.unwrap_or_else(|| format!("http://localhost:{}", address.port())),
        public,
        internal,
    })
}

fn internal_url(listener: Option<&TcpListener>) -> Option<String> {
    let address = listener?.local_addr().ok()?;
    Some(format!("http://{}/metrics", reachable(address)))
}

/// `ended` becomes true, or is dropped, when event handlers have ended: workers stay for them.
fn start_tasks(
    config: &Config,
    orchestrator: &Orchestrator,
    store: &Store,
    runtime: &Runtime,
    stop: &Stop,
    ended: watch::Sender<bool>,
) -> Tasks {
    let mut tasks = Tasks::new(runtime.handle().clone(), stop.clone());
    tasks.spawn(TaskKind::Signals, node::stop_on_signals(stop.clone()));
    let disk = store.clone();
    tasks.spawn(
        TaskKind::Disk,
        async move { Err(disk.disk_failure().await) },
    );
    let recorder = orchestrator.recorder();
    tasks.spawn(TaskKind::ExecutionRecords, async move {
        recorder.run().await;
        Ok(())
    });
    let catalog = orchestrator.catalog();
    tasks.spawn(TaskKind::Catalog, catalog.follow(config.events.hints));
    let dispatcher = orchestrator.dispatcher(wire::dispatch_config(config));
    let until = stop.clone();
    tasks.spawn(TaskKind::Deliveries, async move {
        let result = dispatcher.run(async move { until.stopped().await }).await;
        ended.send_replace(true);
        result.map_err(|error| error.to_string())
    });
    tasks
}

/// A thread of its own, so that metrics answer while every worker is busy.
fn start_internal(
    orchestrator: &Orchestrator,
    listener: Option<TcpListener>,
    stop: &Stop,
) -> Result<Threads, CommandError> {
    let (metrics, health) = (orchestrator.metrics(), orchestrator.health());
    let watch = stop.watch();
    let work = move |_, listener| {
        let (metrics, health) = (Arc::clone(&metrics), Arc::clone(&health));
        let serving = orchestrator_core::serve_internal(listener, metrics, health, watch.clone());
        async move { serving.await.map_err(|error| error.to_string()) }
    };
    let listeners = listener.into_iter().collect();
    Threads::start(TaskKind::InternalListener, listeners, stop, work)
        .map_err(CommandError::io("cannot start the internal listener"))
}

fn start_workers(
    platform: &Platform,
    listeners: Vec<TcpListener>,
    runtime: &Runtime,
    stop: &Stop,
    delivered: watch::Receiver<bool>,
) -> Result<Threads, CommandError> {
    let control = platform.control_plane(runtime.handle().clone());
    let ingress = platform.orchestrator.ingress(Some(control));
    let executor = Arc::clone(&platform.executor);
    let watch = stop.watch();
    let work = move |index, listener| {
        executor.attach(index);
        let serving = orchestrator_core::serve(listener, Arc::clone(&ingress), watch.clone());
        let mut delivered = delivered.clone();
        async move {
            serving.await.map_err(|error| error.to_string())?;
            // A sender that is gone has nothing running either.
            drop(delivered.wait_for(|delivered| *delivered).await);
            Ok(())
        }
    };
    Threads::start(TaskKind::Worker, listeners, stop, work)
        .map_err(CommandError::io("cannot start the workers"))
}
