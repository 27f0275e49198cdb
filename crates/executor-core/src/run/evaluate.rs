//! One run, inside its coroutine: everything that touches script values happens here.

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Position, Stmt};
use shared::invocation::{Input, ResponseBody, ScriptResponse, TriggerKind};
use shared::script_error::ScriptError;

use super::scopes::{Scopes, scope_with};
use crate::language::ended::{has_place, with_bare_exit};
use crate::language::program::{Program, frame_name};
use crate::language::report::script_error;
use crate::sandbox::context;
use crate::sandbox::meter::unmetered;
use crate::sandbox::panics::caught;
use crate::sandbox::signal::ScriptHead;
use crate::sandbox::wait;
use crate::sdk::answer::{Answer, answer_of, nothing, returned};
use crate::sdk::event::Event;
use crate::sdk::req::Req;
use crate::sdk::state;

/// How a run ended, in plain data.
pub(super) enum RunOutput {
    /// With an answer.
    Response(ScriptResponse),
    /// After it streamed its answer.
    Streamed,
    /// Not well.
    Failed(ScriptError),
}

/// Runs the script of the current invocation.
pub(super) fn run(engine: &Engine, scopes: &Scopes, program: &Program) -> RunOutput {
    // What was read of the request is the script's memory, and ends with it.
    let _parsed = state::Forget;
    let value = unless_panicked(|| evaluate(engine, scopes, program));
    let value = value.map_err(|error| placed(error, program, At::Start));
    let output = value.and_then(|value| {
        let delivered = unless_panicked(|| deliver(engine, value));
        delivered.map_err(|error| placed(error, program, At::End))
    });
    match output {
        Ok(output) => output,
        Err(error) => {
            let main = context::with(|c| frame_name(&c.invocation.script));
            // The report outlives the run.
            RunOutput::Failed(unmetered(|| script_error(&error, &main, program)))
        }
    }
}

/// The result of a part of the run, or its end where the platform panicked.
fn unless_panicked<R>(
    work: impl FnOnce() -> Result<R, Box<EvalAltResult>>,
) -> Result<R, Box<EvalAltResult>> {
    caught(work).unwrap_or_else(|stopped| Err(stopped.into()))
}

/// Where an error that has no place of its own happened in what was run.
#[derive(Clone, Copy)]
enum At {
    Start,
    End,
}

/// The error, with a place.
fn placed(mut error: Box<EvalAltResult>, program: &Program, at: At) -> Box<EvalAltResult> {
    if has_place(&error) {
        return error;
    }
    let handler = context::with(|c| c.invocation.handler.clone());
    let position = match (handler, at) {
        (Some(handler), at) => {
            let mut functions = program.ast.iter_fn_def();
            let function = functions.find(|function| function.name == handler.as_str());
            function.map(|function| match at {
                At::Start => function.body.start_position(),
                At::End => function.body.end_position(),
            })
        }
        (None, At::Start) => program.ast.statements().first().map(Stmt::position),
        (None, At::End) => program.ast.statements().last().map(Stmt::position),
    };
    error.set_position(position.unwrap_or(Position::NONE));
    error
}

fn evaluate(
    engine: &Engine,
    scopes: &Scopes,
    program: &Program,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let handler = context::with(|c| c.invocation.handler.clone());
    let (request, event) = context::with(|c| match c.invocation.input.as_ref() {
        Some(Input::Http(_)) => (Dynamic::from(Req), Dynamic::UNIT),
        Some(Input::Event(_)) => (Dynamic::UNIT, Dynamic::from(Event::default())),
        None => (Dynamic::UNIT, Dynamic::UNIT),
    });
    let argument = handler.is_some().then(|| {
        let given = if event.is_unit() { &request } else { &event };
        given.clone()
    });
    let keep = !request.is_unit() && program.leaves_constants;
    let mut scope = if keep {
        scopes.take()
    } else {
        scope_with(request, event, 0)
    };
    let result = match handler {
        None => engine.eval_ast_with_scope(&mut scope, &program.ast),
        Some(function) => engine.call_fn_with_options(
            CallFnOptions::new().eval_ast(true),
            &mut scope,
            &program.ast,
            function.as_str(),
            (argument.unwrap_or(Dynamic::UNIT),),
        ),
    };
    if keep {
        scopes.give_back(scope, context::with(|c| c.budget.operations()));
    }
    result.or_else(exited)
}

/// The value with which a script ended itself, also in a function that one of the platform's called.
fn exited(error: Box<EvalAltResult>) -> Result<Dynamic, Box<EvalAltResult>> {
    match *with_bare_exit(error) {
        EvalAltResult::Exit(value, _) => Ok(value),
        error => Err(error.into()),
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

fn deliver(engine: &Engine, value: Dynamic) -> Result<RunOutput, Box<EvalAltResult>> {
    let for_whom = context::with(
        |c| match (c.invocation.trigger, c.invocation.input.as_ref()) {
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
            wait::stream_begin(ScriptHead {
                status: head.status,
                headers: head.headers,
            })?;
            // What the writer returns has no use: its output is what it wrote.
            drop(writer.call(engine).or_else(exited)?);
            Ok(RunOutput::Streamed)
        }
    }
}
