//! What scripts send, through the host's door, against a real database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use services_core::Services;
use shared::clock::{Clock as _, Timestamp};
use shared::event::limits::{DEPTH, EFFECTS, MESSAGE_BYTES};
use shared::event::{Cause, Destination, Effect, Message, ReadKey};
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId};
use shared::kv::{KvCall, KvCondition, KvOp, KvReply, KvValue};
use shared::limits::{LimitSettings, Limits};
use shared::memory::{Memory, Order};
use shared::seam::{Caller, Host as _, HostAnswer};
use shared::service::dead_letters::{DeadLettersCall, DeadLettersReply};
use shared::service::queue::{QueueCall, QueueReply};
use shared::service::tx::{TxCall, TxReply};
use shared::service::{
    DeadLetters, HostCall, HostError, HostErrorKind, HostReply, Kv, Queue, Service, ServiceKind, Tx,
};
use store::apps::{self, AppRow};
use store::handover::BacklogLimit;
use store::{Store, StoreConfig};
use tempfile::TempDir;
use test_support::ManualClock;

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
            services: Services::new(store, Arc::clone(&clock) as _, Memory::new(1 << 30)),
            clock,
            caller: Caller {
                app: app.id,
                execution,
                cause: Cause::first(execution),
                memory: Limits::default().memory,
                cpu: Limits::default().cpu,
                order: Order::Request,
            },
            _folder: folder,
        }
    }

    fn host(&self, call: HostCall) -> Result<HostReply, HostError> {
        match self.services.call(self.caller, call) {
            HostAnswer::Ready(answer) => answer,
            HostAnswer::Pending(future) => block_on(future).answer,
        }
    }

    fn ask<S: Service>(&self, call: S::Call) -> Result<S::Reply, HostError> {
        let reply = self.host(S::wrap(call))?;
        Ok(S::unwrap(reply).expect("the service's own answer"))
    }

    fn apply(&self, reads: Vec<ReadKey>, effects: Vec<Effect>) -> Result<TxReply, HostError> {
        self.ask::<Tx>(TxCall::Commit { reads, effects })
    }

    /// Sends messages to the queue `q`; the events they become.
    fn queue(&self, messages: Vec<Message>) -> Vec<EventId> {
        let queue = "q".parse().unwrap();
        match self.ask::<Queue>(QueueCall::Send { queue, messages }) {
            Ok(QueueReply::Sent(ids)) => ids,
            other => panic!("{other:?}"),
        }
    }

    fn once(&self, body: &str, key: &str) -> Message {
        Message {
            idempotency_key: Some(key.to_owned()),
            ..self.message(body.to_owned())
        }
    }

    fn kv(&self, op: KvOp) -> KvReply {
        self.ask::<Kv>(kv(op)).unwrap()
    }

    fn version(&self, key: &str) -> Option<i64> {
        match self.kv(KvOp::Get(key.to_owned())) {
            KvReply::Entry(entry) => entry.map(|entry| entry.version),
            other => panic!("{other:?}"),
        }
    }

    fn depth(&self) -> u64 {
        match self.ask::<Queue>(QueueCall::Depth("q".parse().unwrap())) {
            Ok(QueueReply::Depth(count)) => count,
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
            unique_for_ms: None,
            attempts: None,
        }
    }

    fn send(&self, body: impl Into<Bytes>) -> Effect {
        Effect::Send("q".parse().unwrap(), self.message(body))
    }
}

