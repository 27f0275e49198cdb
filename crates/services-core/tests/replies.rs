//! What the database reads for a run is held within the memory of the instance until it is gone.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use bytes::Bytes;
use services_core::Services;
use shared::clock::Timestamp;
use shared::event::Cause;
use shared::id::{AppId, ExecutionId};
use shared::kv::{KvCall, KvCondition, KvOp, KvRange, KvValue};
use shared::limits::{LimitSettings, Limits};
use shared::memory::{Memory, Order};
use shared::seam::{Answered, Caller, Host as _, HostAnswer};
use shared::service::dead_letters::DeadLettersCall;
use shared::service::{HostCall, HostErrorKind};
use store::apps::{self, AppRow};
use store::{Store, StoreConfig};
use tempfile::TempDir;
use test_support::ManualClock;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const VALUE: usize = 1_000_000;

struct Rig {
    services: Services,
    caller: Caller,
    memory: Arc<Memory>,
    _folder: TempDir,
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

impl Rig {
    /// One app with a value of a megabyte, in an instance with so much memory for all.
    fn new(memory: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(&StoreConfig::sqlite(folder.path())).unwrap();
        let app = AppRow {
            id: AppId::new(NOW),
            slug: "shop".parse().unwrap(),
            description: String::new(),
            is_default: false,
            limits: LimitSettings::default(),
            active_release: None,
            created_at: NOW,
            updated_at: NOW,
        };
        let row = app.clone();
        block_on(store.change(move |change| apps::insert(change, &row))).unwrap();
        let memory = Memory::new(memory);
        let clock = Arc::new(ManualClock::new(NOW));
        let execution = ExecutionId::new(NOW);
        let rig = Self {
            services: Services::new(store, clock as _, Arc::clone(&memory)),
            caller: Caller {
                app: app.id,
                execution,
                cause: Cause::first(execution),
                memory: 64 << 20,
                cpu: Limits::default().cpu,
                order: Order::Request,
            },
            memory,
            _folder: folder,
        };
        let value = KvValue::Blob(Bytes::from(vec![7; VALUE]));
        let set = KvOp::Set {
            key: "v".to_owned(),
            value,
            ttl_ms: None,
            condition: KvCondition::None,
        };
        rig.ask(kv(set)).answer.unwrap();
        rig
    }

    fn ask(&self, call: HostCall) -> Answered {
        match self.services.call(self.caller, call) {
            HostAnswer::Ready(answer) => answer.into(),
            HostAnswer::Pending(future) => block_on(future),
        }
    }
}

fn kv(op: KvOp) -> HostCall {
    HostCall::Kv(KvCall {
        collection: "c".parse().unwrap(),
        op,
    })
}

/// The value so many times.
fn many(times: usize) -> HostCall {
    kv(KvOp::GetMany(vec!["v".to_owned(); times]))
}

#[test]
fn an_answer_holds_its_memory_until_it_is_gone() {
    let rig = Rig::new(256 << 20);
    let range = KvOp::List(KvRange {
        limit: 10,
        ..KvRange::default()
    });
    for (call, values) in [(many(28), 28), (kv(range), 1)] {
        let answered = rig.ask(call);
        assert!(answered.answer.is_ok());
        let held = answered.held.expect("it was read on a database thread");
        assert!(held.bytes() >= (values * VALUE) as u64 - (16 << 10));
        assert_eq!(rig.memory.used(), held.bytes());
        drop(held);
        assert_eq!(rig.memory.used(), 0);
    }
}

#[test]
fn what_finds_no_memory_is_read_no_further_and_holds_nothing() {
    let rig = Rig::new(16 << 20);
    let kind = rig.ask(many(28)).answer.unwrap_err().kind;
    assert_eq!(kind, HostErrorKind::NoRoom);
    assert_eq!((rig.memory.used(), rig.memory.refused()), (0, 1));
    assert!(rig.ask(many(9)).answer.is_ok(), "a smaller one has room");
}

#[test]
fn the_limit_of_the_run_is_asked_first() {
    let mut rig = Rig::new(16 << 20);
    rig.caller.memory = 4 << 20;
    let kind = rig.ask(many(28)).answer.unwrap_err().kind;
    assert_eq!(kind, HostErrorKind::Memory);
}

/// Negative control: an instance without a bound reads all of it.
#[test]
fn without_a_bound_all_is_read() {
    let rig = Rig::new(u64::MAX);
    assert!(rig.ask(many(60)).answer.is_ok());
    let list = HostCall::DeadLetters(DeadLettersCall::List { limit: 10 });
    assert!(rig.ask(list).answer.is_ok());
}
