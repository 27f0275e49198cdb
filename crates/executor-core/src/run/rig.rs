//! An executor on the thread of a test, for tests that need more than its public face.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, ContentHash, ExecutionId, RequestId};
use shared::invocation::{AppContext, Invocation, LogLine, ModuleSet, ScriptImage, TriggerKind};
use shared::limits::Limits;
use shared::memory::Memory;
use shared::seam::{Caller, Host, HostAnswer};
use shared::service::{HostCall, HostError, HostErrorKind};
use test_support::ManualClock;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::executor::{ExecutorConfig, LocalExecutor};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// Answers every call with the same failure.
struct Refusing;

impl Host for Refusing {
    fn call(&self, _caller: Caller, call: HostCall) -> HostAnswer {
        let error = HostError::new(call.service(), HostErrorKind::Conflict, "not today");
        HostAnswer::Ready(Err(error))
    }

    fn logged(&self, _: &Invocation, _before: usize, _lines: &[LogLine]) {}
}

/// Does `work` with an executor whose only worker is this thread.
pub(super) fn on_executor<R>(work: impl AsyncFnOnce(&LocalExecutor) -> R) -> R {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let config = ExecutorConfig::with_workers(1);
        let clock = Arc::new(ManualClock::new(NOW));
        let memory = Memory::new(1 << 30);
        let executor = LocalExecutor::new(config, Arc::new(Refusing), clock, memory);
        executor.attach(0);
        work(&executor).await
    })
}

/// A new app.
pub(super) fn app() -> Arc<AppContext> {
    Arc::new(AppContext {
        id: AppId::new(NOW),
        slug: "shop".parse().unwrap(),
        env: BTreeMap::new(),
    })
}

/// A run of this source.
pub(super) fn run_of(app: &Arc<AppContext>, source: &str) -> Box<Invocation> {
    let execution = ExecutionId::new(NOW);
    Box::new(Invocation {
        execution,
        request: RequestId::new(NOW),
        app: Arc::clone(app),
        script: Arc::new(ScriptImage {
            app: app.id,
            name: "main".parse().unwrap(),
            version: 1,
            hash: ContentHash::of(source.as_bytes()),
            source: source.into(),
            modules: Arc::new(ModuleSet::default()),
        }),
        handler: None,
        limits: Limits::default(),
        grant: None,
        trigger: TriggerKind::Manual,
        cause: Cause::first(execution),
        attempt: 1,
        input: None,
    })
}
