//! The door between scripts and services: counts what passes, and lets each app have so much under
//! way.
//!
//! It knows of a call what the services' table says: the service, whether it may change something,
//! and how many places it takes. An app that has no place left waits for its own calls, in order;
//! what others ask for does not stand behind all of its calls in the database's queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use shared::id::AppId;
use shared::invocation::{Invocation, LogLine};
use shared::seam::{Caller, Host, HostAnswer};
use shared::service::{HostCall, HostError, HostReply};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::{CallMetrics, Metrics};

/// Places of one app: calls of weight 1 it may have under way. More than a group commit can use.
const PLACES: usize = 256;
/// Apps in the table after which those without calls are forgotten.
const FORGET_AT: usize = 1_000;

/// The services, behind a door.
pub struct HostDoor {
    services: Arc<dyn Host>,
    metrics: Arc<CallMetrics>,
    places: Mutex<HashMap<AppId, Weak<Semaphore>>>,
}

impl std::fmt::Debug for HostDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostDoor")
    }
}

impl HostDoor {
    /// A door to these services.
    pub fn new(services: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self {
            services,
            metrics: Arc::default(),
            places: Mutex::default(),
        })
    }

    /// Shows what passes.
    pub fn show_in(&self, metrics: &Metrics) {
        metrics.calls(&self.metrics);
    }

    /// The places of an app.
    fn places_of(&self, app: AppId) -> Arc<Semaphore> {
        let mut apps = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = apps.get(&app).and_then(Weak::upgrade) {
            return places;
        }
        if apps.len() >= FORGET_AT {
            apps.retain(|_, places| places.strong_count() > 0);
        }
        let places = Arc::new(Semaphore::new(PLACES));
        apps.insert(app, Arc::downgrade(&places));
        places
    }
}

/// Waits for the places of a call; none for a call without weight.
async fn place(places: Option<Arc<Semaphore>>, weight: u32) -> Option<OwnedSemaphorePermit> {
    // It is never closed.
    places?.acquire_many_owned(weight).await.ok()
}

