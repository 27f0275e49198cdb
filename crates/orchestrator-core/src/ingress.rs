//! From a request to its answer: host, route, admission, script, record.

mod accept;
mod admin;
mod bare;
mod body_in;
pub(crate) mod client_io;
mod connection;
mod control;
mod cors;
mod listen;
mod network;
mod parts;
mod peer;
mod reply;
mod round;
mod run;
mod step;
pub(crate) mod streams;
mod unmet;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderName, Request, Response, header};
use hyper::body::{Body as _, Incoming};
use shared::clock::Timestamp;
use shared::error::{Error, Kind, code};
use shared::id::RequestId;
use shared::routing::{Match, Method, WELL_KNOWN};

pub use admin::{AdminPlace, AdminReach, ControlHandler, ControlPlane, PeerInfo};
use client_io::{Busy, Pace};
pub use connection::{Shutdown, serve};
pub use listen::bind;
pub use network::{Network, NetworkError};
pub(crate) use parts::Door;
pub use parts::{Ingress, IngressConfig};
use step::{Facts, Last, Step};

use crate::body::Body;
use crate::catalog::LiveApp;
use crate::health::Health;
use crate::hosts::HostMatch;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest path and query.
const URL_BYTES: usize = 8 << 10;

/// The answer to one request.
struct Answering {
    step: Step,
    id: RequestId,
    admin: Rc<AdminPlace>,
    /// The host, if it is not an app's own.
    host: Option<Arc<str>>,
    pace: Rc<Pace>,
    busy: Option<Busy>,
    /// The client wants the head only.
    head: bool,
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut response = match &mut this.step {
            Step::Answer(response) => std::mem::take(&mut **response),
            Step::Running(started) => ready!(started.poll(cx)),
            Step::Later(answer) => match ready!(answer.as_mut().poll(cx)) {
                Ok(response) => response,
                Err(error) => reply::problem(&error, this.id),
            },
        };
        reply::tell(&mut response, || this.admin.seen_from(this.host.as_deref()));
        reply::drop_forbidden_content(&mut response, this.head);
        let id = reply::id_value(&this.id);
        response.headers_mut().insert(X_REQUEST_ID.clone(), id);
        if reply::leaves_bytes_unread(response.status()) {
            this.pace.refused();
        }
        if !response.body().of_script {
            this.pace.own_answer(response.status());
        }
        if response.body().at_once {
            this.pace.write_at_once();
        }
        response.body_mut().busy = this.busy.take();
        if let Some(progress) = streams::current() {
            progress.answered();
            response.body_mut().progress = Some(progress);
        }
        Poll::Ready(Ok(response))
    }
}

impl Ingress {
    /// Answers one request.
    fn handle(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        pace: &Rc<Pace>,
        admin: &Rc<AdminPlace>,
    ) -> Answering {
        let busy = Some(pace.begin(!request.body().is_end_stream()));
        let started_at = self.clock.now();
        let id = RequestId::new(started_at);
        let mut host = None;
        let head = request.method() == http::Method::HEAD;
        let step = self.begin(request, peer, id, started_at, &mut host);
        Answering {
            step: step.unwrap_or_else(|error| reply::problem(&error, id).into()),
            id,
            admin: Rc::clone(admin),
            host,
            pace: Rc::clone(pace),
            busy,
            head,
        }
    }

