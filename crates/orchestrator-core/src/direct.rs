//! Runs that somebody asks for through the control plane: drafts, and direct calls of what is served.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use shared::clock::SharedClock;
use shared::error::{Error, Kind, code};
use shared::invocation::{
    Farewell, Input, Outcome, Pieces, ResponseBody, ScriptResponse, StreamItem, TriggerKind,
};
use shared::seam::{BoxFuture, DirectOutcome, DirectRun, Runner};

use crate::admission::Gate;
use crate::catalog::{LiveApp, LiveCatalog, LiveScript};
use crate::runs::{Plan, Run, Runs, Streaming};

/// Direct runs under way.
const AT_ONCE: u32 = 64;

/// Starts direct runs.
#[derive(Clone)]
pub(crate) struct DirectRuns {
    catalog: Arc<LiveCatalog>,
    runs: Arc<Runs>,
    clock: SharedClock,
    gate: Arc<Gate>,
}

impl std::fmt::Debug for DirectRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectRuns")
    }
}

impl DirectRuns {
    pub(crate) fn new(catalog: Arc<LiveCatalog>, runs: Arc<Runs>, clock: SharedClock) -> Self {
        Self {
            catalog,
            runs,
            clock,
            gate: Gate::new(AT_ONCE),
        }
    }

    /// The run to start, once what is deployed now is served here.
    async fn plan(&self, run: DirectRun) -> Result<Plan, Error> {
        self.catalog.refresh(run.app).await?;
        let app = self.catalog.live().app(run.app).cloned();
        let gone = || Error::new(Kind::NotFound, code::NOT_FOUND, "the app was deleted");
        let app = app.ok_or_else(gone)?;
        let script = self.script(&app, &run)?;
        let busy = |code, detail: String| Error::new(Kind::TooManyRequests, code, detail);
        let place = self.gate.enter().ok_or_else(|| {
            let detail = "too many runs through the API are under way; try again".to_owned();
            busy(code::BUSY, detail)
        })?;
        let own_place = script.gate.enter().ok_or_else(|| {
            let name = &script.image.name;
            let detail = format!("script `{name}` is at its limit of concurrent runs");
            busy(code::SCRIPT_BUSY, detail)
        })?;
        Ok(Plan {
            app,
            script,
            handler: run.handler,
            target: Some((run.http.method.clone(), run.http.uri.clone())),
            input: Input::Http(run.http),
            trigger: TriggerKind::Manual,
            cause: None,
            attempt: 1,
            request: Some(run.request),
            grant: None,
            started_at: self.clock.now(),
            places: [Some(place), Some(own_place), None].into(),
        })
    }

    fn script(&self, app: &LiveApp, run: &DirectRun) -> Result<Arc<LiveScript>, Error> {
        let name = &run.script;
        if let Some(draft) = &run.draft {
            let draft = self.catalog.draft(app, name.clone(), Arc::clone(draft));
            return Ok(Arc::new(draft));
        }
        app.scripts.get(name).cloned().ok_or_else(|| {
            let detail = format!("the app serves no script `{name}`; send a draft as `source`");
            Error::new(Kind::NotFound, code::NOT_FOUND, detail)
        })
    }
}

impl Runner for DirectRuns {
    fn run(&self, run: DirectRun) -> BoxFuture<Result<DirectOutcome, Error>> {
        let this = self.clone();
        Box::pin(async move {
            let plan = this.plan(run).await?;
            let mut run = this.runs.start(plan);
            let outcome = run.outcome().await;
            Ok(DirectOutcome {
                execution: run.execution(),
                outcome: shown(run, outcome),
            })
        })
    }
}

/// The outcome, for whoever asked for the run. Its end is recorded now, or when it has streamed its
/// answer.
fn shown(mut run: Run, outcome: Outcome) -> Outcome {
    run.answered(Error::status_of(&outcome).as_u16());
    match outcome.response {
        Some(ScriptResponse {
            status,
            headers,
            body: ResponseBody::Stream(pieces),
        }) => {
            let body = ResponseBody::Stream(Box::pin(Shown(run.streams(pieces))));
            let response = ScriptResponse {
                status,
                headers,
                body,
            };
            Outcome {
                response: Some(response),
                completion: outcome.completion,
            }
        }
        response => {
            run.ended(outcome.completion.clone());
            Outcome {
                response,
                completion: outcome.completion,
            }
        }
    }
}

/// A streamed answer of a direct run.
struct Shown(Streaming);

impl Stream for Shown {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        let item = ready!(self.0.poll(cx));
        if let Some(StreamItem::End(completion)) = &item {
            self.0.ended((**completion).clone());
        }
        Poll::Ready(item)
    }
}

impl Pieces for Shown {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        // The record tells the rest.
        drop(self);
        told(Outcome::cancelled().completion);
    }
}
