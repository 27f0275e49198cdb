//! One attempt at a delivery: finding its script, running it, recording it, judging it.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::event::EventInput;
use shared::event::limits::CRASHES;
use shared::event::request::StoredRequest;
use shared::id::ExecutionId;
use shared::invocation::{Input, TriggerKind};
use shared::memory::Order;
use shared::name::FunctionName;
use shared::retry::RetryPolicy;
use shared::script_error::{ScriptError, ScriptErrorKind};
use store::StoreError;
use store::outbox::Delivery;
use store::triggers::PARKED;

use super::parts::Dispatcher;
use crate::admission::Permit;
use crate::catalog::{LiveApp, LiveScript};
use crate::runs::Plan;

/// How long a delivery waits whose script has all its runs under way.
const CROWDED: Duration = Duration::from_millis(100);

/// How long a delivery waits when the server has no memory for it.
const FULL: Duration = Duration::from_secs(1);

/// How long is waited when the database is away.
const AWAY: Duration = Duration::from_millis(500);

/// A delivery about to be tried.
pub(super) struct Attempt {
    parts: Arc<Dispatcher>,
    delivery: Delivery,
    now: Timestamp,
    /// The run and how long it took.
    ran: Option<(ExecutionId, Duration)>,
}

/// How it went.
pub(super) struct Finished {
    pub(super) delivery: Delivery,
    pub(super) ran: Option<(ExecutionId, Duration)>,
    pub(super) end: End,
}

/// What is to be done now.
pub(super) enum End {
    /// It was handled, or nobody is there to handle it any more.
    Done,
    /// It failed.
    Failed {
        error: Box<ScriptError>,
        execution: ExecutionId,
        retry: RetryPolicy,
    },
    /// It could not start; nothing counts.
    NotYet(Timestamp),
    /// It is in other hands.
    Gone,
}

/// Who handles a delivery.
struct Handler {
    app: Arc<LiveApp>,
    script: Arc<LiveScript>,
    function: Option<FunctionName>,
    retry: RetryPolicy,
}

enum Found {
    Handler(Handler),
    /// What is deployed could not be read: who knows.
    Unread,
    /// The app is gone.
    Nobody,
    /// A queue without a consumer.
    NoConsumer,
    /// The trigger or script, which is not in the active release.
    Missing(String),
}

impl Attempt {
    /// What is told of it when it panics: a defect of the platform, which is no end of delivering.
    pub(super) fn panicked(&self) -> Finished {
        let message = "the platform failed while it handled this event".to_owned();
        Finished {
            delivery: self.delivery.clone(),
            ran: None,
            end: End::Failed {
                error: Box::new(ScriptError::new(ScriptErrorKind::Internal, message)),
                execution: ExecutionId::new(self.now),
                retry: self.policy(RetryPolicy::default()),
            },
        }
    }

    pub(super) fn new(parts: &Arc<Dispatcher>, delivery: Delivery, now: Timestamp) -> Self {
        Self {
            parts: Arc::clone(parts),
            delivery,
            now,
            ran: None,
        }
    }

    /// Makes it.
    pub(super) async fn make(mut self) -> Finished {
        let end = self.run().await;
        Finished {
            delivery: self.delivery,
            ran: self.ran,
            end,
        }
    }

    async fn run(&mut self) -> End {
        let handler = match self.handler().await {
            Found::Handler(handler) => handler,
            Found::Unread => return End::NotYet(self.parts.clock.now().plus(AWAY)),
            Found::Nobody => return End::Done,
            Found::NoConsumer => return End::NotYet(PARKED),
            Found::Missing(what) => {
                let message =
                    format!("{what} is not in the active release; deploy it and replay this event");
                return self.hopeless(ScriptErrorKind::Compile, message);
            }
        };
        self.delivery.script = Some(handler.script.image.name.to_string());
        self.delivery.handler = handler.function.as_ref().map(ToString::to_string);
        if self.delivery.crashes >= CRASHES {
            let message = format!(
                "the server ended {CRASHES} times while it handled this event, which is not tried again"
            );
            return self.hopeless(ScriptErrorKind::Internal, message);
        }
        let Some(permit) = handler.script.gate.enter() else {
            return End::NotYet(self.parts.clock.now().plus(CROWDED));
        };
        if !self.parts.runs.has_room(self.delivery.app, self.order()) {
            return End::NotYet(self.parts.clock.now().plus(FULL));
        }
        if self.delivery.suspect {
            match self.mark().await {
                Ok(true) => {}
                Ok(false) => return End::Gone,
                Err(error) => {
                    tracing::warn!(%error, "a delivery cannot be begun; trying again");
                    return End::NotYet(self.parts.clock.now().plus(AWAY));
                }
            }
        }
        // The process may have been paused since it was decided that this begins.
        if !self.parts.store.handover().holds() {
            return End::NotYet(self.now);
        }
        self.handle(handler, permit).await
    }