    fn begin(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        id: RequestId,
        started_at: Timestamp,
        shared_host: &mut Option<Arc<str>>,
    ) -> Result<Step, Error> {
        if let Some(refused) = unmet::refused(request.headers(), id) {
            return Ok(refused.into());
        }
        let path = request.uri().path();
        if Health::answers(path) {
            let (health, method, path) = (
                Arc::clone(&self.health),
                request.method().clone(),
                path.to_owned(),
            );
            return Ok(Step::Later(Box::pin(async move {
                Ok(health.answer(&method, &path).await)
            })));
        }
        if request
            .uri()
            .path_and_query()
            .is_some_and(|p| p.as_str().len() > URL_BYTES)
        {
            return Ok(reply::url_too_long(URL_BYTES, id).into());
        }
        let authority = peer::authority_of(&request)?;
        let trusted = &self.config.trusted_proxies;
        let (ip, https) = peer::client_of(trusted, request.headers(), peer.ip());
        let live = self.catalog.live();
        let (host, found) = live.hosts.resolve(authority).ok_or_else(peer::bad_host)?;
        if self.is_admins(&host) {
            *shared_host = Some(host);
            return self.admin(request, ip, https, id);
        }
        let (app, own_host) = match found {
            HostMatch::Own(app) => (Some(Arc::clone(app)), true),
            HostMatch::Unclaimed(app) => (app.map(Arc::clone), false),
        };
        drop(live);
        let facts = Facts {
            id,
            started_at,
            ip,
            scheme: if https { "https" } else { "http" },
            host,
            own_host,
        };
        *shared_host = facts.shared_host();
        self.route(app, request, facts)
    }

    /// Whether a host leads to the control plane.
    fn is_admins(&self, host: &Arc<str>) -> bool {
        self.door == Door::Admin || self.config.admin.host.as_ref() == Some(host)
    }

    fn route(
        self: &Arc<Self>,
        app: Option<Arc<LiveApp>>,
        request: Request<Incoming>,
        facts: Facts,
    ) -> Result<Step, Error> {
        let path = request.uri().path();
        if path == WELL_KNOWN {
            let admin = self.config.admin.seen_from(facts.shared_host().as_deref());
            return Ok(control::well_known(request.method(), &admin).into());
        }
        let Some(app) = app else {
            return self.nothing_here(None, &request, &facts);
        };
        let Some(method) = Method::of_http(request.method()) else {
            let methods = app.routes.methods(path);
            let refusal = reply::not_allowed(&methods, request.method(), facts.id);
            return Ok(refusal.into());
        };
        let (route, params) = match app.routes.find(method, path) {
            Match::Found { route, params } => (Arc::clone(route), params),
            Match::MethodNotAllowed(allow) if method == Method::Options => {
                let routes = &app.routes;
                let answer = cors::preflight(routes, path, &allow, request.headers());
                return Ok(answer.into());
            }
            Match::MethodNotAllowed(allow) => {
                let mut refusal = reply::not_allowed(&allow, request.method(), facts.id);
                let origin = request.headers().get(header::ORIGIN);
                cors::tell(&app.routes, path, &allow, origin, refusal.headers_mut());
                return Ok(refusal.into());
            }
            Match::NotFound => return self.nothing_here(Some(&app), &request, &facts),
        };
        let last = Last::new(&route, request.headers());
        let run = run::Run {
            app,
            route,
            params,
            facts,
            last,
        };
        Ok(self.run(run, request))
    }

    /// The answer where no app has the path: who looks for the control plane is told where it is.
    fn nothing_here(
        &self,
        app: Option<&LiveApp>,
        request: &Request<Incoming>,
        facts: &Facts,
    ) -> Result<Step, Error> {
        let admin = || self.config.admin.seen_from(facts.shared_host().as_deref());
        let path = request.uri().path();
        if control::looks_for_admin(request.method(), path) {
            return Ok(control::to_admin(&admin()).into());
        }
        let (code, mut detail) = if let Some(app) = app {
            let slug = &app.context.slug;
            let detail = format!("`{slug}` has no route for this path; `pic routes ls` lists them");
            (code::NO_ROUTE, detail)
        } else {
            let host = &facts.host;
            let detail = format!("no app answers on `{host}`; deploy one with `pic deploy`");
            (code::NO_APP, detail)
        };
        if path.starts_with("/api/v1") {
            detail = format!("{detail}. The admin API is at {}/api/v1", admin());
        }
        Err(Error::new(Kind::NotFound, code, detail))
    }
}