#[test]
fn what_the_database_works_for_a_call_is_in_its_answer() {
    let rig = Rig::new();
    let set = KvOp::Append("list".to_owned(), "1".into());
    let count = KvOp::Count(String::new());
    for call in [
        HostCall::Kv(kv(set)),
        HostCall::Kv(kv(count)),
        Queue::wrap(QueueCall::Depth("q".parse().unwrap())),
        Tx::wrap(TxCall::Commit {
            reads: Vec::new(),
            effects: vec![rig.send("1")],
        }),
        DeadLetters::wrap(DeadLettersCall::List { limit: 1 }),
    ] {
        let service = call.service();
        let HostAnswer::Pending(answer) = rig.services.call(rig.caller, call) else {
            panic!("{service} answers at once");
        };
        let answered = block_on(answer);
        answered.answer.unwrap();
        assert!(answered.spent > Duration::ZERO, "{service}");
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

fn done(reply: Result<TxReply, HostError>) {
    assert_eq!(reply, Ok(TxReply::Committed));
}

/// The text of a failure of this kind.
fn failure<R: std::fmt::Debug>(reply: Result<R, HostError>, kind: HostErrorKind) -> String {
    let error = reply.unwrap_err();
    assert_eq!(error.kind, kind, "{error:?}");
    error.message
}

#[test]
fn messages_become_events_in_their_order() {
    let rig = Rig::new();
    let messages = ["1", "2", "3"].map(|body| rig.message(body)).to_vec();
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    assert_eq!(rig.queue(messages), ids);
    assert_eq!(rig.depth(), 3);
}

#[test]
fn an_idempotency_key_is_one_event_for_a_day() {
    let rig = Rig::new();
    let send = || {
        let message = rig.once("1", "order-1");
        (message.id, rig.queue(vec![message])[0])
    };
    let (own, first) = send();
    assert_eq!(own, first);
    let (own, second) = send();
    assert_ne!(own, second);
    assert_eq!(second, first);
    assert_eq!(rig.depth(), 1);
    let twice = vec![rig.once("2", "order-2"), rig.once("3", "order-2")];
    let earlier = twice[0].id;
    assert_eq!(rig.queue(twice), [earlier, earlier]);
    assert_eq!(rig.depth(), 2);
    rig.clock.advance(shared::event::limits::IDEMPOTENCY);
    let (own, third) = send();
    assert_eq!(own, third);
    assert_eq!(rig.depth(), 3);
}

/// A script knows the ids of a transaction's messages before its end: so nothing may be another
/// event then.
#[test]
fn a_transaction_does_not_end_when_a_message_was_sent_meanwhile() {
    let rig = Rig::new();
    let queue = Destination::Queue("q".parse().unwrap());
    let before = |to: &Destination, key: &str| {
        let (to, key) = (to.clone(), key.to_owned());
        rig.ask::<Tx>(TxCall::SentBefore { to, key })
    };
    assert_eq!(before(&queue, "order-1"), Ok(TxReply::SentBefore(None)));
    let once = || Effect::Send("q".parse().unwrap(), rig.once("1", "order-1"));
    let (set, mine) = (Effect::Kv(kv(set("k", "1"))), once());
    let others = rig.once("2", "order-1");
    let id = others.id;
    rig.queue(vec![others]);
    assert_eq!(
        rig.apply(Vec::new(), vec![set, mine]),
        Ok(TxReply::Conflict)
    );
    assert_eq!((rig.version("k"), rig.depth()), (None, 1));
    assert_eq!(before(&queue, "order-1"), Ok(TxReply::SentBefore(Some(id))));
    // Other places have keys of their own.
    for to in [
        Destination::Topic("q".parse().unwrap()),
        Destination::Script("q".parse().unwrap()),
        Destination::Queue("r".parse().unwrap()),
    ] {
        assert_eq!(before(&to, "order-1"), Ok(TxReply::SentBefore(None)));
    }
    rig.clock.advance(shared::event::limits::IDEMPOTENCY);
    assert_eq!(before(&queue, "order-1"), Ok(TxReply::SentBefore(None)));
    done(rig.apply(Vec::new(), vec![once()]));
    for key in ["", "a\0", &"a".repeat(257)] {
        failure(before(&queue, key), HostErrorKind::Invalid);
    }
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
    done(rig.apply(reads(), effects()));
    assert_eq!(rig.depth(), 1);
    let after = rig.version("stock");
    // The same again: both reads are old now.
    assert_eq!(rig.apply(reads(), effects()), Ok(TxReply::Conflict));
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
    failure(reply, HostErrorKind::Conflict);
    assert_eq!(rig.version("other"), None);
    assert_eq!(rig.depth(), 0);
}

#[test]
fn a_full_outbox_is_busy_and_takes_nothing() {
    let rig = Rig::with(BacklogLimit {
        rows: 2,
        bytes: 1 << 20,
    });
    done(rig.apply(Vec::new(), vec![rig.send("1"), rig.send("2")]));
    let effects = vec![Effect::Kv(kv(set("k", "1"))), rig.send("3")];
    let reply = rig.apply(Vec::new(), effects);
    let text = failure(reply, HostErrorKind::Busy);
    assert!(text.contains("try again"), "{text}");
    assert_eq!(rig.version("k"), None);
    assert_eq!(rig.depth(), 2);
    // What sends nothing goes on.
    done(rig.apply(Vec::new(), vec![Effect::Kv(kv(set("k", "1")))]));
}

#[test]
fn a_chain_of_events_has_an_end() {
    let mut rig = Rig::new();
    rig.caller.cause.depth = DEPTH - 1;
    done(rig.apply(Vec::new(), vec![rig.send("1")]));
    rig.caller.cause.depth = DEPTH;
    let text = failure(
        rig.apply(Vec::new(), vec![rig.send("1")]),
        HostErrorKind::Limit,
    );
    assert!(text.contains("loop"), "{text}");
    assert_eq!(rig.depth(), 1);
}

#[test]
fn what_no_sdk_sends_is_refused() {
    use HostErrorKind::{Invalid, Limit};

    let rig = Rig::new();
    let with = |change: &dyn Fn(&mut Message)| {
        let mut message = rig.message("1");
        change(&mut message);
        vec![Effect::Send("q".parse().unwrap(), message)]
    };
    let large = format!("\"{}\"", "x".repeat(MESSAGE_BYTES));
    for (what, kind, effects) in [
        ("too large", Limit, vec![rig.send(large)]),
        ("no JSON", Invalid, vec![rig.send("{\"a\":")]),
        ("two texts", Invalid, vec![rig.send("1},{")]),
        ("not UTF-8", Invalid, vec![rig.send(&b"\"\xFF\""[..])]),
        ("too many", Limit, vec![rig.send("1"); EFFECTS + 1]),
        (
            "too much",
            Limit,
            vec![rig.send(format!("\"{}\"", "x".repeat(200_000))); 50],
        ),
        ("empty key", Invalid, with(&|m| m.key = Some(String::new()))),
        ("NUL", Invalid, with(&|m| m.key = Some("a\0".to_owned()))),
        (
            "long key",
            Invalid,
            with(&|m| m.idempotency_key = Some("a".repeat(257))),
        ),
        ("in a long time", Invalid, with(&|m| m.delay_ms = u64::MAX)),
        (
            "a read",
            Invalid,
            vec![Effect::Kv(kv(KvOp::Get("k".to_owned())))],
        ),
        (
            "a large value",
            Limit,
            vec![Effect::Kv(kv(set("k", &"1".repeat((1 << 20) + 1))))],
        ),
        (
            "a long key",
            Invalid,
            vec![Effect::Kv(kv(set(&"k".repeat(513), "1")))],
        ),
    ] {
        let error = rig.apply(Vec::new(), effects).unwrap_err();
        assert_eq!(
            (error.kind, error.service),
            (kind, ServiceKind::Tx),
            "{what}: {error}"
        );
    }
    assert_eq!(rig.depth(), 0);
}

#[test]
fn what_no_sdk_asks_for_is_refused() {
    use HostErrorKind::{Invalid, Limit};

    let rig = Rig::new();
    failure(rig.apply(vec![read("", None)], Vec::new()), Invalid);
    failure(
        rig.apply(vec![read("k", None); EFFECTS + 1], Vec::new()),
        Limit,
    );
    let id = DeadLetterId::new(NOW);
    let payload = Some("[1]".into());
    failure(
        rig.ask::<DeadLetters>(DeadLettersCall::Replay { id, payload }),
        Invalid,
    );
    let messages = vec![rig.message("1"); EFFECTS + 1];
    let queue = "q".parse().unwrap();
    failure(rig.ask::<Queue>(QueueCall::Send { queue, messages }), Limit);
    assert_eq!(rig.depth(), 0);
}

#[test]
fn the_deepest_message_goes_everywhere() {
    let rig = Rig::new();
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let effects = vec![
        rig.send(deep.clone()),
        Effect::Publish("t".parse().unwrap(), rig.message(deep.clone())),
    ];
    done(rig.apply(Vec::new(), effects));
    // There is no script to run later, and nothing else is wrong.
    let later = Effect::Invoke("s".parse().unwrap(), rig.message(deep));
    let refused = rig.apply(Vec::new(), vec![later]).unwrap_err();
    assert_eq!(refused.kind, HostErrorKind::NotFound, "{refused:?}");
}

#[test]
fn dead_letters_that_are_not_there_are_nothing() {
    let rig = Rig::new();
    let list = rig.ask::<DeadLetters>(DeadLettersCall::List { limit: 10 });
    assert_eq!(list, Ok(DeadLettersReply::List("[]".into())));
    let id = DeadLetterId::new(NOW);
    let payload = None;
    for call in [
        DeadLettersCall::Replay { id, payload },
        DeadLettersCall::Discard(id),
    ] {
        let reply = rig.ask::<DeadLetters>(call);
        assert_eq!(reply, Ok(DeadLettersReply::Done(false)));
    }
}
