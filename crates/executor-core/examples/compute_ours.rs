//! The scripts of the benchmark's `compute` row in the executor, as a request runs them: in a
//! coroutine, with every limit checked and every byte counted.

#[path = "compute/programs.rs"]
mod programs;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use executor_core::{ExecutorConfig, LocalExecutor, MeteredAlloc, Mimalloc};
use shared::clock::{Clock as _, SystemClock};
use shared::event::Cause;
use shared::id::{AppId, ContentHash, ExecutionId, RequestId};
use shared::invocation::{
    AppContext, Invocation, LogLine, ModuleSet, ResponseBody, ScriptImage, TriggerKind,
};
use shared::limits::Limits;
use shared::memory::Memory;
use shared::seam::{Caller, Executor as _, Host, HostAnswer};
use shared::service::{HostCall, HostError};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

#[global_allocator]
static ALLOC: MeteredAlloc<Mimalloc> = MeteredAlloc(Mimalloc);

/// These scripts only compute.
struct NoHost;

impl Host for NoHost {
    fn call(&self, _caller: Caller, call: HostCall) -> HostAnswer {
        HostAnswer::Ready(Err(HostError::internal(call.service())))
    }

    fn logged(&self, _: &Invocation, _before: usize, _lines: &[LogLine]) {}
}

fn image(app: AppId, source: &str) -> Arc<ScriptImage> {
    Arc::new(ScriptImage {
        app,
        name: "main".parse().expect("a valid name"),
        version: 1,
        hash: ContentHash::of(source.as_bytes()),
        source: source.into(),
        modules: Arc::new(ModuleSet::default()),
    })
}

fn invocation(app: &Arc<AppContext>, script: &Arc<ScriptImage>) -> Box<Invocation> {
    let now = SystemClock.now();
    let execution = ExecutionId::new(now);
    Box::new(Invocation {
        execution,
        request: RequestId::new(now),
        app: Arc::clone(app),
        script: Arc::clone(script),
        handler: None,
        limits: Limits {
            wall: Duration::from_mins(1),
            cpu: Duration::from_mins(1),
            operations: test_support::default_ceiling().operations,
            ..Limits::default()
        },
        grant: None,
        trigger: TriggerKind::Manual,
        cause: Cause::first(execution),
        attempt: 1,
        input: None,
    })
}

fn main() {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime starts");
    let config = ExecutorConfig::with_workers(1);
    let memory = Memory::new(1 << 30);
    let executor = LocalExecutor::new(config, Arc::new(NoHost), Arc::new(SystemClock), memory);
    let app = Arc::new(AppContext {
        id: AppId::new(SystemClock.now()),
        slug: "compute".parse().expect("a valid name"),
        env: BTreeMap::new(),
    });
    let local = LocalSet::new();
    local.block_on(&runtime, async { executor.attach(0) });
    let mut images = HashMap::new();
    programs::time_all(|source| {
        let script = images
            .entry(source.to_owned())
            .or_insert_with(|| image(app.id, source));
        let run = executor.execute(invocation(&app, script));
        let outcome = local.block_on(&runtime, run);
        let response = outcome
            .response
            .unwrap_or_else(|| panic!("{:?}", outcome.completion.error));
        let ResponseBody::Full(body) = response.body else {
            panic!("these scripts do not stream");
        };
        String::from_utf8_lossy(&body).into_owned()
    });
}
