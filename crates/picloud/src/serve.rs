//! `picloud serve`: start, wait, stop.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::config::{Config, ConfigArgs, Environment, Layers};
use node::{Stop, TaskKind, Tasks, Threads};
use orchestrator_core::{IngressConfig, Orchestrator, Recorder};
use shared::clock::{Clock as _, SystemClock};
use shared::zone::{self, ZoneData};
use store::Store;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::commands::print;
use crate::error::CommandError;
use crate::listeners::Listeners;
use crate::local::{Credentials, LocalFiles};
use crate::stopping::Left;
use crate::welcome::Welcome;
use crate::wire::{self, Platform};

/// How long the control plane may take for what is left when the workers have ended.
const CONTROL_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a server until it is told to stop.
pub(crate) fn serve(args: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let started = Instant::now();
    let env = Environment::of_process();
    let layers = Layers::gather(args, &env)?;
    let config = Config::check(&layers)?;
    node::telemetry::init(&config.log)?;
    executor_core::hush_panics();
    use_zone_data(&env);
    if let Err(error) = node::raise_file_limit() {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let listeners = Listeners::bind(&config)?;
    let ingress = wire::ingress_config(&config, &layers, &listeners.places)?;
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
    let Listeners {
        public,
        admin,
        internal,
        places,
    } = listeners;
    let platform = Platform::assemble(config, ingress, store, &places.apps, stop);
    let platform = runtime.block_on(platform)?;
    let (ended, delivered) = watch::channel(false);
    let tasks = start_tasks(config, &platform.orchestrator, store, runtime, stop, ended);
    // Before it answers: whoever sees that it is ready may sign in.
    let token = platform.manager.issue_local_token();
    let (url, apps) = (&places.local_admin, &places.local_apps);
    let credentials = Credentials::new(url, apps, &token, &config.data_dir);
    let files = LocalFiles::write(&credentials, &config.data_dir, env)
        .map_err(CommandError::io("cannot write the local credential"))?;
    let internal = start_internal(&platform.orchestrator, internal, stop)?;
    let left = Left::new(&platform.executor, config.shutdown_timeout);
    let admin = start_admin(&platform, admin, runtime, stop, &left)?;
    let workers = start_workers(&platform, public, runtime, stop, (delivered, left))?;
    let welcome = Welcome {
        data_dir: &config.data_dir,
        took: started.elapsed(),
        places: &places,
        setup: platform.manager.setup_token(),
    };
    if let Err(error) = print(&welcome.text()) {
        tracing::warn!(%error, "nobody sees where the server answers");
    }
    runtime.block_on(stop.stopped());
    platform.orchestrator.health().drain();
    workers.join();
    admin.join();
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

/// A thread of its own, so that the control plane answers while every worker is busy.
fn start_admin(
    platform: &Platform,
    listener: Option<TcpListener>,
    runtime: &Runtime,
    stop: &Stop,
    left: &Arc<Left>,
) -> Result<Threads, CommandError> {
    let control = platform.control_plane(runtime.handle().clone());
    let ingress = platform.orchestrator.admin_ingress(control);
    let (watch, left) = (stop.watch(), Arc::clone(left));
    let work = move |_, listener| {
        let listening = left.listening();
        let serving = orchestrator_core::serve(listener, Arc::clone(&ingress), watch.clone());
        async move {
            let served = serving.await;
            drop(listening);
            served.map_err(|error| error.to_string())
        }
    };
    let listeners = listener.into_iter().collect();
    Threads::start(TaskKind::AdminListener, listeners, stop, work)
        .map_err(CommandError::io("cannot start the admin listener"))
}

fn start_workers(
    platform: &Platform,
    listeners: Vec<TcpListener>,
    runtime: &Runtime,
    stop: &Stop,
    (delivered, left): (watch::Receiver<bool>, Arc<Left>),
) -> Result<Threads, CommandError> {
    let control = platform.control_plane(runtime.handle().clone());
    let ingress = platform.orchestrator.ingress(Some(control));
    let executor = Arc::clone(&platform.executor);
    let watch = stop.watch();
    let work = move |index, listener| {
        executor.attach(index);
        let serving = orchestrator_core::serve(listener, Arc::clone(&ingress), watch.clone());
        let (mut delivered, left) = (delivered.clone(), Arc::clone(&left));
        let listening = left.listening();
        async move {
            let served = serving.await;
            drop(listening);
            // Scripts run here whose clients are connected to other threads.
            left.nothing().await;
            // A sender that is gone has nothing running either.
            drop(delivered.wait_for(|delivered| *delivered).await);
            served.map_err(|error| error.to_string())
        }
    };
    Threads::start(TaskKind::Worker, listeners, stop, work)
        .map_err(CommandError::io("cannot start the workers"))
}
