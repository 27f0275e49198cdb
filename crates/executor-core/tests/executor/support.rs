//! A worker or two with a tiny host in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use executor_core::{ExecutorConfig, LocalExecutor};
use shared::clock::Timestamp;
use shared::event::{Effect, EventInput, ReadKey};
use shared::id::{AppId, ContentHash, EventId, ExecutionId, RequestId};
use shared::invocation::{
    AppContext, Input, Invocation, LogLine, ModuleSet, Outcome, ResponseBody, ScriptImage,
    TriggerKind, Usage,
};
use shared::kv::{KvCall, KvEntry, KvOp, KvReply, KvValue};
use shared::limits::Limits;
use shared::memory::Memory;
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::{Answered, Caller, Executor, Host, HostAnswer};
use shared::service::dead_letters::{DeadLettersCall, DeadLettersReply};
use shared::service::invoke::{EndsCaller, InvokeCall, InvokeReply, ScriptCall};
use shared::service::pubsub::{PubsubCall, PubsubReply};
use shared::service::queue::{QueueCall, QueueReply};
use shared::service::tx::{TxCall, TxReply};
use shared::service::{HostCall, HostError, HostErrorKind, HostReply, ServiceKind};
use test_support::ManualClock;
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
    /// What the collection `store` holds.
    pub(crate) stored: Mutex<BTreeMap<String, KvEntry>>,
    /// Calls that write or send, as they came.
    pub(crate) calls: Mutex<Vec<HostCall>>,
    /// How many more transactions meet a conflict.
    pub(crate) conflicts: AtomicU32,
    /// The lines of logs it was told, of all runs.
    pub(crate) told: Mutex<Vec<String>>,
    /// Where `invoke::call` runs a script of this source.
    pub(crate) called: OnceLock<(Weak<LocalExecutor>, String)>,
}