    /// Notes in the database that this attempt begins, because it may be the last thing this
    /// process does. `false`: it has changed hands.
    async fn mark(&self) -> Result<bool, StoreError> {
        let node = self.parts.store.handover().node();
        let (seq, epoch) = (self.delivery.seq, self.delivery.epoch);
        let store = &self.parts.store;
        store
            .write(move |conn| store::outbox::mark_started(conn, node, seq, epoch))
            .await
    }

    fn hopeless(&self, kind: ScriptErrorKind, message: String) -> End {
        End::Failed {
            error: Box::new(ScriptError::new(kind, message)),
            execution: ExecutionId::new(self.now),
            retry: RetryPolicy {
                attempts: 1,
                ..RetryPolicy::default()
            },
        }
    }

    async fn handler(&self) -> Found {
        let found = self.find();
        let settled = matches!(found, Found::Handler(_));
        if settled {
            return found;
        }
        // A release may be active that this process does not serve yet: another one has deployed
        // it, or this one has this moment.
        if let Err(error) = self.parts.catalog.refresh(self.delivery.app).await {
            tracing::warn!(%error, "a deployment cannot be read; its events wait");
            return Found::Unread;
        }
        self.find()
    }

    fn find(&self) -> Found {
        let live = self.parts.catalog.live();
        let Some(app) = live.app(self.delivery.app) else {
            return Found::Nobody;
        };
        if let Some(trigger) = app.triggers.get(&self.delivery.trigger) {
            return Found::Handler(Handler {
                app: Arc::clone(app),
                script: Arc::clone(&trigger.script),
                function: trigger.spec.handler.clone(),
                retry: self.policy(trigger.spec.retry()),
            });
        }
        if self.delivery.kind == TriggerKind::Queue {
            return Found::NoConsumer;
        }
        let Some(name) = self.delivery.script.as_deref() else {
            return Found::Missing(format!("trigger `{}`", self.delivery.trigger));
        };
        let Some(script) = app.scripts.get(name) else {
            return Found::Missing(format!("script `{name}`"));
        };
        let function = self.delivery.handler.as_deref();
        Found::Handler(Handler {
            app: Arc::clone(app),
            script: Arc::clone(script),
            function: function.and_then(|name| name.parse().ok()),
            retry: self.policy(RetryPolicy::default()),
        })
    }

    /// How it is tried again: the message may say how often.
    fn policy(&self, retry: RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            attempts: self.delivery.max_attempts.unwrap_or(retry.attempts),
            ..retry
        }
    }

    fn order(&self) -> Order {
        if self.is_request() {
            Order::Later
        } else {
            Order::Event
        }
    }

    fn is_request(&self) -> bool {
        matches!(self.delivery.kind, TriggerKind::Http | TriggerKind::Webhook)
    }

    fn input(&self) -> Option<Input> {
        if self.is_request() {
            return StoredRequest::decode(&self.delivery.payload).map(Input::Http);
        }
        Some(Input::Event(EventInput {
            id: self.delivery.event,
            time: self.delivery.created_at,
            fields: self.delivery.payload.clone(),
        }))
    }

    async fn handle(&mut self, handler: Handler, permit: Permit) -> End {
        let Some(input) = self.input() else {
            let message = "the stored request is damaged".to_owned();
            return self.hopeless(ScriptErrorKind::Internal, message);
        };
        let started_at = self.parts.clock.now();
        let waited = started_at.since(self.delivery.due_at);
        self.parts.metrics.waited(waited);
        let run = self.parts.runs.start(Plan {
            app: handler.app,
            script: handler.script,
            handler: handler.function,
            input,
            trigger: self.delivery.kind,
            cause: Some(self.delivery.cause),
            attempt: self.delivery.attempt + 1,
            request: None,
            grant: None,
            target: None,
            started_at,
            places: permit.into(),
        });
        let ended = run.end().await;
        self.ran = Some((ended.execution, ended.usage.wall));
        match ended.error {
            None => End::Done,
            Some(error) => End::Failed {
                error: Box::new(error),
                execution: ended.execution,
                retry: handler.retry,
            },
        }
    }
}
