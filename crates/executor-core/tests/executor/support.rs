//! A worker or two with a tiny host in memory.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use bytes::Bytes;
use executor_core::{ExecutorConfig, LocalExecutor};
use shared::clock::{ManualClock, Timestamp};
use shared::id::{AppId, ContentHash, ExecutionId, RequestId};
use shared::invocation::{
    AppContext, Invocation, ModuleSet, Outcome, ResponseBody, ScriptImage, TriggerKind,
};
use shared::kv::{KvCall, KvEntry, KvOp, KvReply, KvValue};
use shared::limits::Limits;
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::{Caller, Executor, Host, HostAnswer, HostCall, HostError, HostReply};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

/// The time the scripts' clock stands at.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// Answers `kv` reads; the key says how.
pub(crate) struct TestHost {
    /// Opens the gate `get("gate")` waits at.
    pub(crate) gate: watch::Sender<bool>,
    /// How many wait at the gate or passed it.
    pub(crate) arrived: watch::Sender<usize>,
    /// How often each app asked for `tick`.
    pub(crate) ticks: Mutex<BTreeMap<AppId, u64>>,
    /// All of them together.
    pub(crate) total: watch::Sender<u64>,
}

impl TestHost {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: watch::Sender::new(false),
            arrived: watch::Sender::new(0),
            ticks: Mutex::default(),
            total: watch::Sender::new(0),
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a host answers")]
fn json(text: String) -> Result<HostReply, HostError> {
    let value = KvValue::Json(Bytes::from(text));
    Ok(HostReply::Kv(KvReply::Entry(Some(KvEntry {
        value,
        version: 1,
        expires_at: None,
    }))))
}

impl Host for TestHost {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        let HostCall::Kv(KvCall {
            op: KvOp::Get(key), ..
        }) = call
        else {
            return HostAnswer::Ready(Err(HostError::Invalid("only reads".to_owned())));
        };
        match key.as_str() {
            "gate" => {
                let mut gate = self.gate.subscribe();
                self.arrived.send_modify(|count| *count += 1);
                HostAnswer::Pending(Box::pin(async move {
                    gate.wait_for(|open| *open)
                        .await
                        .map_err(|_gone| HostError::Internal)?;
                    json("\"open\"".to_owned())
                }))
            }
            "tick" => {
                *self.ticks.lock().unwrap().entry(caller.app).or_default() += 1;
                self.total.send_modify(|count| *count += 1);
                HostAnswer::Ready(json("1".to_owned()))
            }
            "where" => {
                let name = std::thread::current().name().unwrap_or("?").to_owned();
                HostAnswer::Ready(json(format!("{name:?}")))
            }
            "panic" => panic!("on purpose"),
            "large" => HostAnswer::Ready(json(format!("\"{}\"", "x".repeat(500_000)))),
            _ => HostAnswer::Ready(Err(HostError::Conflict("not today".to_owned()))),
        }
    }
}

/// An executor, its host, and threads for the workers that are not the test's own.
pub(crate) struct Rig {
    pub(crate) executor: Arc<LocalExecutor>,
    pub(crate) host: Arc<TestHost>,
    others: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Rig {
    fn new(workers: usize) -> Self {
        let host = TestHost::new();
        let config = ExecutorConfig::with_workers(workers);
        let clock = Arc::new(ManualClock::new(NOW));
        let executor = LocalExecutor::new(config, Arc::clone(&host) as Arc<dyn Host>, clock);
        let others = (1..workers).map(|index| other(&executor, index)).collect();
        Self {
            executor,
            host,
            others,
        }
    }

    /// Runs a script to its end.
    pub(crate) async fn run(&self, source: &str) -> Outcome {
        self.executor.execute(script(source)).await
    }

    /// Scripts that have not ended.
    pub(crate) fn active(&self) -> usize {
        self.executor.stats().active()
    }

    /// Runs other tasks until no script is left.
    pub(crate) async fn settle(&self) {
        while self.active() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for (stop, thread) in self.others.drain(..) {
            // It may have ended already, with its test.
            let _sent = stop.send(());
            thread.join().unwrap();
        }
    }
}

fn other(executor: &Arc<LocalExecutor>, index: usize) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let executor = Arc::clone(executor);
    let thread = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            local(async move {
                executor.attach(index);
                ready.send(()).unwrap();
                drop(stopped.await);
            });
        })
        .unwrap();
    is_ready.recv().unwrap();
    (stop, thread)
}

fn local<R>(work: impl Future<Output = R>) -> R {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// Runs a test on a worker thread: worker 0 of `workers`.
pub(crate) fn on_worker(workers: usize, test: impl AsyncFnOnce(&Rig)) {
    local(async {
        let rig = Rig::new(workers);
        rig.executor.attach(0);
        test(&rig).await;
    });
}

/// The app called `name`; the same one each time.
pub(crate) fn app(name: &str) -> Arc<AppContext> {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let slug = name.parse().unwrap();
    Arc::new(AppContext {
        id: AppId::from_bytes(id),
        slug,
        env: BTreeMap::new(),
    })
}

/// A run of this source in the app `shop`.
pub(crate) fn script(source: &str) -> Invocation {
    script_of("shop", source)
}

/// A run of this source in the app called `name`.
pub(crate) fn script_of(name: &str, source: &str) -> Invocation {
    let app = app(name);
    let image = ScriptImage {
        app: app.id,
        name: "main".parse().unwrap(),
        version: 1,
        hash: ContentHash::of(source.as_bytes()),
        source: source.into(),
        modules: Arc::new(ModuleSet::default()),
    };
    Invocation {
        execution: ExecutionId::new(NOW),
        request: RequestId::new(NOW),
        app,
        script: Arc::new(image),
        handler: None,
        limits: Limits::default(),
        trigger: TriggerKind::Manual,
        http: None,
    }
}

/// The same run with other limits.
pub(crate) fn limited(source: &str, change: impl FnOnce(&mut Limits)) -> Invocation {
    let mut invocation = script(source);
    // Slow machines run these tests too.
    invocation.limits.cpu = std::time::Duration::from_mins(2);
    invocation.limits.wall = std::time::Duration::from_mins(2);
    invocation.limits.operations = u64::MAX;
    invocation.limits.host_calls = u32::MAX;
    change(&mut invocation.limits);
    invocation
}

/// A run that only its own end, or ours, ends.
pub(crate) fn unlimited(source: &str) -> Invocation {
    limited(source, |_| {})
}

/// The body of an answer.
pub(crate) fn body(outcome: &Outcome) -> String {
    let error = &outcome.completion.error;
    let Some(response) = &outcome.response else {
        panic!("no response: {error:?}")
    };
    let ResponseBody::Full(bytes) = &response.body else {
        panic!("a stream")
    };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Why a run failed.
pub(crate) fn failure(outcome: &Outcome) -> ScriptErrorKind {
    outcome
        .completion
        .error
        .as_ref()
        .expect("the run failed")
        .kind
}

/// The limit a run ran into.
pub(crate) fn limit(outcome: &Outcome) -> LimitKind {
    match failure(outcome) {
        ScriptErrorKind::Limit(limit) => limit,
        other => panic!("{other:?}: {:?}", outcome.completion.error),
    }
}

/// Polls once.
pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}