impl TestHost {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: watch::Sender::new(false),
            arrived: watch::Sender::new(0),
            ticks: Mutex::default(),
            total: watch::Sender::new(0),
            stored: Mutex::default(),
            calls: Mutex::default(),
            conflicts: AtomicU32::new(0),
            told: Mutex::default(),
            called: OnceLock::new(),
        })
    }

    /// Puts a JSON text into the collection `store`.
    pub(crate) fn store(&self, key: &str, text: &str, version: i64) {
        let entry = KvEntry {
            value: KvValue::Json(Bytes::from(text.to_owned())),
            version,
            expires_at: None,
        };
        self.stored.lock().unwrap().insert(key.to_owned(), entry);
    }

    /// The transactions and messages that arrived: what was read, what is to be done.
    pub(crate) fn applied(&self) -> Vec<(Vec<ReadKey>, Vec<Effect>)> {
        let calls = self.calls.lock().unwrap();
        let sent = |effects| Some((Vec::new(), effects));
        let applied = calls.iter().filter_map(|call| match call.clone() {
            HostCall::Tx(TxCall::Commit { reads, effects }) => Some((reads, effects)),
            HostCall::Queue(QueueCall::Send { queue, messages }) => {
                let effect = |message| Effect::Send(queue.clone(), message);
                sent(messages.into_iter().map(effect).collect())
            }
            HostCall::Pubsub(PubsubCall::Publish { topic, message }) => {
                sent(vec![Effect::Publish(topic, message)])
            }
            HostCall::Invoke(InvokeCall::Later { script, message }) => {
                sent(vec![Effect::Invoke(script, message)])
            }
            _ => None,
        });
        applied.collect()
    }

    /// The collection `store`.
    fn kv(&self, op: KvOp) -> HostAnswer {
        let mut stored = self.stored.lock().unwrap();
        let reply = match &op {
            KvOp::Get(key) => KvReply::Entry(stored.get(key).cloned()),
            KvOp::GetMany(keys) => {
                KvReply::Entries(keys.iter().map(|key| stored.get(key).cloned()).collect())
            }
            _ => KvReply::Written(7),
        };
        // Somebody else writes to this key, twice.
        if let Some(moving) = stored.get_mut("moving").filter(|entry| entry.version < 3) {
            moving.version += 1;
        }
        if let KvReply::Written(_) = reply {
            let collection = "store".parse().unwrap();
            let call = HostCall::Kv(KvCall { collection, op });
            self.calls.lock().unwrap().push(call);
        }
        HostAnswer::Ready(Ok(HostReply::Kv(reply)))
    }

    fn other(&self, caller: Caller, call: HostCall) -> HostAnswer {
        self.calls.lock().unwrap().push(call.clone());
        let reply = match call {
            HostCall::Tx(TxCall::Commit { .. }) => HostReply::Tx(self.commit()),
            HostCall::Tx(TxCall::SentBefore { key, .. }) => {
                let known = (key == "known").then(|| EventId::from_bytes([7; 16]));
                HostReply::Tx(TxReply::SentBefore(known))
            }
            HostCall::Queue(QueueCall::Send { messages, .. }) => {
                let ids = messages.iter().map(|message| message.id);
                HostReply::Queue(QueueReply::Sent(ids.collect()))
            }
            HostCall::Queue(QueueCall::Depth(_)) => HostReply::Queue(QueueReply::Depth(3)),
            HostCall::Pubsub(PubsubCall::Publish { message, .. }) => {
                HostReply::Pubsub(PubsubReply::Published(message.id))
            }
            HostCall::Invoke(InvokeCall::Later { message, .. }) => {
                HostReply::Invoke(InvokeReply::Later(message.id))
            }
            HostCall::Invoke(InvokeCall::Call(call)) if call.script.as_str() == "echo" => {
                HostReply::Invoke(InvokeReply::Returned {
                    value: call.args,
                    usage: Usage::default(),
                })
            }
            HostCall::Invoke(InvokeCall::Call(call)) => return self.run(caller, *call),
            HostCall::DeadLetters(DeadLettersCall::List { limit }) => {
                let list = format!("[{{\"attempts\":{limit}}}]");
                HostReply::DeadLetters(DeadLettersReply::List(list.into()))
            }
            HostCall::DeadLetters(_) => HostReply::DeadLetters(DeadLettersReply::Done(true)),
            other => panic!("this host has no answer to {other:?}"),
        };
        HostAnswer::Ready(Ok(reply))
    }

    fn commit(&self) -> TxReply {
        let before = self.conflicts.load(Ordering::Relaxed);
        if before > 0 {
            self.conflicts.store(before - 1, Ordering::Relaxed);
            return TxReply::Conflict;
        }
        TxReply::Committed
    }

    fn run(&self, caller: Caller, call: ScriptCall) -> HostAnswer {
        let (executor, source) = self.called.get().unwrap();
        if caller.cause.depth >= shared::event::limits::DEPTH {
            let deep = "scripts call each other too deep";
            return HostAnswer::Ready(Err(failed(HostErrorKind::Limit, deep)));
        }
        let fields = [b"{\"args\":", &call.args[..], b"}"].concat();
        let mut run = event_of(
            TriggerKind::Invoke,
            &String::from_utf8(fields).unwrap(),
            source,
        );
        run.cause = caller.cause.follows(caller.execution, EventId::new(NOW));
        // Its own limit is not the one that a quick machine reaches first.
        run.limits.operations = u64::MAX;
        run.grant = Some(Box::new(call.allowance.into()));
        let outcome = executor.upgrade().unwrap().submit(run);
        HostAnswer::Pending(Box::pin(async move {
            let outcome = outcome.await;
            let usage = outcome.completion.usage;
            Ok(HostReply::Invoke(match &outcome.completion.error {
                Some(error) => InvokeReply::Failed {
                    error: failed(HostErrorKind::Conflict, &error.message),
                    usage,
                    ends_caller: error
                        .limit_of
                        .as_ref()
                        .map(|_caller| EndsCaller::Limit(limit(&outcome))),
                },
                None => InvokeReply::Returned {
                    value: body(&outcome).into(),
                    usage,
                },
            }))
            .into()
        }))
    }
}

