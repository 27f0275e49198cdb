//! `invoke::call`: one script of an app runs another and waits for what it returns.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::value::RawValue;
use shared::clock::SharedClock;
use shared::event::EventInput;
use shared::event::limits::{DEPTH, MESSAGE_BYTES, message_too_long};
use shared::id::EventId;
use shared::invocation::{
    Input, Invocation, LogLine, Outcome, ResponseBody, ScriptResponse, TriggerKind,
};
use shared::name::ScriptName;
use shared::script_error::{ScriptError, ScriptErrorKind};
use shared::seam::{Caller, Host, HostAnswer};
use shared::service::invoke::{EndsCaller, InvokeCall, InvokeReply, ScriptCall};
use shared::service::{HostCall, HostError, HostErrorKind, HostReply, ServiceKind};

use crate::catalog::LiveCatalog;
use crate::recorder::Recorder;
use crate::runs::{Plan, Runs};

/// What running a script needs.
pub(crate) struct Parts {
    pub(crate) catalog: Arc<LiveCatalog>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) clock: SharedClock,
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
    /// These services; scripts cannot call scripts before [`Orchestrator::connect`](crate::Orchestrator::connect).
    pub fn new(services: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self {
            services,
            parts: OnceLock::new(),
        })
    }

    /// Lets scripts call scripts.
    pub(crate) fn connect(&self, parts: Parts) {
        // Connected twice it stays with the first.
        drop(self.parts.set(parts));
    }
}

impl Host for ScriptHost {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        match (call, self.parts.get()) {
            (HostCall::Invoke(InvokeCall::Call(call)), Some(parts)) => parts.run(caller, *call),
            (call, _) => self.services.call(caller, call),
        }
    }

    fn logged(&self, invocation: &Invocation, before: usize, lines: &[LogLine]) {
        if let Some(parts) = self.parts.get() {
            let (app, script) = (invocation.app.id, &invocation.script.name);
            parts
                .recorder
                .show(app, invocation.execution, script, before, lines);
        }
    }
}

impl Parts {
    fn run(&self, caller: Caller, call: ScriptCall) -> HostAnswer {
        let ScriptCall {
            script: name,
            args,
            allowance,
        } = call;
        let refuse = |kind, text| HostAnswer::Ready(Err(failed(kind, text)));
        if args.len() > MESSAGE_BYTES {
            let text = message_too_long("the argument", args.len());
            return refuse(HostErrorKind::Limit, text);
        }
        let Some(fields) = fields(&args) else {
            let text = "the argument is not JSON".to_owned();
            return refuse(HostErrorKind::Invalid, text);
        };
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
        let mut run = self.runs.start(Plan {
            app: Arc::clone(app),
            script: Arc::clone(script),
            handler: None,
            input: Input::Event(EventInput {
                id: event,
                time: now,
                fields,
            }),
            trigger: TriggerKind::Invoke,
            cause: Some(cause),
            attempt: 1,
            request: None,
            grant: Some(allowance.into()),
            target: None,
            started_at: now,
            places: permit.into(),
        });
        HostAnswer::Pending(Box::pin(async move {
            let mut outcome = run.outcome().await;
            let reply = reply(&name, &mut outcome);
            run.ended(outcome.completion);
            // What it used is in the reply.
            Ok(HostReply::Invoke(reply)).into()
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

/// What the caller gets of a run that has ended.
fn reply(name: &ScriptName, outcome: &mut Outcome) -> InvokeReply {
    let usage = outcome.completion.usage;
    let response = outcome.response.take();
    match value(name, response, outcome.completion.error.as_ref()) {
        Ok(value) => InvokeReply::Returned { value, usage },
        Err(error) => InvokeReply::Failed {
            error,
            usage,
            ends_caller: ends_caller(outcome.completion.error.as_ref()),
        },
    }
}

/// Why the caller of a run ends with it.
fn ends_caller(error: Option<&ScriptError>) -> Option<EndsCaller> {
    match error.map(|error| (error.kind, &error.limit_of))? {
        (ScriptErrorKind::Limit(limit), Some(_caller)) => Some(EndsCaller::Limit(limit)),
        // Its caller waits, so it is not because of that.
        (ScriptErrorKind::Cancelled, _) => Some(EndsCaller::Cancelled),
        _ => None,
    }
}

/// What the caller gets of a run that failed: how it ended, by the name of its outcome, and where.
fn failure(name: &ScriptName, error: &ScriptError) -> HostError {
    let kind = match error.kind {
        ScriptErrorKind::Compile => HostErrorKind::Compile,
        ScriptErrorKind::Runtime => HostErrorKind::Runtime,
        ScriptErrorKind::Thrown => HostErrorKind::Thrown,
        ScriptErrorKind::Limit(_) => HostErrorKind::Limit,
        ScriptErrorKind::Host => HostErrorKind::Host,
        ScriptErrorKind::Overloaded => HostErrorKind::Overloaded,
        ScriptErrorKind::Suspended => HostErrorKind::Suspended,
        // Its caller ends with it.
        ScriptErrorKind::Cancelled => HostErrorKind::Unavailable,
        ScriptErrorKind::Internal => HostErrorKind::Internal,
    };
    let frame = error.frames.iter().find(|frame| frame.line > 0);
    let place = frame.map_or_else(String::new, |frame| {
        let script = frame.script.split('@').next().unwrap_or_default();
        format!(" at {script}:{}:{}", frame.line, frame.column)
    });
    let text = format!("script `{name}` failed{place}: {}", error.message);
    failed(kind, text)
}

/// What a run returned.
fn value(
    name: &ScriptName,
    response: Option<ScriptResponse>,
    error: Option<&ScriptError>,
) -> Result<Bytes, HostError> {
    if let Some(error) = error {
        return Err(failure(name, error));
    }
    let response = response.ok_or_else(|| HostError::internal(ServiceKind::Invoke))?;
    if response.status == http::StatusCode::NO_CONTENT {
        let text = format!(
            "script `{name}` answers with a response; one that is called returns a plain value: \
             return what the response would hold"
        );
        return Err(failed(HostErrorKind::Invalid, text));
    }
    match response.body {
        ResponseBody::Full(body) => Ok(body),
        ResponseBody::Stream(_) => {
            let text = format!("script `{name}` streams its answer, so it cannot be called");
            Err(failed(HostErrorKind::Invalid, text))
        }
    }
}
