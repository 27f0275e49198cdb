//! What scripts send, through the host's door, against a real database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use bytes::Bytes;
use services_core::Services;
use shared::clock::{Clock as _, ManualClock, Timestamp};
use shared::event::limits::{DEPTH, EFFECTS, MESSAGE_BYTES};
use shared::event::{Cause, Effect, EventCall, EventReply, Message, ReadKey};
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId};
use shared::kv::{KvCall, KvCondition, KvOp, KvReply, KvValue};
use shared::limits::LimitSettings;
use shared::seam::{Caller, Host as _, HostAnswer, HostCall, HostError, HostReply};
use store::apps::{self, AppRow};
use store::handover::BacklogLimit;
use store::{Store, StoreConfig};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

struct Rig {
    services: Services,
    clock: Arc<ManualClock>,
    caller: Caller,
    _folder: TempDir,
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

impl Rig {
    fn new() -> Self {
        Self::with(BacklogLimit::default())
    }

    fn with(backlog: BacklogLimit) -> Self {
        let folder = TempDir::new().unwrap();
        let config = StoreConfig {
            backlog,
            ..StoreConfig::sqlite(folder.path().join("data"))
        };
        let store = Store::open(&config).unwrap();
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
        let execution = ExecutionId::new(NOW);
        let clock = Arc::new(ManualClock::new(NOW));
        Self {
            services: Services::new(store, Arc::clone(&clock) as _),
            clock,
            caller: Caller {
                app: app.id,
                execution,
                cause: Cause::first(execution),
            },
            _folder: folder,
        }
    }

    fn host(&self, call: HostCall) -> Result<HostReply, HostError> {
        match self.services.call(self.caller, call) {
            HostAnswer::Ready(answer) => answer,
            HostAnswer::Pending(future) => block_on(future),
        }
    }

    fn event(&self, call: EventCall) -> Result<EventReply, HostError> {
        match self.host(HostCall::Event(call))? {
            HostReply::Event(reply) => Ok(reply),
            HostReply::Kv(other) => panic!("{other:?}"),
        }
    }

    fn apply(&self, reads: Vec<ReadKey>, effects: Vec<Effect>) -> Result<EventReply, HostError> {
        self.event(EventCall::Apply { reads, effects })
    }

    fn kv(&self, op: KvOp) -> KvReply {
        match self.host(HostCall::Kv(kv(op))).unwrap() {
            HostReply::Kv(reply) => reply,
            HostReply::Event(other) => panic!("{other:?}"),
        }
    }

    fn version(&self, key: &str) -> Option<i64> {
        match self.kv(KvOp::Get(key.to_owned())) {
            KvReply::Entry(entry) => entry.map(|entry| entry.version),
            other => panic!("{other:?}"),
        }
    }

    fn depth(&self) -> u64 {
        match self.event(EventCall::Depth("q".parse().unwrap())).unwrap() {
            EventReply::Count(count) => count,
            other => panic!("{other:?}"),
        }
    }

    fn message(&self, body: impl Into<Bytes>) -> Message {
        Message {
            id: EventId::new(self.clock.now()),
            body: body.into(),
            key: None,
            delay_ms: 0,
            idempotency_key: None,
        }
    }