fn failed(kind: HostErrorKind, text: &str) -> HostError {
    HostError::new(ServiceKind::Kv, kind, text)
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
    fn logged(&self, _: &Invocation, before: usize, lines: &[LogLine]) {
        let mut told = self.told.lock().unwrap();
        assert!(before <= told.len(), "a line is left out");
        told.extend(lines.iter().map(|line| line.message.clone()));
    }

    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        let (collection, op) = match call {
            HostCall::Kv(KvCall { collection, op }) => (collection, op),
            other => return self.other(caller, other),
        };
        if collection.as_str() == "store" {
            return self.kv(op);
        }
        let KvOp::Get(key) = op else {
            return HostAnswer::Ready(Err(failed(HostErrorKind::Invalid, "only reads")));
        };
        match key.as_str() {
            "gate" => {
                let mut gate = self.gate.subscribe();
                self.arrived.send_modify(|count| *count += 1);
                HostAnswer::Pending(Box::pin(async move {
                    if gate.wait_for(|open| *open).await.is_err() {
                        return Err(HostError::internal(ServiceKind::Kv)).into();
                    }
                    json("\"open\"".to_owned()).into()
                }))
            }
            key if key.starts_with("worked ") => {
                let spent = Duration::from_millis(key[7..].parse().unwrap());
                HostAnswer::Pending(Box::pin(async move {
                    Answered {
                        answer: json("1".to_owned()),
                        spent,
                        held: None,
                    }
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
            "no room" => {
                let error = HostError::no_room(ServiceKind::Kv);
                HostAnswer::Ready(Err(error))
            }
            "panic" => panic!("on purpose"),
            "panic later" => HostAnswer::Pending(Box::pin(async { panic!("on purpose") })),
            "large" => HostAnswer::Ready(json(format!("\"{}\"", "x".repeat(500_000)))),
            _ => HostAnswer::Ready(Err(failed(HostErrorKind::Conflict, "not today"))),
        }
    }
}

/// An executor, its host, and threads for the workers that are not the test's own.
pub(crate) struct Rig {
    pub(crate) executor: Arc<LocalExecutor>,
    pub(crate) host: Arc<TestHost>,
    others: RefCell<Vec<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Rig {
    fn new(workers: usize, memory: Arc<Memory>) -> Self {
        let host = TestHost::new();
        let config = ExecutorConfig::with_workers(workers);
        let clock = Arc::new(ManualClock::new(NOW));
        let served = Arc::clone(&host) as Arc<dyn Host>;
        let executor = LocalExecutor::new(config, served, clock, memory);
        let others = (1..workers).map(|index| other(&executor, index));
        let others = RefCell::new(others.collect());
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

impl Rig {
    /// Ends the threads of the workers that are not the test's own.
    pub(crate) fn end_others(&self) {
        for (stop, thread) in self.others.take() {
            // It may have ended already, with its test.
            let _sent = stop.send(());
            thread.join().unwrap();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.end_others();
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
    within(&Memory::new(1 << 30), workers, test);
}

/// The same, with this memory budget for all runs.
pub(crate) fn within(memory: &Arc<Memory>, workers: usize, test: impl AsyncFnOnce(&Rig)) {
    local(async {
        let rig = Rig::new(workers, Arc::clone(memory));
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
pub(crate) fn script(source: &str) -> Box<Invocation> {
    script_of("shop", source)
}

/// A run of this source in the app called `name`.
pub(crate) fn script_of(name: &str, source: &str) -> Box<Invocation> {
    let app = app(name);
    let image = ScriptImage {
        app: app.id,
        name: "main".parse().unwrap(),
        version: 1,
        hash: ContentHash::of(source.as_bytes()),
        source: source.into(),
        modules: Arc::new(ModuleSet::default()),
    };
    let execution = ExecutionId::new(NOW);
    Box::new(Invocation {
        execution,
        request: RequestId::new(NOW),
        app,
        script: Arc::new(image),
        handler: None,
        limits: Limits::default(),
        grant: None,
        trigger: TriggerKind::Manual,
        cause: shared::event::Cause::first(execution),
        attempt: 1,
        input: None,
    })
}

/// A run of this source for an event with these fields.
pub(crate) fn event_of(trigger: TriggerKind, fields: &str, source: &str) -> Box<Invocation> {
    let mut run = script(source);
    run.trigger = trigger;
    run.input = Some(Input::Event(EventInput {
        id: EventId::from_bytes([7; 16]),
        time: NOW,
        fields: Bytes::from(fields.to_owned()),
    }));
    run
}

/// The same run with other limits.
pub(crate) fn limited(source: &str, change: impl FnOnce(&mut Limits)) -> Box<Invocation> {
    let mut invocation = script(source);
    // Slow machines run these tests too.
    invocation.limits.cpu = Duration::from_mins(2);
    invocation.limits.wall = Duration::from_mins(2);
    invocation.limits.operations = u64::MAX;
    invocation.limits.host_calls = u32::MAX;
    change(&mut invocation.limits);
    invocation
}

/// A run that only its own end, or ours, ends.
pub(crate) fn unlimited(source: &str) -> Box<Invocation> {
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
