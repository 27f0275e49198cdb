//! One run, inside its coroutine: everything that touches script values happens here.

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Scope};
use shared::invocation::{ResponseBody, ScriptResponse};
use shared::script_error::ScriptError;

use crate::compile::{Program, frame_name};
use crate::context::{self, ScriptHead};
use crate::meter::unmetered;
use crate::report::script_error;
use crate::response::{Answer, answer_of};
use crate::sdk::ctx::Ctx;
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
    let (handler, http) =
        context::with(|c| (c.invocation.handler.clone(), c.invocation.http.is_some()));
    let request = if http {
        Dynamic::from(Req::default())
    } else {
        Dynamic::UNIT
    };
    let mut scope = Scope::new();
    let argument = handler.is_some().then(|| request.clone());
    scope.push_constant_dynamic("req", request);
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

fn deliver(
    engine: &Engine,
    program: &Program,
    value: Dynamic,
) -> Result<RunOutput, Box<EvalAltResult>> {
    match answer_of(&value)? {
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
