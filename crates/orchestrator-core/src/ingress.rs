//! From a request to its answer: host, route, admission, script, record.

mod accept;
mod body_in;
pub(crate) mod client_io;
mod connection;
mod control;
mod cors;
mod listen;
mod network;
mod peer;
mod reply;
mod round;
mod run;
pub(crate) mod streams;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use shared::clock::{SharedClock, Timestamp};
use shared::error::{Error, Kind, code};
use shared::id::RequestId;
use shared::memory::Memory;
use shared::origin::Origin;
use shared::release::Cors;
use shared::routing::{Match, Method, WELL_KNOWN};
use shared::seam::LocalFuture;

use store::Store;

use client_io::{Busy, Pace};
pub use connection::{Shutdown, serve};
pub use control::{AdminPlace, AdminReach, ControlHandler, ControlPlane, PeerInfo};
pub use listen::bind;
pub use network::{Network, NetworkError};

use crate::admission::{Gate, Rate};
use crate::body::Body;
use crate::catalog::{LiveApp, LiveCatalog, LiveRoute};
use crate::health::Health;
use crate::hosts::HostMatch;
use crate::metrics::Metrics;
use crate::runs::Runs;
use crate::tokens::TokenCheck;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest path and query.
const URL_BYTES: usize = 8 << 10;

/// Bounds of the ingress.
#[derive(Clone, Debug)]
pub struct IngressConfig {
    /// Requests under way on this node.
    pub concurrency: u32,
    /// Connections per worker.
    pub connections: u32,
    /// How long a client may take for a request's head, how long a body may stay below the
    /// slowest accepted rate, and how long an answer may wait for its reader.
    pub client_patience: Duration,
    /// How long a connection may be idle between two requests at least; it is closed before it was
    /// idle for twice that time. Longer than common proxies keep theirs, so that it is not us who
    /// closes under a request.
    pub idle: Duration,
    /// How long requests under way may take when the server stops.
    pub drain: Duration,
    /// Requests per second of one app; absent: as many as there is room for.
    pub app_rate: Option<Rate>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// What is held for clients: bodies of requests until their script has ended, answers until
    /// they have gone out.
    pub memory: Arc<Memory>,
    /// Where the control plane answers.
    pub admin: AdminPlace,
}

impl Default for IngressConfig {
    fn default() -> Self {
        Self {
            concurrency: 50_000,
            connections: 20_000,
            client_patience: Duration::from_secs(10),
            idle: Duration::from_secs(150),
            drain: Duration::from_secs(25),
            app_rate: None,
            memory: Memory::new(1 << 30),
            trusted_proxies: vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
                IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
            ],
            admin: AdminPlace {
                origin: Origin::new(false, "localhost".into(), Some(8081)),
                named: false,
                reach: AdminReach::Named,
                host: None,
            },
        }
    }
}

/// Whose requests come by a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The apps'.
    Apps,
    /// The control plane's.
    Admin,
}

/// Everything a listener needs to answer requests.
pub struct Ingress {
    pub(crate) door: Door,
    pub(crate) config: IngressConfig,
    pub(crate) catalog: Arc<LiveCatalog>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) tokens: TokenCheck,
    pub(crate) control: Option<ControlPlane>,
    pub(crate) clock: SharedClock,
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Store,
}

impl std::fmt::Debug for Ingress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ingress")
    }
}

/// One request's facts, gathered once.
struct Facts {
    id: RequestId,
    started_at: Timestamp,
    ip: IpAddr,
    scheme: &'static str,
    host: Arc<str>,
    /// The host is an app's own.
    own_host: bool,
}

/// What is done to an answer of a route at last, whatever the answer is.
struct Last {
    cors: Option<(Arc<Cors>, Option<HeaderValue>)>,
    head: bool,
}

impl Last {
    fn new(route: &LiveRoute, headers: &HeaderMap, head: bool) -> Self {
        let cors = route.cors.as_ref();
        let origin = || headers.get(header::ORIGIN).cloned();
        Self {
            cors: cors.map(|cors| (Arc::clone(cors), origin())),
            head,
        }
    }

    fn apply(&self, response: &mut Response<Body>) {
        if let Some((cors, origin)) = &self.cors {
            cors::apply(cors, origin.as_ref(), response.headers_mut());
        }
        if self.head {
            reply::drop_body(response);
        }
    }

    fn applied(&self, mut response: Response<Body>) -> Response<Body> {
        self.apply(&mut response);
        response
    }
}

/// How a request is answered. What has to wait is boxed, so that a connection needs little memory
/// and little is moved for a request.
enum Step {
    /// It is.
    Answer(Box<Response<Body>>),
    /// When its script has run.
    Running(Box<run::Started>),
    /// When this is ready.
    Later(LocalFuture<Result<Response<Body>, Error>>),
}

impl From<Response<Body>> for Step {
    fn from(response: Response<Body>) -> Self {
        Self::Answer(Box::new(response))
    }
}

/// The answer to one request.
struct Answering {
    step: Step,
    id: RequestId,
    admin: Rc<AdminPlace>,
    /// The host, if it is not an app's own.
    host: Option<Arc<str>>,
    pace: Rc<Pace>,
    busy: Option<Busy>,
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
        let busy = Some(pace.begin());
        let started_at = self.clock.now();
        let id = RequestId::new(started_at);
        let mut host = None;
        let step = self.begin(request, peer, id, started_at, &mut host);
        Answering {
            step: step.unwrap_or_else(|error| reply::problem(&error, id).into()),
            id,
            admin: Rc::clone(admin),
            host,
            pace: Rc::clone(pace),
            busy,
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
        let (route, params, head) = match app.routes.find(method, path) {
            Match::Found {
                route,
                params,
                head,
            } => (Arc::clone(route), params, head),
            Match::MethodNotAllowed(allow) if method == Method::Options => {
                let routes = &app.routes;
                let answer = cors::preflight(routes, path, &allow, request.headers());
                return Ok(answer.into());
            }
            Match::MethodNotAllowed(allow) => {
                let refusal = reply::not_allowed(&allow, request.method(), facts.id);
                return Ok(refusal.into());
            }
            Match::NotFound => return self.nothing_here(Some(&app), &request, &facts),
        };
        let last = Last::new(&route, request.headers(), head);
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
