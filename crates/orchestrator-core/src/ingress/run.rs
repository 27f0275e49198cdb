//! A request that has a route: admission, token, body, script, record.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use shared::clock::Timestamp;
use shared::error::{Error, Kind};
use shared::invocation::{HttpInput, Input, TriggerKind};
use shared::memory::Order;
use shared::release::RouteAuth;
use shared::routing::Params;

use super::parts::Ingress;
use super::step::{Facts, Last, Started, Step};
use super::{body_in, reply};
use crate::body::Body;
use crate::catalog::{LiveApp, LiveMode, LiveRoute};
use crate::runs::{Places, Plan};

/// What is to run, and for which request.
pub(super) struct Run {
    pub(super) app: Arc<LiveApp>,
    pub(super) route: Arc<LiveRoute>,
    pub(super) params: Params,
    pub(super) facts: Facts,
    pub(super) last: Last,
}

impl Ingress {
    /// Admits a run and starts it. Most have no token to check and no body to wait for.
    pub(super) fn run(self: &Arc<Self>, run: Run, request: Request<Incoming>) -> Step {
        let id = run.facts.id;
        let mut places = match self.admit(&run.app, &run.route, run.facts.started_at) {
            Ok(places) => places,
            Err(error) => return run.last.applied(reply::problem(&error, id)).into(),
        };
        let (parts, incoming) = request.into_parts();
        let token = run.route.auth == RouteAuth::Token;
        let accepted = !matches!(run.route.mode, LiveMode::Sync);
        if !token && !accepted && incoming.is_end_stream() {
            return Step::Running(self.start(run, parts, Bytes::new(), places));
        }
        let ingress = Arc::clone(self);
        Step::Later(Box::pin(async move {
            let ready = async {
                if token {
                    let header = parts.headers.get(header::AUTHORIZATION);
                    ingress.tokens.check(run.app.context.id, header).await?;
                }
                let config = &ingress.config;
                let hold = || {
                    let order = if accepted {
                        Order::Later
                    } else {
                        Order::Request
                    };
                    config.memory.hold(Some(run.app.context.id), order)
                };
                body_in::collect(incoming, hold, config.client_patience).await
            };
            let ready = ready.await.map(|(body, held)| {
                places.hold(held);
                body
            });
            match ready {
                Ok(body) if accepted => ingress.take(run, parts, body, places).await,
                Ok(body) => {
                    let mut started = ingress.start(run, parts, body, places);
                    Ok(poll_fn(|cx| started.poll(cx)).await)
                }
                Err(error) => Ok(run.last.applied(reply::problem(&error, id))),
            }
        }))
    }

    /// Answers once the request is stored.
    async fn take(
        self: &Arc<Self>,
        run: Run,
        parts: Parts,
        body: Bytes,
        places: Places,
    ) -> Result<Response<Body>, Error> {
        let id = run.facts.id;
        let http = http_input(parts, run.params, body, run.facts);
        let mut response = match self.accept(&run.app, &run.route, http).await {
            Ok(response) => response,
            Err(error) => reply::problem(&error, id),
        };
        response.body_mut().places = places;
        Ok(run.last.applied(response))
    }

    fn start(&self, run: Run, parts: Parts, body: Bytes, places: Places) -> Box<Started> {
        let Run {
            app,
            route,
            params,
            facts,
            last,
        } = run;
        let target = (parts.method.clone(), parts.uri.clone());
        let (request, started_at) = (facts.id, facts.started_at);
        let run = self.runs.start_here(Plan {
            app,
            script: Arc::clone(&route.script),
            handler: route.handler.clone(),
            input: Input::Http(http_input(parts, params, body, facts)),
            trigger: TriggerKind::Http,
            cause: None,
            attempt: 1,
            request: Some(request),
            grant: None,
            target: Some(target),
            started_at,
            places,
        });
        Box::new(Started { run, last })
    }

    fn admit(&self, app: &LiveApp, route: &LiveRoute, now: Timestamp) -> Result<Places, Error> {
        let refuse = |code, kind, detail: String| {
            self.metrics.refused.inc();
            Error::new(kind, code, detail)
        };
        let node = self.gate.enter().ok_or_else(|| {
            let detail = "the server is at its limit; try again".to_owned();
            refuse("overloaded", Kind::Unavailable, detail)
        })?;
        if self.over_share(app) {
            let detail = format!(
                "the server is busy and app `{}` has its share of it under way; try again",
                app.context.slug
            );
            return Err(refuse("app_busy", Kind::TooManyRequests, detail));
        }
        let app_permit = app.state.gate.enter().ok_or_else(|| {
            let detail = format!("app `{}` has too many requests under way", app.context.slug);
            refuse("app_busy", Kind::TooManyRequests, detail)
        })?;
        let script = route.script.gate.enter().ok_or_else(|| {
            let name = &route.script.image.name;
            let detail = format!("script `{name}` is at its limit of concurrent runs");
            refuse("script_busy", Kind::TooManyRequests, detail)
        })?;
        if let Some(rate) = self.config.app_rate
            && !app.state.bucket.take(rate, now)
        {
            let (slug, most) = (&app.context.slug, rate.per_second);
            let detail = format!("app `{slug}` gets more than {most} requests per second");
            return Err(refuse("app_rate", Kind::TooManyRequests, detail));
        }
        Ok([Some(node), Some(app_permit), Some(script)].into())
    }

    /// When the node is nearly full, an app may not hold more than an equal part of it: one app's
    /// flood leaves room for the others.
    fn over_share(&self, app: &LiveApp) -> bool {
        if !self.gate.pressed() {
            return false;
        }
        let busy = self.catalog.live().busy_apps().max(1);
        app.state.gate.under_way() >= (self.gate.bound() / busy).max(1)
    }
}

fn http_input(mut parts: Parts, params: Params, body: Bytes, facts: Facts) -> HttpInput {
    // HTTP/2 has the host in the target, and so do requests to proxies: scripts find it where
    // HTTP/1.1 has it.
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    HttpInput {
        method: parts.method,
        uri: parts.uri,
        scheme: facts.scheme,
        host: facts.host,
        headers: parts.headers.into(),
        params,
        ip: facts.ip,
        body,
    }
}
