//! `invoke::call`: one script of an app runs another and waits for what it returns.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::value::RawValue;
use shared::clock::SharedClock;
use shared::event::limits::DEPTH;
use shared::event::{Cause, EventInput};
use shared::id::{EventId, ExecutionId, RequestId};
use shared::invocation::{Input, Invocation, Outcome, ResponseBody, TriggerKind};
use shared::name::ScriptName;
use shared::record::ExecutionRecord;
use shared::seam::{Caller, ExecutionLog as _, Executor, Host, HostAnswer};
use shared::service::invoke::{InvokeCall, InvokeReply};
use shared::service::{HostCall, HostError, HostErrorKind, HostReply, ServiceKind};

use crate::catalog::LiveCatalog;
use crate::recorder::Recorder;

/// What running a script needs.
struct Parts {
    catalog: Arc<LiveCatalog>,
    executor: Arc<dyn Executor>,
    recorder: Arc<Recorder>,
    clock: SharedClock,
}

/// The services scripts call, and the scripts they call. The executor is made with it, and it runs
/// scripts on the executor: that part is given later.
pub struct ScriptHost {
    services: Arc<dyn Host>,
    parts: OnceLock<Parts>,
}

impl std::fmt::Debug for ScriptHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptHost")
    }
}

impl ScriptHost {
    /// These services; scripts cannot call scripts before [`Self::connect`].
    pub fn new(services: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self {
            services,
            parts: OnceLock::new(),
        })
    }

    /// Lets scripts call the scripts of this orchestrator.
    pub fn connect(&self, orchestrator: &crate::Orchestrator) {
        let parts = Parts {
            catalog: orchestrator.catalog(),
            executor: Arc::clone(&orchestrator.executor.0),
            recorder: orchestrator.recorder(),
            clock: Arc::clone(&orchestrator.clock),
        };
        // Connected twice it stays with the first.
        drop(self.parts.set(parts));
    }
}

impl Host for ScriptHost {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        match (call, self.parts.get()) {
            (HostCall::Invoke(InvokeCall::Call { script, args }), Some(parts)) => {
                parts.run(caller, &script, &args)
            }
            (call, _) => self.services.call(caller, call),
        }
    }
}

impl Parts {
    fn run(&self, caller: Caller, name: &ScriptName, args: &Bytes) -> HostAnswer {
        let refuse = |kind, text| HostAnswer::Ready(Err(failed(kind, text)));
        let now = self.clock.now();
        let event = EventId::new(now);
        let cause = caller.cause.follows(caller.execution, event);
        if cause.depth > DEPTH {
            let text = format!("{DEPTH} scripts have called each other here, which is the limit");
            return refuse(HostErrorKind::Limit, text);
        }
        let live = self.catalog.live();
        let found = live
            .app(caller.app)
            .and_then(|app| Some((app, app.scripts.get(name.as_str())?)));
        let Some((app, script)) = found else {
            let text = format!("the app has no script `{name}`; `pic scripts ls` lists them");
            return refuse(HostErrorKind::NotFound, text);
        };
        let Some(permit) = script.gate.enter() else {
            let text = format!("script `{name}` is at its limit of concurrent runs");
            return refuse(HostErrorKind::Busy, text);
        };
        let Some(fields) = fields(args) else {
            return refuse(
                HostErrorKind::Invalid,
                "the argument is not JSON".to_owned(),
            );
        };
        let execution = ExecutionId::new(now);
        let invocation = Box::new(Invocation {
            execution,
            request: RequestId::from_bytes(*execution.as_bytes()),
            app: Arc::clone(&app.context),
            script: Arc::clone(&script.image),
            handler: None,
            limits: script.limits,
            trigger: TriggerKind::Invoke,
            cause,
            attempt: 1,
            input: Some(Input::Event(EventInput {
                id: event,
                time: now,
                fields,
            })),
        });
        let record = Record {
            recorder: Arc::clone(&self.recorder),
            cause,
            release: app.release,
            app: Arc::clone(&app.context),
            script: Arc::clone(&script.image),
            execution,
            now,
        };
        let outcome = self.executor.submit(invocation);
        HostAnswer::Pending(Box::pin(async move {
            let outcome = outcome.await;
            drop(permit);
            record.finish(outcome)
        }))
    }
}

fn failed(kind: HostErrorKind, text: String) -> HostError {
    HostError::new(ServiceKind::Invoke, kind, text)
}

/// The argument as the fields of an event.
fn fields(args: &[u8]) -> Option<Bytes> {
    let args: &RawValue = serde_json::from_slice(args).ok()?;
    Some(format!("{{\"args\":{args}}}").into_bytes().into())
}

/// What is known about a call when it has ended.
struct Record {
    recorder: Arc<Recorder>,
    cause: Cause,
    release: i64,
    app: Arc<shared::invocation::AppContext>,
    script: Arc<shared::invocation::ScriptImage>,
    execution: ExecutionId,
    now: shared::clock::Timestamp,
}

impl Record {
    fn finish(self, outcome: Outcome) -> Result<HostReply, HostError> {
        let name = &self.script.name;
        let body = match (outcome.response, &outcome.completion.error) {
            (_, Some(error)) => Err(failed(
                HostErrorKind::Conflict,
                format!("script `{name}` failed: {}", error.message),
            )),
            (Some(response), None) if response.status == http::StatusCode::NO_CONTENT => {
                Err(failed(
                    HostErrorKind::Invalid,
                    format!(
                        "script `{name}` answers with a response; one that is called returns a \
                         plain value: return what the response would hold"
                    ),
                ))
            }
            (Some(response), None) => match response.body {
                ResponseBody::Full(body) => Ok(body),
                ResponseBody::Stream(_) => Err(failed(
                    HostErrorKind::Invalid,
                    format!("script `{name}` streams its answer, so it cannot be called"),
                )),
            },
            (None, None) => Err(HostError::internal(ServiceKind::Invoke)),
        };
        self.recorder.record(ExecutionRecord {
            id: self.execution,
            request: RequestId::from_bytes(*self.execution.as_bytes()),
            app: self.app,
            script: Arc::clone(&self.script),
            release: self.release,
            trigger: TriggerKind::Invoke,
            target: None,
            status: 0,
            started_at: self.now,
            completion: outcome.completion,
            cause: self.cause,
            attempt: 1,
        });
        body.map(|body| HostReply::Invoke(InvokeReply::Returned(body)))
    }
}