impl Host for HostDoor {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        let began = Instant::now();
        let (service, access, weight) = (call.service(), call.access(), call.weight());
        let count = move |metrics: &CallMetrics, answer: &Result<HostReply, HostError>| {
            // A script that was called and failed is a failure to its caller, as any other.
            let failed = match answer {
                Ok(reply) => reply.failure(),
                Err(error) => Some(error.kind),
            };
            metrics.answered((service, access), failed, began.elapsed());
        };
        match self.services.call(caller, call) {
            HostAnswer::Ready(answer) => {
                count(&self.metrics, &answer);
                HostAnswer::Ready(answer)
            }
            HostAnswer::Pending(future) => {
                let places = (weight > 0).then(|| self.places_of(caller.app));
                let metrics = Arc::clone(&self.metrics);
                HostAnswer::Pending(Box::pin(async move {
                    let place = place(places, weight).await;
                    let answered = future.await;
                    drop(place);
                    count(&metrics, &answered.answer);
                    answered
                }))
            }
        }
    }

    fn logged(&self, invocation: &Invocation, before: usize, lines: &[LogLine]) {
        self.services.logged(invocation, before, lines);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use shared::allowance::Allowance;
    use shared::clock::Timestamp;
    use shared::event::Cause;
    use shared::id::ExecutionId;
    use shared::invocation::Usage;
    use shared::limits::Limits;
    use shared::seam::{Answered, BoxFuture};
    use shared::service::dead_letters::DeadLettersCall;
    use shared::service::invoke::{InvokeCall, InvokeReply, ScriptCall};
    use shared::service::queue::{QueueCall, QueueReply};
    use shared::service::{HostErrorKind, ServiceKind};

    use super::*;
    use crate::metrics::Format;

    /// Begins what is polled and never ends it; depths are answered at once, and so is a script that
    /// fails.
    #[derive(Default)]
    struct Endless(Arc<AtomicUsize>);

    impl Host for Endless {
        fn call(&self, _caller: Caller, call: HostCall) -> HostAnswer {
            if let HostCall::Queue(QueueCall::Depth(queue)) = call {
                let error = HostError::new(ServiceKind::Queue, HostErrorKind::Busy, "later");
                let depth = HostReply::Queue(QueueReply::Depth(1));
                let busy = queue.as_str() == "busy";
                return HostAnswer::Ready(if busy { Err(error) } else { Ok(depth) });
            }
            if let HostCall::Invoke(InvokeCall::Call(call)) = &call
                && call.script.as_str() == "fails"
            {
                return HostAnswer::Ready(Ok(HostReply::Invoke(InvokeReply::Failed {
                    error: HostError::new(ServiceKind::Invoke, HostErrorKind::Conflict, "failed"),
                    usage: Usage::default(),
                    ends_caller: None,
                })));
            }
            let begun = Arc::clone(&self.0);
            HostAnswer::Pending(Box::pin(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                std::future::pending().await
            }))
        }

        fn logged(&self, _: &Invocation, _before: usize, _lines: &[LogLine]) {}
    }

    type Answer = BoxFuture<Answered>;

    struct Rig {
        door: Arc<HostDoor>,
        begun: Arc<AtomicUsize>,
    }

    impl Rig {
        fn new() -> Self {
            let host = Endless::default();
            let begun = Arc::clone(&host.0);
            let door = HostDoor::new(Arc::new(host));
            Self { door, begun }
        }

        fn ask(&self, app: u8, call: HostCall) -> HostAnswer {
            let execution = ExecutionId::new(Timestamp(0));
            let caller = Caller {
                app: AppId::from_bytes([app; 16]),
                execution,
                cause: Cause::first(execution),
                memory: u64::MAX,
                cpu: std::time::Duration::MAX,
                order: shared::memory::Order::Request,
            };
            self.door.call(caller, call)
        }

        /// Asks and polls once.
        fn wait(&self, app: u8, call: HostCall) -> Answer {
            let HostAnswer::Pending(mut answer) = self.ask(app, call) else {
                panic!("it has to wait")
            };
            poll(answer.as_mut());
            answer
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::Relaxed)
        }
    }

    fn poll(answer: Pin<&mut (dyn Future<Output = Answered> + Send)>) {
        let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
    }

    fn send() -> HostCall {
        HostCall::Queue(QueueCall::Send {
            queue: "q".parse().unwrap(),
            messages: Vec::new(),
        })
    }

    fn call_script(name: &str) -> HostCall {
        let (limits, script) = (Limits::default(), name.parse().unwrap());
        HostCall::Invoke(InvokeCall::Call(Box::new(ScriptCall {
            allowance: Allowance::new(&limits, &limits, &script),
            args: "1".into(),
            script,
        })))
    }

    fn call_later() -> HostCall {
        let message = shared::event::Message {
            id: shared::id::EventId::new(Timestamp(0)),
            body: "1".into(),
            key: None,
            delay_ms: 0,
            idempotency_key: None,
            unique_for_ms: None,
            attempts: None,
        };
        let script = "s".parse().unwrap();
        HostCall::Invoke(InvokeCall::Later { script, message })
    }

    fn list() -> HostCall {
        HostCall::DeadLetters(DeadLettersCall::List { limit: 1 })
    }

    #[test]
    fn an_app_waits_for_its_own_calls_only() {
        let rig = Rig::new();
        let mut under_way: Vec<Answer> = (0..PLACES).map(|_| rig.wait(1, send())).collect();
        assert_eq!(rig.begun(), PLACES);
        let mut next = rig.wait(1, send());
        assert_eq!(rig.begun(), PLACES, "no place is left");
        let _other = rig.wait(2, send());
        assert_eq!(rig.begun(), PLACES + 1, "another app has its own");
        let _called = rig.wait(1, call_script("s"));
        assert_eq!(
            rig.begun(),
            PLACES + 2,
            "a script that is called takes none"
        );
        let _later = rig.wait(1, call_later());
        assert_eq!(
            rig.begun(),
            PLACES + 2,
            "one that is to run later is a write like any other"
        );
        under_way.pop();
        poll(next.as_mut());
        assert_eq!(rig.begun(), PLACES + 3, "a place is free again");
    }

    #[test]
    fn heavy_calls_take_more_places() {
        let rig = Rig::new();
        let weight = ServiceKind::DeadLetters.weight() as usize;
        let all = PLACES / weight;
        let _under_way: Vec<Answer> = (0..=all).map(|_| rig.wait(1, list())).collect();
        assert_eq!(rig.begun(), all);
    }

    #[test]
    fn apps_without_calls_are_forgotten() {
        let rig = Rig::new();
        for app in 0..FORGET_AT * 3 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&app.to_le_bytes());
            drop(rig.door.places_of(AppId::from_bytes(id)));
        }
        let apps = rig.door.places.lock().unwrap();
        assert!(apps.len() <= FORGET_AT, "{}", apps.len());
    }

    #[test]
    fn what_passes_is_counted_by_service() {
        let rig = Rig::new();
        let metrics = Metrics::default();
        rig.door.show_in(&metrics);
        for queue in ["q", "q", "busy"] {
            let call = HostCall::Queue(QueueCall::Depth(queue.parse().unwrap()));
            assert!(matches!(rig.ask(1, call), HostAnswer::Ready(_)));
        }
        let failed = rig.ask(1, call_script("fails"));
        assert!(matches!(failed, HostAnswer::Ready(Ok(_))));
        let text = metrics.text(Format::OpenMetrics);
        for line in [
            r#"picloud_host_calls_total{service="invoke",access="write"} 1"#,
            r#"picloud_host_call_errors_total{service="invoke",kind="conflict"} 1"#,
            r#"picloud_host_calls_total{service="queue",access="read"} 3"#,
            r#"picloud_host_calls_total{service="kv",access="write"} 0"#,
            r#"picloud_host_call_errors_total{service="queue",kind="busy"} 1"#,
            r#"picloud_host_call_duration_seconds_count{service="queue"} 3"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