    fn send(&self, body: impl Into<Bytes>) -> Effect {
        Effect::Send("q".parse().unwrap(), self.message(body))
    }
}

fn kv(op: KvOp) -> KvCall {
    KvCall {
        collection: "c".parse().unwrap(),
        op,
    }
}

fn set(key: &str, text: &str) -> KvOp {
    KvOp::Set {
        key: key.to_owned(),
        value: KvValue::Json(Bytes::from(text.to_owned())),
        ttl_ms: None,
        condition: KvCondition::None,
    }
}

fn read(key: &str, version: Option<i64>) -> ReadKey {
    ReadKey {
        collection: "c".parse().unwrap(),
        key: key.to_owned(),
        version,
    }
}

fn sent(reply: Result<EventReply, HostError>) -> Vec<EventId> {
    match reply {
        Ok(EventReply::Sent(ids)) => ids,
        other => panic!("{other:?}"),
    }
}

fn invalid(reply: Result<EventReply, HostError>) -> String {
    match reply {
        Err(HostError::Invalid(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_become_events_in_their_order() {
    let rig = Rig::new();
    let effects = vec![rig.send("1"), rig.send("2"), rig.send("3")];
    let ids: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Send(_, message) => message.id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sent(rig.apply(Vec::new(), effects)), ids);
    assert_eq!(rig.depth(), 3);
}

#[test]
fn an_idempotency_key_is_one_event_for_a_day() {
    let rig = Rig::new();
    let send = || {
        let mut message = rig.message("1");
        message.idempotency_key = Some("order-1".to_owned());
        let ids = sent(rig.apply(
            Vec::new(),
            vec![Effect::Send("q".parse().unwrap(), message.clone())],
        ));
        (message.id, ids[0])
    };
    let (own, first) = send();
    assert_eq!(own, first);
    let (own, second) = send();
    assert_ne!(own, second);
    assert_eq!(second, first);
    assert_eq!(rig.depth(), 1);
    rig.clock.advance(shared::event::limits::IDEMPOTENCY);
    let (own, third) = send();
    assert_eq!(own, third);
    assert_eq!(rig.depth(), 2);
}

#[test]
fn a_transaction_happens_only_against_what_it_read() {
    let rig = Rig::new();
    rig.kv(set("stock", "5"));
    let version = rig.version("stock");
    let reads = || vec![read("stock", version), read("order", None)];
    let effects = || {
        vec![
            Effect::Kv(kv(set("order", "1"))),
            Effect::Kv(kv(set("stock", "4"))),
            rig.send("1"),
        ]
    };
    assert_eq!(sent(rig.apply(reads(), effects())).len(), 1);
    assert_eq!(rig.depth(), 1);
    let after = rig.version("stock");
    // The same again: both reads are old now.
    assert_eq!(rig.apply(reads(), effects()), Ok(EventReply::Conflict));
    assert_eq!(rig.version("stock"), after, "nothing was written");
    assert_eq!(rig.depth(), 1, "nothing was sent");
}

#[test]
fn an_effect_that_fails_takes_the_others_with_it() {
    let rig = Rig::new();
    rig.kv(set("text", "\"x\""));
    let incr = KvOp::Update("text".to_owned(), shared::kv::KvUpdate::Incr(1));
    let effects = vec![
        Effect::Kv(kv(set("other", "1"))),
        rig.send("1"),
        Effect::Kv(kv(incr)),
    ];
    let reply = rig.apply(Vec::new(), effects);
    assert!(matches!(reply, Err(HostError::Conflict(_))), "{reply:?}");
    assert_eq!(rig.version("other"), None);
    assert_eq!(rig.depth(), 0);
}

#[test]
fn a_full_outbox_is_busy_and_takes_nothing() {
    let rig = Rig::with(BacklogLimit {
        rows: 2,
        bytes: 1 << 20,
    });
    sent(rig.apply(Vec::new(), vec![rig.send("1"), rig.send("2")]));
    let effects = vec![Effect::Kv(kv(set("k", "1"))), rig.send("3")];
    let reply = rig.apply(Vec::new(), effects);
    assert!(matches!(&reply, Err(HostError::Busy(text)) if text.contains("try again")));
    assert_eq!(rig.version("k"), None);
    assert_eq!(rig.depth(), 2);
    // What sends nothing goes on.
    sent(rig.apply(Vec::new(), vec![Effect::Kv(kv(set("k", "1")))]));
}

#[test]
fn a_chain_of_events_has_an_end() {
    let mut rig = Rig::new();
    rig.caller.cause.depth = DEPTH - 1;
    sent(rig.apply(Vec::new(), vec![rig.send("1")]));
    rig.caller.cause.depth = DEPTH;
    let text = invalid(rig.apply(Vec::new(), vec![rig.send("1")]));
    assert!(text.contains("loop"), "{text}");
    assert_eq!(rig.depth(), 1);
}

#[test]
fn what_no_sdk_sends_is_refused() {
    let rig = Rig::new();
    let with = |change: &dyn Fn(&mut Message)| {
        let mut message = rig.message("1");
        change(&mut message);
        vec![Effect::Send("q".parse().unwrap(), message)]
    };
    let large = format!("\"{}\"", "x".repeat(MESSAGE_BYTES));
    for (what, effects) in [
        ("too large", vec![rig.send(large)]),
        ("no JSON", vec![rig.send("{\"a\":")]),
        ("two texts", vec![rig.send("1},{")]),
        ("not UTF-8", vec![rig.send(&b"\"\xFF\""[..])]),
        ("too many", vec![rig.send("1"); EFFECTS + 1]),
        (
            "too much",
            vec![rig.send(format!("\"{}\"", "x".repeat(200_000))); 50],
        ),
        ("empty key", with(&|m| m.key = Some(String::new()))),
        ("NUL", with(&|m| m.key = Some("a\0".to_owned()))),
        (
            "long key",
            with(&|m| m.idempotency_key = Some("a".repeat(257))),
        ),
        ("in a long time", with(&|m| m.delay_ms = u64::MAX)),
        ("a read", vec![Effect::Kv(kv(KvOp::Get("k".to_owned())))]),
        (
            "a large value",
            vec![Effect::Kv(kv(set("k", &"1".repeat((1 << 20) + 1))))],
        ),
        (
            "a long key",
            vec![Effect::Kv(kv(set(&"k".repeat(513), "1")))],
        ),
    ] {
        let reply = rig.apply(Vec::new(), effects);
        assert!(
            matches!(reply, Err(HostError::Invalid(_))),
            "{what}: {reply:?}"
        );
    }
    invalid(rig.apply(vec![read("", None)], Vec::new()));
    invalid(rig.apply(vec![read("k", None); EFFECTS + 1], Vec::new()));
    let id = DeadLetterId::new(NOW);
    invalid(rig.event(EventCall::Replay(id, Some("[1]".into()))));
    assert_eq!(rig.depth(), 0);
}

#[test]
fn the_deepest_message_goes_everywhere() {
    let rig = Rig::new();
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let effects = vec![
        rig.send(deep.clone()),
        Effect::Publish("t".parse().unwrap(), rig.message(deep.clone())),
        Effect::Invoke("s".parse().unwrap(), rig.message(deep)),
    ];
    assert_eq!(sent(rig.apply(Vec::new(), effects)).len(), 3);
}

#[test]
fn dead_letters_that_are_not_there_are_nothing() {
    let rig = Rig::new();
    let list = rig.event(EventCall::DeadLetters { limit: 10 });
    assert_eq!(list, Ok(EventReply::DeadLetters("[]".into())));
    let id = DeadLetterId::new(NOW);
    for call in [EventCall::Replay(id, None), EventCall::Discard(id)] {
        assert_eq!(rig.event(call), Ok(EventReply::Done(false)));
    }
}
