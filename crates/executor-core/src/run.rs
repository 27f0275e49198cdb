//! One run, inside its coroutine: everything that touches script values happens here.

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Scope};
use shared::invocation::{Input, ResponseBody, ScriptResponse, TriggerKind};
use shared::script_error::ScriptError;

use crate::compile::{Program, frame_name};
use crate::context::{self, ScriptHead};
use crate::meter::unmetered;
use crate::report::script_error;
use crate::response::{Answer, answer_of, nothing, returned};
use crate::sdk::ctx::Ctx;
use crate::sdk::event::Event;
use crate::sdk::req::Req;
use crate::sdk::response::StreamOut;

/// How a run ended, in plain data.
pub(crate) enum RunOutput {
    /// With an answer.
    Response(ScriptResponse),
    /// After it streamed its answer.
    Streamed,
    /// Not well.
    Failed(ScriptError),
}

/// Runs the script of the current invocation.
pub(crate) fn run(engine: &Engine, program: &Program) -> RunOutput {
    match evaluate(engine, program).and_then(|value| deliver(engine, program, value)) {
        Ok(output) => output,
        Err(error) => {
            let main = context::with(|c| frame_name(&c.invocation.script));
            // The report outlives the run.
            RunOutput::Failed(unmetered(|| script_error(&error, &main, program)))
        }
    }
}

fn evaluate(engine: &Engine, program: &Program) -> Result<Dynamic, Box<EvalAltResult>> {
    let handler = context::with(|c| c.invocation.handler.clone());
    let (request, event) = context::with(|c| match c.invocation.input.as_deref() {
        Some(Input::Http(_)) => (Dynamic::from(Req::default()), Dynamic::UNIT),
        Some(Input::Event(_)) => (Dynamic::UNIT, Dynamic::from(Event::default())),
        None => (Dynamic::UNIT, Dynamic::UNIT),
    });
    let given = if event.is_unit() { &request } else { &event };
    let argument = handler.is_some().then(|| given.clone());
    let mut scope = Scope::new();
    scope.push_constant_dynamic("req", request);
    scope.push_constant_dynamic("event", event);
    scope.push_constant_dynamic("ctx", Dynamic::from(Ctx));
    match handler {
        None => engine.eval_ast_with_scope(&mut scope, &program.ast),
        Some(function) => engine.call_fn_with_options(
            CallFnOptions::new().eval_ast(true),
            &mut scope,
            &program.ast,
            function.as_str(),
            (argument.unwrap_or(Dynamic::UNIT),),
        ),
    }
}

/// Who gets the value of a run.
enum Audience {
    /// Who sent the request.
    Client,
    /// The script that called.
    Script,
    /// An event has nobody to answer to.
    Nobody,
}

fn deliver(
    engine: &Engine,
    program: &Program,
    value: Dynamic,
) -> Result<RunOutput, Box<EvalAltResult>> {
    let for_whom = context::with(
        |c| match (c.invocation.trigger, c.invocation.input.as_deref()) {
            (TriggerKind::Invoke, _) => Audience::Script,
            (_, Some(Input::Event(_))) => Audience::Nobody,
            _ => Audience::Client,
        },
    );
    let answer = match for_whom {
        Audience::Client => answer_of(&value)?,
        Audience::Script => returned(&value)?,
        Audience::Nobody => nothing(),
    };
    match answer {
        Answer::Whole(head, body) => Ok(RunOutput::Response(ScriptResponse {
            status: head.status,
            headers: head.headers,
            body: ResponseBody::Full(body),
        })),
        Answer::Stream(head, writer) => {
            context::stream_begin(ScriptHead {
                status: head.status,
                headers: head.headers,
            })?;
            // What the writer returns has no use: its output is what it wrote.
            drop(writer.call::<Dynamic>(engine, &program.ast, (StreamOut::default(),))?);
            Ok(RunOutput::Streamed)
        }
    }
}
