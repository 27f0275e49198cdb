//! `ctx`: what a run knows about itself.

use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, export_module};
use shared::invocation::Input;

use crate::sandbox::context;

/// The value of `ctx`; everything is read from the run itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ctx;

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// What this run knows about itself; for functions, which do not see the constant `ctx`.
    pub fn ctx() -> Ctx {
        Ctx
    }

    /// The app's name.
    #[rhai_fn(get = "app", pure)]
    pub fn app(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.app.slug.as_str().into())
    }

    /// The script's name.
    #[rhai_fn(get = "script", pure)]
    pub fn script(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.script.name.as_str().into())
    }

    /// The script's version number.
    #[rhai_fn(get = "version", pure)]
    pub fn version(_ctx: &mut Ctx) -> i64 {
        context::with(|c| c.invocation.script.version)
    }

    /// The id of this run.
    #[rhai_fn(get = "execution_id", pure)]
    pub fn execution_id(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.execution.to_string().into())
    }

    /// The id of the request this run answers.
    #[rhai_fn(get = "request_id", pure)]
    pub fn request_id(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.request.to_string().into())
    }

    /// Why the script runs: `http`, `webhook`, `manual`, `invoke`, `kv`, `queue`, `pubsub`, `cron`,
    /// `dead_letter` or `deploy`.
    #[rhai_fn(get = "trigger", pure)]
    pub fn trigger(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.trigger.as_str().into())
    }

    /// Which try this is, from 1.
    #[rhai_fn(get = "attempt", pure)]
    pub fn attempt(_ctx: &mut Ctx) -> i64 {
        context::with(|c| c.invocation.attempt.into())
    }

    /// How many events led to this run: 0 for a request.
    #[rhai_fn(get = "depth", pure)]
    pub fn depth(_ctx: &mut Ctx) -> i64 {
        context::with(|c| c.invocation.cause.depth.into())
    }

    /// The id of the event this run handles; `()` when there is none.
    #[rhai_fn(get = "event_id", pure)]
    pub fn event_id(_ctx: &mut Ctx) -> Dynamic {
        let id = context::with(|c| match c.invocation.input.as_ref() {
            Some(Input::Event(event)) => Some(event.id),
            _ => c.invocation.cause.event,
        });
        id.map_or(Dynamic::UNIT, |id| Dynamic::from(id.to_string()))
    }

    /// The id that everything has in common that follows from one request, schedule or call.
    #[rhai_fn(get = "root", pure)]
    pub fn root(_ctx: &mut Ctx) -> ImmutableString {
        context::with(|c| c.invocation.cause.root.to_string().into())
    }

    /// The app's environment variables.
    #[rhai_fn(get = "env", pure)]
    pub fn env(_ctx: &mut Ctx) -> Map {
        context::with(|c| {
            let pairs = c.invocation.app.env.iter();
            pairs
                .map(|(name, value)| (name.as_str().into(), Dynamic::from(value.to_string())))
                .collect()
        })
    }
}
