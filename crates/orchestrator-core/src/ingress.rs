//! From a request to its answer: host, route, admission, script, record.

mod accept;
mod body_in;
mod client_io;
mod connection;
mod cors;
mod listen;
mod network;
mod reply;
mod round;
mod run;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::clock::{SharedClock, Timestamp};
use shared::error::{Error, Kind};
use shared::id::RequestId;
use shared::limits::fixed::ADMIN_BODY_BYTES;
use shared::release::Cors;
use shared::routing::{Match, Method};
use shared::seam::{BoxFuture, LocalFuture};

use store::Store;

pub(crate) use client_io::Busy;
use client_io::Pace;
pub use connection::{Shutdown, serve};
pub use listen::bind;
pub use network::{Network, NetworkError};

use crate::admission::{Gate, Rate};
use crate::body::{Body, BoxBody};
use crate::catalog::{LiveApp, LiveCatalog, LiveRoute};
use crate::health::Health;
use crate::hosts::HostMatch;
use crate::metrics::Metrics;
use crate::runs::Runs;
use crate::tokens::TokenCheck;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Longest path and query.
const URL_BYTES: usize = 8 << 10;

/// Who asks the control plane.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The client's address, as far as trusted proxies tell.
    pub ip: IpAddr,
    /// `https` when a trusted proxy says so.
    pub scheme: &'static str,
    /// Host without port, lower case.
    pub host: Arc<str>,
    /// The request's id, which the client gets as `X-Request-Id`.
    pub request: RequestId,
}

/// Answers one request to the control plane.
pub type ControlHandler =
    Arc<dyn Fn(Request<BoxBody>, PeerInfo) -> BoxFuture<Response<BoxBody>> + Send + Sync>;

/// Answers the platform's own paths (`/api/v1`, `/admin`, `/docs/errors`) on hosts that are not an
/// app's own.
#[derive(Clone)]
pub struct ControlPlane {
    /// What answers.
    pub handler: ControlHandler,
    /// Where it runs: never on a worker. A change that has begun is finished even when its client
    /// goes away.
    pub runtime: tokio::runtime::Handle,
}

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
            trusted_proxies: vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
                IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
            ],
        }
    }
}

/// Everything a worker needs to answer requests.
pub struct Ingress {
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
    ) -> Answering {
        let busy = Some(pace.begin());
        let started_at = self.clock.now();
        let id = RequestId::new(started_at);
        let step = self.begin(request, peer, id, started_at);
        Answering {
            step: step.unwrap_or_else(|error| reply::problem(&error, id).into()),
            id,
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
        let authority = authority_of(&request)?;
        let live = self.catalog.live();
        let (host, found) = live.hosts.resolve(authority).ok_or_else(bad_host)?;
        let (app, own) = match found {
            HostMatch::Own(app) => (Some(Arc::clone(app)), true),
            HostMatch::Unclaimed(app) => (app.map(Arc::clone), false),
        };
        drop(live);
        let (ip, scheme) = self.client_of(request.headers(), peer.ip());
        let facts = Facts {
            id,
            started_at,
            ip,
            scheme,
            host,
        };
        if is_platform_path(path) {
            return match &self.control {
                Some(control) if !own => Ok(self.control(control, request, facts)),
                _ => Err(platform_elsewhere()),
            };
        }
        let Some(app) = app else {
            return Err(Error::new(
                Kind::NotFound,
                "no_app",
                format!(
                    "no app answers on `{}`; deploy one with `pic deploy`",
                    facts.host
                ),
            ));
        };
        self.route(app, own, request, facts)
    }

    fn control(&self, control: &ControlPlane, request: Request<Incoming>, facts: Facts) -> Step {
        let patience = self.config.client_patience;
        let request = request.map(|body| {
            let body = body_in::Paced::new(body, ADMIN_BODY_BYTES, patience);
            BoxBody::new(body.map_err(Into::into))
        });
        let peer = PeerInfo {
            ip: facts.ip,
            scheme: facts.scheme,
            host: facts.host,
            request: facts.id,
        };
        let answer = control.runtime.spawn((control.handler)(request, peer));
        Step::Later(Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(response.map(Body::from)),
                Err(error) => {
                    tracing::error!(%error, request = %facts.id, "the control plane failed");
                    Err(Error::internal())
                }
            }
        }))
    }

    fn route(
        self: &Arc<Self>,
        app: Arc<LiveApp>,
        own: bool,
        request: Request<Incoming>,
        facts: Facts,
    ) -> Result<Step, Error> {
        let path = request.uri().path();
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
            Match::NotFound => {
                let detail = format!(
                    "`{}` has no route for this path; `pic routes ls` lists them",
                    app.context.slug
                );
                return Err(Error::new(Kind::NotFound, "no_route", detail));
            }
        };
        let last = Last::new(&route, request.headers(), head);
        let run = run::Run {
            app,
            route,
            params,
            facts,
            own,
            last,
        };
        Ok(self.run(run, request))
    }

    /// The client's address and scheme, as far as trusted proxies tell.
    fn client_of(&self, headers: &HeaderMap, peer: IpAddr) -> (IpAddr, &'static str) {
        let trusted = |ip: &IpAddr| self.config.trusted_proxies.iter().any(|n| n.contains(*ip));
        // Names are compared before they are hashed: most requests have neither header.
        let told = |name: &HeaderName| name.as_str().starts_with("x-forwarded-");
        if !trusted(&peer) || !headers.keys().any(told) {
            return (peer, "http");
        }
        let https = headers
            .get(&X_FORWARDED_PROTO)
            .is_some_and(|v| v.as_bytes() == b"https");
        let scheme = if https { "https" } else { "http" };
        let mut ip = peer;
        // From the right: the first address that is not a trusted proxy is the client.
        let values: Vec<&str> = headers
            .get_all(&X_FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for value in values.iter().rev() {
            let Ok(next) = value.trim().parse() else {
                break;
            };
            ip = next;
            if !trusted(&ip) {
                break;
            }
        }
        (ip, scheme)
    }
}

fn is_platform_path(path: &str) -> bool {
    let after = |prefix: &str| path.strip_prefix(prefix);
    let whole = |rest: &str| rest.is_empty() || rest.starts_with('/');
    after("/api/v1").is_some_and(whole)
        || after("/admin").is_some_and(whole)
        || path.starts_with("/docs/errors/")
}

fn platform_elsewhere() -> Error {
    let detail = "this path belongs to the platform, which answers on its own host only";
    Error::new(Kind::NotFound, "not_on_this_host", detail)
}

fn no_host(detail: &'static str) -> Error {
    Error::new(Kind::InvalidInput, "bad_host", detail)
}

fn bad_host() -> Error {
    no_host("the Host header is not a host name")
}

/// The host of a request as it was sent. Exactly one; HTTP/2 sends it as `:authority`.
fn authority_of<B>(request: &Request<B>) -> Result<&str, Error> {
    let mut values = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match (values.next(), values.next(), authority) {
        (_, Some(_), _) => Err(no_host("the request has more than one Host header")),
        (_, None, Some(authority)) => Ok(authority),
        (Some(value), None, None) => value.to_str().map_err(|_not_text| bad_host()),
        (None, None, None) => Err(no_host("the request has no Host header")),
    }
}
